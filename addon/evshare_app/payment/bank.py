"""Bank transfers: money that arrived on the building's bank account, as the manager reads it from the bank.

A transfer is matched by the statement's creditor reference (ISO 11649, `RF…`), exactly, or by the statement the
manager chose. What differs from the amount due stays on the account: too little leaves the rest due, too much counts
for the account's oldest open statement (`standing.dues`).
"""

from datetime import datetime

from sqlalchemy import Connection, select

from ..books.schema import statement
from ..ledger.accounts import BANK
from ..model import StatementId
from .rail import PaymentRefused, Standing
from .receipts import Receipt, book
from .standing import Bill, get_bill, standing

RAIL = "bank"


def record_transfer(
    conn: Connection,
    *,
    amount_minor: int,
    currency: str,
    external_id: str,
    at: datetime,
    actor: str,
    now: datetime,
    reference: str | None = None,
    statement_id: StatementId | None = None,
) -> Standing:
    """Book a transfer and return how its statement stands now.

    `external_id` is the bank's own id of the entry (or the manager's receipt number): recording it again with the
    same content changes nothing. `at` is the day the bank booked it.

    Raises `PaymentRefused`, and books nothing, when not exactly one of `reference` and `statement_id` is given or it
    is unknown, the amount is not positive, the currency is another, the id is empty or booked with other content.
    """
    bill = _bill(conn, reference, statement_id)
    if amount_minor <= 0:
        msg = f"amount: got {amount_minor}, accepted is more than 0"
        raise PaymentRefused(msg)
    if currency != bill.currency:
        msg = f"currency: got {currency!r}, accepted for statement {bill.number} is {bill.currency}"
        raise PaymentRefused(msg)
    if not 0 < len(external_id.strip()) <= 255:
        msg = f"external_id: got {external_id!r}, accepted are 1 to 255 characters"
        raise PaymentRefused(msg)
    book(
        conn,
        Receipt(
            rail=RAIL,
            external_id=external_id.strip(),
            account_id=bill.account_id,
            statement_id=bill.statement_id,
            amount_minor=amount_minor,
            currency=currency,
            at=at,
            into=BANK,
            actor=actor,
            number=bill.number,
        ),
        now,
    )
    return standing(conn, bill.statement_id, now)


def _bill(conn: Connection, reference: str | None, statement_id: StatementId | None) -> Bill:
    if (reference is None) == (statement_id is None):
        msg = "reference, statement_id: accepted is exactly one of them"
        raise PaymentRefused(msg)
    if statement_id is not None:
        return get_bill(conn, statement_id)
    # Banks and people print it in groups of four and in either case.
    compact = "".join((reference or "").split()).upper()
    found = conn.scalar(select(statement.c.statement_id).where(statement.c.reference == compact))
    if found is None:
        msg = f"reference: got {reference!r}, accepted is the RF reference printed on a statement"
        raise PaymentRefused(msg)
    return get_bill(conn, StatementId(found))
