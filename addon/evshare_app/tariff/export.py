"""Tariffs as other systems may read them: plain OCPI, with what OCPI cannot say in words."""

from dataclasses import replace

from .compiling import Compiled, plain_tariffs
from .objects import Tariff
from .text import formula_texts


def exported(tariff: Tariff, ready: Compiled) -> tuple[Tariff, ...]:
    """Return the plain OCPI tariffs that a session was rated with: a CDR's `tariffs`.

    `tariff` is the one with the extensions, `ready` what it was compiled to. More than one where the price depends
    on the energy's source: then a charging period belongs to `plain_tariffs(...)[period.source]`.
    """
    texts = formula_texts(tariff)
    return tuple(
        replace(one, tariff_alt_text=(*one.tariff_alt_text, *texts)) if texts else one
        for one in plain_tariffs(ready.tariff).values()
    )
