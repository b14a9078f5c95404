"""Who has called and not said yet who it is: few at a time, and none for long.

A box says its name and password with its first bytes. Whoever takes longer is let go, however it trickles its request,
and whether it was answered or not. When the doorstep is full, who has stood there longest goes: a crowd of strangers
keeps no box out, since a box takes milliseconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from aiohttp import web

LONGEST_LINE = 2048
"""Path or one header of a request."""
HEADERS_MOST = 32


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What is put up with from strangers."""

    patience_s: float = 10.0
    """From the connection to the WebSocket; the same again for the TLS before it."""
    most: int = 64
    """Connections at once."""


class Doorstep(web.Server):
    """Makes the connections, and ends those that come to nothing."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], crowd: Crowd) -> None:
        """`answer` handles a request."""
        super().__init__(
            answer,
            access_log=None,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=HEADERS_MOST,
        )
        self._crowd = crowd
        self._waiting: dict[web.RequestHandler, tuple[asyncio.Transport, asyncio.TimerHandle]] = {}
        """Those who are not in, the longest there first."""

    def came_in(self, connection: web.RequestHandler) -> None:
        """This one said who it is."""
        waiting = self._waiting.pop(connection, None)
        if waiting is not None:
            waiting[1].cancel()

    @override
    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._waiting) >= self._crowd.most:
            self._send_away(next(iter(self._waiting)))
        timer = asyncio.get_running_loop().call_later(self._crowd.patience_s, self._send_away, handler)
        self._waiting[handler] = (transport, timer)

    @override
    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self.came_in(handler)
        super().connection_lost(handler, exc)

    def _send_away(self, handler: web.RequestHandler) -> None:
        transport, timer = self._waiting.pop(handler)
        timer.cancel()
        transport.abort()
