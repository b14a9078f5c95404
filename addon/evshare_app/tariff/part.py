"""What a part of a session costs, in minor units: what the session costs up to its end, less the parts before it.

Sums up to an instant are rounded to money, and parts are differences of such sums: however often a session is cut, its
parts together are exactly what the whole costs, net, VAT and gross. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from babel.numbers import get_currency_precision

from ..money import split_largest_remainder
from .ocpi import Dimension, Tariff
from .rating import UNITS, PriceLine, Rating, first_vat

MIN_PRICE, MAX_PRICE = "MIN_PRICE", "MAX_PRICE"
"""Kinds of the line for what a least price adds or a highest price takes off."""


@dataclass(frozen=True, kw_only=True)
class BilledLine:
    """An amount of one dimension at one price, or (without a price) what a limit of the tariff changes."""

    type: str
    net_minor: int
    price: Decimal | None = None
    volume: int = 1
    """Wh, seconds, or 1 for a flat fee."""
    vat: Decimal | None = None
    tax_included: bool = False
    """Whether the price is with VAT."""

    def plain(self) -> dict[str, Any]:
        """Return it as it stands in a CDR."""
        if self.price is None:
            return {"type": self.type, "vat": self.vat, "net_minor": self.net_minor}
        plain = vars(self) | {"tax_included": True}
        return plain if self.tax_included else {name: plain[name] for name in plain if name != "tax_included"}

    @property
    def exact(self) -> Fraction:
        """Net in major units, not rounded; 0 for a limit."""
        if self.price is None:
            return Fraction(0)
        amount = Fraction(self.price) * self.volume / UNITS[Dimension(self.type)]
        return amount * 100 / (100 + Fraction(self.vat or 0)) if self.tax_included else amount


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What something costs: lines that sum to the net, VAT per rate that sums to the rest."""

    net_minor: int
    gross_minor: int
    lines: tuple[BilledLine, ...]
    vat: tuple[tuple[Decimal, int], ...]
    """Percent and minor units."""


def amounts(rating: Rating, tariff: Tariff, currency: str) -> Amounts:
    """Round a rating to money, once."""
    net, gross = rating.minor(currency)
    priced = [_line(one) for one in rating.lines]
    unit = 10 ** get_currency_precision(currency)
    before_limits = floor(sum((one.exact for one in priced), Fraction(0)) * unit + Fraction(1, 2))
    lines = _with_net(priced, before_limits, currency)
    lines += _limits(net - before_limits, priced, first_vat(tariff))
    return Amounts(
        net_minor=net, gross_minor=gross, lines=tuple(lines), vat=tuple(_vat(tariff, rating, gross - net).items())
    )


def read_amounts(extension: Mapping[str, Any], net_minor: int, gross_minor: int) -> Amounts:
    """Return what a CDR billed, from its ``x_evshare``."""
    return Amounts(
        net_minor=net_minor,
        gross_minor=gross_minor,
        lines=tuple(
            BilledLine(
                type=one["type"],
                net_minor=one["net_minor"],
                price=_decimal(one.get("price")),
                volume=one.get("volume", 1),
                vat=_decimal(one.get("vat")),
                tax_included=one.get("tax_included", False),
            )
            for one in extension["lines"]
        ),
        vat=tuple((Decimal(one["percent"]), one["minor"]) for one in extension["vat"]),
    )


def less(until_now: Amounts, before: Sequence[Amounts], currency: str) -> Amounts:
    """Return what is left of `until_now` when the parts `before` are billed already."""
    if not before:
        return until_now
    volumes: dict[tuple[str, Decimal, Decimal | None, bool], int] = {}
    for sign, each in ((1, until_now), *((-1, one) for one in before)):
        for line in each.lines:
            if line.price is not None:
                key = (line.type, line.price, line.vat, line.tax_included)
                volumes[key] = volumes.get(key, 0) + sign * line.volume
    priced = [
        BilledLine(type=kind, net_minor=0, price=price, volume=volume, vat=vat, tax_included=taxed)
        for (kind, price, vat, taxed), volume in volumes.items()
        if volume
    ]
    net = until_now.net_minor - sum(one.net_minor for one in before)
    limits = _limited(until_now)
    for each in before:
        for rate, minor in _limited(each).items():
            limits[rate] = limits.get(rate, 0) - minor
    lines = _with_net(priced, net - sum(limits.values()), currency)
    lines += [_limit(minor, rate) for rate, minor in limits.items() if minor]
    vat = dict(until_now.vat)
    for each in before:
        for percent, minor in each.vat:
            vat[percent] = vat.get(percent, 0) - minor
    return Amounts(
        net_minor=net,
        gross_minor=until_now.gross_minor - sum(one.gross_minor for one in before),
        lines=tuple(lines),
        vat=tuple((percent, minor) for percent, minor in vat.items() if minor or percent in dict(until_now.vat)),
    )


def _line(line: PriceLine) -> BilledLine:
    one = line.component
    return BilledLine(
        type=one.type, net_minor=0, price=one.price, volume=line.volume, vat=one.vat, tax_included=one.tax_included
    )


def _limits(minor: int, priced: Sequence[BilledLine], first: Decimal | None) -> list[BilledLine]:
    """Return a line per VAT rate of what a limit changes: each rate has its share, so that its VAT is of its base.

    Where nothing cost anything before, the change has the tariff's first rate.
    """
    if not minor:
        return []
    weights: dict[Decimal | None, Fraction] = {}
    for line in priced:
        weights[line.vat] = weights.get(line.vat, Fraction(0)) + line.exact
    shares = split_largest_remainder(minor, weights) if any(weights.values()) else {first: minor}
    return [_limit(share, rate) for rate, share in shares.items() if share]


def _limited(of: Amounts) -> dict[Decimal | None, int]:
    """Return what limits changed, by VAT rate."""
    changed: dict[Decimal | None, int] = {}
    for line in of.lines:
        if line.price is None:
            changed[line.vat] = changed.get(line.vat, 0) + line.net_minor
    return changed


def _limit(minor: int, vat: Decimal | None) -> BilledLine:
    return BilledLine(type=MIN_PRICE if minor > 0 else MAX_PRICE, net_minor=minor, vat=vat)


def _with_net(lines: Sequence[BilledLine], total: int, currency: str) -> list[BilledLine]:
    """Return the lines with their shares of a net total, which is their sum, rounded once.

    Each has its own amount rounded down, and what is missing goes one by one to those that lost most: no line is
    a unit off. A part of a session may be a few units more, being the difference of sums that were rounded.
    """
    unit = 10 ** get_currency_precision(currency)
    exact = [line.exact * unit for line in lines]
    shares = [floor(one) for one in exact]
    order = sorted(range(len(lines)), key=lambda place: (shares[place] - exact[place], -abs(exact[place])))
    if lines:
        each, missing = divmod(total - sum(shares), len(lines))
        shares = [share + each for share in shares]
        for place in order[:missing]:
            shares[place] += 1
    return [replace(line, net_minor=shares[place]) for place, line in enumerate(lines)]


def _vat(tariff: Tariff, rating: Rating, vat: int) -> dict[Decimal, int]:
    rates: dict[Decimal, Decimal] = {}
    for line in rating.lines:
        if line.component.vat is not None:
            rates[line.component.vat] = rates.get(line.component.vat, Decimal(0)) + line.vat
    if vat and not any(rates.values()):
        rates = {first_vat(tariff) or Decimal(0): Decimal(1)}
    return split_largest_remainder(vat, rates) if vat else dict.fromkeys(rates, 0)


def _decimal(value: int | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)
