"""Builds a stall's connector inside Home Assistant: its shared Modbus links, HTTP session and entities."""

import logging

from homeassistant.components.modbus import async_get_unit
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from modbus_connection import ModbusTcpParams

from ..connectors.clock import LoopClock
from ..connectors.driver import ConnectorSettings
from ..connectors.factory import build_connector, modbus_unit_ids
from ..connectors.hass_ports import HassMeter, HassSwitch
from ..connectors.ports import Connector
from ..connectors.profile import load_profile
from ..const import CONF_CONNECTOR, CONF_CONTACTOR, CONF_MAX_CURRENT_A, CONF_METER, CONF_SERIAL, CONF_UNIT_ID
from .silent import SilentConnector
from .wiring import StallWiring

_LOGGER = logging.getLogger(__name__)


async def async_connect(hass: HomeAssistant, entry: ConfigEntry, wiring: StallWiring) -> Connector:
    """Build the connector of a stall; nothing is sent yet. One whose settings cannot work is silent and says why."""
    try:
        return await _async_built(hass, entry, wiring)
    except (ValueError, HomeAssistantError) as error:
        _LOGGER.error("%s: its connector cannot be used: %s", wiring.config.name, error)
        return SilentConnector(wiring.config.max_current_a, str(error))


async def _async_built(hass: HomeAssistant, entry: ConfigEntry, wiring: StallWiring) -> Connector:
    """Raises ValueError for a setting out of range, `HomeAssistantError` for a Modbus device used in another way."""
    settings = wiring.settings
    profile = await hass.async_add_executor_job(load_profile, settings[CONF_CONNECTOR])
    own = ConnectorSettings(
        host=settings[CONF_HOST],
        port=settings.get(CONF_PORT),
        unit_id=settings.get(CONF_UNIT_ID),
        max_current_a=settings[CONF_MAX_CURRENT_A],
        serial=settings.get(CONF_SERIAL),
    )
    params = ModbusTcpParams(host=own.host, port=own.port or profile.transport.port)
    units = {unit_id: async_get_unit(hass, entry, params, unit_id) for unit_id in modbus_unit_ids(profile, own)}
    unit_ids = list(units)
    return build_connector(
        profile,
        own,
        clock=LoopClock(dt_util.utcnow),
        unit=units[unit_ids[0]] if unit_ids else None,
        other_units={unit_id: units[unit_id] for unit_id in unit_ids[1:]},
        session=async_get_clientsession(hass),
        contactor=HassSwitch(hass, settings[CONF_CONTACTOR]) if settings.get(CONF_CONTACTOR) else None,
        meter=HassMeter(hass, settings[CONF_METER]) if settings.get(CONF_METER) else None,
    )
