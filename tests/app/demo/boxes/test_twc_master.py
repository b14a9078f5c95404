"""The simulated Tesla as Modbus master, asked for its facts by a meter of hand-written frames on a real socket.

Facts quoted from connectors.md 1.5 (b) and connectors.yaml ``tesla_twc3_meter_emulation``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
import struct

import pytest

from demo.boxes.twc_master import MeteredTesla, TwcMaster, crc
from demo.boxes.twc_master import TcpWire as Line
from demo.car import Car
from demo.physics import Outlet
from demo.stalls import Place

LIMIT_A = 32


class HandMeter:
    """A meter on a socket that shows what it is told, in frames made by hand."""

    def __init__(self) -> None:
        self.current_a: float | Callable[[], float] = 0.0
        self.maker = b"\x00\x01\x00\x42Generac\0"
        self.silent = False
        self.asked: list[tuple[int, int, int, int]] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(8):
            if self.silent:
                break
            unit, function, address, count = struct.unpack(">BBHH", request[:6])
            assert request[6:] == crc(request[:6])
            self.asked.append((unit, function, address, count))
            if address == 0xF4:
                amps = self.current_a() if callable(self.current_a) else self.current_a
                content = struct.pack(">5f", 0.0, amps, 1.0, 0.0, amps + 1.0)
            else:
                content = self.maker if address == 40002 else bytes(2 * count)
            answer = struct.pack(">BBB", unit, function, len(content)) + content
            writer.write(answer + crc(answer))
        writer.close()


@pytest.fixture
async def meter() -> AsyncIterator[HandMeter]:
    meter = HandMeter()
    await meter.open()
    yield meter
    await meter.close()


@pytest.fixture
async def line(meter: HandMeter) -> AsyncIterator[Line]:
    line = Line("127.0.0.1", meter.port)
    yield line
    line.hang_up()


@pytest.fixture
def master(line: Line) -> TwcMaster:
    return TwcMaster(line, conductor_limit_a=LIMIT_A)


def test_the_checksum_is_that_of_the_serial_line_guide() -> None:
    """The example of every Modbus RTU text: 01 03 00 00 00 0A ends in C5 CD."""
    assert crc(bytes.fromhex("01030000000a")) == bytes.fromhex("c5cd")


async def test_it_asks_unit_1_with_function_3_and_wants_to_know_the_meter_first(
    master: TwcMaster, meter: HandMeter
) -> None:
    await master.ask(0)
    await master.ask(0)
    assert meter.asked[:2] == [(1, 3, 40002, 6), (1, 3, 1, 55)]
    assert [address for _, _, address, _ in meter.asked[2:]] == [0x88, 0x92, 0xF4, 0x88, 0x92, 0xF4]


async def test_a_meter_of_another_make_is_none(master: TwcMaster, meter: HandMeter) -> None:
    meter.maker = bytes(12)
    await master.ask(0)
    assert (master.shown_a, master.offered_a) == (None, 0)


@pytest.mark.parametrize(
    ("shown_a", "offered_a"),
    [
        (16.01, 16),  # 32 - (16 - 0.01)
        (16.0, 17),  # 0.01 A less, and it is an ampere more
        (26.01, 6),
        (27.01, 0),  # targets below 6 A lead to a pause
        (32.0, 0),
        (0.01, 32),
        (-20.0, 32),  # export: never more than its output
    ],
)
async def test_it_offers_what_the_most_loaded_phase_leaves(
    master: TwcMaster, meter: HandMeter, shown_a: float, offered_a: int
) -> None:
    meter.current_a = shown_a
    await master.ask(0)
    assert master.offered_a == offered_a


async def test_a_value_that_is_never_steady_makes_it_jump(master: TwcMaster, meter: HandMeter) -> None:
    values = iter([20.0, 20.2, 20.1, 20.3, 20.2, 20.4, 20.1])
    meter.current_a = lambda: next(values)
    offered = []
    for _ in range(7):
        await master.ask(0)
        offered.append(master.offered_a)
    assert set(offered[3:]) == {0, 6, 32}


async def test_ten_seconds_of_silence_and_the_meter_is_lost(master: TwcMaster, meter: HandMeter) -> None:
    meter.current_a = 12.01
    await master.ask(0)
    meter.silent = True
    for _ in range(10):
        await master.ask(0)
    assert (master.lost, master.offered_a) == (False, 20)
    await master.ask(0)
    assert (master.lost, master.offered_a) == (True, 6)
    meter.silent = False
    await master.ask(0)
    assert (master.lost, master.offered_a) == (False, 20)


async def test_newer_firmware_takes_its_own_current_for_part_of_what_the_meter_shows(
    line: Line, meter: HandMeter
) -> None:
    """Owners of 26.2 and newer: once charging starts, current ramps to the configured maximum."""
    master = TwcMaster(line, conductor_limit_a=LIMIT_A, counts_itself=True)
    meter.current_a = 22.01
    await master.ask(0)
    assert master.offered_a == 10
    await master.ask(10)
    await master.ask(20)
    assert master.offered_a == 30


async def test_a_car_gets_what_the_meter_leaves_and_nothing_in_the_dark(master: TwcMaster, meter: HandMeter) -> None:
    outlet = Outlet(plan=Place(id="stall", name="Tesla", serial="PGT00000000001"))
    tesla = MeteredTesla(outlet.plan, master, contactor=True)
    car = Car(name="Model 3", need_wh=50_000)
    car.max_a = 32
    outlet.plug(car, tesla)
    meter.current_a = 22.01
    for _ in range(30):
        await tesla.live(outlet)
    assert (outlet.power_mw, meter.asked) == (0, [])
    tesla.switch_contactor(True, outlet)
    for _ in range(60):
        await tesla.live(outlet)
    assert outlet.currents_ma == (10_000, 10_000, 10_000)
    tesla.switch_contactor(False, outlet)
    await tesla.live(outlet)
    assert (outlet.power_mw, master.offered_a) == (0, 0)
