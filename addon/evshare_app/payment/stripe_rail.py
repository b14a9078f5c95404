"""The Stripe rail: a card saved on a hosted page, statements collected from it, or paid one by one on a hosted page.

Everything goes one operation at a time behind one lock, so the loop, the office and a resident's tap never meet.
What is ordered is decided in `orders.py`, said to Stripe in `conversation.py`, booked in `stripe_effects.py` and
learnt later in `poller.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
import logging

from sqlalchemy import Connection
import stripe

from ..books.building import NoBuilding
from ..books.engine import Books
from ..books.quarantine import InQuarantine, current, refuse_in_quarantine
from ..model import AccountId, StatementId
from . import operations, orders
from .conversation import Conversation
from .declines import GONE
from .operations import Kind, Operation, OperationState
from .poller import Poller, next_look_s
from .rail import PaymentRefused, RailUnavailable, Standing, Unclaimed
from .standing import STRIPE, get_payer, standing

_LOGGER = logging.getLogger(__name__)

_TRIES = 3
"""To get a page: the one made earlier may just have been used, and the customer may be gone at Stripe."""


class StripeRail:
    """Collects through Stripe. Make one per process; run `run` as a task, or call `poll` by hand."""

    def __init__(
        self,
        books: Books,
        client_factory: Callable[[], stripe.StripeClient],
        clock: Callable[[], datetime],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._books = books
        self._clock = clock
        self._pause = pause
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        client = client_factory()
        self._conversation = Conversation(books, client, clock)
        self._poller = Poller(books, client, self._conversation, clock, self._lock)

    @property
    def name(self) -> str:
        """The value of `account.rail` it serves."""
        return STRIPE

    async def start_card_setup(self, account_id: AccountId, return_url: str) -> str:
        """Return the hosted page on which the customer saves a card; it sends them back to `return_url`.

        That they came back proves nothing: the card counts once `poll` has read it from Stripe. Then the account
        pays by card. Raises `PaymentRefused` for an unknown account, and `RailUnavailable`.
        """
        async with self._lock:
            await self._refuse_in_quarantine()
            for _ in range(_TRIES):
                await self._ensure_customer(account_id)
                setup = await self._now(
                    await self._books.write(lambda conn: orders.card_setup(conn, account_id, return_url, self._clock()))
                )
                if setup.open:
                    break
            return self._page(setup)

    async def start_checkout(self, statement_id: StatementId, return_url: str) -> str:
        """Return the hosted page on which the customer pays what is due of one statement.

        Whatever else could still take the money is taken back first. Raises `PaymentRefused` when nothing is due,
        it is too little for a card or a payment is under way already, and `RailUnavailable`.
        """
        async with self._lock:
            await self._refuse_in_quarantine()
            await self._poller.reconcile_first()
            present = await self._present(statement_id)
            if present is not None:
                if await self._books.read(lambda conn: _leads_back(conn, present, return_url)):
                    return self._page(present)
                if (
                    present.state is not OperationState.NEEDS_CUSTOMER
                    or (await self._conversation.withdraw(present)).open
                ):
                    msg = "a payment of this statement is under way already; wait until it is through"
                    raise PaymentRefused(msg)
            for _ in range(_TRIES):
                checkout = await self._conversation.perform(
                    await self._books.write(lambda conn: orders.checkout(conn, statement_id, return_url, self._clock()))
                )
                if checkout.error_code != GONE:
                    break
            return self._page(checkout)

    async def collect(self, statement_id: StatementId) -> Standing:
        """Collect what is due of a statement from the saved card, if it is the time for it; say how it stands.

        Raises `PaymentRefused` for an unknown statement, and `RailUnavailable`; what was begun then is finished by
        `poll`.
        """
        async with self._lock:
            await self._refuse_in_quarantine()
            await self._poller.reconcile_first()
            present = await self._present(statement_id)
            if present is not None and await self._books.read(lambda conn: orders.card_replaced(conn, present)):
                await self._conversation.withdraw(present)
            order = await self._books.write(lambda conn: orders.collection(conn, statement_id, self._clock()))
            if order is not None:
                await self._conversation.perform(order)
            return await self._books.read(lambda conn: standing(conn, statement_id, self._clock()))

    async def collect_open(self) -> list[Standing]:
        """Collect every statement whose time has come, oldest first; return how those stand. None in quarantine."""
        if await self._books.read(current) is not None:
            return []
        ready = await self._books.read(lambda conn: orders.ready(conn, self._clock()))
        return [await self.collect(statement_id) for statement_id in ready]

    async def poll(self) -> None:
        """Finish what was begun, learn what happened at Stripe, take back what is not wanted any more.

        In quarantine nothing is sent again or taken back: what the books lack may decide it. Raises `RailUnavailable`
        when Stripe does not answer; nothing is lost, the next poll goes on.
        """
        if await self._books.read(current) is not None:
            await self._poller.reconcile_daily()
            return
        await self._poller.finish_pending()
        await self._poller.read_events()
        await self._poller.reconcile_daily()
        await self._poller.withdraw_superseded()

    async def compare(self, since: datetime) -> Sequence[Unclaimed]:
        """Compare everything made at Stripe since then with the books; return the money they cannot place.

        Raises `RailUnavailable`.
        """
        return await self._poller.compare(since)

    async def run(self) -> None:
        """Poll and collect until cancelled, at intervals that follow what is under way."""
        failures = 0
        while True:
            try:
                await self.poll()
                await self.collect_open()
                failures = 0
            except NoBuilding:
                _LOGGER.debug("Nothing to collect before the integration has connected")
            except RailUnavailable as error:
                failures += 1
                _LOGGER.warning("Collecting by card pauses: %s", error)
            except Exception:
                # The loop must outlive a fault in one operation: others still have to be collected.
                failures += 1
                _LOGGER.exception("Collecting by card met an unexpected fault")
            under_way = await self._books.read(operations.all_open)
            await self._idle(next_look_s(under_way, self._clock(), failures))

    async def _refuse_in_quarantine(self) -> None:
        try:
            await self._books.read(refuse_in_quarantine)
        except InQuarantine as quarantine:
            raise PaymentRefused(str(quarantine)) from None

    async def _ensure_customer(self, account_id: AccountId) -> None:
        payer = await self._books.read(lambda conn: get_payer(conn, account_id))
        if payer.customer is None:
            order = await self._books.write(lambda conn: orders.customer(conn, account_id, self._clock()))
            made = await self._conversation.perform(order)
            if made.state is not OperationState.SUCCEEDED:
                raise _refusal(made)

    async def _present(self, statement_id: StatementId) -> Operation | None:
        """Return the statement's open operation as it stands at Stripe now, or None when there is none."""
        operation = await self._books.read(lambda conn: operations.open_of_statement(conn, statement_id))
        if operation is None:
            return None
        operation = await self._now(operation)
        return operation if operation.open else None

    async def _now(self, operation: Operation) -> Operation:
        if operation.state is OperationState.PENDING:
            return await self._conversation.perform(operation)
        return await self._conversation.refresh(operation)

    def _page(self, operation: Operation) -> str:
        if operation.state is not OperationState.NEEDS_CUSTOMER or operation.url is None:
            raise _refusal(operation)
        # Somebody is on the page from now on: look soon.
        self._wake.set()
        return operation.url

    async def _idle(self, seconds: float) -> None:
        """Wait, but not when a page was handed out meanwhile."""
        waits = [asyncio.ensure_future(self._pause(seconds)), asyncio.ensure_future(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
                with suppress(asyncio.CancelledError):
                    await wait
        self._wake.clear()


def _leads_back(conn: Connection, operation: Operation, return_url: str) -> bool:
    """Whether an open page asks for the right amount and leads back to the same address."""
    return (
        operation.kind is Kind.CHECKOUT
        and operation.state is OperationState.NEEDS_CUSTOMER
        and operation.params["success_url"] == return_url
        and orders.still_right(conn, operation)
    )


def _refusal(operation: Operation) -> PaymentRefused:
    msg = f"Stripe did not accept it ({operation.error_code or operation.state}); try again, or pay by bank transfer"
    return PaymentRefused(msg)
