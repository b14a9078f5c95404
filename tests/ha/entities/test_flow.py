"""Adding a stall whose charger Home Assistant already has."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockModule, mock_integration

from ..conftest import MakeEntry, measure, stall
from .conftest import entity_stall
from .devices import DEVICES, SERIAL, add_device

STALL = {"name": "Stall 1", "max_current_a": 16, "phase_map": "123", "choose_again": False, "contactor_more": {}}


async def begin(hass: HomeAssistant, entry: MockConfigEntry, device_id: str | None = None) -> SubentryFlowResult:
    """Choose the way and the device; returns the page about what it tells."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "stall"), context={"source": SOURCE_USER})
    result = await go_on(hass, result, next_step_id="ha_entities")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "ha_entities")
    return await go_on(hass, result, **({} if device_id is None else {"device_id": device_id}))


async def go_on(hass: HomeAssistant, result: SubentryFlowResult, **user_input: Any) -> SubentryFlowResult:
    """Answer a step, and wait for the look if one begins."""
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)
    if result["type"] is FlowResultType.SHOW_PROGRESS:
        await hass.async_block_till_done()
        result = await hass.config_entries.subentries.async_configure(result["flow_id"])
    return result


def proposed(result: SubentryFlowResult) -> dict[str, Any]:
    """What a form shows filled in."""
    schema = result["data_schema"]
    assert schema is not None
    fields = {str(field): (field.description or {}).get("suggested_value") for field in schema.schema}
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


async def to_the_stall(hass: HomeAssistant, result: SubentryFlowResult, **changes: Any) -> SubentryFlowResult:
    """Take the proposals over, with changes to the pages of entities; returns the stall's own form."""
    for step in ("ha_entities_car", "ha_entities_control"):
        assert (result["step_id"], result["errors"]) == (step, {})
        names = {str(field) for field in result["data_schema"].schema}  # type: ignore[union-attr]
        filled = proposed(result) | {key: value for key, value in changes.items() if key in names}
        result = await go_on(hass, result, **{key: value for key, value in filled.items() if value is not None})
    assert result["step_id"] == "ha_entities_stall"
    return result


async def keep(hass: HomeAssistant, result: SubentryFlowResult, **changes: Any) -> SubentryFlowResult:
    """Fill in the stall's form with what it proposes, look, and keep it."""
    filled = {key: value for key, value in proposed(result).items() if key != "name"} | STALL | changes
    result = await go_on(hass, result, **filled)
    if result["step_id"] == "confirm_unbilled":
        result = await go_on(hass, result, without_billing=True)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "confirm"), result
    return await go_on(hass, result, next_step_id="keep")


def only_stall(entry: MockConfigEntry) -> tuple[str, dict[str, Any], str | None]:
    (subentry,) = entry.subentries.values()
    return subentry.title, dict(subentry.data), subentry.unique_id


def by_phase(kind: str, entity_ids: list[str]) -> dict[str, str]:
    return {f"{kind}_l{phase}": entity_id for phase, entity_id in enumerate(entity_ids, 1)}


SLOTS: dict[str, dict[str, str]] = {
    "tesla_wall_connector": {
        "status": "sensor.twc_status",
        "plugged": "binary_sensor.twc_vehicle_connected",
        "charging": "binary_sensor.twc_contactor_closed",
        "power": "sensor.twc_total_power",
        "energy_session": "sensor.twc_session_energy",
        **by_phase("current", [f"sensor.twc_phase_{x}_current" for x in "abc"]),
        **by_phase("voltage", [f"sensor.twc_phase_{x}_voltage" for x in "abc"]),
    },
    "peblar": {
        "status": "sensor.peblar_state",
        "power": "sensor.peblar_power",
        "energy_total": "sensor.peblar_lifetime_energy",
        "energy_session": "sensor.peblar_session_energy",
        "phases": "switch.peblar_force_single_phase",
        "rfid": "event.peblar_session_authorization",
        "enable": "switch.peblar_charge",
        "max_current": "number.peblar_charge_limit",
    },
    "nrgkick": {
        "status": "sensor.nrgkick_status",
        "power": "sensor.nrgkick_total_active_power",
        "energy_total": "sensor.nrgkick_total_charged_energy",
        "energy_session": "sensor.nrgkick_charged_energy",
        **by_phase("current", [f"sensor.nrgkick_l{x}_current" for x in (1, 2, 3)]),
        **by_phase("voltage", [f"sensor.nrgkick_l{x}_voltage" for x in (1, 2, 3)]),
        "phases": "number.nrgkick_phase_count",
        "enable": "switch.nrgkick_charging_enabled",
        "max_current": "number.nrgkick_charging_current",
    },
    "openevse": {
        "status": "sensor.openevse_charging_status",
        "plugged": "binary_sensor.openevse_vehicle_connected",
        "power": "sensor.openevse_current_power",
        "energy_total": "sensor.openevse_total_energy_usage",
        "energy_session": "sensor.openevse_usage_this_session",
        "current_l1": "sensor.openevse_charging_current",
        "voltage_l1": "sensor.openevse_charging_voltage",
        "enable": "select.openevse_override_state",
        "max_current": "number.openevse_charge_rate",
    },
    "wallbox": {
        "status": "sensor.wallbox_status_description",
        "power": "sensor.wallbox_charging_power",
        "energy_session": "sensor.wallbox_added_energy",
        "authorise": "lock.wallbox_lock",
        "enable": "switch.wallbox_pause_resume",
        "max_current": "number.wallbox_maximum_charging_current",
    },
    "lektrico": {
        "status": "sensor.lektrico_state",
        "power": "sensor.lektrico_power",
        "energy_total": "sensor.lektrico_lifetime_energy",
        "energy_session": "sensor.lektrico_energy",
        **by_phase("current", [f"sensor.lektrico_current_l{x}" for x in (1, 2, 3)]),
        **by_phase("voltage", [f"sensor.lektrico_voltage_l{x}" for x in (1, 2, 3)]),
        "enable": "button.lektrico_charge_start",
        "disable": "button.lektrico_charge_stop",
        "max_current": "number.lektrico_dynamic_limit",
    },
    "v2c": {
        "plugged": "binary_sensor.v2c_connected",
        "charging": "binary_sensor.v2c_charging",
        "power": "sensor.v2c_charge_power",
        "energy_session": "sensor.v2c_charge_energy",
        "authorise": "switch.v2c_lock_evse",
        "enable": "switch.v2c_pause_session",
        "max_current": "number.v2c_intensity",
    },
    "ocpp": {
        "status": "sensor.cp_status_connector",
        "power": "sensor.cp_power_active_import",
        "energy_total": "sensor.cp_energy_register",
        "energy_session": "sensor.cp_energy_session",
        "rfid": "sensor.cp_id_tag",
        "enable": "switch.cp_charge_control",
        "max_current": "number.cp_maximum_current",
    },
    "easee": {
        "status": "sensor.easee_status",
        "power": "sensor.easee_power",
        "energy_total": "sensor.easee_lifetime_energy",
        "energy_session": "sensor.easee_session_energy",
        "enable": "switch.easee_charger_enabled",
        "limit_now": "sensor.easee_dynamic_charger_limit",
    },
    "zaptec": {
        "status": "sensor.zaptec_charger_mode",
        "power": "sensor.zaptec_charge_power",
        "energy_total": "sensor.zaptec_energy_meter",
        "energy_session": "sensor.zaptec_session_total_charge",
        **by_phase("current", [f"sensor.zaptec_current_phase_{x}" for x in (1, 2, 3)]),
        **by_phase("voltage", [f"sensor.zaptec_voltage_phase_{x}" for x in (1, 2, 3)]),
        "authorise": "button.zaptec_authorize_charging",
        "enable": "button.zaptec_resume_charging",
        "disable": "button.zaptec_stop_charging",
        "max_current": "number.zaptec_charger_max_current",
    },
}

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
    assert f"- Lock: {lock}" in preview
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
    hass.states.async_set("lock.wallbox_lock", "locked", {"friendly_name": "Garage lock"})
    assert form["description_placeholders"]["preview"].split("\n") == [
        "- Car: A car is plugged in",
        "- Power: 0 W",
        "- Meter: unknown",
        "- Current offered: 16 A",
        "- Plug told by: wallbox status description",
        "- Lock told to: wallbox lock, wallbox pause resume",
        "- Current told to: wallbox maximum charging current",
        "- Billed from: nothing",
        "- Cards told by: nothing",
        "- Lock: Held. Only residents charge; after an outage somebody else may, until Home Assistant is back.",
        "- This goes over the maker's cloud: it is told of more current at most every 30 seconds.",
    ]


async def test_a_cloud_is_named_in_the_language_of_home_assistant(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    mock_integration(hass, MockModule("zaptec", partial_manifest={"iot_class": "cloud_polling"}))
    hass.config.language = "de"
    form = await to_the_stall(hass, await begin(hass, make_entry(), add_device(hass, "zaptec")))
    assert "- Das geht über die Cloud des Herstellers" in form["description_placeholders"]["preview"]


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
    assert "- Lock: Held." in form["description_placeholders"]["preview"]
    await keep(hass, form)
    assert only_stall(entry)[1]["zero_pauses"] is True


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
