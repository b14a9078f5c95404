"""The real SDK talking to the stand-in over HTTP, and a clock that stands still."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import ClientSession
import pytest
import stripe

from demo.stripe import StripeStandIn
from demo.stripe.server import KEY


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stand_in(clock: Clock) -> AsyncIterator[StripeStandIn]:
    async with StripeStandIn(clock) as served:
        yield served


@pytest.fixture
async def connect(stand_in: StripeStandIn) -> AsyncIterator[Callable[..., stripe.StripeClient]]:
    """Return a maker of clients that do not repeat by themselves."""
    async with ClientSession() as session:

        def make(key: str = KEY, retries: int = 0) -> stripe.StripeClient:
            return stripe.StripeClient(
                key,
                base_addresses={"api": stand_in.url},
                max_network_retries=retries,
                http_client=stripe.AIOHTTPClient(session=session),
            )

        yield make


@pytest.fixture
def v1(connect: Callable[..., stripe.StripeClient]):
    return connect().v1


@pytest.fixture
async def card(v1, stand_in: StripeStandIn) -> tuple[str, str]:
    """Return a customer and their saved 4242 card."""
    return await save_card(v1, stand_in, "4242424242424242")


async def save_card(v1, stand_in: StripeStandIn, number: str) -> tuple[str, str]:
    customer = await v1.customers.create_async({"metadata": {"who": "flat"}})
    session = await v1.checkout.sessions.create_async(
        {"mode": "setup", "currency": "eur", "customer": customer.id, "success_url": "http://portal.local/"}
    )
    assert stand_in.pay(session.id, number) is None
    session = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method"]})
    return customer.id, session.setup_intent.payment_method.id


def charge(customer: str, method: str, minor: int = 3000, **more):
    """Return the parameters of an off-session payment."""
    return {
        "amount": minor,
        "currency": "eur",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"evshare_stmt": "2026-000001"},
    } | more
