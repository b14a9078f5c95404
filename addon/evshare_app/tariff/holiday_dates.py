"""Public holidays of a country, from the `holidays` package; the compile step takes them as plain dates."""

from collections.abc import Iterable
from datetime import date

import holidays

from ..i18n import mark
from .objects import Holidays, TariffError


def holiday_dates(wanted: Holidays, years: Iterable[int]) -> frozenset[date]:
    """Return the public holidays of some years. Raises `TariffError` for a country or subdivision nobody knows."""
    try:
        return frozenset(
            holidays.country_holidays(wanted.country, subdiv=wanted.subdivision, years=list(years), expand=False)
        )
    except NotImplementedError:
        place = wanted.country if wanted.subdivision is None else f"{wanted.country}-{wanted.subdivision}"
        message = mark("%(path)s: got %(got)s, accepted is %(accepted)s")
        accepted = mark("a country and subdivision of ISO 3166")
        raise TariffError(message, accepted=accepted, path="x_evshare.holidays", got=place) from None
