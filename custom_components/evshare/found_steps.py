"""A wall connector that was found on the network: known ones are kept up, others are offered to become a stall."""

from typing import Any, Final, cast, override

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    FlowType,
    SubentryFlowContext,
)
from homeassistant.const import CONF_HOST
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import probatio

from .connectors.ports import ConnectorError
from .const import CONF_CONNECTOR, DOMAIN, SUBENTRY_STALL
from .discovery import Found, NotOurs, async_found_by_dhcp, async_found_by_zeroconf, async_is_known

CONF_BUILDING: Final = "building"


class FoundSteps(ConfigFlow):
    """The steps that begin with a box on the network; nothing is written to it."""

    _found: Found | None = None

    @override
    async def async_step_dhcp(self, discovery_info: DhcpServiceInfo) -> ConfigFlowResult:
        """A box asked for an address."""
        return await self._async_found(await async_found_by_dhcp(self.hass, discovery_info))

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """A box announced itself."""
        return await self._async_found(await async_found_by_zeroconf(self.hass, discovery_info))

    async def _async_found(self, found: Found) -> ConfigFlowResult:
        await self.async_set_unique_id(found.id)
        try:
            if await async_is_known(self.hass, found):
                return self.async_abort(reason="stall_known")
        except NotOurs:
            return self.async_abort(reason="not_ours")
        except ConnectorError:
            return self.async_abort(reason="box_silent")
        self._abort_if_unique_id_configured()  # the owner does not want to hear of it
        if found.profile is None or found.profile.contactor:
            # A relay may switch anything; its stall is added by hand.
            return self.async_abort(reason="not_ours")
        self._found = found
        self.context["title_placeholders"] = {"name": f"{found.profile.name} ({found.host})"}
        return await (self.async_step_found() if self._buildings else self.async_step_found_first())

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether it becomes a stall, and of which building."""
        buildings = self._buildings
        if user_input is not None:
            entry = buildings.get(user_input.get(CONF_BUILDING, next(iter(buildings), "")))
            if entry is not None:
                return await self._async_begin_stall(entry)
        if not buildings:
            return await self.async_step_found_first()
        fields: dict[probatio.Marker, Any] = {}
        if len(buildings) > 1:
            options = [SelectOptionDict(value=entry_id, label=entry.title) for entry_id, entry in buildings.items()]
            fields[probatio.Required(CONF_BUILDING)] = SelectSelector(
                SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST)
            )
        else:
            self._set_confirm_only()
        return self.async_show_form(
            step_id="found", data_schema=probatio.Schema(fields), description_placeholders=self._said, last_step=False
        )

    async def async_step_found_first(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The same while there is no building yet: it is set up first."""
        if user_input is not None:
            return await self.async_step_user()
        self._set_confirm_only()
        return self.async_show_form(
            step_id="found_first",
            data_schema=probatio.Schema({}),
            description_placeholders=self._said,
            last_step=False,
        )

    async def _async_stall_flow(self, entry: ConfigEntry) -> tuple[FlowType, str]:
        """Begin the dialogue for a stall of a building, with what was found filled in."""
        found = self._found
        begun = await self.hass.config_entries.subentries.async_init(
            (entry.entry_id, SUBENTRY_STALL),
            context=SubentryFlowContext(source=SOURCE_USER),
            data=None
            if found is None or found.profile is None
            else {CONF_CONNECTOR: found.profile.id, CONF_HOST: found.host, **found.seen_as},
        )
        return FlowType.CONFIG_SUBENTRIES_FLOW, begun["flow_id"]

    async def _async_begin_stall(self, entry: ConfigEntry) -> ConfigFlowResult:
        """End here and go on there.

        A flow that makes no entry can only abort; the frontend goes on to `next_flow` from there too, and asks the
        `result` for the integration whose texts it has to load.
        """
        next_flow = await self._async_stall_flow(entry)
        result = self.async_abort(
            reason="stall_begun", description_placeholders={"building": entry.title, **self._said}
        )
        result["next_flow"] = next_flow
        result["result"] = cast("ConfigEntry", entry.as_json_fragment)  # without its data: that holds secrets
        return result

    @property
    def _buildings(self) -> dict[str, ConfigEntry]:
        entries = self.hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
        return {entry.entry_id: entry for entry in entries}

    @property
    def _said(self) -> dict[str, str]:
        found = self._found
        assert found is not None
        assert found.profile is not None, "only what has a model is offered"
        return {"connector": found.profile.name, "host": found.host}
