"""Which HA entities may serve as the building's meters."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import EntitySelector, EntitySelectorConfig, EntityWithDeviceFilterSelectorConfig
from homeassistant.util.unit_conversion import ElectricCurrentConverter, PowerConverter

from .building.price import price_factor
from .connectors.hass_ports import WATT_HOURS


def _sensor(device_class: SensorDeviceClass) -> EntitySelector:
    return EntitySelector(
        EntitySelectorConfig(
            filter=EntityWithDeviceFilterSelectorConfig(domain=SENSOR_DOMAIN, device_class=device_class)
        )
    )


POWER_SENSOR: Final = _sensor(SensorDeviceClass.POWER)
CURRENT_SENSOR: Final = _sensor(SensorDeviceClass.CURRENT)
ENERGY_SENSOR: Final = _sensor(SensorDeviceClass.ENERGY)
PRICE_SENSOR: Final = EntitySelector(
    EntitySelectorConfig(filter=EntityWithDeviceFilterSelectorConfig(domain=[SENSOR_DOMAIN, "input_number"]))
)
"""Integrations do not agree on a device class of prices; their unit tells."""


def meter_errors(
    hass: HomeAssistant,
    data: Mapping[str, Any],
    *,
    power: Iterable[str] = (),
    current: Iterable[str] = (),
    energy: Iterable[str] = (),
) -> dict[str, str]:
    """Field -> error key for chosen entities that do not exist, measure something else, or are chosen twice."""
    wanted = (
        [(key, PowerConverter.VALID_UNITS, "not_power") for key in power]
        + [(key, ElectricCurrentConverter.VALID_UNITS, "not_current") for key in current]
        + [(key, set(WATT_HOURS), "not_energy") for key in energy]
    )
    errors: dict[str, str] = {}
    seen: set[str] = set()
    for key, units, error in wanted:
        if (entity_id := data.get(key)) is None:
            continue
        if entity_id in seen:
            errors[key] = "chosen_twice"
        elif problem := _problem(hass, entity_id, units, error):
            errors[key] = problem
        seen.add(entity_id)
    return errors


def price_error(hass: HomeAssistant, entity_id: str, currency: str) -> str | None:
    """Error key for a chosen entity that does not exist, or tells no price per kWh in this currency; else None."""
    state = hass.states.get(entity_id)
    unit = None if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    accepted = {unit} if price_factor(unit, currency) is not None else set()
    problem = _problem(hass, entity_id, accepted, "not_price")
    return "price_unknown" if problem == "entity_unknown" else problem


def _problem(hass: HomeAssistant, entity_id: str, units: set[str | None], error: str) -> str | None:
    state = hass.states.get(entity_id)
    if state is None:
        # Not there at the moment, but known: its integration may be starting.
        return None if er.async_get(hass).async_get(entity_id) else "entity_unknown"
    return None if state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) in units else error
