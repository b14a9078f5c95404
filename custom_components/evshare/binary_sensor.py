"""Binary sensors of a building and its stalls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .building.wire import LinkState
from .devices import EvshareConfigEntry
from .entity import BuildingEntity, StallEntity, add_stall_entities
from .model import StallStatus

# The building does the talking; entities only read what it found.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class StallBinarySensorDescription(BinarySensorEntityDescription):
    """A binary sensor of a stall."""

    value_fn: Callable[[RunningStall], bool]


@dataclass(frozen=True, kw_only=True)
class BuildingBinarySensorDescription(BinarySensorEntityDescription):
    """A binary sensor of the building."""

    value_fn: Callable[[RunningBuilding], bool | None]
    available_fn: Callable[[RunningBuilding], bool] = lambda _: True


def _overloaded(building: RunningBuilding) -> bool | None:
    headroom_a = building.headroom_a
    return None if headroom_a is None else min(headroom_a) < 0


STALL_BINARY_SENSORS: Final = (
    StallBinarySensorDescription(
        key="plugged",
        translation_key="plugged",
        device_class=BinarySensorDeviceClass.PLUG,
        value_fn=lambda stall: stall.state.plugged,
    ),
    StallBinarySensorDescription(
        key="charging",
        device_class=BinarySensorDeviceClass.BATTERY_CHARGING,
        value_fn=lambda stall: stall.state.status is StallStatus.CHARGING,
    ),
    StallBinarySensorDescription(
        key="authorised",
        translation_key="authorised",
        value_fn=lambda stall: stall.state.session is not None,
    ),
    StallBinarySensorDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda stall: stall.state.status is StallStatus.FAULTED or stall.state.lock_failed,
    ),
)

BUILDING_BINARY_SENSORS: Final = (
    BuildingBinarySensorDescription(
        key="app_connected",
        translation_key="app_connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda building: building.link_state is LinkState.CONNECTED,
        available_fn=lambda building: building.link_state is not LinkState.NOT_CONFIGURED,
    ),
    BuildingBinarySensorDescription(
        key="overload",
        translation_key="overload",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=_overloaded,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors of the building and of every stall."""
    async_add_entities(BuildingBinarySensor(entry, description) for description in BUILDING_BINARY_SENSORS)
    add_stall_entities(
        entry,
        async_add_entities,
        lambda stall_id: (StallBinarySensor(entry, stall_id, description) for description in STALL_BINARY_SENSORS),
    )


class BuildingBinarySensor(BuildingEntity, BinarySensorEntity):
    """A binary sensor of the building."""

    entity_description: BuildingBinarySensorDescription

    @property
    @override
    def available(self) -> bool:
        """Whether there is anything to say: a building without app is not disconnected from it."""
        return self.entity_description.available_fn(self._building)

    @property
    @override
    def is_on(self) -> bool | None:
        """What the building says now."""
        return self.entity_description.value_fn(self._building)

    @override
    def _shown(self) -> object:
        return self.is_on


class StallBinarySensor(StallEntity, BinarySensorEntity):
    """A binary sensor of a stall."""

    entity_description: StallBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool:
        """What the stall says now."""
        return self.entity_description.value_fn(self._stall)

    @override
    def _shown(self) -> object:
        return self.is_on
