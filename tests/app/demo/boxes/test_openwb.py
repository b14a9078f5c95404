"""openWB Pro on the wire (connectors.md 2.11; connectors.yaml openwb_pro)."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from demo.car import Car

from ..conftest import Hands
from .calls import Called, called

PAGE = "/connect.php"


@pytest.fixture
async def box(clock: Hands) -> AsyncIterator[Called]:
    async with called("openwb_pro", clock) as stood:
        yield stood


async def send(box: Called, **form: object) -> tuple[int, Any]:
    return await box.ask("POST", PAGE, data={name: str(value) for name, value in form.items()})


async def test_a_charging_car_is_shown(box: Called) -> None:
    assert (await box.get(PAGE))["plug_state"] is False
    await box.charge()
    page = await box.get(PAGE)
    assert (page["plug_state"], page["charge_state"], page["power_all"]) == (True, True, 11_040)
    assert (page["currents"], page["voltages"], page["phases_in_use"]) == ([16, 16, 16], [230, 230, 230], 3)
    assert page["imported"] == box.stand.true_register_wh()


async def test_the_current_has_hundredths_and_0_pauses(box: Called) -> None:
    assert await send(box, ampere=7.25) == (200, "OK")
    await box.charge()
    assert (box.stand.offered_a, (await box.get(PAGE))["offered_current"]) == (7.25, 7.25)
    await send(box, ampere=0)
    await box.wait(10)
    page = await box.get(PAGE)
    assert (page["plug_state"], page["charge_state"], box.stand.power_w) == (True, False, 0)


@pytest.mark.parametrize(
    "form",
    [
        {"ampere": "5.99"},
        {"ampere": "32.01"},
        {"ampere": "ten"},
        {"phasetarget": "2"},
        {"ampere": "8", "phasetarget": "2"},
    ],
)
async def test_what_is_not_acceptable_changes_nothing(box: Called, form: dict[str, str]) -> None:
    assert (await send(box, **form))[0] == 400
    page = await box.get(PAGE)
    assert (page["offered_current"], page["phases_target"]) == (32, 3)
    assert box.stand.commands == []


async def test_fields_that_have_nothing_to_say_are_missing(box: Called) -> None:
    page = await box.get(PAGE)
    assert not {"rfid_tag", "rfid_timestamp", "vehicle_id"} & set(page)
    box.stand.show_card("04a1b2c3")
    page = await box.get(PAGE)
    # 2026-06-15 16:00:00 UTC: the time of the reading tells the same card shown twice apart.
    assert (page["rfid_tag"], page["rfid_timestamp"]) == ("04A1B2C3", 1_781_539_200)
    await box.wait(90)
    box.stand.show_card("04A1B2C3")
    assert (await box.get(PAGE))["rfid_timestamp"] == 1_781_539_290


async def test_without_heartbeat_a_silence_changes_nothing(box: Called) -> None:
    await box.charge(3_600)
    assert box.stand.power_w > 0


async def test_with_heartbeat_a_silence_closes_it_and_any_request_keeps_it_open(box: Called) -> None:
    await send(box, heartbeatenabled=1)
    await send(box, ampere=16)
    await box.charge(100)
    await box.get(PAGE)
    await box.wait(100)
    assert box.stand.power_w == 11_040
    await box.wait(60)
    assert box.stand.power_w == 0
    assert (await box.get(PAGE))["offered_current"] == 0


async def test_a_restart_closes_it_only_with_heartbeat(box: Called) -> None:
    await box.charge()
    await box.stand.reboot()
    with pytest.raises(aiohttp.ClientConnectionError):
        await box.get(PAGE)
    await box.wait(60)
    assert box.stand.power_w == 11_040
    await send(box, heartbeatenabled=1)
    await box.stand.reboot()
    await box.wait(60)
    assert box.stand.power_w == 0


async def test_phases_change_while_nothing_flows(box: Called) -> None:
    await box.charge()
    await send(box, phasetarget=1)
    await box.wait(5)
    assert box.stand.power_w == 11_040
    await send(box, ampere=0)
    await box.wait(10)
    await send(box, ampere=16)
    await box.wait(30)
    assert box.stand.power_w == 3_680


async def test_the_pilot_can_be_interrupted(box: Called) -> None:
    await box.charge()
    await send(box, cp_interrupt="true", cp_duration=4)
    await box.wait(4)
    assert box.stand.offered_a == 0
    await box.wait(1)
    assert box.stand.offered_a == 32


async def test_a_car_may_name_itself(clock: Hands) -> None:
    async with called("openwb_pro", clock) as box:
        box.stand.plug(Car(name="a", need_wh=20_000, ev_id="AA:BB:CC:DD:EE:FF"))
        assert "vehicle_id" not in await box.get(PAGE), "it takes a moment"
        await box.wait(10)
        assert (await box.get(PAGE))["vehicle_id"] == "AA:BB:CC:DD:EE:FF"
