"""WebSockets of simulated devices: each listener is told what changed since it was told last, right after it changed.

Nothing here knows a clock; the box calls `changed` whenever its time moved on or a command was accepted.
"""

import asyncio
from collections.abc import Callable, Mapping
import contextlib
import json

from aiohttp import WSMsgType, web

type Topics = Mapping[str, object]
"""What can be told, by key or topic."""


class Listeners:
    """Everyone connected to one device's WebSocket."""

    def __init__(self) -> None:
        """Nobody is connected."""
        self._bells: set[asyncio.Event] = set()

    def changed(self) -> None:
        """Wake everyone; who finds nothing new is told nothing."""
        for bell in self._bells:
            bell.set()

    async def serve(
        self,
        request: web.BaseRequest,
        *,
        topics: Callable[[], Topics],
        frame: Callable[[Topics], str],
        answer: Callable[[str], str | None] = lambda _text: None,
    ) -> web.WebSocketResponse:
        """Serve one connection until it ends.

        `topics` is everything there is to tell now, `frame` puts what is new into one message, `answer` replies to
        what the client said (None for silence); topics that appear because of it are told next.
        """
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        bell = asyncio.Event()
        bell.set()
        self._bells.add(bell)
        telling = asyncio.create_task(self._tell(socket, bell, topics, frame))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    reply = answer(message.data)
                    if reply is not None:
                        await socket.send_str(reply)
                    bell.set()
        finally:
            self._bells.discard(bell)
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
        return socket

    async def _tell(
        self,
        socket: web.WebSocketResponse,
        bell: asyncio.Event,
        topics: Callable[[], Topics],
        frame: Callable[[Topics], str],
    ) -> None:
        told: dict[str, str] = {}
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                await bell.wait()
                bell.clear()
                now = topics()
                new = {key: value for key, value in now.items() if told.get(key) != json.dumps(value)}
                told.update({key: json.dumps(value) for key, value in new.items()})
                if new:
                    await socket.send_str(frame(new))
