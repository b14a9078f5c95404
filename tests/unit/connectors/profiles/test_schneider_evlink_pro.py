"""Schneider EVlink Pro AC: "life bit every 2 s, LSW-first floats; 4004 1 A; total 3203 u64 LSW Wh; 3059 power in kW;
4000: 2 = monitoring off" (connector reference 2.11 and table)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, f32, low_first, u64


@pytest.fixture
def box() -> Box:
    box = Box("schneider_evlink_pro", max_current_a=16)
    box.holding({1: 8, 2999: low_first(f32(15.5)), 3001: low_first(f32(15.25)), 3003: low_first(f32(15.0))})
    box.holding({3059: low_first(f32(10.5)), 3203: low_first(u64(5_000_000_123)), 4000: 1, 4004: 16})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_500.0)
    assert (reading.currents_a, reading.register_wh) == ((15.5, 15.25, 15.0), 5_000_000_123)


async def test_one_request_without_a_car_and_four_with_one(box: Box) -> None:
    assert await box.asked() == [
        ("holding", 1, 1),
        ("holding", 2999, 62),
        ("holding", 3203, 4),
        ("holding", 4004, 1),
    ]
    box.holding({1: 1})
    assert await box.asked() == [("holding", 1, 1)]


@pytest.mark.parametrize(("states", "pilot"), [((0, 1, 2, 6), Pilot.A), ((3, 4, 5, 7), Pilot.B), ((8, 9), Pilot.C)])
async def test_what_its_states_mean(box: Box, states: tuple[int, ...], pilot: Pilot) -> None:
    for state in states:
        box.holding({1: state})
        assert (await box.poll()).pilot is pilot


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC6, 4004, [0]), (FC6, 4004, [10]), (FC6, 4004, [0]), (FC6, 4004, [0])]
    assert (await box.poll()).enabled is False
    assert box.connector.heartbeat_s == 2
    await box.connector.heartbeat()
    assert box.written() == [(FC6, 4000, [1])]


@pytest.mark.parametrize(("life_bit", "losses"), [(2, "holds opens holds"), (1, "opens opens holds")])
async def test_what_it_does_alone_is_not_known_unless_nobody_watches(box: Box, life_bit: int, losses: str) -> None:
    assert box.losses == "opens opens holds"
    box.holding({4000: life_bit})
    await box.connector.prepare()
    assert box.losses == losses
