"""One of the building's options: what holds for cards while the app cannot be heard."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.helpers.selector import BooleanSelector
import probatio

from .const import CONF_APP_NEEDED, CONF_APP_URL
from .relay_options import RelayOptions

_SCHEMA: Final = probatio.Schema({probatio.Required(CONF_APP_NEEDED, default=False): BooleanSelector()})


class AppOptions(RelayOptions):
    """Lets an owner choose that nobody is let in on limits that may be old (DESIGN rule 2)."""

    async def async_step_app(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for it; without an app there is nothing to wait for."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_APP_NEEDED] and not self.config_entry.data.get(CONF_APP_URL):
                errors = {CONF_APP_NEEDED: "no_app"}
            else:
                return self._changed({CONF_APP_NEEDED: user_input[CONF_APP_NEEDED] or None})
        return self.async_show_form(
            step_id="app",
            data_schema=self.add_suggested_values_to_schema(_SCHEMA, user_input or self.config_entry.options),
            errors=errors,
        )
