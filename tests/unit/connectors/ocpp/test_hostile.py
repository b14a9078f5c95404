"""A box that is broken or means harm: it is answered with an error, or not at all, and harms nobody else."""

import json
from typing import Any

import aiohttp
from aiohttp import encode_basic_auth
import pytest

from custom_components.evshare.model import Pilot

from .conftest import ANNA, IDENTITY, PASSWORD, STRANGER, Site, Stall, answered, car


async def knock(site: Site, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    headers = {"Authorization": encode_basic_auth(IDENTITY, PASSWORD)}
    return await session.ws_connect(f"{site.url}/{IDENTITY}", protocols=("ocpp1.6",), headers=headers)


async def ask(socket: aiohttp.ClientWebSocketResponse, frame: str) -> Any:
    """Send a frame, then a heartbeat: what comes before the heartbeat's answer is the frame's."""
    await socket.send_str(frame)
    await socket.send_str('[2,"the-heartbeat","Heartbeat",{}]')
    answers = []
    while (message := json.loads(await socket.receive_str()))[1] != "the-heartbeat":
        if message[0] != 2:
            answers.append(message)
    assert message[0] == 3
    return answers


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "{}",
        "[]",
        "[2]",
        "null",
        "7",
        '[2,"1"]',
        '[9,"1","Heartbeat",{}]',
        '[2,1,"Heartbeat",{}]',
        '[2,"","Heartbeat",{}]',
        '[2,"' + "x" * 37 + '","Heartbeat",{}]',
        '[3,"nobody-asked",{}]',
        '[4,"nobody-asked","GenericError","",{}]',
        '[3,{"a":1},{}]',
        "[" * 30_000,
        '[2,"1","StartTransaction",{"meterStart":' + "9" * 5000 + "}]",
    ],
    ids=lambda frame: frame[:24],
)
async def test_what_is_no_message_is_left_out_and_the_next_one_answered(site: Site, frame: str) -> None:
    site.connector()
    async with aiohttp.ClientSession() as session:
        socket = await knock(site, session)
        assert await ask(socket, frame) == []
        await socket.close()


START_TRANSACTION = {"connectorId": 1, "idTag": ANNA, "meterStart": 1, "timestamp": "2026-11-20T18:00:00Z"}


@pytest.mark.parametrize(
    ("action", "payload", "code", "field"),
    [
        ("Authorize", {}, "OccurenceConstraintViolation", "idTag"),
        ("Authorize", {"idTag": 5}, "TypeConstraintViolation", "idTag"),
        ("Authorize", {"idTag": "x" * 300}, "PropertyConstraintViolation", "idTag"),
        ("Authorize", {"idTag": None}, "OccurenceConstraintViolation", "idTag"),
        ("Authorize", [], "FormationViolation", "payload"),
        (["Authorize"], {}, "FormationViolation", "action"),
        ("OpenSesame", {}, "NotSupported", "action"),
        ("RemoteStartTransaction", {}, "NotImplemented", "action"),
        ("BootNotification", {"chargePointVendor": "V"}, "OccurenceConstraintViolation", "chargePointModel"),
        ("StatusNotification", {"connectorId": 1, "status": "Open"}, "PropertyConstraintViolation", "status"),
        (
            "StatusNotification",
            {"connectorId": 99, "status": "Available"},
            "PropertyConstraintViolation",
            "connectorId",
        ),
        ("StartTransaction", START_TRANSACTION | {"connectorId": 0}, "PropertyConstraintViolation", "connectorId"),
        ("StartTransaction", START_TRANSACTION | {"connectorId": 17}, "PropertyConstraintViolation", "connectorId"),
        ("StartTransaction", START_TRANSACTION | {"meterStart": -1}, "PropertyConstraintViolation", "meterStart"),
        ("StartTransaction", START_TRANSACTION | {"meterStart": True}, "TypeConstraintViolation", "meterStart"),
        ("StartTransaction", START_TRANSACTION | {"timestamp": "soon"}, "PropertyConstraintViolation", "timestamp"),
        ("MeterValues", {"connectorId": "one"}, "TypeConstraintViolation", "connectorId"),
    ],
)
async def test_a_call_that_cannot_be_used_is_answered_with_an_error_that_names_the_field(
    site: Site, stall: Stall, action: Any, payload: Any, code: str, field: str
) -> None:
    site.connector(stall=stall)
    async with aiohttp.ClientSession() as session:
        socket = await knock(site, session)
        (answer,) = await ask(socket, json.dumps([2, "7", action, payload]))
        assert answer[:3] == [4, "7", code]
        assert answer[3].startswith(f"{field}: ")
        assert stall.cards == []
        await socket.close()


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Heartbeat", {"extra": 1}),
        ("StatusNotification", {"connectorId": 0, "status": "Available", "errorCode": "NoError", "vendorId": "x"}),
        ("MeterValues", {"connectorId": 1}),
        ("MeterValues", {"connectorId": 1, "meterValue": "x"}),
        ("MeterValues", {"connectorId": 1, "meterValue": [1, {"sampledValue": [2, {}]}]}),
        ("MeterValues", {"connectorId": 0, "meterValue": []}),
        ("StopTransaction", {"transactionId": "x", "meterStop": [], "timestamp": 5, "reason": {}}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}),
        ("SecurityEventNotification", {"type": "x", "timestamp": "x"}),
        ("LogStatusNotification", {"status": "Idle"}),
    ],
)
async def test_what_nobody_needs_may_be_wrong(site: Site, action: str, payload: Any) -> None:
    site.connector()
    async with aiohttp.ClientSession() as session:
        socket = await knock(site, session)
        (answer,) = await ask(socket, json.dumps([2, "7", action, payload]))
        assert answer[:2] == [3, "7"]
        await socket.close()


async def test_data_of_a_vendor_is_nothing_we_know(site: Site) -> None:
    site.connector()
    async with aiohttp.ClientSession() as session:
        socket = await knock(site, session)
        (answer,) = await ask(socket, '[2,"7","DataTransfer",{"vendorId":"org.example","data":"x"}]')
        assert answer == [3, "7", {"status": "UnknownVendorId"}]
        await socket.close()


async def test_a_binary_frame_ends_the_connection(site: Site) -> None:
    site.connector()
    async with aiohttp.ClientSession() as session:
        socket = await knock(site, session)
        await socket.send_bytes(b"\x00")
        async for _ in socket:
            pass
        assert socket.closed


async def test_an_error_of_ours_is_an_internal_error_and_the_next_call_is_answered(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Stall):
        async def card(self, uid: str) -> Any:
            raise RuntimeError("the journal has a bug")

    site.connector(stall=Broken())
    box = await site.connected()
    box.show_card(ANNA)
    await site.settles()
    assert box.errors == [("Authorize", "InternalError")]
    box.say_again("Heartbeat", {})
    await site.settles()
    assert answered(box, "Heartbeat")
    assert ANNA not in caplog.text


async def test_a_lying_box_harms_only_its_own_stall(site: Site, stall: Stall) -> None:
    honest, other = site.connector(stall=stall), site.claim("box-2", "another-password-1")
    box = await site.connected()
    liar = await site.connected(identity="box-2", password="another-password-1", serial="OB-2")
    await honest.prepare()
    box.plug(car())
    await site.passes(1)
    await honest.enable(16)
    await site.passes(20)
    running = box.outlets[0].transaction
    assert running is not None
    value = {"timestamp": "2026-11-20T18:00:20Z", "sampledValue": [{"value": "999999999"}]}
    liar.say_again("MeterValues", {"connectorId": 1, "transactionId": running.id, "meterValue": [value]})
    liar.say_again("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Faulted"})
    liar.start_again(STRANGER)
    await site.passes(10)
    reading = await honest.poll()
    assert (reading.pilot, reading.power_w, reading.fault) == (Pilot.C, 11_040.0, None)
    assert reading.register_wh is not None
    assert reading.register_wh < 138_000
    assert other.box.point(1).running is None


async def test_no_card_stands_in_the_log(site: Site, stall: Stall, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="custom_components")
    caplog.set_level("DEBUG", logger="ocpp")
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    for uid in (STRANGER, ANNA):
        box.show_card(uid)
        await site.passes(1)
    box.start_again(STRANGER)
    await site.passes(1)
    assert "box-1" in caplog.text
    assert ANNA not in caplog.text
    assert STRANGER not in caplog.text


async def test_a_fault_with_a_made_up_name_is_just_a_fault(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    fault = {"connectorId": 1, "errorCode": "<b>hello</b>", "status": "Faulted"}
    box.say_again("StatusNotification", fault)
    await site.settles()
    assert (await connector.poll()).fault == "Faulted"
