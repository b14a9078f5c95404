"""Sensors of a building and its stalls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfElectricCurrent, UnitOfEnergy, UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .connectors.ports import Ports
from .devices import EvshareConfigEntry
from .entity import BuildingEntity, StallEntity, add_stall_entities
from .model import LimitReason, LockQuality, OnLoss, StallStatus

# The building does the talking; entities only read what it found.
PARALLEL_UPDATES = 0

# "unavailable" as a state is HA's own word for an entity that cannot be read; the status of a silent stall can be.
_STATUS_KEYS: Final = {status: status.value for status in StallStatus} | {StallStatus.UNAVAILABLE: "offline"}


@dataclass(frozen=True, kw_only=True)
class StallSensorDescription(SensorEntityDescription):
    """A sensor of a stall."""

    value_fn: Callable[[RunningStall], str | int | float | None]
    exists_fn: Callable[[RunningStall], bool] = lambda _: True
    last_reset_fn: Callable[[RunningStall], datetime | None] = lambda _: None
    attributes_fn: Callable[[RunningStall], Mapping[str, Any] | None] = lambda _: None
    while_silent: bool = False
    """Says something even while the connector is silent."""


@dataclass(frozen=True, kw_only=True)
class BuildingSensorDescription(SensorEntityDescription):
    """A sensor of the building."""

    value_fn: Callable[[RunningBuilding], int | float | None]
    exists_fn: Callable[[RunningBuilding], bool] = lambda _: True


def _power_w(stall: RunningStall) -> float | None:
    reading = stall.state.reading
    return None if reading is None else reading.power_w


def _register_wh(stall: RunningStall) -> int | None:
    """The register as last believed: it is not read every time while nobody is there."""
    meter = stall.state.meter
    return None if meter is None else meter.last.register_wh


def _session_wh(stall: RunningStall) -> int | None:
    session = stall.state.session
    return None if session is None else session.energy_wh


def _session_start(stall: RunningStall) -> datetime | None:
    session = stall.state.session
    return None if session is None else session.authorised_at


def _failsafe(stall: RunningStall) -> dict[str, float]:
    """What its own failsafe was when it was read last, in amperes and seconds."""
    failsafe = stall.connector.failsafe
    if failsafe is None:
        return {}
    read = {"failsafe_current": failsafe.current_a, "failsafe_timeout": failsafe.timeout_s}
    return {name: value for name, value in read.items() if value is not None}


def _alone(key: str, loss: Callable[[Ports], OnLoss]) -> StallSensorDescription:
    """What a stall does when it is left alone in one way."""
    return StallSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        options=[answer.value for answer in OnLoss],
        value_fn=lambda stall: loss(stall.connector.ports).value,
    )


def _has_phase(phase: int) -> Callable[[RunningBuilding], bool]:
    return lambda building: building.building.phases >= phase


def _headroom(phase: int) -> Callable[[RunningBuilding], float | None]:
    def value(building: RunningBuilding) -> float | None:
        headroom_a = building.headroom_a
        return None if headroom_a is None or len(headroom_a) < phase else headroom_a[phase - 1]

    return value


STALL_SENSORS: Final = (
    StallSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=list(_STATUS_KEYS.values()),
        value_fn=lambda stall: _STATUS_KEYS[stall.state.status],
        while_silent=True,
    ),
    StallSensorDescription(
        key="power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        value_fn=_power_w,
    ),
    StallSensorDescription(
        key="session_energy",
        translation_key="session_energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        value_fn=_session_wh,
        last_reset_fn=_session_start,
    ),
    StallSensorDescription(
        key="energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        exists_fn=lambda stall: stall.config.billable,
        value_fn=_register_wh,
    ),
    StallSensorDescription(
        key="offered_current",
        translation_key="offered_current",
        device_class=SensorDeviceClass.CURRENT,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=0,
        value_fn=lambda stall: stall.state.offered_a,
    ),
    StallSensorDescription(
        key="limit_reason",
        translation_key="limit_reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[reason.value for reason in LimitReason],
        value_fn=lambda stall: stall.state.limit_reason.value,
    ),
    StallSensorDescription(
        key="lock_quality",
        translation_key="lock_quality",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[quality.value for quality in LockQuality],
        value_fn=lambda stall: stall.lock_quality.value,
        attributes_fn=_failsafe,
    ),
    _alone("on_silence", lambda ports: ports.on_silence),
    _alone("on_reboot", lambda ports: ports.on_reboot),
    _alone("on_unplug", lambda ports: ports.on_unplug),
)

BUILDING_SENSORS: Final = (
    BuildingSensorDescription(
        key="surplus",
        translation_key="surplus",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        value_fn=lambda building: building.surplus_w,
    ),
    *(
        BuildingSensorDescription(
            key=f"headroom_l{phase}",
            translation_key="headroom",
            translation_placeholders={"phase": f"L{phase}"},
            device_class=SensorDeviceClass.CURRENT,
            state_class=SensorStateClass.MEASUREMENT,
            native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
            entity_category=EntityCategory.DIAGNOSTIC,
            suggested_display_precision=1,
            exists_fn=_has_phase(phase),
            value_fn=_headroom(phase),
        )
        for phase in (1, 2, 3)
    ),
    BuildingSensorDescription(
        key="allocated_current",
        translation_key="allocated_current",
        device_class=SensorDeviceClass.CURRENT,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=0,
        value_fn=lambda building: sum(stall.state.offered_a for stall in building.stalls.values()),
    ),
    BuildingSensorDescription(
        key="unattributed_energy",
        translation_key="unattributed_energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda building: building.unattributed_wh,
    ),
    BuildingSensorDescription(
        key="records_waiting",
        translation_key="records_waiting",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda building: building.records_waiting,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: EvshareConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the building and of every stall."""
    building = entry.runtime_data
    async_add_entities(
        BuildingSensor(entry, description) for description in BUILDING_SENSORS if description.exists_fn(building)
    )
    add_stall_entities(
        entry,
        async_add_entities,
        lambda stall_id: (
            StallSensor(entry, stall_id, description)
            for description in STALL_SENSORS
            if description.exists_fn(building.stalls[stall_id])
        ),
    )


class BuildingSensor(BuildingEntity, SensorEntity):
    """A sensor of the building."""

    entity_description: BuildingSensorDescription

    @property
    @override
    def native_value(self) -> int | float | None:
        """What the building says now."""
        return self.entity_description.value_fn(self._building)

    @override
    def _shown(self) -> object:
        return self.native_value


class StallSensor(StallEntity, SensorEntity):
    """A sensor of a stall."""

    entity_description: StallSensorDescription

    @override
    def _available_of(self, stall: RunningStall) -> bool:
        return self.entity_description.while_silent or super()._available_of(stall)

    @property
    @override
    def native_value(self) -> str | int | float | None:
        """What the stall says now."""
        return self.entity_description.value_fn(self._stall)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """What belongs to its value."""
        return self.entity_description.attributes_fn(self._stall)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """When the count of a session began."""
        return self.entity_description.last_reset_fn(self._stall)

    @override
    def _shown(self) -> object:
        return self.native_value, self.extra_state_attributes, self.last_reset
