"""Learning what happened at Stripe without it ever calling us: pending rows, events, and a daily comparison.

Outbound HTTPS is all it needs. How soon it looks again follows what is under way.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
import logging

import stripe

from ..books.building import the_building
from ..books.engine import Books
from . import events, operations, orders, stripe_effects
from .conversation import Conversation
from .operations import Kind, Operation, OperationState
from .rail import Unclaimed
from .standing import oldest_due
from .stripe_facts import IntentFacts, IntentStatus

_LOGGER = logging.getLogger(__name__)

RECONCILE_EVERY = timedelta(days=1)

SOON_S = 3
"""While somebody is on a hosted page, for at most `_ON_PAGE`."""
LATER_S = 60
"""For an hour after anything was begun or changed."""
IDLE_S = 15 * 60
LONGEST_PAUSE_S = 300
"""Between looks while Stripe does not answer."""

_TAKES_MONEY = (IntentStatus.SUCCEEDED, IntentStatus.PROCESSING)
_ON_PAGE = timedelta(minutes=30)
_FRESH = timedelta(hours=1)


def next_look_s(under_way: Sequence[Operation], now: datetime, failures: int = 0) -> int:
    """Return after how many seconds to look again, given the open operations and failed looks in a row."""
    if failures:
        return int(min(LONGEST_PAUSE_S, SOON_S * 2 ** min(failures, 10)))
    if any(one.state is OperationState.NEEDS_CUSTOMER and now - one.created < _ON_PAGE for one in under_way):
        return SOON_S
    if any(now - one.updated < _FRESH for one in under_way):
        return LATER_S
    return IDLE_S


class Poller:
    """Brings the books up to Stripe's state. `lock` is the rail's: one operation at a time."""

    def __init__(
        self,
        books: Books,
        client: stripe.StripeClient,
        conversation: Conversation,
        clock: Callable[[], datetime],
        lock: asyncio.Lock,
    ) -> None:
        self._books = books
        self._client = client
        self._conversation = conversation
        self._clock = clock
        self._lock = lock
        self._reconciled: datetime | None = None

    async def finish_pending(self) -> None:
        """Send again what got no answer."""
        for listed in await self._books.read(lambda conn: operations.all_open(conn, OperationState.PENDING)):
            async with self._lock:
                operation = await self._reload(listed)
                if operation.state is OperationState.PENDING:
                    await self._conversation.perform(operation)

    async def read_events(self) -> None:
        """Act on new events, oldest first: one that fails, and all after it, come again with the next look."""
        since_s = await self._books.read(lambda conn: events.window_start_s(conn, self._clock()))
        found = await events.read(self._client, since_s)
        refreshed: set[str] = set()
        for event in await self._books.read(lambda conn: events.unseen(conn, found)):
            async with self._lock:
                operation = await self._operation_of(event)
                if operation is None or operation.operation_id in refreshed or not _tells_more(event, operation):
                    await self._remember(event)
                    continue
                await self._conversation.refresh(operation, (event,))
                refreshed.add(operation.operation_id)

    async def withdraw_superseded(self) -> None:
        """Take back what waits for a customer though the statement was paid another way."""
        for superseded in await self._books.read(orders.superseded):
            async with self._lock:
                operation = await self._reload(superseded)
                if operation.open:
                    await self._conversation.withdraw(operation)

    async def reconcile_daily(self) -> None:
        """Compare everything once a day."""
        async with self._lock:
            if self._reconciled is None or self._clock() - self._reconciled >= RECONCILE_EVERY:
                await self._reconcile()

    async def reconcile_first(self) -> None:
        """Compare once before money moves; the caller holds the lock.

        Books restored from a backup may not know of payments made since; collecting by them would charge twice.
        """
        if self._reconciled is None:
            await self._reconcile()

    async def compare(self, since: datetime) -> list[Unclaimed]:
        """Compare everything since then, and return the money the books cannot place."""
        async with self._lock:
            return await self._reconcile(since)

    async def _reconcile(self, made_since: datetime | None = None) -> list[Unclaimed]:
        """Compare all PaymentIntents since the oldest unpaid statement with the books, and ask about what is open."""
        now = self._clock()
        oldest = await self._books.read(oldest_due)
        since = min(oldest or now, made_since or now, now - RECONCILE_EVERY) - RECONCILE_EVERY
        site = await self._books.read(lambda conn: the_building(conn).building_id)
        unclaimed = []
        async for facts in self._conversation.intents_since(since):
            if facts.operation_id is None or facts.site != site:
                continue
            if not await self._compare(facts, facts.operation_id) and facts.status in _TAKES_MONEY:
                unclaimed.append(_unclaimed(facts))
        for operation in await self._books.read(operations.all_open):
            if operation.provider_id is not None:
                await self._conversation.refresh(operation)
        await self._books.write(lambda conn: events.forget_old(conn, now))
        self._reconciled = now
        return unclaimed

    async def _compare(self, facts: IntentFacts, operation_id: str) -> bool:
        """Take in how a PaymentIntent is; return whether the books know what it is for."""
        operation = await self._books.read(lambda conn: operations.find(conn, operation_id))
        paid = facts.status is IntentStatus.SUCCEEDED
        if operation is None:
            adopted = await self._books.write(lambda conn: stripe_effects.adopt(conn, facts, self._clock()))
            if paid and not adopted:
                _LOGGER.error("Payment %s at Stripe is for a statement these books do not have", facts.id)
            return adopted
        if operation.open or (paid and operation.state is not OperationState.SUCCEEDED):
            await self._conversation.settle(operation, facts)
        elif paid:
            await self._books.write(lambda conn: stripe_effects.money_seen(conn, operation, facts, self._clock()))
        return True

    async def _operation_of(self, event: events.Seen) -> Operation | None:
        return await self._books.read(lambda conn: events.operation_of(conn, event))

    async def _reload(self, operation: Operation) -> Operation:
        return await self._books.read(lambda conn: operations.get(conn, operation.operation_id))

    async def _remember(self, event: events.Seen) -> None:
        await self._books.write(lambda conn: events.remember(conn, (event,), self._clock()))


def _unclaimed(facts: IntentFacts) -> Unclaimed:
    return Unclaimed(
        external_id=facts.id,
        number=facts.number or "",
        amount_minor=facts.received_minor or facts.amount_minor,
        currency=facts.currency,
        at=facts.created,
    )


def _tells_more(event: events.Seen, operation: Operation) -> bool:
    """Whether asking about the operation could bring anything new."""
    if operation.provider_id is None or operation.kind is Kind.CUSTOMER:
        return False
    return operation.state is not OperationState.SUCCEEDED or event.type == events.FEE_KNOWN
