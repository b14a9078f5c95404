"""MENNEKES Compact 2.0s: "RTU 57600 8N2, id 50; heartbeat 0x55AA to 0x0D00 every 5 s; limit 0x0302 and release 0x0D05
are heartbeat-supervised, so silence ends charging; after a fault (state 6) write limit 0 and release 1 to leave the
fault loop" (connector reference 2.5).
"""

from modbus_connection import IllegalDataAddressError, ModbusSerialParams
import pytest

from custom_components.evshare.connectors.factory import load_profile, modbus_params
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Pilot

from .modbus_box import FC6, FC16, Box, f32, text


@pytest.fixture
def box() -> Box:
    box = Box("mennekes_compact")
    box.holding({0x0001: text("1.0.5", 8), 0x0013: text("1384202.00123", 8), 0x030E: 1})
    box.holding({0x0100: 1, 0x0101: 0, 0x0108: 10, 0x0D05: 0})
    return box


def charging(box: Box) -> None:
    box.holding({0x0100: 5, 0x0D05: 1, 0x0500: f32(15.5), 0x0502: f32(15.25), 0x0504: f32(15.0)})
    # "0x1000 total energy, float32 kWh": 16 234.5 kWh
    box.holding({0x0512: f32(10_522.5), 0x0B02: f32(7.25), 0x1000: f32(16_234.5)})


async def test_it_charges(box: Box) -> None:
    charging(box)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.power_w) == (Pilot.C, True, 10_522.5)
    assert reading.currents_a == (15.5, 15.25, 15.0)
    assert (reading.register_wh, reading.session_wh) == (16_234_500, 7_250)
    identity = await box.connector.identify()
    assert (identity.serial, identity.firmware) == ("1384202.00123", "1.0.5")


async def test_its_kilowatt_hours_are_cut_to_whole_watt_hours(box: Box) -> None:
    charging(box)
    box.holding({0x1000: [0x4996, 0xB43F]})  # 1 234 567.875 kWh as a float
    assert (await box.poll()).register_wh == 1_234_567_875


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [
        (1, Pilot.A, None),
        (2, Pilot.B, None),
        (3, Pilot.B, None),
        (4, Pilot.B, None),
        (5, Pilot.C, None),
        (6, Pilot.E, "error"),
        (0, Pilot.X, None),
    ],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot, fault: str | None) -> None:
    box.holding({0x0100: state})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


async def test_one_request_without_a_car_three_with_one_and_five_every_ten_seconds(box: Box) -> None:
    assert await box.asked() == [("holding", 0x0100, 1)]
    charging(box)
    await box.poll()  # at once, since the state changed
    asked = []
    for _ in range(2):
        box.unit.read_events.clear()
        await box.poll()  # every 5 s
        asked.append([(read.address, read.count) for read in box.unit.read_events])
    assert asked[0] == [(0x0100, 1), (0x0500, 20), (0x0D05, 1)]
    assert asked[1] == [(0x0100, 1), (0x0500, 20), (0x0B02, 2), (0x0D05, 1), (0x1000, 2)]


async def test_undefined_registers_in_a_block_are_left_out(box: Box) -> None:
    """Block reads across undefined registers failed for a user: probe."""
    charging(box)
    box.unit.fail_read(0x050C, IllegalDataAddressError())
    reading = await box.poll()
    assert (reading.power_w, reading.currents_a) == (10_522.5, (15.5, 15.25, 15.0))
    assert (await box.asked())[1:3] == [("holding", 0x0500, 6), ("holding", 0x0512, 2)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC6, 0x0D05, [0])]
    await box.connector.enable(10)
    assert box.written() == [(FC16, 0x0302, [0x4120, 0]), (FC6, 0x0D05, [1])]
    await box.connector.set_limit(0)  # 0 A in 0x0302 would be no limit at all
    await box.connector.set_limit(6)
    assert box.written() == [(FC6, 0x0D05, [0]), (FC16, 0x0302, [0x40C0, 0]), (FC6, 0x0D05, [1])]
    await box.connector.disable()
    assert box.written() == [(FC6, 0x0D05, [0])]


async def test_its_heartbeat_goes_on_while_it_is_locked(box: Box) -> None:
    await box.connector.disable()
    box.written()
    assert box.connector.heartbeat_s == 5
    await box.connector.heartbeat()
    assert box.written() == [(FC6, 0x0D00, [0x55AA])]


async def test_it_is_led_out_of_its_fault_loop_and_locked_again_while_nobody_charges(box: Box) -> None:
    await box.connector.disable()
    box.written()
    box.holding({0x0100: 6})
    await box.poll()
    assert box.written() == [(FC16, 0x0302, [0, 0]), (FC6, 0x0D05, [1]), (FC6, 0x0D05, [0])]
    await box.poll()
    assert box.written() == []  # it is given a minute


async def test_a_fault_in_a_session_is_left_to_the_stall(box: Box) -> None:
    await box.connector.enable(10)
    box.written()
    box.holding({0x0100: 6})
    await box.poll()
    assert box.written() == []


@pytest.mark.parametrize(("fallback", "losses"), [(1, "closed closed holds"), (16, "opens closed holds")])
async def test_its_fallback_current_decides_what_silence_does(box: Box, fallback: int, losses: str) -> None:
    assert box.losses == "closed closed holds"
    box.holding({0x030E: fallback})
    await box.connector.prepare()
    assert box.losses == losses
    assert box.written() == ([(FC6, 0x073A, [1])] if fallback == 16 else []) + [(FC6, 0x0D05, [0])]


async def test_older_firmware_without_fallback_registers_is_locked_all_the_same(box: Box) -> None:
    box.unit.fail_read(0x030E, IllegalDataAddressError())
    box.unit.fail_write(0x073A, IllegalDataAddressError())
    await box.connector.prepare()
    assert box.written() == [(FC6, 0x0D05, [0])]
    assert box.losses == "closed closed holds"


def test_its_serial_line() -> None:
    line = modbus_params(load_profile("mennekes_compact"), ConnectorSettings(serial_port="/dev/ttyRS485"))
    assert isinstance(line, ModbusSerialParams)
    assert (line.baudrate, line.bytesize, line.parity, line.stopbits) == (57600, 8, "N", 2)
