"""What an account had paid before a statement was issued: it pays the statement, in the transaction that issues it.

What is in its favour (paid too much, or given back by a credit note) counts for the oldest statement that is open, so
for this one as far as those before leave it. Then comes the prepaid balance (``2100:<account>``): what is used of it is
a payment of the rail ``prepaid``.
"""

import hashlib

from sqlalchemy import Connection, func, insert, select

from ..books.building import BuildingRow
from ..books.schema import ledger_transaction, payment, posting, statement
from ..ledger.accounts import prepaid
from ..ledger.ledger import post
from ..ledger.templates import Event, prepaid_used
from ..model import AccountId, from_ms, to_ms
from .document import Advance, StatementDocument, TopUp

RAIL = "prepaid"
"""As payments name it."""


def in_favour_minor(conn: Connection, account_id: AccountId) -> int:
    """Return what an account has paid, or was given back, beyond all its statements; 0 where it owes something."""
    asked = select(func.sum(statement.c.gross_minor)).where(statement.c.account_id == account_id)
    paid = select(func.sum(payment.c.amount_minor)).where(payment.c.account_id == account_id)
    return max(0, int(conn.scalar(paid) or 0) - int(conn.scalar(asked) or 0))


def advance_for(conn: Connection, building: BuildingRow, account_id: AccountId, due_minor: int) -> Advance | None:
    """Return how a statement that is issued now is paid in advance; None where nothing was paid so."""
    moves = conn.execute(
        select(
            posting.c.amount_minor,
            ledger_transaction.c.kind,
            ledger_transaction.c.occurred_ms,
            ledger_transaction.c.recorded_ms,
        )
        .join_from(posting, ledger_transaction, ledger_transaction.c.number == posting.c.number)
        .where(posting.c.ledger_account_id == prepaid(account_id))
        .order_by(ledger_transaction.c.number)
    ).all()
    if not moves:
        return None
    # A credit note lists none: what was paid in before it is told by the statement after it.
    last = conn.scalar(
        select(func.max(statement.c.issued_ms)).where(
            statement.c.account_id == account_id, statement.c.kind != "credit_note"
        )
    )
    top_ups = tuple(
        TopUp(day=from_ms(one.occurred_ms).astimezone(building.zone).date(), minor=-one.amount_minor)
        for one in moves
        if one.kind == "top_up" and (last is None or one.recorded_ms > last)
    )
    there = -sum(one.amount_minor for one in moves)
    if there <= 0 and not top_ups:
        return None
    used = max(0, min(there, due_minor))
    return Advance(
        before_minor=there - sum(one.minor for one in top_ups),
        top_ups=top_ups,
        used_minor=used,
        left_minor=there - used,
    )


def use_advance(
    conn: Connection, building: BuildingRow, account_id: AccountId, document: StatementDocument, actor: str
) -> None:
    """Let the prepaid balance pay what a statement, now issued, says that it pays."""
    if document.advance is None or not document.advance.used_minor:
        return
    minor, statement_id = document.advance.used_minor, document.statement_id
    payment_id = hashlib.sha256(f"{RAIL}\n{statement_id}".encode()).hexdigest()[:32]
    conn.execute(
        insert(payment).values(
            building_id=building.building_id,
            payment_id=payment_id,
            rail=RAIL,
            external_id=statement_id,
            account_id=account_id,
            statement_id=statement_id,
            amount_minor=minor,
            currency=document.currency,
            at_ms=to_ms(document.issued),
        )
    )
    event = Event(
        transaction_id=f"payment:{payment_id}",
        occurred=document.issued,
        actor=actor,
        reason=f"statement {document.number} paid, in advance",
        currency=document.currency,
    )
    post(conn, prepaid_used(event, account_id, minor), document.issued)
