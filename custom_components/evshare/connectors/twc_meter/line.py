"""The line on which the wall connector asks: a serial adapter of this machine, or an RS485-to-TCP one that calls us.

Modbus RTU frames on both (connectors reference 1.5 b: 115200 8N1). pymodbus answers them; the serial line itself is
opened by serialx, which Home Assistant brings for all its Modbus lines, and which knows more than paths: also
``socket://host:port`` of an adapter that waits to be called.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import SimDevice
import serialx

from ..ports import ConnectorUnreachable

BAUDRATE = 115_200


class Served(Protocol):
    """A line that is being served."""

    async def end(self) -> None:
        """Let go of it."""


class Line(Protocol):
    """Where the meter is asked."""

    @property
    def wears_off(self) -> bool:
        """Whether it has to be opened anew when its adapter was unplugged."""

    async def serve(self, devices: list[SimDevice]) -> Served:
        """Answer for `devices` from now on. Raises `ConnectorUnreachable` when it cannot be opened."""


@dataclass(frozen=True)
class SerialLine:
    """A serial device by its path, or whatever else serialx knows."""

    path: str
    wears_off = True

    async def serve(self, devices: list[SimDevice]) -> Served:
        """Answer on it, alone: the device is locked."""
        server = ModbusSerialServer(devices, framer=FramerType.RTU, port=self.path, baudrate=BAUDRATE)
        try:
            transport, _ = await serialx.create_serial_connection(
                asyncio.get_running_loop(),
                server.handle_new_connection,  # type: ignore[arg-type]  # it is a protocol, if not called so
                self.path,
                baudrate=BAUDRATE,
            )
        except (serialx.SerialException, OSError, ValueError) as error:
            raise ConnectorUnreachable(f"emulated meter: {self.path} cannot be opened: {error}") from error
        return _ServedSerial(transport)


@dataclass(frozen=True)
class _ServedSerial:
    transport: asyncio.Transport

    async def end(self) -> None:
        """Close it."""
        self.transport.close()


@dataclass(frozen=True)
class TcpLine:
    """A TCP port to which an adapter brings the line's bytes as they are."""

    port: int
    host: str = "0.0.0.0"  # noqa: S104  # the adapter is another device on the network; there is nothing to write
    wears_off = False

    async def serve(self, devices: list[SimDevice]) -> Served:
        """Answer whoever connects."""
        server = ModbusTcpServer(devices, framer=FramerType.RTU, address=(self.host, self.port))
        try:
            await server.serve_forever(background=True)
        except (RuntimeError, OSError) as error:  # it says only that it could not, and logs why
            raise ConnectorUnreachable(f"emulated meter: TCP port {self.port} cannot be opened") from error
        return _ServedTcp(server)


@dataclass(frozen=True)
class _ServedTcp:
    server: ModbusTcpServer

    async def end(self) -> None:
        """Close it and every connection to it."""
        await self.server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left its annotation out
