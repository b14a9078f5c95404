"""Peblar: "input 30000.. and 30092..; limit 40000 u32 mA; state 30110 (char); total energy 30000 i64 Wh" (connector
reference 2.10 and table)."""

from modbus_connection import IllegalDataAddressError
import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32, u64


@pytest.fixture
def box() -> Box:
    box = Box("peblar_modbus")
    box.input({30000: u64(5_000_000_123), 30014: u32(10_902), 30022: u32(15_900), 30024: u32(15_800)})
    box.input({30026: u32(15_700), 30050: text("24-26-T3R-XYZ", 12), 30074: text("1.6.1+1+WL-1", 12)})
    box.input({30092: 3, 30093: 1, 30110: ord("C"), 30112: 1, 30113: 16_000})
    box.holding({40000: u32(16_000)})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert reading.currents_a == (15.9, 15.8, 15.7)
    assert reading.register_wh == 5_000_000_123
    identity = await box.connector.identify()
    assert (identity.serial, identity.firmware) == ("24-26-T3R-XYZ", "1.6.1+1+WL-1")


@pytest.mark.parametrize(
    ("letter", "pilot", "fault"),
    [
        ("A", Pilot.A, None),
        ("B", Pilot.B, None),
        ("C", Pilot.C, None),
        ("D", Pilot.C, None),
        ("E", Pilot.E, "error"),
        ("F", Pilot.F, "error"),
    ],
)
async def test_what_its_states_mean(box: Box, letter: str, pilot: Pilot, fault: str | None) -> None:
    box.input({30110: ord(letter)})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


@pytest.mark.parametrize(("actual", "enabled"), [(0, False), (6, True), (6_000, True), (16_000, True)])
async def test_its_active_limit_tells_whether_it_is_open(box: Box, actual: int, enabled: bool) -> None:
    box.input({30113: actual})
    assert (await box.poll()).enabled is enabled


async def test_one_request_without_a_car_and_two_with_one(box: Box) -> None:
    assert await box.asked() == [("input", 30000, 28), ("input", 30110, 4)]
    box.input({30110: ord("A")})
    assert await box.asked() == [("input", 30110, 4)]


async def test_a_refused_block_is_split(box: Box) -> None:
    box.unit.fail_read(30006, IllegalDataAddressError(), register_type="input")
    assert (await box.poll()).register_wh == 5_000_000_123
    assert (await box.asked())[:2] == [("input", 30000, 4), ("input", 30014, 14)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    await box.connector.disable()
    amperes = [[0, 0], [0, 10_000], [0, 0], [0, 6_000], [0, 0]]
    assert box.written() == [(FC16, 40000, words) for words in amperes]
    assert box.connector.heartbeat_s is None


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "holds opens holds"
    await box.connector.prepare()
    assert box.losses == "holds opens holds"
