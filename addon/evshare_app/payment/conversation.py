"""The conversation with Stripe about one operation: send it, ask how it stands, take it back.

Each step leaves the books in a state from which the next one can go on, whatever is interrupted where: a row is
committed before each request, and each answer is booked in one transaction. Sending twice is harmless for 23 hours
(same idempotency key, same parameters); Stripe forgets keys after 24, so from then on the object is looked for.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection
import stripe

from ..books.engine import Books
from . import operations, stripe_effects
from .declines import AUTHENTICATION_REQUIRED, GONE, NEVER_SENT
from .events import Seen, remember
from .operations import Kind, Operation, OperationState
from .stripe_client import ask, each
from .stripe_facts import IntentFacts, IntentStatus, error_code, intent_facts, session_facts
from .stripe_requests import INTENT_EXPAND, SESSION_EXPAND, STATEMENT_KEY

SEND_AGAIN_FOR = timedelta(hours=23)
_LOOK_BACK = timedelta(days=1)
_PAGE = 100
_HOSTED = (Kind.SETUP, Kind.CHECKOUT)
_COULD_BE_PAID = (IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION)


class Conversation:
    """Talks to Stripe about operations. Never run two at a time on one operation; `StripeRail` sees to that."""

    def __init__(self, books: Books, client: stripe.StripeClient, clock: Callable[[], datetime]) -> None:
        self._books = books
        self._v1 = client.v1
        self._clock = clock

    async def perform(self, operation: Operation) -> Operation:
        """Send a pending operation, for the first time or again, and book the answer.

        Raises `RailUnavailable` when the outcome stays unknown; the operation then stays pending.
        """
        if self._clock() - operation.created >= SEND_AGAIN_FOR:
            return await self._look_up(operation)
        try:
            return await self._send(operation)
        except stripe.CardError as error:
            return await self._declined(operation, error)
        except stripe.IdempotencyError:
            # Another copy of these books (a restored backup) used the key with its own operation id.
            return await self._look_up(operation)
        except stripe.InvalidRequestError as error:
            if error.code == GONE and error.param == "customer":
                await self._books.write(lambda conn: stripe_effects.customer_gone(conn, operation.account_id))
            return await self._fail(operation, error.code or "invalid_request")

    async def refresh(self, operation: Operation, events: Sequence[Seen] = ()) -> Operation:
        """Ask how an operation that Stripe knows stands now, and book it together with the events that said so."""
        assert operation.provider_id is not None, f"operation {operation.operation_id}: Stripe does not know it"
        if operation.kind is Kind.CUSTOMER:
            await self._books.write(lambda conn: remember(conn, events, self._clock()))
            return operation
        try:
            if operation.kind in _HOSTED:
                return await self._refresh_session(operation, operation.provider_id, events)
            return await self._settle(operation, await self._intent(operation.provider_id), events)
        except stripe.InvalidRequestError as error:
            if error.code != GONE:
                raise
            return await self._fail(operation, GONE, events)

    async def withdraw(self, operation: Operation) -> Operation:
        """Take back a way to pay that is not wanted any more; if it was paid meanwhile, book that instead."""
        assert operation.provider_id is not None, f"operation {operation.operation_id}: Stripe does not know it"
        if operation.kind in _HOSTED:
            # Refused when it is over already; how, is read next.
            with suppress(stripe.InvalidRequestError):
                await ask(self._v1.checkout.sessions.expire_async(operation.provider_id))
            return await self._refresh_session(operation, operation.provider_id, ())
        return await self._settle(operation, await self._cancel(operation.provider_id), ())

    async def intents_since(self, since: datetime, customer: str | None = None) -> AsyncIterator[IntentFacts]:
        """Yield all PaymentIntents made since then, newest first."""
        params: dict[str, Any] = {
            "created": {"gte": int(since.timestamp())},
            "limit": _PAGE,
            "expand": [f"data.{path}" for path in INTENT_EXPAND],
        }
        if customer is not None:
            params["customer"] = customer
        async for intent in each(self._v1.payment_intents.list_async(cast("Any", params))):
            yield intent_facts(intent)

    async def settle(self, operation: Operation, facts: IntentFacts) -> Operation:
        """Book what a listed PaymentIntent says about its operation."""
        if operation.kind in _HOSTED:
            # The session decides; the intent alone does not tell whether its page is still open.
            return await self.refresh(operation) if operation.provider_id else await self.perform(operation)
        return await self._settle(operation, facts, ())

    async def _send(self, operation: Operation) -> Operation:
        params = cast("Any", dict(operation.params))
        once: Any = {"idempotency_key": operation.idempotency_key}
        match operation.kind:
            case Kind.CUSTOMER:
                customer = await ask(self._v1.customers.create_async(params, once))
                return await self._customer_made(operation, customer.id)
            case Kind.COLLECT:
                intent = await ask(self._v1.payment_intents.create_async(params, once))
                return await self._settle(operation, intent_facts(intent), ())
        session = await ask(self._v1.checkout.sessions.create_async(params, once))
        # The answer to a repetition is that of the first time: what happened since has to be read.
        return await self._refresh_session(operation, session.id, ())

    async def _declined(self, operation: Operation, error: stripe.CardError) -> Operation:
        """A declined try has a PaymentIntent that could still be paid; it is read as it is now."""
        told: dict[str, Any] = (cast("Any", error.json_body) or {}).get("error") or {}
        intent = told.get("payment_intent")
        if isinstance(intent, dict):
            return await self._settle(operation, await self._intent(intent["id"]), ())
        return await self._fail(operation, error_code(told) or "unknown")

    async def _settle(self, operation: Operation, facts: IntentFacts, events: Sequence[Seen]) -> Operation:
        """Book a PaymentIntent; one that was declined is canceled first, so that nothing can pay it later."""
        if facts.status in _COULD_BE_PAID and facts.error_code != AUTHENTICATION_REQUIRED:
            declined = facts
            operation = await self._books.write(
                lambda conn: stripe_effects.intent_seen(conn, operation, declined, self._clock())
            )
            facts = await self._cancel(facts.id)

        def effect(conn: Connection) -> Operation:
            remember(conn, events, self._clock())
            return stripe_effects.intent_seen(conn, operation, facts, self._clock())

        return await self._books.write(effect)

    async def _refresh_session(self, operation: Operation, session_id: str, events: Sequence[Seen]) -> Operation:
        session = await ask(self._v1.checkout.sessions.retrieve_async(session_id, {"expand": list(SESSION_EXPAND)}))
        facts = session_facts(session)

        def effect(conn: Connection) -> Operation:
            remember(conn, events, self._clock())
            return stripe_effects.session_seen(conn, operation, facts, self._clock())

        return await self._books.write(effect)

    async def _intent(self, intent_id: str) -> IntentFacts:
        return intent_facts(
            await ask(self._v1.payment_intents.retrieve_async(intent_id, {"expand": list(INTENT_EXPAND)}))
        )

    async def _cancel(self, intent_id: str) -> IntentFacts:
        """Cancel a PaymentIntent and return how it stands then; it may have been paid before."""
        # Refused when it is canceled or paid already; which, is read next.
        with suppress(stripe.InvalidRequestError):
            await ask(self._v1.payment_intents.cancel_async(intent_id, {"cancellation_reason": "abandoned"}))
        return await self._intent(intent_id)

    async def _look_up(self, operation: Operation) -> Operation:
        """Find out whether a request whose answer was lost had been carried out."""
        if operation.kind is Kind.COLLECT:
            found = await self._find_intent(operation)
            if found is not None:
                return await self._settle(operation, found, ())
        # A customer nobody uses and a page whose address nobody got do no harm; they need not be looked for.
        return await self._fail(operation, NEVER_SENT)

    async def _find_intent(self, operation: Operation) -> IntentFacts | None:
        number = operation.params["metadata"][STATEMENT_KEY]
        same_statement: IntentFacts | None = None
        async for facts in self.intents_since(operation.created - _LOOK_BACK, operation.params["customer"]):
            if facts.operation_id == operation.operation_id:
                return facts
            if facts.number == number and facts.status in (IntentStatus.SUCCEEDED, IntentStatus.PROCESSING):
                same_statement = facts
        return same_statement

    async def _customer_made(self, operation: Operation, customer_id: str) -> Operation:
        return await self._books.write(
            lambda conn: stripe_effects.customer_made(conn, operation, customer_id, self._clock())
        )

    async def _fail(self, operation: Operation, code: str, events: Sequence[Seen] = ()) -> Operation:
        def effect(conn: Connection) -> Operation:
            remember(conn, events, self._clock())
            return operations.change(
                conn, operation.operation_id, OperationState.FAILED, self._clock(), error_code=code
            )

        return await self._books.write(effect)
