"""Cost items: what the building pays besides the energy of single sessions, and how much of it falls into a window.

An amount accrues by days, actual/actual: a monthly one by the days of each calendar month, a yearly one by those of
each calendar year (365 or 366), one that is due once over its own days, or on its first day when it has no last. What
falls into a window is the difference of two rounded accruals, so that windows in a row sum to the whole exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import floor

from ..model import AccountId, Month
from .days import Days, Window
from .keys import Basis, Key, Member, weights_by
from .remainder import share


class Every(StrEnum):
    """What period `amount_minor` is for."""

    ONCE = "once"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, kw_only=True)
class CostItem:
    """Something that costs money, and the key by which it is divided."""

    item_id: str
    name: str
    key: Key
    amount_minor: int
    """Net, per `every`; negative is a refund."""
    every: Every
    days: Days
    """When it is in force."""
    ended: date | None = None
    """From this day on nothing more of it falls due: it was ended before its time."""
    members: tuple[Member, ...] | None = None
    """Who takes part and when; None: everybody."""
    weights: Mapping[AccountId, int | Decimal] = field(default_factory=dict)
    """For `Key.CUSTOM`: each account's weight per day."""


@dataclass(frozen=True, kw_only=True)
class ItemSplit:
    """One item's amount in a window, divided. The shares sum to it, the residuals to zero."""

    item_id: str
    total_minor: int
    shares_minor: Mapping[AccountId, int]
    weights: Mapping[AccountId, Fraction]
    """Weight times days (kWh and time: what was used), as divided by: for the statement to show."""
    residual_n: Mapping[AccountId, int]


def split_item(
    item: CostItem, basis: Basis, window: Window, carried_n: Mapping[AccountId, int] | None = None
) -> ItemSplit:
    """Divide what an item costs in a window.

    An account's weight counts on each day on which the item is in force, the account takes part and the weight holds.
    Raises `NothingToShareBy` naming the item when no weight is above zero.
    """
    total_minor = amount_in(item, window)
    weights = weights_by(item.key, basis, _counted(item, window), item.members, item.weights)
    settled = share(total_minor, weights, carried_n, what=f"cost item {item.name!r} by {item.key}")
    return ItemSplit(
        item_id=item.item_id,
        total_minor=total_minor,
        shares_minor=settled.given,
        weights=weights,
        residual_n=settled.residual_n,
    )


def amount_in(item: CostItem, window: Window) -> int:
    """Return the minor units of an item that fall into a window."""
    return _rounded(_accrued(item, window.to_day)) - _rounded(_accrued(item, window.from_day))


def _counted(item: CostItem, window: Window) -> Window:
    """Return the days of the window whose weights count."""
    if item.every is Every.ONCE and item.days.to_day is None:
        return window
    days = item.days.within(window)
    if item.ended is not None:
        days = range(days.start, min(days.stop, item.ended.toordinal()))
    if not days:
        return Window(from_day=window.from_day, to_day=window.from_day)
    return Window(from_day=date.fromordinal(days.start), to_day=date.fromordinal(days.stop))


def _accrued(item: CostItem, until: date) -> Fraction:
    """Return what an item has cost in all before a day, exactly."""
    begin = item.days.from_day
    end = min(day for day in (until, item.days.to_day, item.ended) if day is not None)
    if end <= begin:
        return Fraction(0)
    if item.every is Every.ONCE:
        if item.days.to_day is None:
            return Fraction(item.amount_minor)
        return Fraction(item.amount_minor * (end - begin).days, (item.days.to_day - begin).days)
    periods = Fraction(0)
    period = _period(begin, item.every)
    while period.from_day < end:
        counted = (min(end, period.to_day) - max(begin, period.from_day)).days
        periods += Fraction(counted, (period.to_day - period.from_day).days)
        period = _period(period.to_day, item.every)
    return item.amount_minor * periods


def _period(day: date, every: Every) -> Window:
    return Window.of_year(day.year) if every is Every.YEAR else Window.of_month(Month(day.year, day.month))


def _rounded(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))
