"""What a session costs under a tariff (OCPI 2.2.1 and 2.3 `mod_tariffs`, and `mod_cdrs` for step_size).

A session's slices are cut into pieces wherever a restriction could change its answer: at times of day, dates,
durations, amounts of energy and, where the tariff asks for it, changes of the energy's source. In each piece and for
each dimension the first element that matches and prices the dimension is active; where none does, the dimension is
free. Energy and seconds are cut as integers, so the pieces of a slice sum to it exactly.

A tariff is made ready once (`Rater`) and then rates many sessions: most slices lie between two cuts, and are added
up as they are. Amounts are integers over one denominator; rounding to money happens once, in `Rating.minor`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import NamedTuple
from zoneinfo import ZoneInfo

from . import matching
from .matching import EVER, NEVER, NO_BOUND, LocalTimes, power_of
from .objects import Dimension, EnergySource, PriceComponent, PriceLimit, Tariff
from .rated import UNITS, Period, PriceLine, RatedInput, RatedSlice, Rating, difference

__all__ = [
    "UNITS",
    "Period",
    "PriceLine",
    "RatedInput",
    "RatedSlice",
    "Rater",
    "Rating",
    "difference",
    "first_vat",
    "prices_at",
    "rate",
    "rater",
]

_DIMENSIONS = tuple(Dimension)
_US = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_NONE = -1
_PRICE_UNITS = 10_000 * lcm(*UNITS.values())
"""OCPI's numbers have four decimals; a price is for 1000 Wh, 3600 s or a session."""
_WITHOUT_VAT = 100 * 10_000
"""100 percent, in the same decimals."""


class NotCompiled(ValueError):
    """The tariff has extensions, which `compiling.py` has to turn into plain OCPI first."""


def rate(tariff: Tariff, session: RatedInput, zone: ZoneInfo, *, final: bool = True) -> Rating:
    """Price a session. `zone` is the building's, for times of day and dates.

    A session that goes on (`final` is False) is neither rounded up to steps nor brought up to the least price.
    Raises `NotCompiled`.
    """
    return rater(tariff, zone).rate(session, final=final)


@lru_cache(maxsize=32)
def rater(tariff: Tariff, zone: ZoneInfo) -> Rater:
    """Return the tariff made ready, kept for the next time."""
    return Rater(tariff, zone)


def prices_at(
    tariff: Tariff, at: datetime, zone: ZoneInfo, power_kw: Decimal, source: EnergySource = EnergySource.GRID
) -> dict[Dimension, PriceComponent]:
    """Return the prices that would hold at an instant for a session which starts then and draws `power_kw`."""
    return rater(tariff, zone).prices_at(at, int(power_kw * 10_000), source)


def first_vat(tariff: Tariff) -> Decimal | None:
    """Return the VAT percentage of the tariff's first price: that of amounts which belong to no line."""
    return tariff.elements[0].price_components[0].vat


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Active:
    """The prices that hold together. Components by their place in `Rater.components`, or none; one object per kind."""

    energy: int
    time: int
    parking: int
    flat: int
    prices: tuple[PriceComponent, ...]
    elements: tuple[int, ...]


class _Piece(NamedTuple):
    start: datetime
    end: datetime
    energy_wh: int
    charging_s: int
    parking_s: int
    active: _Active
    source: EnergySource | None


class Rater:
    """A tariff made ready to rate sessions in one time zone. Raises `NotCompiled`."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo) -> None:
        if tariff.x_evshare is not None:
            msg = f"x_evshare: got {tariff.x_evshare!r}, accepted is a tariff compiled for the session"
            raise NotCompiled(msg)
        self.tariff = tariff
        restrictions = [element.restrictions for element in tariff.elements]
        self.components = tuple(dict.fromkeys(one for element in tariff.elements for one in element.price_components))
        self._times = LocalTimes(restrictions, zone)
        self._durations = matching.duration_bands(restrictions)
        self._energies = matching.energy_bands(restrictions)
        self._powers = matching.power_bands(restrictions)
        self._sources = matching.source_masks(restrictions)
        self._active: dict[int, _Active] = {}
        self._kinds: dict[tuple[int, ...], _Active] = {}
        self._places = {component: place for place, component in enumerate(self.components)}
        self._price()

    def _price(self) -> None:
        """Find a denominator in which every price per Wh and second, without and with VAT, is a whole number."""
        factors = [_WITHOUT_VAT + _whole_number((one.vat or Decimal(0)) * 10_000) for one in self.components]
        taxed = [factor for one, factor in zip(self.components, factors, strict=True) if one.tax_included]
        shared = lcm(_WITHOUT_VAT, *taxed)
        self._scale = _PRICE_UNITS * shared
        self._nets, self._grosses = [], []
        for one, factor in zip(self.components, factors, strict=True):
            price = _whole_number(one.price * 10_000) * (_PRICE_UNITS // (10_000 * UNITS[one.type]))
            self._nets.append(price * (shared // factor * _WITHOUT_VAT if one.tax_included else shared))
            self._grosses.append(price * (shared if one.tax_included else shared // _WITHOUT_VAT * factor))

    def prices_at(self, at: datetime, power: int, source: EnergySource) -> dict[Dimension, PriceComponent]:
        """Return the prices of a session that starts at an instant; `power` is in 0.1 W."""
        _, _, mask = self._times.span(at)
        mask &= self._durations.at(0) & self._energies.at(0) & self._powers.at(power)
        active = self._active_at(mask & self._sources.get(source, -1))
        return {component.type: component for component in active.prices}

    def rate(self, session: RatedInput, *, final: bool = True) -> Rating:
        """Price a session."""
        started = session.started
        runs: list[_Piece] = []
        # A session that ended at once still owes its flat fee.
        slices = session.slices or (RatedSlice(started, started, 0, 0, 0),)
        measured_each = bool(self._powers.bounds or self._sources)
        # Between these bounds, and until so much energy is used, the run goes on under the same prices.
        known_from, known_until, energy_until = EVER, NEVER, -1
        steady = 0
        begun = ended = started
        energy_sum = charging_sum = parking_sum = used_wh = 0
        active: _Active | None = None
        source: EnergySource | None = None
        for one in slices:
            start, end, energy_wh, charging_s, parking_s, shares = one
            goes_on = known_from <= start < known_until >= end and used_wh < energy_until >= used_wh + energy_wh
            if goes_on and not measured_each:
                ended = end
                energy_sum += energy_wh
                charging_sum += charging_s
                parking_sum += parking_s
                used_wh += energy_wh
                continue
            if goes_on and (not self._sources or len(shares) <= 1):
                pieces: Iterable[_Piece] = (self._whole(one, steady),)
            else:
                pieces = self._pieces(one, started, used_wh)
            for piece in pieces:
                if piece.active is not active or piece.source is not source:
                    if active is not None:
                        runs.append(_Piece(begun, ended, energy_sum, charging_sum, parking_sum, active, source))
                    active, source, begun = piece.active, piece.source, piece.start
                    energy_sum = charging_sum = parking_sum = 0
                ended = piece.end
                energy_sum += piece.energy_wh
                charging_sum += piece.charging_s
                parking_sum += piece.parking_s
            used_wh += energy_wh
            if not goes_on:
                # The slice may end where the prices change: what holds is known from its last piece.
                before_wh = used_wh - piece.energy_wh
                known_from, known_until = self._known(started, piece.start)
                energy_until = self._energies.next_bound(before_wh)
                steady = self._steady(started, piece.start, before_wh)
        assert active is not None
        runs.append(_Piece(begun, ended, energy_sum, charging_sum, parking_sum, active, source))
        return self._billed(runs, final=final)

    def _billed(self, runs: Sequence[_Piece], *, final: bool) -> Rating:
        """Add up what is billed of each price."""
        volumes: dict[int, int] = {}
        last_energy = last_time = last_parking = flat = _NONE
        for _, _, energy_wh, charging_s, parking_s, active, _ in runs:
            if flat == _NONE and active.flat != _NONE:
                # Once per session, whichever comes first.
                flat = active.flat
                volumes[flat] = 1
            if energy_wh and active.energy != _NONE:
                last_energy = active.energy
                volumes[last_energy] = volumes.get(last_energy, 0) + energy_wh
            if charging_s and active.time != _NONE:
                last_time = active.time
                volumes[last_time] = volumes.get(last_time, 0) + charging_s
            if parking_s and active.parking != _NONE:
                last_parking = active.parking
                volumes[last_parking] = volumes.get(last_parking, 0) + parking_s
        # Charging time is not rounded when parking is billed too.
        rounded = (last_energy, last_time if last_parking == _NONE else last_parking) if final else ()
        return self._rating(volumes, self._steps(volumes, rounded), tuple(map(_period, runs)), final=final)

    def _steps(self, volumes: dict[int, int], last: Sequence[int]) -> dict[int, int]:
        """Apply step_size: once to the energy, once to the time; the surplus is billed at the last price."""
        added = {}
        for place in last:
            if place == _NONE or self.components[place].step_size == 1:
                continue
            kind = self.components[place].type
            total = sum(volume for one, volume in volumes.items() if self.components[one].type is kind)
            surplus = -total % self.components[place].step_size
            if surplus:
                volumes[place] += surplus
                added[place] = surplus
        return added

    def _rating(
        self, volumes: dict[int, int], added: dict[int, int], periods: tuple[Period, ...], *, final: bool
    ) -> Rating:
        lines = tuple(
            PriceLine(component=self.components[place], volume=volume, added=added.get(place, 0))
            for place, volume in sorted(
                volumes.items(), key=lambda one: _DIMENSIONS.index(self.components[one[0]].type)
            )
        )
        net_n = sum(volume * self._nets[place] for place, volume in volumes.items())
        gross_n = sum(volume * self._grosses[place] for place, volume in volumes.items())
        scale = self._scale
        if final and self.tariff.min_price is not None:
            net_n, gross_n, scale = self._limited(self.tariff.min_price, 1, net_n, gross_n, scale)
        if self.tariff.max_price is not None:
            net_n, gross_n, scale = self._limited(self.tariff.max_price, -1, net_n, gross_n, scale)
        return Rating(lines=lines, periods=periods, net_n=net_n, gross_n=gross_n, scale=scale)

    def _limited(self, limit: PriceLimit, sign: int, net_n: int, gross_n: int, scale: int) -> tuple[int, int, int]:
        """Apply a least (`sign` 1) or most (-1) price, before and after tax: both hold."""
        bound = int(Fraction(limit.excl_vat) * scale)
        reached = (bound - net_n) * sign > 0
        if limit.incl_vat is not None:
            bound_gross = int(Fraction(limit.incl_vat) * scale)
            if (bound_gross - gross_n) * sign > 0:
                gross_n = bound_gross
            return bound if reached else net_n, gross_n, scale
        if not reached:
            return net_n, gross_n, scale
        if net_n:
            # No limit with VAT was given: VAT keeps its share.
            return bound * net_n, bound * gross_n, scale * net_n
        with_vat = Fraction(bound) * (1 + Fraction(first_vat(self.tariff) or 0) / 100)
        return bound * with_vat.denominator, with_vat.numerator, scale * with_vat.denominator

    def _active_at(self, mask: int) -> _Active:
        active = self._active.get(mask)
        if active is None:
            found: dict[Dimension, tuple[int, PriceComponent]] = {}
            bits = mask
            while bits:
                place = (bits & -bits).bit_length() - 1
                bits &= bits - 1
                for component in self.tariff.elements[place].price_components:
                    found.setdefault(component.type, (place, component))
            chosen = [found[one] for one in _DIMENSIONS if one in found]
            places = {one.type: self._places[one] for _, one in chosen}
            kind = (*(place for place, _ in chosen), *places.values())
            active = self._kinds.setdefault(
                kind,
                _Active(
                    energy=places.get(Dimension.ENERGY, _NONE),
                    time=places.get(Dimension.TIME, _NONE),
                    parking=places.get(Dimension.PARKING_TIME, _NONE),
                    flat=places.get(Dimension.FLAT, _NONE),
                    prices=tuple(component for _, component in chosen),
                    elements=tuple(place for place, _ in chosen),
                ),
            )
            self._active[mask] = active
        return active

    def _known(self, started: datetime, at: datetime) -> tuple[datetime, datetime]:
        """Return from when until when no restriction on time changes its answer."""
        since, until, _ = self._times.span(at)
        if self._durations.bounds:
            passed_s = (at - started) // _SECOND
            bound = self._durations.next_bound(passed_s)
            since = max(since, at)
            until = until if bound == NO_BOUND else min(until, started + timedelta(seconds=bound))
        return since, until

    def _pieces(self, whole: RatedSlice, started: datetime, used_wh: int) -> Iterable[_Piece]:
        """Return the slice as it is where it lies between two cuts, else the pieces it is cut into."""
        _, until = self._known(started, whole.start)
        more_wh = self._energies.next_bound(used_wh) - used_wh
        if whole.end > until or whole.energy_wh > more_wh or (self._sources and len(whole.sources) > 1):
            return self._cut(whole, started, used_wh)
        return (self._whole(whole, self._steady(started, whole.start, used_wh)),)

    def _whole(self, one: RatedSlice, steady: int) -> _Piece:
        """Return a slice that needs no cut; `steady` is what holds of all but its power and source."""
        start, end, energy_wh, charging_s, parking_s, shares = one
        source: EnergySource | None = None
        if self._powers.bounds:
            steady &= self._powers.at(power_of(energy_wh, charging_s, end - start))
        if self._sources:
            source = shares[0][0] if shares else EnergySource.GRID
            steady &= self._sources[source]
        return _Piece(start, end, energy_wh, charging_s, parking_s, self._active_at(steady), source)

    def _steady(self, started: datetime, at: datetime, used_wh: int) -> int:
        mask = self._times.span(at)[2] & self._energies.at(used_wh)
        return mask & self._durations.at((at - started) // _SECOND) if self._durations.bounds else mask

    def _cut(self, whole: RatedSlice, started: datetime, used_wh: int) -> Iterator[_Piece]:
        """Cut a slice. Places in it are integers of 1/(its microseconds x its Wh), so no cut is rounded."""
        length = (whole.end - whole.start) // _US
        by_time, by_energy = whole.energy_wh or 1, length or 1
        end = by_time * by_energy
        cuts = {end}
        if length:
            cuts |= {((at - whole.start) // _US) * by_time for at in self._instants(whole, started)}
        if whole.energy_wh:
            cuts |= {(bound - used_wh) * by_energy for bound in self._energies.bounds}
        sources: list[tuple[int, EnergySource | None]] = [(end, None)]
        if self._sources:
            sources = [(place * by_energy, one) for place, one in _running_sums(whole)] or [(end, EnergySource.GRID)]
            cuts |= {place for place, _ in sources}
        power_mask = self._powers.at(power_of(whole.energy_wh, whole.charging_s, whole.end - whole.start))
        before = 0
        start = whole.start
        for after in sorted(cut for cut in cuts if 0 < cut <= end):
            source = next((one for place, one in sources if before < place), sources[-1][1])
            mask = power_mask & self._steady(started, start, used_wh + whole.energy_wh * before // end)
            if source is not None:
                mask &= self._sources[source]
            until = whole.start + _US * (length * after // end)
            yield _Piece(
                start=start,
                end=until,
                energy_wh=whole.energy_wh * after // end - whole.energy_wh * before // end,
                charging_s=whole.charging_s * after // end - whole.charging_s * before // end,
                parking_s=whole.parking_s * after // end - whole.parking_s * before // end,
                active=self._active_at(mask),
                source=source,
            )
            before, start = after, until

    def _instants(self, whole: RatedSlice, started: datetime) -> Iterator[datetime]:
        """Return the instants in a slice at which a restriction on time changes its answer."""
        _, until, _ = self._times.span(whole.start)
        while until < whole.end:
            yield until
            _, until, _ = self._times.span(until)
        for bound in self._durations.bounds:
            yield started + timedelta(seconds=bound)


def _running_sums(whole: RatedSlice) -> Iterator[tuple[int, EnergySource]]:
    """Return up to how many Wh each source lasts: within a slice, one after the other."""
    total = 0
    for source, energy_wh in whole.sources:
        total += energy_wh
        if energy_wh:
            yield total, source


def _period(run: _Piece) -> Period:
    return Period(
        start=run.start,
        end=run.end,
        energy_wh=run.energy_wh,
        charging_s=run.charging_s,
        parking_s=run.parking_s,
        prices=run.active.prices,
        elements=run.active.elements,
        source=run.source,
    )


def _whole_number(value: Decimal) -> int:
    whole = int(value)
    if whole != value:
        msg = f"price: got {value / 10_000}, accepted is a number with at most 4 decimals"
        raise ValueError(msg)
    return whole
