"""The emulated meter asked by a wall connector, over a TCP adapter and a serial line: what truly flows is asserted.

Connectors reference 1.5 (b): unit 1, function 3, polled once a second; a throttle, not a lock.
"""

import asyncio
from pathlib import Path
import struct

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.connectors.twc_meter.line import SerialLine, TcpLine
from custom_components.evshare.connectors.twc_meter.meter import EmulatedMeter
from demo.boxes.twc_master import PtyWire, TcpWire, TwcMaster, crc

from ..conftest import VirtualClock
from .conftest import LIMIT_A, Build, Stall

SERIAL = b"0x000004714B056861"


async def test_a_car_draws_what_it_is_left(stall: Stall) -> None:
    stall.street.plug()
    await stall.connector.enable(10)
    await stall.passes(60)
    assert stall.street.drawn_a == 10
    assert stall.street.master.identity is not None
    assert stall.street.master.identity.startswith(SERIAL)


@pytest.mark.parametrize("limit_a", [6, 7, 13, 16, 31, 32])
async def test_every_whole_ampere_is_met_exactly(stall: Stall, limit_a: int) -> None:
    stall.street.plug()
    await stall.connector.enable(limit_a)
    await stall.passes(60)
    assert stall.street.drawn_a == limit_a


async def test_a_steady_limit_is_a_steady_current(stall: Stall) -> None:
    stall.street.plug()
    await stall.connector.enable(11)
    await stall.passes(30)
    for _ in range(120):
        await stall.street.sleep(1)
        assert stall.street.drawn_a == 11


async def test_a_pause_stops_the_car_and_its_end_lets_it_go_on(stall: Stall) -> None:
    stall.street.plug()
    await stall.connector.enable(16)
    await stall.passes(60)
    await stall.connector.set_limit(0)
    reading = await stall.passes(20)
    counted_wh = stall.street.delivered_wh
    assert (stall.street.drawn_a, reading.limit_a) == (0, 0)
    await stall.passes(300)
    assert stall.street.delivered_wh == counted_wh
    await stall.connector.set_limit(8)
    reading = await stall.passes(60)
    assert (stall.street.drawn_a, reading.limit_a) == (8, 8)


async def test_what_reads_back_is_what_the_wall_connector_was_told_last(stall: Stall) -> None:
    await stall.connector.enable(16)
    assert (await stall.connector.poll()).limit_a is None  # it has not asked yet
    await stall.street.sleep(1)
    assert (await stall.connector.poll()).limit_a == 16
    await stall.connector.set_limit(9)
    assert (await stall.connector.poll()).limit_a == 16
    await stall.street.sleep(1)
    assert (await stall.connector.poll()).limit_a == 9


async def test_locked_it_leaves_nothing_and_goes_on_leaving_nothing(stall: Stall) -> None:
    await stall.connector.prepare()
    stall.street.plug()
    await stall.passes(600)
    assert stall.street.delivered_wh == 0
    await stall.connector.enable(16)
    await stall.passes(60)
    await stall.connector.disable()
    await stall.passes(30)
    counted_wh = stall.street.delivered_wh
    await stall.passes(600)
    assert stall.street.delivered_wh == counted_wh


@pytest.mark.parametrize("limit_a", [5, 33])
async def test_a_current_outside_its_range_is_refused_and_changes_nothing(stall: Stall, limit_a: int) -> None:
    stall.street.plug()
    await stall.connector.enable(16)
    for command in (stall.connector.enable, stall.connector.set_limit):
        with pytest.raises(ConnectorRefused, match=f"limit_a: got {limit_a}; accepted: "):
            await command(limit_a)
    await stall.passes(60)
    assert stall.street.drawn_a == 16


async def test_it_says_nothing_before_it_was_told_anything(stall: Stall) -> None:
    """After a restart of Home Assistant in mid-session a meter that denies would cut it (DESIGN rule 2)."""
    stall.street.plug()
    await stall.passes(10)
    assert stall.street.master.shown_a is None
    await stall.connector.set_limit(12)
    await stall.passes(60)
    assert stall.street.drawn_a == 12


async def test_over_a_serial_line_it_answers_just_the_same(clock: VirtualClock, socket_enabled: None) -> None:
    wire = PtyWire()
    meter = EmulatedMeter(SerialLine(wire.path), clock, conductor_limit_a=LIMIT_A)
    master = TwcMaster(wire, conductor_limit_a=LIMIT_A)
    await meter.show(14)
    for _ in range(5):
        await master.ask(0)
        assert (master.offered_a, meter.served_a) == (14, 14)
    assert master.identity is not None
    assert master.identity.startswith(SERIAL)
    await meter.show(0)
    await master.ask(0)
    assert master.offered_a == 0
    await meter.close()
    wire.close()


async def test_an_adapter_that_waits_to_be_called_is_called(clock: VirtualClock, socket_enabled: None) -> None:
    """An RS485-to-TCP adapter in server mode: its bytes are the line's."""
    called = asyncio.get_running_loop().create_future()
    adapter = await asyncio.start_server(lambda *streams: called.set_result(streams), "127.0.0.1", 0)
    port = adapter.sockets[0].getsockname()[1]
    meter = EmulatedMeter(SerialLine(f"socket://127.0.0.1:{port}"), clock, conductor_limit_a=LIMIT_A)
    await meter.show(14)
    reader, writer = await called
    question = struct.pack(">BBHH", 1, 3, 0xF4, 2)
    writer.write(question + crc(question))
    answer = await reader.readexactly(9)
    assert struct.unpack(">f", answer[3:7])[0] == pytest.approx(18.01)
    await meter.close()
    writer.close()
    adapter.close()


async def test_a_serial_device_that_is_not_there_is_named(clock: VirtualClock) -> None:
    meter = EmulatedMeter(SerialLine("/dev/serial/by-id/gone"), clock, conductor_limit_a=LIMIT_A)
    await meter.show(14)
    assert meter.problem is not None
    assert meter.problem.startswith("emulated meter: /dev/serial/by-id/gone cannot be opened: ")


async def test_a_serial_line_on_which_nobody_asks_is_opened_anew(
    clock: VirtualClock, socket_enabled: None, tmp_path: Path
) -> None:
    """Its adapter may have been unplugged and plugged in again."""
    first, second = PtyWire(), PtyWire()
    link = tmp_path / "adapter"
    link.symlink_to(first.path)
    meter = EmulatedMeter(SerialLine(str(link)), clock, conductor_limit_a=LIMIT_A)
    await meter.show(14)
    first.close()
    link.unlink()
    link.symlink_to(second.path)
    clock.mono_s += 29
    await meter.look_after_line()
    master = TwcMaster(second, conductor_limit_a=LIMIT_A)
    clock.mono_s += 1
    await meter.look_after_line()
    await master.ask(0)
    assert master.offered_a == 14
    await meter.close()
    second.close()


async def ask(wire: TcpWire, request: bytes, length: int) -> bytes:
    return await wire.exchange(request + crc(request), length)


async def test_it_can_only_be_read_and_only_with_function_3(clock: VirtualClock, build: Build) -> None:
    port = build().street.port
    meter = EmulatedMeter(TcpLine(port, "127.0.0.1"), clock, conductor_limit_a=LIMIT_A)
    await meter.show(10)
    wire = TcpWire("127.0.0.1", port)
    for unit, function, refusal in ((1, 6, 1), (1, 4, 1), (2, 3, 11)):  # illegal function; nobody there
        answer = await ask(wire, struct.pack(">BBHH", unit, function, 0xF4, 1), 5)
        assert answer[:3] == bytes((unit, function | 0x80, refusal))
    assert meter.asked_mono_s is None
    answer = await ask(wire, struct.pack(">BBHH", 1, 3, 0xF4, 2), 9)
    assert struct.unpack(">f", answer[3:7])[0] == pytest.approx(22.01)
    wire.hang_up()
    await meter.close()


async def test_noise_before_a_question_costs_no_answer(clock: VirtualClock, build: Build) -> None:
    port = build().street.port
    meter = EmulatedMeter(TcpLine(port, "127.0.0.1"), clock, conductor_limit_a=LIMIT_A)
    await meter.show(10)
    wire = TcpWire("127.0.0.1", port)
    question = struct.pack(">BBHH", 1, 3, 0xF4, 2)
    answer = await wire.exchange(b"\x00" + question + crc(question), 9)
    assert answer[:3] == bytes((1, 3, 4))
    wire.hang_up()
    await meter.close()


async def test_a_line_that_cannot_be_opened_is_said_and_tried_again(stall: Stall, build: Build) -> None:
    taken = build(line=TcpLine(stall.street.port, "127.0.0.1"))
    await stall.connector.enable(16)
    await taken.street.sleep(1)
    await taken.connector.enable(16)
    assert taken.meter.problem == f"emulated meter: TCP port {stall.street.port} cannot be opened"
    assert (await taken.connector.poll()).limit_a is None
    assert not taken.connector.ports.limit
    await stall.connector.close()
    await taken.passes(25)
    assert taken.meter.problem is not None
    await taken.passes(10)
    assert taken.meter.problem is None
    assert taken.connector.ports.limit
