"""A card is saved on the hosted page; only what Stripe says counts."""

import pytest

from evshare_app.model import AccountId
from evshare_app.payment.rail import PaymentRefused

from .conftest import BACK, HOME, House


def session_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


async def test_a_saved_card_makes_the_account_pay_by_card(house: House) -> None:
    await house.save_card(house.rail())
    saved = await house.account()
    assert (saved.rail, saved.card_label) == ("stripe", "Visa 4242")
    assert saved.stripe_payment_method.startswith("pm_")
    assert await house.rows("setup") == [("succeeded", None)]


async def test_coming_back_without_saving_changes_nothing(house: House) -> None:
    rail = house.rail()
    await rail.start_card_setup(HOME, BACK)
    await rail.poll()
    assert ((await house.account()).rail, await house.rows("setup")) == ("bank", [("needs_customer", None)])


async def test_a_second_tap_leads_to_the_same_page(house: House) -> None:
    rail = house.rail()
    assert await rail.start_card_setup(HOME, BACK) == await rail.start_card_setup(HOME, BACK)
    assert len(house.stand_in.world.objects["customer"]) == 1
    assert len(house.stand_in.world.objects["checkout.session"]) == 1


async def test_another_way_back_needs_another_page(house: House) -> None:
    rail = house.rail()
    assert await rail.start_card_setup(HOME, BACK) != await rail.start_card_setup(HOME, "http://other.local/")


async def test_a_used_page_is_followed_by_a_new_one(house: House) -> None:
    rail = house.rail()
    first = await rail.start_card_setup(HOME, BACK)
    house.stand_in.pay(session_of(first))
    second = await rail.start_card_setup(HOME, BACK)
    assert first != second
    assert (await house.account()).card_label == "Visa 4242", "the first page's card was learnt on the way"


async def test_a_page_that_ran_out_is_canceled_and_replaced(house: House) -> None:
    rail = house.rail()
    first = await rail.start_card_setup(HOME, BACK)
    house.clock.advance(hours=24)
    await rail.poll()
    assert await house.rows("setup") == [("canceled", None)]
    assert await rail.start_card_setup(HOME, BACK) != first


async def test_the_newest_saved_card_is_used(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    await house.save_card(rail, "5555555555554444")
    assert (await house.account()).card_label == "Mastercard 4444"


async def test_an_unknown_account_is_refused(house: House) -> None:
    with pytest.raises(PaymentRefused, match="account_id: got 'nobody'"):
        await house.rail().start_card_setup(AccountId("nobody"), BACK)
    assert house.stand_in.world.objects["customer"] == {}


async def test_after_a_change_of_the_stripe_account_a_new_customer_is_made(house: House) -> None:
    """An owner tries everything in test mode first, and then enters the live key."""
    await house.save_card(house.rail())
    for kind in house.stand_in.world.objects.values():
        kind.clear()
    rail = house.rail()
    await rail.poll()
    await house.save_card(rail, "5555555555554444")
    assert (await house.account()).card_label == "Mastercard 4444"
