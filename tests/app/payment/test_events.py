"""Events are hints: doubled, shuffled, late or missing, the books end up the same."""

import random

import pytest
from sqlalchemy import func, select

from demo.stripe import StripeStandIn, intents
from evshare_app.books.schema import stripe_event
from evshare_app.ledger.accounts import PAYMENT_FEES, STRIPE_CLEARING
from evshare_app.payment.rail import PayState

from .conftest import BACK, HOME, Clock, House, open_house
from .test_setup_card import session_of


def events_of(stand_in: StripeStandIn) -> dict[str, dict]:
    return stand_in.world.objects["event"]


async def pay_two_ways(house: House) -> None:
    """Make events of every kind: a saved card, a page paid, a debit begun."""
    rail = house.rail()
    house.stand_in.pay(session_of(await rail.start_card_setup(HOME, BACK)), "DE89370400440532013000")
    october = await house.issue("2026-000010", 3000)
    house.stand_in.pay(session_of(await rail.start_checkout(october, BACK)))
    house.clock.advance(minutes=5)


@pytest.mark.parametrize("seed", range(5))
async def test_doubled_and_shuffled_events_book_everything_once(house: House, seed: int) -> None:
    await pay_two_ways(house)
    order = random.Random(seed)
    told = list(events_of(house.stand_in).values())
    copies = [event | {"id": f"{event['id']}copy{number}"} for event in told for number in range(4)]
    shuffled = told + copies
    order.shuffle(shuffled)
    for event in shuffled:
        event["created"] += order.randrange(-200, 200)
    events_of(house.stand_in).clear()
    events_of(house.stand_in).update({event["id"]: event for event in shuffled})

    rail = house.rail()
    for _ in range(3):
        await rail.poll()

    assert await house.balance(STRIPE_CLEARING) == 2930
    assert await house.balance(PAYMENT_FEES) == 70
    assert await house.rows("setup") == [("succeeded", None)]
    assert await house.rows("checkout") == [("succeeded", None)]
    await house.check_ledger()


async def test_events_already_seen_cost_nothing(house: House) -> None:
    await pay_two_ways(house)
    rail = house.rail()
    await rail.poll()
    before = len(house.stand_in.requests)
    await rail.poll()
    assert [one.path for one in list(house.stand_in.requests)[before:]] == ["/v1/events"]


async def test_without_any_event_the_daily_comparison_finds_it(house: House) -> None:
    await pay_two_ways(house)
    events_of(house.stand_in).clear()
    rail = house.rail()
    await rail.poll()
    assert await house.balance(STRIPE_CLEARING) == 2930
    assert (await house.account()).card_label == "Sepa Debit 3000"


async def test_events_of_others_in_the_same_stripe_account_are_passed_over(house: House) -> None:
    world = house.stand_in.world
    stranger = intents.new_intent(
        world, amount=500, currency="eur", metadata={"shop": "7"}, customer=None, payment_method=None
    )
    stranger["status"] = "succeeded"
    world.tell("payment_intent.succeeded", stranger)
    rail = house.rail()
    await rail.poll()
    assert await house.balance(STRIPE_CLEARING) == 0


async def test_many_events_are_read_page_by_page(house: House) -> None:
    world = house.stand_in.world
    for _ in range(250):
        world.tell("payment_intent.succeeded", {"id": "pi_foreign", "metadata": {}})
    await pay_two_ways(house)
    await house.rail().poll()
    stored = await house.books.read(lambda conn: conn.scalar(select(func.count()).select_from(stripe_event)))
    assert stored is not None
    assert stored >= 250
    assert await house.balance(STRIPE_CLEARING) == 2930


async def test_ids_of_old_events_are_forgotten(house: House) -> None:
    await pay_two_ways(house)
    rail = house.rail()
    await rail.poll()
    house.clock.advance(days=40)
    house.stand_in.world.tell("payment_intent.succeeded", {"id": "pi_foreign", "metadata": {}})
    await rail.poll()
    assert await house.books.read(lambda conn: conn.scalar(select(func.count()).select_from(stripe_event))) == 1


async def test_a_fee_that_becomes_known_later_is_booked_then(tmp_path, clock: Clock) -> None:
    async with StripeStandIn(clock, fee_delay_s=90) as slow, open_house(tmp_path / "books.db", clock, slow) as house:
        rail = house.rail()
        await house.save_card(rail)
        october = await house.issue("2026-000010", 3000)
        assert (await rail.collect(october)).state is PayState.PAID
        assert (await house.balance(STRIPE_CLEARING), await house.balance(PAYMENT_FEES)) == (3000, 0)
        clock.advance(seconds=90)
        await rail.poll()
        assert (await house.balance(STRIPE_CLEARING), await house.balance(PAYMENT_FEES)) == (2930, 70)
