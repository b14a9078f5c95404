"""Closing a month: preview, approval, and one statement per account, numbered without gaps, booked and locked.

A close is approved once and then carried out account by account, each in a transaction of its own, so that the books
stay open for everything else, and a power cut loses nothing. So that nothing can slip in between, the approval is one
transaction, too, and in it all is decided: the last CDRs are made, sessions that went on are cut at the month's end,
the charges are kept, the CDRs to bill are written down (`close_cdr`), and the month is locked. What becomes known
after that is billed with the next month, as if the month had been closed in that instant. Months are closed in order.

What is approved is what was looked at: the preview does the same work and undoes it, and its fingerprint must be that
of the approval. `closing.py` carries an approved close out, with all that follows.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, literal, select, update

from ..books import schema
from ..books.accounting_tables import charge, close_run
from ..books.building import the_building
from ..books.close_tables import close_cdr
from ..model import AccountId, Month, StatementId, from_ms, to_ms
from .bill_booking import book_settled
from .billable import unattributed_wh
from .charge import Charge, read_charge
from .charges import keep_charges
from .common import book_common
from .findings import DONE, ISSUING, Reason, reasons_against
from .issue import Issue, issue_statement
from .preview import of_statement, prepare, preview_month

__all__ = [
    "ISSUING",
    "SIGNING",
    "CloseRefused",
    "CloseRun",
    "Reason",
    "approve",
    "close_of",
    "issue_next",
    "preview_month",
    "reasons_against",
    "set_step",
]

SIGNING = "signing"
"""The step after issuing; those that follow are in `closing.py`."""


class CloseRefused(Exception):
    """The month cannot be closed; nothing was changed."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__("; ".join(reason.text() for reason in reasons))
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class CloseRun:
    """How far a close is."""

    month: Month
    step: str
    approved: datetime
    approved_by: str
    accounts: int
    issued: int
    problem: str

    @property
    def done(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.step == DONE


def close_of(conn: Connection, month: Month) -> CloseRun | None:
    """Return how far the close of a month is; None when it was not approved, or before closes were runs."""
    row = conn.execute(select(close_run).where(close_run.c.month == str(month))).one_or_none()
    if row is None:
        return None
    return CloseRun(
        month=month,
        step=row.step,
        approved=from_ms(row.approved_ms),
        approved_by=row.approved_by,
        accounts=row.accounts,
        issued=row.issued,
        problem=row.problem,
    )


def approve(conn: Connection, month: Month, fingerprint: str, actor: str, now: datetime) -> None:
    """Lock a month as it was looked at, and decide in this transaction all that will be billed.

    Raises `CloseRefused` naming every reason, or that the month comes to something else than was looked at. Whatever
    is raised, the caller's transaction must be rolled back (as `Books.write` does).
    """
    reasons = reasons_against(conn, month, now)
    if reasons:
        raise CloseRefused(reasons)
    building = the_building(conn)
    prepared = prepare(conn, month, building, now)
    if prepared.problem is not None:
        raise CloseRefused((prepared.problem,))
    if prepared.fingerprint != fingerprint:
        raise CloseRefused((Reason("What the month comes to has changed since you looked. Please look once more."),))
    values = literal(building.building_id), schema.cdr.c.cdr_id, literal(str(month)), schema.cdr.c.account_id
    names = ["building_id", "cdr_id", "month", "account_id"]
    conn.execute(insert(close_cdr).from_select(names, select(*values).where(prepared.bills)))
    book_common(conn, building, prepared.common, actor, now)
    book_settled(conn, building, month, actor, now)
    keep_charges(conn, month, prepared.charges, to_ms(now))
    conn.execute(
        insert(schema.period).values(
            building_id=building.building_id,
            month=str(month),
            closed_ms=to_ms(now),
            closed_by=actor,
            unattributed_wh=unattributed_wh(conn, month, building),
        )
    )
    conn.execute(
        insert(close_run).values(
            building_id=building.building_id,
            month=str(month),
            step=ISSUING,
            approved_ms=to_ms(now),
            approved_by=actor,
            preview_sha256=fingerprint,
            accounts=_count_accounts(conn, month),
            issued=0,
            changed_ms=to_ms(now),
            problem="",
        )
    )


def issue_next(conn: Connection, month: Month, now: datetime, ledger_key: str = "") -> StatementId | None:
    """Issue the next statement of an approved close and return its id; None when all are issued."""
    run = close_of(conn, month)
    assert run is not None, f"{month}: its close was not approved"
    account_id = _next_account(conn, month)
    if account_id is None:
        if run.step == ISSUING:
            set_step(conn, month, SIGNING, now)
        return None
    made = issue_statement(
        conn,
        Issue(
            building=the_building(conn),
            month=month,
            account_id=account_id,
            actor=run.approved_by,
            now=now,
            ledger_key=ledger_key,
        ),
        _approved_cdrs(conn, month, account_id),
        _open_charges(conn, month, account_id),
    )
    conn.execute(
        update(close_run)
        .where(close_run.c.month == str(month))
        .values(issued=close_run.c.issued + 1, changed_ms=to_ms(now))
    )
    return made


def set_step(conn: Connection, month: Month, step: str, now: datetime, problem: str = "") -> None:
    """Note that a close has come to another step, or what it meets there."""
    conn.execute(
        update(close_run)
        .where(close_run.c.month == str(month))
        .values(step=step, changed_ms=to_ms(now), problem=problem)
    )


def _count_accounts(conn: Connection, month: Month) -> int:
    billed = select(close_cdr.c.account_id).where(close_cdr.c.month == str(month))
    charged = select(charge.c.account_id).where(charge.c.month == str(month), of_statement(month))
    return int(conn.scalar(select(func.count()).select_from(billed.union(charged).subquery())) or 0)


def _next_account(conn: Connection, month: Month) -> AccountId | None:
    """Return the first account, by id, after the last that has its statement of an approved close."""
    last = conn.scalar(
        select(func.max(schema.statement.c.account_id)).where(
            schema.statement.c.month == str(month), schema.statement.c.kind == "statement"
        )
    )
    firsts = [
        conn.scalar(
            select(func.min(table.c.account_id)).where(
                table.c.month == str(month), table.c.account_id > (last or ""), *conditions
            )
        )
        for table, conditions in ((close_cdr, ()), (charge, (of_statement(month),)))
    ]
    return min((AccountId(one) for one in firsts if one is not None), default=None)


def _approved_cdrs(conn: Connection, month: Month, account_id: AccountId) -> list[str]:
    rows = select(close_cdr.c.cdr_id).where(close_cdr.c.month == str(month), close_cdr.c.account_id == account_id)
    return list(conn.scalars(rows.order_by(close_cdr.c.cdr_id)))


def _open_charges(conn: Connection, month: Month, account_id: AccountId) -> list[Charge]:
    own = charge.c.month == str(month), charge.c.account_id == account_id
    rows = conn.execute(select(charge).where(*own, of_statement(month)).order_by(charge.c.charge_id))
    return [read_charge(row) for row in rows]
