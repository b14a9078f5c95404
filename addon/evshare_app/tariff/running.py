"""What a running session costs so far, for showing only: its slices, and the tail the register has not cut yet."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from ..books.building import the_building
from ..books.schema import session, slice_
from ..model import from_ms
from ..money import Money
from ..split.sources import MEASURED
from .cdr_json import rated_slice
from .compiling import compiled
from .gather import circumstances_of
from .rating import RatedInput, RatedSlice, rate
from .store import tariff_version


def running_cost(conn: Connection, session_id: str, energy_wh: int, now: datetime) -> Money | None:
    """Return the gross cost of a session that has used `energy_wh` until now; None while the books do not know it.

    It goes on, so it is neither rounded up to steps nor brought up to a least price. Where energy comes from is known
    only afterwards: until then all of it counts as grid.
    """
    row = conn.execute(select(session).where(session.c.session_id == session_id)).one_or_none()
    if row is None or row.started_ms is None:
        return None
    started = from_ms(row.started_ms)
    cuts = conn.execute(select(slice_).where(slice_.c.session_id == session_id).order_by(slice_.c.start_ms)).all()
    rated = [rated_slice(cut) for cut in cuts]
    tail_start = rated[-1].end if rated else started
    if now > tail_start:
        tail_wh = max(0, energy_wh - sum(each.energy_wh for each in rated))
        seconds = int((now - tail_start).total_seconds())
        rated.append(
            RatedSlice(start=tail_start, end=now, energy_wh=tail_wh, charging_s=seconds if tail_wh else 0, parking_s=0)
        )
    building = the_building(conn)
    tariff = tariff_version(conn, row.tariff_version).tariff
    circumstances = circumstances_of(conn, tariff, started, now, building, cuts)
    if circumstances.sources is not None and len(rated) > len(cuts):
        circumstances = replace(
            circumstances, sources=[*circumstances.sources, {}], guessed=[*circumstances.guessed, MEASURED]
        )
    plain = compiled(tariff, RatedInput(started=started, slices=rated), circumstances, building.zone)
    _, gross_minor = rate(plain.tariff, plain.session, building.zone, final=False).minor(building.currency)
    return Money(gross_minor, building.currency)
