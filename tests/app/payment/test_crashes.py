"""The power fails between any two steps; after the restart everything is paid once and nothing is lost.

A step is a commit of the books or a request to Stripe; the power may fail before it, and after it before anyone
learnt of it. Each story is run once per such point.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

from aiohttp import ClientSession
import pytest

from demo.stripe.cards import Card
from demo.stripe.server import KEY
from evshare_app.ledger.accounts import BANK, PAYMENT_FEES, STRIPE_CLEARING, receivable
from evshare_app.model import StatementId
from evshare_app.payment.rail import PaymentRefused, PayState
from evshare_app.payment.stripe_client import create_client
from evshare_app.payment.stripe_rail import StripeRail

from .conftest import BACK, HOME, House, no_pause
from .test_bank import record
from .test_checkout import WANTS_OWNER
from .test_setup_card import session_of

NEVER = 10_000
OCTOBER = StatementId("statement-2026-000010")


class PowerCut(BaseException):
    """Nothing in the product may catch it."""


class Fuse:
    """Counts points and cuts the power at one of them."""

    def __init__(self, cut_at: int) -> None:
        self.passed = 0
        self._cut_at = cut_at

    def point(self) -> None:
        self.passed += 1
        if self.passed > self._cut_at:
            raise PowerCut


class FragileBooks:
    """The real books, on fragile power."""

    def __init__(self, books: Any, fuse: Fuse) -> None:
        self._books, self._fuse = books, fuse
        self.read = books.read

    async def write(self, work: Callable[[Any], Any]) -> Any:
        self._fuse.point()
        result = await self._books.write(work)
        self._fuse.point()
        return result


class FragileSession:
    """The real HTTP session, on fragile power."""

    def __init__(self, session: ClientSession, fuse: Fuse) -> None:
        self._session, self._fuse = session, fuse

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        self._fuse.point()
        async with self._session.request(*args, **kwargs) as answer:
            body = await answer.read()
        self._fuse.point()
        return Answer(BytesIO(body), answer.status, answer.headers)


class Answer:
    """An answer that was read whole, as the SDK reads it."""

    def __init__(self, body: BytesIO, status: int, headers: Any) -> None:
        self.content, self.status, self.headers = self, status, headers
        self._body = body

    async def read(self) -> bytes:
        return self._body.read()


type Story = Callable[[House, StripeRail], Awaitable[None]]


async def collect_from_saved_card(house: House, rail: StripeRail) -> None:
    if (await house.account()).rail != "stripe":
        house.stand_in.pay(session_of(await rail.start_card_setup(HOME, BACK)))
        await rail.poll()
    await rail.collect_open()
    await rail.poll()


async def decline_then_pay(house: House, rail: StripeRail) -> None:
    number = "4000000000009995"
    if (await house.account()).rail != "stripe":
        await house.save_card(house.rail(), number)
    await rail.collect_open()
    house.clock.advance(days=3)
    house.stand_in.world.cards[number] = Card()
    await rail.poll()
    await rail.collect_open()


async def owner_pays_on_the_page(house: House, rail: StripeRail) -> None:
    if (await house.account()).rail != "stripe":
        await house.save_card(house.rail(), WANTS_OWNER)
    await rail.collect_open()
    if (await house.standing(OCTOBER)).due.minor:
        with suppress(PaymentRefused):  # paid before the power failed, and learnt of it just now
            url = await rail.start_checkout(OCTOBER, BACK)
            house.stand_in.pay(session_of(url), WANTS_OWNER)
    await rail.poll()


async def transfer_instead_of_page(house: House, rail: StripeRail) -> None:
    if (await house.standing(OCTOBER)).due.minor:
        await rail.start_checkout(OCTOBER, BACK)
    await record(house)
    await rail.poll()


async def debit_over_days(house: House, rail: StripeRail) -> None:
    if (await house.account()).rail != "stripe":
        await house.save_card(house.rail(), "DE89370400440532013000")
    await rail.collect_open()
    house.clock.advance(days=5)
    await rail.poll()


def fragile_rail(house: House, fuse: Fuse) -> StripeRail:
    session: Any = FragileSession(house.session, fuse)
    books: Any = FragileBooks(house.books, fuse)
    client = create_client(KEY, session, house.stand_in.url, pause=no_pause)
    return StripeRail(books, lambda: client, house.clock)


# Number of points per story, counted by the first test below.
POINTS = {
    collect_from_saved_card: 36,
    decline_then_pay: 36,
    owner_pays_on_the_page: 44,
    transfer_instead_of_page: 20,
    debit_over_days: 22,
}
CASES = [(story, point) for story, points in POINTS.items() for point in range(points)]


@pytest.mark.parametrize("story", POINTS, ids=lambda story: story.__name__)
async def test_the_points_of_each_story_are_all_there_are(house: House, story: Story) -> None:
    await house.issue("2026-000010", 3000)
    fuse = Fuse(NEVER)
    await story(house, fragile_rail(house, fuse))
    assert fuse.passed == POINTS[story]


@pytest.mark.parametrize(("story", "point"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_after_a_power_cut_it_is_paid_once(house: House, story: Story, point: int) -> None:
    await house.issue("2026-000010", 3000)
    with pytest.raises(PowerCut):
        await story(house, fragile_rail(house, Fuse(point)))

    restarted = house.rail()
    for _ in range(3):  # life goes on; what was looked up late may need another round
        await story(house, restarted)

    assert (await house.standing(OCTOBER)).state is PayState.PAID
    assert await house.balance(receivable(HOME)) == 0
    assert house.stand_in.payable() == [], "no second way to pay is left"
    charges = house.stand_in.charges_per_statement()
    if story is transfer_instead_of_page:
        assert (charges, await house.balance(BANK)) == ({}, 3000)
    else:
        assert charges == {"2026-000010": 1}
        assert await house.balance(STRIPE_CLEARING) + await house.balance(PAYMENT_FEES) == 3000
        assert await house.balance(PAYMENT_FEES) > 0
    await house.check_ledger()
