"""What the books know of how a session came about: for whoever decides whose it was."""

from dataclasses import dataclass
import json
from typing import Any

from sqlalchemy import Connection, Row, select

from ..books.access_tables import card
from ..books.schema import device, intent, record, session, slice_
from ..model import SessionId


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the books know of how a session came about."""

    credential_kind: str
    card_label: str | None
    """None where no card was used."""
    card_is_weak: bool
    card_is_blocked: bool
    phone: str | None
    """What the phone is called that asked for it."""
    authorised_ms: int
    began_ms: int
    """Car and authorisation were both there."""
    ended_ms: int | None
    stop_reason: str | None
    plug_epoch: int | None
    register_start_wh: int | None
    register_end_wh: int | None
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A piece of the session."""

    start_ms: int
    end_ms: int
    energy_wh: int
    limit_a: int


def evidence(conn: Connection, session_id: SessionId) -> Evidence:
    """Return what is known of how a session came about."""
    row = conn.execute(select(session).where(session.c.session_id == session_id)).one()
    used = conn.execute(select(card).where(card.c.card_id == row.credential_id)).one_or_none()
    is_card = row.credential_kind == "card"
    cuts = conn.execute(select(slice_).where(slice_.c.session_id == session_id).order_by(slice_.c.start_ms))
    return Evidence(
        credential_kind=row.credential_kind,
        card_label=(used.label if used is not None else "") if is_card else None,
        card_is_weak=is_card and used is not None and bool(used.weak),
        card_is_blocked=is_card and used is not None and bool(used.blocked),
        phone=_phone(conn, row) if row.credential_kind == "phone" else None,
        authorised_ms=row.authorised_ms,
        began_ms=row.started_ms,
        ended_ms=row.ended_ms,
        stop_reason=row.stop_reason,
        plug_epoch=_plug_epoch(conn, session_id, row.started_ms),
        register_start_wh=row.register_start_wh,
        register_end_wh=row.register_end_wh,
        cuts=tuple(
            Cut(
                start_ms=one.start_ms,
                end_ms=one.end_ms,
                energy_wh=one.register_end_wh - one.register_start_wh,
                limit_a=one.limit_a,
            )
            for one in cuts
        ),
    )


def _phone(conn: Connection, row: Row[Any]) -> str | None:
    """Return the phone whose start was answered last before the session was authorised."""
    return conn.scalar(
        select(device.c.label)
        .join_from(intent, device, device.c.device_id == intent.c.device_id)
        .where(
            intent.c.resident_id == row.resident_id,
            intent.c.stall_id == row.stall_id,
            intent.c.used_ms.is_not(None),
            intent.c.used_ms <= row.authorised_ms + 1000,
            intent.c.used_ms >= row.authorised_ms - 60_000,
        )
        .order_by(intent.c.used_ms.desc())
        .limit(1)
    )


def _plug_epoch(conn: Connection, session_id: str, started_ms: int) -> int | None:
    bodies = conn.scalars(
        select(record.c.body_json).where(record.c.kind == "session_started", record.c.at_ms == started_ms)
    )
    epochs = (body["plug_epoch"] for body in map(json.loads, bodies) if body["session_id"] == session_id)
    return next(epochs, None)
