"""The waiting list in the books: who waits, what was offered, and who is asked to move. What to do is in `queue.py`.

Everything is a row, so a restarted app goes on where it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, func, insert, select, update

from ..books.access_tables import notice, waiting
from ..books.building import the_building
from ..books.schema import record, session, slice_
from ..books.schema import stall as stall_table
from ..model import ResidentId, from_ms, to_ms
from .notices import note, was_told
from .people import blocked_residents, people
from .queue import SNOOZE, Change, Expired, Offer, Offered, Place, TakenBack, number_in_line
from .rules import rule_of
from .session_notices import CARD, TAKEN, card_label, stall_name

TAP_LIFE = timedelta(minutes=2)
"""A card that was shown at a taken stall longer ago joins no line any more."""
GRACE = timedelta(minutes=20)
"""How long a car may stand there and take nothing before it is asked to move."""
ASKED_AGAIN = timedelta(hours=1)
_OPEN = ("waiting", "offered")


@dataclass(frozen=True, kw_only=True)
class Idle:
    """A car that takes nothing any more."""

    stall_id: str
    session_id: str
    resident_id: ResidentId
    since: datetime

    def minutes(self, now: datetime) -> int:
        """How long already."""
        return max(0, (now - self.since) // timedelta(minutes=1))


@dataclass(frozen=True, kw_only=True)
class Tap:
    """A card that was shown at a taken stall."""

    resident_id: str
    card_id: str | None
    stall_id: str
    reason: str
    at: datetime
    once: str
    """Names the record."""


def open_places(conn: Connection, now: datetime) -> list[Place]:
    """Return everyone's turn that is not over."""
    rows = conn.execute(select(waiting).where(waiting.c.state.in_(_OPEN))).all()
    if not rows:
        return []
    able = _able(conn, now)
    return [_place(conn, row, able) for row in rows]


def as_if_joined(conn: Connection, resident_id: ResidentId, now: datetime) -> Place:
    """Return the place somebody would have, to ask what they may."""
    rule = rule_of(conn, resident_id)
    return Place(
        waiting_id="",
        resident_id=resident_id,
        joined=now,
        stall_ids=None if rule.stall_ids is None else frozenset(rule.stall_ids),
        able=resident_id in _able(conn, now),
    )


def join(conn: Connection, resident_id: ResidentId, at: datetime) -> bool:
    """Put somebody at the end of the line; False when they wait already."""
    if _open_row(conn, resident_id) is not None:
        return False
    joined_ms = to_ms(at)
    # Of two in the same instant the one who was written down first is first.
    while conn.scalar(select(waiting.c.waiting_id).where(waiting.c.joined_ms == joined_ms).limit(1)) is not None:
        joined_ms += 1
    conn.execute(
        insert(waiting).values(
            building_id=the_building(conn).building_id,
            waiting_id=uuid4().hex,
            resident_id=resident_id,
            joined_ms=joined_ms,
            state="waiting",
        )
    )
    return True


def leave(conn: Connection, resident_id: ResidentId, now: datetime) -> bool:
    """Take somebody out of the line; who was offered a stall passes it on. False when they do not wait."""
    row = _open_row(conn, resident_id)
    if row is None:
        return False
    _end(conn, row.waiting_id, "passed" if row.state == "offered" else "left", now)
    return True


def snooze(conn: Connection, resident_id: ResidentId, now: datetime) -> bool:
    """Offer somebody nothing for an hour; what they were offered goes to the next. False when they do not wait."""
    row = _open_row(conn, resident_id)
    if row is None:
        return False
    _change(conn, row.waiting_id, **_IN_LINE, snoozed_until_ms=to_ms(now + SNOOZE))
    return True


def wake(conn: Connection, resident_id: ResidentId) -> bool:
    """End a snooze early. False when they do not wait."""
    row = _open_row(conn, resident_id)
    if row is None:
        return False
    _change(conn, row.waiting_id, snoozed_until_ms=None)
    return True


def end_by_start(conn: Connection, session_id: str, at: datetime) -> None:
    """End somebody's waiting: they charge. A guest of theirs ends it only at the stall that was kept for them."""
    row = conn.execute(select(session).where(session.c.session_id == session_id)).one_or_none()
    place = None if row is None else _open_row(conn, row.resident_id)
    if row is None or place is None or place.joined_ms > to_ms(at):
        return
    if row.credential_kind == "pass" and row.stall_id != place.stall_id:
        return
    _change(conn, place.waiting_id, state="taken", ended_ms=to_ms(at))


def carry_out(conn: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Write down what changes, and tell those who are offered a stall."""
    for change in changes:
        match change:
            case Offered(waiting_id=waiting_id, offer=offer):
                _change(
                    conn,
                    waiting_id,
                    state="offered",
                    stall_id=offer.stall_id,
                    offered_ms=to_ms(now),
                    until_ms=to_ms(offer.until),
                    snoozed_until_ms=None,
                )
                _tell_offer(conn, waiting_id, offer, now)
            case Expired(waiting_id=waiting_id):
                _end(conn, waiting_id, "expired", now)
            case TakenBack(waiting_id=waiting_id):
                _change(conn, waiting_id, **_IN_LINE)


def last_place(conn: Connection, resident_id: ResidentId) -> Row[Any] | None:
    """Return somebody's last turn, be it over or not."""
    return conn.execute(
        select(waiting)
        .where(waiting.c.resident_id == resident_id)
        .order_by(waiting.c.state.in_(_OPEN).desc(), waiting.c.joined_ms.desc(), waiting.c.waiting_id)
        .limit(1)
    ).one_or_none()


# --- cards at taken stalls -----------------------------------------------------------------------------------------


def taps(conn: Connection, now: datetime) -> list[Tap]:
    """Return the cards of residents that were shown at taken stalls just now, in that order."""
    rows = conn.execute(
        select(record)
        .where(record.c.kind == "denied", record.c.at_ms >= to_ms(now - TAP_LIFE))
        .order_by(record.c.at_ms, record.c.seq)
    )
    found = []
    for row in rows:
        body = json.loads(row.body_json)
        if body["credential_kind"] == CARD and body["reason"] in TAKEN and body["resident_id"] is not None:
            found.append(
                Tap(
                    resident_id=body["resident_id"],
                    card_id=body.get("credential_id"),
                    stall_id=body["stall_id"],
                    reason=body["reason"],
                    at=from_ms(row.at_ms),
                    once=f"{row.incarnation}:{row.seq}",
                )
            )
    return found


def is_answered(conn: Connection, tap: Tap) -> bool:
    """Whether somebody was told about this tap, or joined after it, or their waiting ended since."""
    if any(was_told(conn, kind, tap.once) for kind in ("refused", "may_join", "joined")):
        return True
    since = select(waiting.c.waiting_id).where(
        waiting.c.resident_id == tap.resident_id,
        (waiting.c.joined_ms >= to_ms(tap.at)) | (waiting.c.ended_ms >= to_ms(tap.at)),
    )
    return conn.scalar(since.limit(1)) is not None


def charges_elsewhere(conn: Connection, tap: Tap) -> bool:
    """Whether this very card has a session somewhere: that is told in other words."""
    running = select(session.c.session_id).where(
        session.c.credential_kind == CARD, session.c.credential_id == tap.card_id, session.c.ended_ms.is_(None)
    )
    return tap.card_id is not None and conn.scalar(running.limit(1)) is not None


def tell_joined(conn: Connection, tap: Tap, now: datetime) -> None:
    """Tell somebody that their card put them in line."""
    number = number_in_line(open_places(conn, now), tap.resident_id)
    note(conn, tap.resident_id, "joined", tap.once, {"number": number, "stall": stall_name(conn, tap.stall_id)}, now)


def tell_may_join(conn: Connection, tap: Tap, now: datetime) -> None:
    """Ask somebody whether they want to wait in line."""
    note(conn, tap.resident_id, "may_join", tap.once, {"stall": stall_name(conn, tap.stall_id)}, now)


def tell_refused(conn: Connection, tap: Tap, now: datetime) -> None:
    """Tell somebody that their card was refused, and nothing more."""
    body = {
        "stall": stall_name(conn, tap.stall_id),
        "card": card_label(conn, tap.card_id),
        "reason": tap.reason,
        "at_ms": to_ms(tap.at),
    }
    note(conn, tap.resident_id, "refused", tap.once, body, now)


# --- cars that take nothing ----------------------------------------------------------------------------------------


def idle_of_session(conn: Connection, session_id: str) -> Idle | None:
    """Return since when a session's car takes nothing: since its last piece in which it charged, or since its start."""
    row = conn.execute(select(session).where(session.c.session_id == session_id)).one_or_none()
    if row is None or row.started_ms is None:
        return None
    charged = conn.scalar(
        select(func.max(slice_.c.end_ms)).where(slice_.c.session_id == session_id, slice_.c.charging_s > 0)
    )
    return _idle(row, charged or row.started_ms)


def idle_after_session(conn: Connection, stall_id: str, plugged_at: datetime | None) -> Idle | None:
    """Return whose car still stands at a stall after its session, and since when the session is over."""
    row = conn.execute(
        select(session)
        .where(session.c.stall_id == stall_id, session.c.started_ms.is_not(None), session.c.ended_ms.is_not(None))
        .order_by(session.c.ended_ms.desc())
        .limit(1)
    ).one_or_none()
    if row is None or (plugged_at is not None and row.ended_ms < to_ms(plugged_at)):
        return None
    return _idle(row, row.ended_ms)


def ask_to_move(conn: Connection, idle: Idle, now: datetime) -> bool:
    """Ask whose car it is to move it, at most once an hour; False when they were not asked now."""
    if now - idle.since < GRACE:
        return False
    asked = [
        row.created_ms
        for row in conn.execute(
            select(notice).where(notice.c.resident_id == idle.resident_id, notice.c.kind == "please_move")
        )
        if json.loads(row.body_json)["session_id"] == idle.session_id
    ]
    if asked and now - from_ms(max(asked)) < ASKED_AGAIN:
        return False
    body = {"session_id": idle.session_id, "since_ms": to_ms(idle.since), **_stall(conn, idle.stall_id)}
    return note(conn, idle.resident_id, "please_move", f"{idle.session_id}:{len(asked)}", body, now)


# --- small things --------------------------------------------------------------------------------------------------

_IN_LINE: Mapping[str, object] = {"state": "waiting", "stall_id": None, "offered_ms": None, "until_ms": None}


def _able(conn: Connection, now: datetime) -> set[str]:
    blocked = set(blocked_residents(conn, now))
    return {one.resident_id for one in people(conn) if one.here(now) and one.resident_id not in blocked}


def _place(conn: Connection, row: Row[Any], able: set[str]) -> Place:
    rule = rule_of(conn, ResidentId(row.resident_id))
    offer = None
    if row.state == "offered":
        offer = Offer(stall_id=row.stall_id, until=from_ms(row.until_ms))
    return Place(
        waiting_id=row.waiting_id,
        resident_id=row.resident_id,
        joined=from_ms(row.joined_ms),
        stall_ids=None if rule.stall_ids is None else frozenset(rule.stall_ids),
        able=row.resident_id in able,
        snoozed_until=None if row.snoozed_until_ms is None else from_ms(row.snoozed_until_ms),
        offer=offer,
    )


def _open_row(conn: Connection, resident_id: str) -> Row[Any] | None:
    return conn.execute(
        select(waiting).where(waiting.c.resident_id == resident_id, waiting.c.state.in_(_OPEN))
    ).one_or_none()


def _change(conn: Connection, waiting_id: str, **values: object) -> None:
    conn.execute(update(waiting).where(waiting.c.waiting_id == waiting_id).values(**values))


def _end(conn: Connection, waiting_id: str, state: str, now: datetime) -> None:
    _change(conn, waiting_id, state=state, ended_ms=to_ms(now))


def _tell_offer(conn: Connection, waiting_id: str, offer: Offer, now: datetime) -> None:
    resident_id = conn.scalar(select(waiting.c.resident_id).where(waiting.c.waiting_id == waiting_id))
    body = {"until_ms": to_ms(offer.until), **_stall(conn, offer.stall_id)}
    note(conn, str(resident_id), "stall_free", f"{waiting_id}:{to_ms(now)}", body, now)


def _stall(conn: Connection, stall_id: str) -> dict[str, str]:
    row = conn.execute(select(stall_table).where(stall_table.c.stall_id == stall_id)).one()
    return {"stall": row.name, "code": row.qr_code}


def _idle(row: Row[Any], since_ms: int) -> Idle:
    return Idle(
        stall_id=row.stall_id,
        session_id=row.session_id,
        resident_id=ResidentId(row.resident_id),
        since=from_ms(since_ms),
    )
