"""What is proposed for a device: by the preset of its integration, or by class and name."""

from dataclasses import replace

from custom_components.evshare.connectors.entities.presets import load_presets
from custom_components.evshare.connectors.entities.slots import Slot
from custom_components.evshare.connectors.entities.suggest import EntityFacts, propose


def entity(entity_id: str, key: str | None = None, **facts: object) -> EntityFacts:
    return replace(
        EntityFacts(entity_id=entity_id, platform="acme", translation_key=key),
        **facts,  # type: ignore[arg-type]
    )


def test_an_unknown_charger_is_recognised_by_class_and_name() -> None:
    total, session = (
        {"device_class": "energy", "state_class": "total_increasing", "unit": "kWh"},
        {"device_class": "energy"},
    )
    entities = [
        entity("sensor.box_wifi", "wifi_status", options=("connected", "disconnected")),
        entity("sensor.box_state", "charging_state", options=("idle", "connected", "charging", "error")),
        entity("binary_sensor.box_cable", "vehicle_connected", device_class="plug"),
        entity("binary_sensor.box_cloud", "cloud_connected", device_class="connectivity"),
        entity("switch.box_schedule", "charging_schedule"),
        entity("switch.box_charging", "charging_enabled"),
        entity("lock.box_cable", "cable_lock"),
        entity("lock.box", "lock"),
        entity("number.box_brightness", "led_brightness", unit="%"),
        entity("number.box_fuse", "main_fuse_current", device_class="current", unit="A", lowest=6, highest=63),
        entity("number.box_limit", "charging_current_limit", device_class="current", unit="A", lowest=6, highest=32),
        entity("sensor.box_power_l1", "power_l1", device_class="power", unit="W"),
        entity("sensor.box_house", "house_power", device_class="power", unit="W"),
        entity("sensor.box_power", "charging_power", device_class="power", unit="W"),
        entity("sensor.box_today", "energy_today", **total),
        entity("sensor.box_session", "session_energy", **session),
        entity("sensor.box_total", "total_energy", **total),
        entity("sensor.box_l1", "current_l1", device_class="current", unit="A"),
        entity("sensor.box_l2", "current_l2", device_class="current", unit="A"),
        entity("sensor.box_l3", "current_l3", device_class="current", unit="A"),
        entity("sensor.box_v1", "voltage_phase_1", device_class="voltage", unit="V"),
        entity("sensor.box_v2", "voltage_phase_2", device_class="voltage", unit="V"),
        entity("event.box_card", "rfid_card"),
    ]
    proposal = propose(entities, {})
    assert dict(proposal.slots) == {
        Slot.STATUS: "sensor.box_state",
        Slot.PLUGGED: "binary_sensor.box_cable",
        Slot.ENABLE: "switch.box_charging",
        Slot.AUTHORISE: "lock.box",
        Slot.MAX_CURRENT: "number.box_limit",
        Slot.POWER: "sensor.box_power",
        Slot.ENERGY_TOTAL: "sensor.box_total",
        Slot.ENERGY_SESSION: "sensor.box_session",
        Slot.CURRENT_L1: "sensor.box_l1",
        Slot.CURRENT_L2: "sensor.box_l2",
        Slot.CURRENT_L3: "sensor.box_l3",
        Slot.VOLTAGE_L1: "sensor.box_v1",
        Slot.VOLTAGE_L2: "sensor.box_v2",
        Slot.RFID: "event.box_card",
    }
    assert {raw: letter.value for raw, letter in proposal.states.items()} == {
        "idle": "A",
        "connected": "B",
        "charging": "C",
        "error": "E",
    }


def test_a_counter_without_state_class_is_no_register() -> None:
    assert propose([entity("sensor.box", "total_energy", device_class="energy", unit="kWh")], {}).slots == {}
    measured = entity("sensor.box", "total_energy", device_class="energy", unit="kWh", state_class="measurement")
    assert propose([measured], {}).slots == {}


def test_a_switch_that_pauses_is_inverted() -> None:
    proposal = propose([entity("switch.box", "pause_charging")], {})
    assert (proposal.slots, proposal.inverted) == ({Slot.ENABLE: "switch.box"}, {Slot.ENABLE})


def test_a_button_to_stop_is_proposed_only_beside_one_that_starts() -> None:
    start, stop = entity("button.start", "start_charging"), entity("button.stop", "stop_charging")
    assert propose([start, stop], {}).slots == {Slot.ENABLE: "button.start", Slot.DISABLE: "button.stop"}
    assert propose([stop, entity("switch.box", "charge")], {}).slots == {Slot.ENABLE: "switch.box"}


def test_a_number_that_takes_0_is_the_gate_where_there_is_none() -> None:
    number = entity("number.box", "charging_current", unit="A", lowest=0, highest=32)
    assert propose([number], {}).zero_pauses
    assert not propose([number, entity("switch.box", "charge")], {}).zero_pauses
    assert not propose([replace(number, lowest=6)], {}).zero_pauses


def test_a_status_without_known_options_is_judged_by_what_it_says_now() -> None:
    says = entity("sensor.box", "charger_status", state="Available")
    assert propose([says], {}).slots == {Slot.STATUS: "sensor.box"}
    assert propose([replace(says, state="daydreaming")], {}).slots == {}


def test_nothing_is_proposed_for_a_device_that_is_no_charger() -> None:
    thermometer = [
        entity("sensor.t", "temperature", device_class="temperature", unit="°C"),
        entity("sensor.b", None, name="Battery", device_class="battery", unit="%"),
        entity("switch.led", "led"),
    ]
    assert propose(thermometer, load_presets()).slots == {}


def test_a_preset_finds_entities_by_translation_key_else_by_name_or_unique_id() -> None:
    entities = [
        entity("switch.umbenannt", "charge", platform="peblar"),
        entity("sensor.leistung", None, platform="peblar", unique_id="23-45-A4O-MOF_power_total", name="Power"),
        entity("sensor.leistung_1", "power_phase_1", platform="peblar", unique_id="23-45-A4O-MOF_power_total"),
    ]
    assert propose(entities, load_presets()).slots == {
        Slot.ENABLE: "switch.umbenannt",
        Slot.POWER: "sensor.leistung",
    }


def test_an_action_takes_the_place_of_a_number_that_is_not_there() -> None:
    easee = [entity("sensor.box_status", "easee_status", platform="easee")]
    proposal = propose(easee, load_presets(), actions={"easee.set_charger_dynamic_limit"})
    assert (proposal.limit_action, proposal.limit_parameter) == ("easee.set_charger_dynamic_limit", "current")
    assert propose(easee, load_presets()).limit_action is None


def test_states_a_preset_does_not_know_are_guessed() -> None:
    newer = entity("sensor.box", "state", platform="lektrico", options=("available", "charging_paused"))
    states = propose([newer], load_presets()).states
    assert (states["available"], states["charging_paused"]) == ("A", "B")
