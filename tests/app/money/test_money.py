from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st
import pytest

from evshare_app.money import Money, split_largest_remainder

weights = st.dictionaries(
    st.integers(0, 50), st.integers(0, 10**9) | st.decimals(0, 10**6, places=4), min_size=1, max_size=20
)
totals = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("5.125", "EUR", 513),
        ("5.1249999", "EUR", 512),
        ("0.005", "EUR", 1),
        ("-0.005", "EUR", -1),
        ("1234.5", "JPY", 1235),
        ("1.2345", "BHD", 1235),
    ],
)
def test_a_price_becomes_money_half_up_in_the_currencys_own_minor_unit(amount, currency, minor):
    assert Money.from_decimal(Decimal(amount), currency) == Money(minor, currency)


def test_money_is_written_back_with_all_its_decimals():
    assert str(Money(1230, "EUR").to_decimal()) == "12.30"
    assert str(Money(-5, "EUR").to_decimal()) == "-0.05"
    assert str(Money(1230, "JPY").to_decimal()) == "1230"


def test_two_currencies_are_never_added():
    with pytest.raises(ValueError, match="currency: got CHF, accepted is EUR"):
        Money(1, "EUR") + Money(1, "CHF")


def test_a_cent_that_is_left_over_goes_to_the_largest_fraction():
    # Shares of 100 by 1:1:1 are 33.33; by 50:30:20 of 99 they are 49.5, 29.7, 19.8.
    assert split_largest_remainder(100, {"a": 1, "b": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert split_largest_remainder(99, {"a": 50, "b": 30, "c": 20}) == {"a": 49, "b": 30, "c": 20}


def test_a_tie_goes_to_the_larger_weight_and_then_to_the_earlier():
    # 5 by 3:1:… : fractions of 1.5 (of 3 by 5:5) are equal, the order given decides.
    assert split_largest_remainder(3, {"a": 5, "b": 5}, order=("b", "a")) == {"a": 1, "b": 2}
    # 2 by 3:1 is 1.5 and 0.5.
    assert split_largest_remainder(2, {"small": 1, "large": 3}) == {"small": 0, "large": 2}


@pytest.mark.parametrize("bad", [{"a": 0, "b": 0}, {}, {"a": -1, "b": 2}])
def test_weights_that_divide_nothing_are_refused(bad):
    with pytest.raises(ValueError, match="weights"):
        split_largest_remainder(10, bad)


@given(totals, weights)
def test_the_parts_sum_to_the_total_and_none_is_a_unit_off(total, weights):
    assume(any(weights.values()))
    parts = split_largest_remainder(total, weights)
    whole = sum(Fraction(weight) for weight in weights.values())
    assert sum(parts.values()) == total
    assert parts.keys() == weights.keys()
    for key, part in parts.items():
        assert abs(part - total * Fraction(weights[key]) / whole) < 1
        if weights[key] == 0:
            assert part == 0


@given(totals, weights, st.randoms())
def test_the_order_of_the_weights_does_not_matter_when_the_order_of_ties_is_given(total, weights, random):
    assume(any(weights.values()))
    shuffled = list(weights.items())
    random.shuffle(shuffled)
    order = sorted(weights)
    assert split_largest_remainder(total, weights, order) == split_largest_remainder(total, dict(shuffled), order)


@given(totals, weights)
def test_a_credit_is_split_like_the_debt_it_takes_back(total, weights):
    assume(any(weights.values()))
    taken_back = split_largest_remainder(-total, weights)
    assert taken_back == {key: -part for key, part in split_largest_remainder(total, weights).items()}


@given(totals, weights)
def test_splitting_what_was_split_changes_nothing(total, weights):
    assume(any(weights.values()))
    parts = split_largest_remainder(total, weights)
    assume(total != 0)
    assert split_largest_remainder(total, {key: abs(part) for key, part in parts.items()}) == parts
