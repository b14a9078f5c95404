"""The laws of a split, and of its memory. A residual is in billionths of a unit."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.money import split_largest_remainder
from evshare_app.split.remainder import BILLION, NothingToShareBy, settle, share

NAMES = ["a", "b", "c", "d", "e", "f"]
weights = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1000), min_size=1).filter(
    lambda one: any(one.values())
)
totals = st.integers(-(10**6), 10**6)
months = st.lists(st.tuples(totals, weights), min_size=1, max_size=6)


def test_the_odd_cent_goes_round():
    # 100 by three is 33.33 each; after three months each has had 100 and is owed nothing.
    first = share(100, {"a": 1, "b": 1, "c": 1})
    assert first.given == {"a": 34, "b": 33, "c": 33}
    assert first.residual_n == {"a": -666_666_666, "b": 333_333_333, "c": 333_333_333}
    second = share(100, {"a": 1, "b": 1, "c": 1}, first.residual_n)
    third = share(100, {"a": 1, "b": 1, "c": 1}, second.residual_n)
    assert {one: first.given[one] + second.given[one] + third.given[one] for one in "abc"} == dict.fromkeys("abc", 100)


def test_who_is_owed_most_gets_the_odd_unit_even_with_the_smaller_fraction():
    # 10 by 3:1 is 7.5 and 2.5; b is owed 0.6 from before: 6.9 and 3.1.
    settled = share(10, {"a": 3, "b": 1}, {"a": -600_000_000, "b": 600_000_000})
    assert settled.given == {"a": 7, "b": 3}
    assert settled.residual_n == {"a": -100_000_000, "b": 100_000_000}


def test_who_has_no_weight_this_month_gets_nothing_and_is_still_owed():
    carried = {"a": -500_000_000, "b": 500_000_000}
    settled = share(7, {"a": 1, "b": 0}, carried)
    assert settled.given == {"a": 7, "b": 0}
    assert settled.residual_n == carried


def test_a_charge_never_turns_into_a_credit_however_much_someone_had_before():
    # One unit by two is 0.5 each; a had 1.9 too much: -1.4 and 2.4. The nearest would be -1 and 2.
    settled = share(1, {"a": 1, "b": 1}, {"a": -1_900_000_000, "b": 1_900_000_000})
    assert settled.given == {"a": 0, "b": 1}
    assert settled.residual_n == {"a": -1_400_000_000, "b": 1_400_000_000}


def test_nobody_gets_more_than_it_may():
    # 2.5 each; a may have 2.
    settled = settle({"a": Fraction(5, 2), "b": Fraction(5, 2)}, most={"a": 2, "b": 9})
    assert settled.given == {"a": 2, "b": 3}
    with pytest.raises(ValueError, match="most: got"):
        settle({"a": Fraction(5, 2), "b": Fraction(5, 2)}, most={"a": 2, "b": 2})


def test_what_cannot_be_divided_is_refused_by_name():
    with pytest.raises(NothingToShareBy, match="losses by kwh: all weights are zero, accepted is at least one"):
        share(5, {"a": 0, "b": 0}, what="losses by kwh")
    with pytest.raises(ValueError, match="losses by kwh: got -1 for b, accepted are numbers >= 0"):
        share(5, {"a": 2, "b": -1}, what="losses by kwh")
    assert share(0, {"a": 0}).given == {"a": 0}


def test_amounts_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="exact: got shares that sum to 1/2"):
        settle({"a": Fraction(1, 2)})
    with pytest.raises(ValueError, match="carried_n: got residuals that sum to 1, accepted is 0"):
        share(1, {"a": 1}, {"a": 1})


@given(totals, weights)
def test_without_a_memory_it_is_the_largest_remainder(total, weights):
    assert share(total, weights).given == split_largest_remainder(total, weights, order=sorted(weights))


@given(months)
@settings(max_examples=60)
def test_parts_sum_to_the_total_residuals_to_zero_and_nobody_is_a_unit_off(months):
    carried: dict[str, int] = {}
    for total, by in months:
        settled = share(total, by, carried)
        assert sum(settled.given.values()) == total
        assert sum(settled.residual_n.values()) == 0
        for name, part in settled.given.items():
            exact = Fraction(total * by[name], sum(by.values()))
            assert abs(part - exact) < 1 + Fraction(max(map(abs, carried.values()), default=0), BILLION)
            assert part * exact >= 0
            assert by[name] or not part
        carried = dict(settled.residual_n)


@given(months, st.randoms())
@settings(max_examples=40)
def test_the_order_of_the_parties_does_not_matter(months, random):
    carried: dict[str, int] = {}
    for total, by in months:
        shuffled = list(by.items())
        random.shuffle(shuffled)
        settled = share(total, by, carried)
        assert share(total, dict(shuffled), dict(reversed(carried.items()))) == settled
        carried = dict(settled.residual_n)


@given(months)
@settings(max_examples=40)
def test_credits_are_split_like_the_debts_they_take_back(months):
    carried: dict[str, int] = {}
    for total, by in months:
        settled = share(total, by, carried)
        back = share(-total, by, {name: -owed for name, owed in carried.items()})
        assert back.given == {name: -part for name, part in settled.given.items()}
        carried = dict(settled.residual_n)


@given(
    st.lists(
        st.tuples(st.integers(6000, 10**6), st.lists(st.integers(1, 1000), min_size=6, max_size=6)),
        min_size=24,
        max_size=24,
    )
)
@settings(max_examples=25)
def test_over_two_years_nobody_is_a_unit_off_in_all(two_years):
    # With weights of 1 to 1000 and 6000 units or more, each of the six has a share of a unit or more.
    carried: dict[str, int] = {}
    had = dict.fromkeys(NAMES, 0)
    exact = dict.fromkeys(NAMES, Fraction(0))
    for total, by in two_years:
        settled = share(total, dict(zip(NAMES, by, strict=True)), carried)
        carried = dict(settled.residual_n)
        for name, weight in zip(NAMES, by, strict=True):
            had[name] += settled.given[name]
            exact[name] += Fraction(total * weight, sum(by))
    for name in NAMES:
        assert abs(had[name] - exact[name]) < 1 + Fraction(24, BILLION)
