"""Statements residents are told of: when one is issued, and once more when it is overdue."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from ..books.schema import account, resident, statement
from ..model import StatementId, from_ms, to_ms
from ..payment.rail import PayState
from ..payment.standing import standing
from ..statement.issue import DUE_AFTER
from .notices import note

_NEWS = timedelta(days=3)
"""A statement that was issued longer ago is told of only when it is overdue: restored books ring no bells."""
_PATIENCE = timedelta(days=3)
"""Banks take a day or two."""
_OVERDUE_NEWS = timedelta(days=7)


def note_statements(conn: Connection, now: datetime) -> None:
    """Tell the people of each account what is open and to be done by them."""
    since = now - DUE_AFTER - _PATIENCE - _OVERDUE_NEWS
    rows = conn.execute(
        select(
            statement.c.statement_id,
            statement.c.month,
            statement.c.issued_ms,
            statement.c.currency,
            account.c.account_id,
            account.c.rail,
            account.c.stripe_payment_method,
            account.c.card_label,
        )
        .join_from(statement, account)
        .where(statement.c.issued_ms >= to_ms(since))
        .order_by(statement.c.issued_ms, statement.c.number)
    )
    for row in rows.all():
        _note_statement(conn, row, now)


def _note_statement(conn: Connection, row: Row[*tuple[Any, ...]], now: datetime) -> None:
    stands = standing(conn, StatementId(row.statement_id), now)
    if stands.state in (PayState.PAID, PayState.PROCESSING):
        return
    issued = from_ms(row.issued_ms)
    due = issued + DUE_AFTER
    overdue = now >= due + _PATIENCE
    if not overdue and now - issued > _NEWS:
        return
    collects_itself = row.rail == "stripe" and row.stripe_payment_method is not None
    if overdue and collects_itself and stands.state is not PayState.NEEDS_CUSTOMER:
        return
    body = {
        "statement_id": row.statement_id,
        "month": row.month,
        "minor": stands.due.minor,
        "currency": row.currency,
        "due_ms": to_ms(due),
        "card": str(row.card_label or "") if collects_itself and stands.state is not PayState.NEEDS_CUSTOMER else "",
        "overdue": overdue,
    }
    whose = select(resident.c.resident_id).where(resident.c.account_id == row.account_id)
    for resident_id in conn.scalars(whose.order_by(resident.c.resident_id)).all():
        once = f"{row.statement_id}:{'overdue' if overdue else 'issued'}:{resident_id}"
        note(conn, resident_id, "unpaid", once, body, now)
