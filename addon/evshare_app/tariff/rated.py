"""What goes into rating and what comes out of it: sessions in slices, and their price in lines and periods.

Amounts are exact: integers over one denominator, chosen per tariff so that every price, VAT rate and limit of it is
whole. They become decimals for reading and minor units once, half up.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from babel.numbers import get_currency_precision

from .objects import Dimension, EnergySource, PriceComponent

UNITS = {Dimension.ENERGY: 1000, Dimension.TIME: 3600, Dimension.PARKING_TIME: 3600, Dimension.FLAT: 1}
"""How many Wh or seconds one price is for."""


class RatedSlice(NamedTuple):
    """A slice as rating sees it. A tuple, because a month has millions of them.

    `parking_s`: connected and not asking for energy that was offered. `sources`: its Wh by where they came from,
    which sum to `energy_wh`; empty where that is not known, which counts as grid.
    """

    start: datetime
    end: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    sources: tuple[tuple[EnergySource, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RatedInput:
    """A session: when it started, and its slices in order."""

    started: datetime
    slices: Sequence[RatedSlice]


@dataclass(frozen=True, kw_only=True)
class PriceLine:
    """An amount of one dimension at one price."""

    component: PriceComponent
    volume: int
    """Wh, seconds, or 1 for a flat fee, with step_size applied."""
    added: int = 0
    """How much of the volume step_size added."""

    @property
    def net(self) -> Decimal:
        """Price without VAT."""
        if self.component.tax_included:
            return self.gross * 100 / (100 + (self.component.vat or 0))
        return self.component.price * self.volume / UNITS[self.component.type]

    @property
    def gross(self) -> Decimal:
        """Price with VAT."""
        return self.component.gross_price * self.volume / UNITS[self.component.type]

    @property
    def vat(self) -> Decimal:
        """VAT in it."""
        if self.component.tax_included:
            vat = self.component.vat or Decimal(0)
            return self.gross * vat / (100 + vat)
        return self.net * (self.component.vat or 0) / 100


@dataclass(frozen=True, kw_only=True)
class Period:
    """A stretch of a session under the same prices (OCPI ChargingPeriod), as measured."""

    start: datetime
    end: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    prices: tuple[PriceComponent, ...]
    elements: tuple[int, ...] = ()
    """The places of the tariff's elements that give the prices, in the prices' order."""
    source: EnergySource | None = None
    """Where its energy came from; None where the tariff does not ask."""


@dataclass(frozen=True, kw_only=True)
class Rating:
    """What a session, or a part of one, costs. The amounts are after `min_price` and `max_price`; the lines before."""

    lines: tuple[PriceLine, ...]
    periods: tuple[Period, ...]
    net_n: int
    """The amount without VAT, in units of 1/`scale`."""
    gross_n: int
    scale: int

    @property
    def net(self) -> Decimal:
        """The amount without VAT, to 28 digits."""
        return Decimal(self.net_n) / self.scale

    @property
    def gross(self) -> Decimal:
        """The amount with VAT, to 28 digits."""
        return Decimal(self.gross_n) / self.scale

    @property
    def exact(self) -> tuple[Fraction, Fraction]:
        """The amounts without and with VAT."""
        return Fraction(self.net_n, self.scale), Fraction(self.gross_n, self.scale)

    def minor(self, currency: str) -> tuple[int, int]:
        """Return the amounts without and with VAT in minor units, each rounded half up, from the exact value."""
        unit: int = 10 ** get_currency_precision(currency)
        return _half_up(self.net_n * unit, self.scale), _half_up(self.gross_n * unit, self.scale)


def difference(later: Rating, earlier: Rating) -> Rating:
    """Return what a session's part costs: all of it up to `later` less all of it up to `earlier`.

    The differences of a session's parts sum to the whole exactly. Volumes and amounts below zero are what earlier
    parts were charged too much, since slices that arrived late or prices that became known moved it.
    """
    scale = lcm(later.scale, earlier.scale)
    mine, theirs = scale // later.scale, scale // earlier.scale
    return Rating(
        lines=_lines_between(later.lines, earlier.lines),
        periods=_periods_between(later.periods, earlier.periods),
        net_n=later.net_n * mine - earlier.net_n * theirs,
        gross_n=later.gross_n * mine - earlier.gross_n * theirs,
        scale=scale,
    )


def _lines_between(later: Sequence[PriceLine], earlier: Sequence[PriceLine]) -> tuple[PriceLine, ...]:
    before = {line.component: line for line in earlier}
    made = []
    for line in later:
        other = before.pop(line.component, None)
        volume = line.volume - (other.volume if other else 0)
        added = line.added - (other.added if other else 0)
        made.append(PriceLine(component=line.component, volume=volume, added=added))
    made += [PriceLine(component=one.component, volume=-one.volume, added=-one.added) for one in before.values()]
    return tuple(line for line in made if line.volume)


def _periods_between(later: Sequence[Period], earlier: Sequence[Period]) -> tuple[Period, ...]:
    before = dict(_numbered(earlier))
    made = []
    for key, period in _numbered(later):
        other = before.pop(key, None)
        if other is None:
            made.append(period)
        elif other != period:
            # It went on: the part's own stretch begins where the earlier one ended.
            made.append(
                replace(
                    period,
                    start=min(other.end, period.end),
                    energy_wh=period.energy_wh - other.energy_wh,
                    charging_s=period.charging_s - other.charging_s,
                    parking_s=period.parking_s - other.parking_s,
                )
            )
    made += [
        replace(one, energy_wh=-one.energy_wh, charging_s=-one.charging_s, parking_s=-one.parking_s)
        for one in before.values()
    ]
    return tuple(sorted(made, key=lambda one: one.start))


def _numbered(periods: Sequence[Period]) -> Iterator[tuple[Hashable, Period]]:
    """Return each period with what it is known by; periods without length may share all but their place."""
    seen: Counter[Hashable] = Counter()
    for one in periods:
        key = (one.start, one.elements, one.prices, one.source)
        seen[key] += 1
        yield (key, seen[key]), one


def _half_up(numerator: int, denominator: int) -> int:
    """Round to a whole number, halves away from zero."""
    whole = (2 * abs(numerator) + denominator) // (2 * denominator)
    return whole if numerator >= 0 else -whole
