"""MENNEKES HCC3: "input registers from 0x0302, little word order; only session energy; limit 0x0400 in 1 A, 0 pauses"
(connector reference 2.5 and table).
"""

from modbus_connection import IllegalDataAddressError
import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, low_first, u32


@pytest.fixture
def box() -> Box:
    box = Box("mennekes_hcc3")
    box.input({770: 5, 776: 3, 779: low_first(u32(1_380_456)), 781: low_first(u32(70_123)), 783: low_first(u32(7_360))})
    box.input({785: [0x4D41, 0x5254, 0x4E4F, 0x5820]})  # the bytes of each register swapped: "AMTRON X"
    box.holding({1024: 16})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 7_360.0)
    assert (reading.register_wh, reading.session_wh, reading.serial) == (None, 70_123, "1380456")


@pytest.mark.parametrize(
    ("state", "pilot"),
    [(1, Pilot.A), (2, Pilot.A), (3, Pilot.B), (4, Pilot.B), (5, Pilot.C), (6, Pilot.C), (0, Pilot.X)],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot) -> None:
    box.input({770: state})
    assert (await box.poll()).pilot is pilot


async def test_one_request_without_a_car_and_one_more_with_one(box: Box) -> None:
    assert await box.asked() == [("input", 770, 15), ("holding", 1024, 1)]
    box.input({770: 1})
    assert await box.asked() == [("input", 770, 15)]


async def test_a_refused_block_is_split(box: Box) -> None:
    box.unit.fail_read(772, IllegalDataAddressError(), register_type="input")
    assert (await box.poll()).power_w == 7_360.0
    assert await box.asked() == [("input", 770, 1), ("input", 779, 6), ("holding", 1024, 1)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    await box.connector.disable()
    assert box.written() == [(FC6, 1024, [value]) for value in (0, 10, 0, 6, 0)]
    assert (await box.poll()).enabled is False
    assert box.connector.heartbeat_s is None


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "holds opens holds"
    await box.connector.prepare()
    assert box.losses == "holds opens holds"
