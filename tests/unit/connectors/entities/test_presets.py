"""The presets against what the integrations themselves say.

Names and states of Home Assistant's own integrations are compared with the texts that come with the Home Assistant
under test, so that a renamed entity is noticed. Custom integrations are compared with lists written down from their
sources (see ``presets.yaml`` for the versions). What a state means is written by hand, from the connector reference.
"""

import ast
import json
from pathlib import Path
from typing import Any

import homeassistant
import pytest

from custom_components.evshare.connectors.entities.presets import PresetError, load_presets, parse_presets
from custom_components.evshare.connectors.entities.slots import Slot

COMPONENTS = Path(homeassistant.__file__).parent / "components"

UNNAMED = {
    "peblar": {"sensor.power_total", "sensor.voltage"},
    "lektrico": {"sensor.power", "sensor.energy", "sensor.current", "sensor.voltage"},
    "v2c": {"binary_sensor.charging"},
    "ocpp": {
        "sensor.status_connector",
        "switch.charge_control",
        "number.maximum_current",
        "sensor.power_active_import",
        "sensor.energy_active_import_register",
        "sensor.energy_session",
        "sensor.id_tag",
    },
}
"""Entities without translation key: their name comes from the device class, or the integration translates nothing."""

CUSTOM: dict[str, dict[str, set[str]]] = {
    "ocpp": {"sensor": set(), "switch": set(), "number": set()},
    "easee": {
        "sensor": {"easee_status", "power", "lifetime_energy", "session_energy", "dynamic_charger_limit"},
        "switch": {"is_enabled"},
    },
    "zaptec": {
        "sensor": {
            "charger_operation_mode",
            "total_charge_power",
            "signed_meter_value",
            "total_charge_power_session",
            *(f"{kind}_phase{phase}" for kind in ("current", "voltage") for phase in (1, 2, 3)),
        },
        "button": {"authorize_charge", "resume_charging", "stop_charging"},
        "number": {"charger_max_current"},
    },
}

STATES: dict[str, dict[str, set[str]]] = {
    "tesla_wall_connector": {
        "A": {"not_connected"},
        "B": {"connected", "ready", "negotiating", "waiting_car", "charging_finished"},
        "C": {"charging", "charging_reduced"},
        "E": {"error"},
        "X": {"booting"},
    },
    "peblar": {
        "A": {"no_ev_connected"},
        "B": {"suspended"},
        "C": {"charging"},
        "E": {"error"},
        "F": {"fault"},
        "X": {"invalid"},
    },
    "nrgkick": {"A": {"standby"}, "B": {"connected", "wakeup"}, "C": {"charging"}, "E": {"error"}},
    "openevse": {
        "A": {"not_connected"},
        "B": {"connected"},
        "C": {"charging", "vent_required"},
        "F": {
            "over_temperature",
            "diode_check_failed",
            "stuck_relay",
            "gfci_fault",
            "gfci_self_test_failure",
            "no_ground",
        },
        "X": {"sleeping", "disabled"},
    },
    "wallbox": {
        "A": {"Ready", "Locked"},
        "B": {
            "Locked, car connected",
            "Paused",
            "Scheduled",
            "Waiting",
            "Waiting for car demand",
            "Waiting in queue by Power Sharing",
            "Waiting in queue by Power Boost",
            "Waiting in queue by Eco-Smart",
        },
        "C": {"Charging", "Discharging"},
        "E": {"Waiting MID failed", "Waiting MID safety margin exceeded", "Error"},
        "X": {"Disconnected", "Updating", "Unknown"},
    },
    "lektrico": {
        "A": {"available"},
        "B": {"connected", "need_auth", "paused", "paused_by_scheduler"},
        "C": {"charging"},
        "E": {"error"},
        "X": {"locked", "updating_firmware"},
    },
    "v2c": {},
    "blue_current": {"A": {"available"}, "C": {"charging"}, "E": {"error"}, "X": {"unavailable", "offline"}},
    "ohme": {"A": {"unplugged"}, "B": {"pending_approval", "plugged_in", "paused", "finished"}, "C": {"charging"}},
    "ocpp": {
        "A": {"Available", "Reserved"},
        "B": {"Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing"},
        "C": {"Charging"},
        "F": {"Faulted"},
        "X": {"Unavailable"},
    },
    "easee": {
        "A": {"disconnected"},
        "B": {
            "awaiting_start",
            "ready_to_charge",
            "awaiting_authorization",
            "awaiting_load_balancing",
            "awaiting_smart_start",
            "awaiting_scheduled_start",
            "authenticating",
            "de_authorizing",
            "paused_due_to_equalizer",
            "completed",
            "start_charging",
            "stop_charging",
        },
        "C": {"charging"},
        "E": {
            "error",
            "erratic_ev",
            "error_temperature_too_high",
            "error_dead_powerboard",
            "error_overcurrent",
            "error_pen_fault",
        },
        "X": {"offline", "searching_for_master"},
    },
    "zaptec": {
        "A": {"disconnected"},
        "B": {"connected_requesting", "connected_finished"},
        "C": {"connected_charging"},
        "X": {"unknown"},
    },
}

NO_LIFETIME_REGISTER = {"tesla_wall_connector", "wallbox", "v2c", "blue_current", "ohme"}
"""Connector reference 0.5 and 1.4, and what these integrations offer: what they count cannot be billed from."""


def own_texts(platform: str) -> dict[str, Any]:
    """The entities an integration of Home Assistant has texts for."""
    entity: dict[str, Any] = json.loads((COMPONENTS / platform / "strings.json").read_text("utf-8"))["entity"]
    return entity


def described(platform: str, name: str) -> bool:
    """Whether an integration of Home Assistant describes an entity by this key."""
    domain, _, key = name.partition(".")
    return f'key="{key}"' in (COMPONENTS / platform / f"{domain}.py").read_text("utf-8")


def test_every_integration_is_covered() -> None:
    assert set(load_presets()) == set(STATES)


@pytest.mark.parametrize("platform", sorted(set(STATES) - set(CUSTOM)))
def test_every_entity_and_state_of_a_core_integration_is_there(platform: str) -> None:
    preset, texts = load_presets()[platform], own_texts(platform)
    for names in preset.slots.values():
        for name in names:
            domain, _, key = name.partition(".")
            unnamed = name in UNNAMED.get(platform, set())
            assert described(platform, name) if unnamed else key in texts.get(domain, {}), name
    status = preset.slots.get(Slot.STATUS)
    if status is not None and preset.states and platform != "wallbox":  # Wallbox's states are no keys
        assert set(preset.states) == set(texts["sensor"][status[0].partition(".")[2]]["state"])


def test_every_state_of_wallbox_is_there() -> None:
    """Its library is not installed here, so its words are read from the source."""
    module = ast.parse((COMPONENTS / "wallbox" / "const.py").read_text("utf-8"))
    (words,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "ChargerStatus")
    said = {
        node.value.value for node in words.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert set(load_presets()["wallbox"].states) == said


@pytest.mark.parametrize("platform", sorted(CUSTOM))
def test_every_entity_of_a_custom_integration_is_there(platform: str) -> None:
    for names in load_presets()[platform].slots.values():
        for name in names:
            domain, _, key = name.partition(".")
            assert name in UNNAMED.get(platform, set()) or key in CUSTOM[platform].get(domain, set()), name


@pytest.mark.parametrize("platform", sorted(STATES))
def test_states_mean_what_the_reference_says(platform: str) -> None:
    meant: dict[str, set[str]] = {}
    for raw, letter in load_presets()[platform].states.items():
        meant.setdefault(letter.value, set()).add(raw)
    assert meant == STATES[platform]


def test_nothing_is_billed_from_a_counter_that_does_not_last() -> None:
    without = {platform for platform, preset in load_presets().items() if Slot.ENERGY_TOTAL not in preset.slots}
    assert without == NO_LIFETIME_REGISTER


def test_switches_that_keep_cars_out_are_inverted() -> None:
    inverted = {platform: preset.inverted for platform, preset in load_presets().items() if preset.inverted}
    assert inverted == {"v2c": {Slot.AUTHORISE, Slot.ENABLE}, "blue_current": {Slot.ENABLE}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "presets: got no mapping"),
        ("x: {slots: {engine: sensor.a}}", r"x: slots: got 'engine'; accepted: status"),
        ("x: {slots: {enable: sensor.a}}", r"x: enable: got 'sensor.a'; accepted: domain.key of button"),
        ("x: {slots: {status: sensor}}", r"x: status: got 'sensor'"),
        ("x: {states: {idle: Q}}", r"x: states: idle: got 'Q'; accepted: A, B"),
        ("x: {inverted: [power]}", r"x: inverted: got \[.*power.*\]; accepted"),
        ("x: {colour: red}", r"x: got \['colour'\]; accepted"),
    ],
)
def test_a_broken_preset_is_named(content: str, message: str) -> None:
    with pytest.raises(PresetError, match=message):
        parse_presets(content)
