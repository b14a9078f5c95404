"""The building's own meters, read from the states of HA sensors.

A power or current sensor that has not reported for `MAX_AGE_S`, is unavailable, or says something no feeder can carry
is silent: None. Age is taken from `last_reported`, so a constant value that is still being reported is fresh. A
register and a price stand until they say something else; a register's value of before the restart is not believed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
import math
from typing import Any

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfElectricCurrent, UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.unit_conversion import BaseUnitConverter, ElectricCurrentConverter, PowerConverter

from ..connectors.hass_ports import SinceStart, whole_wh
from ..model import Building, BuildingReading, Moment
from .price import price_per_kwh
from .series import BATTERY_POWER, GRID_POWER, PV_POWER, BuildingSeries, Seen
from .wiring import MeterEntities

MAX_AGE_S = 30.0
IMPOSSIBLE_FACTOR = 4
"""No fuse lets this many times its current pass for long: such a value is a meter's fault."""


class BuildingSources:
    """Reads feeder, PV, battery and prices. Converts any unit of power, current or energy that HA knows."""

    def __init__(self, hass: HomeAssistant, meters: MeterEntities, building: Building) -> None:
        self._hass = hass
        self.meters = meters
        self._most_a = float(IMPOSSIBLE_FACTOR * building.fuse_a)
        self._most_w = self._most_a * building.voltage_v * building.phases
        self._currency = building.currency
        self._since_start = SinceStart(hass)

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

    def new_series(self, snapshot: Mapping[str, Any] | None) -> BuildingSeries:
        """Make a series of all these meters, going on from `snapshot` if there is one."""
        powers = {
            GRID_POWER: self.meters.grid_power,
            PV_POWER: self.meters.pv_power,
            BATTERY_POWER: self.meters.battery_power,
        }
        return BuildingSeries(
            powers=[name for name, entity_id in powers.items() if entity_id is not None],
            registers=self.meters.registers,
            prices=self.meters.prices,
            most_w=round(self._most_w),
            snapshot=snapshot,
        )

    def seen(self, now: Moment, reading: BuildingReading | None) -> Seen:
        """Return what the series is made of; `reading` is what `read` returned for this moment."""
        powers_w = {
            GRID_POWER: None if reading is None else reading.grid_w,
            PV_POWER: None if reading is None else reading.pv_w,
            BATTERY_POWER: self._battery_w(now.at),
        }
        registers = {value: self._register(entity_id) for value, entity_id in self.meters.registers.items()}
        return Seen(
            powers_w={name: power_w for name, power_w in powers_w.items() if power_w is not None},
            registers={value: said for value, said in registers.items() if said is not None},
            prices=self.prices(),
        )

    def prices(self) -> dict[str, Decimal]:
        """Return the prices of a kWh that are in force, by their series' names; what is not known is not in it."""
        said = {name: self._price(entity_id) for name, entity_id in self.meters.prices.items()}
        return {name: price for name, price in said.items() if price is not None}

    def _price(self, entity_id: str) -> Decimal | None:
        state = self._hass.states.get(entity_id)
        if state is None:
            return None
        return price_per_kwh(state.state, state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), self._currency)

    def _battery_w(self, now: datetime) -> float | None:
        """What it gives less what it takes; None while a sensor of it is silent."""
        gives_w = self._power(self.meters.battery_power, now)
        if gives_w is None or self.meters.battery_charge_power is None:
            return gives_w
        takes_w = self._power(self.meters.battery_charge_power, now)
        return None if takes_w is None else max(0.0, gives_w) - max(0.0, takes_w)

    def _register(self, entity_id: str) -> tuple[datetime, int] | None:
        state = self._hass.states.get(entity_id)
        if state is None or not self._since_start.believes(state):
            return None
        register_wh = whole_wh(state)
        return None if register_wh is None else (state.last_reported, register_wh)

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
