"""Pausing a stall."""

from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices import EvshareConfigEntry
from .entity import StallEntity, add_stall_entities

# 0, not 1: the building puts calls in order itself, and a queue here would separate a call from its context.
PARALLEL_UPDATES = 0

PAUSED: Final = SwitchEntityDescription(key="paused", translation_key="paused")


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the pause of every stall."""
    add_stall_entities(entry, async_add_entities, lambda stall_id: (PauseSwitch(entry, stall_id, PAUSED),))


class PauseSwitch(StallEntity, SwitchEntity):
    """On: the stall offers no current, and its session stays open."""

    @property
    @override
    def is_on(self) -> bool:
        """Whether the stall is paused."""
        return self._stall.state.paused

    @override
    def _shown(self) -> object:
        return self.is_on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Pause, for an admin, the session's own resident, or an automation."""
        await self._async_set(paused=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Go on, for the same callers; without a session this lets nobody charge."""
        await self._async_set(paused=False)

    async def _async_set(self, *, paused: bool) -> None:
        await self._async_check_caller()
        await self._building.async_set_paused(self._stall_id, paused)
