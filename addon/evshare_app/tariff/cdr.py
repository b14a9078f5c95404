"""Charge detail records: an ended session, rated once and never changed (OCPI 2.2.1 CDR).

Energy is billed only when it can be proven: the session's slices join, register to register, and sum to its energy.
A session that cannot be proven stays without a CDR, and the month cannot be closed until it is settled.

What OCPI has no field for is under ``x_evshare``: register values per meter epoch, the tariff version, and the
amounts in minor units that the statement prints and the ledger books. Residents' CDRs never leave the building, so
what only roaming partners need is ``#NA``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
import logging
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from ..books import schema
from ..books.building import BuildingRow, the_building
from ..model import SessionId, from_ms
from ..money import Money, split_largest_remainder
from .ocpi import Dimension, dump, load
from .rating import Period, RatedInput, RatedSlice, Rating, first_vat, rate
from .store import TariffVersion, tariff_version

_LOGGER = logging.getLogger(__name__)
_AUTH = {"card": ("WHITELIST", "RFID"), "phone": ("COMMAND", "APP_USER"), "ha_user": ("COMMAND", "OTHER")}
"""OCPI auth_method and token type of a credential kind."""
_COSTS = {
    Dimension.FLAT: "total_fixed_cost",
    Dimension.ENERGY: "total_energy_cost",
    Dimension.TIME: "total_time_cost",
    Dimension.PARKING_TIME: "total_parking_cost",
}


class Unproven(Exception):
    """The books do not prove what the session used, so it cannot be billed."""


class NotEnded(Exception):
    """The session is unknown or still open."""


@dataclass(frozen=True, kw_only=True)
class Registers:
    """What a meter showed at the start and the end of a session, within one meter epoch."""

    epoch: int
    serial: str | None
    start_wh: int
    end_wh: int


def rate_ended_session(conn: Connection, session_id: SessionId, now: datetime) -> str | None:
    """Make the CDR of an ended session and return its id; the id of the existing one when it has one.

    None when there is nothing to bill: it never started, its stall has no trustworthy register, it used nothing and
    costs nothing, or what it used is not proven (logged; the month close names it). Raises `NotEnded`.
    """
    there = conn.scalar(select(schema.cdr.c.cdr_id).where(schema.cdr.c.session_id == session_id))
    if there is not None:
        return str(there)
    try:
        record = make_cdr(conn, session_id, now)
    except Unproven as problem:
        _LOGGER.warning("Session %s cannot be billed: %s", session_id, problem)
        return None
    if record is None:
        return None
    conn.execute(insert(schema.cdr).values(**record))
    return str(record["cdr_id"])


def make_cdr(conn: Connection, session_id: SessionId, now: datetime) -> dict[str, Any] | None:
    """Return the row of an ended session's CDR, or None when there is nothing to bill.

    Raises `NotEnded` and `Unproven`.
    """
    session = conn.execute(
        select(
            schema.session,
            schema.stall.c.name.label("stall_name"),
            schema.stall.c.billable,
            schema.resident.c.account_id,
        )
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .join(schema.resident, schema.resident.c.resident_id == schema.session.c.resident_id)
        .where(schema.session.c.session_id == session_id)
    ).one_or_none()
    if session is None or session.ended_ms is None:
        msg = f"session: got {session_id!r}, accepted is the id of an ended session"
        raise NotEnded(msg)
    if session.started_ms is None or not session.billable:
        return None
    slices = conn.execute(
        select(schema.slice_)
        .where(schema.slice_.c.session_id == session_id)
        .order_by(schema.slice_.c.start_ms, schema.slice_.c.epoch, schema.slice_.c.slice_id)
    ).all()
    registers = _proven_registers(conn, session, slices)
    building = the_building(conn)
    version = tariff_version(conn, session.tariff_version)
    rating = rate(
        version.tariff,
        RatedInput(started=from_ms(session.started_ms), slices=[rated_slice(one) for one in slices]),
        building.zone,
    )
    net = Money.from_decimal(rating.net, building.currency).minor
    gross = Money.from_decimal(rating.gross, building.currency).minor
    if not session.energy_wh and not gross:
        return None
    return {
        "building_id": building.building_id,
        "cdr_id": session_id,
        "session_id": session_id,
        "account_id": session.account_id,
        "ended_ms": session.ended_ms,
        "energy_wh": session.energy_wh,
        "net_minor": net,
        "vat_minor": gross - net,
        "gross_minor": gross,
        "currency": building.currency,
        "ocpi_json": dump(
            {
                **_ocpi(session, building, version, now),
                **_costs(building.currency, rating, version, net, gross),
                "meter_id": registers[0].serial if registers and registers[0].serial else "#NA",
                "x_evshare": {
                    "tariff_version": version.version_id,
                    "stall_name": session.stall_name,
                    "registers": [vars(one) for one in registers],
                    "lines": _lines(version, rating, net, building.currency),
                    "vat": _vat(version, rating, gross - net),
                },
            }
        ),
    }


def cdr_extension(ocpi_json: str) -> Mapping[str, Any]:
    """Return what evshare added to a CDR: tariff_version, registers, lines, vat."""
    extension: Mapping[str, Any] = load(ocpi_json)["x_evshare"]
    return extension


def _proven_registers(conn: Connection, session: Row[Any], slices: Sequence[Row[Any]]) -> list[Registers]:
    spans: dict[int, tuple[int, int]] = {}
    for one in slices:
        start_wh, end_wh = spans.get(one.epoch, (one.register_start_wh, one.register_start_wh))
        if one.register_start_wh != end_wh:
            msg = f"its slices do not join in epoch {one.epoch}: {end_wh} Wh is followed by {one.register_start_wh} Wh"
            raise Unproven(msg)
        spans[one.epoch] = (start_wh, one.register_end_wh)
    total_wh = sum(end_wh - start_wh for start_wh, end_wh in spans.values())
    if total_wh != session.energy_wh:
        msg = f"its slices sum to {total_wh} Wh, the session says {session.energy_wh} Wh"
        raise Unproven(msg)
    serials = {
        row.number: row.serial
        for row in conn.execute(select(schema.meter_epoch).where(schema.meter_epoch.c.stall_id == session.stall_id))
    }
    return [
        Registers(epoch=epoch, serial=serials.get(epoch), start_wh=start_wh, end_wh=end_wh)
        for epoch, (start_wh, end_wh) in spans.items()
    ]


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


def _ocpi(session: Row[Any], building: BuildingRow, version: TariffVersion, now: datetime) -> dict[str, Any]:
    tariff = version.tariff
    auth_method, token_type = _AUTH.get(session.credential_kind, ("WHITELIST", "OTHER"))
    return {
        "country_code": tariff.country_code,
        "party_id": tariff.party_id,
        "id": session.session_id,
        "start_date_time": from_ms(session.started_ms),
        "end_date_time": from_ms(session.ended_ms),
        "session_id": session.session_id,
        "cdr_token": {
            "country_code": tariff.country_code,
            "party_id": tariff.party_id,
            "uid": session.resident_id,
            "type": token_type,
            "contract_id": session.account_id,
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
        "tariffs": [tariff],
        "total_energy": Decimal(session.energy_wh) / 1000,
        "last_updated": now,
    }


def _costs(currency: str, rating: Rating, version: TariffVersion, net: int, gross: int) -> dict[str, Any]:
    costs: dict[str, Decimal] = {}
    for line in _lines(version, rating, net, currency):
        if line["type"] in _COSTS:
            name = _COSTS[line["type"]]
            costs[name] = costs.get(name, Decimal(0)) + Money(line["net_minor"], currency).to_decimal()
    return {
        "total_cost": {
            "excl_vat": Money(net, currency).to_decimal(),
            "incl_vat": Money(gross, currency).to_decimal(),
        },
        **{name: {"excl_vat": amount} for name, amount in costs.items()},
        **_charging_periods(rating.periods, version.tariff.id),
    }


def _lines(version: TariffVersion, rating: Rating, net: int, currency: str) -> list[dict[str, Any]]:
    """Return the price lines in minor units; they sum to `net`."""
    before_limits = Money.from_decimal(sum((line.net for line in rating.lines), Decimal(0)), currency).minor
    shares = _shares(before_limits, {place: line.net for place, line in enumerate(rating.lines)})
    lines: list[dict[str, Any]] = [
        {
            "type": line.component.type,
            "price": line.component.price,
            "volume": line.volume,
            "vat": line.component.vat,
            "net_minor": shares[place],
        }
        for place, line in enumerate(rating.lines)
    ]
    if net != before_limits:
        kind = "MIN_PRICE" if net > before_limits else "MAX_PRICE"
        lines.append({"type": kind, "vat": first_vat(version.tariff), "net_minor": net - before_limits})
    return lines


def _vat(version: TariffVersion, rating: Rating, vat: int) -> list[dict[str, Any]]:
    """Return the VAT per rate in minor units; it sums to `vat`."""
    rates: dict[Decimal, Decimal] = {}
    for line in rating.lines:
        if line.component.vat is not None:
            rates[line.component.vat] = rates.get(line.component.vat, Decimal(0)) + line.vat
    if vat and not any(rates.values()):
        rates = {first_vat(version.tariff) or Decimal(0): Decimal(1)}
    shares = _shares(vat, rates)
    return [{"percent": percent, "minor": shares[percent]} for percent in rates]


def _shares[K](total: int, weights: Mapping[K, Decimal]) -> dict[K, int]:
    return split_largest_remainder(total, weights) if total else dict.fromkeys(weights, 0)


def _charging_periods(periods: Sequence[Period], tariff_id: str) -> dict[str, Any]:
    """Return the OCPI periods and the hours in all. The hours of the periods sum to them exactly."""
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
                "tariff_id": tariff_id,
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
