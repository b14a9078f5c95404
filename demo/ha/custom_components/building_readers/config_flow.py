"""The flow behind ``building_readers:`` in YAML; there is no form."""

from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from .const import DOMAIN


class BuildingReadersFlow(ConfigFlow, domain=DOMAIN):
    """One entry, replaced by what YAML says now."""

    VERSION = 1

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Readers come from configuration.yaml only."""
        return self.async_abort(reason="yaml_only")

    async def async_step_import(self, import_data: dict[str, Any]) -> ConfigFlowResult:
        """Make the entry, or bring it up to date and reload it."""
        await self.async_set_unique_id(DOMAIN)
        self._abort_if_unique_id_configured(updates=import_data)
        return self.async_create_entry(title="Building card readers", data=import_data)
