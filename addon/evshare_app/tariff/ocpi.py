"""An OCPI 2.2.1 or 2.3 Tariff object, read strictly: what we cannot rate exactly is refused by name, never ignored.

Source: OCPI 2.2.1 and 2.3.0 `mod_tariffs.asciidoc`. A tariff with `tax_included` is read as one of 2.3: its limits
are `before_taxes` and `after_taxes`, and its prices are with taxes where it says YES. Prices of reservations are read
and never hold: a stall that is kept for somebody costs nothing here. What OCPI has no field for is accepted under
``x_evshare`` (`objects.Extensions`).
"""

from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

from babel.numbers import list_currencies

from ..i18n import mark
from .fields import (
    Reader,
    day,
    instant,
    many,
    number,
    one_of,
    percent,
    read_object,
    refuse,
    signed,
    text,
    time_of_day,
    whole,
    yes_or_no,
)
from .objects import (
    DAYS,
    RESERVATIONS,
    TARIFF_TYPES,
    Dimension,
    DisplayText,
    EnergyMix,
    EnergyShare,
    EnergySource,
    Extensions,
    Holidays,
    Impact,
    PriceComponent,
    PriceLimit,
    Restrictions,
    Spot,
    Tariff,
    TariffElement,
    TariffError,
    TaxIncluded,
    dump,
    load,
    rfc3339,
)

__all__ = [
    "DAYS",
    "TARIFF_TYPES",
    "Dimension",
    "DisplayText",
    "EnergySource",
    "Extensions",
    "Holidays",
    "PriceComponent",
    "PriceLimit",
    "Restrictions",
    "Spot",
    "Tariff",
    "TariffElement",
    "TariffError",
    "TaxIncluded",
    "dump",
    "load",
    "parse_tariff",
    "rfc3339",
]

SLOT_MINUTES = (15, 60)


def parse_tariff(source: Mapping[str, Any]) -> Tariff:
    """Read a Tariff object.

    Raises:
        TariffError: a field is missing, unknown, of another kind, or a restriction that cannot be rated here.
    """
    required = {"country_code", "party_id", "id", "currency", "elements", "last_updated"}
    is_23 = isinstance(source, Mapping) and "tax_included" in source
    limit = _limit_23 if is_23 else _limit
    read = read_object("", source, _TARIFF | {"min_price": limit, "max_price": limit}, required)
    tariff = _taxed(Tariff(**read)) if is_23 else Tariff(**read)
    _check_spot(tariff)
    return tariff


def _taxed(tariff: Tariff) -> Tariff:
    """Let each price know whether it is with taxes."""
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        for place, element in enumerate(tariff.elements):
            for component in element.price_components:
                if component.vat:
                    path = f"elements[{place}].price_components.vat"
                    raise refuse(path, f"{component.vat:f}", mark("none: tax_included is N/A"))
        if tariff.x_evshare and tariff.x_evshare.spot and tariff.x_evshare.spot.vat:
            raise refuse("x_evshare.spot.vat", f"{tariff.x_evshare.spot.vat:f}", mark("none: tax_included is N/A"))
    if tariff.tax_included is not TaxIncluded.YES:
        return tariff
    elements = tuple(
        replace(element, price_components=tuple(replace(one, tax_included=True) for one in element.price_components))
        for element in tariff.elements
    )
    return replace(tariff, elements=elements)


def _check_spot(tariff: Tariff) -> None:
    """Refuse a spot price that could never hold: an element without restrictions prices the energy before it."""
    if tariff.x_evshare is None or tariff.x_evshare.spot is None:
        return
    for place, element in enumerate(tariff.elements):
        if element.restrictions == Restrictions() and any(
            one.type is Dimension.ENERGY for one in element.price_components
        ):
            path = f"elements[{place}].price_components"
            accepted = mark("no ENERGY without restrictions beside x_evshare.spot, which would never hold")
            raise refuse(path, "ENERGY", accepted)


def _currency(path: str, value: Any) -> str:
    if value not in list_currencies():
        raise refuse(path, value, mark("an ISO 4217 code"))
    return str(value)


def _alt_text(path: str, value: Any) -> DisplayText:
    return DisplayText(**read_object(path, value, {"language": text(2, 2), "text": text(512)}, {"language", "text"}))


def _limit(path: str, value: Any) -> PriceLimit:
    limit = PriceLimit(**read_object(path, value, {"excl_vat": number, "incl_vat": number}, {"excl_vat"}))
    if limit.incl_vat is not None and limit.incl_vat < limit.excl_vat:
        raise refuse(f"{path}.incl_vat", limit.incl_vat, mark("a price not below excl_vat"))
    return limit


def _limit_23(path: str, value: Any) -> PriceLimit:
    read = read_object(path, value, {"before_taxes": number, "after_taxes": number}, {"before_taxes"})
    limit = PriceLimit(excl_vat=read["before_taxes"], incl_vat=read.get("after_taxes"))
    if limit.incl_vat is not None and limit.incl_vat < limit.excl_vat:
        raise refuse(f"{path}.after_taxes", limit.incl_vat, mark("a price not below before_taxes"))
    return limit


def _tax_included(path: str, value: Any) -> TaxIncluded:
    return TaxIncluded(one_of(tuple(TaxIncluded))(path, value))


def _component(path: str, value: Any) -> PriceComponent:
    read = read_object(path, value, _COMPONENT, {"type", "price", "step_size"})
    return PriceComponent(**read | {"type": Dimension(read["type"])})


def _restrictions(path: str, value: Any) -> Restrictions:
    read = read_object(path, value, _RESTRICTIONS, set())
    return Restrictions(**read.pop("x_evshare", {}), **read)


def _source(path: str, value: Any) -> dict[str, EnergySource]:
    read = read_object(path, value, {"energy_source": one_of(tuple(EnergySource))}, {"energy_source"})
    return {"energy_source": EnergySource(read["energy_source"])}


def _element(path: str, value: Any) -> TariffElement:
    element = TariffElement(**read_object(path, value, _ELEMENT, {"price_components"}))
    dimensions = [component.type for component in element.price_components]
    if len(set(dimensions)) < len(dimensions):
        raise refuse(f"{path}.price_components", [str(one) for one in dimensions], mark("each type at most once"))
    if element.restrictions.energy_source and dimensions != [Dimension.ENERGY]:
        got = [str(one) for one in dimensions]
        raise refuse(f"{path}.price_components", got, mark("ENERGY alone: only energy has an energy_source"))
    return element


def _energy_share(path: str, value: Any) -> EnergyShare:
    readers: dict[str, Reader] = {"source": text(36), "percentage": percent}
    return EnergyShare(**read_object(path, value, readers, set(readers)))


def _impact(path: str, value: Any) -> Impact:
    readers: dict[str, Reader] = {"category": text(36), "amount": number}
    return Impact(**read_object(path, value, readers, set(readers)))


def _energy_mix(path: str, value: Any) -> EnergyMix:
    readers: dict[str, Reader] = {
        "is_green_energy": yes_or_no,
        "energy_sources": many(_energy_share),
        "environ_impact": many(_impact),
        "supplier_name": text(64),
        "energy_product_name": text(64),
    }
    return EnergyMix(**read_object(path, value, readers, {"is_green_energy"}))


def _spot(path: str, value: Any) -> Spot:
    spot = Spot(**read_object(path, value, _SPOT, {"series", "fallback"}))
    if spot.slot_minutes not in SLOT_MINUTES:
        raise refuse(f"{path}.slot_minutes", spot.slot_minutes, mark("15 or 60"))
    if spot.max is not None and spot.max < spot.min:
        raise refuse(f"{path}.max", spot.max, mark("a price not below min"))
    return spot


def _holidays(path: str, value: Any) -> Holidays:
    readers: dict[str, Reader] = {"country": text(2, 2), "subdivision": text(12), "as_day": one_of(DAYS)}
    return Holidays(**read_object(path, value, readers, {"country"}))


def _extensions(path: str, value: Any) -> Extensions:
    return Extensions(**read_object(path, value, _EXTENSIONS, set()))


_COMPONENT: dict[str, Reader] = {
    "type": one_of(tuple(Dimension)),
    "price": number,
    "vat": percent,
    "step_size": whole(1),
}
_RESTRICTIONS: dict[str, Reader] = {
    "start_time": time_of_day,
    "end_time": time_of_day,
    "start_date": day,
    "end_date": day,
    "min_kwh": number,
    "max_kwh": number,
    "min_power": number,
    "max_power": number,
    "min_current": number,
    "max_current": number,
    "min_duration": whole(0),
    "max_duration": whole(0),
    "day_of_week": many(one_of(DAYS)),
    "reservation": one_of(RESERVATIONS),
    "x_evshare": _source,
}
_ELEMENT: dict[str, Reader] = {"price_components": many(_component), "restrictions": _restrictions}
_SPOT: dict[str, Reader] = {
    "series": text(255),
    "factor": number,
    "adder": signed,
    "min": number,
    "max": number,
    "fallback": number,
    "vat": percent,
    "slot_minutes": whole(1),
}
_EXTENSIONS: dict[str, Reader] = {
    "spot": _spot,
    "idle_grace_s": whole(0),
    "idle_only_if_queue": yes_or_no,
    "holidays": _holidays,
}
_TARIFF: dict[str, Reader] = {
    "country_code": text(2, 2),
    "party_id": text(3, 3),
    "id": text(36),
    "currency": _currency,
    "type": one_of(TARIFF_TYPES),
    "tariff_alt_text": many(_alt_text),
    "tariff_alt_url": text(255),
    "min_price": _limit,
    "max_price": _limit,
    "elements": many(_element),
    "tax_included": _tax_included,
    "start_date_time": instant,
    "end_date_time": instant,
    "energy_mix": _energy_mix,
    "last_updated": instant,
    "x_evshare": _extensions,
}
assert {one.name for one in fields_of(Tariff)} == _TARIFF.keys()
assert {one.name for one in fields_of(Spot)} == _SPOT.keys()
assert {one.name for one in fields_of(Extensions)} == _EXTENSIONS.keys()
assert {one.name for one in fields_of(Restrictions)} ^ _RESTRICTIONS.keys() == {"energy_source", "x_evshare"}
