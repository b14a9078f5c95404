"""The charging mode of a stall's session."""

from typing import Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .building.stall import RunningStall
from .devices import EvshareConfigEntry
from .entity import StallEntity, add_stall_entities
from .model import ChargeMode
from .services import async_set_mode

# 0, not 1: the building puts calls in order itself, and a queue here would separate a call from its context.
PARALLEL_UPDATES = 0

MODE: Final = SelectEntityDescription(key="mode", translation_key="mode", options=[mode.value for mode in ChargeMode])


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the mode of every stall."""
    add_stall_entities(entry, async_add_entities, lambda stall_id: (ModeSelect(entry, stall_id, MODE),))


class ModeSelect(StallEntity, SelectEntity):
    """How the running session charges; there is nothing to choose without one."""

    @override
    def _available_of(self, stall: RunningStall) -> bool:
        return super()._available_of(stall) and stall.state.session is not None

    @property
    @override
    def current_option(self) -> str | None:
        """The session's mode."""
        session = self._stall.state.session
        return None if session is None else session.mode.value

    @override
    def _shown(self) -> object:
        return self.current_option

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the mode, for an admin, the session's own resident, or an automation."""
        await async_set_mode(self.hass, self._building, self._stall, self._context, ChargeMode(option))
