"""Who calls and does not say who it is: let go in time, and never in the way of a box. Raw sockets, short limits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
import json
from pathlib import Path
import ssl
from typing import Self

import aiohttp
from aiohttp import WSMsgType, encode_basic_auth
import pytest

from custom_components.evshare.connectors.ocpp import box as ocpp_box
from custom_components.evshare.connectors.ocpp import door
from custom_components.evshare.connectors.ocpp.door import Door
from custom_components.evshare.connectors.ocpp.doorstep import Crowd
from custom_components.evshare.connectors.ports import ConnectorUnreachable
from tests.certificates import certificate

from .conftest import IDENTITY, PASSWORD, STRANGER, Site

SOON = Crowd(patience_s=0.05)
FEW = Crowd(patience_s=60.0, most=3)
LINE = f"GET /ocpp/{IDENTITY} HTTP/1.1\r\nHost: here\r\n"


class Caller:
    """A connection of somebody, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def at(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def says(self, text: str) -> None:
        self._writer.write(text.encode())
        await self._writer.drain()

    async def heard_until_the_end(self) -> bytes:
        """What was said to it until it was let go; the test's own time-out says when it never is."""
        heard = b""
        with suppress(ConnectionError):
            while more := await self._reader.read(65_536):
                heard += more
        return heard

    async def answer(self) -> bytes:
        """Its first line; empty when it was let go instead."""
        return await self._reader.readline()

    def leaves(self) -> None:
        self._writer.close()


@pytest.fixture
async def site(socket_enabled: None, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """With the limits that the test asks for."""
    site = Site()
    await site.open(request.param)
    site.connector()
    yield site
    for box in site.boxes:
        await box.drop()
    await site.shut()


soon = pytest.mark.parametrize("site", [SOON], indirect=True, ids=[""])
few = pytest.mark.parametrize("site", [FEW], indirect=True, ids=[""])
patient = pytest.mark.parametrize("site", [Crowd()], indirect=True, ids=[""])


@soon
@pytest.mark.parametrize("said", ["", "GET", LINE], ids=["nothing", "half a line", "half a request"])
async def test_who_does_not_finish_his_request_is_let_go_without_an_answer(site: Site, said: str) -> None:
    caller = await Caller.at(site.port)
    await caller.says(said)
    assert await caller.heard_until_the_end() == b""


@soon
async def test_a_request_that_trickles_in_gains_no_time(site: Site) -> None:
    caller = await Caller.at(site.port)
    await caller.says(LINE + "X-Slow: ")
    ended = asyncio.ensure_future(caller.heard_until_the_end())
    while not ended.done():
        with suppress(ConnectionError):
            await caller.says("a")
        await asyncio.wait({ended}, timeout=0.001)
    assert await ended == b""


@soon
async def test_who_was_turned_away_cannot_stay_either(site: Site) -> None:
    caller = await Caller.at(site.port)
    await caller.says(LINE + "Connection: keep-alive\r\n\r\n")
    assert (await caller.answer()).split()[1] == b"401"
    await caller.heard_until_the_end()


@soon
async def test_a_box_that_came_in_stays_beyond_that_time(site: Site) -> None:
    box = await site.connected()
    later = await Caller.at(site.port)
    await later.heard_until_the_end()  # it came after the box, and its time is over
    assert box.connected
    box.say_again("Heartbeat", {})
    await site.settles()
    assert box.answers[-1][0] == "Heartbeat"


@few
async def test_a_crowd_keeps_no_box_out_and_who_stood_there_longest_goes(site: Site) -> None:
    first, *others = [await Caller.at(site.port) for _ in range(3)]
    for caller in (first, *others):
        await caller.says("GET")
    fourth = await Caller.at(site.port)
    assert await first.heard_until_the_end() == b""
    await fourth.says(LINE + "\r\n")
    assert (await fourth.answer()).split()[1] == b"401"
    box = await site.connected()  # makes one more go
    assert await others[0].heard_until_the_end() == b""
    await others[1].says(f" /ocpp/{IDENTITY} HTTP/1.1\r\nHost: here\r\n\r\n")
    assert (await others[1].answer()).split()[1] == b"401"
    assert box.connected
    for caller in (others[1], fourth):
        caller.leaves()


@few
async def test_boxes_that_came_in_count_as_nobody_on_the_doorstep(site: Site) -> None:
    boxes = []
    for number in range(2, 8):
        site.claim(f"box-{number}")
        boxes.append(await site.connected(identity=f"box-{number}"))
    assert [box.connected for box in boxes] == [True] * 6


@patient
async def test_a_path_or_header_of_more_than_two_kib_is_refused(site: Site) -> None:
    for request in (f"GET /{'a' * 3000} HTTP/1.1\r\n\r\n", LINE + f"X-Long: {'a' * 3000}\r\n\r\n"):
        caller = await Caller.at(site.port)
        await caller.says(request)
        assert (await caller.answer()).split()[1] == b"400"
        caller.leaves()


@patient
async def test_only_a_get_is_answered(site: Site) -> None:
    caller = await Caller.at(site.port)
    await caller.says(LINE.replace("GET", "POST") + "Content-Length: 0\r\n\r\n")
    assert (await caller.answer()).split()[1] == b"405"
    caller.leaves()


@patient
async def test_who_does_not_get_through_with_tls_is_let_go(site: Site, tmp_path: Path) -> None:
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(*certificate(tmp_path))
    secure = Door(site.central, site.clock, SOON)
    await secure.open("127.0.0.1", 0, ours)
    caller = await Caller.at(secure.port)
    assert await caller.heard_until_the_end() == b""
    await secure.close(1.0)


@patient
async def test_a_box_that_answers_nothing_and_goes_on_and_on_is_cut_off(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every transaction nobody was let in for is ended by a call of ours, and that waits for its answer."""
    monkeypatch.setattr(ocpp_box, "WORK_MOST", 8)
    starts = 0
    async with aiohttp.ClientSession() as client, await knock(client, site) as socket:
        while not socket.closed and starts < 50:
            start = {"connectorId": 1, "idTag": STRANGER, "meterStart": starts, "timestamp": "2026-11-20T18:00:00Z"}
            await socket.send_str(json.dumps([2, str(starts), "StartTransaction", start]))
            starts += 1
            while (message := await socket.receive()).type is WSMsgType.TEXT and json.loads(message.data)[0] != 3:
                pass
            if message.type is not WSMsgType.TEXT:
                break
        assert 8 <= starts <= 12
    assert site.central.boxes[IDENTITY].met_mono_s is None


@patient
async def test_a_box_that_takes_nothing_from_its_connection_is_let_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "SEND_S", 0.05)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    caller = await Caller.at(site.port)
    await caller.says(
        LINE + f"Authorization: {encode_basic_auth(IDENTITY, PASSWORD)}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    assert (await caller.answer()).split()[1] == b"101"
    box = site.central.boxes[IDENTITY]
    assert box._line is not None
    with pytest.raises(ConnectorUnreachable, match="nothing is taken from the connection"):
        await box._line.socket.send("x" * 64_000_000)
    await caller.heard_until_the_end()


async def knock(client: aiohttp.ClientSession, site: Site) -> aiohttp.ClientWebSocketResponse:
    """A raw socket of a box that is let in."""
    headers = {"Authorization": encode_basic_auth(IDENTITY, PASSWORD)}
    return await client.ws_connect(f"{site.url}/{IDENTITY}", headers=headers, protocols=("ocpp1.6",))
