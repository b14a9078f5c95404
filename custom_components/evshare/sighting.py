"""A live look at a connector during set-up: is it there, is it the right one, what can it do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from homeassistant.components.modbus import async_get_temporary_unit
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_PASSWORD, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from modbus_connection import ModbusUnit

from .building.ocpp_listener import async_ocpp_connector
from .building.wiring import connector_settings, own_profiles_folder, planned_ports
from .connectors.clock import Clock, LoopClock
from .connectors.entities.hass import async_entity_connector
from .connectors.entities.slots import EntitySettings
from .connectors.equipment import equipped
from .connectors.factory import build_connector, modbus_params, modbus_unit_ids
from .connectors.hass_contactor import look_equipment
from .connectors.hass_ports import HassSwitch
from .connectors.locks import lock_quality
from .connectors.patience import PatientConnector
from .connectors.ports import (
    Connector,
    ConnectorError,
    ConnectorUnreachable,
    Failsafe,
    Identity,
    NotAllowed,
    Ports,
    WrongDevice,
)
from .connectors.profile import ProfileError, load_profile, sets_failsafe
from .const import CONF_CONNECTOR, CONF_CONTACTOR, CONNECTOR_ENTITIES, CONNECTOR_OCPP
from .model import LockQuality, Reading

BOOT_PATIENCE_S: Final = 90.0
"""A connector behind a contactor boots and joins the Wi-Fi before it answers."""
BOOT_POLL_S: Final = 2.0
CALL_PATIENCE_S: Final = 300.0
"""Somebody has to type our address into the box first, and boxes try again only every minute or so."""
CALL_POLL_S: Final = 0.5
ANSWER_TIMEOUT_S: Final = 20.0


class Unseen(StrEnum):
    """Why a look failed. Values are translation keys of errors."""

    CANNOT_CONNECT = "cannot_connect"
    WRONG_UNIT = "wrong_unit"
    WRONG_DEVICE = "wrong_device"
    LINK_IN_USE = "link_in_use"
    UNUSABLE = "unusable"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105  # the name of a text
    CONTACTOR_FAILED = "contactor_failed"
    UNPOWERED = "unpowered"
    NOT_CALLED = "not_called"


class CannotLook(Exception):
    """Nothing usable was seen; `field` is the setting to look at, where one is known."""

    def __init__(self, cause: Unseen, field: str | None = None) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What a connector said of itself."""

    identity: Identity
    reading: Reading
    ports: Ports
    """What the stall can do once it is prepared; a register is its own or an external meter."""
    lock_quality: LockQuality
    failsafe: Failsafe | None
    """Its own, as it is set now."""
    sets_failsafe: bool
    """evshare programs it once the stall is kept."""
    min_a: int
    """The lowest current it can be told."""


async def async_look(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any], *, energise: bool) -> Sighting:
    """Find out what answers where a stall's settings (`data`, as the subentry of `entry` keeps them) point.

    Behind a contactor the connector is dark. With `energise` the contactor is closed for the look and opened again,
    unless it was closed before; without, nothing is switched. Nothing else is written.

    Raises:
        CannotLook: with the cause.
    """
    clock = LoopClock(dt_util.utcnow)
    try:
        folder = own_profiles_folder(hass)
        ports = await hass.async_add_executor_job(planned_ports, data, folder)
        sets = await hass.async_add_executor_job(_sets_failsafe, data, folder)
    except ProfileError as error:  # a file of the owner's own that was changed meanwhile
        raise CannotLook(Unseen.UNUSABLE) from error
    async with async_reach(hass, entry, data, clock) as connector:
        look = _Look(data, ports, sets, connector, clock)
        try:
            if not data[CONF_CONTACTOR] or HassSwitch(hass, data[CONF_CONTACTOR]).is_on():
                return await look.once()
            return await (look.energised() if energise else look.until_seen(patience_s=0))
        except (ConnectorUnreachable, TimeoutError) as error:
            raise CannotLook(Unseen.CANNOT_CONNECT) from error
        except WrongDevice as error:
            raise CannotLook(Unseen.WRONG_DEVICE) from error
        except NotAllowed as error:
            raise CannotLook(Unseen.WRONG_PASSWORD, CONF_TOKEN if data.get(CONF_TOKEN) else CONF_PASSWORD) from error
        except ConnectorError as error:
            raise CannotLook(Unseen.WRONG_UNIT) from error


def _sets_failsafe(data: Mapping[str, Any], folder: Path) -> bool:
    """Whether evshare programs the failsafe of a stall's connector; reads the disk. Raises `ProfileError`."""
    if data[CONF_CONNECTOR] in (CONNECTOR_ENTITIES, CONNECTOR_OCPP):
        return False
    return sets_failsafe(load_profile(data[CONF_CONNECTOR], folder))


async def async_identify(hass: HomeAssistant, data: Mapping[str, Any]) -> Identity:
    """Ask a connector of the list who it is; nothing is written.

    Raises:
        CannotLook: the settings cannot be used.
        ConnectorError: it does not answer, or not like this model.
        TimeoutError: it takes too long.
    """
    async with AsyncExitStack() as stack:
        connector = await _from_profile(hass, data[CONF_CONNECTOR], data, LoopClock(dt_util.utcnow), stack)
        stack.push_async_callback(connector.close)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await connector.identify()


class _Look:
    def __init__(
        self, data: Mapping[str, Any], ports: Ports, sets_failsafe: bool, connector: Connector, clock: Clock
    ) -> None:
        self._planned = ports
        self._sets_failsafe = sets_failsafe
        self._tells = data[CONF_CONNECTOR] == CONNECTOR_OCPP
        """What it does when it is left alone stands in its configuration, which was read."""
        self._connector = connector
        self._clock = clock

    async def once(self) -> Sighting:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            identity = await self._connector.identify()
            reading = await self._connector.poll()
        ports = self._connector.ports if self._tells else self._planned
        return Sighting(
            identity=identity,
            reading=reading,
            ports=ports,
            lock_quality=lock_quality(ports),
            failsafe=self._connector.failsafe,
            sets_failsafe=self._sets_failsafe,
            min_a=self._connector.min_a,
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
async def async_reach(
    hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any], clock: Clock
) -> AsyncIterator[Connector]:
    """The connector that a stall's settings name, for the time of a look; nothing is sent before it is asked.

    Raises:
        CannotLook: the settings cannot be used together with what else Home Assistant talks to.
    """
    async with AsyncExitStack() as stack:
        connector: Connector
        match data[CONF_CONNECTOR]:
            case name if name == CONNECTOR_ENTITIES:
                connector = await async_entity_connector(hass, EntitySettings.from_data(data), clock)
            case name if name == CONNECTOR_OCPP:
                connector = await _called(hass, data, clock, stack)
            case profile_id:
                connector = await _from_profile(hass, profile_id, data, clock, stack)
        connector = equipped(connector, look_equipment(hass, data), clock)
        stack.push_async_callback(connector.close)
        # What may not be hurried (a contactor rests between two closings) is waited for here.
        yield PatientConnector(connector, clock)


async def _called(hass: HomeAssistant, data: Mapping[str, Any], clock: Clock, stack: AsyncExitStack) -> Connector:
    """A box that calls us; it is waited for, unless it has no power yet."""
    try:
        box = await async_ocpp_connector(hass, data, clock)
    except ValueError as error:
        field = str(error).partition(":")[0]
        raise CannotLook(Unseen.UNUSABLE, field if field in data else None) from error
    stack.callback(box.let_go)
    give_up_s = clock.monotonic() + CALL_PATIENCE_S
    while not data[CONF_CONTACTOR]:
        try:
            await box.poll()
        except ConnectorUnreachable as error:
            if clock.monotonic() > give_up_s:
                raise CannotLook(Unseen.NOT_CALLED) from error
            await clock.sleep(CALL_POLL_S)
        except ConnectorError:
            break  # the look tells why
        else:
            break
    return box


async def _from_profile(
    hass: HomeAssistant, profile_id: str, data: Mapping[str, Any], clock: Clock, stack: AsyncExitStack
) -> Connector:
    """A connector of the list, on the links that HA shares."""
    settings = connector_settings(data)
    units: dict[int, ModbusUnit] = {}
    try:
        profile = await hass.async_add_executor_job(load_profile, profile_id, own_profiles_folder(hass))
        for unit_id in modbus_unit_ids(profile, settings):
            params = modbus_params(profile, settings)
            units[unit_id] = await stack.enter_async_context(async_get_temporary_unit(hass, params, unit_id))
        own, *_ = units.values() or (None,)
        return build_connector(
            profile,
            settings,
            clock=clock,
            unit=own,
            other_units=units,
            session=async_get_clientsession(hass),
        )
    except HomeAssistantError as error:
        raise CannotLook(Unseen.LINK_IN_USE) from error
    except ValueError as error:
        # The message begins with the setting it is about (DESIGN rule 11).
        field = str(error).partition(":")[0]
        raise CannotLook(Unseen.UNUSABLE, field if field in data else None) from error
