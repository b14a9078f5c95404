"""Fixed tariff, actual cost, provisional with true-up: by hand."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.model import AccountId
from evshare_app.money import Money
from evshare_app.split.methods import actual_cost, fixed_outcome, true_up
from evshare_app.split.remainder import NothingToShareBy

A, B, C = AccountId("a"), AccountId("b"), AccountId("c")


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def test_a_fixed_tariff_that_was_too_low_takes_from_the_reserve_and_proposes_to_fill_it():
    # 300.00 for what cost 360.00: 60.00 short, of 20.00 in reserve: -40.00. Next: (360 + 40) / 1000 kWh.
    outcome = fixed_outcome(income=eur(30_000), cost=eur(36_000), used_wh=1_000_000, reserve=eur(2_000))
    assert (outcome.surplus, outcome.reserve) == (eur(-6_000), eur(-4_000))
    assert outcome.proposed_price == Decimal("0.4000")


def test_a_fixed_tariff_that_was_too_high_fills_the_reserve_and_proposes_to_give_it_back():
    # 400.00 for what cost 360.00, 20.00 before: 60.00 in reserve. Next: (360 - 60) / 1000 kWh.
    outcome = fixed_outcome(income=eur(40_000), cost=eur(36_000), used_wh=1_000_000, reserve=eur(2_000))
    assert (outcome.surplus, outcome.reserve) == (eur(4_000), eur(6_000))
    assert outcome.proposed_price == Decimal("0.3000")


def test_a_proposed_price_is_rounded_up_never_negative_and_needs_some_use():
    # 100.00 / 333 kWh is 0.30030…; and a reserve larger than the cost asks for nothing.
    assert fixed_outcome(
        income=eur(10_000), cost=eur(10_000), used_wh=333_000, reserve=eur(0)
    ).proposed_price == Decimal("0.3004")
    rich = fixed_outcome(income=eur(0), cost=eur(100), used_wh=1_000, reserve=eur(500))
    assert rich.proposed_price == 0
    assert fixed_outcome(income=eur(0), cost=eur(100), used_wh=0, reserve=eur(0)).proposed_price is None
    # Yen have no decimals: 1000 JPY / 30 kWh is 33.3333….
    yen = fixed_outcome(income=Money(0, "JPY"), cost=Money(500, "JPY"), used_wh=30_000, reserve=Money(0, "JPY"))
    assert yen.proposed_price == Decimal("33.3334")


def test_actual_cost_is_divided_by_kwh_in_each_class():
    # Day: 100.00 for 400 kWh is 0.25; night: 20.00 for 200 kWh is 0.10.
    cost = actual_cost(
        {"day": 10_000, "night": 2_000},
        {"day": {A: 300_000, B: 100_000}, "night": {B: 50_000, C: 150_000}},
        "EUR",
    )
    assert cost.prices == {"day": Decimal("0.2500"), "night": Decimal("0.1000")}
    assert cost.shares_minor == {A: 7_500, B: 2_500 + 500, C: 1_500}
    assert cost.total_minor == 12_000


def test_losses_are_in_the_actual_price():
    # The feeder's 105 kWh cost 31.50; 100 kWh reached cars: 0.315, and A with 40 of them bears 12.60.
    cost = actual_cost({"all": 3_150}, {"all": {A: 40_000, B: 60_000}}, "EUR")
    assert cost.prices == {"all": Decimal("0.3150")}
    assert cost.shares_minor == {A: 1_260, B: 1_890}


def test_a_class_that_cost_something_for_nobody_is_refused_by_name():
    with pytest.raises(NothingToShareBy, match="class 'night': it cost 5 and nobody used it"):
        actual_cost({"day": 10, "night": 5}, {"day": {A: 1}}, "EUR")
    with pytest.raises(ValueError, match=r"used_wh: got the classes \['peak'\], accepted are those with a cost"):
        actual_cost({"day": 10}, {"day": {A: 1}, "peak": {A: 1}}, "EUR")
    assert actual_cost({"day": 10, "night": 0}, {"day": {A: 1}}, "EUR").shares_minor == {A: 10}


def test_a_year_is_settled_by_a_line_per_account():
    # Real 1000.00 by 5:3:2 is 500, 300, 200; charged 480, 330 and 150; C moved out and B pays back.
    year = true_up({A: 48_000, B: 33_000, C: 15_000}, 100_000, {A: 5, B: 3, C: 2})
    assert {line.account_id: line.due_minor for line in year.lines} == {A: 2_000, B: -3_000, C: 5_000}
    assert (year.cost_minor, year.charged_minor) == (100_000, 96_000)


def test_who_was_charged_without_having_a_share_gets_it_all_back():
    year = true_up({A: 5_000, B: 700}, 4_000, {A: 1})
    assert {line.account_id: line.due_minor for line in year.lines} == {A: -1_000, B: -700}
    with pytest.raises(NothingToShareBy, match="weights of the true-up"):
        true_up({A: 5_000}, 4_000, {A: 0})


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(-1000, 10**6)),
    st.integers(0, 10**7),
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 10**6), min_size=1),
)
@settings(max_examples=40)
def test_what_is_due_sums_to_the_real_cost_less_what_was_charged(charged, cost, weights):
    year = true_up(charged, cost, weights)
    assert sum(line.due_minor for line in year.lines) == cost - sum(charged.values())


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.dictionaries(st.sampled_from("abcd"), st.integers(1, 10**6), min_size=1))
    )
)
@settings(max_examples=40)
def test_shares_of_the_actual_cost_sum_to_it(classes):
    cost = actual_cost(
        {str(i): minor for i, (minor, _) in enumerate(classes)},
        {str(i): used for i, (_, used) in enumerate(classes)},
        "EUR",
    )
    assert sum(cost.shares_minor.values()) == cost.total_minor == sum(minor for minor, _ in classes)
    assert sum(cost.residual_n.values()) == 0
