"""ABL eMH1: "Modbus ASCII, every request twice, current = duty cycle permille (a / 0.06), 1000 = no pilot; states 0xA1
waiting, 0xB1 asks, 0xB2 permitted, 0xC2 charging, 0xE0 outlet disabled, 0xF1 welded, 0xF4 upstream timeout; register 5
= 0xA1A1 back to waiting" (connector reference 2.11 and table).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
import os
import pty
import tty

from modbus_connection import ModbusSerialParams, ModbusTimeoutError
from modbus_connection.tmodbus import ModbusConnection
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
import pytest

from custom_components.evshare.connectors.factory import build_connector, load_profile, modbus_params
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Pilot

from ..conftest import VirtualClock
from .modbus_box import FC16, Box

REGISTERS = [0, 0x0106, 0x2001, 0, 0x01C2, 0, *[0] * 14, 1000]


@pytest.fixture
def box() -> Box:
    box = Box("abl_emh1", max_current_a=16)
    box.holding({1: [0x0106, 0x2001], 4: 0x01C2})
    return box


@pytest.mark.parametrize(
    ("state", "pilot", "fault"),
    [
        (0xA1, Pilot.A, None),
        (0xB1, Pilot.B, None),
        (0xB2, Pilot.B, None),
        (0xC2, Pilot.C, None),
        (0xE0, Pilot.X, None),
        (0xF1, Pilot.F, "error"),
        (0xF4, Pilot.F, "upstream timeout"),
    ],
)
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot, fault: str | None) -> None:
    box.holding({4: 0x0100 | state})
    reading = await box.poll()
    assert (reading.pilot, reading.fault, reading.register_wh) == (pilot, fault, None)
    assert await box.asked() == [("holding", 4, 1)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 20, [1000])]
    await box.connector.enable(6)
    await box.connector.set_limit(16)
    assert box.written() == [(FC16, 20, [100]), (FC16, 20, [266])]
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC16, 20, [1000]), (FC16, 20, [1000])]
    assert box.losses == "closed opens holds"


async def test_an_outlet_that_was_disabled_waits_for_a_car_again_while_locked(box: Box) -> None:
    await box.connector.disable()
    box.written()
    box.holding({4: 0x01E0})
    await box.poll()
    assert box.written() == [(FC16, 5, [0xA1A1])]


async def test_its_first_request_after_a_sleep_gets_lost(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    read, lost = box.unit.read_holding_registers, [True]

    async def asleep(address: int, count: int) -> list[int]:
        if lost:
            lost.pop()
            raise ModbusTimeoutError("asleep")
        return await read(address, count)

    monkeypatch.setattr(box.unit, "read_holding_registers", asleep)
    assert (await box.poll()).pilot is Pilot.C


def test_its_line_speaks_ascii() -> None:
    line = modbus_params(load_profile("abl_emh1"), ConnectorSettings(serial_port="/dev/ttyRS485"))
    assert isinstance(line, ModbusSerialParams)
    assert (line.framer, line.baudrate, line.bytesize, line.parity) == ("ascii", 38400, 8, "E")


@pytest.fixture
async def port(socket_enabled: None) -> AsyncIterator[int]:
    """Another's Modbus ASCII server on a loopback socket."""
    memory = SimData(address=0, values=REGISTERS, datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=1, simdata=[memory]), framer=FramerType.ASCII, address=("127.0.0.1", 0))
    await server.listen()
    yield server.transport.sockets[0].getsockname()[1]
    await server.shutdown()


@pytest.fixture
async def line(port: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A pseudo-terminal as its serial line, and what travelled on it."""
    said: list[bytes] = []
    master, slave = pty.openpty()
    for end in (master, slave):
        tty.setraw(end)
    os.set_blocking(master, False)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    def ask() -> None:
        said.append(os.read(master, 4096))
        writer.write(said[-1])

    async def answer() -> None:
        while content := await reader.read(4096):
            said.append(content)
            os.write(master, content)

    asyncio.get_running_loop().add_reader(master, ask)
    answering = asyncio.create_task(answer())
    yield os.ttyname(slave), said
    asyncio.get_running_loop().remove_reader(master)
    answering.cancel()
    writer.close()
    for end in (master, slave):
        os.close(end)


async def session(settings: ConnectorSettings) -> list[int]:
    """Lock it, poll it, and let somebody charge; returns what the pilot's register held at each step."""
    profile = load_profile("abl_emh1")
    async with AsyncExitStack() as stack:
        link = ModbusConnection(modbus_params(profile, settings))
        stack.push_async_callback(link.close)
        unit = link.for_unit(1)
        connector = build_connector(profile, settings, clock=VirtualClock(), unit=unit)
        await connector.prepare()
        duties = await unit.read_holding_registers(20, 1)
        assert (await connector.poll()).pilot is Pilot.C
        await connector.enable(16)
        return [*duties, *await unit.read_holding_registers(20, 1)]


async def test_in_ascii_frames_on_a_socket(port: int) -> None:
    assert await session(ConnectorSettings(host="127.0.0.1", port=port, max_current_a=16)) == [1000, 266]


async def test_in_ascii_frames_on_a_serial_line(line: tuple[str, list[bytes]]) -> None:
    device, said = line
    assert await session(ConnectorSettings(serial_port=device, max_current_a=16)) == [1000, 266]
    # Function 3 from register 4, one; function 16 to register 20, one, 266: each with its LRC.
    assert b":010300040001F7\r\n" in said
    assert b":01100014000102010ACD\r\n" in said
