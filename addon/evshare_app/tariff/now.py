"""What holds now for someone who is about to start: the prices, when they change, and what some energy would cost.

Pure. A hypothetical session is rated like a real one, so what is expected and what is billed cannot disagree about
the tariff; only the power is a guess, and where prices follow a series or the sun, what is not known of them yet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ..money import Money
from .circumstances import Circumstances, Need, needs
from .compiling import compile_tariff, compiled, spot_prices
from .matching import PHASE_V
from .ocpi import Dimension, EnergySource, PriceComponent, Spot, Tariff, TaxIncluded
from .rating import RatedInput, RatedSlice, prices_at, rate
from .store import TariffVersion

_LOOK_AHEAD_DAYS = 8
"""A week and the day it begins on: times of day and weekdays repeat in it."""
_LONGEST = timedelta(days=2)
"""An expectation that takes longer is none."""
_SLICE_S = 900
_NOTHING_KNOWN = Circumstances()


@dataclass(frozen=True, kw_only=True)
class PriceNow:
    """The prices of a session that starts now."""

    components: tuple[PriceComponent, ...]
    changes_at: datetime | None
    """When a session that starts later has other prices; None: not within a week, as far as is known."""
    then: tuple[PriceComponent, ...]
    """The prices from then on; empty where nothing changes, or it is free then."""
    by_source: tuple[tuple[EnergySource, PriceComponent | None], ...] = ()
    """What energy costs now by where it comes from, None where it is free; empty where that makes no difference."""
    estimated: bool = False
    """The price series does not know this hour: the price is its last one, or the fallback."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """About what an amount of energy costs, with VAT, and how long it takes."""

    energy_wh: int
    takes: timedelta
    cost: Money
    estimated: bool = False
    """Prices or the share of the sun are guesses too: they are known only afterwards."""


def price_now(
    versions: Sequence[TariffVersion],
    at: datetime,
    zone: ZoneInfo,
    power_kw: Decimal = Decimal(7),
    *,
    circumstances: Circumstances = _NOTHING_KNOWN,
    source: EnergySource = EnergySource.GRID,
) -> PriceNow:
    """Return the prices at an instant. `versions` are those in force from then on, in order; the first one is now's.

    `source` is where energy comes from now, for tariffs that ask. `circumstances` have the price series as far as it
    is known, also ahead, and the holidays of the days ahead.
    """
    boards = [_PriceBoard(one, circumstances, at, zone=zone, power_kw=power_kw, source=source) for one in versions]
    active, guessed = boards[0].at(at)
    now = _ordered(active)
    told = PriceNow(components=now, changes_at=None, then=(), by_source=boards[0].by_source(at), estimated=guessed)
    for instant in sorted({one for one in _changes(boards, at, zone) if one > at}):
        in_force = max((one for one in boards if one.valid_from <= instant), key=lambda one: one.valid_from)
        active, guessed = in_force.at(instant)
        if guessed:
            # As far as is known: after that no change can be told.
            return told
        then = _ordered(active)
        if then != now:
            return replace(told, changes_at=instant, then=then)
    return told


class _PriceBoard:
    """A version's prices at any instant ahead."""

    def __init__(
        self,
        version: TariffVersion,
        circumstances: Circumstances,
        at: datetime,
        *,
        zone: ZoneInfo,
        power_kw: Decimal,
        source: EnergySource,
    ) -> None:
        self.valid_from = version.valid_from
        extensions = version.tariff.x_evshare
        self.spot = extensions.spot if extensions else None
        self.known = circumstances.prices.get(self.spot.series, ()) if self.spot else ()
        # The spot price is looked up slot by slot.
        plain = replace(version.tariff, x_evshare=replace(extensions, spot=None)) if extensions else version.tariff
        until = at + timedelta(days=_LOOK_AHEAD_DAYS)
        self.tariff, _ = compile_tariff(plain, at, until, circumstances, zone)
        self._zone, self._power_kw, self._source = zone, power_kw, source

    def at(self, instant: datetime, source: EnergySource | None = None) -> tuple[dict[Dimension, PriceComponent], bool]:
        """Return the prices, and whether one of them is a guess."""
        active = prices_at(self.tariff, instant, self._zone, self._power_kw, source or self._source)
        if self.spot is None or Dimension.ENERGY in active:
            return active, False
        _, price, gap = next(spot_prices(self.spot, self.known, instant, instant))
        component = _spot_component(self.tariff, self.spot, price)
        return active | {Dimension.ENERGY: component}, gap is not None

    def by_source(self, instant: datetime) -> tuple[tuple[EnergySource, PriceComponent | None], ...]:
        """Return the energy's price by source, where that makes a difference."""
        if Need.SOURCES not in needs(self.tariff):
            return ()
        return tuple((source, self.at(instant, source)[0].get(Dimension.ENERGY)) for source in EnergySource)


def highest_price(tariff: Tariff, dimension: Dimension) -> Decimal:
    """Return the highest price of a dimension, with VAT, whenever it holds: a session may run into any of its hours.

    Of a spot price that is its `max`; one without a `max` has no highest price, and counts with its fallback.
    """
    of_sessions = (element for element in tariff.elements if element.restrictions.reservation is None)
    components = [one for element in of_sessions for one in element.price_components if one.type is dimension]
    spot = tariff.x_evshare.spot if tariff.x_evshare else None
    if spot is not None and dimension is Dimension.ENERGY:
        components.append(_spot_component(tariff, spot, spot.fallback if spot.max is None else spot.max))
    return max((one.gross_price for one in components), default=Decimal(0))


def _spot_component(tariff: Tariff, spot: Spot, price: Decimal) -> PriceComponent:
    taxed = tariff.tax_included is TaxIncluded.YES
    return PriceComponent(type=Dimension.ENERGY, price=price, vat=spot.vat, tax_included=taxed)


def expected_power_w(*, max_current_a: int, phases: int, free_a: int | None, typical_w: int | None) -> int:
    """Return the power to reckon with, in W: what the stall can offer, what is free of the house, what the car took.

    `free_a` is what the house has left for this stall per phase, None where that is not known; at least the 6 A of
    the smallest offer count, since less means waiting and then 6 A. `typical_w` is what the person's car usually took.
    """
    offered_a = max_current_a if free_a is None else min(max_current_a, max(free_a, 6))
    offered_w = offered_a * phases * PHASE_V
    return min(offered_w, typical_w) if typical_w else offered_w


def expected(
    tariff: Tariff,
    amounts_wh: Iterable[int],
    power_w: int,
    at: datetime,
    zone: ZoneInfo,
    *,
    circumstances: Circumstances = _NOTHING_KNOWN,
    shares: Mapping[EnergySource, int] | None = None,
) -> tuple[Expected, ...]:
    """Return what charging each amount from now on at `power_w` would come to; amounts that take days are left out.

    `shares` are the weights of where energy comes from now; they are taken to stay. None: all from the grid.
    """
    if power_w <= 0:
        return ()
    answers = []
    guessed = Need.SOURCES in needs(tariff)
    for energy_wh in amounts_wh:
        takes = timedelta(seconds=-(-energy_wh * 3600 // power_w))
        if takes > _LONGEST:
            continue
        session = RatedInput(started=at, slices=list(steady_slices(at, energy_wh, power_w)))
        known = replace(circumstances, sources=[shares or {EnergySource.GRID: 1}] * len(session.slices))
        plain = compiled(tariff, session, known, zone)
        _, gross_minor = rate(plain.tariff, plain.session, zone).minor(tariff.currency)
        answers.append(
            Expected(
                energy_wh=energy_wh,
                takes=takes,
                cost=Money(gross_minor, tariff.currency),
                estimated=guessed or bool(plain.gaps),
            )
        )
    return tuple(answers)


def steady_slices(at: datetime, energy_wh: int, power_w: int) -> Iterator[RatedSlice]:
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


def _changes(boards: Sequence[_PriceBoard], at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Return the instants at which other prices may hold."""
    today = at.astimezone(zone).date()
    for board in boards:
        yield board.valid_from
        yield from (edge for slot in board.known for edge in (slot.start, slot.end))
        times = {time(0)}
        for element in board.tariff.elements:
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
