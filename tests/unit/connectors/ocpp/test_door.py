"""Who gets in at the door for boxes, and how. Real sockets, also with TLS."""

import asyncio
from collections.abc import AsyncIterator, Callable
import json
from pathlib import Path
import ssl
from typing import Any

import aiohttp
from aiohttp import WSMsgType, encode_basic_auth
import pytest

from custom_components.evshare.connectors.ocpp import door, rpc
from custom_components.evshare.connectors.ocpp.door import Door
from custom_components.evshare.connectors.ports import ConnectorUnreachable
from custom_components.evshare.model import OnLoss, Pilot
from demo.boxes.ocpp_box import Manners, NotLetIn
from demo.boxes.ocpp_line import Line
from tests.certificates import certificate

from .conftest import ANNA, IDENTITY, PASSWORD, Site, Stall, car

BOOT = '[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'


@pytest.fixture
async def client(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def knock(
    client: aiohttp.ClientSession, site: Site, path: str = f"/ocpp/{IDENTITY}", **changes: Any
) -> aiohttp.ClientWebSocketResponse:
    """A raw socket of a box that is let in."""
    headers = {"Authorization": encode_basic_auth(IDENTITY, PASSWORD)}
    settings = {"headers": headers, "protocols": ("ocpp1.6",)} | changes
    return await client.ws_connect(site.url.removesuffix("/ocpp") + path, **settings)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something is true; the test's own time-out says when it never is."""
    while not true():  # noqa: ASYNC110  # what is waited for is no event of ours
        await asyncio.sleep(0.001)


async def refusal(client: aiohttp.ClientSession, site: Site, **changes: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await knock(client, site, **changes)
    return refused.value.status


async def test_a_box_nobody_has_a_stall_for_is_not_found_and_not_made(site: Site) -> None:
    site.connector()
    stranger = site.box(identity="box-9")
    with pytest.raises(NotLetIn) as refused:
        await stranger.connect()
    assert refused.value.status == 404
    assert list(site.central.boxes) == [IDENTITY]


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong-horse-battery"},
        {"password": ""},
        {"password": None},
        {"user": "box-2"},
    ],
    ids=["wrong", "empty", "none", "user"],
)
async def test_a_wrong_name_or_password_is_unauthorised(site: Site, changes: dict[str, Any]) -> None:
    connector = site.connector()
    with pytest.raises(NotLetIn) as refused:
        await site.box(**changes).connect()
    assert refused.value.status == 401
    with pytest.raises(ConnectorUnreachable, match="is not connected"):
        await connector.poll()


async def test_the_refusal_says_which_authentication_is_wanted(site: Site, client: aiohttp.ClientSession) -> None:
    site.connector()
    answer = await client.get(site.url.replace("ws:", "http:") + f"/{IDENTITY}")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="evshare", charset="UTF-8"'


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic Ym94LTE=", "Bearer abc", "Basic w7/DvzrDvw=="])
async def test_a_header_that_makes_no_sense_is_unauthorised(
    site: Site, client: aiohttp.ClientSession, header: str
) -> None:
    site.connector()
    assert await refusal(client, site, headers={"Authorization": header}) == 401


async def test_no_password_stands_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.connector()
    with pytest.raises(NotLetIn):
        await site.box(password="wrong-horse-battery").connect()
    with pytest.raises(NotLetIn):
        await site.box(identity="box-of-a-stranger").connect()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("custom_components.")]
    assert said == [
        "box-1 called with another user name or password than its stall's; turned away",
        "An OCPP box called whose name no stall has; it was turned away",
    ]


async def test_who_knocks_often_fills_no_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.connector()
    box = site.box(password="wrong-horse-battery")
    for _ in range(20):
        with pytest.raises(NotLetIn):
            await box.connect()
    assert caplog.text.count("another user name or password") == 1


@pytest.mark.parametrize("path", [f"/{IDENTITY}", f"/a/b/c/{IDENTITY}", "/box%2D1"])
async def test_the_name_is_the_last_part_of_the_path_whatever_comes_before(
    site: Site, client: aiohttp.ClientSession, path: str
) -> None:
    site.connector()
    socket = await knock(client, site, path)
    assert socket.protocol == "ocpp1.6"
    await socket.close()


@pytest.mark.parametrize("protocols", [("ocpp2.0.1",), ("ocpp1.5",), ()])
async def test_a_box_that_does_not_offer_1_6_is_refused(
    site: Site, client: aiohttp.ClientSession, protocols: tuple[str, ...]
) -> None:
    site.connector()
    assert await refusal(client, site, protocols=protocols) == 400


async def test_of_several_versions_1_6_is_chosen(site: Site, client: aiohttp.ClientSession) -> None:
    site.connector()
    socket = await knock(client, site, protocols=("ocpp2.0.1", "ocpp1.6"))
    assert socket.protocol == "ocpp1.6"
    await socket.close()


async def test_a_box_that_names_no_version_is_let_in_only_where_set_up_says_so(site: Site) -> None:
    connector = site.connector(bare=True)
    box = await site.connected(manners=Manners(subprotocol=None))
    await connector.prepare()
    assert (await connector.poll()).pilot is Pilot.A
    assert box.connected


async def test_a_plain_request_is_told_to_upgrade(site: Site, client: aiohttp.ClientSession) -> None:
    site.connector()
    answer = await client.get(
        site.url.replace("ws:", "http:") + f"/{IDENTITY}",
        headers={"Authorization": encode_basic_auth(IDENTITY, PASSWORD), "Sec-WebSocket-Protocol": "ocpp1.6"},
    )
    assert answer.status == 426


async def test_a_newer_connection_takes_the_place_of_the_older_one(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    half_dead, box._line = box._line, Line(IDENTITY, box._obey)  # its box has forgotten it, but nobody told us
    await box.connect(boot=False)
    await site.passes(10)
    assert not half_dead.connected
    assert box.connected
    reading = await connector.poll()
    assert (reading.enabled, reading.power_w) == (True, 11_040.0)
    await half_dead.drop()


async def test_a_message_of_more_than_64_kib_ends_the_connection(site: Site, client: aiohttp.ClientSession) -> None:
    connector = site.connector()
    socket = await knock(client, site)
    await socket.send_str(BOOT[:-1] + " " * (64 * 1024) + "]")
    async for _ in socket:
        pass
    assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    with pytest.raises(ConnectorUnreachable, match="is not connected"):
        await connector.poll()


async def test_a_box_that_answers_no_ping_is_gone(
    site: Site, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PING_S", 0.02)
    monkeypatch.setattr(door, "SILENT_S", 0.05)
    stall = Stall()
    site.connector(stall=stall)
    socket = await knock(client, site, autoping=False)
    assert (await socket.receive()).type is WSMsgType.PING
    while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED):
        pass
    await until(lambda: stall.changes >= 2)
    assert site.central.boxes[IDENTITY].met_mono_s is None


async def test_a_box_that_says_nothing_but_answers_pings_stays(
    site: Site, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PING_S", 0.02)
    monkeypatch.setattr(door, "SILENT_S", 2.0)
    site.connector()
    socket = await knock(client, site, autoping=False)
    for _ in range(10):
        ping = await socket.receive()
        assert ping.type is WSMsgType.PING
        await socket.pong(ping.data)
    assert not socket.closed
    await socket.close()


async def test_a_box_that_answers_nothing_is_called_open_and_refuses_in_time(
    site: Site, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.02)
    connector = site.connector()
    socket = await knock(client, site)
    await socket.send_str(BOOT)
    await until(lambda: site.central.boxes[IDENTITY].met_mono_s is not None)
    assert connector.ports.on_silence is OnLoss.OPENS
    with pytest.raises(ConnectorUnreachable, match="was not answered"):
        await connector.prepare()
    await socket.close()


async def test_a_box_that_goes_away_keeps_nobody_waiting(site: Site, client: aiohttp.ClientSession) -> None:
    connector = site.connector()
    socket = await knock(client, site)
    await socket.send_str(BOOT)
    waiting = asyncio.ensure_future(connector.disable())
    while json.loads((await socket.receive()).data)[0] != 2:
        pass
    await socket.close()
    with pytest.raises(ConnectorUnreachable):
        await waiting


async def test_a_box_that_sends_on_without_waiting_is_cut_off(site: Site, client: aiohttp.ClientSession) -> None:
    blocked = asyncio.Event()

    class Slow(Stall):
        async def card(self, uid: str) -> Any:
            await blocked.wait()
            return await super().card(uid)

    site.connector(stall=Slow())
    socket = await knock(client, site)
    for number in range(30):
        await socket.send_str(json.dumps([2, str(number), "Authorize", {"idTag": ANNA}]))
    while (message := await socket.receive()).type is WSMsgType.TEXT:
        assert json.loads(message.data)[0] == 2
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)
    blocked.set()


async def test_a_box_that_has_much_to_tell_is_read_slowly_and_completely(site: Site) -> None:
    """A full memory after an outage: a hundred at once, then twenty a second."""
    site.connector()
    box = await site.connected()
    spent = len(box.answers)
    for _ in range(150):
        box.say_again("Heartbeat", {})
    await until(lambda: len(box.answers) - spent >= 80)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert len(box.answers) < 110
    while len(box.answers) - spent < 150:
        site.clock.passes(1)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("identity", "password", "message"),
    [
        ("", PASSWORD, "identity: accepted are 1 to 48"),
        ("a/b", PASSWORD, "identity: "),
        ("a:b", PASSWORD, "identity: "),
        ("x" * 49, PASSWORD, "identity: "),
        (IDENTITY, "short", "password: accepted are 16 to 40"),
        (IDENTITY, "x" * 41, "password: "),
        (IDENTITY, "with a space inside", "password: "),
    ],
)
async def test_a_name_or_password_no_box_can_have_is_named(
    site: Site, identity: str, password: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        site.central.claim(identity, password)
    assert password not in str(error.value)


async def test_a_box_is_known_two_minutes_longer_than_its_stall(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    await connector.close()
    await site.settles()
    assert box.connected
    again = site.connector()
    await site.passes(200)
    assert (await again.poll()).pilot is Pilot.A
    await again.close()
    await again.close()
    await site.passes(125)
    assert not box.connected
    assert (site.emptied, site.central.boxes) == (1, {})
    with pytest.raises(NotLetIn) as refused:
        await box.connect()
    assert refused.value.status == 404


async def test_over_tls_a_box_charges_as_ever(site: Site, stall: Stall, tmp_path: Path) -> None:
    certificate_path, key_path = certificate(tmp_path)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate_path, key_path)
    secure = Door(site.central, site.clock)
    await secure.open("127.0.0.1", 0, ours)
    connector = site.connector(stall=stall)
    box = site.box(tls=ssl.create_default_context(cafile=str(certificate_path)))
    box.url = f"wss://localhost:{secure.port}/ocpp"
    await box.connect()
    await site.settles()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    assert (await connector.poll()).power_w == 11_040.0
    await box.drop()
    await secure.close(1.0)
