"""How statements stand: what is still due, and what happens next. Reads the books, changes nothing.

What was paid on a statement counts for it first. What was paid too much, or on no statement, counts for the account's
oldest statement that is still open. So the dues of an account, less what is left over, are its receivable balance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from ..books.schema import account, payment, statement
from ..model import AccountId, StatementId, from_ms
from ..money import Money
from . import declines, operations
from .operations import Kind, Operation, OperationState
from .rail import PaymentRefused, PayState, Standing
from .stripe_amounts import minimum_minor

STRIPE = "stripe"


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a statement asks for."""

    statement_id: StatementId
    account_id: AccountId
    number: str
    gross_minor: int
    currency: str
    month: str
    issued: datetime


@dataclass(frozen=True, kw_only=True)
class Payer:
    """How an account pays."""

    account_id: AccountId
    rail: str
    customer: str | None
    payment_method: str | None


def dues(bills: Sequence[Bill], paid: Mapping[StatementId | None, int]) -> dict[StatementId, int]:
    """Return what is due per statement of one account, in minor units, never negative.

    `bills` are in order of issue; `paid` sums the payments per statement (None: on no statement).
    """
    spare = paid.get(None, 0)
    due: dict[StatementId, int] = {}
    for bill in bills:
        rest = bill.gross_minor - paid.get(bill.statement_id, 0)
        due[bill.statement_id] = max(rest, 0)
        spare += max(-rest, 0)
    for statement_id, rest in due.items():
        used = min(rest, max(spare, 0))
        due[statement_id] = rest - used
        spare -= used
    return due


def get_bill(conn: Connection, statement_id: StatementId) -> Bill:
    """Return a statement. Raises `PaymentRefused` when there is none with this id."""
    found = _bills(conn, statement.c.statement_id == statement_id)
    if not found:
        msg = f"statement_id: got {statement_id!r}, accepted is the id of an issued statement"
        raise PaymentRefused(msg)
    return found[0]


def get_payer(conn: Connection, account_id: AccountId) -> Payer:
    """Return how an account pays. Raises `PaymentRefused` for an unknown account."""
    row = conn.execute(select(account).where(account.c.account_id == account_id)).one_or_none()
    if row is None:
        msg = f"account_id: got {account_id!r}, accepted is the id of an account"
        raise PaymentRefused(msg)
    return Payer(
        account_id=AccountId(row.account_id),
        rail=row.rail,
        customer=row.stripe_customer,
        payment_method=row.stripe_payment_method,
    )


def due_minor(conn: Connection, bill: Bill) -> int:
    """Return what is still due of a statement, in minor units."""
    return _dues_of(conn, bill.account_id)[bill.statement_id]


def standing(conn: Connection, statement_id: StatementId, now: datetime) -> Standing:
    """Return how one statement stands. Raises `PaymentRefused` for an unknown one."""
    bill = get_bill(conn, statement_id)
    return _standing(conn, bill, due_minor(conn, bill), now)


def standings(conn: Connection, now: datetime, account_id: AccountId | None = None) -> list[Standing]:
    """Return how all statements (of one account) stand, oldest first."""
    bills = _bills(conn, *([statement.c.account_id == account_id] if account_id is not None else []))
    due = _all_dues(conn, bills)
    return [_standing(conn, bill, due[bill.statement_id], now) for bill in bills]


def oldest_due(conn: Connection) -> datetime | None:
    """Return when the oldest statement that is not paid was issued."""
    bills = _bills(conn)
    due = _all_dues(conn, bills)
    return min((bill.issued for bill in bills if due[bill.statement_id]), default=None)


def _bills(conn: Connection, *conditions: ColumnElement[bool]) -> list[Bill]:
    # Not the whole rows: they hold the printed documents.
    fields = ("statement_id", "account_id", "number", "gross_minor", "currency", "month", "issued_ms")
    rows = conn.execute(
        select(*(statement.c[name] for name in fields))
        .where(*conditions)
        .order_by(statement.c.issued_ms, statement.c.number)
    )
    return [
        Bill(
            statement_id=StatementId(row.statement_id),
            account_id=AccountId(row.account_id),
            number=row.number,
            gross_minor=row.gross_minor,
            currency=row.currency,
            month=row.month,
            issued=from_ms(row.issued_ms),
        )
        for row in rows
    ]


def _all_dues(conn: Connection, bills: Sequence[Bill]) -> dict[StatementId, int]:
    due: dict[StatementId, int] = {}
    for account_id in {bill.account_id for bill in bills}:
        due |= _dues_of(conn, account_id)
    return due


def _dues_of(conn: Connection, account_id: AccountId) -> dict[StatementId, int]:
    rows = conn.execute(
        select(payment.c.statement_id, func.sum(payment.c.amount_minor))
        .where(payment.c.account_id == account_id)
        .group_by(payment.c.statement_id)
    )
    return dues(_bills(conn, statement.c.account_id == account_id), {row[0]: int(row[1]) for row in rows})


def _standing(conn: Connection, bill: Bill, due: int, now: datetime) -> Standing:
    state, reason, retry_at = _state(conn, bill, due, now)
    return Standing(
        statement_id=bill.statement_id,
        account_id=bill.account_id,
        number=bill.number,
        total=Money(bill.gross_minor, bill.currency),
        due=Money(due, bill.currency),
        state=state,
        reason=reason,
        retry_at=retry_at,
    )


def _state(conn: Connection, bill: Bill, due: int, now: datetime) -> tuple[PayState, str | None, datetime | None]:
    if due == 0:
        return PayState.PAID, None, None
    under_way = operations.open_of_statement(conn, bill.statement_id)
    if under_way is not None:
        return _state_under_way(under_way), under_way.error_code, None
    payer = get_payer(conn, bill.account_id)
    if payer.rail != STRIPE or payer.payment_method is None:
        return PayState.OPEN, None, None
    if due < minimum_minor(bill.currency):
        return PayState.BELOW_MINIMUM, None, None
    return _state_after_declines(conn, bill, payer, now)


def _state_under_way(under_way: Operation) -> PayState:
    if under_way.state is OperationState.NEEDS_CUSTOMER:
        # An open page to pay on binds nobody; a card that wants its owner does.
        return PayState.NEEDS_CUSTOMER if under_way.kind is Kind.COLLECT else PayState.OPEN
    if under_way.kind is Kind.CHECKOUT and under_way.state is OperationState.PENDING:
        return PayState.OPEN
    return PayState.PROCESSING


def _state_after_declines(
    conn: Connection, bill: Bill, payer: Payer, now: datetime
) -> tuple[PayState, str | None, datetime | None]:
    """Look at the tries with the present card: another one starts afresh, and a dead one is dead for all statements."""
    failed = [
        one
        for one in operations.of_account(conn, bill.account_id, Kind.COLLECT)
        if one.error_code not in (None, declines.NEVER_SENT)
        and not one.open
        and one.state is not OperationState.SUCCEEDED
        and one.params.get("payment_method") == payer.payment_method
    ]
    mine = [
        declines.Failure(one.error_code or "", one.updated) for one in failed if one.statement_id == bill.statement_id
    ]
    dead = [one.error_code for one in failed if one.error_code in declines.DEAD_CARD]
    if dead:
        return PayState.NEEDS_CUSTOMER, dead[-1], None
    if not mine:
        return PayState.OPEN, None, None
    retry_at = declines.next_try(mine)
    if retry_at is None:
        return PayState.NEEDS_CUSTOMER, mine[-1].code, None
    return (PayState.OPEN, None, None) if retry_at <= now else (PayState.RETRY_LATER, mine[-1].code, retry_at)
