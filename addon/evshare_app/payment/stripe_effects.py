"""What an answer of Stripe means in the books: pure state, one transaction each, safe to repeat in any order.

Nothing here trusts an event or a page the customer came back from; only objects as they were just retrieved.
"""

from datetime import datetime
import logging

from sqlalchemy import Connection, select, update

from ..books.building import the_building
from ..books.schema import account, statement
from ..ledger.accounts import STRIPE_CLEARING
from ..model import AccountId, StatementId
from . import operations
from .declines import AUTHENTICATION_REQUIRED
from .operations import Kind, Operation, OperationState
from .receipts import Receipt, book, book_fee
from .standing import STRIPE, Bill, get_bill
from .stripe_facts import IntentFacts, IntentStatus, SavedMethod, SessionFacts, SessionStatus

_LOGGER = logging.getLogger(__name__)

_AWAY = (IntentStatus.REQUIRES_ACTION, IntentStatus.REQUIRES_CAPTURE)


def customer_made(conn: Connection, operation: Operation, customer_id: str, now: datetime) -> Operation:
    """The account has a customer at Stripe."""
    conn.execute(
        update(account).where(account.c.account_id == operation.account_id).values(stripe_customer=customer_id)
    )
    return operations.change(conn, operation.operation_id, OperationState.SUCCEEDED, now, provider_id=customer_id)


def customer_gone(conn: Connection, account_id: AccountId) -> None:
    """Stripe has no such customer: deleted there, or the key is for another Stripe account now."""
    conn.execute(
        update(account)
        .where(account.c.account_id == account_id)
        .values(stripe_customer=None, stripe_payment_method=None, card_label=None)
    )


def intent_seen(conn: Connection, operation: Operation, facts: IntentFacts, now: datetime) -> Operation:
    """Bring a collection to where its PaymentIntent is; book the money if it arrived.

    A decline leaves it `processing` with its code: the intent could still be paid, so the try is not over before
    the intent is canceled (see `conversation.py`).
    """
    state = _state_of(operation, facts)
    if state is OperationState.SUCCEEDED:
        money_seen(conn, operation, facts, now)
    return operations.change(
        conn, operation.operation_id, state, now, provider_id=facts.id, error_code=facts.error_code
    )


def session_seen(conn: Connection, operation: Operation, facts: SessionFacts, now: datetime) -> Operation:
    """Bring a hosted page's operation to where its session is."""
    state, code = OperationState.NEEDS_CUSTOMER, None
    if facts.status is SessionStatus.EXPIRED:
        state = OperationState.CANCELED
    elif facts.status is SessionStatus.COMPLETE and operation.kind is Kind.SETUP:
        state = _setup_state(facts)
        if state is OperationState.SUCCEEDED and facts.saved is not None:
            card_saved(conn, operation.account_id, facts.saved)
    elif facts.status is SessionStatus.COMPLETE:
        state, code = _paid_on_page(conn, operation, facts, now)
    return operations.change(
        conn, operation.operation_id, state, now, provider_id=facts.id, url=facts.url, error_code=code
    )


def card_saved(conn: Connection, account_id: AccountId, saved: SavedMethod) -> None:
    """The account pays with this method from now on."""
    conn.execute(
        update(account)
        .where(account.c.account_id == account_id)
        .values(rail=STRIPE, stripe_payment_method=saved.id, card_label=saved.label)
    )


def money_seen(conn: Connection, operation: Operation, facts: IntentFacts, now: datetime) -> None:
    """Book what Stripe received for an operation, and its fee once it is known.

    What was received is booked, not what was asked for: the ledger follows the money.
    """
    assert operation.statement_id is not None, f"operation {operation.operation_id}: money without a statement"
    bill = get_bill(conn, operation.statement_id)
    receipt = Receipt(
        rail=STRIPE,
        external_id=facts.id,
        account_id=bill.account_id,
        statement_id=bill.statement_id,
        amount_minor=facts.received_minor,
        currency=facts.currency,
        at=facts.received_at,
        into=STRIPE_CLEARING,
        actor=STRIPE,
        number=bill.number,
    )
    book(conn, receipt, now)
    if facts.fee is None:
        return
    if facts.fee.currency == the_building(conn).currency:
        book_fee(conn, receipt, facts.fee, now)
    else:
        # Stripe settles in another currency than the building's; such a fee has to be booked by hand.
        _LOGGER.warning("Payment %s: its fee is in %s and was not booked", facts.id, facts.fee.currency)


def adopt(conn: Connection, facts: IntentFacts, now: datetime) -> bool:
    """Take in a PaymentIntent that carries our metadata but no operation we know: from before a restored backup.

    Return whether its statement is in the books: by number and account, because what was issued since the backup and
    is lost leaves its numbers to others.
    """
    row = conn.execute(
        select(statement.c.statement_id).where(
            statement.c.number == facts.number, statement.c.account_id == facts.account_id
        )
    ).one_or_none()
    if row is None or facts.operation_id is None:
        return False
    bill = get_bill(conn, StatementId(row.statement_id))
    if facts.status in (IntentStatus.SUCCEEDED, IntentStatus.PROCESSING):
        adopted = _adopted_operation(conn, bill, facts, now)
        operations.add(conn, adopted)
        intent_seen(conn, adopted, facts, now)
    return True


def _adopted_operation(conn: Connection, bill: Bill, facts: IntentFacts, now: datetime) -> Operation:
    # A statement has one open operation; money that already arrived is booked beside it.
    free = operations.open_of_statement(conn, bill.statement_id) is None
    return Operation(
        operation_id=facts.operation_id or facts.id,
        kind=Kind.COLLECT,
        account_id=bill.account_id,
        statement_id=bill.statement_id,
        amount_minor=None,
        currency=bill.currency,
        idempotency_key=f"adopted:{facts.id}",
        params={},
        state=OperationState.PROCESSING if free else OperationState.CANCELED,
        provider_id=facts.id,
        created=facts.created,
        updated=now,
    )


def _state_of(operation: Operation, facts: IntentFacts) -> OperationState:
    match facts.status:
        case IntentStatus.SUCCEEDED:
            return OperationState.SUCCEEDED
        case IntentStatus.CANCELED:
            # Canceled after a decline is a failed try; canceled to make way for another is none.
            failed = (facts.error_code or operation.error_code) not in (None, AUTHENTICATION_REQUIRED)
            return OperationState.FAILED if failed else OperationState.CANCELED
        case IntentStatus.REQUIRES_PAYMENT_METHOD if facts.error_code == AUTHENTICATION_REQUIRED:
            return OperationState.NEEDS_CUSTOMER
        case status if status in _AWAY:
            return OperationState.NEEDS_CUSTOMER
    return OperationState.PROCESSING


def _setup_state(facts: SessionFacts) -> OperationState:
    match facts.setup_status:
        case "succeeded":
            return OperationState.SUCCEEDED
        case "canceled":
            return OperationState.CANCELED
        case "requires_payment_method":
            return OperationState.FAILED
    return OperationState.PROCESSING  # a bank checks the account for days


def _paid_on_page(
    conn: Connection, operation: Operation, facts: SessionFacts, now: datetime
) -> tuple[OperationState, str | None]:
    intent = facts.intent
    if intent is None or intent.status is IntentStatus.PROCESSING:
        return OperationState.PROCESSING, None
    if intent.status is IntentStatus.SUCCEEDED:
        money_seen(conn, operation, intent, now)
        if intent.method is not None and _keeps_card(conn, operation):
            card_saved(conn, operation.account_id, intent.method)
        return OperationState.SUCCEEDED, None
    return OperationState.FAILED, intent.error_code


def _keeps_card(conn: Connection, operation: Operation) -> bool:
    """Whether the customer agreed on the page that later statements are paid with it, and still pays by card."""
    agreed = operation.params.get("payment_intent_data", {}).get("setup_future_usage") == "off_session"
    rail = conn.scalar(select(account.c.rail).where(account.c.account_id == operation.account_id))
    # Only once: a page paid long ago must not replace a card saved since.
    return agreed and rail == STRIPE and operation.state is not OperationState.SUCCEEDED
