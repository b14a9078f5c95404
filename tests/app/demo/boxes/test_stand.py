"""The stand and the faults of its wires, on real sockets and a real pty, by clients that are not ours."""

import asyncio
from collections.abc import AsyncIterator
import json
import os
import select
from typing import Any

import aiohttp
from pymodbus import FramerType
from pymodbus.framer.rtu import FramerRTU
import pytest

from demo.boxes import MODELS
from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .calls import called
from .master import ADDRESS, GONE, Master, master

SERIAL, CURRENT, ENABLE = 1014, 5004, 5014
READ_SERIAL = bytes.fromhex("0007 0000 0006 ff 03 03f6 0002")
SERIAL_ANSWER = bytes.fromhex("0007 0000 0007 ff 03 04 00bc614e")
"""12345678 in two registers, high word first."""


@pytest.fixture
async def keba(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("keba_p30", clock, serial="12345678") as stand, master(stand.port, 255, timeout_s=0.2) as speaker:
        yield stand, speaker


@pytest.fixture
async def heidelberg(clock: Hands) -> AsyncIterator[Stand]:
    async with Stand("heidelberg_ec", clock) as stand:
        yield stand


async def asked_raw(stand: Stand, request: bytes, length: int) -> bytes:
    """What comes back on a connection of its own: `length` bytes, or all until it is closed."""
    reader, writer = await asyncio.open_connection(stand.host, stand.port)
    writer.write(request)
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as end:
        return end.partial
    finally:
        writer.close()


async def refuses(stand: Stand) -> bool:
    try:
        _reader, writer = await asyncio.open_connection(stand.host, stand.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


@pytest.mark.parametrize("model", sorted(MODELS))
async def test_every_model_stands_up_charges_nobody_and_comes_down(model: str, clock: Hands) -> None:
    async with Stand(model, clock) as stand:
        clock.forward(5)
        await stand.tick()
        assert (stand.model, stand.pilot, stand.car, stand.power_w) == (model, "A", None, 0)
        assert not await refuses(stand)
        assert stand.commands == []
        port = stand.port
        assert (stand.serial_device is not None) == (stand.kind in ("modbus_rtu", "modbus_ascii"))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("model", sorted(MODELS))
async def test_every_model_is_dark_while_it_boots_and_comes_back_where_it_was(model: str, clock: Hands) -> None:
    async with Stand(model, clock) as stand:
        port = stand.port
        await stand.reboot()
        assert await refuses(stand)
        clock.forward(600)
        await stand.tick()
        assert stand.port == port
        assert not await refuses(stand)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_only_a_model_with_a_reader_takes_a_card(model: str, clock: Hands) -> None:
    stand = Stand(model, clock)
    with pytest.raises(ValueError, match="reader" if not MODELS[model].has_card else "not 4 to 10 bytes"):
        stand.show_card("12")
    if MODELS[model].has_card:
        stand.show_card("04A1B2C3")


@pytest.mark.parametrize(
    ("model", "settings", "words"),
    [
        ("kettle", {}, "model: 'kettle' is not known; known are .*keba_p30"),
        ("keba_p30", {"options": {"colour": "red"}}, "options: 'colour' is not known; this model has .*s10"),
        ("keba_p30", {"options": {"s10": 1}}, "options: s10 is 1; accepted is a value of type bool"),
        ("keba_p30", {"points": 2}, "points: 2; keba_p30 has 1 to 1"),
        ("alfen_eve", {"options": {"validity_s": 9}}, "validity_s is 9; accepted are 10 to 300"),
        ("abb_terra_ac", {"serial": "4711"}, "serial: '4711' is not 16 hex digits"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(model: str, settings: Any, words: str, clock: Hands) -> None:
    with pytest.raises(ValueError, match=words):
        Stand(model, clock, **settings)


async def test_it_tells_what_it_was_told(keba: tuple[Stand, Master]) -> None:
    stand, speaker = keba
    await speaker.write_one(CURRENT, 10_000)
    await speaker.write_one(ENABLE, 0)
    assert await speaker.code_of_write_one(CURRENT, 5_000) == 3
    assert stand.commands == [("5004", 10_000), ("5014", 0)]
    assert stand.requests == 3


async def test_what_flows_is_counted_and_the_register_can_begin_again(keba: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = keba
    car = Car(name="a", need_wh=20_000, max_a=16)
    stand.plug(car)
    clock.forward(60)
    assert (stand.car, stand.pilot, stand.offered_a, stand.power_w) == (car, "C", 32, 11_040)  # 3 x 16 A x 230 V
    mark, before_wh = stand.mark(), stand.true_register_wh()
    clock.forward(3600)
    assert stand.delivered_wh_since(mark) == stand.true_register_wh() - before_wh == 11_040
    stand.reset_register()
    assert await speaker.holdings(1036, 2) == [0, 0]
    stand.set_register_wh(429_496_729)
    assert await speaker.holdings(1036, 2) == [0xFFFF, 0xFFFA]
    clock.forward(1)  # 11 040 W for a second are 3.07 Wh: 30 steps of 0.1 Wh, over the end of 32 bits
    assert await speaker.holdings(1036, 2) == [0, 24]
    assert stand.true_register_wh() == 429_496_732
    assert stand.delivered_wh_since(mark) == 11_043
    assert stand.unplug() is car


async def test_dropped_off_the_network_it_goes_on_charging(keba: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = keba
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    await stand.drop()
    assert await refuses(stand)
    assert await speaker.code_of_holdings(SERIAL, 2) == GONE
    clock.forward(60)
    assert stand.power_w == 11_040
    await stand.restore()
    assert not await refuses(stand)


async def test_a_double_has_two_points(clock: Hands) -> None:
    async with Stand("alfen_eve", clock, points=2) as stand, master(stand.port, 2) as second:
        stand.at(2).plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert (stand.power_w, stand.at(2).power_w) == (0, 4140)  # the safe current, 3 x 6 A x 230 V
        assert await second.holding_text(1201, 5) == "C2"
        with pytest.raises(ValueError, match="point: 3; this stand has 1 to 2"):
            stand.at(3)


async def test_silence_swallows_everything_on_the_same_connection(keba: tuple[Stand, Master]) -> None:
    stand, speaker = keba
    stand.faults.silence = True
    assert await speaker.code_of_write_one(CURRENT, 10_000) == GONE
    assert not await refuses(stand)
    assert stand.commands == []
    stand.faults.clear()
    async with master(stand.port, 255) as again:
        assert await again.code_of_holdings(SERIAL, 2) == GONE  # one client at most, and the first is still there
    speaker.client.close()


async def test_refusing_ends_what_is_connected_too(keba: tuple[Stand, Master]) -> None:
    stand, speaker = keba
    await speaker.holdings(SERIAL, 2)
    stand.faults.refuse = True
    assert await refuses(stand)
    assert await speaker.code_of_holdings(SERIAL, 2) == GONE
    stand.faults.refuse = False
    assert not await refuses(stand)


async def test_an_exception_can_be_for_all_requests_or_for_some(keba: tuple[Stand, Master]) -> None:
    stand, speaker = keba
    stand.faults.exception(4)
    assert await speaker.code_of_holdings(SERIAL, 2) == 4
    stand.faults.exception(ADDRESS, registers=[1015])
    assert await speaker.code_of_holdings(SERIAL, 2) == ADDRESS
    assert await speaker.code_of_holdings(1016, 2) == 0
    stand.faults.exception(6, functions=[6])
    assert await speaker.code_of_holdings(SERIAL, 2) == 0
    assert await speaker.code_of_write_one(CURRENT, 10_000) == 6
    assert stand.commands == []
    stand.faults.clear()
    assert await speaker.code_of_write_one(CURRENT, 10_000) == 0


async def test_a_late_answer_is_late_but_the_command_was_taken(keba: tuple[Stand, Master]) -> None:
    stand, speaker = keba
    stand.faults.delay_s = 3600
    assert await speaker.code_of_write_one(CURRENT, 10_000) == GONE
    assert stand.commands == [("5004", 10_000)]


async def test_a_lost_answer_belongs_to_a_command_that_was_taken(keba: tuple[Stand, Master]) -> None:
    stand, speaker = keba
    stand.faults.drop_every(2)
    assert await speaker.code_of_write_one(CURRENT, 10_000) == 0
    assert await speaker.code_of_write_one(CURRENT, 11_000) == GONE
    assert stand.commands == [("5004", 10_000), ("5004", 11_000)]
    with pytest.raises(ValueError, match="every: -1"):
        stand.faults.drop_every(-1)


async def test_answers_on_tcp_can_be_cut_replaced_or_from_another_unit(clock: Hands) -> None:
    async with Stand("keba_p30", clock, serial="12345678") as stand:
        assert await asked_raw(stand, READ_SERIAL, 13) == SERIAL_ANSWER
        stand.faults.truncate(8)
        assert await asked_raw(stand, READ_SERIAL, 13) == SERIAL_ANSWER[:8]  # the connection ended
        stand.faults.truncate(9, close=False)
        assert await asked_raw(stand, READ_SERIAL * 2, 18) == SERIAL_ANSWER[:9] * 2
        stand.faults.clear()
        stand.faults.wrong_unit = True
        assert await asked_raw(stand, READ_SERIAL, 13) == SERIAL_ANSWER[:6] + b"\x01" + SERIAL_ANSWER[7:]
        stand.faults.clear()
        stand.faults.garbage(seed=5)
        first = await asked_raw(stand, READ_SERIAL, 13)
        stand.faults.garbage(seed=5)
        assert len(first) == 13
        assert first != SERIAL_ANSWER
        assert await asked_raw(stand, READ_SERIAL, 13) == first
        stand.faults.clear()
        assert await asked_raw(stand, READ_SERIAL, 13) == SERIAL_ANSWER


def rtu(body: str) -> bytes:
    """A serial frame with its check made by pymodbus."""
    data = bytes.fromhex(body)
    return data + FramerRTU.compute_CRC(data).to_bytes(2)


LAYOUT = rtu("01 04 0004 0001")
LAYOUT_ANSWER = rtu("01 04 02 0108")
LOCK = rtu("01 03 0103 0001")
LOCK_ANSWER = rtu("01 03 02 0001")


async def test_a_serial_model_speaks_its_framing_over_tcp_with_the_same_faults(heidelberg: Stand) -> None:
    stand = heidelberg
    async with master(stand.port, 1, framer=FramerType.RTU) as speaker:
        assert await speaker.inputs(4) == [0x108]
    stand.faults.wrong_unit = True
    assert await asked_raw(stand, LAYOUT, 7) == rtu("02 04 02 0108")  # its check fits the wrong unit
    stand.faults.clear()
    stand.faults.truncate(4)
    assert await asked_raw(stand, LAYOUT, 7) == LAYOUT_ANSWER[:4]
    stand.faults.clear()
    stand.faults.exception(2, registers=[4])
    assert await asked_raw(stand, LAYOUT, 5) == rtu("01 84 02")


class Line:
    """The driver's end of a serial line."""

    def __init__(self, device: str) -> None:
        self.end = os.open(device, os.O_RDWR | os.O_NOCTTY)

    async def ask(self, request: bytes, length: int) -> bytes:
        os.write(self.end, request)
        heard = b""
        while len(heard) < length:
            heard += await asyncio.to_thread(os.read, self.end, 256)
        return heard

    async def ask_in_vain(self, request: bytes) -> bool:
        """Whether nothing comes back for a while."""
        os.write(self.end, request)
        readable, _writable, _odd = await asyncio.to_thread(select.select, [self.end], [], [], 0.2)
        return not readable

    def close(self) -> None:
        os.close(self.end)


@pytest.fixture
async def line(heidelberg: Stand) -> AsyncIterator[Line]:
    assert heidelberg.serial_device is not None
    line = Line(heidelberg.serial_device)
    yield line
    line.close()


async def test_a_serial_model_answers_on_its_line(line: Line) -> None:
    assert await line.ask(LAYOUT, 7) == LAYOUT_ANSWER
    assert await line.ask(LAYOUT[:3], 0) == b""
    assert await line.ask(LAYOUT[3:], 7) == LAYOUT_ANSWER


async def test_the_line_is_mute_for_another_unit_for_a_wrong_check_and_after_a_broadcast(
    line: Line, heidelberg: Stand
) -> None:
    await line.ask(rtu("02 04 0004 0001"), 0)
    await line.ask(LAYOUT[:-1] + b"\0", 0)
    await line.ask(rtu("00 10 0103 0001 02 0000"), 0)
    assert await line.ask(LOCK, 7) == rtu("01 03 02 0000")  # the broadcast locked it
    assert heidelberg.commands == [("259", 0)]


@pytest.mark.parametrize("fault", ["silence", "refuse"])
async def test_a_silent_or_dark_line_answers_nothing_and_comes_back(fault: str, line: Line, heidelberg: Stand) -> None:
    setattr(heidelberg.faults, fault, True)
    assert await line.ask_in_vain(LAYOUT)
    setattr(heidelberg.faults, fault, False)
    assert await line.ask(LOCK, 7) == LOCK_ANSWER  # and not that of the first request


async def test_answers_on_the_line_can_be_cut_and_go_on(line: Line, heidelberg: Stand) -> None:
    heidelberg.faults.truncate(5)
    assert await line.ask(LAYOUT, 5) == LAYOUT_ANSWER[:5]
    heidelberg.faults.clear()
    assert await line.ask(LAYOUT, 7) == LAYOUT_ANSWER


STATUS = "/api/status?filter=sse,frc"


async def test_http_has_the_same_faults(clock: Hands) -> None:
    async with called("goe_http_v2", clock) as box:
        sound = {"sse": "200001", "frc": 0}
        assert await box.get(STATUS) == sound
        box.stand.faults.exception(503)
        assert await box.ask("GET", STATUS) == (503, "out of order")
        box.stand.faults.exception(500, paths=["/api/set"])
        assert await box.get(STATUS) == sound
        assert (await box.ask("GET", "/api/set?frc=1"))[0] == 500
        assert box.stand.commands == []
        box.stand.faults.clear()
        box.stand.faults.wrong_unit = True
        assert await box.get(STATUS) == {"device": "kettle", "serial": "0000000000", "ok": True}
        box.stand.faults.clear()
        box.stand.faults.truncate(10, close=False)
        assert await box.ask("GET", STATUS) == (200, json.dumps(sound)[:10])
        box.stand.faults.truncate(10)
        with pytest.raises(aiohttp.ClientPayloadError):
            await box.get(STATUS)
        box.stand.faults.clear()
        box.stand.faults.garbage()
        with pytest.raises(aiohttp.ClientError):
            await box.get(STATUS)
        box.stand.faults.clear()
        box.stand.faults.refuse = True
        with pytest.raises(aiohttp.ClientConnectorError):
            await box.get(STATUS)
        box.stand.faults.refuse = False
        assert await box.get(STATUS) == sound


async def test_http_is_silent_late_or_loses_answers_to_commands_that_were_taken(clock: Hands) -> None:
    async with called("goe_http_v2", clock) as box:
        soon = aiohttp.ClientTimeout(total=0.2)
        box.stand.faults.silence = True
        with pytest.raises(TimeoutError):
            await box.ask("GET", "/api/set?frc=1", timeout=soon)
        assert box.stand.commands == []
        box.stand.faults.clear()
        box.stand.faults.delay_s = 3600
        with pytest.raises(TimeoutError):
            await box.ask("GET", "/api/set?frc=1", timeout=soon)
        box.stand.faults.clear()
        box.stand.faults.drop_every(1)
        with pytest.raises(TimeoutError):
            await box.ask("GET", "/api/set?frc=2", timeout=soon)
        box.stand.faults.clear()
        assert box.stand.commands == [("frc", 1), ("frc", 2)]
        assert (await box.get(STATUS))["frc"] == 2
