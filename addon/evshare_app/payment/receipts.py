"""Money that arrived: one `payment` row and one ledger transaction, once per payment of the outside world.

Every rail books through here. What arrives is credited to the account's receivable, whatever was asked for: paying
too little leaves the rest due, paying too much counts for the account's oldest open statement.
"""

from dataclasses import dataclass
from datetime import datetime
import hashlib

from sqlalchemy import Connection, insert, select

from ..books.building import the_building
from ..books.schema import payment as table
from ..ledger.ledger import post
from ..ledger.templates import Event, fee_kept, paid
from ..model import AccountId, StatementId, to_ms
from .rail import PaymentRefused


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A payment as the outside world names it."""

    rail: str
    external_id: str
    """The bank's or provider's own id of this payment; it books once per rail."""
    account_id: AccountId
    statement_id: StatementId
    amount_minor: int
    currency: str
    at: datetime
    into: str
    """Ledger account that got the money."""
    actor: str
    number: str
    """Number of the statement, for the ledger's reason."""


def book(conn: Connection, receipt: Receipt, now: datetime) -> str:
    """Book a receipt and return its payment id; one that is booked already only returns the id.

    Raises `PaymentRefused` when the external id is booked with another amount, currency or statement.
    """
    payment_id = _payment_id(receipt.rail, receipt.external_id)
    booked = conn.execute(select(table).where(table.c.payment_id == payment_id)).one_or_none()
    if booked is not None:
        for name in ("statement_id", "amount_minor", "currency"):
            if getattr(booked, name) != getattr(receipt, name):
                msg = (
                    f"external_id: {receipt.external_id!r} is already booked with {name} {getattr(booked, name)!r}, "
                    f"got {getattr(receipt, name)!r}; accepted is the same payment or another id"
                )
                raise PaymentRefused(msg)
        return payment_id
    conn.execute(
        insert(table).values(
            building_id=the_building(conn).building_id,
            payment_id=payment_id,
            rail=receipt.rail,
            external_id=receipt.external_id,
            account_id=receipt.account_id,
            statement_id=receipt.statement_id,
            amount_minor=receipt.amount_minor,
            currency=receipt.currency,
            at_ms=to_ms(receipt.at),
        )
    )
    event = Event(
        transaction_id=f"payment:{payment_id}",
        occurred=receipt.at,
        actor=receipt.actor,
        reason=f"statement {receipt.number} paid, {receipt.rail} {receipt.external_id}",
        currency=receipt.currency,
    )
    post(conn, paid(event, receipt.account_id, receipt.amount_minor, receipt.into), now)
    return payment_id


@dataclass(frozen=True, kw_only=True)
class Fee:
    """What a provider kept of a payment."""

    amount_minor: int
    currency: str
    at: datetime


def book_fee(conn: Connection, receipt: Receipt, fee: Fee, now: datetime) -> None:
    """Book the provider's fee of a booked receipt, once."""
    if fee.amount_minor == 0:
        return
    event = Event(
        transaction_id=f"fee:{_payment_id(receipt.rail, receipt.external_id)}",
        occurred=fee.at,
        actor=receipt.actor,
        reason=f"fee of {receipt.rail} {receipt.external_id}",
        currency=fee.currency,
    )
    post(conn, fee_kept(event, fee.amount_minor, receipt.into), now)


def _payment_id(rail: str, external_id: str) -> str:
    # Made of what the outside calls it, so that a second copy of these books would make the same id.
    return hashlib.sha256(f"{rail}\n{external_id}".encode()).hexdigest()[:32]
