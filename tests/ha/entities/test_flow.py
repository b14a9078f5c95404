"""Adding a stall whose charger Home Assistant already has: what is proposed, shown and kept."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockModule, mock_integration

from ..conftest import MakeEntry, measure
from ..stall_dialogue import go_on, only_stall
from .devices import DEVICES, SERIAL, SLOTS, add_device
from .dialogue import STALL, begin, keep, proposed, to_the_stall

FURTHER: dict[str, dict[str, Any]] = {
    "peblar": {"card_attribute": "token"},
    "openevse": {"open_option": "active", "closed_option": "disabled"},
    "v2c": {"inverted": ["enable", "authorise"]},
    "easee": {
        "limit_action": {
            "action": "easee.set_charger_dynamic_limit",
            "parameter": "current",
            "data": {"device_id": "DEVICE"},
        },
        "zero_pauses": True,
    },
}

SEEN: dict[str, tuple[str, str, str]] = {
    # a car is there and does not charge, but at nrgkick; the register; what locks
    "tesla_wall_connector": ("A car is plugged in", "unknown", "Monitor"),
    "peblar": ("A car is plugged in", "880.321 kWh", "Held"),
    "nrgkick": ("A car is plugged in and charging", "1204.500 kWh", "Held"),
    "openevse": ("A car is plugged in", "512.750 kWh", "Held"),
    "wallbox": ("A car is plugged in", "unknown", "Held"),
    "lektrico": ("A car is plugged in", "301.250 kWh", "Held"),
    "v2c": ("A car is plugged in", "unknown", "Held"),
    "ocpp": ("A car is plugged in", "77.500 kWh", "Held"),
    "easee": ("A car is plugged in", "2431.500 kWh", "Held"),
    "zaptec": ("A car is plugged in", "5120.750 kWh", "Held"),
}


@pytest.mark.parametrize("platform", sorted(DEVICES))
async def test_the_charger_of_a_known_integration_is_proposed_shown_and_kept(
    hass: HomeAssistant, make_entry: MakeEntry, platform: str
) -> None:
    hass.services.async_register("easee", "set_charger_dynamic_limit", lambda _call: None)
    device_id = add_device(hass, platform)
    entry = make_entry()
    form = await to_the_stall(hass, await begin(hass, entry, device_id))
    pilot, register, lock = SEEN[platform]
    preview = form["description_placeholders"]["preview"]
    assert f"- Car: {pilot}\n" in preview
    assert f"- Meter: {register}\n" in preview
    assert f"**Lock:** {lock}" in preview
    result = await keep(hass, form)
    assert result["type"] is FlowResultType.CREATE_ENTRY

    title, data, unique_id = only_stall(entry)
    states = data.pop("states", {})
    further = FURTHER.get(platform, {})
    if "limit_action" in further:
        further = further | {"limit_action": {**further["limit_action"], "data": {"device_id": device_id}}}
    assert data == {
        "connector": "ha_entities",
        "name": "Stall 1",
        "slots": SLOTS[platform],
        **further,
        "max_current_a": 16,
        "phase_map": [1, 2, 3],
        "contactor": None,
        "meter": None,
        "tag_reader": None,
        "serial": SERIAL,
    }
    status = SLOTS[platform].get("status")
    assert (states == {}) is (status is None)
    if status is not None:
        assert "X" not in states.values()
    key = er.async_get(hass).async_get(status or SLOTS[platform]["plugged"])
    assert key is not None
    assert (title, unique_id) == ("Stall 1", f"stall:ha_entities:{key.id}")


async def test_the_preview_says_what_fills_each_port(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    form = await to_the_stall(hass, await begin(hass, make_entry(), add_device(hass, "wallbox")))
    assert form["description_placeholders"]["preview"].split("\n") == [
        "- Car: A car is plugged in",
        "- Power: 0 W",
        "- Meter: unknown",
        "- Current offered: 16 A",
        "",
        "**What it is made of:**",
        "",
        "- Plug told by: wallbox status description",
        "- Lock told to: wallbox lock, wallbox pause resume",
        "- Current told to: wallbox maximum charging current",
        "- Billed from: nothing",
        "- Cards told by: nothing",
        "",
        "**Lock:** Held. Only residents charge; after an outage somebody else may, until Home Assistant is back.",
        "",
        "This goes over the maker's cloud: it is told of more current at most every 30 seconds.",
    ]


async def test_an_action_is_named_where_it_sets_the_current(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    hass.services.async_register("easee", "set_charger_dynamic_limit", lambda _call: None)
    entry = make_entry()
    form = await to_the_stall(hass, await begin(hass, entry, add_device(hass, "easee")))
    shown = form["description_placeholders"]
    assert "- Current told to: easee.set_charger_dynamic_limit\n" in shown["preview"]
    assert "- Current offered: 32 A\n" in shown["preview"]
    assert shown["action"] == "easee.set_charger_dynamic_limit"
    await keep(hass, form, limit_by_action=False)
    assert "limit_action" not in only_stall(entry)[1]


async def test_a_cloud_is_named_in_the_language_of_home_assistant(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    mock_integration(hass, MockModule("zaptec", partial_manifest={"iot_class": "cloud_polling"}))
    hass.config.language = "de"
    form = await to_the_stall(hass, await begin(hass, make_entry(), add_device(hass, "zaptec")))
    assert "\n\nDas geht über die Cloud des Herstellers" in form["description_placeholders"]["preview"]


async def test_a_look_commands_nothing(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    called: list[str] = []
    hass.bus.async_listen("call_service", lambda event: called.append(event.data["service"]))
    await keep(hass, await to_the_stall(hass, await begin(hass, make_entry(), add_device(hass, "peblar"))))
    assert called == []


async def test_a_stall_without_trustworthy_register_asks_for_a_meter(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    measure(hass, "sensor.meter", 12.5, "kWh")
    entry = make_entry()
    form = await to_the_stall(hass, await begin(hass, entry, add_device(hass, "wallbox")))
    result = await go_on(hass, form, **proposed(form) | STALL)
    assert result["step_id"] == "confirm_unbilled"
    form = await to_the_stall(hass, await begin(hass, entry, None), status="sensor.wallbox_status_description")
    result = await go_on(hass, form, **proposed(form) | STALL | {"meter": "sensor.meter"})
    assert result["step_id"] == "confirm"


# --- entities one by one ----------------------------------------------------------------------------------------------


async def test_entities_can_be_chosen_without_a_device(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    hass.states.async_set("sensor.dumb_status", "ready", {"options": ["free", "ready", "charging", "broken"]})
    hass.states.async_set("input_boolean.socket", "off")
    entry = make_entry()
    form = await to_the_stall(
        hass, await begin(hass, entry), status="sensor.dumb_status", enable="input_boolean.socket"
    )
    shown = proposed(form)
    assert (shown["state_a"], shown["state_b"], shown["state_c"]) == (["free"], ["ready"], ["charging"])
    result = await keep(hass, form, state_f=["broken"], inverted=["enable"])
    assert result["type"] is FlowResultType.CREATE_ENTRY
    _, data, unique_id = only_stall(entry)
    assert data["states"] == {"free": "A", "ready": "B", "charging": "C", "broken": "F"}
    assert data["inverted"] == ["enable"]
    assert (data["serial"], unique_id) == (None, "stall:ha_entities:sensor.dumb_status")


async def test_a_socket_with_a_meter_is_a_stall_that_waits_with_open_gate(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    hass.states.async_set("sensor.socket_power", "3", {"unit_of_measurement": "W", "device_class": "power"})
    hass.states.async_set("switch.socket", "off")
    form = await to_the_stall(
        hass, await begin(hass, make_entry()), power="sensor.socket_power", enable="switch.socket"
    )
    assert "- Car: It is not known whether a car is plugged in\n" in form["description_placeholders"]["preview"]
    assert "- Plug told by: nothing\n" in form["description_placeholders"]["preview"]


async def test_a_number_that_takes_0_is_proposed_as_the_lock_of_a_charger_without_one(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    hass.states.async_set("sensor.dumb_status", "ready", {"options": ["free", "ready", "charging"]})
    hass.states.async_set("number.amps", "0", {"min": 0, "max": 16, "step": 1, "unit_of_measurement": "A"})
    entry = make_entry()
    form = await to_the_stall(hass, await begin(hass, entry), status="sensor.dumb_status", max_current="number.amps")
    assert proposed(form)["zero_pauses"] is True
    assert "**Lock:** Held." in form["description_placeholders"]["preview"]
    await keep(hass, form)
    assert only_stall(entry)[1]["zero_pauses"] is True
