"""OpenEVSE on the wire (connectors.md 2.11; connectors.yaml openevse_http; openevse_esp32_firmware api.yml)."""

from collections.abc import AsyncIterator
import json
from typing import Any

import aiohttp
import pytest

from ..conftest import Hands
from .calls import Called, called


@pytest.fixture
async def evse(clock: Hands) -> AsyncIterator[Called]:
    async with called("openevse_http", clock) as box:
        yield box


async def override(evse: Called, **properties: object) -> tuple[int, Any]:
    return await evse.ask("POST", "/override", json={"auto_release": False, **properties})


async def test_the_states_are_those_of_the_controller(evse: Called) -> None:
    # 1 not connected, 2 connected, 3 charging, 254 sleeping.
    status = await evse.get("/status")
    assert (status["state"], status["vehicle"], status["status"]) == (1, 0, "active")
    await evse.charge(2)
    assert (await evse.get("/status"))["state"] == 2
    await evse.wait(30)
    status = await evse.get("/status")
    assert (status["state"], status["vehicle"]) == (3, 1)
    await override(evse, state="disabled")
    await evse.wait(10)
    status = await evse.get("/status")
    assert (status["state"], status["vehicle"], status["status"], status["amp"]) == (254, 1, "disabled", 0)


async def test_a_pause_may_show_as_disabled(clock: Hands) -> None:
    async with called("openevse_http", clock, options={"pause_uses_disabled": True}) as evse:
        await override(evse, state="disabled")
        assert (await evse.get("/status"))["state"] == 255


async def test_units_are_ma_wh_and_kwh_and_only_one_phase_is_measured(evse: Called) -> None:
    await evse.charge()
    status = await evse.get("/status")
    # One CT: amp is one phase's current, in mA; session_energy Wh, total_energy kWh.
    assert (status["amp"], status["voltage"], status["pilot"]) == (16_000, 230, 32)
    assert status["total_energy"] * 1000 == evse.stand.true_register_wh()
    assert int(status["session_energy"]) == evse.stand.true_register_wh() - 137_000


async def test_an_override_limits_and_stays_when_the_car_leaves(evse: Called) -> None:
    assert await override(evse, state="active", charge_current=10) == (201, {"msg": "Created"})
    await evse.charge()
    assert evse.stand.offered_a == 10
    evse.stand.unplug()
    assert await evse.get("/override") == {"state": "active", "charge_current": 10, "auto_release": False}
    assert (await evse.get("/status"))["manual_override"] == 1


async def test_an_override_with_auto_release_vanishes_when_the_car_leaves(evse: Called) -> None:
    await override(evse, state="disabled", auto_release=True)
    await evse.charge()
    assert evse.stand.power_w == 0
    evse.stand.unplug()
    assert await evse.get("/override") == {}
    await evse.charge()
    assert evse.stand.power_w == 11_040


async def test_releasing_the_override_gives_the_car_everything(evse: Called) -> None:
    await override(evse, state="disabled")
    await evse.charge()
    assert (await evse.ask("DELETE", "/override"))[0] == 200
    await evse.wait(30)
    assert evse.stand.offered_a == 32


async def test_toggling_makes_and_ends_an_override(evse: Called) -> None:
    assert (await evse.ask("PATCH", "/override"))[0] == 200
    assert await evse.get("/override") == {"state": "disabled"}
    await evse.ask("PATCH", "/override")
    assert await evse.get("/override") == {}


async def test_a_restart_forgets_every_claim_and_charges(evse: Called) -> None:
    await override(evse, state="disabled")
    await evse.post("/claims/20", {"state": "disabled"})
    await evse.charge()
    await evse.stand.reboot()
    with pytest.raises(aiohttp.ClientConnectionError):
        await evse.get("/status")
    await evse.wait(60)
    assert await evse.get("/claims") == []
    assert evse.stand.power_w == 11_040


async def test_a_manual_override_wins_over_a_claim(evse: Called) -> None:
    await evse.post("/claims/20", {"state": "disabled", "auto_release": False})
    await evse.charge()
    assert evse.stand.power_w == 0
    await override(evse, state="active")
    await evse.wait(30)
    assert evse.stand.power_w == 11_040
    target = await evse.get("/claims/target")
    assert target["properties"]["state"] == "active"
    assert target["claims"]["state"] != 20


async def test_the_lowest_max_current_of_all_claims_counts(evse: Called) -> None:
    await evse.post("/claims/20", {"state": "active", "charge_current": 25, "max_current": 20})
    await evse.post("/claims/21", {"max_current": 13})
    await evse.charge()
    assert evse.stand.offered_a == 13
    await evse.ask("DELETE", "/claims/21")
    await evse.wait(5)
    assert evse.stand.offered_a == 20
    assert (await evse.ask("DELETE", "/claims/21"))[0] == 404
    assert await evse.get("/claims/20") == {"state": "active", "charge_current": 25, "max_current": 20}


async def test_a_current_out_of_range_becomes_the_nearest_without_a_word(evse: Called) -> None:
    await override(evse, state="active", charge_current=3)
    await evse.charge()
    assert evse.stand.offered_a == 6
    await override(evse, state="active", charge_current=99)
    await evse.wait(5)
    assert evse.stand.offered_a == 32


@pytest.mark.parametrize(
    "body", [{"state": "off"}, {"state": 1}, {"charge_current": 6.5}, {"charge_current": "16"}, {"amps": 16}, ["x"]]
)
async def test_what_is_no_override_is_refused_and_changes_nothing(evse: Called, body: object) -> None:
    status, answer = await evse.ask("POST", "/override", json=body)
    assert status == 400
    assert answer["msg"]
    assert await evse.get("/override") == {}
    assert evse.stand.commands == []


async def test_rapi_switches_phases_only_where_g7_is_known(clock: Hands, evse: Called) -> None:
    assert (await evse.get("/r?json=1&rapi=$G7"))["ret"].startswith("$NK")
    assert (await evse.get("/r?json=1&rapi=$S7+1"))["ret"].startswith("$NK")
    async with called("openevse_http", clock, options={"phase_switch": True}) as able:
        assert (await able.get("/r?json=1&rapi=$G7"))["ret"] == "$OK 3"
        assert (await able.get("/r?json=1&rapi=$S7+1"))["ret"] == "$OK"
        await able.charge()
        assert able.stand.power_w == 3_680


async def test_a_single_phase_box_charges_on_one_phase(clock: Hands) -> None:
    async with called("openevse_http", clock, options={"three_phase": False}) as evse:
        await evse.charge()
        assert (await evse.get("/config"))["is_threephase"] is False
        assert evse.stand.power_w == 3_680


async def test_with_a_password_basic_opens_it(clock: Hands) -> None:
    async with called("openevse_http", clock, options={"password": "geheim"}) as evse:
        assert (await evse.ask("GET", "/status"))[0] == 401
        for password, status in (("falsch", 401), ("geheim", 200)):
            headers = {"Authorization": aiohttp.encode_basic_auth("admin", password)}
            assert (await evse.ask("GET", "/status", headers=headers))[0] == status


async def test_the_websocket_sends_the_whole_status_and_then_only_changes(evse: Called) -> None:
    async with evse.session.ws_connect("/ws") as socket:
        first = json.loads(await socket.receive_str(timeout=5))
        assert (first["state"], first["pilot"]) == (1, 32)
        await override(evse, state="disabled")
        changed = json.loads(await socket.receive_str(timeout=5))
        assert changed == {
            "state": 254,
            "status": "disabled",
            "manual_override": 1,
            "claims_version": 1,
            "override_version": 1,
        }
        await socket.send_str('{"ping": 1}')
        assert json.loads(await socket.receive_str(timeout=5)) == {"pong": 1}


async def test_its_serial_number_is_that_of_its_wifi_module_and_a_restart_keeps_it(evse: Called) -> None:
    config = await evse.get("/config")
    assert (config["wifi_serial"], config["hostname"]) == ("9C9C1FE50001", "openevse-0001")
    await evse.stand.reboot()
    await evse.wait(60)
    assert (await evse.get("/config"))["wifi_serial"] == "9C9C1FE50001"


async def test_pages_that_are_not_there(evse: Called) -> None:
    assert (await evse.ask("GET", "/nothing"))[0] == 404
    assert (await evse.ask("POST", "/status", json={}))[0] == 405
