"""Moving out: when a resident's last day is over, their phones, passes, tags and places in the queue end.

That they start nothing any more does not wait for this: `blocked_residents` and `Person.here` look at the date itself.
Their cards are the integration's, so those are only named here; whoever holds the link has them removed.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from ..books.access_tables import card, guest_pass, passkey, push_subscription, stall_tag, waiting
from ..books.schema import device, invite, resident
from ..model import ResidentId, to_ms
from .notices import note

_NEWS = timedelta(days=1)


def move_out_those_due(conn: Connection, now: datetime) -> list[ResidentId]:
    """Take from everyone who moved out what lets people in, and return them. Repeating it does no harm."""
    gone = [
        ResidentId(value)
        for value in conn.scalars(
            select(resident.c.resident_id).where(resident.c.moves_out_ms <= to_ms(now)).order_by(resident.c.resident_id)
        )
    ]
    conn.execute(
        update(device)
        .where(device.c.resident_id.in_(gone), device.c.revoked_ms.is_(None))
        .values(revoked_ms=to_ms(now), revoked_why="moved_out")
    )
    conn.execute(
        update(guest_pass)
        .where(guest_pass.c.resident_id.in_(gone), guest_pass.c.revoked_ms.is_(None))
        .values(revoked_ms=to_ms(now))
    )
    conn.execute(
        update(stall_tag)
        .where(stall_tag.c.resident_id.in_(gone), stall_tag.c.removed_ms.is_(None))
        .values(removed_ms=to_ms(now))
    )
    conn.execute(
        update(waiting)
        .where(waiting.c.resident_id.in_(gone), waiting.c.state.in_(("waiting", "offered")))
        .values(state="left", ended_ms=to_ms(now))
    )
    for resident_id, left_ms in conn.execute(
        select(resident.c.resident_id, resident.c.moves_out_ms).where(
            resident.c.moves_out_ms <= to_ms(now), resident.c.moves_out_ms > to_ms(now - _NEWS)
        )
    ).all():
        note(conn, resident_id, "moved_out", f"{resident_id}:{left_ms}", {}, now)
    for table in (invite, passkey, push_subscription):
        conn.execute(delete(table).where(table.c.resident_id.in_(gone)))
    return gone


def cards_left_behind(conn: Connection, now: datetime) -> list[str]:
    """Return the ids of the cards of those who moved out, as the integration told last."""
    rows = conn.scalars(
        select(card.c.card_id)
        .join(resident, resident.c.resident_id == card.c.resident_id)
        .where(resident.c.moves_out_ms <= to_ms(now))
        .order_by(card.c.card_id)
    )
    return list(rows)
