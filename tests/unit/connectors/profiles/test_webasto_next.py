"""Webasto NEXT: "write 6000=1; the box clears it; timeout 2002 (6-120 s), failsafe current 2000 (6-32 A => cannot be
0): fail-open; 5004 write only; 1600 user id of the running session" (connector reference 2.8 and table).
"""

from modbus_connection import IllegalDataAddressError, IllegalDataValueError
import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32


@pytest.fixture
def box() -> Box:
    box = Box("webasto_next")
    box.holding({1000: 3, 1001: 1, 1004: 3, 1006: 0, 1008: 15_900, 1010: 15_800, 1012: 15_700, 1020: u32(10_902)})
    box.holding({1036: u32(1_234_567), 1502: 4_321, 1600: text("04A2B3C4D5E680", 10), 2000: 6, 2002: 120})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.power_w, reading.limit_a) == (Pilot.C, 10_902.0, None)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert (reading.register_wh, reading.session_wh, reading.card_uid) == (1_234_567, 4_321, "04A2B3C4D5E680")


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [
        (0, Pilot.A, None),
        (1, Pilot.B, None),
        (3, Pilot.C, None),
        (4, Pilot.B, None),
        (7, Pilot.E, "error"),
        (5, Pilot.X, None),
    ],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot, fault: str | None) -> None:
    box.holding({1000: state})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


async def test_two_requests_with_and_without_a_car(box: Box) -> None:
    await box.poll()  # its counts are read at once, and then every ten seconds
    box.unit.read_events.clear()
    await box.poll()
    assert [(read.address, read.count) for read in box.unit.read_events] == [(1000, 22), (1600, 10)]
    box.holding({1000: 0})
    assert await box.asked() == [("holding", 1000, 1), ("holding", 1600, 10)]


async def test_a_refused_block_is_split(box: Box) -> None:
    box.unit.fail_read(1030, IllegalDataAddressError())
    assert (await box.poll()).register_wh == 1_234_567
    box.clock.mono_s += 30
    box.unit.read_events.clear()
    await box.poll()
    asked = [(read.address, read.count) for read in box.unit.read_events]
    assert asked[asked.index((1000, 22)) :][:2] == [(1000, 22), (1036, 2)]


async def test_its_setpoint_cannot_be_read_back(box: Box) -> None:
    await box.connector.disable()
    locked = await box.poll()
    assert (locked.enabled, locked.gate_read) == (False, False)


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 5004, [0])]
    box.connector.set_failsafe_share(10)
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    await box.connector.disable()
    assert box.written() == [(FC16, 5004, [10]), (FC16, 5004, [0]), (FC16, 5004, [6]), (FC16, 5004, [0])]


async def test_it_is_fed_with_its_life_bit_well_within_its_time(box: Box) -> None:
    assert box.connector.heartbeat_s == 5
    box.holding({2002: 6})
    await box.connector.identify()
    assert box.connector.heartbeat_s == 2
    await box.connector.heartbeat()
    assert box.written() == [(FC16, 6000, [1])]


async def test_its_safe_current_is_set_as_low_and_late_as_it_goes_and_still_opens(box: Box) -> None:
    assert box.losses == "opens opens holds"
    box.holding({2000: 16, 2002: 60})
    await box.connector.prepare()
    assert box.written() == [(FC16, 2000, [6]), (FC16, 2002, [120]), (FC16, 5004, [0])]
    assert box.losses == "opens opens holds"
    assert box.connector.failsafe is not None
    assert (box.connector.failsafe.current_a, box.connector.failsafe.timeout_s) == (6.0, 120.0)


async def test_a_refused_safe_current_does_not_keep_it_from_being_locked(box: Box) -> None:
    box.holding({2000: 16})
    box.unit.fail_write(2000, IllegalDataValueError())
    await box.connector.prepare()
    assert box.written() == [(FC16, 5004, [0])]
