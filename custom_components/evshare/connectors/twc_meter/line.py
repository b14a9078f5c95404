"""The line on which the wall connector asks: a serial adapter of this machine, or an RS485-to-TCP one that calls us.

Served by pymodbus, in Modbus RTU frames on both (connectors reference 1.5 b: 115200 8N1).
"""

from dataclasses import dataclass
from typing import Protocol

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import SimDevice

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


class _Server:
    def __init__(self, server: ModbusSerialServer | ModbusTcpServer) -> None:
        self._server = server

    async def begin(self, where: str) -> None:
        """Open it; pymodbus says only that it could not, and logs why."""
        try:
            await self._server.serve_forever(background=True)
        except (RuntimeError, OSError, ValueError) as error:
            raise ConnectorUnreachable(f"emulated meter: {where} cannot be opened") from error

    async def end(self) -> None:
        """Close it and every connection to it."""
        await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left its annotation out


@dataclass(frozen=True)
class SerialLine:
    """A serial device of this machine, by its path."""

    path: str
    wears_off = True

    async def serve(self, devices: list[SimDevice]) -> Served:
        """Answer on it, alone: the device is locked."""
        served = _Server(
            ModbusSerialServer(
                devices,
                framer=FramerType.RTU,
                port=self.path,
                baudrate=BAUDRATE,
                bytesize=8,
                parity="N",
                stopbits=1,
            )
        )
        await served.begin(self.path)
        return served


@dataclass(frozen=True)
class TcpLine:
    """A TCP port to which an adapter brings the line's bytes as they are."""

    port: int
    host: str = "0.0.0.0"  # noqa: S104  # the adapter is another device on the network; there is nothing to write
    wears_off = False

    async def serve(self, devices: list[SimDevice]) -> Served:
        """Answer whoever connects."""
        served = _Server(ModbusTcpServer(devices, framer=FramerType.RTU, address=(self.host, self.port)))
        await served.begin(f"TCP port {self.port}")
        return served
