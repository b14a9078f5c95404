"""Why a session costs what it costs: every step of the rating as data, for pages and statements to show.

The steps are read off the rating itself, so they cannot tell another story than the bill; only why an element was
passed over is worked out again, at the start of each period. Words are in `explain_text.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from .circumstances import Circumstances, Gap
from .compiling import Compiled, compiled
from .matching import PHASE_V
from .objects import DAYS, Dimension, EnergySource, PriceComponent, PriceLimit, Restrictions, Tariff
from .rating import UNITS, Period, PriceLine, RatedInput, Rating, rate

_NOTHING_KNOWN = Circumstances()


class Kind(StrEnum):
    """What a condition is about."""

    TIME_OF_DAY = "time_of_day"  # least and below: time; value: the local time
    DATE = "date"  # dates
    WEEKDAY = "weekday"  # least: the days' names; value: the day's
    ENERGY = "energy"  # kWh used before
    POWER = "power"  # kW
    CURRENT = "current"  # A, summed over the phases
    DURATION = "duration"  # seconds since the start
    SOURCE = "source"  # least: the source; value: the energy's


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One restriction of an element, what it was measured against, and whether it held."""

    kind: Kind
    least: object | None
    """From here on (inclusive), or the one that is asked for."""
    below: object | None
    """Until here (exclusive)."""
    value: object
    holds: bool


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """An earlier element that has a price for the dimension and did not hold."""

    element: int
    component: PriceComponent
    failed: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which price held for a dimension that was used, and why."""

    dimension: Dimension
    volume: int
    """Wh or seconds as measured, 1 for a session fee."""
    component: PriceComponent | None
    """None: nothing prices it, so it is free."""
    element: int | None
    conditions: tuple[Condition, ...]
    passed_over: tuple[PassedOver, ...]

    @property
    def amount(self) -> Decimal:
        """Volume x price, with or without taxes as the price is."""
        if self.component is None:
            return Decimal(0)
        return self.component.price * self.volume / UNITS[self.dimension]


@dataclass(frozen=True, kw_only=True)
class ExplainedPeriod:
    """A stretch under the same prices; times are local."""

    start: datetime
    end: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    source: EnergySource | None
    choices: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class Limited:
    """The least or most price that was reached; the amounts before and after it."""

    is_least: bool
    limit: PriceLimit
    before: tuple[Decimal, Decimal]
    """Without and with VAT."""
    after: tuple[Decimal, Decimal]


@dataclass(frozen=True, kw_only=True)
class VatShare:
    """The amount at one VAT rate, before limits."""

    percent: Decimal
    net: Decimal
    vat: Decimal


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All steps, in the order in which they are taken."""

    currency: str
    final: bool
    periods: tuple[ExplainedPeriod, ...]
    lines: tuple[PriceLine, ...]
    """Per price; `added` is what step_size added."""
    vat: tuple[VatShare, ...]
    limits: tuple[Limited, ...]
    net: Decimal
    gross: Decimal
    net_minor: int
    gross_minor: int
    gaps: tuple[Gap, ...]
    forgiven_s: int

    @property
    def stepped(self) -> tuple[PriceLine, ...]:
        """The lines that step_size rounded up."""
        return tuple(line for line in self.lines if line.added)


def explain(
    tariff: Tariff,
    session: RatedInput,
    zone: ZoneInfo,
    circumstances: Circumstances = _NOTHING_KNOWN,
    *,
    final: bool = True,
) -> Explanation:
    """Return the steps to a session's price. The tariff may have extensions."""
    ready = compiled(tariff, session, circumstances, zone)
    rating = rate(ready.tariff, ready.session, zone, final=final)
    net_minor, gross_minor = rating.minor(tariff.currency)
    return Explanation(
        currency=tariff.currency,
        final=final,
        periods=tuple(_periods(ready, rating, zone)),
        lines=rating.lines,
        vat=tuple(_vat(rating)),
        limits=tuple(_limits(ready, zone, final=final)),
        net=rating.net,
        gross=rating.gross,
        net_minor=net_minor,
        gross_minor=gross_minor,
        gaps=tuple(replace(one, start=one.start.astimezone(zone), end=one.end.astimezone(zone)) for one in ready.gaps),
        forgiven_s=ready.forgiven_s,
    )


def _vat(rating: Rating) -> Iterator[VatShare]:
    rates = sorted({line.component.vat for line in rating.lines if line.component.vat is not None})
    for percent in rates:
        lines = [line for line in rating.lines if line.component.vat == percent]
        yield VatShare(
            percent=percent,
            net=sum((line.net for line in lines), Decimal(0)),
            vat=sum((line.vat for line in lines), Decimal(0)),
        )


def _limits(ready: Compiled, zone: ZoneInfo, *, final: bool) -> Iterator[Limited]:
    """Rate without limits, with the least price, with both: each step that changes something is told."""
    full = ready.tariff
    before = _amounts(ready, replace(full, min_price=None, max_price=None), zone, final=final)
    for is_least, limit, tariff in (
        (True, full.min_price, replace(full, max_price=None)),
        (False, full.max_price, full),
    ):
        if limit is None:
            continue
        after = _amounts(ready, tariff, zone, final=final)
        if after != before:
            yield Limited(is_least=is_least, limit=limit, before=before, after=after)
        before = after


def _amounts(ready: Compiled, tariff: Tariff, zone: ZoneInfo, *, final: bool) -> tuple[Decimal, Decimal]:
    rating = rate(tariff, ready.session, zone, final=final)
    return rating.net, rating.gross


def _periods(ready: Compiled, rating: Rating, zone: ZoneInfo) -> Iterator[ExplainedPeriod]:
    used_wh = 0
    fee_told = False
    for period in rating.periods:
        measured = _Measured(ready.session, period, used_wh, zone)
        choices = [
            _choice(ready.tariff, period, dimension, volume, measured)
            for dimension, volume in (
                (Dimension.ENERGY, period.energy_wh),
                (Dimension.TIME, period.charging_s),
                (Dimension.PARKING_TIME, period.parking_s),
            )
            if volume and _is_priced(ready.tariff, dimension)
        ]
        if not fee_told and any(one.type is Dimension.FLAT for one in period.prices):
            fee_told = True
            choices.append(_choice(ready.tariff, period, Dimension.FLAT, 1, measured))
        yield ExplainedPeriod(
            start=period.start.astimezone(zone),
            end=period.end.astimezone(zone),
            energy_wh=period.energy_wh,
            charging_s=period.charging_s,
            parking_s=period.parking_s,
            source=period.source,
            choices=tuple(choices),
        )
        used_wh += period.energy_wh


def _is_priced(tariff: Tariff, dimension: Dimension) -> bool:
    return any(one.type is dimension for element in tariff.elements for one in element.price_components)


def _choice(tariff: Tariff, period: Period, dimension: Dimension, volume: int, measured: _Measured) -> Choice:
    chosen = {one.type: place for one, place in zip(period.prices, period.elements, strict=True)}.get(dimension)
    passed_over = []
    for place, element in enumerate(tariff.elements[:chosen]):
        component = next((one for one in element.price_components if one.type is dimension), None)
        if component is not None and element.restrictions.reservation is None:
            failed = tuple(one for one in measured.against(element.restrictions) if not one.holds)
            passed_over.append(PassedOver(element=place, component=component, failed=failed))
    return Choice(
        dimension=dimension,
        volume=volume,
        component=next((one for one in period.prices if one.type is dimension), None),
        element=chosen,
        conditions=() if chosen is None else tuple(measured.against(tariff.elements[chosen].restrictions)),
        passed_over=tuple(passed_over),
    )


class _Measured:
    """What restrictions are measured against, at the start of a period."""

    def __init__(self, session: RatedInput, period: Period, used_wh: int, zone: ZoneInfo) -> None:
        self._local = period.start.astimezone(zone)
        self._used_kwh = Decimal(used_wh) / 1000
        self._duration_s = (period.start - session.started) // timedelta(seconds=1)
        self._source = period.source or EnergySource.GRID
        whole = next((one for one in session.slices if one.start <= period.start < one.end), None)
        self._kw = Decimal(0)
        if whole is not None:
            seconds = whole.charging_s or (whole.end - whole.start) // timedelta(seconds=1)
            self._kw = Decimal(whole.energy_wh * 3600) / (seconds * 1000) if seconds else Decimal(0)

    def against(self, only: Restrictions) -> Iterator[Condition]:
        """Return each condition of an element."""
        of_day = self._local.time()
        if only.start_time is not None or only.end_time is not None:
            start, end = only.start_time or time(0), only.end_time or time(0)
            inside = start <= of_day < end if time(0) < end and start < end else of_day >= start or of_day < end
            yield Condition(kind=Kind.TIME_OF_DAY, least=start, below=end, value=of_day, holds=inside)
        if only.day_of_week:
            today = DAYS[self._local.weekday()]
            yield Condition(
                kind=Kind.WEEKDAY, least=only.day_of_week, below=None, value=today, holds=today in only.day_of_week
            )
        bounds: tuple[tuple[Kind, object, object, object], ...] = (
            (Kind.DATE, only.start_date, only.end_date, self._local.date()),
            (Kind.ENERGY, only.min_kwh, only.max_kwh, self._used_kwh),
            (Kind.POWER, only.min_power, only.max_power, self._kw),
            (Kind.CURRENT, only.min_current, only.max_current, self._kw * 1000 / PHASE_V),
            (Kind.DURATION, only.min_duration, only.max_duration, self._duration_s),
        )
        for kind, least, below, value in bounds:
            if least is not None or below is not None:
                yield Condition(kind=kind, least=least, below=below, value=value, holds=_between(least, below, value))
        if only.energy_source is not None:
            yield Condition(
                kind=Kind.SOURCE,
                least=only.energy_source,
                below=None,
                value=self._source,
                holds=only.energy_source is self._source,
            )


def _between(least: object | None, below: object | None, value: object) -> bool:
    # Each kind's bounds and values are of one type.
    return (least is None or value >= least) and (below is None or value < below)  # type: ignore[operator]
