"""Victron EVCS: "5016 1 A, 5010=0, state 5015; mode Manual (register 5009 = 0); session energy 5021 in 10 Wh"
(connector reference table).
"""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box


@pytest.fixture
def box() -> Box:
    box = Box("victron_evcs", max_current_a=16)
    box.holding({5009: 0, 5010: 1, 5014: 10_902, 5015: 2, 5016: 16, 5021: 432})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert (reading.register_wh, reading.session_wh) == (None, 4_320)
    assert await box.asked() == [("holding", 5009, 13)]


@pytest.mark.parametrize(
    ("states", "pilot", "fault"),
    [
        ((0,), Pilot.A, None),
        ((1, 3, 5, 6, 21), Pilot.B, None),
        ((2,), Pilot.C, None),
        ((7, 8, 11), Pilot.E, "error"),
    ],
)
async def test_what_its_states_mean(box: Box, states: tuple[int, ...], pilot: Pilot, fault: str | None) -> None:
    for state in states:
        box.holding({5015: state})
        reading = await box.poll()
        assert (reading.pilot, reading.fault) == (pilot, fault)


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC6, 5010, [0])]
    assert (await box.poll()).enabled is False
    await box.connector.enable(10)
    assert box.written() == [(FC6, 5016, [10]), (FC6, 5010, [1])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC6, 5010, [0]), (FC6, 5016, [6]), (FC6, 5010, [1])]
    await box.connector.disable()
    assert box.written() == [(FC6, 5010, [0])]
    assert box.losses == "holds opens holds"


async def test_a_mode_in_which_it_starts_by_itself_is_open_and_left(box: Box) -> None:
    box.holding({5009: 1, 5010: 0})
    assert (await box.poll()).enabled is True
    await box.connector.disable()
    assert box.written() == [(FC6, 5009, [0]), (FC6, 5010, [0])]
    assert (await box.poll()).enabled is False
