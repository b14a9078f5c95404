"""Which elements of a tariff hold: each restriction made ready as a few bounds with bit masks between them.

Bit n of a mask stands for the tariff's n-th element; an element holds where it has its bit in every mask. All bounds
are integers or instants, so that nothing has to be compared twice, and nothing is rounded.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil
from zoneinfo import ZoneInfo

from .objects import DAYS, EnergySource, Restrictions

EVER = datetime.max.replace(tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)
NO_BOUND = 1 << 62
PHASE_V = 230
"""A phase's voltage in the building, of which nothing measures how much it varies."""
_MOST_DAYS = 1000
"""So many days are kept ready; more sessions than those of three years are seldom rated in one go."""


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Masks by a growing quantity: `masks[n]` holds from `bounds[n - 1]` (inclusive) until `bounds[n]`."""

    bounds: tuple[int, ...]
    masks: tuple[int, ...]

    def at(self, value: int) -> int:
        """Return the mask at a value."""
        return self.masks[bisect_right(self.bounds, value)]

    def next_bound(self, value: int) -> int:
        """Return the first bound above a value, or `NO_BOUND`."""
        place = bisect_right(self.bounds, value)
        return self.bounds[place] if place < len(self.bounds) else NO_BOUND


def bands(limits: Sequence[tuple[int | None, int | None]]) -> Bands:
    """Make bands of each element's limits: from (inclusive), until (exclusive)."""
    bounds = sorted({one for limit in limits for one in limit if one is not None and one > 0})
    masks = tuple(
        sum(
            1 << place
            for place, (least, below) in enumerate(limits)
            if (least is None or value >= least) and (below is None or value < below)
        )
        for value in (0, *bounds)
    )
    return Bands(bounds=tuple(bounds), masks=masks)


def energy_bands(restrictions: Sequence[Restrictions]) -> Bands:
    """By Wh used before."""
    return bands([(_scaled(one.min_kwh, 1000), _scaled(one.max_kwh, 1000)) for one in restrictions])


def power_bands(restrictions: Sequence[Restrictions]) -> Bands:
    """By power in 0.1 W, the resolution of OCPI's numbers.

    Registers tell energy, not currents: a current, summed over the phases, is taken for its power.
    """
    return bands(
        [
            (
                _higher(_scaled(one.min_power, 10_000), _scaled(one.min_current, 10 * PHASE_V)),
                _lower(_scaled(one.max_power, 10_000), _scaled(one.max_current, 10 * PHASE_V)),
            )
            for one in restrictions
        ]
    )


def duration_bands(restrictions: Sequence[Restrictions]) -> Bands:
    """By whole seconds since the session started."""
    return bands([(one.min_duration, one.max_duration) for one in restrictions])


def source_masks(restrictions: Sequence[Restrictions]) -> dict[EnergySource, int]:
    """Return the mask of each source; empty where no element asks for one."""
    if not any(one.energy_source for one in restrictions):
        return {}
    return {
        source: sum(1 << place for place, one in enumerate(restrictions) if one.energy_source in (None, source))
        for source in EnergySource
    }


def power_of(energy_wh: int, charging_s: int, length: timedelta) -> int:
    """Return a slice's power in 0.1 W, downwards.

    Registers, not instantaneous powers, are what is kept: the mean while charging stands for the slice.
    """
    seconds = charging_s or length // timedelta(seconds=1)
    return energy_wh * 36_000 // seconds if seconds else 0


def _higher(*values: int | None) -> int | None:
    return max((one for one in values if one is not None), default=None)


def _lower(*values: int | None) -> int | None:
    return min((one for one in values if one is not None), default=None)


def _scaled(value: Decimal | None, by: int) -> int | None:
    return None if value is None else ceil(value * by)


class LocalTimes:
    """Masks by times of day, dates and weekdays in a zone. Days are worked out once and kept."""

    def __init__(self, restrictions: Sequence[Restrictions], zone: ZoneInfo) -> None:
        self._zone = zone
        self._all = sum(1 << place for place, one in enumerate(restrictions) if one.reservation is None)
        self._timed = [
            (1 << place, one)
            for place, one in enumerate(restrictions)
            if one.reservation is None
            and (one.start_time or one.end_time or one.start_date or one.end_date or one.day_of_week)
        ]
        self._untimed = self._all & ~sum(bit for bit, _ in self._timed)
        self._days: dict[date, tuple[list[datetime], list[int]]] = {}

    def span(self, at: datetime) -> tuple[datetime, datetime, int]:
        """Return the mask at an instant, and from when until when it is known to hold."""
        if not self._timed:
            return NEVER, EVER, self._all
        at = at.astimezone(UTC)
        day = at.date()
        # Several threads may rate at once: what was read stays, whoever clears the days meanwhile.
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= _MOST_DAYS:
                self._days.clear()
            found = self._days[day] = self._work_out(day)
        starts, masks = found
        place = bisect_right(starts, at) - 1
        until = starts[place + 1] if place + 1 < len(starts) else _midnight(day) + timedelta(days=1)
        return starts[place], until, masks[place]

    def _work_out(self, day: date) -> tuple[list[datetime], list[int]]:
        """Return the masks of a UTC day and since when each holds."""
        start = _midnight(day)
        end = start + timedelta(days=1)
        change = clock_change(start, end, self._zone)
        cuts = {start} if change is None else {start, change}
        tables: dict[date, tuple[list[time], list[int]]] = {}
        local_day, last_day = start.astimezone(self._zone).date(), end.astimezone(self._zone).date()
        while local_day <= last_day:
            tables[local_day] = self._table(local_day)
            for of_day in tables[local_day][0]:
                # An hour that comes twice, when summer time ends, is cut in both.
                for fold in (0,) if change is None else (0, 1):
                    local = datetime.combine(local_day, of_day.replace(fold=fold), tzinfo=self._zone)
                    cuts.add(local.astimezone(UTC))
            local_day += timedelta(days=1)
        starts: list[datetime] = []
        masks: list[int] = []
        for cut in sorted(one for one in cuts if start <= one < end):
            local = cut.astimezone(self._zone)
            times, of_times = tables[local.date()]
            mask = of_times[bisect_right(times, local.time()) - 1]
            if not masks or masks[-1] != mask:
                starts.append(cut)
                masks.append(mask)
        return starts, masks

    def _table(self, day: date) -> tuple[list[time], list[int]]:
        """Return the masks of a local day by its clock, and since when each holds."""
        timed = [
            (bit, one.start_time or time(0), one.end_time or time(0))
            for bit, one in self._timed
            if (one.start_date is None or day >= one.start_date)
            and (one.end_date is None or day < one.end_date)
            and (not one.day_of_week or DAYS[day.weekday()] in one.day_of_week)
        ]
        times = sorted({time(0), *(at for _, start, end in timed for at in (start, end))})
        places = {at: place for place, at in enumerate(times)}
        masks = [self._untimed] * len(times)
        for bit, start, end in timed:
            first, last = places[start], places[end]
            # 00:00 as an end is the end of the day; an end that is not after the start is one of the next day.
            held = range(first, last) if start < end else range(first, len(times))
            for place in (*held, *(range(last) if time(0) < end <= start else ())):
                masks[place] |= bit
        return times, masks


def clock_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the instant after `start` and not after `end` from which a zone's clocks differ; None: they do not."""
    before = start.astimezone(zone).utcoffset()
    if before == end.astimezone(zone).utcoffset():
        return None
    low, high = 0, (end - start) // timedelta(seconds=1)
    while high - low > 1:
        middle = (low + high) // 2
        if (start + timedelta(seconds=middle)).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return start + timedelta(seconds=high)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
