"""Sample sessions a tariff is tried on in the editor, so that people see at once what it means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ..i18n import mark
from ..money import Money
from ..tariff.circumstances import Circumstances, Need, needs
from ..tariff.compiling import Compiled, compiled
from ..tariff.gather import prices_between
from ..tariff.holiday_dates import holiday_dates
from ..tariff.now import steady_slices
from ..tariff.objects import EnergySource, Tariff
from ..tariff.rating import RatedInput, RatedSlice, rate
from ..web.formats import Formats

_POWER_W = 11_000
_PARKED = timedelta(hours=6)
_BEFORE = timedelta(hours=6)
_SUN_PERCENT = 70


@dataclass(frozen=True, kw_only=True)
class _Kind:
    name: str
    energy_wh: int
    begins: time
    solar_percent: int = 0
    parked: timedelta = timedelta(0)


_KINDS = (
    _Kind(name=mark("Evening: %(energy)s at %(power)s from %(time)s"), energy_wh=20_000, begins=time(18)),
    _Kind(name=mark("Night: %(energy)s at %(power)s from %(time)s"), energy_wh=40_000, begins=time(22, 30)),
    _Kind(
        name=mark("Midday: %(energy)s at %(power)s from %(time)s, %(percent)s%% of it sun"),
        energy_wh=20_000,
        begins=time(12),
        solar_percent=_SUN_PERCENT,
    ),
    _Kind(
        name=mark(
            "Full and still there: %(energy)s at %(power)s from %(time)s, then %(parked)s more while others wait"
        ),
        energy_wh=10_000,
        begins=time(18),
        parked=_PARKED,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample session and what it costs, with VAT."""

    kind: _Kind
    present: Money
    proposed: Money
    about: bool
    """A price that was not known stands in it."""

    def name(self, say: Callable[[str], str], formats: Formats) -> str:
        """Return what kind of session it is, in words."""
        kind = self.kind
        return say(kind.name) % {
            "energy": formats.kwh(kind.energy_wh, 0),
            "power": formats.kilowatts(_POWER_W),
            "time": f"{kind.begins:%H:%M}",
            "percent": kind.solar_percent,
            "parked": formats.hours(int(kind.parked.total_seconds())),
        }


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples, and the day they are thought to be on."""

    day: date
    lines: tuple[Sample, ...]


def samples(
    conn: Connection, present: Tariff, proposed: Tariff, zone: ZoneInfo, *, now: datetime, valid_from: datetime
) -> Samples:
    """Rate the sample sessions under both tariffs.

    They are on a working day: the next one under the new tariff, or where a price follows a series the last one, of
    which the prices are known.
    """
    follows = Need.PRICES in needs(present) | needs(proposed)
    day = _working_day(now, zone, -1) if follows else _working_day(max(now, valid_from), zone, 1)
    lines = []
    for kind in _KINDS:
        session = _session(kind, day, zone)
        costs = [_cost(conn, tariff, session, kind, zone) for tariff in (present, proposed)]
        lines.append(
            Sample(kind=kind, present=costs[0][0], proposed=costs[1][0], about=any(guessed for _, guessed in costs))
        )
    return Samples(day=day, lines=tuple(lines))


def _working_day(at: datetime, zone: ZoneInfo, step: int) -> date:
    day = at.astimezone(zone).date() + timedelta(days=step)
    while day.weekday() >= 5:
        day += timedelta(days=step)
    return day


def _session(kind: _Kind, day: date, zone: ZoneInfo) -> RatedInput:
    begin = datetime.combine(day, kind.begins, tzinfo=zone).astimezone(UTC)
    slices: list[RatedSlice] = list(steady_slices(begin, kind.energy_wh, _POWER_W))
    if kind.parked:
        full = slices[-1].end
        seconds = int(kind.parked.total_seconds())
        slices.append(RatedSlice(start=full, end=full + kind.parked, energy_wh=0, charging_s=0, parking_s=seconds))
    return RatedInput(started=begin, slices=slices)


def _cost(conn: Connection, tariff: Tariff, session: RatedInput, kind: _Kind, zone: ZoneInfo) -> tuple[Money, bool]:
    end = session.slices[-1].end
    extensions = tariff.x_evshare
    known = Circumstances(sources=_sources(kind, session.slices), waiting=[(session.started, end)])
    if extensions is not None and extensions.spot is not None:
        series = extensions.spot.series
        known = replace(known, prices={series: prices_between(conn, series, session.started - _BEFORE, end)})
    if extensions is not None and extensions.holidays is not None:
        years = {session.started.astimezone(zone).year, end.astimezone(zone).year}
        known = replace(known, holidays=holiday_dates(extensions.holidays, years))
    ready = compiled(tariff, session, known, zone)
    _, gross_minor = rate(ready.tariff, ready.session, zone).minor(tariff.currency)
    return Money(gross_minor, tariff.currency), is_guessed(ready)


def is_guessed(ready: Compiled) -> bool:
    """Whether something was not known that the session's price asks for; a price of hours without energy is not."""
    used = [one for one in ready.session.slices if one.energy_wh]
    return any(
        gap.price is None or any(one.start < gap.end and gap.start < one.end for one in used) for gap in ready.gaps
    )


def _sources(kind: _Kind, slices: Sequence[RatedSlice]) -> list[Mapping[EnergySource, int]]:
    split = {EnergySource.SOLAR: kind.solar_percent, EnergySource.GRID: 100 - kind.solar_percent}
    return [split] * len(slices)
