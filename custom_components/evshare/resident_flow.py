"""Adding and changing residents."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import probatio

from .const import CONF_HA_USER_ID, SUBENTRY_RESIDENT

MAX_NAME_LENGTH: Final = 60


class ResidentFlow(ConfigSubentryFlow):
    """Adds a resident, or changes who they are; their cards, sessions and money are elsewhere."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a new resident."""
        errors = {} if user_input is None else self._errors(user_input, None)
        if user_input is None or errors:
            return await self._async_form("user", user_input or {}, errors)
        return self.async_create_entry(
            title=user_input[CONF_NAME].strip(),
            data={CONF_HA_USER_ID: user_input.get(CONF_HA_USER_ID)},
            unique_id=f"resident:{uuid4().hex}",
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a resident's name or HA user; cards and sessions stay theirs."""
        resident = self._get_reconfigure_subentry()
        errors = {} if user_input is None else self._errors(user_input, resident)
        if user_input is None or errors:
            return await self._async_form(
                "reconfigure", user_input or {CONF_NAME: resident.title, **resident.data}, errors
            )
        return self.async_update_and_abort(
            self._get_entry(),
            resident,
            title=user_input[CONF_NAME].strip(),
            data={CONF_HA_USER_ID: user_input.get(CONF_HA_USER_ID)},
        )

    def _errors(self, user_input: Mapping[str, Any], resident: ConfigSubentry | None) -> dict[str, str]:
        others = [
            other for other in self._get_entry().get_subentries_of_type(SUBENTRY_RESIDENT) if other is not resident
        ]
        name = user_input[CONF_NAME].strip()
        errors: dict[str, str] = {}
        if not name:
            errors[CONF_NAME] = "name_missing"
        elif len(name) > MAX_NAME_LENGTH:
            errors[CONF_NAME] = "name_too_long"
        elif any(name.casefold() == other.title.casefold() for other in others):
            errors[CONF_NAME] = "name_taken"
        user_id = user_input.get(CONF_HA_USER_ID)
        if user_id is not None and any(user_id == other.data[CONF_HA_USER_ID] for other in others):
            errors[CONF_HA_USER_ID] = "user_taken"
        return errors

    async def _async_form(
        self, step_id: str, suggested: Mapping[str, Any], errors: dict[str, str]
    ) -> SubentryFlowResult:
        options = [
            SelectOptionDict(value=user.id, label=user.name or user.id)
            for user in await self.hass.auth.async_get_users()
            if user.is_active and not user.system_generated
        ]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_NAME): TextSelector(),
                probatio.Optional(CONF_HA_USER_ID): SelectSelector(
                    SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, sort=True)
                ),
            }
        )
        return self.async_show_form(
            step_id=step_id, data_schema=self.add_suggested_values_to_schema(schema, suggested), errors=errors
        )
