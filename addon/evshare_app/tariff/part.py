"""What a part of a session costs, in minor units: what the session costs up to its end, less the parts before it.

Sums up to an instant are rounded to money, and parts are differences of such sums: however often a session is cut, its
parts together are exactly what the whole costs, net, VAT and gross. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ..money import Money, split_largest_remainder
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
    def exact(self) -> Decimal:
        """Net in major units, not rounded; 0 for a limit."""
        if self.price is None:
            return Decimal(0)
        amount = self.price * self.volume / UNITS[Dimension(self.type)]
        return amount * 100 / (100 + (self.vat or 0)) if self.tax_included else amount


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
    before_limits = Money.from_decimal(sum((one.exact for one in priced), Decimal(0)), currency).minor
    lines = _with_net(priced, before_limits)
    if net != before_limits:
        lines.append(_limit(net - before_limits, first_vat(tariff)))
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


def less(until_now: Amounts, before: Sequence[Amounts]) -> Amounts:
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
    limit = _limits(until_now) - sum(_limits(one) for one in before)
    lines = _with_net(priced, net - limit)
    if limit:
        lines.append(_limit(limit, next((one.vat for one in until_now.lines), None)))
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


def _limits(of: Amounts) -> int:
    return sum(line.net_minor for line in of.lines if line.price is None)


def _limit(minor: int, vat: Decimal | None) -> BilledLine:
    return BilledLine(type=MIN_PRICE if minor > 0 else MAX_PRICE, net_minor=minor, vat=vat)


def _with_net(lines: Sequence[BilledLine], total: int) -> list[BilledLine]:
    """Return the lines with their shares of a net total."""
    weights = {place: line.exact for place, line in enumerate(lines)}
    if total and all(weight >= 0 for weight in weights.values()) and any(weights.values()):
        shares = split_largest_remainder(total, weights)
    else:
        # Nothing to share, or a step's surplus has moved to another price: round each, the rest to the largest.
        scale = Decimal(total) / whole if (whole := sum(weights.values(), Decimal(0))) else Decimal(0)
        shares = {place: round(weight * scale) for place, weight in weights.items()}
        if shares:
            shares[max(weights, key=lambda place: abs(weights[place]))] += total - sum(shares.values())
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
