"""ABB Terra AC (10M1003): "One read of 33 registers at 0x4000 covers everything. State = bits 8-14 of the second word.
0x4100 mA, 0 pauses; 0x4106 timeout. Communication supervision counts any read; when unhealthy it may go to error and
stop. Energy is per session only" (connector reference 2.4).
"""

from modbus_connection import IllegalDataAddressError
import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, u32


@pytest.fixture
def box() -> Box:
    box = Box("abb_terra_ac")
    box.holding(
        {
            0x4000: [0x5441, 0x4357, 0x3131, 0x4334],
            0x4004: [0x0108, 0x0500],
            0x4008: u32(0),
            0x400A: u32(0x0111),
            0x400C: [0x0000, 0x0400],
            0x400E: u32(16_000),
            0x4010: u32(15_900),
            0x4012: u32(15_800),
            0x4014: u32(15_700),
            0x401C: u32(10_902),
            0x401E: u32(4_321),
            0x4020: 60,
        }
    )
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert (reading.register_wh, reading.session_wh, reading.fault) == (None, 4_321, None)
    identity = await box.connector.identify()
    assert (identity.serial, identity.firmware) == ("5441435731314334", "1.8.5")


@pytest.mark.parametrize(
    ("state", "lock", "pilot"),
    [
        # 0: A, 1: B1, 2: B2, 3: C1 without pilot, 4: C2, 5: session stopped; lock >= 0x0101: cable in the car
        (0, 0, Pilot.A),
        (1, 0x0111, Pilot.B),
        (2, 0x0111, Pilot.B),
        (3, 0x0111, Pilot.B),
        (4, 0x0111, Pilot.C),
        (5, 0x0101, Pilot.B),
        (5, 0x0011, Pilot.A),
    ],
)
async def test_what_its_states_mean(box: Box, state: int, lock: int, pilot: Pilot) -> None:
    box.holding({0x400C: [0, 0x8000 | state << 8 | 0x55], 0x400A: u32(lock)})
    assert (await box.poll()).pilot is pilot


async def test_one_read_tells_everything(box: Box) -> None:
    assert await box.asked() == [("holding", 0x4000, 33)]
    assert box.connector.poll_charging_s >= 10
    assert box.connector.poll_idle_s >= 10


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 0x4100, [0, 0])]
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    await box.connector.disable()
    assert box.written() == [
        (FC16, 0x4100, [0, 10_000]),
        (FC16, 0x4100, [0, 0]),
        (FC16, 0x4100, [0, 6_000]),
        (FC16, 0x4100, [0, 0]),
    ]
    assert box.connector.heartbeat_s is None  # every read feeds its watchdog


async def test_the_offered_limit_is_the_gate_read_back(box: Box) -> None:
    box.holding({0x400E: u32(0)})
    locked = await box.poll()
    assert (locked.enabled, locked.gate_read, locked.limit_a) == (False, True, 0.0)


async def test_a_watchdog_that_is_off_is_switched_on_once(box: Box) -> None:
    box.holding({0x4020: 0})
    assert box.losses == "closed opens holds"
    await box.connector.prepare()
    assert box.written() == [(FC16, 0x4106, [60]), (FC16, 0x4100, [0, 0])]
    assert box.losses == "holds opens holds"  # it did not take it
    box.holding({0x4020: 60})
    await box.connector.prepare()
    assert box.written() == [(FC16, 0x4106, [60]), (FC16, 0x4100, [0, 0])]
    assert box.losses == "closed opens holds"
    await box.connector.prepare()
    assert box.written() == [(FC16, 0x4100, [0, 0])]


async def test_a_watchdog_that_cannot_be_set_does_not_keep_it_from_being_locked(box: Box) -> None:
    box.holding({0x4020: 0})
    box.unit.fail_write(0x4106, IllegalDataAddressError())
    await box.connector.prepare()
    assert box.written() == [(FC16, 0x4100, [0, 0])]
    assert box.losses == "holds opens holds"


async def test_an_error_is_shown_with_its_code(box: Box) -> None:
    box.holding({0x4008: u32(0x40)})
    assert (await box.poll()).fault == "error 64"
