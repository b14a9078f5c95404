"""The most current a stall may be given."""

from typing import Final, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import EntityCategory, UnitOfElectricCurrent
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .devices import EvshareConfigEntry
from .entity import StallEntity, add_stall_entities

# 0, not 1: the building puts calls in order itself, and a queue here would separate a call from its context.
PARALLEL_UPDATES = 0

MAX_CURRENT: Final = NumberEntityDescription(
    key="max_current",
    translation_key="max_current",
    device_class=NumberDeviceClass.CURRENT,
    entity_category=EntityCategory.CONFIG,
    native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
    native_step=1,
    mode=NumberMode.BOX,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the current limit of every stall."""
    add_stall_entities(entry, async_add_entities, lambda stall_id: (MaxCurrent(entry, stall_id, MAX_CURRENT),))


class MaxCurrent(StallEntity, NumberEntity):
    """A limit below what set-up allows; it stays when the session ends, so it is the admin's."""

    @property
    @override
    def native_min_value(self) -> float:
        """The least the connector can be told."""
        return self._stall.connector.min_a

    @property
    @override
    def native_max_value(self) -> float:
        """What set-up allows."""
        return self._stall.config.max_current_a

    @property
    @override
    def native_value(self) -> float:
        """The limit that holds now."""
        return self._stall.max_current_a

    @override
    def _shown(self) -> object:
        return self.native_min_value, self.native_max_value, self.native_value

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change the limit, for an admin or an automation; whole amperes, rounded down."""
        await self._async_check_caller(manager=True)
        limit_a = int(value)
        own_a = self._stall.config.max_current_a
        await self._building.async_set_max_current(self._stall_id, limit_a if limit_a < own_a else None)
