"""Sessions in question: a resident says "that was not my car", the manager decides, the money follows.

While a session is in question no statement bills it (`statement/close.py` looks at the state here; the CDR itself never
changes). Rejected, it comes on the next statement. Upheld, nobody owes it, and the ledger says so in one transaction:

- not billed yet: its net amount is written off (5300) against the income it would have been; no VAT is due on it.
- on a statement already (a month may be closed within the 24 hours): the account gets back all of it, as a payment of
  the rail ``credit`` on that statement; the net amount is written off (5300), the VAT is taken back.

Either way income shows what the energy was worth, 5300 that the house bears it, and the energy counts as unattributed.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from ..books.access_tables import card, dispute
from ..books.building import the_building
from ..books.close_tables import close_cdr
from ..books.common import paid_by_others
from ..books.schema import cdr, device, intent, payment, record, resident, session, slice_, statement, statement_cdr
from ..books.schema import stall as stall_table
from ..ledger.accounts import WRITTEN_OFF, receivable, vat_payable
from ..ledger.ledger import NewTransaction, Posting, post
from ..model import AccountId, ResidentId, SessionId, from_ms, to_ms
from ..money import Money
from ..statement.issue import INCOME
from ..statement.parts import RatedPart, rated_parts
from ..tariff.cdr import CREDIT as CREDIT_CDR
from .notices import note

WINDOW = timedelta(hours=24)
"""How long after its end a session may be questioned."""
CREDIT = "credit"
OPEN, UPHELD, REJECTED = "open", "upheld", "rejected"
MOST_TEXT = 500


class DisputeRefused(Exception):
    """It cannot be questioned, or decided, now; nothing changed.

    `why` is ``not_theirs``, ``too_late``, ``decided``, ``runs`` or ``closing``.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """A session in question."""

    session_id: SessionId
    resident_id: ResidentId
    resident: str
    stall: str
    text: str
    state: str
    opened_ms: int
    decided_ms: int | None
    note: str
    started_ms: int
    ended_ms: int | None
    energy_wh: int
    cost: Money | None
    statement: str | None
    """Number of the statement it was on before it was questioned."""


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


def may_question(conn: Connection, resident_id: ResidentId, session_id: str, now: datetime) -> bool:
    """Whether a resident may say of this session that it was not their car."""
    try:
        _check(conn, resident_id, session_id, now)
    except DisputeRefused:
        return False
    return True


def question(conn: Connection, resident_id: ResidentId, session_id: str, text: str, now: datetime) -> None:
    """Put a session in question. Raises `DisputeRefused`."""
    _check(conn, resident_id, session_id, now)
    conn.execute(
        insert(dispute).values(
            building_id=the_building(conn).building_id,
            session_id=session_id,
            resident_id=resident_id,
            opened_ms=to_ms(now),
            text=text[:MOST_TEXT],
            state=OPEN,
        )
    )


def find_dispute(conn: Connection, session_id: str) -> Dispute | None:
    """Return the dispute about a session."""
    row = conn.execute(_disputes().where(dispute.c.session_id == session_id)).one_or_none()
    return None if row is None else _dispute(row)


def disputes(conn: Connection, *, at_most: int = 100) -> list[Dispute]:
    """Return all disputes, those to decide first, then the last opened."""
    rows = conn.execute(
        _disputes().order_by(dispute.c.state != OPEN, dispute.c.opened_ms.desc(), dispute.c.session_id).limit(at_most)
    )
    return [_dispute(row) for row in rows]


def in_question() -> Select[tuple[str]]:
    """Return the sessions whose cost is nobody's yet, or nobody's at all."""
    return select(dispute.c.session_id).where(dispute.c.state.in_((OPEN, UPHELD)))


def states_of(conn: Connection, resident_id: ResidentId) -> dict[str, str]:
    """Return the state of each of a resident's disputes, by session."""
    rows = conn.execute(select(dispute.c.session_id, dispute.c.state).where(dispute.c.resident_id == resident_id))
    return {row[0]: row[1] for row in rows}


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


def uphold(conn: Connection, session_id: SessionId, note_text: str, actor: str, now: datetime) -> None:
    """Decide that it was not theirs: nobody owes it. Raises `DisputeRefused` when it is decided or still runs."""
    found = _to_decide(conn, session_id)
    gone = select(cdr.c.credits).where(cdr.c.credits.is_not(None))
    standing = select(cdr.c.cdr_id).where(
        cdr.c.session_id == session_id, cdr.c.kind != CREDIT_CDR, cdr.c.cdr_id.not_in(gone)
    )
    for cdr_id in conn.scalars(standing.order_by(cdr.c.part)).all():
        (part,) = rated_parts(conn, [cdr_id])
        _book(conn, cdr_id, part, actor, now)
    _decide(conn, found, state=UPHELD, note_text=note_text, actor=actor, now=now)


def reject(conn: Connection, session_id: SessionId, note_text: str, actor: str, now: datetime) -> None:
    """Decide that it stays theirs: it comes on the next statement. Raises `DisputeRefused` when it is decided."""
    _decide(conn, _to_decide(conn, session_id), state=REJECTED, note_text=note_text, actor=actor, now=now)


def _check(conn: Connection, resident_id: ResidentId, session_id: str, now: datetime) -> None:
    row = conn.execute(
        select(session).where(
            session.c.session_id == session_id,
            session.c.resident_id == resident_id,
            session.c.started_ms.is_not(None),
            ~paid_by_others(),
        )
    ).one_or_none()
    if row is None:
        raise DisputeRefused("not_theirs")
    if row.ended_ms is not None and from_ms(row.ended_ms) + WINDOW <= now:
        raise DisputeRefused("too_late")
    if find_dispute(conn, session_id) is not None:
        raise DisputeRefused("decided")


def _to_decide(conn: Connection, session_id: SessionId) -> Dispute:
    found = find_dispute(conn, session_id)
    if found is None or found.state != OPEN:
        raise DisputeRefused("decided")
    if found.ended_ms is None:
        # Its record may be on its way: what it comes to is not known yet.
        raise DisputeRefused("runs")
    issued = select(statement_cdr.c.cdr_id)
    approved = select(close_cdr.c.cdr_id).join(cdr, cdr.c.cdr_id == close_cdr.c.cdr_id)
    if conn.scalar(approved.where(cdr.c.session_id == session_id, close_cdr.c.cdr_id.not_in(issued)).limit(1)):
        # In a moment it is on a statement, and can be taken off it.
        raise DisputeRefused("closing")
    return found


def _decide(conn: Connection, found: Dispute, *, state: str, note_text: str, actor: str, now: datetime) -> None:
    conn.execute(
        update(dispute)
        .where(dispute.c.session_id == found.session_id)
        .values(state=state, decided_ms=to_ms(now), decided_by=actor[:80], note=note_text[:MOST_TEXT])
    )
    body = {
        "session_id": found.session_id,
        "stall": found.stall,
        "started_ms": found.started_ms,
        "upheld": state == UPHELD,
        "note": note_text[:MOST_TEXT],
    }
    note(conn, found.resident_id, "dispute", found.session_id, body, now)


def _book(conn: Connection, cdr_id: str, part: RatedPart, actor: str, now: datetime) -> None:
    billed = conn.execute(
        select(statement.c.statement_id, statement.c.account_id)
        .join_from(statement_cdr, statement)
        .where(statement_cdr.c.cdr_id == cdr_id)
    ).one_or_none()
    net = part.session.net_minor
    changes: dict[str, int] = defaultdict(int)
    changes[WRITTEN_OFF] += net
    if billed is None:
        for line in part.session.lines:
            changes[INCOME[line.kind]] -= line.net_minor
    else:
        for percent, minor in part.vat:
            changes[vat_payable(percent)] += minor
        changes[receivable(AccountId(billed.account_id))] -= part.gross_minor
        _credit(conn, cdr_id, billed.statement_id, billed.account_id, part.gross_minor, now)
    postings = [Posting(account, minor) for account, minor in sorted(changes.items()) if minor]
    if not postings:
        return  # energy for free
    post(
        conn,
        NewTransaction(
            transaction_id=f"dispute:{cdr_id}",
            kind="dispute",
            occurred=now,
            actor=actor[:64],
            reason=f"Session {part.session.session_id} was not the car of the one it was billed to",
            postings=postings,
            currency=the_building(conn).currency,
        ),
        now,
    )


def _credit(  # noqa: PLR0917 - a payment as its row has it
    conn: Connection, cdr_id: str, statement_id: str, account_id: str, gross_minor: int, now: datetime
) -> None:
    if not gross_minor:
        return
    building = the_building(conn)
    conn.execute(
        insert(payment).values(
            building_id=building.building_id,
            payment_id=f"dispute:{cdr_id}"[:64],
            rail=CREDIT,
            external_id=cdr_id,
            account_id=account_id,
            statement_id=statement_id,
            amount_minor=gross_minor,
            currency=building.currency,
            at_ms=to_ms(now),
            note="that was not their car",
        )
    )


def _disputes() -> Select[Any]:
    # A session may have several parts, on several statements.
    billed = (
        select(
            cdr.c.session_id,
            func.sum(cdr.c.gross_minor).label("gross_minor"),
            func.min(cdr.c.currency).label("currency"),
            func.max(statement.c.number).label("number"),
        )
        .outerjoin(statement_cdr, statement_cdr.c.cdr_id == cdr.c.cdr_id)
        .outerjoin(statement, (statement.c.statement_id == statement_cdr.c.statement_id) & (cdr.c.kind != CREDIT_CDR))
        .group_by(cdr.c.session_id)
        .subquery()
    )
    return (
        select(
            dispute,
            resident.c.name.label("resident"),
            stall_table.c.name.label("stall"),
            session.c.started_ms,
            session.c.ended_ms,
            session.c.energy_wh,
            billed.c.gross_minor,
            billed.c.currency,
            billed.c.number,
        )
        .join_from(dispute, session, session.c.session_id == dispute.c.session_id)
        .join(resident, resident.c.resident_id == dispute.c.resident_id)
        .join(stall_table, stall_table.c.stall_id == session.c.stall_id)
        .outerjoin(billed, billed.c.session_id == session.c.session_id)
    )


def _dispute(row: Row[Any]) -> Dispute:
    return Dispute(
        session_id=SessionId(row.session_id),
        resident_id=ResidentId(row.resident_id),
        resident=row.resident,
        stall=row.stall,
        text=row.text,
        state=row.state,
        opened_ms=row.opened_ms,
        decided_ms=row.decided_ms,
        note=row.note or "",
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        energy_wh=row.energy_wh,
        cost=None if row.gross_minor is None else Money(row.gross_minor, row.currency),
        statement=row.number,
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
