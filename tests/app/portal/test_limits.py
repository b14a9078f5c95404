"""What nobody can take from others: the portal's answers, its connections, and the presses of a stall.

Numbers are those of the security reference 2.6.
"""

import asyncio
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from aiohttp import ClientSession, TCPConnector
from multidict import CIMultiDict
import pytest

from tests.app.house import Browser, Furnished, House, live_session, open_house, plugged_stall

PROXY = (ip_network("127.0.0.0/8"),)
_REFUSED = 100
"""So many more than an address may ask for in a moment, together more than all may."""
_MOST_KNOCKS = 3000
"""While they are sent some more are allowed again; the slower the machine, the more."""


async def knock(browser: Browser, path: str, *forwarded_for: str) -> int:
    """Ask by a proxy that adds a line of its own to what the browser says."""
    headers = CIMultiDict(("X-Forwarded-For", line) for line in forwarded_for)
    async with browser.http.get(browser.origin + path, headers=headers) as answer:
        return answer.status


async def redeem(browser: Browser, *forwarded_for: str) -> int:
    headers = CIMultiDict(("X-Forwarded-For", line) for line in forwarded_for)
    headers["Origin"] = browser.origin
    async with browser.http.post(browser.origin + "/i", data={"token": "wrong"}, headers=headers) as answer:
        return answer.status


async def test_a_proxy_that_adds_a_line_is_believed_and_not_the_line_before(tmp_path: Path) -> None:
    async with open_house(tmp_path, trusted_proxies=PROXY) as house:
        guesser = house.stranger()
        answers = [await redeem(guesser, f"198.51.100.{number}", "203.0.113.7") for number in range(6)]
        assert answers == [404, 404, 404, 404, 404, 429]
        assert await redeem(guesser, "203.0.113.7", "203.0.113.8") == 404


async def test_one_address_does_not_take_all_of_the_portals_answers(tmp_path: Path) -> None:
    async with open_house(tmp_path, trusted_proxies=PROXY) as house:
        browser = house.stranger()
        # Files are for everybody, so nothing but the listener's own bounds holds these.
        refused = 0
        for _ in range(_MOST_KNOCKS):
            refused += await knock(browser, "/static/none", "203.0.113.7") == 429
            if refused == _REFUSED:
                break
        assert refused == _REFUSED
        assert await knock(browser, "/i", "203.0.113.8") == 200


async def test_one_address_does_not_take_all_of_the_offices_answers(furnished: Furnished) -> None:
    office = f"http://127.0.0.1:{furnished.house.app.office_port}"
    async with ClientSession(connector=TCPConnector(local_addr=("127.0.0.2", 0))) as neighbour:
        refused = 0
        for _ in range(_MOST_KNOCKS):
            async with neighbour.get(f"{office}/office/static/none") as answer:
                refused += answer.status == 429
            if refused == _REFUSED:
                break
        assert refused == _REFUSED
    assert (await furnished.office.get("/office")).status == 200


async def test_connections_from_one_address_leave_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evshare_app.app._MOST_CONNECTIONS", 5)
    async with open_house(tmp_path) as house:
        opened = [await connection(house, "127.0.0.1") for _ in range(5)]
        reader, writer = await connection(house, "127.0.0.2")
        writer.write(b"GET /i HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            assert b"200 OK" in await reader.readline()
            # The newest of the five made room; nobody else lost theirs.
            assert await opened[4][0].read() == b""
        first, writing = opened[0]
        writing.write(b"GET /i HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            assert b"200 OK" in await first.readline()
        for _, one in (*opened, (reader, writer)):
            one.close()


async def connection(house: House, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", house.app.portal_port, local_addr=(address, 0))


async def test_a_form_that_comes_byte_by_byte_is_not_waited_for(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evshare_app.web.forms.BODY_S", 0.05)
    reader, writer = await connection(furnished.house, "127.0.0.1")
    origin = furnished.phone.origin
    writer.write(
        f"POST /i HTTP/1.1\r\nHost: {origin.removeprefix('http://')}\r\nOrigin: {origin}\r\nContent-Length: 100\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\ntoken=".encode()
    )
    async with asyncio.timeout(10):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_nobody_keeps_the_owner_of_a_session_from_stopping_it(furnished: Furnished) -> None:
    at = furnished.house.clock.now - timedelta(hours=1)
    mine = live_session("5" * 32, "res-1", at)
    await furnished.integration.live(plugged_stall(1, at, status="charging", session=mine))
    neighbour = await furnished.house.phone(furnished.office, "res-2")
    csrf = (await neighbour.get("/me")).form("/me/language")
    stop = f"/s/{furnished.code}/stop"
    pressed = [await neighbour.post(stop, csrf | {"session": "5" * 32}) for _ in range(7)]
    assert [page.status for page in pressed][5:] == [200, 429]
    stopped = await furnished.phone.submit(await furnished.phone.get(f"/s/{furnished.code}"), stop)
    assert stopped.address.endswith("said=stopped")


async def test_whoever_sends_what_is_no_http_does_not_fill_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    answers: set[bytes] = set()
    for _ in range(40):
        reader, writer = await connection(house, "127.0.0.1")
        writer.write(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(10):
            answers |= {line for line in (await reader.read()).split(b"\r\n") if not line.startswith(b"Date: ")}
        writer.close()
    # It is answered like all else: as ourselves, and without repeating what came.
    assert {b"HTTP/1.0 400 Bad Request", b"X-Content-Type-Options: nosniff", b"Server: evshare"} < answers
    assert [line for line in answers if b"xxx" in line or b"aiohttp" in line] == []
    told = [record for record in caplog.records if "Error handling request" in record.getMessage()]
    assert 1 <= len(told) <= 11
    assert [record.exc_info for record in told] == [None] * len(told)
