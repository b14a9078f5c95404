"""Adding and changing a stall: by which way its connector is reached, then the steps of that way."""

from typing import Any

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_HOST

from .const import CONF_CONNECTOR, CONNECTOR_ENTITIES, CONNECTOR_OCPP
from .entity_steps import EntitySteps
from .list_steps import ListSteps
from .ocpp_steps import OcppSteps
from .seen_steps import SeenSteps
from .stall_form import filled_in, seen_as


class StallFlow(ListSteps, EntitySteps, OcppSteps, SeenSteps):
    """Adds a stall, or changes how one is reached and wired."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what hangs on the wall: a model of the list, another integration's charger, or a box that calls us.

        With `user_input` it was found on the network, and that is answered.
        """
        if user_input is not None:
            return await self._async_begin_found(user_input)
        return self.async_show_menu(step_id="user", menu_options=["from_list", "ha_entities", "ocpp"])

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a stall; the same connector, by its serial number, stays behind it."""
        stall = self._get_reconfigure_subentry()
        self._typed = filled_in(stall, self._residents())
        self._seen_as, self._seen_at = seen_as(stall.data), stall.data.get(CONF_HOST)
        match stall.data[CONF_CONNECTOR]:
            case connector if connector == CONNECTOR_ENTITIES:
                return await self._async_change_entities(stall)
            case connector if connector == CONNECTOR_OCPP:
                return await self._async_change_ocpp(stall)
            case profile_id:
                return await self._async_change_listed(profile_id)
