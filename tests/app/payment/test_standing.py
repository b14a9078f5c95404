"""What is due: payments count for their own statement first, what is too much for the oldest open one."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest

from evshare_app.model import AccountId, StatementId
from evshare_app.payment.rail import PaymentRefused
from evshare_app.payment.standing import Bill, dues

from .conftest import House


def _bills(*amounts: int) -> list[Bill]:
    return [
        Bill(
            statement_id=StatementId(str(number)),
            account_id=AccountId("home"),
            number=str(number),
            gross_minor=amount,
            currency="EUR",
            month="2026-10",
            issued=datetime(2026, 11, 1, tzinfo=UTC),
        )
        for number, amount in enumerate(amounts)
    ]


def test_nothing_paid_leaves_everything_due() -> None:
    assert dues(_bills(1000, 2000), {}) == {"0": 1000, "1": 2000}


def test_too_little_leaves_the_rest() -> None:
    assert dues(_bills(1000), {StatementId("0"): 400}) == {"0": 600}


def test_too_much_counts_for_the_oldest_open_statement() -> None:
    bills = _bills(1000, 2000, 500)
    assert dues(bills, {StatementId("2"): 1700}) == {"0": 0, "1": 1800, "2": 0}


def test_money_on_no_statement_counts_for_the_oldest() -> None:
    assert dues(_bills(1000, 2000), {None: 1200}) == {"0": 0, "1": 1800}


amounts = st.lists(st.integers(0, 10_000), min_size=1, max_size=6)


@given(amounts, st.data())
def test_dues_less_what_is_left_over_are_the_receivable(grosses: list[int], data: st.DataObject) -> None:
    paid = {
        StatementId(str(number)): data.draw(st.integers(0, 15_000), label=f"paid {number}")
        for number in range(len(grosses))
    }
    due = dues(_bills(*grosses), paid)
    receivable = sum(grosses) - sum(paid.values())
    assert sum(due.values()) == max(receivable, 0)
    assert all(0 <= due[StatementId(str(number))] <= gross for number, gross in enumerate(grosses))


@given(amounts, st.data())
def test_one_more_payment_never_makes_a_statement_due_again(grosses: list[int], data: st.DataObject) -> None:
    some = st.integers(0, 15_000)
    paid = {StatementId(str(number)): data.draw(some) for number in range(len(grosses))}
    more = dict(paid)
    more[data.draw(st.sampled_from(sorted(paid)))] += data.draw(some)
    before, after = dues(_bills(*grosses), paid), dues(_bills(*grosses), more)
    paid_before = {statement_id for statement_id, rest in before.items() if rest == 0}
    assert all(after[statement_id] == 0 for statement_id in paid_before)


async def test_an_unknown_statement_is_refused_by_name(house: House) -> None:
    with pytest.raises(PaymentRefused, match="statement_id: got 'none'"):
        await house.standing(StatementId("none"))
