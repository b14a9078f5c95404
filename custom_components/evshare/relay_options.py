"""One of the building's options: whether the residents' portal is relayed through Home Assistant's own address."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import BooleanSelector, NumberSelector, NumberSelectorConfig, NumberSelectorMode
import probatio

from .const import CONF_APP_URL, CONF_RELAY, CONF_RELAY_PORT, DOMAIN
from .relay import PORTAL_PORT, RELAY_PATH

_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_RELAY, default=False): BooleanSelector(),
        probatio.Required(CONF_RELAY_PORT, default=PORTAL_PORT): NumberSelector(
            NumberSelectorConfig(min=1, max=65535, step=1, mode=NumberSelectorMode.BOX)
        ),
    }
)


class RelayOptions(OptionsFlow):
    """Switches the relay on and off."""

    async def async_step_relay(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for it; one building at a time has the address."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_RELAY]:
                errors = self._errors()
            if not errors:
                port = int(user_input[CONF_RELAY_PORT])
                return self._changed({CONF_RELAY: user_input[CONF_RELAY], CONF_RELAY_PORT: port})
        return self.async_show_form(
            step_id="relay",
            data_schema=self.add_suggested_values_to_schema(_SCHEMA, user_input or self.config_entry.options),
            errors=errors,
            description_placeholders={"path": RELAY_PATH},
        )

    def _changed(self, changes: Mapping[str, Any]) -> ConfigFlowResult:
        """Keep the other options as they are; None takes one away."""
        options = {**self.config_entry.options, **changes}
        return self.async_create_entry(data={key: value for key, value in options.items() if value is not None})

    def _errors(self) -> dict[str, str]:
        if not self.config_entry.data.get(CONF_APP_URL):
            return {CONF_RELAY: "no_app"}
        others = self.hass.config_entries.async_entries(DOMAIN)
        if any(other.options.get(CONF_RELAY) for other in others if other.entry_id != self.config_entry.entry_id):
            return {CONF_RELAY: "relay_taken"}
        return {}
