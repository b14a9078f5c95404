"""The HTTP wire to a simulated wall connector, websockets on it included, with its faults.

aiohttp serves; its protocol and its transport are wrapped, so that bytes can be swallowed or replaced on the way, and
the handler is, so that a whole answer can be late, lost, cut or another device's.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from demo.boxes.faults import Faults
from demo.boxes.wires import Listener
from demo.doors import HttpHandler


class _FaultyTransport:
    """A transport whose bytes may be swallowed or replaced; everything else is the real one's."""

    def __init__(self, transport: asyncio.Transport, faults: Faults) -> None:
        self._transport = transport
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, unless the line is silent."""
        if not self._faults.silence:
            self._transport.write(self._faults.noise(len(data)) or data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Send all parts."""
        self.write(b"".join(parts))


class _HttpConnection(asyncio.Protocol):
    """One TCP connection: the web server's own protocol behind the faults."""

    def __init__(self, wire: HttpWire, inner: asyncio.Protocol) -> None:
        self._wire = wire
        self._inner = inner
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._wire.connections.append(self)
        self._inner.connection_made(_FaultyTransport(transport, self._wire.faults))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        if not self._wire.faults.silence:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._wire.connections.remove(self)
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


@dataclass(kw_only=True)
class HttpWire:
    """HTTP (and websockets on it), served by aiohttp."""

    handler: HttpHandler
    faults: Faults
    before: Callable[[], None]
    requests: int = 0
    connections: list[_HttpConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Stand shut on any free port."""
        self._server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        self._listener = Listener(lambda: _HttpConnection(self, self._server()))

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._listener.port

    def open(self) -> None:
        """Accept connections."""
        self._listener.open()

    def shut(self) -> None:
        """Refuse new connections and end those that are there."""
        self._listener.shut()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection."""
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def look(self) -> None:
        """Nothing is closed for idleness."""

    def give_up(self) -> None:
        """Release the port."""
        self.shut()
        self._listener.give_up()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        faults = self.faults
        self.before()
        excepting = faults.excepting
        if excepting is not None and excepting.hits_http(request.path):
            return web.Response(status=excepting.code, text="out of order")
        self.requests += 1
        response = await self.handler(request)
        if not isinstance(response, web.Response):
            return response
        if faults.delay_s:
            await asyncio.sleep(faults.delay_s)
        if faults.loses_this_answer():
            await asyncio.get_running_loop().create_future()  # until the client leaves
        if faults.wrong_unit:
            return web.Response(body=faults.other_json, content_type="application/json")
        if faults.truncating is not None:
            return await _cut_short(request, response, faults)
        return response


async def _cut_short(request: web.BaseRequest, response: web.Response, faults: Faults) -> web.StreamResponse:
    """Part of the body: with its full length announced and the connection closed, or as if that were all."""
    assert faults.truncating is not None
    body = response.body if isinstance(response.body, bytes) else b""
    cut = faults.truncating.cut(body)
    if not faults.truncating.close:
        return web.Response(status=response.status, body=cut, content_type=response.content_type)
    stream = web.StreamResponse(status=response.status)
    stream.content_type = response.content_type
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(cut)
    if request.transport is not None:
        request.transport.close()
    return stream
