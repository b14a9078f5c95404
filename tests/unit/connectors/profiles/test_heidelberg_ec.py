"""Heidelberg Energy Control: "RTU 19200 8E1; input 4-18 in one request; gap 100 ms. 257 watchdog (ms, default 15000,
0 off), any request feeds it; 262 failsafe (0.1 A; 0 = stop); 258 = 4 disables standby, in standby no answers; 261: 0 or
60-160. Energies are VA/VAh" (connector reference 2.9).
"""

from modbus_connection import ModbusSerialParams
import pytest

from custom_components.evshare.connectors.factory import load_profile, modbus_params
from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box


@pytest.fixture
def box() -> Box:
    box = Box("heidelberg_ec", max_current_a=16)
    # 4 layout, 5 state, 6-8 currents in 0.1 A, 9 temperature, 10-12 volts, 13 lock, 14 VA, 15 and 17 energies in VAh
    box.input({4: [0x0108, 2, 0, 0, 0, 215, 231, 230, 229, 1, 0, 0, 900, 18, 54_919]})
    box.holding({257: 15_000, 258: 4, 259: 1, 261: 0, 262: 0})
    return box


async def test_it_charges(box: Box) -> None:
    box.input({5: 7, 6: 160, 7: 159, 8: 158, 14: 11_000})
    box.holding({261: 160})
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 11_000.0)
    assert reading.currents_a == (16.0, 15.9, 15.8)
    assert reading.register_wh is None  # VAh are no Wh


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [
        (2, Pilot.A, None),
        (3, Pilot.A, None),
        (4, Pilot.B, None),
        (5, Pilot.B, None),
        (6, Pilot.B, None),  # C1: it asks, but is offered nothing
        (7, Pilot.C, None),
        (8, Pilot.C, "derating"),
        (9, Pilot.E, "error"),
        (10, Pilot.F, None),
        (11, Pilot.E, "error"),
    ],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot, fault: str | None) -> None:
    box.input({5: state})
    reading = await box.poll()
    assert (reading.pilot, reading.fault) == (pilot, fault)


async def test_one_request_without_a_car_and_one_more_with_one(box: Box) -> None:
    # Reference: "input 4-18 in one request"; the energies at its end are not used.
    assert await box.asked() == [("input", 4, 11)]
    box.input({5: 4})
    assert await box.asked() == [("input", 4, 11), ("holding", 261, 1)]
    assert box.unit.message_spacing == 0.1


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 262, [0]), (FC16, 261, [0])]
    box.connector.set_failsafe_share(8)
    await box.connector.enable(10)
    assert box.written() == [(FC16, 262, [80]), (FC16, 261, [100])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(16)
    assert box.written() == [(FC16, 261, [0]), (FC16, 261, [160])]
    await box.connector.disable()
    assert box.written() == [(FC16, 262, [0]), (FC16, 261, [0])]
    with pytest.raises(ConnectorRefused, match="limit_a: got 20; accepted: 6 to 16"):
        await box.connector.enable(20)
    assert box.connector.heartbeat_s is None  # any request feeds its watchdog
    assert box.connector.poll_idle_s <= 15 / 3


async def test_a_new_one_gets_its_watchdog_back_and_is_kept_awake(box: Box) -> None:
    box.holding({257: 0, 258: 0, 262: 160})
    assert box.losses == "closed closed holds"
    await box.connector.prepare()
    assert box.written() == [(FC16, 262, [0]), (FC16, 257, [15_000]), (FC16, 258, [4]), (FC16, 261, [0])]
    assert box.losses == "closed closed holds"
    assert box.connector.failsafe is not None
    assert (box.connector.failsafe.current_a, box.connector.failsafe.timeout_s) == (0.0, 15.0)


@pytest.mark.parametrize(
    ("timeout_ms", "failsafe", "losses"),
    [(0, 0, "holds closed holds"), (15_000, 60, "opens opens holds"), (15_000, 0, "closed closed holds")],
)
async def test_what_it_does_alone_is_what_it_reads_after_set_up(
    box: Box, timeout_ms: int, failsafe: int, losses: str
) -> None:
    def keep() -> None:  # it forgets what was written
        box.unit.holding |= {257: timeout_ms, 262: failsafe}

    box.unit.on_write(lambda _event: keep())
    await box.connector.prepare()
    assert box.losses == losses


def test_it_is_reached_by_a_serial_line_or_a_gateway() -> None:
    profile = load_profile("heidelberg_ec")
    line = modbus_params(profile, ConnectorSettings(serial_port="/dev/ttyRS485"))
    assert isinstance(line, ModbusSerialParams)
    assert (line.baudrate, line.bytesize, line.parity, line.stopbits, line.framer) == (19200, 8, "E", 1, "rtu")
    gateway = modbus_params(profile, ConnectorSettings(host="192.0.2.9", port=8899, transport="modbus_rtu_over_tcp"))
    assert isinstance(gateway, ModbusSerialParams)
    assert (gateway.device, gateway.framer) == ("socket://192.0.2.9:8899", "rtu")
