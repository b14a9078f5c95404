"""Money that accounts pay in advance: topping up.

What is paid in advance is booked to the account's prepaid balance (``2100:<account>``), so it is no payment of a
statement yet. When a statement is issued, as much of it as is there pays that statement (`statement/advance.py`).
"""

from datetime import datetime
import hashlib

from sqlalchemy import Connection

from ..books.building import the_building
from ..ledger.ledger import LedgerError, post
from ..ledger.templates import Event, topped_up
from ..model import AccountId
from .rail import PaymentRefused


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
