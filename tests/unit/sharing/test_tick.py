"""The whole tick: sun, turns and amps together, and what is said to those who get less."""

from hypothesis import given
from hypothesis import strategies as st

from custom_components.evshare.model import ChargeMode, LimitReason, StallId
from custom_components.evshare.sharing import Demand, Sharing, share
from tests.unit.sharing.plans import demand, some_demands

SUN = ChargeMode.SOLAR_ONLY
A, B, C = StallId("a"), StallId("b"), StallId("c")


def test_fast_and_sunny_sessions_share_the_fuse_and_only_the_sunny_need_sun() -> None:
    sharing, demands = Sharing(), [demand("a"), demand("b", mode=SUN)]
    sharing, allocation = share(sharing, demands, (32, 32, 32), 6000.0, 0.0)
    assert allocation.amps == {A: 16, B: 0}
    assert allocation.reasons == {A: LimitReason.NONE, B: LimitReason.SOLAR}
    sharing, allocation = share(sharing, demands, (32, 32, 32), 6000.0, 60.0)
    assert allocation.amps == {A: 16, B: 8}


def test_who_waits_for_a_turn_waits_for_the_circuit() -> None:
    _, allocation = share(Sharing(), [demand("a"), demand("b", since_s=1.0)], (10, 10, 10), None, 0.0)
    assert allocation.amps == {A: 10, B: 0}
    assert allocation.reasons == {A: LimitReason.CIRCUIT, B: LimitReason.CIRCUIT}


def test_a_stale_meter_raises_nobody_and_says_so() -> None:
    sharing, _ = share(Sharing(), [demand("a"), demand("b")], (20, 20, 20), None, 0.0)
    demands = [demand("a"), demand("b"), demand("c")]
    _, allocation = share(sharing, demands, (60, 60, 60), None, 10.0, held={A: 10, B: 10})
    assert allocation.amps == {A: 10, B: 10, C: 0}
    assert set(allocation.reasons.values()) == {LimitReason.FAILSAFE}


def test_a_stale_meter_still_lowers() -> None:
    sharing, _ = share(Sharing(), [demand("a"), demand("b")], (32, 32, 32), None, 0.0)
    _, allocation = share(sharing, [demand("a"), demand("b")], (20, 20, 20), None, 10.0, held={A: 16, B: 16})
    assert allocation.amps == {A: 10, B: 10}
    assert set(allocation.reasons.values()) == {LimitReason.CIRCUIT}


def test_nobody_there_is_no_allocation() -> None:
    assert share(Sharing(), [], (32, 32, 32), 5000.0, 0.0)[1].amps == {}


@given(some_demands(most=6), st.tuples(*[st.integers(0, 60)] * 3), st.data())
def test_while_the_meter_is_stale_no_offer_ever_rises(
    demands: list[Demand], amps: tuple[int, int, int], data: st.DataObject
) -> None:
    """I14."""
    sharing, allocation = share(Sharing(), demands, amps, 9000.0, 0.0)
    held = dict(allocation.amps)
    for tick in range(1, 20):
        budget = data.draw(st.tuples(*[st.integers(0, 60)] * 3))
        sharing, allocation = share(sharing, demands, budget, None, tick * 150.0, held=held)
        for stall_id, given_a in allocation.amps.items():
            assert given_a <= held[stall_id]
        held = dict(allocation.amps)


@given(some_demands(most=6), st.tuples(*[st.integers(0, 60)] * 3), st.integers(0, 15_000))
def test_constant_conditions_give_a_constant_answer_within_the_slot(
    demands: list[Demand], amps: tuple[int, int, int], sun_w: int
) -> None:
    """I12, I13: once the sun's delay and the settling of waiting room are over."""
    sharing = Sharing()
    answers = []
    for tick in range(60):
        sharing, allocation = share(sharing, demands, amps, float(sun_w), tick * 10.0)
        answers.append(allocation)
    assert all(answer == answers[-1] for answer in answers[35:])
