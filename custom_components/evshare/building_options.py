"""The building's options: which counters the accounts are kept by, and whether the portal is relayed."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
import probatio

from .building.wiring import REGISTERS
from .const import CONF_BATTERY_CHARGE_POWER, CONF_BATTERY_POWER, CONF_CURRENCY, CONF_PRICE
from .meters import ENERGY_SENSOR, POWER_SENSOR, PRICE_SENSOR, meter_errors, price_errors
from .relay_options import RelayOptions

_ENERGY_KEYS: Final = tuple(REGISTERS.values())
_POWER_KEYS: Final = (CONF_BATTERY_POWER, CONF_BATTERY_CHARGE_POWER)
_KEYS: Final = (*_ENERGY_KEYS, *_POWER_KEYS, CONF_PRICE)

_SCHEMA: Final = probatio.Schema(
    {
        **{probatio.Optional(key): ENERGY_SENSOR for key in _ENERGY_KEYS},
        **{probatio.Optional(key): POWER_SENSOR for key in _POWER_KEYS},
        probatio.Optional(CONF_PRICE): PRICE_SENSOR,
    }
)


class BuildingOptions(RelayOptions):
    """Lets an admin choose what to change."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which."""
        return self.async_show_menu(step_id="init", menu_options=["counters", "relay"])

    async def async_step_counters(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the sensors of the building series; sharing current needs none of them."""
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = self._counter_errors(user_input)
            if not errors:
                return self._changed(dict.fromkeys(_KEYS) | user_input)
        return self.async_show_form(
            step_id="counters",
            data_schema=self.add_suggested_values_to_schema(_SCHEMA, user_input or self.config_entry.options),
            errors=errors,
            description_placeholders={"currency": self.config_entry.data[CONF_CURRENCY]},
        )

    def _counter_errors(self, data: Mapping[str, Any]) -> dict[str, str]:
        errors = meter_errors(self.hass, data, power=_POWER_KEYS, energy=_ENERGY_KEYS)
        errors |= price_errors(self.hass, data, CONF_PRICE, self.config_entry.data[CONF_CURRENCY])
        if data.get(CONF_BATTERY_CHARGE_POWER) and not data.get(CONF_BATTERY_POWER):
            errors[CONF_BATTERY_POWER] = "power_missing"
        return errors
