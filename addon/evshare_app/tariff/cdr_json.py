"""What a CDR says in OCPI's words, and what OCPI has no field for.

Residents' CDRs never leave the building, so what only roaming partners need is ``#NA``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Row

from ..books.building import BuildingRow
from ..model import from_ms
from ..money import Money
from .compiling import Compiled, plain_tariffs
from .objects import Dimension, EnergySource, Tariff
from .part import Amounts
from .rating import Period, RatedSlice
from .store import TariffVersion

_AUTH = {"card": ("WHITELIST", "RFID"), "phone": ("COMMAND", "APP_USER"), "ha_user": ("COMMAND", "OTHER")}
"""OCPI auth_method and token type of a credential kind."""
_COSTS = {
    Dimension.FLAT: "total_fixed_cost",
    Dimension.ENERGY: "total_energy_cost",
    Dimension.TIME: "total_time_cost",
    Dimension.PARKING_TIME: "total_parking_cost",
}
_VOLUMES = ("energy_wh", "charging_s", "parking_s")


def rated_slice(one: Row[Any]) -> RatedSlice:
    """Return a slice of the books as it is rated."""
    return RatedSlice(
        start=from_ms(one.start_ms),
        end=from_ms(one.end_ms),
        energy_wh=one.register_end_wh - one.register_start_wh,
        charging_s=one.charging_s,
        # OCPI: parking is when the car asks for no power. Waiting for amps or sun that we do not offer is not parking.
        parking_s=one.suspended_s if one.limit_a else 0,
    )


def ocpi_fields(
    session: Row[Any], building: BuildingRow, version: TariffVersion, now: datetime, span_ms: tuple[int, int]
) -> dict[str, Any]:
    """Return who charged, where and when, as OCPI names it."""
    tariff = version.tariff
    auth_method, token_type = _AUTH.get(session.credential_kind, ("WHITELIST", "OTHER"))
    return {
        "country_code": tariff.country_code,
        "party_id": tariff.party_id,
        "start_date_time": from_ms(span_ms[0]),
        "end_date_time": from_ms(span_ms[1]),
        "session_id": session.session_id,
        "cdr_token": {
            "country_code": tariff.country_code,
            "party_id": tariff.party_id,
            "uid": session.resident_id,
            "type": token_type,
            "contract_id": session.payer_id,
        },
        "auth_method": auth_method,
        "cdr_location": {
            "id": building.building_id,
            "name": building.name,
            "address": "#NA",
            "city": "#NA",
            "country": "#NA",
            "coordinates": {"latitude": "#NA", "longitude": "#NA"},
            "evse_uid": session.stall_id,
            "evse_id": "#NA",
            "connector_id": "1",
            "connector_standard": "#NA",
            "connector_format": "#NA",
            "connector_power_type": "#NA",
        },
        "currency": building.currency,
        "last_updated": now,
    }


def ocpi_costs(currency: str, part: Amounts) -> dict[str, Any]:
    """Return the CDR's sums, in major units."""
    costs: dict[str, Decimal] = {}
    for line in part.lines:
        if line.type in _COSTS:
            name = _COSTS[Dimension(line.type)]
            costs[name] = costs.get(name, Decimal(0)) + Money(line.net_minor, currency).to_decimal()
    return {
        "total_cost": {
            "excl_vat": Money(part.net_minor, currency).to_decimal(),
            "incl_vat": Money(part.gross_minor, currency).to_decimal(),
        },
        **{name: {"excl_vat": amount} for name, amount in costs.items()},
    }


def unbilled_periods(periods: Sequence[Period], slices: Sequence[Row[Any]], new: Sequence[Row[Any]]) -> list[Period]:
    """Return what of a session's periods is not billed yet: all of them, less what its billed slices had."""
    if len(new) == len(slices):
        return list(periods)
    billed_ids = {one.slice_id for one in slices} - {one.slice_id for one in new}
    billed = [rated_slice(one) for one in slices if one.slice_id in billed_ids]
    gone = [sum(getattr(one, name) for one in billed) for name in _VOLUMES]
    left = []
    for period in periods:
        volumes = [getattr(period, name) for name in _VOLUMES]
        off = [min(volume, less_) for volume, less_ in zip(volumes, gone, strict=True)]
        gone = [less_ - taken for less_, taken in zip(gone, off, strict=True)]
        rest = {name: volume - taken for name, volume, taken in zip(_VOLUMES, volumes, off, strict=True)}
        if any(rest.values()):
            start = max(period.start, from_ms(new[0].start_ms)) if any(off) else period.start
            left.append(replace(period, start=start, **rest))
    return left


def charging_periods(periods: Sequence[Period], tariff: Tariff) -> dict[str, Any]:
    """Return the OCPI periods and the hours in all. The hours of the periods sum to them exactly."""
    by_source: Mapping[EnergySource | None, Tariff] = {None: tariff, **plain_tariffs(tariff)}
    charged_s = parked_s = 0
    made: list[dict[str, Any]] = []
    for period in periods:
        hours = _hours(charged_s + period.charging_s) - _hours(charged_s)
        parking_hours = _hours(parked_s + period.parking_s) - _hours(parked_s)
        charged_s += period.charging_s
        parked_s += period.parking_s
        volumes = {"ENERGY": Decimal(period.energy_wh) / 1000, "TIME": hours, "PARKING_TIME": parking_hours}
        made.append(
            {
                "start_date_time": period.start,
                "dimensions": [{"type": name, "volume": volume} for name, volume in volumes.items()],
                "tariff_id": by_source[period.source if period.source in by_source else None].id,
            }
        )
    return {
        "charging_periods": made,
        "total_time": _hours(charged_s) + _hours(parked_s),
        "total_parking_time": _hours(parked_s),
    }


def _hours(seconds: int) -> Decimal:
    # OCPI numbers have four decimals.
    return (Decimal(seconds) / 3600).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def remarks(ready: Compiled, periods: Sequence[Period], before: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is to be said besides: what was not known, parking that cost nothing, where energy came from.

    `before` is what was said of the session's parts that are billed already; their energy and time are not said again.
    """
    sources: dict[str, int] = {}
    for period in periods:
        if period.source is not None:
            sources[period.source] = sources.get(period.source, 0) + period.energy_wh
    for said in before:
        for source, energy_wh in said.get("sources", {}).items():
            sources[source] = sources.get(source, 0) - energy_wh
    sources = {source: energy_wh for source, energy_wh in sources.items() if energy_wh}
    forgiven_s = ready.forgiven_s - sum(said.get("forgiven_s", 0) for said in before)
    gaps = [{name: value for name, value in vars(one).items() if value not in (None, ())} for one in ready.gaps]
    told = {"gaps": gaps, "forgiven_s": forgiven_s, "sources": sources}
    return {name: value for name, value in told.items() if value}
