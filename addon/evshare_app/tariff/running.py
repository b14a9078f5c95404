"""What a running session costs so far, for showing only: its slices, and the tail the register has not cut yet."""

from datetime import datetime

from sqlalchemy import Connection, select

from ..books.building import the_building
from ..books.schema import session, slice_
from ..model import from_ms
from ..money import Money
from .cdr import rated_slice
from .rating import RatedInput, RatedSlice, rate
from .store import tariff_version


def running_cost(conn: Connection, session_id: str, energy_wh: int, now: datetime) -> Money | None:
    """Return the gross cost of a session that has used `energy_wh` until now; None while the books do not know it."""
    row = conn.execute(select(session).where(session.c.session_id == session_id)).one_or_none()
    if row is None or row.started_ms is None:
        return None
    started = from_ms(row.started_ms)
    rated = [
        rated_slice(cut)
        for cut in conn.execute(select(slice_).where(slice_.c.session_id == session_id).order_by(slice_.c.start_ms))
    ]
    tail_start = rated[-1].end if rated else started
    if now > tail_start:
        tail_wh = max(0, energy_wh - sum(each.energy_wh for each in rated))
        seconds = int((now - tail_start).total_seconds())
        rated.append(
            RatedSlice(start=tail_start, end=now, energy_wh=tail_wh, charging_s=seconds if tail_wh else 0, parking_s=0)
        )
    building = the_building(conn)
    tariff = tariff_version(conn, row.tariff_version).tariff
    rating = rate(tariff, RatedInput(started=started, slices=rated), building.zone)
    return Money.from_decimal(rating.gross, building.currency)
