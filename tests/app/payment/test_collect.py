"""Statements are collected from a saved card: once, for what is due, booked as it arrived."""

import pytest
from sqlalchemy import update

from evshare_app.books.schema import account
from evshare_app.ledger.accounts import PAYMENT_FEES, STRIPE_CLEARING, receivable
from evshare_app.model import StatementId
from evshare_app.payment.rail import PaymentRefused, PayState

from .conftest import HOME, OTHER, House
from .test_bank import record


async def test_a_collected_statement_is_paid_and_money_and_fee_are_booked(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    stands = await rail.collect(october)
    assert (stands.state, stands.due.minor) == (PayState.PAID, 0)
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
    # 30.00 by an EEA card costs 1.5 % + 0.25 = 0.70.
    assert await house.balance(receivable(HOME)) == 0
    assert await house.balance(STRIPE_CLEARING) == 2930
    assert await house.balance(PAYMENT_FEES) == 70
    await house.check_ledger()


async def test_collecting_again_does_nothing(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    for _ in range(3):
        assert (await rail.collect(october)).state is PayState.PAID
        await rail.poll()
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
    assert await house.balance(STRIPE_CLEARING) == 2930


async def test_all_open_statements_of_card_payers_are_collected_and_no_others(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    await house.issue("2026-000009", 1000)
    await house.issue("2026-000010", 2000)
    others = await house.issue("2026-000011", 4000, OTHER)
    stands = await rail.collect_open()
    assert [(one.number, one.state) for one in stands] == [
        ("2026-000009", PayState.PAID),
        ("2026-000010", PayState.PAID),
    ]
    assert (await house.standing(others)).state is PayState.OPEN
    assert await rail.collect_open() == []


async def test_only_what_is_still_due_is_collected(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    await record(house, amount_minor=1000)
    await rail.collect(october)
    assert house.stand_in.minor_per_statement() == {"2026-000010": 2000}


async def test_less_than_the_minimum_stays_open(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 49)
    assert (await rail.collect(october)).state is PayState.BELOW_MINIMUM
    assert await rail.collect_open() == []
    assert house.stand_in.charges_per_statement() == {}


async def test_a_statement_of_nothing_is_paid(house: House) -> None:
    nothing = await house.issue("2026-000010", 0)
    assert (await house.rail().collect(nothing)).state is PayState.PAID


async def test_an_account_without_card_is_left_alone(house: House) -> None:
    october = await house.issue("2026-000010", 3000)
    assert (await house.rail().collect(october)).state is PayState.OPEN
    assert await house.rows("collect") == []


async def test_an_account_that_went_back_to_transfers_is_left_alone(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    await house.books.write(lambda conn: conn.execute(update(account).values(rail="bank")))
    october = await house.issue("2026-000010", 3000)
    assert (await rail.collect(october)).state is PayState.OPEN


async def test_an_unknown_statement_is_refused(house: House) -> None:
    with pytest.raises(PaymentRefused, match="statement_id"):
        await house.rail().collect(StatementId("none"))


async def test_stripe_is_told_no_names(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    await rail.collect(await house.issue("2026-000010", 3000))
    (customer,) = house.stand_in.world.objects["customer"].values()
    assert (customer["name"], customer["email"]) == (None, None)
    assert set(customer["metadata"]) == {"evshare_site", "evshare_account", "evshare_op"}
    assert all("X-Stripe-Client-Telemetry" not in seen.headers for seen in house.stand_in.requests)


async def test_a_bank_debit_is_under_way_for_days_and_then_paid(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "DE89370400440532013000")
    assert (await house.account()).card_label == "Sepa Debit 3000"
    october = await house.issue("2026-000010", 3000)
    assert (await rail.collect(october)).state is PayState.PROCESSING
    assert await house.balance(receivable(HOME)) == 3000, "not paid before the bank says so"
    house.clock.advance(days=5)
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
    assert await house.balance(PAYMENT_FEES) == 35
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_money_that_arrives_twice_becomes_the_accounts_credit(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "DE89370400440532013000")
    october = await house.issue("2026-000010", 3000)
    await rail.collect(october)
    await record(house)  # the resident transferred it as well
    house.clock.advance(days=5)
    await rail.poll()
    assert await house.balance(receivable(HOME)) == -3000
    november = await house.issue("2026-000011", 2000)
    assert (await house.standing(november)).state is PayState.PAID
    assert (await rail.collect(november)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
