"""Payment operations: rows written before the provider is called, and changed by what it said.

An operation is `pending` until an answer is known. It then is finished (`succeeded`, `failed`, `canceled`), or waits:
`processing` for the provider, `needs_customer` for a person. While a statement has one that is not finished it gets
no other (a unique index holds that), so there is never a second way to pay it. A finished operation only ever changes
to `succeeded`, when money arrived after all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from ..books.building import the_building
from ..books.schema import payment_operation as table
from ..model import AccountId, StatementId, from_ms, to_ms


class Kind(StrEnum):
    """What is asked of the provider."""

    CUSTOMER = "customer"  # make a customer
    SETUP = "setup"  # a hosted page on which a card is saved
    COLLECT = "collect"  # take the money from the saved card, the customer being away
    CHECKOUT = "checkout"  # a hosted page on which one statement is paid


class OperationState(StrEnum):
    """How far it is."""

    PENDING = "pending"
    PROCESSING = "processing"
    NEEDS_CUSTOMER = "needs_customer"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


OPEN_STATES = (OperationState.PENDING, OperationState.PROCESSING, OperationState.NEEDS_CUSTOMER)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row."""

    operation_id: str
    kind: Kind
    account_id: AccountId
    statement_id: StatementId | None = None
    amount_minor: int | None = None
    currency: str | None = None
    idempotency_key: str
    params: Mapping[str, Any]
    """Exactly what is sent, so that sending it again is the same request."""
    state: OperationState = OperationState.PENDING
    provider_id: str | None = None
    url: str | None = None
    error_code: str | None = None
    created: datetime
    updated: datetime

    @property
    def open(self) -> bool:
        """Whether it is not finished."""
        return self.state in OPEN_STATES


def add(conn: Connection, operation: Operation) -> None:
    """Store a new operation. Raises IntegrityError when its statement already has an open one."""
    conn.execute(
        insert(table).values(
            building_id=the_building(conn).building_id,
            operation_id=operation.operation_id,
            kind=operation.kind,
            account_id=operation.account_id,
            statement_id=operation.statement_id,
            amount_minor=operation.amount_minor,
            currency=operation.currency,
            idempotency_key=operation.idempotency_key,
            params_json=json.dumps(operation.params, sort_keys=True),
            state=operation.state,
            provider_id=operation.provider_id,
            url=operation.url,
            error_code=operation.error_code,
            created_ms=to_ms(operation.created),
            updated_ms=to_ms(operation.updated),
        )
    )


def change(
    conn: Connection,
    operation_id: str,
    state: OperationState,
    now: datetime,
    *,
    provider_id: str | None = None,
    url: str | None = None,
    error_code: str | None = None,
) -> Operation:
    """Store what became known; None keeps what is there. Return the row as it is now."""
    present = get(conn, operation_id)
    if not present.open and state is not OperationState.SUCCEEDED:
        return present
    known = {"provider_id": provider_id, "url": url, "error_code": error_code}
    conn.execute(
        update(table)
        .where(table.c.operation_id == operation_id)
        .values(
            state=state,
            updated_ms=to_ms(now),
            **{name: value for name, value in known.items() if value is not None},
        )
    )
    return get(conn, operation_id)


def get(conn: Connection, operation_id: str) -> Operation:
    """Return an operation that exists."""
    found = find(conn, operation_id)
    if found is None:
        msg = f"payment operation {operation_id}: does not exist"
        raise LookupError(msg)
    return found


def find(conn: Connection, operation_id: str) -> Operation | None:
    """Return an operation, or None."""
    row = conn.execute(select(table).where(table.c.operation_id == operation_id)).one_or_none()
    return None if row is None else _operation(row)


def find_by_provider(conn: Connection, provider_id: str) -> Operation | None:
    """Return the operation behind an object of the provider, or None."""
    found = _all(conn, table.c.provider_id == provider_id)
    return found[0] if found else None


def open_of_statement(conn: Connection, statement_id: StatementId) -> Operation | None:
    """Return the one unfinished operation of a statement, or None."""
    found = _all(conn, table.c.statement_id == statement_id, table.c.state.in_(OPEN_STATES))
    return found[0] if found else None


def all_open(conn: Connection, *states: OperationState) -> list[Operation]:
    """Return the unfinished operations (of some states), oldest first."""
    return _all(conn, table.c.state.in_(states or OPEN_STATES))


def of_account(conn: Connection, account_id: AccountId, kind: Kind) -> list[Operation]:
    """Return an account's operations of a kind, oldest first."""
    return _all(conn, table.c.account_id == account_id, table.c.kind == kind)


def count(conn: Connection, kind: Kind, *, account_id: AccountId, statement_id: StatementId | None = None) -> int:
    """Return how many operations of a kind there were, for the next one's idempotency key."""
    wanted = [table.c.kind == kind, table.c.account_id == account_id]
    if statement_id is not None:
        wanted.append(table.c.statement_id == statement_id)
    return conn.scalar(select(func.count()).select_from(table).where(*wanted)) or 0


def _all(conn: Connection, *conditions: ColumnElement[bool]) -> list[Operation]:
    rows = conn.execute(select(table).where(*conditions).order_by(table.c.created_ms, table.c.operation_id))
    return [_operation(row) for row in rows]


def _operation(row: Row[Any]) -> Operation:
    return Operation(
        operation_id=row.operation_id,
        kind=Kind(row.kind),
        account_id=AccountId(row.account_id),
        statement_id=None if row.statement_id is None else StatementId(row.statement_id),
        amount_minor=row.amount_minor,
        currency=row.currency,
        idempotency_key=row.idempotency_key,
        params=json.loads(row.params_json),
        state=OperationState(row.state),
        provider_id=row.provider_id,
        url=row.url,
        error_code=row.error_code,
        created=from_ms(row.created_ms),
        updated=from_ms(row.updated_ms),
    )
