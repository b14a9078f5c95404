"""The tariffs most houses want, from a few numbers; and the other way round, for the editor.

A preset makes an OCPI Tariff object (2.2.1, or 2.3 where taxes are in the prices). `recognise` tells which preset an
object is: the numbers are read off it and the object is made again from them; only if both are the same, it is one.
Every amount is per kWh, per hour or per session, without taxes unless `Extras.tax_included`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from .objects import (
    Dimension,
    EnergySource,
    Extensions,
    Holidays,
    PriceComponent,
    Restrictions,
    Spot,
    Tariff,
    TariffElement,
    TaxIncluded,
    dump,
    load,
)
from .ocpi import parse_tariff

_WEEKEND = ("SATURDAY", "SUNDAY")


@dataclass(frozen=True, kw_only=True)
class Flat:
    """One price at all times."""

    price: Decimal


@dataclass(frozen=True, kw_only=True)
class DayNight:
    """A price by day, and one by night."""

    day: Decimal
    night: Decimal
    night_from: time = time(22)
    night_until: time = time(6)
    weekend_is_night: bool = False
    holidays: Holidays | None = None
    """Public holidays that count as Sundays; they matter where the weekend is night."""


@dataclass(frozen=True, kw_only=True)
class SolarFriendly:
    """Cheaper energy from the house's own sun. None for the battery: it costs what the grid costs."""

    solar: Decimal
    grid: Decimal
    battery: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class SpotPriced:
    """A price that follows the market: price = series x factor + adder, within min and max."""

    series: str
    fallback: Decimal
    factor: Decimal = Decimal(1)
    adder: Decimal = Decimal(0)
    min: Decimal = Decimal(0)
    max: Decimal | None = None
    slot_minutes: int = 60


type Preset = Flat | DayNight | SolarFriendly | SpotPriced


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What any preset may have besides: taxes, a fee per session, and one for a car that is full and stays."""

    vat: Decimal | None = None
    tax_included: bool = False
    session_fee: Decimal = Decimal(0)
    idle_fee: Decimal = Decimal(0)
    """Per hour connected without asking for energy."""
    idle_grace_s: int = 0
    idle_only_if_queue: bool = False


_NO_EXTRAS = Extras()


def to_ocpi(preset: Preset, currency: str, now: datetime, extras: Extras = _NO_EXTRAS) -> dict[str, Any]:
    """Return the OCPI Tariff object of a preset. Raises `TariffError` when a number is not usable."""
    made = load(dump(_made(preset, extras, currency, now)))
    parse_tariff(made)
    return made


def recognise(tariff: Tariff) -> tuple[Preset, Extras] | None:
    """Return the preset and the numbers a tariff was made from; None: it is none of them."""
    extras = _extras_of(tariff)
    if extras is None:
        return None
    for read_off in (_flat_of, _day_night_of, _solar_of, _spot_of):
        preset = read_off(tariff)
        if preset is None:
            continue
        again = parse_tariff(load(dump(_made(preset, extras, tariff.currency, tariff.last_updated))))
        # Its name and its texts may be anything.
        if replace(again, id=tariff.id, tariff_alt_text=tariff.tariff_alt_text) == replace(
            tariff, country_code=again.country_code, party_id=again.party_id, type=again.type
        ):
            return preset, extras
    return None


# --- from numbers to a tariff ---------------------------------------------------------------------------------------


def _made(preset: Preset, extras: Extras, currency: str, now: datetime) -> Tariff:
    def component(kind: Dimension, price: Decimal) -> PriceComponent:
        return PriceComponent(type=kind, price=price, vat=extras.vat)

    def energy(price: Decimal, **only: Any) -> TariffElement:
        return TariffElement(price_components=(component(Dimension.ENERGY, price),), restrictions=Restrictions(**only))

    fees = [
        component(kind, price)
        for kind, price in ((Dimension.FLAT, extras.session_fee), (Dimension.PARKING_TIME, extras.idle_fee))
        if price
    ]
    elements = [*_energy_elements(preset, energy)]
    if fees:
        elements.append(TariffElement(price_components=tuple(fees)))
    if not elements:
        # OCPI wants an element: this is its way to say "free", and the spot price comes after it.
        elements.append(TariffElement(price_components=(component(Dimension.FLAT, Decimal(0)),)))
    extensions = Extensions(
        spot=_spot(preset, extras) if isinstance(preset, SpotPriced) else None,
        idle_grace_s=extras.idle_grace_s,
        idle_only_if_queue=extras.idle_only_if_queue,
        holidays=preset.holidays if isinstance(preset, DayNight) else None,
    )
    return Tariff(
        # XX is ISO 3166's user-assigned "nowhere": residents' tariffs never leave the building.
        country_code="XX",
        party_id="EVS",
        id=_IDS[type(preset)],
        currency=currency,
        type="REGULAR",
        elements=tuple(elements),
        tax_included=TaxIncluded.YES if extras.tax_included else None,
        x_evshare=extensions if extensions != Extensions() else None,
        last_updated=now,
    )


_IDS: dict[type, str] = {Flat: "flat", DayNight: "day-night", SolarFriendly: "solar-friendly", SpotPriced: "spot"}


def _energy_elements(preset: Preset, energy: Callable[..., TariffElement]) -> Iterator[TariffElement]:
    match preset:
        case Flat():
            yield energy(preset.price)
        case DayNight():
            if preset.weekend_is_night:
                yield energy(preset.night, day_of_week=_WEEKEND)
            yield energy(preset.night, start_time=preset.night_from, end_time=preset.night_until)
            yield energy(preset.day)
        case SolarFriendly():
            yield energy(preset.solar, energy_source=EnergySource.SOLAR)
            if preset.battery is not None:
                yield energy(preset.battery, energy_source=EnergySource.BATTERY)
            yield energy(preset.grid)
        case SpotPriced():
            return


def _spot(preset: SpotPriced, extras: Extras) -> Spot:
    return Spot(**vars(preset), vat=extras.vat)


# --- from a tariff to numbers ---------------------------------------------------------------------------------------


def _prices(tariff: Tariff, kind: Dimension) -> list[tuple[Decimal, Restrictions]]:
    return [
        (component.price, element.restrictions)
        for element in tariff.elements
        for component in element.price_components
        if component.type is kind
    ]


def _extras_of(tariff: Tariff) -> Extras | None:
    spot = tariff.x_evshare.spot if tariff.x_evshare else None
    rates = {one.vat for element in tariff.elements for one in element.price_components}
    rates |= {spot.vat} if spot else set()
    if len(rates) != 1 or tariff.tax_included not in (None, TaxIncluded.YES):
        return None
    extensions = tariff.x_evshare or Extensions()
    return Extras(
        vat=rates.pop(),
        tax_included=tariff.tax_included is TaxIncluded.YES,
        session_fee=next((price for price, _ in _prices(tariff, Dimension.FLAT)), Decimal(0)),
        idle_fee=next((price for price, _ in _prices(tariff, Dimension.PARKING_TIME)), Decimal(0)),
        idle_grace_s=extensions.idle_grace_s,
        idle_only_if_queue=extensions.idle_only_if_queue,
    )


def _flat_of(tariff: Tariff) -> Flat | None:
    prices = _prices(tariff, Dimension.ENERGY)
    return Flat(price=prices[0][0]) if len(prices) == 1 else None


def _day_night_of(tariff: Tariff) -> DayNight | None:
    prices = _prices(tariff, Dimension.ENERGY)
    nights = [(price, only) for price, only in prices if only.start_time and only.end_time]
    if len(nights) != 1:
        return None
    night, only = nights[0]
    assert only.start_time is not None
    assert only.end_time is not None
    return DayNight(
        day=prices[-1][0],
        night=night,
        night_from=only.start_time,
        night_until=only.end_time,
        weekend_is_night=len(prices) == 3,
        holidays=tariff.x_evshare.holidays if tariff.x_evshare else None,
    )


def _solar_of(tariff: Tariff) -> SolarFriendly | None:
    by_source = {only.energy_source: price for price, only in _prices(tariff, Dimension.ENERGY)}
    if EnergySource.SOLAR not in by_source or None not in by_source:
        return None
    return SolarFriendly(
        solar=by_source[EnergySource.SOLAR], grid=by_source[None], battery=by_source.get(EnergySource.BATTERY)
    )


def _spot_of(tariff: Tariff) -> SpotPriced | None:
    spot = tariff.x_evshare.spot if tariff.x_evshare else None
    if spot is None:
        return None
    return SpotPriced(**{name: value for name, value in vars(spot).items() if name != "vat"})
