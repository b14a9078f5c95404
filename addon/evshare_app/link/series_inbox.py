"""Takes the building series and signed meter values into the books. Each is taken once, however often it is told."""

from datetime import datetime
import logging

from sqlalchemy import Connection, insert, select

from ..books.accounting_tables import price_slot
from ..books.schema import building_slice, session
from ..ledger.evidence import keep_signed
from ..model import BuildingId, SessionId, to_ms
from .series import ENERGIES, BuildingSlice, SignedValue

_LOGGER = logging.getLogger(__name__)
_BUILDING_SLICE = insert(building_slice)


def take_building_slice(conn: Connection, building_id: BuildingId, body: BuildingSlice) -> None:
    """Keep a quarter hour's energies, and its prices apart; what was told first stays."""
    start_ms, end_ms = to_ms(body.start), to_ms(body.end)
    if conn.scalar(select(building_slice.c.start_ms).where(building_slice.c.start_ms == start_ms)) is None:
        conn.execute(
            _BUILDING_SLICE,
            {
                "building_id": building_id,
                "start_ms": start_ms,
                "end_ms": end_ms,
                "import_wh": body.import_wh,
                "export_wh": body.export_wh,
                "pv_wh": body.pv_wh,
                "battery_in_wh": body.battery_in_wh,
                "battery_out_wh": body.battery_out_wh,
                "estimated": int(body.estimated is None or bool(body.estimated)),
                "estimated_of": None
                if body.estimated is None
                else " ".join(name for name in ENERGIES if name in body.estimated),
            },
        )
    if not body.prices:
        return
    there = set(conn.scalars(select(price_slot.c.series).where(price_slot.c.start_ms == start_ms)))
    told = [
        {
            "building_id": building_id,
            "series": one.name,
            "start_ms": start_ms,
            "end_ms": end_ms,
            "price": f"{one.price:f}",
            "estimated": int(one.estimated),
        }
        for one in body.prices
        if one.name not in there
    ]
    if told:
        conn.execute(insert(price_slot), told)


def take_signed_value(conn: Connection, body: SignedValue, now: datetime) -> None:
    """Keep what was signed about a session, with what checking it comes to."""
    if conn.scalar(select(session.c.session_id).where(session.c.session_id == body.session_id)) is None:
        # The record itself is kept all the same.
        _LOGGER.warning("Something was signed about session %s, which these books do not know", body.session_id)
        return
    keep_signed(conn, SessionId(body.session_id), body.text, body.public_key, now, kind=body.format)
