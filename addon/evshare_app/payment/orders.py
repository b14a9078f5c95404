"""What is ordered from Stripe, and when: the new operation rows and the reasons for and against them.

Functions of the books only. A row made here is committed before anything is sent; amount, currency and customer come
from the books alone.
"""

from datetime import datetime
import uuid

from sqlalchemy import Connection

from ..books.building import the_building
from ..model import AccountId, StatementId
from . import operations, stripe_requests
from .operations import Kind, Operation, OperationState
from .rail import PaymentRefused, PayState
from .standing import STRIPE, Bill, due_minor, get_bill, get_payer, standing, standings
from .stripe_amounts import chargeable_minor, minimum_minor
from .stripe_requests import Origin, Params


def customer(conn: Connection, account_id: AccountId, now: datetime) -> Operation:
    """Order a customer for an account, or return the order that is still open."""
    for earlier in operations.of_account(conn, account_id, Kind.CUSTOMER):
        if earlier.open:
            return earlier
    origin = _origin(conn, account_id)
    return _add(conn, origin, Kind.CUSTOMER, stripe_requests.customer(origin), now)


def card_setup(conn: Connection, account_id: AccountId, return_url: str, now: datetime) -> Operation:
    """Order a page to save a card on, or return the one that leads back to the same address and is still open."""
    for earlier in operations.of_account(conn, account_id, Kind.SETUP):
        waiting = earlier.state in (OperationState.PENDING, OperationState.NEEDS_CUSTOMER)
        if waiting and earlier.params["success_url"] == return_url:
            return earlier
    customer_id = get_payer(conn, account_id).customer
    assert customer_id is not None, f"account {account_id}: has no customer yet"
    origin = _origin(conn, account_id)
    params = stripe_requests.card_setup(
        origin, customer_id=customer_id, currency=the_building(conn).currency, return_url=return_url
    )
    return _add(conn, origin, Kind.SETUP, params, now)


def checkout(conn: Connection, statement_id: StatementId, return_url: str, now: datetime) -> Operation:
    """Order a page to pay one statement on. Raises `PaymentRefused` when there is nothing a card could pay."""
    bill = get_bill(conn, statement_id)
    amount_minor = chargeable_minor(due_minor(conn, bill), bill.currency)
    if amount_minor == 0:
        msg = f"statement {bill.number}: is paid already"
        raise PaymentRefused(msg)
    if amount_minor < minimum_minor(bill.currency):
        msg = f"statement {bill.number}: due is less than the smallest card payment; pay it by bank transfer"
        raise PaymentRefused(msg)
    payer = get_payer(conn, bill.account_id)
    # Only a saved card that does not work without its owner is to be replaced by the one used on the page.
    stuck = standing(conn, statement_id, now).state is PayState.NEEDS_CUSTOMER
    origin = _origin(conn, bill.account_id, bill.number)
    params = stripe_requests.checkout(
        origin,
        amount_minor=amount_minor,
        currency=bill.currency,
        customer_id=payer.customer,
        save_card=stuck and payer.customer is not None,
        return_url=return_url,
    )
    return _add(conn, origin, Kind.CHECKOUT, params, now, bill=bill, amount_minor=amount_minor)


def collection(conn: Connection, statement_id: StatementId, now: datetime) -> Operation | None:
    """Order what is due from the saved card; None when there is nothing to take, or it is not the time."""
    if not _is_ready(conn, statement_id, now):
        return None
    bill = get_bill(conn, statement_id)
    payer = get_payer(conn, bill.account_id)
    assert payer.customer is not None, f"account {bill.account_id}: has no customer"
    assert payer.payment_method is not None, f"account {bill.account_id}: has no card"
    amount_minor = chargeable_minor(due_minor(conn, bill), bill.currency)
    origin = _origin(conn, bill.account_id, bill.number)
    params = stripe_requests.collection(
        origin,
        amount_minor=amount_minor,
        currency=bill.currency,
        customer_id=payer.customer,
        payment_method=payer.payment_method,
        month=bill.month,
    )
    return _add(conn, origin, Kind.COLLECT, params, now, bill=bill, amount_minor=amount_minor)


def ready(conn: Connection, now: datetime) -> list[StatementId]:
    """Return the statements a collection has something to do for, oldest first."""
    found = []
    for one in standings(conn, now):
        under_way = operations.open_of_statement(conn, one.statement_id)
        again = under_way is not None and card_replaced(conn, under_way)
        if again or (one.state is PayState.OPEN and _is_ready(conn, one.statement_id, now)):
            found.append(one.statement_id)
    return found


def card_replaced(conn: Connection, operation: Operation) -> bool:
    """Whether a collection waits for the customer of a card that is not the account's any more."""
    return (
        operation.kind is Kind.COLLECT
        and operation.state is OperationState.NEEDS_CUSTOMER
        and get_payer(conn, operation.account_id).payment_method != operation.params.get("payment_method")
    )


def still_right(conn: Connection, operation: Operation) -> bool:
    """Whether the amount of an operation is still what is due of its statement."""
    assert operation.statement_id is not None, f"operation {operation.operation_id}: has no statement"
    bill = get_bill(conn, operation.statement_id)
    return operation.amount_minor == chargeable_minor(due_minor(conn, bill), bill.currency)


def superseded(conn: Connection) -> list[Operation]:
    """Return what waits for a customer though the statement was paid, wholly or in part, another way."""
    return [
        one
        for one in operations.all_open(conn, OperationState.NEEDS_CUSTOMER)
        if one.statement_id is not None and not still_right(conn, one)
    ]


def _is_ready(conn: Connection, statement_id: StatementId, now: datetime) -> bool:
    if operations.open_of_statement(conn, statement_id) is not None:
        return False
    now_stands = standing(conn, statement_id, now)
    payer = get_payer(conn, now_stands.account_id)
    has_card = payer.rail == STRIPE and payer.customer is not None and payer.payment_method is not None
    return has_card and now_stands.state is PayState.OPEN


def _origin(conn: Connection, account_id: AccountId, number: str | None = None) -> Origin:
    return Origin(
        building_id=the_building(conn).building_id,
        account_id=account_id,
        operation_id=uuid.uuid4().hex,
        number=number,
    )


def _add(
    conn: Connection,
    origin: Origin,
    kind: Kind,
    params: Params,
    now: datetime,
    *,
    bill: Bill | None = None,
    amount_minor: int | None = None,
) -> Operation:
    account_id = AccountId(origin.account_id)
    statement_id = bill.statement_id if bill else None
    times = operations.count(conn, kind, account_id=account_id, statement_id=statement_id)
    operation = Operation(
        operation_id=origin.operation_id,
        kind=kind,
        account_id=account_id,
        statement_id=statement_id,
        amount_minor=amount_minor,
        currency=bill.currency if bill else None,
        # It counts the tries: two copies of these books (one restored from a backup) make the same key for the same
        # try, and Stripe refuses the second.
        idempotency_key=f"evshare:{origin.building_id}:{kind}:{origin.number or account_id}:{times + 1}",
        params=params,
        created=now,
        updated=now,
    )
    operations.add(conn, operation)
    return operation
