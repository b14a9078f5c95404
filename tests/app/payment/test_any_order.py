"""Whatever happens in whatever order: a statement is never charged twice, and the books say what Stripe did."""

import asyncio
from contextlib import suppress
from pathlib import Path
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.stripe import StripeStandIn
from demo.stripe.faults import Fault
from evshare_app.ledger.accounts import PAYMENT_FEES, STRIPE_CLEARING, receivable
from evshare_app.model import StatementId
from evshare_app.payment.rail import PaymentError, PayState
from evshare_app.payment.stripe_rail import StripeRail

from .conftest import BACK, HOME, Clock, House, open_house
from .test_setup_card import session_of

NUMBERS = (
    "4242424242424242",
    "4000000000009995",
    "4000002760003184",
    "DE89370400440532013000",
    "DE62370400440532013001",
)
OCTOBER = StatementId("statement-2026-000010")

steps = st.one_of(
    st.just(("poll",)),
    st.just(("collect",)),
    st.just(("restart",)),
    st.tuples(st.just("save"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("page"), st.none() | st.sampled_from(NUMBERS)),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 30, 24 * 4, 24 * 8])),
    st.tuples(st.just("fault"), st.sampled_from(Fault), st.integers(1, 4), st.sampled_from(["GET", "POST"])),
)


class Life:
    """One building's dealings with Stripe, step by step."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.rail: StripeRail = house.rail()

    async def step(self, name: str, *how) -> None:
        with suppress(PaymentError):
            await getattr(self, name)(*how)

    async def poll(self) -> None:
        await self.rail.poll()

    async def collect(self) -> None:
        await self.rail.collect_open()

    async def restart(self) -> None:
        self.rail = self.house.rail()

    async def save(self, number: str) -> None:
        self.submit(await self.rail.start_card_setup(HOME, BACK), number)

    async def page(self, number: str | None) -> None:
        url = await self.rail.start_checkout(OCTOBER, BACK)
        if number is not None:
            self.submit(url, number)

    async def wait(self, hours: int) -> None:
        self.house.clock.advance(hours=hours)

    async def fault(self, fault: Fault, times: int, method: str) -> None:
        self.house.stand_in.faults.add(fault, times=times, method=method)

    def submit(self, url: str, number: str) -> None:
        session = self.house.stand_in.world.objects["checkout.session"][session_of(url)]
        if session["status"] == "open":
            self.house.stand_in.pay(session["id"], number)


async def _live(directory: Path, story: list[tuple]) -> None:
    clock = Clock()
    async with StripeStandIn(clock) as stand_in, open_house(directory / "books.db", clock, stand_in) as house:
        await house.issue("2026-000010", 3000)
        life = Life(house)
        for name, *how in story:
            await life.step(name, *how)
            assert stand_in.charges_per_statement().get("2026-000010", 0) <= 1
            assert len(stand_in.payable()) <= 1

        stand_in.faults.clear()
        for _ in range(3):  # what is under way comes to its end
            clock.advance(days=6)
            await life.rail.poll()
        charged = stand_in.minor_per_statement().get("2026-000010", 0)
        assert await house.balance(receivable(HOME)) == 3000 - charged
        assert await house.balance(STRIPE_CLEARING) + await house.balance(PAYMENT_FEES) == charged
        assert ((await house.standing(OCTOBER)).state is PayState.PAID) == (charged == 3000)
        await house.check_ledger()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=14))
def test_never_charged_twice_and_nothing_lost(story: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_live(Path(directory), story))
