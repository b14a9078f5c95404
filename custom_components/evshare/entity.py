"""What all entities of a building and its stalls have in common.

Entities never hold state of their own: the building tells them to look again, and they read it. They also never
say who: names and card numbers stay out of HA's states, which every HA user can read (DESIGN rule 8).
"""

from collections.abc import Callable, Iterable
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .callers import async_caller_in_control
from .const import DOMAIN
from .devices import EvshareConfigEntry
from .model import StallId


class _Showing(Entity):
    """Looks again whenever something in the building changed, and is written only if it then shows something else."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    _building: RunningBuilding
    _written: object = None

    def _shown(self) -> object:
        """What it shows while it is available."""
        return None

    @override
    async def async_added_to_hass(self) -> None:
        """Be told of changes."""
        self._written = self._seen()  # Home Assistant writes it now
        self.async_on_remove(self._building.subscribe(self._look_again))

    @callback
    def _look_again(self) -> None:
        seen = self._seen()
        if seen != self._written:
            self._written = seen
            self.async_write_ha_state()

    def _seen(self) -> object:
        available = self.available
        return available, self._shown() if available else None


class BuildingEntity(_Showing):
    """An entity of the building as a whole."""

    def __init__(self, entry: EvshareConfigEntry, description: EntityDescription) -> None:
        self.entity_description = description
        self._building: RunningBuilding = entry.runtime_data
        self._attr_unique_id = f"{self._building.building.id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, self._building.building.id)})


class StallEntity(_Showing):
    """An entity of one stall; unavailable while its connector is silent."""

    def __init__(self, entry: EvshareConfigEntry, stall_id: StallId, description: EntityDescription) -> None:
        self.entity_description = description
        self._building: RunningBuilding = entry.runtime_data
        self._stall_id = stall_id
        self._attr_unique_id = f"{stall_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, stall_id)})

    @property
    def _stall(self) -> RunningStall:
        """The stall as it runs now: a changed connection makes a new one under the same id."""
        return self._building.stalls[self._stall_id]

    @property
    @override
    def available(self) -> bool:
        """Whether the stall is there and its connector answers."""
        stall = self._building.stalls.get(self._stall_id)
        return stall is not None and self._available_of(stall)

    def _available_of(self, stall: RunningStall) -> bool:
        return stall.state.online

    @override
    @callback
    def _look_again(self) -> None:
        # A stall that was just taken out: HA removes this entity with its subentry a moment later.
        if self._stall_id in self._building.stalls:
            super()._look_again()

    async def _async_check_caller(self, *, person: bool = False, manager: bool = False) -> None:
        """Refuse callers who may not control this stall (DESIGN rule 9).

        Must be awaited first thing in a service method: the entity's context is the caller's only until then.

        Raises:
            ServiceValidationError: says what is missing.
        """
        await async_caller_in_control(
            self.hass, self._building, self._stall, self._context, person=person, manager=manager
        )


@callback
def add_stall_entities(
    entry: EvshareConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[StallId], Iterable[StallEntity]],
) -> None:
    """Add the entities of every stall, now and when one joins the building later."""
    building = entry.runtime_data
    known: set[StallId] = set()

    @callback
    def look() -> None:
        # A stall that is being taken out stays in the building a little longer than in the entry.
        present = {stall_id for stall_id in building.stalls if stall_id in entry.subentries}
        for stall_id in present - known:
            async_add_entities(make(stall_id), config_subentry_id=stall_id)
        known.clear()
        known.update(present)

    look()
    entry.async_on_unload(building.subscribe(look))
