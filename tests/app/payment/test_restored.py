"""Books restored from an older backup do not charge again for what was paid since."""

from dataclasses import replace
import logging
import shutil

import pytest

from evshare_app.books.engine import Books
from evshare_app.ledger.accounts import STRIPE_CLEARING
from evshare_app.payment.rail import PayState

from .conftest import BACK, House
from .test_setup_card import session_of


async def backup(house: House) -> None:
    await house.books.close()
    shutil.copy(house.path, house.path.with_suffix(".bak"))
    house.books = await Books.open(house.path)


async def restore(house: House) -> None:
    await house.books.close()
    shutil.copy(house.path.with_suffix(".bak"), house.path)
    house.books = await Books.open(house.path)


@pytest.mark.parametrize("days", [0, 3])
async def test_a_payment_made_since_the_backup_is_taken_in_not_repeated(house: House, days: int) -> None:
    await house.save_card(house.rail())
    october = await house.issue("2026-000010", 3000)
    await backup(house)
    await house.rail().collect(october)
    await restore(house)
    house.clock.advance(days=days)
    assert (await house.rail().collect(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
    assert await house.balance(STRIPE_CLEARING) == 2930
    await house.check_ledger()


async def test_a_debit_under_way_since_the_backup_is_waited_for(house: House) -> None:
    await house.save_card(house.rail(), "DE89370400440532013000")
    october = await house.issue("2026-000010", 3000)
    await backup(house)
    await house.rail().collect(october)
    await restore(house)
    rail = house.rail()
    assert (await rail.collect(october)).state is PayState.PROCESSING
    house.clock.advance(days=5)
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_a_page_handed_out_since_the_backup_and_paid_is_taken_in(house: House) -> None:
    october = await house.issue("2026-000010", 3000)
    await backup(house)
    house.stand_in.pay(session_of(await house.rail().start_checkout(october, BACK)))
    await restore(house)
    await house.rail().poll()
    assert (await house.standing(october)).state is PayState.PAID


async def test_two_copies_of_the_books_at_once_charge_once(house: House) -> None:
    """The second copy is refused by its idempotency key, and finds what the first did."""
    await house.save_card(house.rail())
    october = await house.issue("2026-000010", 3000)
    await backup(house)
    copy = await Books.open(house.path.with_suffix(".bak"))
    second = replace(house, books=copy)
    rail_of_second = second.rail()
    await rail_of_second.poll()  # compared with Stripe before the first copy collects
    await house.rail().collect(october)
    assert (await rail_of_second.collect(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
    await copy.close()


async def test_money_for_a_statement_the_books_do_not_have_is_reported(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.save_card(house.rail())
    await backup(house)
    await house.rail().collect(await house.issue("2026-000010", 3000))
    await restore(house)
    with caplog.at_level(logging.ERROR):
        await house.rail().poll()
    assert "is for a statement these books do not have" in caplog.text
