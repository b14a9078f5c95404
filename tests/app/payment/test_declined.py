"""A declined card is tried again after days, or not at all; nothing payable is left behind."""

from datetime import timedelta

import pytest

from demo.stripe.cards import Card
from evshare_app.payment.rail import PayState

from .conftest import House

POOR = "4000000000009995"


async def test_a_card_without_money_is_tried_again_after_3_days(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, POOR)
    october = await house.issue("2026-000010", 3000)
    declined = house.clock.now
    stands = await rail.collect(october)
    assert (stands.state, stands.reason) == (PayState.RETRY_LATER, "insufficient_funds")
    assert stands.retry_at == declined + timedelta(days=3)
    assert house.stand_in.payable() == [], "the declined intent is canceled"
    house.clock.advance(days=2, hours=23)
    assert await rail.collect_open() == []
    house.stand_in.world.cards[POOR] = Card()
    house.clock.advance(hours=1)
    assert [one.state for one in await rail.collect_open()] == [PayState.PAID]
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_after_four_tries_in_15_days_the_customer_is_asked(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, POOR)
    october = await house.issue("2026-000010", 3000)
    for _ in range(40):
        await rail.collect_open()
        await rail.poll()
        house.clock.advance(days=1)
    assert await house.rows("collect") == [("failed", "insufficient_funds")] * 4
    assert (await house.standing(october)).state is PayState.NEEDS_CUSTOMER
    assert house.stand_in.payable() == []


@pytest.mark.parametrize(
    ("number", "reason"), [("4000000000009987", "do_not_try_again"), ("4000000000000069", "confirm_card_data")]
)
async def test_a_dead_card_is_not_tried_for_other_statements_either(house: House, number: str, reason: str) -> None:
    rail = house.rail()
    await house.save_card(rail, number)
    october = await house.issue("2026-000010", 3000)
    november = await house.issue("2026-000011", 3000)
    await rail.collect_open()
    await rail.collect_open()
    for statement_id in (october, november):
        stands = await house.standing(statement_id)
        assert (stands.state, stands.reason) == (PayState.NEEDS_CUSTOMER, reason)
    assert len(await house.rows("collect")) == 1


async def test_a_new_card_starts_afresh(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "4000000000009987")
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    await house.save_card(rail)
    assert [one.state for one in await rail.collect_open()] == [PayState.PAID]
    assert (await house.standing(october)).due.minor == 0


async def test_a_card_that_was_detached_at_stripe_needs_the_customer(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    for method in house.stand_in.world.objects["payment_method"].values():
        method["customer"] = None
    october = await house.issue("2026-000010", 3000)
    stands = await rail.collect(october)
    assert (stands.state, stands.reason) == (PayState.NEEDS_CUSTOMER, "payment_method_unexpected_state")


async def test_a_debit_that_fails_for_want_of_money_is_tried_again(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "DE62370400440532013001")
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    house.clock.advance(days=5)
    await rail.poll()
    stands = await house.standing(october)
    assert (stands.state, stands.reason) == (PayState.RETRY_LATER, "insufficient_funds")
    assert house.stand_in.payable() == []


async def test_a_debit_that_was_not_authorised_is_never_tried_again(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "DE36370400440532013005")
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    house.clock.advance(days=5)
    await rail.poll()
    assert (await house.standing(october)).state is PayState.NEEDS_CUSTOMER
