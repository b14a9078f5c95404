"""What holds now for someone who is about to start: the prices, when they change, and what some energy would cost.

Pure. A hypothetical session is rated like a real one, so what is expected and what is billed cannot disagree about
the tariff; only the power is a guess.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ..money import Money
from .ocpi import Dimension, PriceComponent, Tariff
from .rating import RatedInput, RatedSlice, prices_at, rate
from .store import TariffVersion

PHASE_V = 230
_LOOK_AHEAD_DAYS = 8
"""A week and the day it begins on: times of day and weekdays repeat in it."""
_LONGEST = timedelta(days=2)
"""An expectation that takes longer is none."""
_SLICE_S = 900


@dataclass(frozen=True, kw_only=True)
class PriceNow:
    """The prices of a session that starts now."""

    components: tuple[PriceComponent, ...]
    changes_at: datetime | None
    """When a session that starts later has other prices; None: not within a week, as far as is known."""
    then: tuple[PriceComponent, ...]
    """The prices from then on; empty where nothing changes, or it is free then."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """About what an amount of energy costs, with VAT, and how long it takes."""

    energy_wh: int
    takes: timedelta
    cost: Money


def price_now(
    versions: Sequence[TariffVersion], at: datetime, zone: ZoneInfo, power_kw: Decimal = Decimal(7)
) -> PriceNow:
    """Return the prices at an instant. `versions` are those in force from then on, in order; the first one is now's."""
    now = _ordered(prices_at(versions[0].tariff, at, zone, power_kw))
    for instant in sorted({one for one in _changes(versions, at, zone) if one > at}):
        in_force = max((one for one in versions if one.valid_from <= instant), key=lambda one: one.valid_from)
        then = _ordered(prices_at(in_force.tariff, instant, zone, power_kw))
        if then != now:
            return PriceNow(components=now, changes_at=instant, then=then)
    return PriceNow(components=now, changes_at=None, then=())


def expected_power_w(*, max_current_a: int, phases: int, free_a: int | None, typical_w: int | None) -> int:
    """Return the power to reckon with, in W: what the stall can offer, what is free of the house, what the car took.

    `free_a` is what the house has left for this stall per phase, None where that is not known; at least the 6 A of
    the smallest offer count, since less means waiting and then 6 A. `typical_w` is what the person's car usually took.
    """
    offered_a = max_current_a if free_a is None else min(max_current_a, max(free_a, 6))
    offered_w = offered_a * phases * PHASE_V
    return min(offered_w, typical_w) if typical_w else offered_w


def expected(
    tariff: Tariff, amounts_wh: Iterable[int], power_w: int, at: datetime, zone: ZoneInfo
) -> tuple[Expected, ...]:
    """Return what charging each amount from now on at `power_w` would come to; amounts that take days are left out."""
    if power_w <= 0:
        return ()
    answers = []
    for energy_wh in amounts_wh:
        takes = timedelta(seconds=-(-energy_wh * 3600 // power_w))
        if takes > _LONGEST:
            continue
        rating = rate(tariff, RatedInput(started=at, slices=list(_slices(at, energy_wh, power_w))), zone)
        cost = Money.from_decimal(rating.gross, tariff.currency)
        answers.append(Expected(energy_wh=energy_wh, takes=takes, cost=cost))
    return tuple(answers)


def _slices(at: datetime, energy_wh: int, power_w: int) -> Iterator[RatedSlice]:
    """Cut a steady session at each quarter hour, as the integration would."""
    start, used_wh = at, 0
    while used_wh < energy_wh:
        end = start + timedelta(seconds=_SLICE_S - int(start.timestamp()) % _SLICE_S)
        by_then_wh = min(energy_wh, int(power_w * (end - at).total_seconds()) // 3600)
        if by_then_wh == energy_wh:
            end = at + timedelta(seconds=-(-energy_wh * 3600 // power_w))
        seconds = int((end - start).total_seconds())
        yield RatedSlice(start=start, end=end, energy_wh=by_then_wh - used_wh, charging_s=seconds, parking_s=0)
        start, used_wh = end, by_then_wh


def _changes(versions: Sequence[TariffVersion], at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Return the instants at which other prices may hold."""
    today = at.astimezone(zone).date()
    for version in versions:
        yield version.valid_from
        times = {time(0)}
        for element in version.tariff.elements:
            only = element.restrictions
            times |= {one for one in (only.start_time, only.end_time) if one is not None}
            for day in (only.start_date, only.end_date):
                if day is not None:
                    yield _instant(day, time(0), zone)
        for ahead in range(_LOOK_AHEAD_DAYS):
            for of_day in times:
                yield _instant(today + timedelta(days=ahead), of_day, zone)


def _instant(day: date, of_day: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, of_day, tzinfo=zone).astimezone(UTC)


def _ordered(active: dict[Dimension, PriceComponent]) -> tuple[PriceComponent, ...]:
    # A price of nothing is no part of what is paid.
    return tuple(active[one] for one in Dimension if one in active and active[one].price)
