"""Whatever a charger is locked by in Home Assistant: nobody charges unasked, Anna does, and it is locked behind her."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockModule, mock_integration

from custom_components.evshare.model import StallStatus

from ..building.conftest import ANNAS_CARD, STRANGERS_CARD
from ..building.passing_time import Clock
from .box import SLOTS, Box
from .conftest import OpenSite

TELLING = {key: SLOTS[key] for key in ("status", "power", "energy_total")}
LIMIT = {"max_current": "number.box_limit"}


@pytest.mark.parametrize(
    ("slots", "changes"),
    [
        ({"enable": "switch.box_charging"} | LIMIT, {}),
        ({"enable": "input_boolean.box_allowed"}, {}),
        ({"authorise": "lock.box_lock"} | LIMIT, {}),
        ({"enable": "button.box_start", "disable": "button.box_stop"} | LIMIT, {}),
        ({"enable": "script.box", "max_current": "script.box"}, {}),
        ({"max_current": "input_number.box_limit"}, {"zero_pauses": True}),
    ],
    ids=["switch", "helper", "lock", "buttons", "script", "0 A"],
)
async def test_a_stall_opens_for_anna_and_closes_behind_her(
    box: Box, clock: Clock, open_site: OpenSite, slots: dict[str, str], changes: dict[str, Any]
) -> None:
    site = await open_site(slots=TELLING | slots, **changes)
    await box.plug()
    await clock.passes(20)
    assert not box.charges
    await site.tap(STRANGERS_CARD)
    await clock.passes(60)
    assert not box.charges
    await site.tap(ANNAS_CARD)
    await clock.passes(30)
    assert box.charges
    await clock.passes(300)
    await box.counts(900)
    await clock.passes(10)
    await site.building.async_set_paused(site.stall.config.id, True)
    await clock.passes(30)
    assert not box.charges
    await site.building.async_set_paused(site.stall.config.id, False)
    await clock.passes(30)
    assert box.charges
    await box.unplug()
    await clock.passes(30)
    (ended,) = site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("unplugged", 900)
    await box.plug()
    await clock.passes(30)
    assert not box.charges  # the next one has to ask


async def test_a_plug_sensor_sees_what_the_status_hides(
    hass: HomeAssistant, box: Box, clock: Clock, open_site: OpenSite
) -> None:
    hass.states.async_set("sensor.asleep", "sleeping")
    slots = SLOTS | {"status": "sensor.asleep", "plugged": "binary_sensor.box_plugged"}
    site = await open_site(slots=slots, states={"sleeping": "X", "charging": "C"})
    await box.plug()
    await clock.passes(5)
    assert site.stall.state.plugged
    await box.unplug()
    await clock.passes(5)
    assert not site.stall.state.plugged


# --- a socket with a meter --------------------------------------------------------------------------------------------

SOCKET = {"power": SLOTS["power"], "enable": SLOTS["enable"], "energy_total": SLOTS["energy_total"]}


async def test_a_socket_opens_for_a_card_and_waits_for_its_car(box: Box, clock: Clock, open_site: OpenSite) -> None:
    """Nobody sees a plug there: the gate opens first, and what draws is the car."""
    site = await open_site(slots=SOCKET, states={})
    await box.plug()
    await clock.passes(60)
    assert not box.charges
    assert site.stall.state.status is StallStatus.AVAILABLE
    await site.tap(ANNAS_CARD)
    await clock.passes(30)
    assert box.charges
    assert site.stall.state.status is StallStatus.CHARGING
    await clock.passes(300)
    await box.counts(800)
    await clock.passes(10)
    await site.tap(ANNAS_CARD)
    await clock.passes(120)
    assert not box.charges
    (ended,) = site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("person", 800)
    assert site.stall.state.status is StallStatus.AVAILABLE  # behind the closed gate another may come


async def test_a_socket_that_no_car_comes_to_closes_again(box: Box, clock: Clock, open_site: OpenSite) -> None:
    site = await open_site(slots=SOCKET, states={})
    await site.tap(ANNAS_CARD)
    await clock.passes(30)
    assert box.allowed
    await clock.passes(300)
    assert not box.allowed
    assert [each["stop_reason"] for each in site.records("session_ended")] == ["no_plug"]


# --- a vendor's cloud -------------------------------------------------------------------------------------------------


async def test_a_cloud_hears_of_less_current_at_once_and_of_more_after_30_s(
    hass: HomeAssistant, box: Box, clock: Clock, open_site: OpenSite
) -> None:
    mock_integration(hass, MockModule("easee", partial_manifest={"iot_class": "cloud_push"}))
    er.async_get(hass).async_get_or_create("number", "easee", "1", suggested_object_id="easee_limit")
    told: list[tuple[float, float]] = []

    async def set_value(call: Any) -> None:
        told.append((round(clock.mono_s - began_mono_s), call.data["value"]))
        hass.states.async_set("number.easee_limit", str(call.data["value"]), limits)

    began_mono_s = clock.mono_s
    limits = {"min": 6, "max": 32, "step": 1, "unit_of_measurement": "A"}
    hass.states.async_set("number.easee_limit", "16.0", limits)
    site = await open_site(slots=SLOTS | {"max_current": "number.easee_limit"})
    hass.services.async_register("number", "set_value", set_value)
    await box.plug()
    await clock.passes(10)
    await site.tap(ANNAS_CARD)
    await clock.passes(20)
    assert box.charges
    stall_id = site.stall.config.id
    began_mono_s = clock.mono_s
    await site.building.async_set_max_current(stall_id, 8)
    await clock.passes(10)
    await site.building.async_set_max_current(stall_id, 12)
    await clock.passes(60)
    assert told[0] == (0, 8)
    assert [value for _, value in told] == [8, 12]
    assert 30 <= told[1][0] <= 40
