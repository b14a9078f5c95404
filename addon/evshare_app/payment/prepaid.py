"""Money that accounts pay in advance: topping up, and using it for the statements they owe.

What is paid in advance is booked to the account's prepaid balance (``2100:<account>``), so it is no payment of a
statement yet. Once a statement is issued, as much of it as is there pays that statement.
"""

from datetime import datetime
import hashlib

from sqlalchemy import Connection, insert, select

from ..books.building import the_building
from ..books.schema import ledger_transaction, payment
from ..ledger.accounts import prepaid
from ..ledger.ledger import LedgerError, balance, post
from ..ledger.templates import Event, prepaid_used, topped_up
from ..model import AccountId, StatementId, to_ms
from .rail import PaymentRefused
from .standing import due_minor, get_bill

RAIL = "prepaid"


def top_up(
    conn: Connection,
    account_id: AccountId,
    *,
    amount_minor: int,
    into: str,
    entry: str,
    at: datetime,
    actor: str,
    now: datetime,
) -> None:
    """Book money an account paid in advance. `entry` is the bank's number, or that of a receipt.

    Booking the same entry again changes nothing; with other content it raises `PaymentRefused`.
    """
    event = Event(
        transaction_id=f"top-up:{hashlib.sha256(f'{into}\n{entry}'.encode()).hexdigest()[:32]}",
        occurred=at,
        actor=actor,
        reason=f"top-up, {entry}",
        currency=the_building(conn).currency,
    )
    try:
        post(conn, topped_up(event, account_id, amount_minor, into), now)
    except LedgerError as error:
        msg = f"entry: {entry!r} cannot be booked, accepted is the same top-up or another number ({error})"
        raise PaymentRefused(msg) from None


def use_prepaid(conn: Connection, statement_id: StatementId, actor: str, now: datetime) -> int:
    """Let what an account paid in advance pay a statement, and return the minor units it pays; 0 when there is none.

    Done once per statement: doing it again changes nothing.
    """
    bill = get_bill(conn, statement_id)
    there = -balance(conn, prepaid(bill.account_id))
    amount_minor = min(there, due_minor(conn, bill))
    payment_id = hashlib.sha256(f"{RAIL}\n{statement_id}".encode()).hexdigest()[:32]
    transaction_id = f"payment:{payment_id}"
    done = select(ledger_transaction.c.number).where(ledger_transaction.c.transaction_id == transaction_id)
    if amount_minor <= 0 or conn.scalar(done) is not None:
        return 0
    conn.execute(
        insert(payment).values(
            building_id=the_building(conn).building_id,
            payment_id=payment_id,
            rail=RAIL,
            external_id=statement_id,
            account_id=bill.account_id,
            statement_id=statement_id,
            amount_minor=amount_minor,
            currency=bill.currency,
            at_ms=to_ms(now),
        )
    )
    event = Event(
        transaction_id=transaction_id,
        occurred=now,
        actor=actor,
        reason=f"statement {bill.number} paid, in advance",
        currency=bill.currency,
    )
    post(conn, prepaid_used(event, bill.account_id, amount_minor), now)
    return amount_minor
