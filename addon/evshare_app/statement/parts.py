"""CDRs as documents print them: what was rated once, read back from the books and never rated again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, select

from ..books import schema
from ..books.access_tables import guest_pass
from ..model import from_ms
from ..tariff.cdr import CREDIT
from ..tariff.ocpi import load
from .charge import Charge
from .document import Line, Meter, SessionPart, Vat


@dataclass(frozen=True, kw_only=True)
class RatedPart:
    """A CDR, read back from the books."""

    session: SessionPart
    version_id: str
    vat: tuple[tuple[Decimal, int], ...]
    gross_minor: int


def rated_parts(conn: Connection, cdr_ids: Sequence[str]) -> list[RatedPart]:
    """Return these CDRs in the order in which their sessions started."""
    rows = conn.execute(
        select(
            schema.cdr,
            schema.session.c.started_ms,
            schema.resident.c.name.label("resident"),
            guest_pass.c.label.label("guest"),
        )
        .join(schema.session, schema.session.c.session_id == schema.cdr.c.session_id)
        .join(schema.resident, schema.resident.c.resident_id == schema.session.c.resident_id)
        .outerjoin(guest_pass, guest_pass.c.pass_id == schema.session.c.credential_id)
        .where(schema.cdr.c.cdr_id.in_(cdr_ids))
        .order_by(schema.session.c.started_ms, schema.cdr.c.cdr_id)
    )
    return [_part(row) for row in rows]


def rated_session(conn: Connection, session_id: str) -> RatedPart | None:
    """Return a session as if it had one CDR: one cut at a month's end has several. None while it has none."""
    taken_back = select(schema.cdr.c.credits).where(schema.cdr.c.credits.is_not(None))
    standing = select(schema.cdr.c.cdr_id).where(
        schema.cdr.c.session_id == session_id, schema.cdr.c.kind != CREDIT, schema.cdr.c.cdr_id.not_in(taken_back)
    )
    parts = sorted(rated_parts(conn, conn.scalars(standing).all()), key=lambda one: one.session.start)
    if not parts:
        return None
    vat: dict[Decimal, int] = defaultdict(int)
    for part in parts:
        for percent, minor in part.vat:
            vat[percent] += minor
    sessions = [part.session for part in parts]
    return RatedPart(
        session=replace(
            sessions[0],
            end=max(one.end for one in sessions),
            energy_wh=sum(one.energy_wh for one in sessions),
            net_minor=sum(one.net_minor for one in sessions),
            lines=_joined_lines([line for one in sessions for line in one.lines]),
            meters=_joined_meters([meter for one in sessions for meter in one.meters]),
            sources=_summed([one.sources for one in sessions]),
        ),
        version_id=parts[0].version_id,
        vat=tuple(vat.items()),
        gross_minor=sum(part.gross_minor for part in parts),
    )


def vat_of(parts: Sequence[RatedPart], charges: Sequence[Charge] = ()) -> tuple[Vat, ...]:
    """Return the VAT per rate, on what and how much."""
    on: dict[Decimal, int] = defaultdict(int)
    due: dict[Decimal, int] = defaultdict(int)
    for charge in charges:
        if charge.vat is not None:
            on[charge.vat] += charge.net_minor
            due[charge.vat] += charge.vat_minor
    for part in parts:
        for percent, minor in part.vat:
            due[percent] += minor
        for line in part.session.lines:
            if line.vat_percent is not None:
                on[line.vat_percent] += line.net_minor
    return tuple(Vat(percent=percent, net_minor=on[percent], vat_minor=due[percent]) for percent in sorted({*on, *due}))


def _summed(sources: Sequence[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in sources:
        for source, energy_wh in one.items():
            sums[source] = sums.get(source, 0) + energy_wh
    return sums


def _joined_lines(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Join lines of one price."""
    joined: dict[tuple[str, Decimal | None, Decimal | None], Line] = {}
    for line in lines:
        key = (line.kind, line.price, line.vat_percent)
        there = joined.get(key)
        if there is None:
            joined[key] = line
            continue
        volume = line.volume if line.price is None else there.volume + line.volume
        joined[key] = replace(there, net_minor=there.net_minor + line.net_minor, volume=volume)
    return tuple(joined.values())


def _joined_meters(meters: Sequence[Meter]) -> tuple[Meter, ...]:
    """Join what one meter showed where the parts meet."""
    joined: list[Meter] = []
    for meter in meters:
        if joined and (joined[-1].serial, joined[-1].end_wh) == (meter.serial, meter.start_wh):
            joined[-1] = replace(joined[-1], end_wh=meter.end_wh)
        else:
            joined.append(meter)
    return tuple(joined)


def _part(row: Row[Any]) -> RatedPart:
    ocpi = load(row.ocpi_json)
    extension = ocpi["x_evshare"]
    lines = tuple(
        Line(
            kind=one["type"],
            net_minor=one["net_minor"],
            price=_decimal(one.get("price")),
            volume=one.get("volume", 1),
            vat_percent=_decimal(one.get("vat")),
        )
        for one in extension["lines"]
    )
    return RatedPart(
        session=SessionPart(
            session_id=row.session_id,
            resident=row.resident,
            guest=row.guest or "",
            stall=extension["stall_name"],
            start=from_ms(row.started_ms) if row.part == 1 else datetime.fromisoformat(ocpi["start_date_time"]),
            # One that was cut at a month's end is dated just before it (`cdr.ended_ms`), and ends at it.
            end=max(from_ms(row.ended_ms), datetime.fromisoformat(ocpi["end_date_time"])),
            energy_wh=row.energy_wh,
            net_minor=row.net_minor,
            lines=lines,
            meters=tuple(
                Meter(serial=one["serial"], start_wh=one["start_wh"], end_wh=one["end_wh"])
                for one in extension["registers"]
            ),
            sources=extension.get("sources", {}),
        ),
        version_id=extension["tariff_version"],
        vat=tuple((Decimal(one["percent"]), one["minor"]) for one in extension["vat"]),
        gross_minor=row.gross_minor,
    )


def _decimal(value: int | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)
