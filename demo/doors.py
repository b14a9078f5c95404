"""Doors: the loopback listeners through which the world reaches the building's devices.

A door keeps its port number while it is shut, so a device that was dark comes back where it was; connections to a shut
door are refused. Only 127.0.0.1 is ever bound.
"""

from collections.abc import Awaitable, Callable
import socket
from typing import Protocol

from aiohttp import web
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import SimDevice

HOST = "127.0.0.1"

type HttpHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class PortHold:
    """Keeps a TCP port from being given to anyone else while nobody listens on it."""

    def __init__(self, port: int | None = None) -> None:
        """Take `port`, or any free one. Raises OSError when it is in use."""
        self._socket: socket.socket | None = None
        self.port = port or 0
        self.hold()

    def hold(self) -> None:
        """Bind without listening: connections are refused, the number stays ours."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self._socket.bind((HOST, self.port))
            except OSError:
                self.release()
                raise
            self.port = int(self._socket.getsockname()[1])

    def release(self) -> None:
        """Let a listener bind it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Door(Protocol):
    """A listener that can be opened and shut again and again."""

    @property
    def port(self) -> int:
        """The port on 127.0.0.1, the same through its whole life."""

    async def open(self) -> None:
        """Accept connections."""

    async def shut(self) -> None:
        """Refuse new connections and end those that are there."""

    def give_up(self) -> None:
        """Release the port of a shut door for good."""


class ModbusDoor:
    """Modbus TCP, served by pymodbus."""

    def __init__(self, devices: list[SimDevice], port: int | None = None) -> None:
        """Stand shut on `port`, or on any free one."""
        self._devices = devices
        self._hold = PortHold(port)
        self._server: ModbusTcpServer | None = None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._hold.port

    async def open(self) -> None:
        """Accept connections; nothing happens when it already does."""
        if self._server is None:
            self._hold.release()
            self._server = ModbusTcpServer(self._devices, address=(HOST, self.port))
            await self._server.serve_forever(background=True)

    async def shut(self) -> None:
        """Refuse new connections and end those that are there."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left its annotation out
            self._hold.hold()

    def give_up(self) -> None:
        """Release the port of a shut door for good."""
        self._hold.release()


class HttpDoor:
    """Plain HTTP, served by aiohttp."""

    def __init__(self, handler: HttpHandler, port: int | None = None) -> None:
        """Stand shut on `port`, or on any free one."""
        self._handler = handler
        self._hold = PortHold(port)
        self._runner: web.ServerRunner | None = None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._hold.port

    async def open(self) -> None:
        """Accept connections; nothing happens when it already does."""
        if self._runner is None:
            self._hold.release()
            self._runner = web.ServerRunner(web.Server(self._handler, access_log=None), shutdown_timeout=0.0)
            await self._runner.setup()
            await web.TCPSite(self._runner, HOST, self.port).start()

    async def shut(self) -> None:
        """Refuse new connections and end those that are there."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            self._hold.hold()

    def give_up(self) -> None:
        """Release the port of a shut door for good."""
        self._hold.release()
