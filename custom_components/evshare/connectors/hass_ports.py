"""Home Assistant entities as the contactor and the meter of a stall; the only module of this room that knows HA."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_OFF, STATE_ON
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .decode import floor_wh
from .ports import ConnectorRefused, ConnectorUnreachable

SERVICE_TIMEOUT_S = 15
WATT_HOURS = {
    "mWh": Decimal("0.001"),
    "Wh": Decimal(1),
    "kWh": Decimal(1000),
    "MWh": Decimal(1_000_000),
    "GWh": Decimal(1_000_000_000),
}
"""Units of an energy sensor that is billed from, in Wh. Joules and calories are no billing units."""


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
        try:
            async with asyncio.timeout(SERVICE_TIMEOUT_S):
                await self._hass.services.async_call(domain, service, {"entity_id": self._entity_id}, blocking=True)
        except TimeoutError as error:
            raise ConnectorUnreachable(f"{self._entity_id}: no answer to {service} in {SERVICE_TIMEOUT_S} s") from error
        except HomeAssistantError as error:
            raise ConnectorRefused(f"{self._entity_id}: {service} failed: {error}") from error


class HassMeter:
    """An energy sensor entity as the register of a stall.

    While Home Assistant starts, many integrations show the value of before the restart until they have read the meter
    again. Taken for a measurement of now, it would make the true value look like a jump; so until Home Assistant has
    started and the sensor has reported since, the meter is silent.
    """

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        """Nothing is read yet."""
        self._hass = hass
        self._entity_id = entity_id
        self._believed_from = datetime.min.replace(tzinfo=UTC)
        if hass.state is not CoreState.running:
            self._believed_from = datetime.max.replace(tzinfo=UTC)
            async_at_started(hass, self._believe_from_now)

    @callback
    def _believe_from_now(self, _hass: HomeAssistant) -> None:
        self._believed_from = dt_util.utcnow()

    @property
    def serial(self) -> str:
        """The entity's lasting id in the registry, so that renaming it is no new meter."""
        entry = er.async_get(self._hass).async_get(self._entity_id)
        return self._entity_id if entry is None else entry.id

    def register_wh(self) -> int | None:
        """Its state in whole Wh, rounded down; None while it is unavailable, no number, or in another unit."""
        state = self._hass.states.get(self._entity_id)
        if state is None or state.last_reported < self._believed_from:
            return None
        factor = WATT_HOURS.get(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
        try:
            energy = Decimal(state.state)
        except InvalidOperation:
            return None
        if factor is None or not energy.is_finite():
            return None
        return floor_wh(energy * factor)
