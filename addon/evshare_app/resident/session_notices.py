"""What the integration's records tell residents: a session of theirs began or ended, a card of theirs was refused.

Records come again after a resend or from a restored backup; notices are made from the session or the refusal itself,
and old records tell nobody anything.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from ..books.access_tables import card, guest_pass
from ..books.common import paid_by_others
from ..books.schema import session
from ..books.schema import stall as stall_table
from ..books.session_cost import session_cost
from ..model import to_ms
from .notices import is_news, note

CARD = "card"
TAKEN = ("stall_in_use", "held")
"""Refusals the waiting list answers (`waiting.py`)."""
_ONCE_PER_MS = 10 * 60 * 1000
"""A card that is held to the reader again and again is told of once."""


def note_started(conn: Connection, session_id: str, at: datetime, now: datetime) -> None:
    """Tell whose session it is that it began, by card too: whoever's card was copied sees it here."""
    row = _session(conn, session_id)
    if row is None or not is_news(at, now):
        return
    body = {
        "session_id": session_id,
        "stall": row.stall,
        "by": row.credential_kind,
        "card": card_label(conn, row.credential_id) if row.credential_kind == CARD else "",
        "guest": pass_label(conn, row.credential_id) if row.credential_kind == "pass" else "",
        "at_ms": to_ms(at),
    }
    note(conn, row.resident_id, "session_started", session_id, body, now)


def note_ended(conn: Connection, session_id: str, at: datetime, now: datetime) -> None:
    """Tell whose session it was what it came to."""
    row = _session(conn, session_id)
    if row is None or row.started_ms is None or not is_news(at, now):
        return
    body = {
        "session_id": session_id,
        "stall": row.stall,
        "energy_wh": row.energy_wh,
        # What they do not pay is told without its price.
        "minor": None if row.not_theirs else row.gross_minor,
        "currency": row.currency,
        "at_ms": to_ms(at),
    }
    note(conn, row.resident_id, "session_ended", session_id, body, now)


def note_denied(  # noqa: PLR0917 - a refusal as the record has it
    conn: Connection,
    resident_id: str | None,
    card_id: str | None,
    stall_id: str,
    reason: str,
    at: datetime,
    now: datetime,
) -> None:
    """Tell whose card it is that it was refused, or that it was shown here while it charges somewhere else."""
    if resident_id is None or not is_news(at, now):
        return
    running = conn.execute(
        _sessions().where(
            session.c.credential_id == card_id,
            session.c.credential_kind == CARD,
            session.c.ended_ms.is_(None),
            session.c.stall_id != stall_id,
        )
    ).first()
    once = f"{card_id or resident_id}:{stall_id}:{to_ms(at) // _ONCE_PER_MS}"
    body = {
        "stall": stall_name(conn, stall_id),
        "card": card_label(conn, card_id),
        "reason": reason,
        "at_ms": to_ms(at),
    }
    if card_id is not None and running is not None:
        body |= {"other": running.stall, "session_id": running.session_id}
        note(conn, resident_id, "card_elsewhere", once, body, now)
    elif reason not in TAKEN:
        note(conn, resident_id, "refused", f"{once}:{reason}", body, now)


def card_label(conn: Connection, card_id: str | None) -> str:
    """Return what a card is called, as the integration told last."""
    return str(conn.scalar(select(card.c.label).where(card.c.card_id == card_id)) or "")


def pass_label(conn: Connection, pass_id: str | None) -> str:
    """Return what a guest's pass is called."""
    return str(conn.scalar(select(guest_pass.c.label).where(guest_pass.c.pass_id == pass_id)) or "")


def stall_name(conn: Connection, stall_id: str | None) -> str:
    """Return what a stall is called."""
    return str(conn.scalar(select(stall_table.c.name).where(stall_table.c.stall_id == stall_id)) or "")


def _session(conn: Connection, session_id: str) -> Row[Any] | None:
    return conn.execute(_sessions().where(session.c.session_id == session_id)).one_or_none()


def _sessions() -> Select[Any]:
    return select(
        session,
        stall_table.c.name.label("stall"),
        *session_cost(),
        paid_by_others().label("not_theirs"),
    ).join(stall_table, stall_table.c.stall_id == session.c.stall_id)
