"""Adding and changing residents: who they are, their cards, and the cars that may speak for them."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from homeassistant.config_entries import ConfigSubentry, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import probatio

from .const import CONF_CAR_ENTITY, CONF_CAR_STATES, CONF_HA_USER_ID, DOMAIN, SUBENTRY_RESIDENT, SUBENTRY_STALL
from .ev_id_steps import EvIdSteps

MAX_NAME_LENGTH: Final = 60
CAR_DOMAINS: Final = ("binary_sensor", "sensor")
USUAL_CAR_STATES: Final = ("connected", "plugged", "plugged_in", "charging", "complete")
"""Proposed for a sensor; what it really says is the owner's to know."""


class ResidentFlow(EvIdSteps):
    """Adds a resident, or changes them; their sessions and money are elsewhere."""

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
        """Ask what is to be changed; cards can be looked at only while the building runs."""
        if self._building is None:
            return await self.async_step_settings()
        return await self._async_menu(["settings", "car", *self._ev_id_option])

    async def async_step_settings(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a resident's name or HA user; cards and sessions stay theirs."""
        resident = self._get_reconfigure_subentry()
        errors = {} if user_input is None else self._errors(user_input, resident)
        if user_input is None or errors:
            return await self._async_form(
                "settings", user_input or {CONF_NAME: resident.title, **resident.data}, errors
            )
        return self.async_update_and_abort(
            self._get_entry(),
            resident,
            title=user_input[CONF_NAME].strip(),
            data={**resident.data, CONF_HA_USER_ID: user_input.get(CONF_HA_USER_ID)},
        )

    async def async_step_car(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Let the resident's car speak for them, or no longer; what that risks is told."""
        resident = self._get_reconfigure_subentry()
        errors = {} if user_input is None else self._car_errors(user_input, resident)
        if user_input is not None and not errors:
            kept = {key: value for key, value in resident.data.items() if key not in (CONF_CAR_ENTITY, CONF_CAR_STATES)}
            if user_input.get(CONF_CAR_ENTITY):
                kept |= {key: user_input[key] for key in (CONF_CAR_ENTITY, CONF_CAR_STATES) if user_input.get(key)}
            return self.async_update_and_abort(self._get_entry(), resident, data=kept)
        schema = probatio.Schema(
            {
                probatio.Optional(CONF_CAR_ENTITY): EntitySelector(
                    EntitySelectorConfig(filter=EntityWithDeviceFilterSelectorConfig(domain=list(CAR_DOMAINS)))
                ),
                probatio.Optional(CONF_CAR_STATES): SelectSelector(
                    SelectSelectorConfig(
                        options=list(USUAL_CAR_STATES),
                        multiple=True,
                        custom_value=True,
                        mode=SelectSelectorMode.DROPDOWN,
                    )
                ),
            }
        )
        shown = resident.data if user_input is None else user_input
        return self.async_show_form(
            step_id="car",
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
            description_placeholders={"resident": resident.title},
        )

    def _car_errors(self, user_input: Mapping[str, Any], resident: ConfigSubentry) -> dict[str, str]:
        entity_id = user_input.get(CONF_CAR_ENTITY)
        if not entity_id:
            return {}
        others = self._get_entry().get_subentries_of_type(SUBENTRY_RESIDENT)
        entity = er.async_get(self.hass).async_get(entity_id)
        if self.hass.states.get(entity_id) is None:
            return {CONF_CAR_ENTITY: "entity_unknown"}
        if (entity is not None and entity.platform == DOMAIN) or self._at_a_stall(entity_id):
            return {CONF_CAR_ENTITY: "car_is_stall"}
        if any(entity_id == other.data.get(CONF_CAR_ENTITY) for other in others if other is not resident):
            return {CONF_CAR_ENTITY: "car_taken"}
        if entity_id.startswith("sensor.") and not user_input.get(CONF_CAR_STATES):
            return {CONF_CAR_STATES: "car_states_missing"}
        return {}

    def _at_a_stall(self, entity_id: str) -> bool:
        """Whether a stall is made of it: it would say of every car that it is this one."""
        return any(
            value == entity_id or (isinstance(value, Mapping) and entity_id in value.values())
            for stall in self._get_entry().get_subentries_of_type(SUBENTRY_STALL)
            for value in stall.data.values()
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
