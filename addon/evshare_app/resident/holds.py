"""Stalls that are kept free for somebody: what was offered to whoever waited, as the integration is told."""

from datetime import datetime

from sqlalchemy import Connection, select

from ..books.access_tables import waiting
from ..model import StallId, from_ms, to_ms
from ..tariff.ocpi import rfc3339


def kept_for(conn: Connection, stall_id: StallId, now: datetime) -> str | None:
    """Return the id of the resident a stall is kept for, None where it is kept for nobody."""
    mine = (one["resident_id"] for one in holds_told(conn, now) if one["stall_id"] == stall_id)
    return next((str(resident_id) for resident_id in mine), None)


def holds_told(conn: Connection, now: datetime) -> list[dict[str, object]]:
    """Return the link's `holds`: every offer that is still open, by stall."""
    rows = conn.execute(
        select(waiting.c.stall_id, waiting.c.resident_id, waiting.c.until_ms)
        .where(waiting.c.state == "offered", waiting.c.stall_id.is_not(None), waiting.c.until_ms > to_ms(now))
        .order_by(waiting.c.stall_id, waiting.c.until_ms)
    )
    return [
        {"stall_id": row.stall_id, "resident_id": row.resident_id, "until": rfc3339(from_ms(row.until_ms))}
        for row in rows
    ]
