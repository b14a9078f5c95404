"""The electricity price of the simulated building: one per local hour, read off a list in configuration.yaml."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from homeassistant.components.sensor import PLATFORM_SCHEMA, SensorEntity
from homeassistant.const import CONF_NAME, CONF_UNIQUE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.entity_platform import AddEntitiesCallback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.typing import ConfigType, DiscoveryInfoType
from homeassistant.util import dt as dt_util
import voluptuous as vol

CONF_UNIT = "unit"
CONF_BY_HOUR = "by_hour"

PLATFORM_SCHEMA = PLATFORM_SCHEMA.extend(
    {
        vol.Required(CONF_NAME): cv.string,
        vol.Required(CONF_UNIQUE_ID): cv.string,
        vol.Required(CONF_UNIT): cv.string,
        vol.Required(CONF_BY_HOUR): vol.All([vol.Coerce(Decimal)], vol.Length(min=24, max=24)),
    }
)


async def async_setup_platform(
    hass: HomeAssistant,
    config: ConfigType,
    async_add_entities: AddEntitiesCallback,
    discovery_info: DiscoveryInfoType | None = None,
) -> None:
    """Add the price."""
    async_add_entities([HourlyPrice(config)])


class HourlyPrice(SensorEntity):
    """The price of the present hour."""

    _attr_should_poll = False

    def __init__(self, config: ConfigType) -> None:
        """Take over what was configured."""
        self._attr_name = config[CONF_NAME]
        self._attr_unique_id = config[CONF_UNIQUE_ID]
        self._attr_native_unit_of_measurement = config[CONF_UNIT]
        self._by_hour: Sequence[Decimal] = config[CONF_BY_HOUR]

    @property
    def native_value(self) -> Decimal:
        """The price of the hour it is where Home Assistant is."""
        return self._by_hour[dt_util.now().hour]

    async def async_added_to_hass(self) -> None:
        """Tell each hour's price when it begins."""
        self.async_on_remove(async_track_time_change(self.hass, self._hour_begins, minute=0, second=0))

    @callback
    def _hour_begins(self, _now: datetime) -> None:
        self.async_write_ha_state()
