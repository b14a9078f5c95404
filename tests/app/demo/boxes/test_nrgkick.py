"""NRGkick's JSON API on the wire (connectors.md 2.11; connectors.yaml nrgkick_gen2_http; nrgkick-api 1.8.1)."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from ..conftest import Hands
from .calls import Called, called


@pytest.fixture
async def kick(clock: Hands) -> AsyncIterator[Called]:
    async with called("nrgkick_gen2_http", clock) as box:
        yield box


async def test_raw_values_have_numbers_for_states(kick: Called) -> None:
    # 1 standby, 2 connected, 3 charging.
    assert (await kick.get("/values?raw=1"))["general"]["status"] == 1
    await kick.charge(2)
    assert (await kick.get("/values?raw=1"))["general"]["status"] == 2
    await kick.wait(30)
    assert (await kick.get("/values?raw=1"))["general"]["status"] == 3
    assert (await kick.get("/values"))["general"]["status"] == "CHARGING"
    assert (await kick.get("/values?raw"))["general"]["status"] == 3


async def test_values_are_in_plain_units(kick: Called) -> None:
    await kick.charge()
    values = await kick.get("/values?raw=1")
    assert values["powerflow"]["total_active_power"] == 11_040
    assert [values["powerflow"][phase]["current"] for phase in ("l1", "l2", "l3")] == [16, 16, 16]
    assert values["powerflow"]["l1"]["voltage"] == 230
    assert values["energy"]["total_charged_energy"] == kick.stand.true_register_wh()
    assert values["energy"]["charged_energy"] == kick.stand.true_register_wh() - 137_000


async def test_sections_can_be_picked(kick: Called) -> None:
    assert set(await kick.get("/values?raw=1&energy=1")) == {"energy"}
    assert set(await kick.get("/info")) == {"general", "connector", "grid", "network", "versions"}
    assert (await kick.get("/info?raw=1&general=1"))["general"]["serial_number"] == "T2332500000000000S1D2"


async def test_control_reads_and_sets(kick: Called) -> None:
    control = {"current_set": 32, "charge_pause": 0, "energy_limit": 0, "phase_count": 3}
    assert await kick.get("/control") == control
    assert await kick.get("/control?current_set=10.5") == {"current_set": 10.5}
    await kick.charge()
    assert kick.stand.offered_a == 10.5
    assert await kick.get("/control?charge_pause=1") == {"charge_pause": 1}
    await kick.wait(10)
    values = await kick.get("/values?raw=1")
    assert (values["general"]["status"], values["general"]["charge_permitted"]) == (2, 0)
    assert kick.stand.power_w == 0
    assert kick.stand.commands == [("current_set", 10.5), ("charge_pause", 1)]


@pytest.mark.parametrize(
    "query",
    [
        "current_set=5.9",
        "current_set=32.1",
        "current_set=ten",
        "current_set=10.55",
        "charge_pause=2",
        "charge_pause=true",
        "energy_limit=1000001",
        "energy_limit=-1",
        "phase_count=0",
        "phase_count=4",
        "current_set=10&charge_pause=7",
    ],
)
async def test_a_refusal_is_406_with_a_text_and_nothing_changes(kick: Called, query: str) -> None:
    before = await kick.get("/control")
    status, body = await kick.ask("GET", f"/control?{query}")
    assert status == 406
    assert set(body) == {"Response"}
    assert body["Response"].startswith("Invalid ")
    assert await kick.get("/control") == before
    assert kick.stand.commands == []


async def test_the_api_can_be_switched_off_and_says_so_with_200(clock: Hands) -> None:
    async with called("nrgkick_gen2_http", clock, options={"api_enabled": False}) as kick:
        for path in ("/values?raw=1", "/control", "/control?charge_pause=1"):
            assert await kick.get(path) == {"Response": "API must be enabled within the NRGkick App"}
        assert kick.stand.commands == []


async def test_solar_charging_blocks_the_pause(clock: Hands) -> None:
    async with called("nrgkick_gen2_http", clock, options={"solar_charging": True}) as kick:
        status, body = await kick.ask("GET", "/control?charge_pause=1")
        assert (status, body) == (406, {"Response": "Charging pause is blocked by solar-charging"})
        assert await kick.get("/control?current_set=8") == {"current_set": 8}


async def test_the_energy_limit_ends_the_session(kick: Called) -> None:
    await kick.get("/control?energy_limit=500")
    await kick.charge(3_600)
    assert kick.stand.power_w == 0
    assert 500 <= kick.stand.true_register_wh() - 137_000 <= 520


async def test_phases_are_set(kick: Called) -> None:
    await kick.get("/control?phase_count=1")
    await kick.charge()
    assert (await kick.get("/values?raw=1"))["general"]["relay_state"] == 3
    assert kick.stand.power_w == 3_680


async def test_the_pause_survives_the_unplugging_unless_the_box_is_otherwise(clock: Hands, kick: Called) -> None:
    await kick.get("/control?charge_pause=1")
    await kick.charge()
    kick.stand.unplug()
    assert (await kick.get("/control"))["charge_pause"] == 1
    async with called("nrgkick_gen2_http", clock, options={"pause_ends_at_unplug": True}) as other:
        await other.get("/control?charge_pause=1")
        await other.charge()
        other.stand.unplug()
        assert (await other.get("/control"))["charge_pause"] == 0


async def test_a_restart_forgets_pause_and_current(kick: Called) -> None:
    await kick.get("/control?charge_pause=1&current_set=6")
    await kick.charge()
    await kick.stand.reboot()
    with pytest.raises(aiohttp.ClientConnectionError):
        await kick.get("/control")
    await kick.wait(60)
    assert await kick.get("/control") == {"current_set": 32, "charge_pause": 0, "energy_limit": 0, "phase_count": 3}
    assert kick.stand.power_w == 11_040


async def test_with_a_password_basic_opens_it(clock: Hands) -> None:
    async with called("nrgkick_gen2_http", clock, options={"password": "geheim"}) as kick:
        assert await kick.ask("GET", "/control") == (401, {"Response": "401 Unauthorized"})
        headers = {"Authorization": aiohttp.encode_basic_auth("nrgkick", "geheim")}
        assert (await kick.ask("GET", "/control", headers=headers))[0] == 200


async def test_pages_and_methods_that_are_not_there(kick: Called) -> None:
    assert (await kick.ask("GET", "/nothing"))[0] == 404
    assert (await kick.ask("POST", "/control?charge_pause=1"))[0] == 405
    assert kick.stand.commands == []
