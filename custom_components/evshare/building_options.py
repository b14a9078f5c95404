"""The building's options: by which counters accounts are kept, what needs the app, whether the portal is relayed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import ObjectSelector, ObjectSelectorConfig, ObjectSelectorField, TextSelector
import probatio

from .app_options import AppOptions
from .building.wiring import REGISTERS
from .const import CONF_BATTERY_CHARGE_POWER, CONF_BATTERY_POWER, CONF_CURRENCY, CONF_PRICE_SENSOR, CONF_PRICES
from .meters import ENERGY_SENSOR, POWER_SENSOR, PRICE_SENSOR, meter_errors, price_error

_ENERGY_KEYS: Final = tuple(REGISTERS.values())
_POWER_KEYS: Final = (CONF_BATTERY_POWER, CONF_BATTERY_CHARGE_POWER)
_KEYS: Final = (*_ENERGY_KEYS, *_POWER_KEYS, CONF_PRICES)
_LONGEST_NAME: Final = 64
"""Characters of a price series' name, on the link and in the books."""
_MOST_PRICES: Final = 8

_SCHEMA: Final = probatio.Schema(
    {
        **{probatio.Optional(key): ENERGY_SENSOR for key in _ENERGY_KEYS},
        **{probatio.Optional(key): POWER_SENSOR for key in _POWER_KEYS},
        probatio.Optional(CONF_PRICES): ObjectSelector(
            ObjectSelectorConfig(
                fields={
                    CONF_NAME: ObjectSelectorField(required=True, selector=TextSelector()),
                    CONF_PRICE_SENSOR: ObjectSelectorField(required=True, selector=PRICE_SENSOR),
                },
                multiple=True,
                label_field=CONF_NAME,
                description_field=CONF_PRICE_SENSOR,
                translation_key=CONF_PRICES,
            )
        ),
    }
)


class BuildingOptions(AppOptions):
    """Lets an admin choose what to change."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which."""
        return self.async_show_menu(step_id="init", menu_options=["counters", "app", "relay"])

    async def async_step_counters(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the sensors of the building series; sharing current needs none of them."""
        errors: dict[str, str] = {}
        wrong = ""
        if user_input is not None:
            prices = _prices(user_input)
            errors = self._counter_errors(user_input)
            if problem := self._price_problem(prices):
                wrong, errors[CONF_PRICES] = problem
            if not errors:
                return self._changed(dict.fromkeys(_KEYS) | user_input | {CONF_PRICES: prices or None})
        return self.async_show_form(
            step_id="counters",
            data_schema=self.add_suggested_values_to_schema(_SCHEMA, user_input or self.config_entry.options),
            errors=errors,
            description_placeholders={"currency": self.config_entry.data[CONF_CURRENCY], "wrong": wrong},
        )

    def _counter_errors(self, data: Mapping[str, Any]) -> dict[str, str]:
        errors = meter_errors(self.hass, data, power=_POWER_KEYS, energy=_ENERGY_KEYS)
        if data.get(CONF_BATTERY_CHARGE_POWER) and not data.get(CONF_BATTERY_POWER):
            errors[CONF_BATTERY_POWER] = "power_missing"
        return errors

    def _price_problem(self, prices: Sequence[Mapping[str, str]]) -> tuple[str, str] | None:
        """The first price that cannot be taken as it is: what of it, and an error key."""
        names: set[str] = set()
        for place, one in enumerate(prices, 1):
            name, sensor = one[CONF_NAME], one[CONF_PRICE_SENSOR]
            if place > _MOST_PRICES:
                return name, "too_many_prices"
            if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
                return name or str(place), "price_name"
            if name.casefold() in names:
                return name, "price_named_twice"
            names.add(name.casefold())
            if problem := price_error(self.hass, sensor, self.config_entry.data[CONF_CURRENCY]):
                return sensor, problem
        return None


def _prices(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """The prices that were typed; one alone may come without its list."""
    typed = data.get(CONF_PRICES) or []
    return [
        {CONF_NAME: one[CONF_NAME].strip(), CONF_PRICE_SENSOR: one[CONF_PRICE_SENSOR]}
        for one in (typed if isinstance(typed, list) else [typed])
    ]
