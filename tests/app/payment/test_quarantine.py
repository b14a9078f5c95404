"""In quarantine nothing is ordered from Stripe; what it has of ours is compared, and what has no place is listed."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from evshare_app.books import quarantine
from evshare_app.books.position import note_restored, position_file, read_position
from evshare_app.books.schema import building
from evshare_app.ledger.accounts import STRIPE_CLEARING
from evshare_app.payment.rail import PaymentRefused, PayState

from .conftest import BACK, HOME, OTHER, House
from .test_restored import backup, restore


async def begin(house: House) -> None:
    note_restored(house.path.parent, house.clock())
    known = read_position(position_file(house.path.parent))
    await house.books.write(lambda conn: quarantine.look(conn, known, house.clock()))


async def test_nothing_is_ordered(house: House) -> None:
    await house.save_card(house.rail())
    october = await house.issue("2026-000010", 3000)
    await begin(house)
    rail = house.rail()
    for asked in (
        rail.collect(october),
        rail.start_checkout(october, BACK),
        rail.start_card_setup(OTHER, BACK),
    ):
        with pytest.raises(PaymentRefused, match="restored from a backup and are in quarantine"):
            await asked
    assert await rail.collect_open() == []
    await rail.poll()
    assert house.stand_in.charges_per_statement() == {}
    await house.books.write(lambda conn: quarantine.leave(conn, "kim", house.clock()))
    assert [one.state for one in await rail.collect_open()] == [PayState.PAID]


async def test_a_payment_made_since_the_backup_is_taken_in_and_nothing_is_sent(house: House) -> None:
    await house.save_card(house.rail())
    october = await house.issue("2026-000010", 3000)
    await backup(house)
    await house.rail().collect(october)
    await restore(house)
    await begin(house)
    rail = house.rail()
    assert await rail.compare(house.clock() - timedelta(days=400)) == []
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
    assert await house.balance(STRIPE_CLEARING) == 2930


async def test_money_for_a_statement_that_is_lost_is_listed(house: House) -> None:
    await house.save_card(house.rail())
    await backup(house)
    await house.rail().collect(await house.issue("2026-000010", 3000))
    await restore(house)
    await begin(house)
    (money,) = await house.rail().compare(house.clock())
    assert (money.number, money.amount_minor, money.currency) == ("2026-000010", 3000, "EUR")
    assert money.external_id.startswith("pi_")


async def test_money_is_not_booked_to_who_got_the_number_of_a_lost_statement(house: House) -> None:
    await house.save_card(house.rail())
    await backup(house)
    await house.rail().collect(await house.issue("2026-000010", 3000, HOME))
    await restore(house)
    again = await house.issue("2026-000010", 4000, OTHER)
    (money,) = await house.rail().compare(house.clock())
    assert money.number == "2026-000010"
    assert (await house.standing(again)).state is PayState.OPEN
    assert await house.balance(STRIPE_CLEARING) == 0


async def test_another_buildings_money_on_the_same_stripe_account_is_none_of_ours(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.save_card(house.rail())
    await house.rail().collect(await house.issue("2026-000010", 3000))
    await house.books.write(lambda conn: conn.execute(update(building).values(building_id="b2")) and None)
    assert await house.rail().compare(house.clock()) == []
    assert "do not have" not in caplog.text
