"""The door boxes knock at: HTTP, upgraded to a WebSocket for who gets in. Listens nowhere itself.

A box calls ``ws://…/<anything>/<its name>`` with HTTP basic authentication (its name and its own password) and names
the version it speaks. A name nobody claims is answered with 404, a wrong password with 401; nothing is made for either.
A message longer than 64 KiB ends the connection; a box that is not heard for 75 s, not even with the answer to a ping,
is gone.
"""

import asyncio
from contextlib import suppress
from urllib.parse import unquote

from aiohttp import BasicAuth, WSMsgType, hdrs, web

from ..clock import Clock
from ..ports import ConnectorUnreachable
from .central import Central, Entrance
from .dialect16 import SUBPROTOCOL
from .knocks import Knocks

LONGEST_MESSAGE = 64 * 1024
PING_S = 30.0
SILENT_S = 75.0
"""Two pings unanswered (reference 10.1)."""
CLOSE_S = 2.0
"""How long a box may take to say goodbye."""
REALM = 'Basic realm="evshare", charset="UTF-8"'


class Door:
    """Lets boxes in."""

    def __init__(self, central: Central, clock: Clock) -> None:
        """`central` knows who they are."""
        self._central = central
        self._knocks = Knocks(clock)

    def application(self) -> web.Application:
        """What to serve."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self._knocked)
        return application

    async def _knocked(self, request: web.Request) -> web.StreamResponse:
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
        pinging = asyncio.get_running_loop().create_task(_ping(websocket))
        try:
            await self._central.serve(identity, _WebSocket(websocket))
        finally:
            pinging.cancel()
            await websocket.close()
        return websocket


class _WebSocket:
    """A WebSocket of aiohttp (`box.Socket`)."""

    def __init__(self, websocket: web.WebSocketResponse) -> None:
        self._websocket = websocket

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
            await self._websocket.send_str(text)
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


def _credentials(request: web.Request) -> tuple[str | None, str | None]:
    try:
        given = BasicAuth.decode(request.headers.get(hdrs.AUTHORIZATION, ""), encoding="utf-8")
    except ValueError:
        return None, None
    return given.login, given.password
