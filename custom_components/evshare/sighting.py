"""A live look at a connector during set-up: is it there, is it the right one, what can it do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from homeassistant.components.modbus import async_get_temporary_unit
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from modbus_connection import ModbusTcpParams, ModbusUnit

from .connectors.clock import Clock, LoopClock
from .connectors.driver import ConnectorSettings
from .connectors.factory import build_connector, modbus_unit_ids, stall_ports
from .connectors.hass_ports import HassMeter, HassSwitch
from .connectors.locks import lock_quality
from .connectors.ports import (
    Connector,
    ConnectorError,
    ConnectorUnreachable,
    Identity,
    Ports,
    WrongDevice,
)
from .connectors.profile import Profile
from .const import CONF_CONTACTOR, CONF_MAX_CURRENT_A, CONF_METER, CONF_UNIT_ID
from .model import GateKind, LockQuality, Reading

BOOT_PATIENCE_S: Final = 90.0
"""A connector behind a contactor boots and joins the Wi-Fi before it answers."""
BOOT_POLL_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 20.0


class Unseen(StrEnum):
    """Why a look failed. Values are translation keys of errors."""

    CANNOT_CONNECT = "cannot_connect"
    WRONG_UNIT = "wrong_unit"
    WRONG_DEVICE = "wrong_device"
    LINK_IN_USE = "link_in_use"
    CONTACTOR_FAILED = "contactor_failed"
    UNPOWERED = "unpowered"


class CannotLook(Exception):
    """Nothing usable was seen."""

    def __init__(self, cause: Unseen) -> None:
        super().__init__(cause.value)
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What a connector said of itself."""

    identity: Identity
    reading: Reading
    ports: Ports
    lock_quality: LockQuality
    billable: bool
    """It has a register that can be billed from, its own or an external meter."""


async def async_look(hass: HomeAssistant, profile: Profile, data: Mapping[str, Any], *, energise: bool) -> Sighting:
    """Find out what answers at the address of a stall's settings (`data`, as the subentry keeps them).

    Behind a contactor the connector is dark. With `energise` the contactor is closed for the look and opened again,
    unless it was closed before; without, nothing is switched. Nothing else is written.

    Raises:
        CannotLook: with the cause.
    """
    clock = LoopClock(dt_util.utcnow)
    async with _connected(hass, profile, data, clock) as connector:
        look = _Look(profile, data, connector, clock)
        try:
            if not data[CONF_CONTACTOR] or HassSwitch(hass, data[CONF_CONTACTOR]).is_on():
                return await look.once()
            return await (look.energised() if energise else look.until_seen(patience_s=0))
        except (ConnectorUnreachable, TimeoutError) as error:
            raise CannotLook(Unseen.CANNOT_CONNECT) from error
        except WrongDevice as error:
            raise CannotLook(Unseen.WRONG_DEVICE) from error
        except ConnectorError as error:
            raise CannotLook(Unseen.WRONG_UNIT) from error
        finally:
            await connector.close()


class _Look:
    def __init__(self, profile: Profile, data: Mapping[str, Any], connector: Connector, clock: Clock) -> None:
        self._profile = profile
        self._contactor = bool(data[CONF_CONTACTOR])
        self._meter = bool(data[CONF_METER])
        self._connector = connector
        self._clock = clock

    async def once(self) -> Sighting:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            identity = await self._connector.identify()
            reading = await self._connector.poll()
        ports = stall_ports(self._profile, contactor=self._contactor, meter=self._meter)
        return Sighting(
            identity=identity,
            reading=reading,
            ports=ports,
            lock_quality=lock_quality(ports, GateKind.CONTACTOR if self._contactor else GateKind.NATIVE),
            billable=ports.register,
        )

    async def until_seen(self, patience_s: float) -> Sighting:
        """Look again and again until the connector has booted; `patience_s` 0 looks once."""
        give_up_s = self._clock.monotonic() + patience_s
        while True:
            try:
                return await self.once()
            except (ConnectorUnreachable, TimeoutError) as error:
                if self._clock.monotonic() + BOOT_POLL_S > give_up_s:
                    raise CannotLook(Unseen.UNPOWERED) from error
            await self._clock.sleep(BOOT_POLL_S)

    async def energised(self) -> Sighting:
        """Close the contactor, look, and open it again whatever comes."""
        try:
            try:
                await self._connector.enable(self._connector.min_a)
            except ConnectorError as error:
                raise CannotLook(Unseen.CONTACTOR_FAILED) from error
            return await self.until_seen(BOOT_PATIENCE_S)
        finally:
            try:
                await self._connector.disable()
            except ConnectorError as error:
                raise CannotLook(Unseen.CONTACTOR_FAILED) from error


@asynccontextmanager
async def _connected(
    hass: HomeAssistant, profile: Profile, data: Mapping[str, Any], clock: Clock
) -> AsyncIterator[Connector]:
    """A connector for the time of a look, on the links that HA shares."""
    settings = ConnectorSettings(
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        unit_id=data[CONF_UNIT_ID],
        max_current_a=data[CONF_MAX_CURRENT_A],
    )
    async with AsyncExitStack() as stack:
        units: dict[int, ModbusUnit] = {}
        try:
            for unit_id in modbus_unit_ids(profile, settings):
                params = ModbusTcpParams(host=data[CONF_HOST], port=data[CONF_PORT])
                units[unit_id] = await stack.enter_async_context(async_get_temporary_unit(hass, params, unit_id))
        except HomeAssistantError as error:
            raise CannotLook(Unseen.LINK_IN_USE) from error
        own, *_ = units.values() or (None,)
        yield build_connector(
            profile,
            settings,
            clock=clock,
            unit=own,
            other_units=units,
            session=async_get_clientsession(hass),
            contactor=HassSwitch(hass, data[CONF_CONTACTOR]) if data[CONF_CONTACTOR] else None,
            meter=HassMeter(hass, data[CONF_METER]) if data[CONF_METER] else None,
        )
