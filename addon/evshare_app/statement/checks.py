"""Conservation checks over the whole books: what must hold if nothing was lost, invented or billed twice.

They only read. The office shows them; a failed one means: stop closing months and look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import hashlib
import json

from sqlalchemy import ColumnElement, Connection, func, select

from ..books import schema
from ..books.access_tables import dispute
from ..ledger.accounts import receivable
from ..ledger.ledger import verify
from ..model import AccountId
from .issue import SERIES
from .remittance import statement_number


@dataclass(frozen=True, kw_only=True)
class Check:
    """A law and whether it holds. `found` names the first few places where it does not."""

    name: str
    ok: bool
    found: str


def run_checks(conn: Connection) -> tuple[Check, ...]:
    """Run every check."""
    laws: Sequence[tuple[str, Callable[[Connection], list[str]]]] = (
        ("Each session's slices sum to its energy", _sessions_and_slices),
        ("Each register's slices join: its difference is their sum", _registers_and_slices),
        ("Each session with energy at a billed stall has a CDR", _sessions_and_cdrs),
        ("Each CDR bills its session's energy", _cdrs_and_sessions),
        ("Each statement is the sum of its CDRs", _statements_and_cdrs),
        ("Each statement is booked as it was issued", _statements_and_ledger),
        ("Each session that was not theirs is on no statement, or was credited", _disputes),
        ("Each statement's seal fits its document", _seals),
        ("Statement numbers have no gaps", _numbers),
        ("The postings sum to zero and the ledger's chain is whole", _ledger),
    )
    checks = []
    for name, breaches in laws:
        found = breaches(conn)
        checks.append(Check(name=name, ok=not found, found="; ".join(found[:5])))
    return tuple(checks)


def _used() -> ColumnElement[int]:
    return func.coalesce(func.sum(schema.slice_.c.register_end_wh - schema.slice_.c.register_start_wh), 0)


def _sessions_and_slices(conn: Connection) -> list[str]:
    sums = {
        row.session_id: row.energy_wh
        for row in conn.execute(
            select(schema.slice_.c.session_id, _used().label("energy_wh"))
            .where(schema.slice_.c.session_id.is_not(None))
            .group_by(schema.slice_.c.session_id)
        )
    }
    return [
        f"session {row.session_id}: slices {sums.get(row.session_id, 0)} Wh, session {row.energy_wh} Wh"
        for row in conn.execute(select(schema.session).where(schema.session.c.ended_ms.is_not(None)))
        if sums.get(row.session_id, 0) != row.energy_wh
    ]


def _registers_and_slices(conn: Connection) -> list[str]:
    rows = conn.execute(
        select(
            schema.slice_.c.stall_id,
            schema.slice_.c.epoch,
            func.min(schema.slice_.c.register_start_wh).label("first_wh"),
            func.max(schema.slice_.c.register_end_wh).label("last_wh"),
            _used().label("energy_wh"),
        ).group_by(schema.slice_.c.stall_id, schema.slice_.c.epoch)
    )
    return [
        f"stall {row.stall_id} epoch {row.epoch}: register {row.last_wh - row.first_wh} Wh, slices {row.energy_wh} Wh"
        for row in rows
        if row.last_wh - row.first_wh != row.energy_wh
    ]


def _cdrs_and_sessions(conn: Connection) -> list[str]:
    rows = conn.execute(
        select(schema.cdr.c.cdr_id, schema.cdr.c.energy_wh, schema.session.c.energy_wh.label("used_wh"))
        .join_from(schema.cdr, schema.session)
        .where(schema.cdr.c.energy_wh != schema.session.c.energy_wh)
    )
    return [f"CDR {row.cdr_id}: {row.energy_wh} Wh, session {row.used_wh} Wh" for row in rows]


def _statements_and_cdrs(conn: Connection) -> list[str]:
    sums = {
        row.statement_id: (row.net, row.vat, row.gross)
        for row in conn.execute(
            select(
                schema.statement_cdr.c.statement_id,
                func.sum(schema.cdr.c.net_minor).label("net"),
                func.sum(schema.cdr.c.vat_minor).label("vat"),
                func.sum(schema.cdr.c.gross_minor).label("gross"),
            )
            .join_from(schema.statement_cdr, schema.cdr)
            .group_by(schema.statement_cdr.c.statement_id)
        )
    }
    return [
        f"statement {row.number}: {row.gross_minor}, its CDRs {sums.get(row.statement_id)}"
        for row in conn.execute(select(schema.statement))
        if sums.get(row.statement_id) != (row.net_minor, row.vat_minor, row.gross_minor)
    ]


def _sessions_and_cdrs(conn: Connection) -> list[str]:
    rows = conn.scalars(
        select(schema.session.c.session_id)
        .join_from(schema.session, schema.stall)
        .where(
            schema.session.c.ended_ms.is_not(None),
            schema.session.c.energy_wh > 0,
            schema.stall.c.billable == 1,
            schema.session.c.session_id.not_in(select(schema.cdr.c.session_id)),
        )
    )
    return [f"session {session_id} has used energy and has no CDR" for session_id in rows]


def _statements_and_ledger(conn: Connection) -> list[str]:
    owed = {
        row.transaction_id: (row.amount_minor, row.hash.hex()[:12])
        for row in conn.execute(
            select(schema.ledger_transaction.c.transaction_id, schema.ledger_transaction.c.hash, schema.posting)
            .join_from(schema.ledger_transaction, schema.posting)
            .where(
                schema.ledger_transaction.c.kind == "statement",
                schema.posting.c.ledger_account_id.startswith(receivable(AccountId("")), autoescape=True),
            )
        )
    }
    breaches = []
    for row in conn.execute(select(schema.statement).where(schema.statement.c.gross_minor != 0)):
        printed = (row.gross_minor, json.loads(row.document_json)["ledger_head"])
        booked = owed.get(f"statement:{row.statement_id}")
        if booked != printed:
            breaches.append(f"statement {row.number}: printed {printed}, booked {booked}")
    return breaches


def _disputes(conn: Connection) -> list[str]:
    """What is billed for a session that was found not to be theirs has to be credited, in full."""
    billed = conn.execute(
        select(schema.cdr.c.session_id, schema.cdr.c.gross_minor)
        .join_from(dispute, schema.cdr, schema.cdr.c.session_id == dispute.c.session_id)
        .join(schema.statement_cdr, schema.statement_cdr.c.cdr_id == schema.cdr.c.cdr_id)
        .where(dispute.c.state == "upheld")
    )
    credits_: dict[str, int] = {
        row.external_id: row.amount_minor
        for row in conn.execute(select(schema.payment).where(schema.payment.c.rail == "credit"))
    }
    return [
        f"session {row.session_id}: billed {row.gross_minor}, credited {credits_.get(row.session_id, 0)}"
        for row in billed
        if credits_.get(row.session_id, 0) != row.gross_minor
    ]


def _seals(conn: Connection) -> list[str]:
    return [
        f"statement {row.number}: its document was changed"
        for row in conn.execute(select(schema.statement))
        if hashlib.sha256(row.document_json.encode()).hexdigest() != row.sha256
    ]


def _numbers(conn: Connection) -> list[str]:
    issued = set(conn.scalars(select(schema.statement.c.number)))
    due = {
        statement_number(row.year, place)
        for row in conn.execute(select(schema.series).where(schema.series.c.prefix == SERIES))
        for place in range(1, row.last + 1)
    }
    return sorted(f"number {number} is missing" for number in due - issued) + sorted(
        f"number {number} was never given out" for number in issued - due
    )


def _ledger(conn: Connection) -> list[str]:
    report = verify(conn)
    return [] if report.ok else [f"transaction {report.broken_at}: {report.problem}"]
