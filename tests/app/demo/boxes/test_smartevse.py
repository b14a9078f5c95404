"""SmartEVSE on the wire (connectors.md 2.11; connectors.yaml smartevse3_http; SmartEVSE-3 docs/REST_API.md)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from demo.boxes.stand import Stand

from ..conftest import Hands
from .calls import Called, called

CLOSING = {"Connection": "close"}


@pytest.fixture
async def evse(clock: Hands) -> AsyncIterator[Called]:
    async with called("smartevse3_http", clock, headers=CLOSING) as box:
        yield box


async def set_to(evse: Called, **parameters: object) -> Any:
    """A POST as it must be: parameters in the query, an announced body of length 0, no connection kept."""
    status, body = await evse.ask("POST", "/settings", params={key: str(value) for key, value in parameters.items()})
    assert status == 200
    return body


async def raw(stand: Stand, *requests: str) -> list[bytes]:
    """Send requests over one connection, each after the answer to the one before; b"" is a connection that ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    answers: list[bytes] = []
    try:
        for request in requests:
            writer.write(request.replace("\n", "\r\n").encode())
            await writer.drain()
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                answers.append(head)
            except asyncio.IncompleteReadError, ConnectionError:
                answers.append(b"")
    finally:
        writer.close()
    return answers


async def test_a_second_request_on_a_connection_finds_nobody(clock: Hands) -> None:
    async with Stand("smartevse3_http", clock) as stand:
        first, second = await raw(stand, *["GET /settings HTTP/1.1\nHost: x\n\n"] * 2)
        assert first.startswith(b"HTTP/1.1 200")
        assert second == b""


async def test_a_post_without_a_length_is_never_answered(clock: Hands) -> None:
    async with Stand("smartevse3_http", clock) as stand:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await raw(stand, "POST /settings?mode=4 HTTP/1.1\nHost: x\n\n")
        assert stand.commands == []
        (answer,) = await raw(stand, "POST /settings?mode=4 HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert stand.commands == [("mode", 4)]


async def test_parameters_in_a_body_are_refused(evse: Called) -> None:
    assert (await evse.ask("POST", "/settings", data="mode=4"))[0] == 400
    assert evse.stand.commands == []


async def test_the_settings_show_what_flows(evse: Called) -> None:
    settings = await evse.get("/settings")
    # state_id 0 = A; charge_current is 0 without a car.
    assert (settings["car_connected"], settings["evse"]["state_id"], settings["mode_id"]) == (False, 0, 1)
    assert settings["settings"]["charge_current"] == 0
    await evse.charge()
    settings = await evse.get("/settings")
    assert (settings["car_connected"], settings["evse"]["state_id"]) == (True, 2)
    # Currents in 0.1 A, power in W, energies in Wh since 3.11.2.
    assert settings["settings"]["charge_current"] == 320
    meter = settings["ev_meter"]
    assert meter["currents"] == {"TOTAL": 480, "L1": 160, "L2": 160, "L3": 160}
    assert meter["import_active_power"] == 11_040
    assert meter["import_active_energy"] == evse.stand.true_register_wh()
    assert meter["charged_wh"] == evse.stand.true_register_wh() - 137_000


async def test_old_firmware_counts_in_kwh_and_knows_no_pause(clock: Hands) -> None:
    async with called("smartevse3_http", clock, options={"old_firmware": True}, headers=CLOSING) as evse:
        assert await set_to(evse, mode=4) == {"mode": "Value not allowed!"}
        settings = await evse.get("/settings")
        assert settings["ev_meter"]["import_active_energy"] == 137.0
        assert settings["mode_id"] == 1


async def test_pause_lets_the_car_run_down_and_then_takes_the_signal_away(evse: Called) -> None:
    await evse.charge()
    assert await set_to(evse, mode=4) == {"mode": "PAUSE"}
    await evse.wait(1)
    # 10 = C1, stopping; then 9 = B1, no PWM.
    assert (await evse.get("/settings"))["evse"]["state_id"] == 10
    await evse.wait(10)
    settings = await evse.get("/settings")
    assert (settings["mode_id"], settings["evse"]["state_id"], settings["evse"]["access"]) == (4, 9, 2)
    assert evse.stand.power_w == 0
    await set_to(evse, mode=1)
    await evse.wait(30)
    assert evse.stand.power_w == 11_040


async def test_off_works_like_a_pause_with_the_access_gone(evse: Called) -> None:
    await set_to(evse, mode=0)
    await evse.charge()
    settings = await evse.get("/settings")
    assert (settings["mode_id"], settings["evse"]["access"], evse.stand.power_w) == (0, 0, 0)


async def test_the_override_is_in_tenths_of_an_amp_and_ends_with_0(evse: Called) -> None:
    assert await set_to(evse, override_current=83) == {"override_current": 83}
    await evse.charge()
    assert evse.stand.offered_a == 8.3
    assert (await evse.get("/settings"))["settings"]["charge_current"] == 83
    await set_to(evse, override_current=0)
    await evse.wait(5)
    assert evse.stand.offered_a == 32


async def test_the_override_works_only_in_normal_mode(evse: Called) -> None:
    await set_to(evse, mode=4)
    assert await set_to(evse, override_current=83) == {"override_current": "Value not allowed!"}
    assert await set_to(evse, mode=1, override_current=83) == {"mode": "NORMAL", "override_current": 83}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("override_current", "59"),
        ("override_current", "321"),
        ("override_current", "8.3"),
        ("override_current", "-60"),
        ("mode", "5"),
        ("mode", "pause"),
        ("enable_C2", "5"),
    ],
)
async def test_a_refused_value_is_answered_with_200_and_a_text(evse: Called, key: str, value: str) -> None:
    before = await evse.get("/settings")
    assert await set_to(evse, **{key: value}) == {key: "Value not allowed!"}
    assert await evse.get("/settings") == before
    assert evse.stand.commands == []


async def test_solar_and_smart_are_not_entered_without_a_mains_meter(evse: Called) -> None:
    assert await set_to(evse, mode=3) == {"mode": "NORMAL"}
    assert (await evse.get("/settings"))["mode_id"] == 1


async def test_the_second_contactor_moves_only_when_charging_begins(evse: Called) -> None:
    await evse.charge()
    await set_to(evse, enable_C2=1)
    await evse.wait(5)
    assert evse.stand.power_w == 11_040
    await set_to(evse, mode=4)
    await evse.wait(10)
    await set_to(evse, mode=1)
    await evse.wait(30)
    settings = await evse.get("/settings")
    assert (evse.stand.power_w, settings["evse"]["nrofphases"]) == (3_680, 1)
    assert settings["settings"]["enable_C2"] == "Always Off"


async def test_a_card_is_a_level_that_stays(evse: Called) -> None:
    assert (await evse.get("/settings"))["evse"]["rfid_lastread"] == "00000000000000"
    evse.stand.show_card("04a1b2c3d4e5f6")
    assert (await evse.get("/settings"))["evse"]["rfid_lastread"] == "04A1B2C3D4E5F6"
    await evse.charge(3_600)
    evse.stand.unplug()
    evse.stand.show_card("04A1B2C3D4E5F6")
    assert (await evse.get("/settings"))["evse"]["rfid_lastread"] == "04A1B2C3D4E5F6"
    evse.stand.show_card("01020304")
    assert (await evse.get("/settings"))["evse"]["rfid_lastread"] == "01020304000000"


async def test_without_a_reader_there_is_no_such_key(clock: Hands) -> None:
    async with called("smartevse3_http", clock, options={"rfid_reader": "Disabled"}, headers=CLOSING) as evse:
        reported = (await evse.get("/settings"))["evse"]
        assert "rfid_lastread" not in reported
        assert reported["rfid"] == "Not Installed"
        with pytest.raises(ValueError, match="reader"):
            evse.stand.show_card("01020304")


async def test_with_its_own_list_a_known_card_opens_and_closes(clock: Hands) -> None:
    options = {"rfid_reader": "EnableAll", "cards": "01020304"}
    async with called("smartevse3_http", clock, options=options, headers=CLOSING) as evse:
        await evse.charge()
        assert evse.stand.power_w == 0
        evse.stand.show_card("99999999")
        await evse.wait(30)
        assert evse.stand.power_w == 0
        evse.stand.show_card("01020304")
        await evse.wait(30)
        assert evse.stand.power_w == 11_040
        evse.stand.unplug()
        await evse.charge()
        assert evse.stand.power_w == 0


async def test_a_restart_forgets_pause_and_override(evse: Called) -> None:
    await set_to(evse, override_current=60)
    await set_to(evse, mode=4)
    await evse.charge()
    assert (await evse.ask("POST", "/reboot"))[0] == 200
    await evse.stand.tick()
    with pytest.raises(aiohttp.ClientConnectionError):
        await evse.get("/settings")
    await evse.wait(60)
    settings = await evse.get("/settings")
    assert (settings["mode_id"], settings["settings"]["override_current"]) == (1, 0)
    assert evse.stand.power_w == 11_040
