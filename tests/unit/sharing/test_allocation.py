"""Amps are shared max-min fair, in whole amperes, within every limit (charging-control.md 2.9)."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st
import pytest

from custom_components.evshare.model import ChargeMode, LimitReason, StallId
from custom_components.evshare.sharing import Allocation, Budget, Demand, allocate, feasible
from tests.unit.sharing.plans import demand, fairest, fits, some_budgets, some_demands

SUN = ChargeMode.SOLAR_ONLY


def amps_of(allocation: Allocation) -> dict[str, int]:
    return {str(stall_id): given for stall_id, given in allocation.amps.items()}


def served(allocation: Allocation, demands: list[Demand]) -> list[Demand]:
    return [each for each in demands if allocation.amps[each.stall_id]]


def test_one_car_alone_gets_all_it_can_take() -> None:
    allocation = allocate([demand("a")], Budget(amps=(25, 25, 25)))
    assert amps_of(allocation) == {"a": 16}
    assert allocation.reasons == {StallId("a"): LimitReason.NONE}


def test_two_equal_cars_get_equal_amps() -> None:
    allocation = allocate([demand("a"), demand("b")], Budget(amps=(24, 24, 24)))
    assert amps_of(allocation) == {"a": 12, "b": 12}
    assert set(allocation.reasons.values()) == {LimitReason.CIRCUIT}


def test_the_odd_ampere_goes_to_whom_the_queue_names_first() -> None:
    budget = Budget(amps=(25, 25, 25))
    assert amps_of(allocate([demand("a"), demand("b")], budget)) == {"a": 13, "b": 12}
    assert amps_of(allocate([demand("b"), demand("a")], budget)) == {"a": 12, "b": 13}


def test_what_a_small_car_leaves_goes_to_the_large_one() -> None:
    allocation = allocate([demand("a", max_a=32), demand("b", max_a=8)], Budget(amps=(32, 32, 32)))
    assert amps_of(allocation) == {"a": 24, "b": 8}


def test_single_phase_cars_on_different_phases_do_not_share() -> None:
    demands = [demand("a", (1,)), demand("b", (2,)), demand("c", (3,))]
    assert amps_of(allocate(demands, Budget(amps=(16, 16, 16)))) == {"a": 16, "b": 16, "c": 16}


def test_rotated_wiring_is_counted_where_it_is_wired() -> None:
    allocation = allocate([demand("a", (2,)), demand("b", (2, 3, 1))], Budget(amps=(20, 20, 20)))
    assert amps_of(allocation) == {"a": 10, "b": 10}
    allocation = allocate([demand("a", (1, 2)), demand("b", (3,))], Budget(amps=(10, 10, 16)))
    assert amps_of(allocation) == {"a": 10, "b": 16}


def test_an_ampere_that_helps_nobody_else_is_not_given_to_the_car_on_all_phases() -> None:
    """With 7 A for the first, the others end at 6 and 7; with 6 A for it, at 7 and 8."""
    demands = [demand("a", (1, 2, 3)), demand("b", (1,)), demand("c", (2,))]
    assert amps_of(allocate(demands, Budget(amps=(13, 14, 17)))) == {"a": 6, "b": 7, "c": 8}


def test_who_does_not_fit_with_six_amps_gets_none_and_a_smaller_car_behind_does() -> None:
    demands = [demand("a"), demand("b"), demand("c", (3,))]
    allocation = allocate(demands, Budget(amps=(10, 10, 20)))
    assert amps_of(allocation) == {"a": 10, "b": 0, "c": 10}
    assert allocation.reasons[StallId("b")] is LimitReason.CIRCUIT


def test_sun_is_one_number_over_all_phases_and_limits_only_those_who_want_sun() -> None:
    demands = [demand("a", (1,), mode=SUN), demand("b", (1, 2, 3))]
    allocation = allocate(demands, Budget(amps=(32, 32, 32), solar_w=8 * 230.0))
    assert amps_of(allocation) == {"a": 8, "b": 16}
    assert allocation.reasons[StallId("a")] is LimitReason.SOLAR


def test_without_enough_sun_for_six_amps_there_are_none() -> None:
    allocation = allocate([demand("a", mode=SUN)], Budget(amps=(32, 32, 32), solar_w=4139.0))
    assert amps_of(allocation) == {"a": 0}
    assert allocation.reasons == {StallId("a"): LimitReason.SOLAR}


def test_a_phase_over_its_limit_gives_nothing() -> None:
    assert amps_of(allocate([demand("a")], Budget(amps=(-3, 30, 30)))) == {"a": 0}


def test_no_demands_are_no_amps() -> None:
    assert allocate([], Budget(amps=(25, 25, 25))) == Allocation(amps={}, reasons={})


@pytest.mark.parametrize(("min_a", "max_a"), [(5, 16), (8, 7), (0, 0)])
def test_a_range_no_connector_has_is_refused(min_a: int, max_a: int) -> None:
    with pytest.raises(ValueError, match=rf"min_a, max_a: {min_a}, {max_a} came"):
        demand("a", min_a=min_a, max_a=max_a)


@pytest.mark.parametrize("phases", [(), (0,), (1, 4), (1, 1)])
def test_a_phase_no_supply_has_is_refused(phases: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="phases:"):
        demand("a", phases)


@given(some_demands(most=12), some_budgets)
def test_what_is_given_fits_and_is_zero_or_in_range(demands: list[Demand], budget: Budget) -> None:
    allocation = allocate(demands, budget)
    assert fits(allocation.amps, demands, budget)
    assert feasible(allocation.amps, demands, budget)
    for each in demands:
        given_a = allocation.amps[each.stall_id]
        assert given_a == 0 or each.min_a <= given_a <= each.max_a


@settings(max_examples=300, deadline=None)
@given(some_demands(), some_budgets)
def test_no_other_way_to_share_among_the_served_is_fairer(demands: list[Demand], budget: Budget) -> None:
    allocation = allocate(demands, budget)
    group = served(allocation, demands)
    assert sorted(allocation.amps[each.stall_id] for each in group) == fairest(group, budget)


@given(some_demands(most=12), some_budgets)
def test_nothing_is_left_that_anyone_could_use(demands: list[Demand], budget: Budget) -> None:
    allocation = allocate(demands, budget)
    for each in demands:
        given_a = allocation.amps[each.stall_id]
        if given_a < each.max_a:
            more = {**allocation.amps, each.stall_id: given_a + 1 if given_a else each.min_a}
            assert not fits(more, demands, budget)


@given(some_demands(), some_budgets, st.randoms(use_true_random=False))
def test_names_and_order_do_not_change_the_shares(demands: list[Demand], budget: Budget, rng: object) -> None:
    group = served(allocate(demands, budget), demands)
    shuffled = list(group)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    renamed = [replace(each, stall_id=StallId(f"x{number}")) for number, each in enumerate(shuffled)]
    assert sorted(allocate(group, budget).amps.values()) == sorted(allocate(renamed, budget).amps.values())


@given(some_demands(), some_budgets, st.integers(0, 2), st.integers(1, 10))
def test_a_larger_fuse_makes_no_share_worse(demands: list[Demand], budget: Budget, phase: int, more_a: int) -> None:
    group = served(allocate(demands, budget), demands)
    larger = list(budget.amps)
    larger[phase] += more_a
    before = sorted(allocate(group, budget).amps.values())
    after = sorted(allocate(group, replace(budget, amps=(larger[0], larger[1], larger[2]))).amps.values())
    assert after >= before


@given(some_demands(), some_budgets)
def test_a_car_that_leaves_lowers_nobodys_least_share(demands: list[Demand], budget: Budget) -> None:
    allocation = allocate(demands, budget)
    group = served(allocation, demands)
    assume(len(group) > 1)
    least = min(allocation.amps[each.stall_id] for each in group[1:])
    assert min(allocate(group[1:], budget).amps.values()) >= least


@given(st.lists(st.integers(6, 32), min_size=1, max_size=12), st.integers(0, 120))
def test_nobody_gets_less_than_the_whole_amperes_of_the_continuous_share(most: list[int], fuse_a: int) -> None:
    demands = [demand(f"s{number}", max_a=max_a) for number, max_a in enumerate(most)]
    budget = Budget(amps=(fuse_a, fuse_a, fuse_a))
    allocation = allocate(demands, budget)
    group = served(allocation, demands)
    left, waiting = Fraction(fuse_a), sorted(group, key=lambda each: each.max_a)
    while waiting:
        share = min(Fraction(waiting[0].max_a), left / len(waiting))
        assert allocation.amps[waiting[0].stall_id] >= int(share)
        left, waiting = left - share, waiting[1:]


@given(some_demands(most=12), some_budgets)
def test_the_same_question_has_the_same_answer(demands: list[Demand], budget: Budget) -> None:
    assert allocate(demands, budget) == allocate(list(demands), budget)
