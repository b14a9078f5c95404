"""The building's own meters, read from the states of HA sensors.

A sensor that has not reported for `MAX_AGE_S`, is unavailable, or says something no feeder can carry is silent:
None. Age is taken from `last_reported`, so a constant value that is still being reported is fresh.
"""

from datetime import datetime, timedelta
import math

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfElectricCurrent, UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.unit_conversion import BaseUnitConverter, ElectricCurrentConverter, PowerConverter

from ..model import Building, BuildingReading, Moment
from .wiring import MeterEntities

MAX_AGE_S = 30.0
IMPOSSIBLE_FACTOR = 4
"""No fuse lets this many times its current pass for long: such a value is a meter's fault."""


class BuildingSources:
    """Reads feeder and PV. Converts any unit of power or current that HA knows."""

    def __init__(self, hass: HomeAssistant, meters: MeterEntities, building: Building) -> None:
        self._hass = hass
        self.meters = meters
        self._most_a = float(IMPOSSIBLE_FACTOR * building.fuse_a)
        self._most_w = self._most_a * building.voltage_v * building.phases

    @property
    def feeder_configured(self) -> bool:
        """Whether a meter measures what the whole building draws."""
        return self.meters.grid_power is not None or self.meters.currents is not None

    def read(self, now: Moment) -> BuildingReading | None:
        """Return what the meters say now, None if there are none."""
        if not self.feeder_configured and self.meters.pv_power is None:
            return None
        pv_w = self._power(self.meters.pv_power, now.at)
        return BuildingReading(
            at=now.at,
            mono_s=now.mono_s,
            grid_w=self._power(self.meters.grid_power, now.at),
            currents_a=self._currents(now.at),
            # At night inverters draw a little themselves.
            pv_w=None if pv_w is None else max(0.0, pv_w),
        )

    def _power(self, entity_id: str | None, now: datetime) -> float | None:
        return self._value(entity_id, now, PowerConverter, UnitOfPower.WATT, self._most_w)

    def _currents(self, now: datetime) -> tuple[float, float, float] | None:
        if self.meters.currents is None:
            return None
        measured = [
            self._value(entity_id, now, ElectricCurrentConverter, UnitOfElectricCurrent.AMPERE, self._most_a)
            for entity_id in self.meters.currents
        ]
        known = [value for value in measured if value is not None]
        if len(known) < len(measured):
            return None
        return (known[0], known[1], known[2]) if len(known) == 3 else (known[0], 0.0, 0.0)

    def _value(
        self, entity_id: str | None, now: datetime, converter: type[BaseUnitConverter], unit: str, most: float
    ) -> float | None:
        state = None if entity_id is None else self._hass.states.get(entity_id)
        if state is None or now - state.last_reported > timedelta(seconds=MAX_AGE_S):
            return None
        try:
            value = converter.convert(float(state.state), state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), unit)
        except ValueError, HomeAssistantError:
            return None  # unavailable, unknown, a text, or a unit of something else
        return value if math.isfinite(value) and abs(value) <= most else None
