"""What a helper on the internet may see of a building: no names, no cards, no tokens, no addresses."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_HOST, CONF_MAC, CONF_NAME, CONF_PASSWORD, CONF_TOKEN, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .building.stall import RunningStall
from .connectors.contactor import ContactorGate
from .connectors.warned import warnings
from .const import (
    CONF_APP_TOKEN,
    CONF_APP_URL,
    CONF_HA_USER_ID,
    CONF_IDENTITY,
    CONF_MDNS,
    CONF_OFFICE_URL,
    CONF_SERIAL,
)
from .devices import EvshareConfigEntry
from .model import Reading, StallId

_SETTINGS: Final = {
    CONF_APP_TOKEN,
    CONF_APP_URL,
    CONF_OFFICE_URL,
    CONF_NAME,
    CONF_HOST,
    CONF_MAC,
    CONF_MDNS,
    CONF_SERIAL,
    CONF_IDENTITY,
    CONF_USERNAME,
    CONF_PASSWORD,
    CONF_TOKEN,
    CONF_HA_USER_ID,
}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: EvshareConfigEntry) -> dict[str, Any]:
    """The building as a whole."""
    building = entry.runtime_data
    return {
        "settings": async_redact_data(entry.data, _SETTINGS),
        "residents": len(building.residents),
        "link": {
            "state": building.link_state.value,
            "problem": building.link_problem,
            "records_waiting": building.records_waiting,
        },
        "journal_failed": building.journal_failed,
        "cards_unreadable": building.cards_unreadable,
        "unattributed_wh": building.unattributed_wh,
        "surplus_w": building.surplus_w,
        "headroom_a": building.headroom_a,
        "stalls": [_stall(stall, entry.subentries[stall_id].data) for stall_id, stall in building.stalls.items()],
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: EvshareConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """One stall; the building's own device shows the building."""
    stall = entry.runtime_data.stalls.get(StallId(device.config_subentry_id or ""))
    if stall is None:
        return await async_get_config_entry_diagnostics(hass, entry)
    return _stall(stall, entry.subentries[stall.config.id].data)


def _stall(stall: RunningStall, settings: Mapping[str, Any]) -> dict[str, Any]:
    state, ports, identity = stall.state, stall.connector.ports, stall.identity
    session, failsafe = state.session, stall.connector.failsafe
    return {
        "settings": async_redact_data(settings, _SETTINGS),
        "firmware": identity.firmware if identity else None,
        "model": identity.model if identity else None,
        "ports": {
            "plug": ports.plug,
            "limit": ports.limit,
            "gate": ports.gate,
            "register": ports.register,
            "identity": ports.identity,
            "ev_id": ports.ev_id,
            "on_silence": ports.on_silence.value,
            "on_reboot": ports.on_reboot.value,
            "on_unplug": ports.on_unplug.value,
        },
        "lock_quality": stall.lock_quality.value,
        "lock_quality_planned": stall.config.lock_quality.value,
        "failsafe": None if failsafe is None else {"current_a": failsafe.current_a, "timeout_s": failsafe.timeout_s},
        "unusable": stall.wiring.unusable,
        "found_open": stall.found_open,
        "warnings": sorted(warnings(stall.connector)),
        "contactor": asdict(stall.connector.life) if isinstance(stall.connector, ContactorGate) else None,
        "billable": stall.config.billable,
        "status": state.status.value,
        "online": state.online,
        "problem": stall.problem,
        "fault": state.fault,
        "plugged": state.plugged,
        "plug_epoch": state.plug_epoch,
        "offered_a": state.offered_a,
        "limit_reason": state.limit_reason.value,
        "paused": state.paused,
        "lock_failed": state.lock_failed,
        "max_current_a": stall.max_current_a,
        "session": None
        if session is None
        else {
            "credential_kind": session.credential.kind.value,
            "mode": session.mode.value,
            "authorised_at": session.authorised_at.isoformat(),
            "started_at": session.started_at.isoformat() if session.started_at else None,
            "energy_wh": session.energy_wh,
        },
        "reading": None if state.reading is None else _reading(state.reading),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    """A reading without the card that lies on the reader, the car's identifier and the serial number."""
    return {
        "at": reading.at.isoformat(),
        "pilot": reading.pilot.value,
        "power_w": reading.power_w,
        "currents_a": reading.currents_a,
        "register_wh": reading.register_wh,
        "session_wh": reading.session_wh,
        "limit_a": reading.limit_a,
        "enabled": reading.enabled,
        "card_present": reading.card_uid is not None,
        "car_told_itself": reading.ev_id is not None,
        "fault": reading.fault,
    }
