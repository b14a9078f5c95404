"""What a session costs under a tariff (OCPI 2.2.1 `mod_tariffs`, and `mod_cdrs` for step_size).

A session's slices are cut into pieces wherever a restriction could change its answer: at times of day, dates,
durations and amounts of energy. In each piece and for each dimension the first element that matches and prices the
dimension is active; where none does, the dimension is free. Energy and seconds are cut as integers, so the pieces of
a slice sum to it exactly. Amounts are exact decimals; rounding to money happens once, in `cdr.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from .ocpi import DAYS, Dimension, PriceComponent, Restrictions, Tariff

UNITS = {Dimension.ENERGY: 1000, Dimension.TIME: 3600, Dimension.PARKING_TIME: 3600, Dimension.FLAT: 1}
"""How many Wh or seconds one price is for."""


@dataclass(frozen=True, kw_only=True)
class RatedSlice:
    """A slice as rating sees it. `parking_s`: connected and not asking for energy that was offered."""

    start: datetime
    end: datetime
    energy_wh: int
    charging_s: int
    parking_s: int


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

    @property
    def net(self) -> Decimal:
        """Price without VAT, exact."""
        return self.component.price * self.volume / UNITS[self.component.type]

    @property
    def vat(self) -> Decimal:
        """VAT on it, exact."""
        return self.net * (self.component.vat or 0) / 100


@dataclass(frozen=True, kw_only=True)
class Period:
    """A stretch of a session under the same prices (OCPI ChargingPeriod), as measured."""

    start: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    prices: tuple[PriceComponent, ...]


@dataclass(frozen=True, kw_only=True)
class Rating:
    """What a session costs. `net` and `gross` are after `min_price` and `max_price`; the lines are before."""

    lines: tuple[PriceLine, ...]
    periods: tuple[Period, ...]
    net: Decimal
    gross: Decimal


def rate(tariff: Tariff, session: RatedInput, zone: ZoneInfo) -> Rating:
    """Price a session. `zone` is the building's, for times of day and dates."""
    volumes: dict[PriceComponent, int] = {}
    last: dict[Dimension, PriceComponent] = {}
    periods: list[Period] = []
    used_wh = 0
    for piece in _pieces(tariff, session, zone):
        active = _active(tariff, piece, session.started, used_wh, zone)
        used_wh += piece.energy_wh
        for dimension, volume in (
            (Dimension.ENERGY, piece.energy_wh),
            (Dimension.TIME, piece.charging_s),
            (Dimension.PARKING_TIME, piece.parking_s),
        ):
            component = active.get(dimension)
            if component is not None and volume:
                volumes[component] = volumes.get(component, 0) + volume
                last[dimension] = component
        flat = active.get(Dimension.FLAT)
        if flat is not None and Dimension.FLAT not in last:
            # Once per session, whichever comes first.
            volumes[flat] = 1
            last[Dimension.FLAT] = flat
        periods.append(
            Period(
                start=piece.start,
                energy_wh=piece.energy_wh,
                charging_s=piece.charging_s,
                parking_s=piece.parking_s,
                prices=tuple(active.values()),
            )
        )
    _round_up_to_steps(volumes, last)
    lines = tuple(
        PriceLine(component=component, volume=volume)
        for component, volume in sorted(volumes.items(), key=lambda one: list(Dimension).index(one[0].type))
    )
    net, gross = _limited(tariff, lines)
    return Rating(lines=lines, periods=_joined(periods), net=net, gross=gross)


def prices_at(tariff: Tariff, at: datetime, zone: ZoneInfo, power_kw: Decimal) -> dict[Dimension, PriceComponent]:
    """Return the prices that would hold at an instant for a session which starts then and draws `power_kw`."""
    piece = _Piece(start=at, energy_wh=0, charging_s=0, parking_s=0, mean_kw=power_kw)
    return _active(tariff, piece, at, 0, zone)


def _round_up_to_steps(volumes: dict[PriceComponent, int], last: dict[Dimension, PriceComponent]) -> None:
    """Apply step_size: once to the energy, once to the time; the surplus is billed at the last price.

    Charging time is not rounded when parking is billed too.
    """
    time_based = Dimension.PARKING_TIME if Dimension.PARKING_TIME in last else Dimension.TIME
    for dimension in (Dimension.ENERGY, time_based):
        if dimension not in last:
            continue
        component = last[dimension]
        total = sum(volume for one, volume in volumes.items() if one.type is dimension)
        volumes[component] += -total % component.step_size


def _limited(tariff: Tariff, lines: Sequence[PriceLine]) -> tuple[Decimal, Decimal]:
    net = sum((line.net for line in lines), Decimal(0))
    gross = sum((line.net + line.vat for line in lines), Decimal(0))
    for limit, choose in ((tariff.min_price, max), (tariff.max_price, min)):
        if limit is None:
            continue
        limited = choose(net, limit.excl_vat)
        if limit.incl_vat is not None:
            gross = choose(gross, limit.incl_vat)
        elif net:
            # No limit with VAT was given: VAT keeps its share.
            gross = gross * limited / net
        else:
            gross = limited * (1 + (first_vat(tariff) or Decimal(0)) / 100)
        net = limited
    return net, gross


def first_vat(tariff: Tariff) -> Decimal | None:
    """Return the VAT percentage of the tariff's first price: that of amounts which belong to no line."""
    return tariff.elements[0].price_components[0].vat


# --- pieces ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Piece:
    start: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    mean_kw: Decimal


def _pieces(tariff: Tariff, session: RatedInput, zone: ZoneInfo) -> Iterator[_Piece]:
    if not session.slices:
        # A session that ended at once still owes its flat fee.
        yield _Piece(start=session.started, energy_wh=0, charging_s=0, parking_s=0, mean_kw=Decimal(0))
    restrictions = [element.restrictions for element in tariff.elements]
    used_wh = 0
    for whole in session.slices:
        cuts = {
            *(_at_instant(whole, instant) for instant in _instants(restrictions, whole, session.started, zone)),
            *(_at_energy(whole, threshold_wh - used_wh) for threshold_wh in _energies(restrictions)),
        }
        yield from _cut(whole, sorted(cut for cut in cuts if 0 < cut < 1))
        used_wh += whole.energy_wh


def _cut(whole: RatedSlice, cuts: Sequence[Fraction]) -> Iterator[_Piece]:
    mean_kw = _mean_kw(whole)
    microseconds = (whole.end - whole.start) // timedelta(microseconds=1)
    before = Fraction(0)
    for after in (*cuts, Fraction(1)):
        yield _Piece(
            start=whole.start + timedelta(microseconds=int(microseconds * before)),
            energy_wh=int(whole.energy_wh * after) - int(whole.energy_wh * before),
            charging_s=int(whole.charging_s * after) - int(whole.charging_s * before),
            parking_s=int(whole.parking_s * after) - int(whole.parking_s * before),
            mean_kw=mean_kw,
        )
        before = after


def _at_instant(whole: RatedSlice, instant: datetime) -> Fraction:
    length = (whole.end - whole.start) // timedelta(microseconds=1)
    return Fraction((instant - whole.start) // timedelta(microseconds=1), length) if length else Fraction(0)


def _at_energy(whole: RatedSlice, after_wh: int) -> Fraction:
    return Fraction(after_wh, whole.energy_wh) if whole.energy_wh else Fraction(0)


def _instants(
    restrictions: Sequence[Restrictions], whole: RatedSlice, started: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    """Return the instants at which a restriction on time may change its answer, near the slice."""
    for duration_s in {one for each in restrictions for one in (each.min_duration, each.max_duration)} - {None}:
        yield started + timedelta(seconds=duration_s or 0)
    times = {one for each in restrictions for one in (each.start_time, each.end_time) if one is not None}
    if any(each.start_date or each.end_date or each.day_of_week for each in restrictions):
        times.add(time(0))
    first, last = whole.start.astimezone(zone).date(), whole.end.astimezone(zone).date()
    for day in (first + timedelta(days=passed) for passed in range((last - first).days + 1)):
        for of_day in times:
            # An hour that comes twice, when summer time ends, is cut in both.
            for fold in (0, 1):
                yield datetime.combine(day, of_day.replace(fold=fold), tzinfo=zone).astimezone(UTC)


def _energies(restrictions: Sequence[Restrictions]) -> set[int]:
    limits = {one for each in restrictions for one in (each.min_kwh, each.max_kwh) if one is not None}
    return {ceil(limit * 1000) for limit in limits}


# --- which prices are active -------------------------------------------------------------------------------------


def _active(
    tariff: Tariff, piece: _Piece, started: datetime, used_wh: int, zone: ZoneInfo
) -> dict[Dimension, PriceComponent]:
    active: dict[Dimension, PriceComponent] = {}
    for element in tariff.elements:
        if _matches(element.restrictions, piece, started, used_wh, zone):
            for component in element.price_components:
                active.setdefault(component.type, component)
    return active


def _matches(only: Restrictions, piece: _Piece, started: datetime, used_wh: int, zone: ZoneInfo) -> bool:
    local = piece.start.astimezone(zone)
    return (
        _in_time_of_day(only.start_time, only.end_time, local.time())
        and _from_until(only.start_date, only.end_date, local.date())
        and _from_until(only.min_kwh, only.max_kwh, Decimal(used_wh) / 1000)
        and _from_until(only.min_power, only.max_power, piece.mean_kw)
        and _from_until(only.min_duration, only.max_duration, (piece.start - started) // timedelta(seconds=1))
        and (not only.day_of_week or DAYS[local.weekday()] in only.day_of_week)
    )


def _in_time_of_day(start: time | None, end: time | None, at: time) -> bool:
    start = start or time(0)
    # 00:00 as an end is the end of the day.
    if not end:
        return at >= start
    if start < end:
        return start <= at < end
    return at >= start or at < end


def _from_until[T: (date, Decimal, int)](least: T | None, below: T | None, value: T) -> bool:
    return (least is None or value >= least) and (below is None or value < below)


def _mean_kw(whole: RatedSlice) -> Decimal:
    # Registers, not instantaneous powers, are what is kept: the mean while charging stands for the slice.
    seconds = whole.charging_s or (whole.end - whole.start) // timedelta(seconds=1)
    return Decimal(whole.energy_wh * 3600) / (seconds * 1000) if seconds else Decimal(0)


def _joined(periods: Sequence[Period]) -> tuple[Period, ...]:
    joined: list[Period] = []
    for period in periods:
        if joined and joined[-1].prices == period.prices:
            before = joined.pop()
            period = replace(  # noqa: PLW2901 - the longer period takes its place
                before,
                energy_wh=before.energy_wh + period.energy_wh,
                charging_s=before.charging_s + period.charging_s,
                parking_s=before.parking_s + period.parking_s,
            )
        joined.append(period)
    return tuple(joined)
