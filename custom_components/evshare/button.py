"""The button that ends a stall's session."""

from typing import Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices import EvshareConfigEntry
from .entity import StallEntity, add_stall_entities
from .services import async_stop

# 0, not 1: the building puts calls in order itself, and a queue here would separate a call from its context.
PARALLEL_UPDATES = 0

STOP: Final = ButtonEntityDescription(key="stop", translation_key="stop")


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the button of every stall."""
    add_stall_entities(entry, async_add_entities, lambda stall_id: (StopButton(entry, stall_id, STOP),))


class StopButton(StallEntity, ButtonEntity):
    """Ends the session that runs at this stall."""

    @override
    async def async_press(self) -> None:
        """Stop, if an admin or the session's own resident asks."""
        await async_stop(self.hass, self._building, self._stall, self._context)
