"""What happens at a stall, for automations: somebody was let in or refused, a session began or ended.

Events carry no name and no card: every HA user can read them.
"""

from typing import Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .building.stall import RunningStall
from .charging.effects import AUTHORISATION_TYPES, SESSION_TYPES, Announce
from .devices import EvshareConfigEntry
from .entity import StallEntity, add_stall_entities

# The building does the talking; entities only pass on what it announces.
PARALLEL_UPDATES = 0

STALL_EVENTS: Final = (
    EventEntityDescription(key="authorisation", translation_key="authorisation", event_types=list(AUTHORISATION_TYPES)),
    EventEntityDescription(key="session", translation_key="session", event_types=list(SESSION_TYPES)),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the events of every stall."""
    add_stall_entities(
        entry,
        async_add_entities,
        lambda stall_id: (StallEvent(entry, stall_id, description) for description in STALL_EVENTS),
    )


class StallEvent(StallEntity, EventEntity):
    """Announcements of one kind; the same card shown twice is two events."""

    @override
    def _available_of(self, stall: RunningStall) -> bool:
        # A refused card is news while the connector is silent, too.
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the stall."""
        await super().async_added_to_hass()
        self.async_on_remove(self._building.subscribe_announcements(self._stall_id, self._announced))

    @callback
    def _announced(self, announcement: Announce) -> None:
        if announcement.kind == self.entity_description.key:
            self._trigger_event(announcement.type, dict(announcement.attributes))
            self.async_write_ha_state()
