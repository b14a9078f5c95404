"""The compile step: a tariff with extensions becomes plain OCPI for one session, and the session fits it.

- A spot price becomes one element per stretch of equal price, in the building's local times. Where the clocks go back
  a time of day comes twice: there the session's duration tells the two apart.
- A holiday becomes elements with its date.
- Grace and "only if others wait" take seconds off the session's parking, since no restriction of OCPI can say them.
- Slices get their energy's sources. The elements keep asking for a source (plain OCPI has no word for it);
  `plain_tariffs` gives one plain tariff per source, which a CDR's charging periods name by their id.

What was not known is told as gaps, never silently made up.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from ..split.sources import Guess
from .circumstances import Circumstances, Gap, GapKind, PriceSlot
from .objects import (
    DAYS,
    Dimension,
    EnergySource,
    PriceComponent,
    Restrictions,
    Spot,
    Tariff,
    TariffElement,
    TaxIncluded,
)
from .rated import RatedInput, RatedSlice

_GRAIN = timedelta(minutes=15)
"""All zones' clocks differ by whole quarter hours, so a quarter hour has one local date and one offset."""
_FOUR_DECIMALS = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What to rate, and what is to be said about it."""

    tariff: Tariff
    session: RatedInput
    gaps: tuple[Gap, ...] = ()
    forgiven_s: int = 0
    """Seconds of parking that cost nothing, by grace or because nobody waited."""


def compiled(tariff: Tariff, session: RatedInput, circumstances: Circumstances, zone: ZoneInfo) -> Compiled:
    """Return a tariff and a session that `rate` takes; both as they are where nothing is to be done."""
    gaps: list[Gap] = []
    asked = {one for element in tariff.elements if (one := element.restrictions.energy_source)}
    slices: Sequence[RatedSlice] = session.slices
    forgiven_s = 0
    if asked:
        gaps += _source_gaps(slices, circumstances, asked)
        slices = _with_sources(slices, circumstances.sources)
    extensions = tariff.x_evshare
    if extensions is None:
        return Compiled(tariff=tariff, session=replace(session, slices=slices), gaps=tuple(_joined(gaps)))
    if extensions.idle_grace_s or extensions.idle_only_if_queue:
        waiting = circumstances.waiting if extensions.idle_only_if_queue else ((session.started, _end(session)),)
        if waiting is None:
            gaps.append(Gap(kind=GapKind.WAITING, start=session.started, end=_end(session)))
        parked_s = sum(one.parking_s for one in slices)
        slices = _forgiven(slices, extensions.idle_grace_s, waiting or ())
        forgiven_s = parked_s - sum(one.parking_s for one in slices)
    plain, missing = compile_tariff(tariff, session.started, _end(session), circumstances, zone)
    gaps += missing
    return Compiled(
        tariff=plain, session=replace(session, slices=slices), gaps=tuple(_joined(gaps)), forgiven_s=forgiven_s
    )


def compile_tariff(
    tariff: Tariff, started: datetime, end: datetime, circumstances: Circumstances, zone: ZoneInfo
) -> tuple[Tariff, tuple[Gap, ...]]:
    """Return the tariff without extensions, as it holds for a session between two instants, and what was not known."""
    extensions = tariff.x_evshare
    if extensions is None:
        return tariff, ()
    elements = list(tariff.elements)
    gaps: list[Gap] = []
    if extensions.holidays is not None:
        first, last = started.astimezone(zone).date(), end.astimezone(zone).date()
        for day in sorted(one for one in circumstances.holidays if first <= one <= last):
            elements = [made for one in elements for made in _with_holiday(one, day, extensions.holidays.as_day)]
    if extensions.spot is not None:
        known = circumstances.prices.get(extensions.spot.series, ())
        prices = list(spot_prices(extensions.spot, known, started, end))
        gaps = [one for _, _, one in prices if one is not None]
        taxed = tariff.tax_included is TaxIncluded.YES
        elements += _spot_elements(
            extensions.spot, [(at, price) for at, price, _ in prices], started, zone, taxed=taxed
        )
    return replace(tariff, elements=tuple(elements), x_evshare=None), tuple(_joined(gaps))


def plain_tariffs(tariff: Tariff) -> Mapping[EnergySource | None, Tariff]:
    """Return a compiled tariff as plain OCPI: one tariff where no price asks for a source, else one per source.

    A CDR's charging period with a source belongs to that source's tariff; ids are the tariff's, with the source.
    """
    if not any(element.restrictions.energy_source for element in tariff.elements):
        return {None: tariff}
    made: dict[EnergySource | None, Tariff] = {}
    for source in EnergySource:
        elements = tuple(
            replace(one, restrictions=replace(one.restrictions, energy_source=None))
            for one in tariff.elements
            if one.restrictions.energy_source in (None, source)
        )
        # Without any price left the source's energy is free, which OCPI says with a flat price of nothing.
        free = TariffElement(price_components=(PriceComponent(type=Dimension.FLAT, price=Decimal(0)),))
        made[source] = replace(tariff, id=f"{tariff.id[:27]}-{source}", elements=elements or (free,))
    return made


# --- energy sources -------------------------------------------------------------------------------------------------


def _with_sources(
    slices: Sequence[RatedSlice], sources: Sequence[Mapping[EnergySource, int]] | None
) -> list[RatedSlice]:
    """Divide each slice's Wh by its sources, exactly; one without is the grid's."""
    if sources is None:
        return list(slices)
    return [
        one._replace(sources=_split(one.energy_wh, weights)) if one.energy_wh and any(weights.values()) else one
        for one, weights in zip(slices, sources, strict=True)
    ]


def _source_gaps(slices: Sequence[RatedSlice], circumstances: Circumstances, asked: Set[EnergySource]) -> Iterator[Gap]:
    """Yield where it was not known from where energy came, or estimated in what the tariff asks for."""
    sources, guessed = circumstances.sources, circumstances.guessed
    for name, known in (("sources", sources), ("guessed", guessed or None)):
        if known is not None and len(known) != len(slices):
            msg = f"{name}: got {len(known)}, accepted is one for each of the {len(slices)} slices"
            raise ValueError(msg)
    for place, one in enumerate(slices):
        if not one.energy_wh:
            continue
        of: set[Guess] = set()
        if guessed and asked & {EnergySource.SOLAR, EnergySource.GRID}:
            of |= guessed[place].solar
        if guessed and asked & {EnergySource.BATTERY, EnergySource.GRID}:
            of |= guessed[place].battery
        if sources is None or not any(sources[place].values()) or Guess.MISSING in of:
            yield Gap(kind=GapKind.SOURCE, start=one.start, end=one.end)
        elif of:
            yield Gap(kind=GapKind.ESTIMATED, start=one.start, end=one.end, of=tuple(sorted(of)))


def _split(energy_wh: int, weights: Mapping[EnergySource, int]) -> tuple[tuple[EnergySource, int], ...]:
    """Divide by largest remainder, as `money.split_largest_remainder` does, in whole numbers: this is done a lot."""
    if any(weight < 0 for weight in weights.values()):
        msg = f"sources: got {dict(weights)!r}, accepted are Wh from 0"
        raise ValueError(msg)
    total = sum(weights.values())
    shares = [(source, energy_wh * weights[source], weights[source]) for source in EnergySource if weights.get(source)]
    parts = {source: exact // total for source, exact, _ in shares}
    missing = energy_wh - sum(parts.values())
    if missing:
        for source, _, _ in sorted(shares, key=lambda one: (-(one[1] % total), -one[2]))[:missing]:
            parts[source] += 1
    return tuple((source, part) for source, part in parts.items() if part)


# --- idle time ------------------------------------------------------------------------------------------------------


def _forgiven(
    slices: Sequence[RatedSlice], grace_s: int, waiting: Sequence[tuple[datetime, datetime]]
) -> list[RatedSlice]:
    """Take off the parking that costs nothing: the first `grace_s` of the session, and all while nobody waits.

    A slice's parking is spread evenly over it; what is billed of it is rounded down to the second.
    """
    made = []
    for one in slices:
        if not one.parking_s:
            made.append(one)
            continue
        free_s = min(grace_s, one.parking_s)
        grace_s -= free_s
        length = one.end - one.start
        paid_from = one.start + length * free_s / one.parking_s
        paid = sum(
            (max(timedelta(0), min(one.end, until) - max(paid_from, since)) for since, until in waiting), timedelta(0)
        )
        billed_s = one.parking_s - free_s
        if paid < one.end - paid_from:
            billed_s = min(billed_s, one.parking_s * paid // length)
        made.append(one._replace(parking_s=billed_s))
    return made


# --- holidays -------------------------------------------------------------------------------------------------------


def _with_holiday(element: TariffElement, day: date, as_day: str) -> Iterator[TariffElement]:
    """Return the element so that it takes a day for another weekday; only elements with weekdays can tell."""
    only = element.restrictions
    own = DAYS[day.weekday()] in only.day_of_week
    wanted = as_day in only.day_of_week
    if not only.day_of_week or own == wanted:
        yield element
        return
    next_day = day + timedelta(days=1)
    if wanted:
        on_it = _within(only, day, next_day)
        if on_it is not None:
            yield replace(element, restrictions=replace(on_it, day_of_week=()))
        yield element
        return
    for part in (_within(only, None, day), _within(only, next_day, None)):
        if part is not None:
            yield replace(element, restrictions=part)


def _within(only: Restrictions, start: date | None, end: date | None) -> Restrictions | None:
    """Return the restrictions within dates; None where nothing is left."""
    start = max((one for one in (only.start_date, start) if one is not None), default=None)
    end = min((one for one in (only.end_date, end) if one is not None), default=None)
    if start is not None and end is not None and start >= end:
        return None
    return replace(only, start_date=start, end_date=end)


# --- spot prices ----------------------------------------------------------------------------------------------------


def spot_prices(
    spot: Spot, known: Sequence[PriceSlot], start: datetime, end: datetime
) -> Iterator[tuple[datetime, Decimal, Gap | None]]:
    """Return each slot from `start` to `end` with its price per kWh, and the gap where the series does not know it."""
    length = timedelta(minutes=spot.slot_minutes)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    slot = start.astimezone(UTC) - (start - epoch) % length
    place = 0
    last: Decimal | None = None
    while True:
        until = slot + length
        while place < len(known) and known[place].end <= slot:
            last = known[place].price
            place += 1
        inside = known[place : next((n for n in range(place, len(known)) if known[n].start >= until), len(known))]
        covered = [(one.price, (min(one.end, until) - max(one.start, slot)) // timedelta(seconds=1)) for one in inside]
        seconds = sum(each for _, each in covered)
        if seconds:
            mean = sum((price * each for price, each in covered), Decimal(0)) / seconds
            price = spot_price(spot, mean)
            kind = None if seconds * timedelta(seconds=1) == length else GapKind.PARTLY
        elif last is not None:
            price, kind = spot_price(spot, last), GapKind.LAST_KNOWN
        else:
            price, kind = spot.fallback, GapKind.FALLBACK
        yield slot, price, None if kind is None else Gap(kind=kind, start=slot, end=until, price=price)
        slot = until
        if slot >= end:
            return


def spot_price(spot: Spot, recorded: Decimal) -> Decimal:
    """Return the price per kWh of a recorded one, with OCPI's four decimals, half up."""
    price = max(recorded * spot.factor + spot.adder, spot.min)
    if spot.max is not None:
        price = min(price, spot.max)
    return price.quantize(_FOUR_DECIMALS, rounding=ROUND_HALF_UP).normalize()


def _spot_elements(
    spot: Spot, prices: Sequence[tuple[datetime, Decimal]], started: datetime, zone: ZoneInfo, *, taxed: bool
) -> Iterator[TariffElement]:
    """Return an element per stretch of equal price within a local day."""
    grains = [
        (at + _GRAIN * n, price) for at, price in prices for n in range(timedelta(minutes=spot.slot_minutes) // _GRAIN)
    ]
    place = 0
    while place < len(grains):
        at, price = grains[place]
        local = at.astimezone(zone)
        last = place
        while not _comes_twice(local) and last + 1 < len(grains) and grains[last + 1][1] == price:
            following = grains[last + 1][0].astimezone(zone)
            if (
                following.date() != local.date()
                or following.utcoffset() != local.utcoffset()
                or _comes_twice(following)
            ):
                break
            last += 1
        yield TariffElement(
            price_components=(
                PriceComponent(type=Dimension.ENERGY, price=price, vat=spot.vat, step_size=1, tax_included=taxed),
            ),
            restrictions=_window(at, grains[last][0] + _GRAIN, started, zone),
        )
        place = last + 1


def _window(start: datetime, end: datetime, started: datetime, zone: ZoneInfo) -> Restrictions:
    local = start.astimezone(zone)
    # The end in the clock's own count: the next instant may already have another offset.
    until = local.replace(tzinfo=None) + (end - start)
    only = Restrictions(
        start_time=local.time().replace(tzinfo=None),
        end_time=until.time(),
        start_date=local.date(),
        end_date=local.date() + timedelta(days=1),
    )
    if not _comes_twice(local):
        return only
    # Both stretches of this local time are a quarter hour, an hour (or half of one) apart: any bound between will do.
    if local.fold == 0:
        return replace(only, max_duration=max(0, -((started - end) // timedelta(seconds=1))))
    return replace(only, min_duration=max(0, (start - started) // timedelta(seconds=1) - 60))


def _comes_twice(local: datetime) -> bool:
    earlier, later = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    assert earlier is not None
    assert later is not None
    # In the hour that is skipped the offsets differ too, but no instant falls into it.
    return earlier != later


def _joined(gaps: Sequence[Gap]) -> Iterator[Gap]:
    before: Gap | None = None
    for gap in gaps:
        if before is not None and replace(before, end=gap.start) == replace(gap, start=before.start, end=gap.start):
            before = replace(before, end=gap.end)
            continue
        if before is not None:
            yield before
        before = gap
    if before is not None:
        yield before


def _end(session: RatedInput) -> datetime:
    return max((one.end for one in session.slices), default=session.started)
