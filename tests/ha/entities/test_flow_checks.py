"""What can be wrong with the entities of a stall, and how such a stall is changed."""

from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest

from ..conftest import MakeEntry, set_up, stall
from ..stall_dialogue import QuickClock, go_on, only_stall
from .box import SLOTS as BOX_SLOTS
from .box import Box
from .conftest import entity_stall
from .devices import SERIAL, SLOTS, add_device
from .dialogue import STALL, begin, keep, proposed, to_the_stall

# --- what can be wrong ------------------------------------------------------------------------------------------------

WRONG = {
    "sensor.volts": ("230", {"unit_of_measurement": "V", "device_class": "voltage"}),
    "sensor.kwh": ("5", {"unit_of_measurement": "kWh", "device_class": "energy"}),
    "sensor.status": ("free", {"options": ["free", "charging"]}),
    "number.kelvin": ("5", {"min": 0, "max": 9000, "unit_of_measurement": "K"}),
    "number.trickle": ("1", {"min": 0, "max": 5, "unit_of_measurement": "A"}),
    "select.mode": ("eco", {"options": ["eco", "fast"]}),
    "button.start": ("unknown", {}),
    "button.stop": ("unknown", {}),
}


@pytest.mark.parametrize(
    ("chosen", "errors"),
    [
        ({}, {"base": "nothing_seen"}),
        ({"energy_session": "sensor.kwh"}, {"base": "nothing_seen"}),
        ({"status": "sensor.nowhere"}, {"status": "entity_unknown"}),
        ({"status": "button.start"}, {"status": "wrong_entity"}),
        ({"status": "sensor.status", "power": "sensor.volts"}, {"power": "not_power"}),
        ({"status": "sensor.status", "energy_total": "sensor.volts"}, {"energy_total": "not_energy"}),
        ({"status": "sensor.status", "energy_total": "sensor.kwh"}, {"energy_total": "not_total"}),
        ({"status": "sensor.status", "currents": ["sensor.volts"]}, {"currents": "not_current"}),
        ({"status": "sensor.status", "voltages": ["sensor.kwh"]}, {"voltages": "not_voltage"}),
        ({"status": "sensor.status", "phases": "sensor.status"}, {"phases": "chosen_twice"}),
    ],
)
async def test_an_entity_that_cannot_tell_what_it_is_chosen_for_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, chosen: dict[str, Any], errors: dict[str, str]
) -> None:
    for entity_id, (state, attributes) in WRONG.items():
        hass.states.async_set(entity_id, state, attributes)
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), **chosen)
    assert (result["step_id"], result["errors"]) == ("ha_entities_car", errors)
    assert proposed(result) == chosen  # nothing of what was typed is lost
    assert entry.subentries == {}


@pytest.mark.parametrize(
    ("chosen", "errors"),
    [
        ({"enable": "button.start"}, {"enable": "disable_missing"}),
        ({"authorise": "button.start"}, {"authorise": "disable_missing"}),
        ({"disable": "button.stop"}, {"disable": "enable_missing"}),
        ({"max_current": "number.kelvin"}, {"max_current": "not_current"}),
        ({"max_current": "number.trickle"}, {"max_current": "not_current"}),
        ({"max_current": "select.mode"}, {"max_current": "not_current"}),
        ({"enable": "sensor.status"}, {"enable": "wrong_entity"}),
        ({"enable": "button.start", "disable": "button.start"}, {"disable": "chosen_twice"}),
    ],
)
async def test_an_entity_that_cannot_be_told_what_it_is_chosen_for_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, chosen: dict[str, Any], errors: dict[str, str]
) -> None:
    for entity_id, (state, attributes) in WRONG.items():
        hass.states.async_set(entity_id, state, attributes)
    result = await go_on(hass, await begin(hass, make_entry()), status="sensor.status")
    result = await go_on(hass, result, **chosen)
    assert (result["step_id"], result["errors"]) == ("ha_entities_control", errors)


async def test_meanings_that_contradict_each_other_or_are_missing_are_named(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    hass.states.async_set("sensor.status", "free", {"options": ["free", "charging"]})
    hass.states.async_set("select.mode", "eco", {"options": ["eco", "fast"]})
    form = await to_the_stall(hass, await begin(hass, make_entry()), status="sensor.status", enable="select.mode")
    options = {"open_option": "fast", "closed_option": "eco"}
    result = await go_on(hass, form, **STALL, **options, state_a=["free"], state_b=["free"], state_c=["charging"])
    assert result["errors"] == {"state_b": "state_twice"}
    result = await go_on(hass, result, **STALL, **options)
    assert result["errors"] == {"state_c": "states_missing"}
    result = await go_on(hass, result, **STALL, state_c=["charging"], open_option="fast", closed_option="fast")
    assert result["errors"] == {"closed_option": "same_option"}
    result = await go_on(hass, result, **STALL | {"name": " "}, **options, state_c=["charging"])
    assert result["errors"] == {"name": "name_missing"}


async def test_an_entity_of_evshare_itself_cannot_be_chosen(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry()
    own = er.async_get(hass).async_get_or_create("switch", "evshare", "stall-9_paused", suggested_object_id="own")
    hass.states.async_set(own.entity_id, "on")
    hass.states.async_set("sensor.status", "free", {"options": ["free", "charging"]})
    result = await go_on(hass, await begin(hass, entry), status="sensor.status")
    with pytest.raises(InvalidData, match="enable"):
        await go_on(hass, result, enable=own.entity_id)


async def test_the_device_of_a_stall_cannot_be_a_charger(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry(entity_stall())
    hass.states.async_set("sensor.box_status", "idle")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    (own,) = {
        each.device_id
        for each in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if each.config_subentry_id
    }
    result = await begin(hass, entry, own)
    assert (result["step_id"], result["errors"]) == ("ha_entities", {"device_id": "own_entity"})


async def test_a_disabled_entity_is_named(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    er.async_get(hass).async_get_or_create(
        "sensor", "acme", "1", suggested_object_id="sleeps", disabled_by=er.RegistryEntryDisabler.INTEGRATION
    )
    result = await go_on(hass, await begin(hass, make_entry()), status="sensor.sleeps")
    assert result["errors"] == {"status": "entity_disabled"}


async def test_a_charger_cannot_be_added_twice(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    device_id = add_device(hass, "peblar")
    entry = make_entry()
    await keep(hass, await to_the_stall(hass, await begin(hass, entry, device_id)))
    other = make_entry(name="Eichenhof", unique_id="e" * 32)
    for building in (entry, other):
        result = await begin(hass, building, device_id)
        result = await go_on(hass, result, **proposed(result))
        assert result["step_id"] == "ha_entities_car"
        assert set(result["errors"].values()) == {"used_elsewhere"}  # type: ignore[union-attr]
    assert len(entry.subentries) == 1


async def test_a_charger_that_is_a_stall_by_another_way_is_refused(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry(stall(serial=SERIAL))
    form = await to_the_stall(hass, await begin(hass, entry, add_device(hass, "peblar")))
    result = await go_on(hass, form, **proposed(form) | STALL | {"name": "Stall 2"})
    assert (result["step_id"], result["errors"]) == ("ha_entities_stall", {"base": "same_charger"})


async def test_a_contactor_or_meter_of_a_stall_cannot_serve_another(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    hass.states.async_set("switch.contactor_1", "off")
    hass.states.async_set("sensor.status", "free", {"options": ["free", "charging"]})
    entry = make_entry(stall(contactor="switch.contactor_1"))
    result = await go_on(hass, await begin(hass, entry), status="sensor.status")
    result = await go_on(hass, result, enable="switch.contactor_1")
    assert result["errors"] == {"enable": "used_elsewhere"}


async def test_the_same_entity_cannot_be_the_contactor_too(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    hass.states.async_set("switch.socket", "off")
    hass.states.async_set("sensor.status", "free", {"options": ["free", "charging"]})
    form = await to_the_stall(hass, await begin(hass, make_entry()), status="sensor.status", enable="switch.socket")
    result = await go_on(hass, form, **proposed(form) | STALL | {"contactor": "switch.socket"})
    assert result["errors"] == {"contactor": "chosen_twice"}


async def test_silent_entities_are_named_before_anything_is_kept(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    device_id = add_device(hass, "peblar")
    hass.states.async_set("sensor.peblar_state", "unavailable")
    form = await to_the_stall(hass, await begin(hass, make_entry(), device_id))
    assert "- None of these entities says anything at the moment.\n" in form["description_placeholders"]["preview"]
    result = await go_on(hass, form, **proposed(form) | STALL)
    assert result["errors"] == {"base": "entities_silent"}


async def test_less_than_the_charger_takes_is_named(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    hass.states.async_set("sensor.status", "free", {"options": ["free", "charging"]})
    hass.states.async_set("number.amps", "10", {"min": 10, "max": 32, "step": 1, "unit_of_measurement": "A"})
    form = await to_the_stall(hass, await begin(hass, make_entry()), status="sensor.status", max_current="number.amps")
    result = await go_on(hass, form, **proposed(form) | STALL | {"max_current_a": 8})
    assert result["errors"] == {"max_current_a": "below_minimum"}


async def test_other_entities_can_be_chosen_again(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    form = await to_the_stall(hass, await begin(hass, make_entry(), add_device(hass, "peblar")))
    again = await go_on(hass, form, **proposed(form) | STALL | {"choose_again": True, "state_f": ["invalid"]})
    assert again["step_id"] == "ha_entities_car"
    assert proposed(again)["status"] == "sensor.peblar_state"
    form = await to_the_stall(hass, again, power=None)
    assert proposed(form)["state_f"] == ["invalid"]  # what was said of the same status stays
    assert proposed(form)["name"] == "Stall 1"


# --- changing a stall -------------------------------------------------------------------------------------------------


async def test_a_stall_of_entities_is_changed_from_what_it_is(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    hass.services.async_register("easee", "set_charger_dynamic_limit", lambda _call: None)
    entry = make_entry()
    await keep(hass, await to_the_stall(hass, await begin(hass, entry, add_device(hass, "easee"))))
    before, (subentry_id,) = only_stall(entry), entry.subentries
    result = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    form = await to_the_stall(hass, result)
    shown = proposed(form)
    assert (shown["name"], shown["state_a"], shown["limit_by_action"]) == ("Stall 1", ["disconnected"], True)
    result = await keep(hass, form, name="Stall A", max_current_a=20)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert only_stall(entry) == ("Stall A", before[1] | {"name": "Stall A", "max_current_a": 20}, before[2])


async def test_another_charger_cannot_take_a_stalls_place(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry()
    await keep(hass, await to_the_stall(hass, await begin(hass, entry, add_device(hass, "peblar"))))
    (subentry_id,) = entry.subentries
    add_device(hass, "nrgkick", serial="SN-0815")
    result = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    changes = {key: value for key, value in SLOTS["nrgkick"].items() if key[:7] not in ("current", "voltage")}
    form = await to_the_stall(hass, result, **changes, rfid=None)
    result = await go_on(hass, form, **proposed(form) | STALL)
    assert (result["step_id"], result["errors"]) == ("ha_entities_stall", {"base": "other_serial"})


# --- the guided test --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "locked", "locked_again"),
    [
        (
            {"enable": "switch.box_charging"},
            "worked. The hardware says so itself.",
            "worked. The hardware says so itself.",
        ),
        (
            {"enable": "button.box_start", "disable": "button.box_stop"},
            "not seen. This is not read back, and the car takes nothing at the moment.",
            "worked. The car showed it.",
        ),
    ],
    ids=["switch", "buttons"],
)
async def test_the_guided_test_tells_what_the_charger_shows(
    hass: HomeAssistant, make_entry: MakeEntry, box: Box, gate: dict[str, str], locked: str, locked_again: str
) -> None:
    await box.plug()
    telling = {key: entity_id for key, entity_id in BOX_SLOTS.items() if key != "enable"}
    entry = await set_up(hass, make_entry(entity_stall(slots=telling | gate)))
    form = await to_the_stall(hass, await entry.start_subentry_reconfigure_flow(hass, "stall-1"))
    result = await go_on(hass, form, **proposed(form) | STALL | {"look_again": True})
    result = await go_on(hass, result, next_step_id="proof")
    with patch("custom_components.evshare.proving.LoopClock", QuickClock):
        result = await go_on(hass, result, unlock=True)
    assert result["step_id"] == "proved"
    assert result["description_placeholders"] == {
        "verdict": "The stall is locked, and that was seen.",
        "findings": (
            f"- **Lock:** {locked}\n"
            "- **Unlock:** worked. The car showed it.\n"
            "- **Current:** worked. The hardware says so itself (6 A, 16 A).\n"
            f"- **Lock again:** {locked_again}"
        ),
    }
    assert not box.allowed
