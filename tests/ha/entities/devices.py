"""Chargers of other integrations as the registries know them: written down from the integrations' sources.

Home Assistant's own from its 2026.11 release, the custom ones from lbbrhzn/ocpp 0.8.0, nordicopen/easee_hass 0.9.74
and custom-components/zaptec 0.8.7. Among the entities that are used stand some that are not.
"""

from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

W = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}
KW = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "kW"}
A = {"device_class": "current", "state_class": "measurement", "unit_of_measurement": "A"}
V = {"device_class": "voltage", "state_class": "measurement", "unit_of_measurement": "V"}
KWH = {"device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "kWh"}
KWH_PLAIN = {"device_class": "energy", "unit_of_measurement": "kWh"}
PLUG, CHARGES = {"device_class": "plug"}, {"device_class": "battery_charging"}


def amps(low: float, high: float, step: float = 1, **more: Any) -> dict[str, Any]:
    """A number in ampere."""
    return {"min": low, "max": high, "step": step, "unit_of_measurement": "A", **more}


@dataclass(frozen=True)
class Known:
    """One entity: `key` is its translation key, and the end of its unique id."""

    entity_id: str
    key: str
    state: str = "unknown"
    attributes: dict[str, Any] = field(default_factory=dict)
    translated: bool = True


def options(*names: str) -> dict[str, Any]:
    """A sensor or select with these states."""
    return {"options": list(names)}


DEVICES: dict[str, list[Known]] = {
    "tesla_wall_connector": [
        Known(
            "sensor.twc_status",
            "status",
            "waiting_car",
            options(
                "booting",
                "not_connected",
                "connected",
                "ready",
                "negotiating",
                "error",
                "charging_finished",
                "waiting_car",
                "charging_reduced",
                "charging",
            ),
        ),
        Known("sensor.twc_status_code", "status_code", "9"),
        Known("binary_sensor.twc_vehicle_connected", "vehicle_connected", "on", PLUG),
        Known("binary_sensor.twc_contactor_closed", "contactor_closed", "off", CHARGES),
        Known("sensor.twc_total_power", "total_power_w", "0.0", KW),
        Known("sensor.twc_energy", "energy_kwh", "4213.877", KWH),
        Known("sensor.twc_session_energy", "session_energy_wh", "0.0", KWH),
        Known("sensor.twc_grid_voltage", "grid_v", "231.4", V),
        *(Known(f"sensor.twc_phase_{x}_current", f"current_{x}_a", "0.1", A) for x in "abc"),
        *(Known(f"sensor.twc_phase_{x}_voltage", f"voltage_{x}_v", "230.1", V) for x in "abc"),
    ],
    "peblar": [
        Known(
            "sensor.peblar_state",
            "cp_state",
            "suspended",
            options("suspended", "charging", "error", "fault", "invalid", "no_ev_connected"),
        ),
        Known("switch.peblar_charge", "charge", "off"),
        Known("switch.peblar_force_single_phase", "force_single_phase", "off"),
        Known("switch.peblar_socket_lock", "socket_lock", "off"),
        Known("number.peblar_charge_limit", "charge_current_limit", "16", amps(6, 20, device_class="current")),
        Known("sensor.peblar_power", "power_total", "0", W, translated=False),
        Known("sensor.peblar_session_energy", "energy_session", "1.23", KWH),
        Known("sensor.peblar_lifetime_energy", "energy_total", "880.321", KWH),
        Known("event.peblar_session_authorization", "session_authorization"),
    ],
    "nrgkick": [
        Known(
            "sensor.nrgkick_status",
            "status",
            "charging",
            options("standby", "connected", "charging", "error", "wakeup"),
        ),
        Known("switch.nrgkick_charging_enabled", "charging_enabled", "on"),
        Known("number.nrgkick_charging_current", "current_set", "13.0", amps(6, 32, 0.1, device_class="current")),
        Known("number.nrgkick_phase_count", "phase_count", "3", {"min": 1, "max": 3, "step": 1}),
        Known("sensor.nrgkick_total_active_power", "total_active_power", "8970", W),
        Known("sensor.nrgkick_charged_energy", "charged_energy", "3.5", KWH),
        Known("sensor.nrgkick_total_charged_energy", "total_charged_energy", "1204.5", KWH),
        *(Known(f"sensor.nrgkick_l{x}_current", f"l{x}_current", "13.0", A) for x in (1, 2, 3)),
        *(Known(f"sensor.nrgkick_l{x}_voltage", f"l{x}_voltage", "230.0", V) for x in (1, 2, 3)),
    ],
    "openevse": [
        Known("sensor.openevse_charging_status", "status", "sleeping", options("charging", "connected", "sleeping")),
        Known("binary_sensor.openevse_vehicle_connected", "vehicle", "on", PLUG),
        Known("binary_sensor.openevse_mqtt_connected", "mqtt_connected", "on", {"device_class": "connectivity"}),
        Known("select.openevse_override_state", "override_state", "disabled", options("auto", "active", "disabled")),
        Known("switch.openevse_manual_override", "manual_override", "on"),
        Known("number.openevse_charge_rate", "charge_rate", "24", amps(6, 48, device_class="current")),
        Known("sensor.openevse_current_power", "current_power", "0", W),
        Known("sensor.openevse_total_energy_usage", "usage_total", "512.75", KWH),
        Known("sensor.openevse_daily_energy_usage", "total_day", "4.2", KWH),
        Known("sensor.openevse_usage_this_session", "usage_session", "0.0", KWH),
        Known("sensor.openevse_charging_current", "charging_current", "0", A),
        Known("sensor.openevse_charging_voltage", "charging_voltage", "240", V),
    ],
    "wallbox": [
        Known("sensor.wallbox_status_description", "status_description", "Locked, car connected"),
        Known("lock.wallbox_lock", "lock", "locked"),
        Known("switch.wallbox_pause_resume", "pause_resume", "unavailable"),
        Known(
            "number.wallbox_maximum_charging_current",
            "maximum_charging_current",
            "16",
            {"min": 6, "max": 32, "step": 1},
        ),
        Known("number.wallbox_maximum_icp_current", "maximum_icp_current", "25", {"min": 6, "max": 255, "step": 1}),
        Known("sensor.wallbox_charging_power", "charging_power", "0.0", KW),
        Known("sensor.wallbox_added_energy", "added_energy", "7.42", KWH),
        Known("sensor.wallbox_added_green_energy", "added_green_energy", "0.0", KWH),
        Known("sensor.wallbox_max_available_power", "max_available_power", "32", A),
    ],
    "lektrico": [
        Known(
            "sensor.lektrico_state",
            "state",
            "need_auth",
            options("available", "charging", "connected", "error", "locked", "need_auth", "paused"),
        ),
        Known("button.lektrico_charge_start", "charge_start"),
        Known("button.lektrico_charge_stop", "charge_stop"),
        Known("switch.lektrico_lock", "lock", "off"),
        Known("number.lektrico_dynamic_limit", "dynamic_limit", "32", amps(0, 32)),
        Known("sensor.lektrico_power", "power", "0.0", KW, translated=False),
        Known("sensor.lektrico_energy", "energy", "0.0", KWH_PLAIN, translated=False),
        Known("sensor.lektrico_lifetime_energy", "lifetime_energy", "301.25", KWH),
        *(Known(f"sensor.lektrico_current_l{x}", f"current_l{x}", "0", A) for x in (1, 2, 3)),
        *(Known(f"sensor.lektrico_voltage_l{x}", f"voltage_l{x}", "230", V) for x in (1, 2, 3)),
    ],
    "v2c": [
        Known("binary_sensor.v2c_connected", "connected", "on", PLUG),
        Known("binary_sensor.v2c_charging", "charging", "off", CHARGES, translated=False),
        Known("binary_sensor.v2c_ready", "ready", "off"),
        Known("switch.v2c_pause_session", "paused", "on"),
        Known("switch.v2c_lock_evse", "locked", "on"),
        Known("switch.v2c_dynamic", "dynamic", "off"),
        Known("number.v2c_intensity", "intensity", "16", amps(6, 32, device_class="current")),
        Known("number.v2c_max_intensity", "max_intensity", "32", amps(6, 32, device_class="current")),
        Known("sensor.v2c_charge_power", "charge_power", "0", W),
        Known("sensor.v2c_house_power", "house_power", "431", W),
        Known("sensor.v2c_charge_energy", "charge_energy", "0.0", KWH),
    ],
    "ocpp": [
        Known("sensor.cp_status", "status", "Available", translated=False),
        Known("sensor.cp_status_connector", "status_connector", "Preparing", translated=False),
        Known("switch.cp_charge_control", "charge_control", "off", translated=False),
        Known("switch.cp_availability", "availability", "on", translated=False),
        Known("number.cp_maximum_current", "maximum_current", "32", amps(0, 32), translated=False),
        Known("sensor.cp_power_active_import", "power_active_import", "0.0", KW, translated=False),
        Known("sensor.cp_energy_register", "energy_active_import_register", "77.5", KWH, translated=False),
        Known("sensor.cp_energy_session", "energy_session", "0.0", KWH, translated=False),
        Known("sensor.cp_id_tag", "id_tag", "", translated=False),
    ],
    "easee": [
        Known("sensor.easee_status", "easee_status", "awaiting_authorization"),
        Known("switch.easee_charger_enabled", "is_enabled", "off"),
        Known("switch.easee_smart_charging", "smart_charging", "off"),
        Known("sensor.easee_power", "power", "0.0", KW),
        Known("sensor.easee_session_energy", "session_energy", "0.0", KWH_PLAIN),
        Known("sensor.easee_lifetime_energy", "lifetime_energy", "2431.5", KWH),
        Known("sensor.easee_energy_last_hour", "energy_last_hour", "0.0", KWH_PLAIN),
        Known("sensor.easee_dynamic_charger_limit", "dynamic_charger_limit", "32", A),
    ],
    "zaptec": [
        Known(
            "sensor.zaptec_charger_mode",
            "charger_operation_mode",
            "connected_requesting",
            options("unknown", "disconnected", "connected_requesting", "connected_charging", "connected_finished"),
        ),
        Known("switch.zaptec_charging", "charger_operation_mode", "unavailable"),
        Known("button.zaptec_authorize_charging", "authorize_charge"),
        Known("button.zaptec_resume_charging", "resume_charging", "unavailable"),
        Known("button.zaptec_stop_charging", "stop_charging"),
        Known("button.zaptec_restart_charger", "restart_charger"),
        Known("number.zaptec_charger_max_current", "charger_max_current", "32", amps(0, 32, device_class="current")),
        Known("number.zaptec_charger_min_current", "charger_min_current", "6", amps(0, 32, device_class="current")),
        Known("sensor.zaptec_charge_power", "total_charge_power", "0", W),
        Known("sensor.zaptec_session_total_charge", "total_charge_power_session", "0.0", KWH),
        Known("sensor.zaptec_energy_meter", "signed_meter_value", "5120.75", KWH),
        Known("sensor.zaptec_completed_session_energy", "completed_session_energy", "12.5", KWH),
        *(Known(f"sensor.zaptec_current_phase_{x}", f"current_phase{x}", "0", A) for x in (1, 2, 3)),
        *(Known(f"sensor.zaptec_voltage_phase_{x}", f"voltage_phase{x}", "231", V) for x in (1, 2, 3)),
    ],
}

SERIAL = "SN-4711"
UNIQUE_ID = {"ocpp": "ocpp.cp.{key}.sensor"}
"""How unique ids end otherwise (ocpp/const.py, sensor_unique_id)."""


def add_device(hass: HomeAssistant, platform: str, *, serial: str | None = SERIAL) -> str:
    """Put an integration's charger into the registries, with what its entities say; returns the device's id."""
    entry = MockConfigEntry(domain=platform, title=platform)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(platform, "charger-1")},
        name=f"{platform} in the garage",
        model="Charger",
        serial_number=serial,
        sw_version="1.2.3",
    )
    registry = er.async_get(hass)
    for known in DEVICES[platform]:
        domain, _, name = known.entity_id.partition(".")
        registered = registry.async_get_or_create(
            domain,
            platform,
            UNIQUE_ID.get(platform, "charger-1_{key}").format(key=known.key)
            + ("" if domain == "sensor" else f".{domain}"),
            config_entry=entry,
            device_id=device.id,
            suggested_object_id=name,
            translation_key=known.key if known.translated else None,
            original_device_class=known.attributes.get("device_class"),
            original_name=known.key.replace("_", " ").title() if not known.translated else None,
            unit_of_measurement=known.attributes.get("unit_of_measurement"),
            capabilities={
                key: value
                for key, value in known.attributes.items()
                if key in ("options", "state_class", "min", "max", "step")
            },
        )
        assert registered.entity_id == known.entity_id
        hass.states.async_set(known.entity_id, known.state, known.attributes)
    return device.id


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
"""What of them belongs into which slot (connector reference, `ha_entities.presets`)."""
