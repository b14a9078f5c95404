"""What truly happened: cars that drew energy, counters that counted it, a roof and a house beside them.

Energy is in whole milliwatt-hours inside and shown by registers in whole watt-hours, so nothing is lost to rounding but
what a register cannot show yet. Time is in UTC seconds. Everything follows from the plot and a seed.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from math import cos, pi
from random import Random

from .plot import RESIDENTS, STALLS, STANDBY_W, Plot, Resident, instant

QUARTER_S = 900
_LOSS_AT_W = 1_100_000
"""Wiring loses power squared over this: 1 % of 11 kW."""
_ROOF_W = 24_000
_TRICKLE_W = 2
"""What a full car draws."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a visit within a quarter hour in which the car did one thing."""

    start_s: int
    end_s: int
    energy_mwh: int
    charging: bool


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A car at a stall. `resident` None: a car that no session let in."""

    stall: int
    start_s: int
    end_s: int
    pieces: Sequence[Piece]
    session_id: str = ""
    resident: int | None = None
    pass_id: str | None = None
    """The craftsman's."""
    silent_from_s: int | None = None
    """From then on the stall was cut off: what it counted was told later."""


@dataclass
class Meter:
    """A counter and what its register shows."""

    shown_first_wh: int
    at_s: list[int] = field(default_factory=lambda: [0])
    total_mwh: list[int] = field(default_factory=lambda: [0])

    def count(self, at_s: int, energy_mwh: int) -> None:
        """Count energy that has flowed until an instant, after all before it."""
        assert at_s >= self.at_s[-1]
        self.at_s.append(at_s)
        self.total_mwh.append(self.total_mwh[-1] + energy_mwh)

    def shows(self, at_s: int) -> int:
        """Return the register at an instant, Wh."""
        return self.shown_first_wh + self.total_mwh[bisect_right(self.at_s, at_s) - 1] // 1000


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """A quarter hour of the building's own meters, as their registers moved."""

    start_s: int
    import_wh: int
    export_wh: int
    pv_wh: int


@dataclass(frozen=True, kw_only=True)
class World:
    """All of it."""

    plot: Plot
    visits: Sequence[Visit]
    """By start."""
    meters: dict[int, list[tuple[int, Meter]]]
    """Of each stall: since when, and which."""
    feeder_wh: dict[date, int]
    """What the garage's feeder shows on the first instant of a month, and where bills end."""
    losses_mwh: dict[date, int]
    """In the wiring, by the month's first day."""
    quarters: Sequence[Quarter]

    def register(self, stall: int, at_s: int) -> int:
        """Return what a stall's meter shows."""
        return [meter for since, meter in self.meters[stall] if since <= at_s][-1].shows(at_s)

    def wh(self, visit: Visit, pieces: Sequence[Piece] | None = None) -> int:
        """Return what the stall's register counted in a visit, or in some pieces of it that follow each other."""
        these = visit.pieces if pieces is None else pieces
        return self.register(visit.stall, these[-1].end_s) - self.register(visit.stall, these[0].start_s)


def live(plot: Plot, seed: int) -> World:
    """Let it happen."""
    random = Random(seed)
    visits = sorted(_visits(plot, random), key=lambda one: (one.start_s, one.stall))
    meters = _meters(plot, visits)
    drawn: dict[int, int] = defaultdict(int)
    lost: dict[int, int] = defaultdict(int)
    for visit in visits:
        for piece in visit.pieces:
            quarter_s = piece.start_s - piece.start_s % QUARTER_S
            power_w = piece.energy_mwh * 36 // (10 * (piece.end_s - piece.start_s))
            drawn[quarter_s] += piece.energy_mwh
            lost[quarter_s] += piece.energy_mwh * power_w // _LOSS_AT_W
    days = sorted({*plot.month_starts, *plot.bills})
    feeder, losses = _feeder(plot, days, drawn, lost)
    return World(
        plot=plot,
        visits=visits,
        meters=meters,
        feeder_wh=feeder,
        losses_mwh=losses,
        quarters=list(_quarters(plot, random, drawn, lost)),
    )


# --- visits ------------------------------------------------------------------------------------------------------


def _visits(plot: Plot, random: Random) -> Iterator[Visit]:
    fixed = list(_fixed(plot, random))
    busy: dict[int, list[tuple[int, int]]] = {stall: [] for stall in range(1, STALLS + 1)}
    for one in fixed:
        busy[one.stall].append((one.start_s, one.end_s))
    swapped, swap_day = plot.meter_swap
    busy[swapped].append((instant(swap_day, 8), instant(swap_day, 12)))
    busy[6].append((instant(plot.late, 15), instant(plot.late + timedelta(days=10))))
    yield from fixed
    gone = dict(plot.move_outs)
    day = plot.first
    while day < plot.last:
        here = [one for one in RESIDENTS if gone.get(one.number, plot.last) > day]
        comers = [one for one in here if random.randrange(1000 * plot.seldom) < one.eagerness]
        yield from _day(day, random, busy, comers, instant(plot.last))
        day += timedelta(days=1)


def _day(
    day: date, random: Random, busy: dict[int, list[tuple[int, int]]], comers: Sequence[Resident], until_s: int
) -> Iterator[Visit]:
    weekend = day.weekday() >= 5
    for resident in comers:
        start_s = instant(day, random.randrange(10, 14) if weekend else random.randrange(16, 21)) + random.randrange(
            3600
        )
        stays_s = random.randrange(9000, 21_600) if random.randrange(4) else random.randrange(32_400, 43_200)
        end_s = min(start_s + stays_s, until_s - 60)
        free = [one for one in busy if not any(start_s < end + 600 and begin < end_s + 600 for begin, end in busy[one])]
        if not free or end_s - start_s < 600:
            continue  # they charge elsewhere
        stall = random.choice(free)
        busy[stall].append((start_s, end_s))
        wanted_wh = random.randrange(3_000, 26_000)
        yield _visit(random, stall, start_s, end_s, resident.car_w, wanted_wh, resident=resident.number)
    if day.day == 13:
        # Somebody's car drew through a contactor that had not opened.
        start_s = instant(day, 3) + random.randrange(3600)
        stalls = [one for one in busy if not any(start_s < end and begin < start_s + 3600 for begin, end in busy[one])]
        if stalls:
            busy[stalls[-1]].append((start_s, start_s + 1500))
            yield _visit(random, stalls[-1], start_s, start_s + 1500, 1_400, 10_000)


def _fixed(plot: Plot, random: Random) -> Iterator[Visit]:
    not_mine, mine = plot.disputed
    yield _visit(random, 2, instant(not_mine, 18), instant(not_mine, 21, 10), 7_360, 14_000, resident=4)
    yield _visit(random, 2, instant(mine, 18), instant(mine, 20, 40), 7_360, 12_000, resident=4)
    over = plot.over_month_end
    # It stays until the month is closed.
    end_s = instant(over + timedelta(days=3), 7, 25)
    yield _visit(random, 3, instant(over, 21, 7), end_s, 3_680, 30_000, resident=7)
    silent_s = instant(plot.late, 19, 30)
    yield _visit(
        random,
        6,
        instant(plot.late, 17, 4),
        instant(plot.late, 20, 50),
        7_360,
        40_000,
        resident=9,
        silent_from_s=silent_s,
    )
    for place, day in enumerate(plot.craftsmen):
        yield _visit(
            random,
            1,
            instant(day, 8, 15),
            instant(day, 12, 40),
            11_040,
            22_000,
            resident=1,
            pass_id=f"pass-{place + 1}",
        )


def _visit(  # noqa: PLR0917 - where, when and how much
    random: Random,
    stall: int,
    start_s: int,
    end_s: int,
    car_w: int,
    wanted_wh: int,
    *,
    resident: int | None = None,
    pass_id: str | None = None,
    silent_from_s: int | None = None,
) -> Visit:
    session_id = "" if resident is None else f"{random.getrandbits(128):032x}"
    return Visit(
        stall=stall,
        start_s=start_s,
        end_s=end_s,
        pieces=tuple(_pieces(random, start_s, end_s, car_w, wanted_wh * 1000)),
        session_id=session_id,
        resident=resident,
        pass_id=pass_id,
        silent_from_s=silent_from_s,
    )


def _pieces(random: Random, start_s: int, end_s: int, car_w: int, wanted_mwh: int) -> Iterator[Piece]:
    at_s = start_s
    while at_s < end_s:
        until_s = min(at_s - at_s % QUARTER_S + QUARTER_S, end_s)
        power_w = car_w * random.randrange(940, 1001) // 1000
        if wanted_mwh > 0:
            # mWh = W x s / 3.6
            full_s = at_s + max(1, wanted_mwh * 36 // (10 * power_w))
            stop_s = min(until_s, full_s)
            energy_mwh = power_w * (stop_s - at_s) * 10 // 36
            yield Piece(at_s, stop_s, energy_mwh, charging=True)
            wanted_mwh = wanted_mwh - energy_mwh if stop_s < full_s else 0
            at_s = stop_s
        if at_s < until_s:
            yield Piece(at_s, until_s, _TRICKLE_W * (until_s - at_s) * 10 // 36, charging=False)
            at_s = until_s


# --- meters ------------------------------------------------------------------------------------------------------


def _meters(plot: Plot, visits: Sequence[Visit]) -> dict[int, list[tuple[int, Meter]]]:
    swapped, day = plot.meter_swap
    meters = {stall: [(0, Meter(shown_first_wh=1_000_000 * stall + 137))] for stall in range(1, STALLS + 1)}
    meters[swapped].append((instant(day, 10), Meter(shown_first_wh=12)))
    for visit in visits:
        meter = [one for since, one in meters[visit.stall] if since <= visit.start_s][-1]
        for piece in visit.pieces:
            meter.count(piece.end_s, piece.energy_mwh)
    return meters


def _feeder(
    plot: Plot, days: Sequence[date], drawn: dict[int, int], lost: dict[int, int]
) -> tuple[dict[date, int], dict[date, int]]:
    quarters = sorted(drawn)
    feeder = {days[0]: 48_812_345}
    losses: dict[date, int] = defaultdict(int)
    total_mwh = 48_812_345_000
    months = {month: instant(month) for month in plot.month_starts}
    for since, until in pairwise(days):
        begin_s, end_s = instant(since), instant(until)
        for quarter_s in quarters[bisect_right(quarters, begin_s - 1) : bisect_right(quarters, end_s - 1)]:
            total_mwh += drawn[quarter_s] + lost[quarter_s]
            losses[[month for month, at_s in months.items() if at_s <= quarter_s][-1]] += lost[quarter_s]
        total_mwh += standby_mwh(since, until)
        feeder[until] = total_mwh // 1000
    return feeder, losses


def standby_mwh(since: date, until: date) -> int:
    """Return what the wall connectors used for themselves."""
    return STANDBY_W * (instant(until) - instant(since)) * 10 // 36


def _quarters(plot: Plot, random: Random, drawn: dict[int, int], lost: dict[int, int]) -> Iterator[Quarter]:
    total = {"import": 0, "export": 0, "pv": 0}
    day = plot.first
    while day < plot.last:
        clear = random.randrange(15, 100)
        noon_s, midnight_s = instant(day, 12) + 3600, instant(day)
        season = 0.55 - 0.45 * cos(2 * pi * (day.timetuple().tm_yday + 10) / 365)
        half_day_s = 3600 * (4 + 4 * season)
        for start_s in range(midnight_s, instant(day + timedelta(days=1)), QUARTER_S):
            off = abs(start_s + 450 - noon_s) / half_day_s
            pv_w = int(_ROOF_W * season * cos(off * pi / 2)) * clear // 100 if off < 1 else 0
            house_w = random.randrange(1_800, 4_500)
            pv_mwh = pv_w * 250
            used_mwh = (house_w + STANDBY_W) * 250 + drawn.get(start_s, 0) + lost.get(start_s, 0)
            before = {name: mwh // 1000 for name, mwh in total.items()}
            total["pv"] += pv_mwh
            total["import"] += max(0, used_mwh - pv_mwh)
            total["export"] += max(0, pv_mwh - used_mwh)
            moved = {name: mwh // 1000 - before[name] for name, mwh in total.items()}
            yield Quarter(start_s=start_s, import_wh=moved["import"], export_wh=moved["export"], pv_wh=moved["pv"])
        day += timedelta(days=1)
