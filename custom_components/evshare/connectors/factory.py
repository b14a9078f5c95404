"""The door of this room: profiles, and a stall's hardware put together from them.

A stall is the profile's driver, with an external meter beside it or a contactor in front where it has them.
"""

from collections.abc import Mapping
from dataclasses import replace

import aiohttp
from modbus_connection import ModbusUnit

from .clock import Clock
from .contactor import ContactorGate, ContactorTimes, Switch
from .driver import ConnectorSettings, ProfileConnector, Wire
from .external_meter import MeteredConnector, MeterSource
from .http import HttpWire
from .locks import behind_contactor
from .modbus import ModbusWire
from .ports import Connector, Ports
from .profile import Profile, available_profiles, load_profile

__all__ = [
    "ConnectorSettings",
    "Profile",
    "available_profiles",
    "build_connector",
    "load_profile",
    "modbus_unit_ids",
    "stall_ports",
]


def stall_ports(profile: Profile, *, contactor: bool = False, meter: bool = False) -> Ports:
    """The ports a stall will have, before anything is built: for set-up and its lock quality."""
    ports = replace(profile.ports, register=True) if meter else profile.ports
    return behind_contactor(ports) if contactor else ports


def modbus_unit_ids(profile: Profile, settings: ConnectorSettings) -> tuple[int, ...]:
    """Unit ids the driver wants to talk to: its own first, then those of points kept elsewhere (Alfen's serial).

    Empty for a profile that does not speak Modbus.
    """
    if not profile.transport.is_modbus:
        return ()
    own = settings.unit_id if settings.unit_id is not None else profile.transport.unit_id
    others = sorted({point.unit_id for point in profile.points.values() if point.unit_id is not None} - {own})
    return (own, *others)


def build_connector(
    profile: Profile,
    settings: ConnectorSettings,
    *,
    clock: Clock,
    unit: ModbusUnit | None = None,
    other_units: Mapping[int, ModbusUnit] | None = None,
    session: aiohttp.ClientSession | None = None,
    contactor: Switch | None = None,
    meter: MeterSource | None = None,
    contactor_times: ContactorTimes | None = None,
) -> Connector:
    """Build the connector of one stall. Nothing is sent before its first method is called.

    Args:
        profile: What hardware it is.
        settings: Where it is and how much it may offer.
        clock: Wall and loop time.
        unit: Its Modbus unit (`modbus_unit_ids()[0]`), for Modbus profiles.
        other_units: Further units by id; points on a unit that is not given stay None.
        session: HTTP client, for HTTP profiles.
        contactor: The contactor in front of it, if any.
        meter: An external energy meter, if any; its register replaces the connector's own.
        contactor_times: How the contactor is treated.

    Raises:
        ValueError: Transport missing or a setting out of range; the message names it.
    """
    wire = _wire(profile, settings, unit, other_units, session)
    connector: Connector = ProfileConnector(profile, settings, wire, clock)
    if contactor is not None:
        return ContactorGate(connector, contactor, meter, clock, contactor_times or ContactorTimes())
    return connector if meter is None else MeteredConnector(connector, meter)


def _wire(
    profile: Profile,
    settings: ConnectorSettings,
    unit: ModbusUnit | None,
    other_units: Mapping[int, ModbusUnit] | None,
    session: aiohttp.ClientSession | None,
) -> Wire:
    if profile.transport.is_modbus:
        if unit is None:
            raise ValueError(f"unit: profile {profile.id} speaks Modbus, so a Modbus unit is needed; got none")
        return ModbusWire(profile, settings, unit, other_units or {})
    if session is None:
        raise ValueError(f"session: profile {profile.id} speaks HTTP, so an HTTP client session is needed; got none")
    return HttpWire(profile, settings, session)
