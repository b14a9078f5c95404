"""One statement is paid on a hosted page, and never in two ways at once."""

import pytest

from evshare_app.ledger.accounts import STRIPE_CLEARING, receivable
from evshare_app.payment.rail import PaymentRefused, PayState

from .conftest import BACK, HOME, House
from .test_bank import record
from .test_setup_card import session_of

WANTS_OWNER = "4000002760003184"


async def test_paying_on_the_page_pays_the_statement(house: House) -> None:
    rail = house.rail()
    october = await house.issue("2026-000010", 3000)
    url = await rail.start_checkout(october, BACK)
    assert (await house.standing(october)).state is PayState.OPEN, "an open page binds nobody"
    house.stand_in.pay(session_of(url))
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
    assert await house.balance(STRIPE_CLEARING) == 2930
    assert (await house.account()).rail == "bank", "paying once by card does not save it"
    await house.check_ledger()


async def test_a_second_tap_leads_to_the_same_page(house: House) -> None:
    rail = house.rail()
    october = await house.issue("2026-000010", 3000)
    assert await rail.start_checkout(october, BACK) == await rail.start_checkout(october, BACK)
    assert house.stand_in.payable() == ["2026-000010"]


async def test_a_page_for_an_amount_no_longer_due_is_taken_back(house: House) -> None:
    rail = house.rail()
    october = await house.issue("2026-000010", 3000)
    first = await rail.start_checkout(october, BACK)
    await record(house, amount_minor=1000)
    second = await rail.start_checkout(october, BACK)
    assert first != second
    assert house.stand_in.payable() == ["2026-000010"]
    house.stand_in.pay(session_of(second))
    await rail.poll()
    assert house.stand_in.minor_per_statement() == {"2026-000010": 2000}


async def test_a_transfer_meanwhile_closes_the_page(house: House) -> None:
    rail = house.rail()
    october = await house.issue("2026-000010", 3000)
    await rail.start_checkout(october, BACK)
    await record(house)
    await rail.poll()
    assert house.stand_in.payable() == []
    assert await house.rows("checkout") == [("canceled", None)]


async def test_a_paid_statement_has_no_page(house: House) -> None:
    october = await house.issue("2026-000010", 3000)
    await record(house)
    with pytest.raises(PaymentRefused, match="is paid already"):
        await house.rail().start_checkout(october, BACK)


async def test_too_little_for_a_card_has_no_page(house: House) -> None:
    october = await house.issue("2026-000010", 49)
    with pytest.raises(PaymentRefused, match="bank transfer"):
        await house.rail().start_checkout(october, BACK)


async def test_nothing_is_collected_while_the_customer_is_on_the_page(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    url = await rail.start_checkout(october, BACK)
    await rail.collect(october)
    assert await rail.collect_open() == []
    house.stand_in.pay(session_of(url))
    assert (await rail.collect(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_after_the_page_ran_out_the_saved_card_is_used(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    await rail.start_checkout(october, BACK)
    house.clock.advance(hours=24)
    await rail.poll()
    assert [one.state for one in await rail.collect_open()] == [PayState.PAID]
    assert (await house.standing(october)).due.minor == 0


async def test_a_page_is_refused_while_a_debit_is_under_way(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "DE89370400440532013000")
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    with pytest.raises(PaymentRefused, match="under way"):
        await rail.start_checkout(october, BACK)


async def test_a_debit_begun_on_the_page_pays_days_later(house: House) -> None:
    rail = house.rail()
    october = await house.issue("2026-000010", 3000)
    house.stand_in.pay(session_of(await rail.start_checkout(october, BACK)), "DE89370400440532013000")
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PROCESSING
    house.clock.advance(days=5)
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID


async def test_a_debit_from_the_page_that_fails_leaves_the_statement_open(house: House) -> None:
    rail = house.rail()
    october = await house.issue("2026-000010", 3000)
    house.stand_in.pay(session_of(await rail.start_checkout(october, BACK)), "DE62370400440532013001")
    house.clock.advance(days=5)
    await rail.poll()
    assert await house.rows("checkout") == [("failed", "insufficient_funds")]
    assert (await house.standing(october)).state is PayState.OPEN
    assert await house.balance(receivable(HOME)) == 3000


async def test_a_working_saved_card_is_not_replaced_by_another_used_once(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    house.stand_in.pay(session_of(await rail.start_checkout(october, BACK)), "5555555555554444")
    await rail.poll()
    assert (await house.account()).card_label == "Visa 4242"


# --- strong customer authentication --------------------------------------------------------------------------------


async def test_a_bank_that_wants_the_owner_leads_to_the_page(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, WANTS_OWNER)
    october = await house.issue("2026-000010", 3000)
    stands = await rail.collect(october)
    assert (stands.state, stands.reason) == (PayState.NEEDS_CUSTOMER, "authentication_required")
    url = await rail.start_checkout(october, BACK)
    assert house.stand_in.payable() == ["2026-000010"], "the first intent is canceled before the page exists"
    house.stand_in.pay(session_of(url), WANTS_OWNER)
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_a_page_left_unpaid_does_not_try_the_card_again(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, WANTS_OWNER)
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    await rail.start_checkout(october, BACK)
    house.clock.advance(hours=24)
    await rail.poll()
    assert await rail.collect_open() == []
    stands = await house.standing(october)
    assert (stands.state, stands.reason) == (PayState.NEEDS_CUSTOMER, "authentication_required")


async def test_a_card_used_on_the_page_replaces_the_one_that_wants_its_owner(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, WANTS_OWNER)
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    house.stand_in.pay(session_of(await rail.start_checkout(october, BACK)), "5555555555554444")
    await rail.poll()
    assert (await house.account()).card_label == "Mastercard 4444"
    november = await house.issue("2026-000011", 2000)
    assert (await rail.collect(november)).state is PayState.PAID


async def test_a_new_card_is_tried_at_once(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, WANTS_OWNER)
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    await house.save_card(rail)
    assert [one.state for one in await rail.collect_open()] == [PayState.PAID]
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.payable() == []


async def test_a_transfer_cancels_what_waits_for_the_owner(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, WANTS_OWNER)
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    await record(house)
    await rail.poll()
    assert house.stand_in.payable() == []
    assert (await house.standing(october)).state is PayState.PAID


async def test_a_page_of_another_stripe_account_is_replaced(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    await rail.start_checkout(october, BACK)
    for kind in house.stand_in.world.objects.values():
        kind.clear()
    house.stand_in.pay(session_of(await rail.start_checkout(october, BACK)))
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
