"""Home Assistant entities as the contactor and the meter of a stall.

With ``hass_contactor.py`` and ``entities/hass.py`` all of this room that knows Home Assistant.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from homeassistant.components.sensor import ATTR_STATE_CLASS, SensorStateClass
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ATTR_UNIT_OF_MEASUREMENT,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_OFF,
    STATE_ON,
)
from homeassistant.core import CoreState, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .decode import floor_wh
from .ports import ConnectorRefused, ConnectorUnreachable

SERVICE_TIMEOUT_S = 15
TICK = timedelta(milliseconds=20)
"""A wall clock may move in steps this coarse: what was said in the step of the start was said before it."""
WATT_HOURS = {
    "mWh": Decimal("0.001"),
    "Wh": Decimal(1),
    "kWh": Decimal(1000),
    "MWh": Decimal(1_000_000),
    "GWh": Decimal(1_000_000_000),
}
"""Units of an energy sensor that is billed from, in Wh. Joules and calories are no billing units."""

TOTALS = frozenset({SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING})
"""State classes of sensors that count and never measure."""


async def async_command(
    hass: HomeAssistant, what: str, domain: str, service: str, data: Mapping[str, Any] | None = None
) -> None:
    """Call a service and wait until it is done. Raises `ConnectorError`, with `what` was to do it."""
    try:
        async with asyncio.timeout(SERVICE_TIMEOUT_S):
            await hass.services.async_call(domain, service, dict(data or {}), blocking=True)
    except TimeoutError as error:
        raise ConnectorUnreachable(f"{what}: no answer to {service} in {SERVICE_TIMEOUT_S} s") from error
    except Exception as error:  # whatever another integration lets out, its entity did not do what it was told
        raise ConnectorRefused(f"{what}: {service} failed: {error}") from error


class HassSwitch:
    """A switch entity as the contactor's coil."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        """Nothing is switched yet."""
        self._hass = hass
        self._entity_id = entity_id

    def is_on(self) -> bool | None:
        """What the entity says; None while it is unavailable or unknown."""
        state = self._hass.states.get(self._entity_id)
        return None if state is None else {STATE_ON: True, STATE_OFF: False}.get(state.state)

    async def turn_on(self) -> None:
        """Call its service and wait for it."""
        await self._call(SERVICE_TURN_ON)

    async def turn_off(self) -> None:
        """Call its service and wait for it."""
        await self._call(SERVICE_TURN_OFF)

    async def _call(self, service: str) -> None:
        domain = self._entity_id.partition(".")[0]
        await async_command(self._hass, self._entity_id, domain, service, {ATTR_ENTITY_ID: self._entity_id})


class SinceStart:
    """Which states were said since Home Assistant has started.

    While it starts, many integrations show the value of before the restart until they have read their device again.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Look whether Home Assistant runs, and wait for it if it does not."""
        self.started_mono_s: float | None = None
        """When it started, in loop time; None: before us, or not yet."""
        self._loop = hass.loop
        self._from = datetime.min.replace(tzinfo=UTC)
        if hass.state is not CoreState.running:
            self._from = datetime.max.replace(tzinfo=UTC)
            async_at_started(hass, self._started)

    def believes(self, state: State) -> bool:
        """Whether this state was said since then, or Home Assistant ran before us."""
        return state.last_reported >= self._from

    @callback
    def _started(self, hass: HomeAssistant) -> None:
        self._from = dt_util.utcnow() + TICK
        self.started_mono_s = self._loop.time()


class HassMeter:
    """An energy sensor entity as the register of a stall.

    A value of before the restart, taken for a measurement of now, would make the true value look like a jump; so
    until Home Assistant has started and the sensor has reported since, the meter is silent.
    """

    def __init__(self, hass: HomeAssistant, entity_id: str, *, cumulative: bool = False) -> None:
        """Nothing is read yet. `cumulative`: the sensor has to say that it counts a total (its state class)."""
        self._hass = hass
        self._entity_id = entity_id
        self._since_start = SinceStart(hass)
        self._cumulative = cumulative

    @property
    def serial(self) -> str:
        """The entity's lasting id in the registry, so that renaming it is no new meter."""
        entry = er.async_get(self._hass).async_get(self._entity_id)
        return self._entity_id if entry is None else entry.id

    def register_wh(self) -> int | None:
        """Its state in whole Wh, rounded down; None while it is unavailable, no number, or in another unit."""
        state = self._hass.states.get(self._entity_id)
        if state is None or not self._since_start.believes(state):
            return None
        if self._cumulative and state.attributes.get(ATTR_STATE_CLASS) not in TOTALS:
            return None
        return whole_wh(state)


def whole_wh(state: State) -> int | None:
    """An energy sensor's state in whole Wh, rounded down; None for what is no energy."""
    factor = WATT_HOURS.get(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
    try:
        energy = Decimal(state.state)
    except InvalidOperation:
        return None
    return floor_wh(energy * factor) if factor is not None and energy.is_finite() else None
