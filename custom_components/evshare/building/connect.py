"""Builds a stall's connector inside Home Assistant: its shared Modbus links, HTTP session and entities."""

import logging

from homeassistant.components.modbus import async_get_unit
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util

from ..connectors.clock import Clock, LoopClock
from ..connectors.entities.hass import async_entity_connector
from ..connectors.entities.slots import EntitySettings
from ..connectors.equipment import equipped
from ..connectors.factory import build_connector, modbus_params, modbus_unit_ids
from ..connectors.hass_contactor import stall_equipment
from ..connectors.ports import Connector
from ..connectors.profile import load_profile
from ..connectors.reading_plan import Cuts
from ..const import CONF_CONNECTOR, CONF_CONTACTOR, CONNECTOR_ENTITIES, CONNECTOR_OCPP
from .contactors import Contactors
from .ocpp_listener import async_ocpp_connector
from .remembered import Remembered
from .silent import SilentConnector
from .wiring import StallWiring, connector_settings, own_profiles_folder

_LOGGER = logging.getLogger(__name__)


async def async_connect(
    hass: HomeAssistant, entry: ConfigEntry, contactors: Contactors, remembered: Remembered, wiring: StallWiring
) -> Connector:
    """Build the connector of a stall; nothing is sent yet. One whose settings cannot work is silent and says why."""
    clock = LoopClock(dt_util.utcnow)
    settings = wiring.settings
    try:
        connector: Connector
        match settings[CONF_CONNECTOR]:
            case name if name == CONNECTOR_ENTITIES:
                connector = await async_entity_connector(hass, EntitySettings.from_data(settings), clock)
            case name if name == CONNECTOR_OCPP:
                connector = box = await async_ocpp_connector(hass, settings, clock)
                entry.async_on_unload(box.let_go)  # also when the building does not come up
            case _:
                connector = await _async_from_profile(hass, entry, wiring, clock, remembered.cuts(wiring))
        memory = contactors.memory(wiring) if settings.get(CONF_CONTACTOR) else None
        equipment = stall_equipment(hass, settings, clock, stagger=contactors.stagger, memory=memory)
        return equipped(connector, equipment, clock)
    except (ValueError, HomeAssistantError) as error:
        _LOGGER.error("%s: its connector cannot be used: %s", wiring.config.name, error)
        return SilentConnector(wiring.config.max_current_a, str(error))


async def _async_from_profile(
    hass: HomeAssistant, entry: ConfigEntry, wiring: StallWiring, clock: Clock, cuts: Cuts
) -> Connector:
    """Raises ValueError for a setting out of range, `HomeAssistantError` for a Modbus device used in another way."""
    profile = await hass.async_add_executor_job(load_profile, wiring.config.connector, own_profiles_folder(hass))
    own = connector_settings(wiring.settings)
    units = {
        unit_id: async_get_unit(hass, entry, modbus_params(profile, own), unit_id)
        for unit_id in modbus_unit_ids(profile, own)
    }
    unit_ids = list(units)
    return build_connector(
        profile,
        own,
        clock=clock,
        unit=units[unit_ids[0]] if unit_ids else None,
        other_units={unit_id: units[unit_id] for unit_id in unit_ids[1:]},
        session=async_get_clientsession(hass),
        cuts=cuts,
    )
