"""A bank transfer is recorded once, by reference or statement; the difference stays on the account."""

from datetime import UTC, datetime
from typing import Any

import pytest

from evshare_app.ledger.accounts import BANK, receivable
from evshare_app.payment.bank import record_transfer
from evshare_app.payment.rail import PaymentRefused, PayState, Standing

from .conftest import HOME, House

DAY = datetime(2026, 11, 5, tzinfo=UTC)
TRANSFER = {"amount_minor": 3000, "currency": "EUR", "external_id": "entry-1", "at": DAY, "actor": "manager"}


async def record(house: House, **changed: Any) -> Standing:
    wanted = {"reference": "RF00EV2026000010"} | TRANSFER | changed
    return await house.books.write(lambda conn: record_transfer(conn, now=house.clock(), **wanted))


async def test_a_transfer_with_the_reference_pays_the_statement(house: House) -> None:
    await house.issue("2026-000010", 3000)
    assert (await record(house)).state is PayState.PAID
    assert await house.balance(BANK) == 3000
    assert await house.balance(receivable(HOME)) == 0
    await house.check_ledger()


async def test_the_reference_may_be_written_in_groups_and_small_letters(house: House) -> None:
    await house.issue("2026-000010", 3000)
    assert (await record(house, reference=" rf00 ev20 2600 0010")).state is PayState.PAID


async def test_the_manager_may_choose_the_statement(house: House) -> None:
    october = await house.issue("2026-000010", 3000)
    assert (await record(house, reference=None, statement_id=october)).state is PayState.PAID


async def test_recording_the_same_transfer_twice_books_once(house: House) -> None:
    await house.issue("2026-000010", 3000)
    await record(house)
    assert (await record(house)).state is PayState.PAID
    assert await house.balance(BANK) == 3000


async def test_too_little_leaves_the_rest_due(house: House) -> None:
    await house.issue("2026-000010", 3000)
    stands = await record(house, amount_minor=1000)
    assert (stands.state, stands.due.minor) == (PayState.OPEN, 2000)
    assert (await record(house, amount_minor=2000, external_id="entry-2")).state is PayState.PAID


async def test_too_much_counts_for_the_next_statement(house: House) -> None:
    await house.issue("2026-000010", 3000)
    await record(house, amount_minor=3500)
    november = await house.issue("2026-000011", 2000)
    assert (await house.standing(november)).due.minor == 1500
    assert await house.balance(receivable(HOME)) == 1500


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reference": "RF99UNKNOWN"}, "reference: got 'RF99UNKNOWN'"),
        ({"reference": None}, "accepted is exactly one"),
        ({"statement_id": "statement-2026-000010"}, "accepted is exactly one"),
        ({"reference": None, "statement_id": "none"}, "statement_id: got 'none'"),
        ({"amount_minor": 0}, "amount: got 0"),
        ({"amount_minor": -5}, "amount: got -5"),
        ({"currency": "CHF"}, "currency: got 'CHF'"),
        ({"external_id": " "}, "external_id: got"),
    ],
)
async def test_a_wrong_transfer_is_refused_by_field_and_books_nothing(
    house: House, changed: dict[str, Any], message: str
) -> None:
    await house.issue("2026-000010", 3000)
    with pytest.raises(PaymentRefused, match=message):
        await record(house, **changed)
    assert await house.balance(BANK) == 0


async def test_the_same_bank_entry_with_another_amount_is_refused(house: House) -> None:
    await house.issue("2026-000010", 3000)
    await record(house)
    with pytest.raises(PaymentRefused, match="external_id: 'entry-1' is already booked with amount_minor 3000"):
        await record(house, amount_minor=3001)
    assert await house.balance(BANK) == 3000
