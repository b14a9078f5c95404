"""Reading the ledger: the journal a page at a time, balances over a span, and what a transaction is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, case, func, select, true

from ..books.schema import cdr, ledger_account, ledger_transaction, payment, posting, statement
from .accounts import CHART, AccountKind, kind_of
from .ledger import Link, chain

_OPEN = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which transactions; by when they happened, in milliseconds, from inclusive to exclusive."""

    account: str = ""
    """A ledger account, or the number of a divided one, such as 1400; empty: all."""
    from_ms: int = 0
    to_ms: int = _OPEN

    def numbers(self) -> Select[tuple[int]]:
        """Select the numbers of the transactions."""
        transaction = ledger_transaction.c
        query = select(transaction.number).where(
            transaction.occurred_ms >= self.from_ms, transaction.occurred_ms < self.to_ms
        )
        if self.account:
            query = query.where(transaction.number.in_(select(posting.c.number).where(_of_account(self.account))))
        return query


@dataclass(frozen=True, kw_only=True)
class Balance:
    """An account's balance over a span, in minor units, debit positive."""

    account: str
    kind: AccountKind
    before_minor: int
    debit_minor: int
    credit_minor: int
    """What was booked on each side, not below zero."""

    @property
    def after_minor(self) -> int:
        """What stands at the end."""
        return self.before_minor + self.debit_minor - self.credit_minor


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a transaction rests on. Ids of rows of the books, empty where there is none of the kind."""

    statement_id: str = ""
    statement_number: str = ""
    bill_id: str = ""
    session_id: str = ""
    rail: str = ""
    external_id: str = ""
    note: str = ""


def count(conn: Connection, wanted: Wanted) -> int:
    """Return how many transactions there are."""
    return conn.scalar(select(func.count()).select_from(wanted.numbers().subquery())) or 0


def newest_first(conn: Connection, wanted: Wanted, skipped: int, most: int) -> Sequence[Link]:
    """Return some of them, the newest first."""
    page = wanted.numbers().order_by(ledger_transaction.c.number.desc()).offset(skipped).limit(most)
    numbers = conn.scalars(page).all()
    return list(chain(conn, select(ledger_transaction.c.number).where(ledger_transaction.c.number.in_(numbers))))[::-1]


def one(conn: Connection, number: int) -> Link | None:
    """Return a transaction."""
    only = select(ledger_transaction.c.number).where(ledger_transaction.c.number == number)
    return next(iter(list(chain(conn, only))), None)


def number_of(conn: Connection, transaction_id: str | None) -> int | None:
    """Return the number of a transaction."""
    return conn.scalar(select(ledger_transaction.c.number).where(ledger_transaction.c.transaction_id == transaction_id))


def accounts_in_use(conn: Connection) -> Sequence[str]:
    """Return every account anything was booked on, in the order of the chart."""
    return sorted(conn.scalars(select(ledger_account.c.ledger_account_id)), key=_in_chart)


def trial_balance(conn: Connection, wanted: Wanted) -> Sequence[Balance]:
    """Return what stood on each account before the span, what was booked in it, and so what stands at its end."""
    occurred, minor = ledger_transaction.c.occurred_ms, posting.c.amount_minor
    is_before = occurred < wanted.from_ms
    rows = conn.execute(
        select(
            posting.c.ledger_account_id,
            func.sum(case((is_before, minor), else_=0)).label("before"),
            func.sum(case((is_before, 0), (minor > 0, minor), else_=0)).label("debit"),
            func.sum(case((is_before, 0), (minor < 0, -minor), else_=0)).label("credit"),
        )
        .join_from(posting, ledger_transaction)
        .where(occurred < wanted.to_ms, _of_account(wanted.account))
        .group_by(posting.c.ledger_account_id)
    )
    found = [
        Balance(
            account=row.ledger_account_id,
            kind=kind_of(row.ledger_account_id),
            before_minor=row.before,
            debit_minor=row.debit,
            credit_minor=row.credit,
        )
        for row in rows
    ]
    return sorted(found, key=lambda balance: _in_chart(balance.account))


def evidence(conn: Connection, transaction_id: str) -> Evidence:
    """Return what a transaction rests on, by what its id says."""
    what, _, of = transaction_id.partition(":")
    if what in ("statement", "credit_note"):
        return _of_statement(conn, of)
    if what in ("payment", "fee"):
        row = conn.execute(select(payment).where(payment.c.payment_id == of)).one_or_none()
        if row is None:
            return Evidence()
        on = _of_statement(conn, row.statement_id or "")
        return Evidence(
            statement_id=on.statement_id,
            statement_number=on.statement_number,
            rail=row.rail,
            external_id=row.external_id,
            note=row.note or "",
        )
    if what == "utility":
        return Evidence(bill_id=of.removesuffix(":back"))
    if what in ("common", "dispute"):
        return Evidence(session_id=conn.scalar(select(cdr.c.session_id).where(cdr.c.cdr_id == of)) or "")
    return Evidence()


def _of_statement(conn: Connection, statement_id: str) -> Evidence:
    number = conn.scalar(select(statement.c.number).where(statement.c.statement_id == statement_id))
    return Evidence(statement_id=statement_id, statement_number=number) if number else Evidence()


def _of_account(account: str) -> ColumnElement[bool]:
    if not account:
        return true()
    column = posting.c.ledger_account_id
    return (column == account) | column.startswith(f"{account}:", autoescape=True)


def _in_chart(account: str) -> tuple[int, str]:
    return list(CHART).index(account.partition(":")[0]), account
