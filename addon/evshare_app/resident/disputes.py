"""Sessions in question: a resident says "that was not my car", the manager decides, the money follows.

While a session is in question no statement bills it (`statement/close.py` looks at the state here; the CDR itself never
changes). Rejected, it comes on the next statement. Upheld, nobody owes it, and the ledger says so in one transaction:

- on a statement already (a month may be closed within the 24 hours): a credit note takes back what is left of it on
  that statement, with its VAT. The statement and its month stay as they are.
- then, or where it was not billed yet: its net amount is written off (5300) against the income it would have been; no
  VAT is due on it.

Either way income shows what the energy was worth, 5300 that the house bears it, and the energy counts as unattributed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, insert, select, update

from ..books.access_tables import dispute
from ..books.building import BuildingRow, the_building
from ..books.close_tables import close_cdr
from ..books.common import paid_by_others
from ..books.schema import cdr, resident, session, statement, statement_cdr
from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..ledger.ledger import post
from ..ledger.templates import Event, energy_given_up
from ..model import AccountId, ResidentId, SessionId, StatementId, from_ms, to_ms
from ..money import Money
from ..statement.corrections import Doing, credit
from ..statement.issue import INCOME, language_of
from ..statement.parts import rated_parts
from ..tariff.cdr import CREDIT as CREDIT_CDR
from .notices import note

WINDOW = timedelta(hours=24)
"""How long after its end a session may be questioned."""
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
    """What it came to; also where it was taken back."""
    statement: str | None
    """Number of the statement it was on before it was decided."""
    credit_notes: tuple[CreditNote, ...] = ()
    """What took it off its statements."""


@dataclass(frozen=True, kw_only=True)
class CreditNote:
    """What takes back a session that was on a statement."""

    statement_id: StatementId
    number: str
    gross: Money
    """What is given back, above zero."""


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
    return None if row is None else _dispute(conn, row)


def disputes(conn: Connection, *, at_most: int = 100) -> list[Dispute]:
    """Return all disputes, those to decide first, then the last opened."""
    rows = conn.execute(
        _disputes().order_by(dispute.c.state != OPEN, dispute.c.opened_ms.desc(), dispute.c.session_id).limit(at_most)
    )
    return [_dispute(conn, row) for row in rows.all()]


def in_question() -> Select[tuple[str]]:
    """Return the sessions whose cost is nobody's yet, or nobody's at all."""
    return select(dispute.c.session_id).where(dispute.c.state.in_((OPEN, UPHELD)))


def not_theirs() -> Select[tuple[str]]:
    """Return the sessions that were found not to be the car of the one they were rated for."""
    return select(dispute.c.session_id).where(dispute.c.state == UPHELD)


def states_of(conn: Connection, resident_id: ResidentId) -> dict[str, str]:
    """Return the state of each of a resident's disputes, by session."""
    rows = conn.execute(select(dispute.c.session_id, dispute.c.state).where(dispute.c.resident_id == resident_id))
    return {row[0]: row[1] for row in rows}


def uphold(
    conn: Connection, session_id: SessionId, note_text: str, actor: str, now: datetime, *, ledger_key: str = ""
) -> None:
    """Decide that it was not theirs: nobody owes it. `ledger_key` is printed on credit notes (`Doing`).

    Raises `DisputeRefused` when it is decided or still runs.
    """
    found = _to_decide(conn, session_id)
    gone = select(cdr.c.credits).where(cdr.c.credits.is_not(None))
    standing = conn.execute(
        select(cdr.c.cdr_id, statement_cdr.c.statement_id)
        .outerjoin(statement_cdr, statement_cdr.c.cdr_id == cdr.c.cdr_id)
        .where(cdr.c.session_id == session_id, cdr.c.kind != CREDIT_CDR, cdr.c.cdr_id.not_in(gone))
        .order_by(cdr.c.part)
    ).all()
    # Energy that was for free is booked nowhere, and nothing of it is to be given back.
    worth = {row.cdr_id: net for row in standing if (net := _worth(conn, row.cdr_id))}
    billed: dict[StatementId, list[str]] = defaultdict(list)
    for row in standing:
        if row.statement_id is not None and row.cdr_id in worth:
            billed[StatementId(row.statement_id)].append(row.cdr_id)
    building, notes = the_building(conn), []
    for statement_id, cdr_ids in billed.items():
        reason = _reason(conn, building, statement_id, note_text)
        doing = Doing(actor=actor[:64], now=now, reason=reason, ledger_key=ledger_key)
        notes.append(credit(conn, statement_id, doing, only=cdr_ids))
    for cdr_id, net in worth.items():
        event = Event(
            transaction_id=f"dispute:{cdr_id}",
            occurred=now,
            actor=actor[:64],
            reason=f"Session {session_id} was not the car of the one it was rated for",
            currency=building.currency,
        )
        post(conn, energy_given_up(event, net), now)
    _decide(conn, found, state=UPHELD, note_text=note_text, actor=actor, now=now, notes=notes)


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


def _decide(
    conn: Connection,
    found: Dispute,
    *,
    state: str,
    note_text: str,
    actor: str,
    now: datetime,
    notes: Sequence[StatementId] = (),
) -> None:
    conn.execute(
        update(dispute)
        .where(dispute.c.session_id == found.session_id)
        .values(state=state, decided_ms=to_ms(now), decided_by=actor[:80], note=note_text[:MOST_TEXT])
    )
    rows = conn.execute(select(*_OF_NOTE).where(statement.c.statement_id.in_(notes)).order_by(statement.c.number))
    credited = [_credit_note(row) for row in rows]
    body = {
        "session_id": found.session_id,
        "stall": found.stall,
        "started_ms": found.started_ms,
        "upheld": state == UPHELD,
        "note": note_text[:MOST_TEXT],
        "credit_notes": [one.number for one in credited],
        "credited_minor": sum(one.gross.minor for one in credited),
        "currency": the_building(conn).currency,
    }
    note(conn, found.resident_id, "dispute", found.session_id, body, now)


def _worth(conn: Connection, cdr_id: str) -> dict[str, int]:
    """Return the net amounts of a CDR by income account; nothing for energy that was for free."""
    (part,) = rated_parts(conn, [cdr_id])
    net: dict[str, int] = defaultdict(int)
    for line in part.session.lines:
        net[INCOME[line.kind]] += line.net_minor
    return {account: minor for account, minor in net.items() if minor}


def _reason(conn: Connection, building: BuildingRow, statement_id: StatementId, note_text: str) -> str:
    """Return what a credit note gives as its reason, in the language it is printed in."""
    account_id = conn.scalar(select(statement.c.account_id).where(statement.c.statement_id == statement_id))
    say = gettext_for(language_of(conn, building, AccountId(str(account_id))))
    return f"{say('It was not your car.')} {note_text}".strip()


def _disputes() -> Select[Any]:
    # A session may have several parts, on several statements. What the decision took back is what it had come to.
    undone = (cdr.c.kind == CREDIT_CDR) & (statement.c.issued_ms >= dispute.c.decided_ms)
    billed = (
        select(
            cdr.c.session_id,
            func.sum(case((undone, 0), else_=cdr.c.gross_minor)).label("gross_minor"),
            func.min(cdr.c.currency).label("currency"),
            func.max(case((cdr.c.kind != CREDIT_CDR, statement.c.number))).label("number"),
        )
        .join_from(cdr, dispute, dispute.c.session_id == cdr.c.session_id)
        .outerjoin(statement_cdr, statement_cdr.c.cdr_id == cdr.c.cdr_id)
        .outerjoin(statement, statement.c.statement_id == statement_cdr.c.statement_id)
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


_OF_NOTE = (statement.c.statement_id, statement.c.number, statement.c.gross_minor, statement.c.currency)


def _credit_note(row: Row[*tuple[Any, ...]]) -> CreditNote:
    return CreditNote(
        statement_id=StatementId(row.statement_id), number=row.number, gross=Money(-row.gross_minor, row.currency)
    )


def _notes_of(conn: Connection, row: Row[Any]) -> tuple[CreditNote, ...]:
    if row.state != UPHELD:
        return ()
    notes = conn.execute(
        select(*_OF_NOTE)
        .join_from(cdr, statement_cdr, statement_cdr.c.cdr_id == cdr.c.cdr_id)
        .join(statement, statement.c.statement_id == statement_cdr.c.statement_id)
        .where(
            cdr.c.session_id == row.session_id,
            cdr.c.kind == CREDIT_CDR,
            statement.c.issued_ms >= row.decided_ms,
        )
        .distinct()
        .order_by(statement.c.number)
    )
    return tuple(_credit_note(one) for one in notes)


def _dispute(conn: Connection, row: Row[Any]) -> Dispute:
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
        credit_notes=_notes_of(conn, row),
    )
