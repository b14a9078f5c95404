"""Keys: by what a cost is divided, and each account's weight in a window.

Weights that hold (a seat at the table, stalls, ownership shares, capacity) count per day, so that moving in or out
and a changed share in mid-month come out by days; weights that flow (kWh, booked time) are what was used in those
days. A weight is exact: a fraction where a flat's share is divided among the accounts that hold it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from ..model import AccountId
from .days import Days, Window


class Key(StrEnum):
    """By what a cost is divided."""

    EQUAL = "equal"
    """Each EV account the same, however many residents charge on it."""
    STALL = "stall"
    OWNERSHIP = "ownership"
    KWH = "kwh"
    CAPACITY = "capacity"
    TIME = "time"
    CUSTOM = "custom"


@dataclass(frozen=True, kw_only=True)
class Member:
    """An account that takes part, and when."""

    account_id: AccountId
    days: Days


@dataclass(frozen=True, kw_only=True)
class Held:
    """A weight an account has on each of some days: a stall, an ownership share, amperes. Several add up."""

    account_id: AccountId
    weight: int | Decimal | Fraction
    days: Days


@dataclass(frozen=True, kw_only=True)
class Used:
    """What an account used on a local day: Wh, or seconds of booked time."""

    account_id: AccountId
    day: date
    amount: int


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What the keys are taken from. Only what the items in use need has to be filled."""

    accounts: Sequence[Member]
    """The EV accounts; validities of one account may overlap (two residents) and still count once."""
    stalls: Sequence[Held] = ()
    ownership: Sequence[Held] = ()
    capacity: Sequence[Held] = ()
    used_wh: Sequence[Used] = ()
    booked_s: Sequence[Used] = ()


@dataclass(frozen=True, kw_only=True)
class Holder:
    """An account of a unit (a flat), and when."""

    account_id: AccountId
    unit_id: str
    days: Days


@dataclass(frozen=True, kw_only=True)
class UnitShare:
    """A unit's ownership share (German MEA, French tantièmes, Swiss Wertquote), any integer, and when."""

    unit_id: str
    share: int
    days: Days


def weights_by(
    key: Key,
    basis: Basis,
    window: Window,
    members: Sequence[Member] | None = None,
    custom: Mapping[AccountId, int | Decimal] | None = None,
) -> dict[AccountId, Fraction]:
    """Return each account's weight in a window, zeros included. With `members`, only theirs, on their days."""
    there = _days_of(basis.accounts, window)
    taking_part = None if members is None else _days_of(members, window)
    match key:
        case Key.EQUAL:
            found = _per_day(there, dict.fromkeys(there, 1), taking_part)
        case Key.CUSTOM:
            found = _per_day(there, custom or {}, taking_part)
        case Key.STALL:
            found = _held(basis.stalls, window, taking_part)
        case Key.OWNERSHIP:
            found = _held(basis.ownership, window, taking_part)
        case Key.CAPACITY:
            found = _held(basis.capacity, window, taking_part)
        case Key.KWH:
            found = _used(basis.used_wh, window, taking_part)
        case Key.TIME:
            found = _used(basis.booked_s, window, taking_part)
    return dict.fromkeys(there if taking_part is None else taking_part, Fraction(0)) | found


def ownership(holders: Iterable[Holder], shares: Iterable[UnitShare], window: Window) -> list[Held]:
    """Return the ownership share of each account, by days, for `Basis.ownership`.

    A unit counts once a day: two residents on one account do not double its share, and two accounts of a unit (the
    household's and an employer's) have half of it each. The share of a unit without an account is borne by the others.
    """
    accounts_of: dict[tuple[str, int], set[AccountId]] = defaultdict(set)
    for holder in holders:
        for day in holder.days.within(window):
            accounts_of[holder.unit_id, day].add(holder.account_id)
    weights: dict[AccountId, dict[int, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for unit in shares:
        for day in unit.days.within(window):
            accounts = accounts_of.get((unit.unit_id, day), set())
            for account_id in accounts:
                weights[account_id][day] += Fraction(unit.share, len(accounts))
    return [held for account_id, by_day in weights.items() for held in _runs(account_id, by_day)]


type _DaysOf = Mapping[AccountId, set[int]]


def _days_of(members: Iterable[Member], window: Window) -> dict[AccountId, set[int]]:
    days: dict[AccountId, set[int]] = {}
    for member in members:
        days.setdefault(member.account_id, set()).update(member.days.within(window))
    return days


def _per_day(
    there: _DaysOf, weights: Mapping[AccountId, int | Decimal], taking_part: _DaysOf | None
) -> dict[AccountId, Fraction]:
    return {
        account_id: Fraction(weights.get(account_id, 0))
        * len(days if taking_part is None else days & taking_part[account_id])
        for account_id, days in there.items()
        if taking_part is None or account_id in taking_part
    }


def _held(held: Iterable[Held], window: Window, taking_part: _DaysOf | None) -> dict[AccountId, Fraction]:
    weights: dict[AccountId, Fraction] = defaultdict(Fraction)
    for one in held:
        days = one.days.within(window)
        if taking_part is None:
            weights[one.account_id] += Fraction(one.weight) * len(days)
        elif one.account_id in taking_part:
            weights[one.account_id] += Fraction(one.weight) * len(taking_part[one.account_id].intersection(days))
    return weights


def _used(used: Iterable[Used], window: Window, taking_part: _DaysOf | None) -> dict[AccountId, Fraction]:
    amounts: dict[AccountId, int] = defaultdict(int)
    for one in used:
        if not window.from_day <= one.day < window.to_day:
            continue
        if taking_part is None or one.day.toordinal() in taking_part.get(one.account_id, ()):
            amounts[one.account_id] += one.amount
    return {account_id: Fraction(amount) for account_id, amount in amounts.items()}


def _runs(account_id: AccountId, by_day: Mapping[int, Fraction]) -> Iterator[Held]:
    """Join days in a row with one weight."""
    days = sorted(by_day)
    first = 0
    for place in range(1, len(days) + 1):
        going_on = place < len(days) and days[place] == days[place - 1] + 1
        if going_on and by_day[days[place]] == by_day[days[first]]:
            continue
        span = Days(from_day=date.fromordinal(days[first]), to_day=date.fromordinal(days[place - 1] + 1))
        yield Held(account_id=account_id, weight=by_day[days[first]], days=span)
        first = place
