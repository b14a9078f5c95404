"""The door of this room: profiles and their drivers. What stands around a driver is put there by ``equipment.py``."""

from collections.abc import Mapping
from typing import Literal

import aiohttp
from modbus_connection import ModbusSerialParams, ModbusTcpParams, ModbusUnit

from .clock import Clock
from .driver import ProfileConnector
from .http import HttpWire
from .locks import equipped_ports
from .modbus import ModbusWire, own_unit_id
from .orders import Wire
from .ports import Connector, Ports
from .profile import Profile, available_profiles, load_profile
from .reading_plan import Cuts
from .settings import ConnectorSettings

SOCKET_BAUDRATE = 115_200
"""A gateway's socket has no speed; this one gives the shortest pause between frames, as Home Assistant's own does."""

__all__ = [
    "ConnectorSettings",
    "Profile",
    "available_profiles",
    "build_connector",
    "load_profile",
    "modbus_params",
    "modbus_unit_ids",
    "stall_ports",
]


def stall_ports(
    profile: Profile, *, contactor: bool = False, meter: bool = False, refreshed: bool = False, throttled: bool = False
) -> Ports:
    """The ports a stall will have, before anything is built: for set-up and its lock quality."""
    return equipped_ports(profile.ports, contactor=contactor, meter=meter, refreshed=refreshed, throttled=throttled)


def modbus_unit_ids(profile: Profile, settings: ConnectorSettings) -> tuple[int, ...]:
    """Unit ids the driver wants to talk to: its own first, then those of points kept elsewhere (Alfen's serial).

    Empty for a profile that does not speak Modbus.
    """
    if not profile.transport.is_modbus:
        return ()
    own = own_unit_id(profile, settings)
    others = sorted({point.unit_id for point in profile.points.values() if point.unit_id is not None} - {own})
    return (own, *others)


def modbus_params(profile: Profile, settings: ConnectorSettings) -> ModbusTcpParams | ModbusSerialParams:
    """The link to a Modbus connector: its own address, a gateway's, or a serial line of this machine.

    Raises:
        ValueError: A serial line without its port, or a transport the model does not have.
    """
    transport = profile.transport
    kind = settings.transport or transport.kinds[0]
    if kind not in transport.kinds:
        raise ValueError(f"transport: got {kind!r}; accepted: {', '.join(transport.kinds)}")
    framer: Literal["rtu", "ascii"] = "ascii" if kind == "modbus_ascii" else "rtu"
    if kind == "modbus_rtu" or (kind == "modbus_ascii" and settings.serial_port):
        line = transport.serial
        if not settings.serial_port or line is None:
            raise ValueError("serial_port: got none; accepted: the path of the serial line's device")
        return ModbusSerialParams(
            device=settings.serial_port,
            framer=framer,
            baudrate=line.baudrate,
            bytesize=line.bytesize,
            parity=line.parity,
            stopbits=line.stopbits,
        )
    port = settings.port or transport.port + (settings.point - 1) * transport.port_step
    if kind == "modbus_tcp":
        return ModbusTcpParams(host=settings.host, port=port)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return ModbusSerialParams(device=f"socket://{host}:{port}", framer=framer, baudrate=SOCKET_BAUDRATE)


def build_connector(
    profile: Profile,
    settings: ConnectorSettings,
    *,
    clock: Clock,
    unit: ModbusUnit | None = None,
    other_units: Mapping[int, ModbusUnit] | None = None,
    session: aiohttp.ClientSession | None = None,
    cuts: Cuts | None = None,
) -> Connector:
    """Build the driver of one stall. Nothing is sent before its first method is called.

    Args:
        profile: What hardware it is.
        settings: Where it is and how much it may offer.
        clock: Wall and loop time.
        unit: Its Modbus unit (`modbus_unit_ids()[0]`), for Modbus profiles.
        other_units: Further units by id; points on a unit that is not given stay None.
        session: HTTP client, for HTTP profiles.
        cuts: Where this device is known not to be readable across; new ones are added to it.

    Raises:
        ValueError: Transport missing or a setting out of range; the message names it.
    """
    wire = _wire(profile, settings, unit=unit, other_units=other_units, session=session, cuts=cuts)
    return ProfileConnector(profile, settings, wire, clock)


def _wire(
    profile: Profile,
    settings: ConnectorSettings,
    *,
    unit: ModbusUnit | None,
    other_units: Mapping[int, ModbusUnit] | None,
    session: aiohttp.ClientSession | None,
    cuts: Cuts | None,
) -> Wire:
    if profile.transport.is_modbus:
        if unit is None:
            raise ValueError(f"unit: profile {profile.id} speaks Modbus, so a Modbus unit is needed; got none")
        return ModbusWire(profile, settings, unit, other_units or {}, cuts)
    if session is None:
        raise ValueError(f"session: profile {profile.id} speaks HTTP, so an HTTP client session is needed; got none")
    return HttpWire(profile, settings, session)
