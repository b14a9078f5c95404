"""What settling a utility bill books: its losses as a cost of their own, and what fixed tariffs brought against it.

A fixed tariff brings more than the residents' energy cost, or less. The owners put the one aside in the reserve and
take the other from it, when the bill is settled: with the close of the month in which it ends, or with the next.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from ..books import schema
from ..books.accounting_tables import charge, utility_bill
from ..books.building import BuildingRow
from ..ledger.accounts import ENERGY, RESERVE
from ..ledger.ledger import NewTransaction, Posting, post
from ..ledger.templates import Event, losses_allocated, reserve_used, reserved
from ..model import Month, to_ms
from ..split.methods import Method
from .bills import BOOKED, Bill, BillError, bills, income_minor, reconciled, settled_with
from .house_rules import EnergyRule, energy_rule

_PREFIXES = ("losses:", "reserve:")
"""Begins of the ids of what a bill's settlement books."""


def book_settled(conn: Connection, building: BuildingRow, month: Month, actor: str, now: datetime) -> None:
    """Book what the bills that are settled with a month come to."""
    rule = energy_rule(conn, month)
    for bill in bills(conn):
        if settled_with(conn, bill, month):
            for transaction in _bookings(conn, building, bill, rule, actor, now):
                post(conn, transaction, now)


def withdraw_bill(conn: Connection, bill_id: str, by: str, now: datetime) -> None:
    """Take a bill back that was entered wrongly, and what was booked for it. Raises `BillError` once it is settled."""
    bill = next((one for one in bills(conn) if one.bill_id == bill_id), None)
    if bill is None:
        msg = f"bill: got {bill_id}, accepted is one that stands"
        raise BillError(msg)
    if conn.scalar(select(func.count()).select_from(charge).where(charge.c.of == bill_id)):
        msg = f"bill: got {bill_id}, accepted is one that is not settled yet"
        raise BillError(msg)
    conn.execute(update(utility_bill).where(utility_bill.c.bill_id == bill_id).values(withdrawn_ms=to_ms(now)))
    for prefix in (BOOKED, *_PREFIXES):
        _take_back(conn, bill, f"{prefix}{bill_id}", by, now)


def reserve_before(conn: Connection, bill: Bill) -> int:
    """Return what the reserve held before a bill was settled, in minor units; all there is while it is not."""
    transaction, posting = schema.ledger_transaction, schema.posting
    own = conn.scalar(
        select(transaction.c.number).where(transaction.c.transaction_id == f"{_PREFIXES[1]}{bill.bill_id}")
    )
    held = select(func.sum(posting.c.amount_minor)).where(posting.c.ledger_account_id == RESERVE)
    return -int(conn.scalar(held if own is None else held.where(posting.c.number < own)) or 0)


def _bookings(  # noqa: PLR0917 - what is booked, then by whom and when
    conn: Connection, building: BuildingRow, bill: Bill, rule: EnergyRule, actor: str, now: datetime
) -> Iterator[NewTransaction]:
    found = reconciled(conn, bill, rule)

    def event(prefix: str) -> Event:
        return Event(
            transaction_id=f"{prefix}{bill.bill_id}",
            occurred=now,
            actor=actor[:64],
            reason=f"Utility bill {bill.number}",
            currency=building.currency,
        )

    losses, reserve = _PREFIXES
    if found.losses.minor > 0:
        yield losses_allocated(event(losses), found.losses.minor)
    if rule.method is Method.FIXED:
        surplus = income_minor(conn, bill.window, building) - found.billed.minor
        if surplus > 0:
            yield reserved(event(reserve), surplus, out_of=ENERGY)
        elif surplus < 0:
            yield reserve_used(event(reserve), -surplus, out_of=ENERGY)


def _take_back(conn: Connection, bill: Bill, booked: str, by: str, now: datetime) -> None:
    transaction, posting = schema.ledger_transaction, schema.posting
    rows = conn.execute(
        select(transaction.c.kind, posting)
        .join_from(transaction, posting)
        .where(transaction.c.transaction_id == booked)
        .order_by(posting.c.line)
    ).all()
    if not rows:
        return
    back = NewTransaction(
        transaction_id=f"{booked}:back",
        kind=rows[0].kind,
        occurred=now,
        actor=by[:64],
        reason=f"Utility bill {bill.number} was entered wrongly",
        postings=[Posting(row.ledger_account_id, -row.amount_minor) for row in rows],
        currency=rows[0].currency,
        reverses=booked,
    )
    post(conn, back, now)
