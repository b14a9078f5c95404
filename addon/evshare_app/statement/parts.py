"""CDRs as documents print them: what was rated once, read back from the books and never rated again."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, select

from ..books import schema
from ..books.access_tables import guest_pass
from ..model import from_ms
from ..tariff.cdr import cdr_extension
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


def vat_of(parts: Sequence[RatedPart]) -> tuple[Vat, ...]:
    """Return the VAT per rate, on what and how much."""
    on: dict[Decimal, int] = defaultdict(int)
    due: dict[Decimal, int] = defaultdict(int)
    for part in parts:
        for percent, minor in part.vat:
            due[percent] += minor
        for line in part.session.lines:
            if line.vat_percent is not None:
                on[line.vat_percent] += line.net_minor
    return tuple(Vat(percent=percent, net_minor=on[percent], vat_minor=due[percent]) for percent in sorted({*on, *due}))


def _part(row: Row[Any]) -> RatedPart:
    extension = cdr_extension(row.ocpi_json)
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
            start=from_ms(row.started_ms),
            end=from_ms(row.ended_ms),
            energy_wh=row.energy_wh,
            net_minor=row.net_minor,
            lines=lines,
            meters=tuple(
                Meter(serial=one["serial"], start_wh=one["start_wh"], end_wh=one["end_wh"])
                for one in extension["registers"]
            ),
        ),
        version_id=extension["tariff_version"],
        vat=tuple((Decimal(one["percent"]), one["minor"]) for one in extension["vat"]),
        gross_minor=row.gross_minor,
    )


def _decimal(value: int | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)
