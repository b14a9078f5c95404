"""The door boxes knock at: HTTP, upgraded to a WebSocket for who gets in. Where it stands it is told.

A box calls ``ws://…/<anything>/<its name>`` with HTTP basic authentication (its name and its own password) and names
the version it speaks. A name nobody claims is answered with 404, a wrong password with 401; nothing is made for either,
and neither may stay (``doorstep.py``). A message longer than 64 KiB ends the connection; a box that is not heard for
75 s, not even with the answer to a ping, is gone, and so is one that takes nothing for 20 s.
"""

import asyncio
from contextlib import suppress
import ssl
from urllib.parse import unquote

from aiohttp import BasicAuth, WSMsgType, hdrs, web

from ..clock import Clock
from ..ports import ConnectorUnreachable
from .central import Central, Entrance
from .dialect16 import SUBPROTOCOL
from .doorstep import Crowd, Doorstep
from .knocks import Knocks

LONGEST_MESSAGE = 64 * 1024
PING_S = 30.0
SILENT_S = 75.0
"""Two pings unanswered (reference 10.1)."""
SEND_S = 20.0
"""How long a box may leave what is sent to it lying there."""
CLOSE_S = 2.0
"""How long a box may take to say goodbye."""
REALM = 'Basic realm="evshare", charset="UTF-8"'


class Door:
    """Lets boxes in."""

    def __init__(self, central: Central, clock: Clock, crowd: Crowd | None = None) -> None:
        """`central` knows who they are; `crowd` is put up with in front of it."""
        self._central = central
        self._knocks = Knocks(clock)
        self._crowd = crowd or Crowd()
        self._doorstep = Doorstep(self._knocked, self._crowd)
        self._listening: asyncio.Server | None = None

    async def open(self, address: str | None, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen at a port of this machine; no address means all. Raises OSError when it cannot be had."""
        self._listening = await asyncio.get_running_loop().create_server(
            self._doorstep,
            address,
            port,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else self._crowd.patience_s,
        )

    @property
    def port(self) -> int:
        """Where it listens. Raises RuntimeError while it does not."""
        if self._listening is None:
            raise RuntimeError("the door is not open")
        number: int = self._listening.sockets[0].getsockname()[1]
        return number

    async def close(self, patience_s: float) -> None:
        """Listen no more; what is being answered may go on for so long."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
            self._doorstep.pre_shutdown()
            await self._doorstep.shutdown(patience_s)

    async def _knocked(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != hdrs.METH_GET:
            return web.Response(status=405, headers={hdrs.ALLOW: hdrs.METH_GET})
        identity = unquote(request.rel_url.raw_path.rsplit("/", 1)[-1])
        user, password = _credentials(request)
        match self._central.entrance(identity, user, password):
            case Entrance.UNKNOWN:
                self._knocks.unknown()
                return web.Response(status=404)
            case Entrance.WRONG_PASSWORD:
                self._knocks.wrong_password(identity)
                return web.Response(status=401, headers={hdrs.WWW_AUTHENTICATE: REALM})
        offered = [part.strip() for part in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")]
        bare = offered == [""] and self._central.may_be_bare(identity)
        if SUBPROTOCOL not in offered and not bare:
            self._knocks.wrong_version(identity)
            return web.Response(status=400, text=f"Sec-WebSocket-Protocol: accepted is {SUBPROTOCOL}\n")
        websocket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=LONGEST_MESSAGE, compress=False, timeout=CLOSE_S
        )
        if not websocket.can_prepare(request):
            return web.Response(status=426, headers={hdrs.UPGRADE: "websocket"})
        await websocket.prepare(request)
        self._doorstep.came_in(request.protocol)
        pinging = asyncio.get_running_loop().create_task(_ping(websocket))
        try:
            await self._central.serve(identity, _WebSocket(websocket, request.transport))
        finally:
            pinging.cancel()
            await websocket.close()
        return websocket


class _WebSocket:
    """A WebSocket of aiohttp (`box.Socket`)."""

    def __init__(self, websocket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._websocket = websocket
        self._transport = transport

    async def receive(self) -> str | None:
        """The next text; whatever else comes ends it, and so does silence."""
        try:
            message = await self._websocket.receive(SILENT_S)
        except TimeoutError:
            return None
        if message.type is WSMsgType.TEXT:
            text: str = message.data
            return text
        return None

    async def send(self, text: str) -> None:
        """Send a text. Raises `ConnectorUnreachable`."""
        try:
            async with asyncio.timeout(SEND_S):
                await self._websocket.send_str(text)
        except TimeoutError as error:
            if self._transport is not None:
                self._transport.abort()
            raise ConnectorUnreachable("nothing is taken from the connection") from error
        except (ConnectionError, RuntimeError) as error:
            raise ConnectorUnreachable("the connection is closed") from error

    async def close(self, why: str) -> None:
        """Close it."""
        await self._websocket.close(message=why.encode())


async def _ping(websocket: web.WebSocketResponse) -> None:
    """Ask a box again and again whether it is there; every frame of it counts, also a pong."""
    with suppress(ConnectionError):
        while True:
            await asyncio.sleep(PING_S)
            await websocket.ping()


def _credentials(request: web.BaseRequest) -> tuple[str | None, str | None]:
    try:
        given = BasicAuth.decode(request.headers.get(hdrs.AUTHORIZATION, ""), encoding="utf-8")
    except ValueError:
        return None, None
    return given.login, given.password
