"""The wire of a simulated OCPP box: a WebSocket client that calls its central system, and what it has to say.

One call at a time. What concerns a transaction is kept in order until it was answered, also over an outage; the rest
is worth nothing later. No timer: whoever owns the box says when it connects.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
import json
import ssl
from typing import Any
from urllib.parse import quote

import aiohttp

_CALL, _RESULT = 2, 3

type Payload = Mapping[str, Any]
type Obey = Callable[[str, Payload], tuple[Payload, Callable[[], None] | None]]
"""The answer to a command, and what is done after it was sent."""


class NotLetIn(Exception):
    """The central system did not take the connection; `status` is HTTP's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(kw_only=True)
class Message:
    """A call that waits to be sent; `payload` is made when it is, `times` in a row."""

    action: str
    payload: Callable[[], Payload]
    answered: Callable[[Payload], None] = lambda _: None
    times: int = 1


class Line:
    """The connection of one box, and its memory of what is not said yet."""

    def __init__(self, identity: str, obey: Obey) -> None:
        """`obey` takes the commands of the central system."""
        self.commands: list[tuple[str, Payload]] = []
        self.answers: list[tuple[str, Payload]] = []
        self.errors: list[tuple[str, str]] = []
        self._identity = identity
        self._obey = obey
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._kept: deque[Message] = deque()
        self._said: deque[Message] = deque()
        self._waiting: tuple[str, Message] | None = None
        self._answered = asyncio.Event()
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._counter = 0

    @property
    def connected(self) -> bool:
        """Whether it has a connection."""
        return self._socket is not None and not self._socket.closed

    async def connect(
        self, url: str, headers: Mapping[str, str], subprotocol: str | None, tls: ssl.SSLContext | None
    ) -> None:
        """Call the central system. Raises `NotLetIn`."""
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(
                f"{url}/{quote(self._identity, safe='')}",
                protocols=() if subprotocol is None else (subprotocol,),
                headers=headers,
                ssl=tls or True,
            )
        except aiohttp.ClientError as error:
            await self._session.close()
            if isinstance(error, aiohttp.WSServerHandshakeError):
                raise NotLetIn(error.status) from error
            raise
        self._tasks = [asyncio.create_task(self._read(self._socket)), asyncio.create_task(self._send(self._socket))]

    async def drop(self) -> None:
        """The network is gone, from one moment to the next: nobody says goodbye."""
        socket, self._socket = self._socket, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._waiting = [], None
        self._said.clear()
        if socket is not None:
            if (transport := socket.get_extra_info("transport")) is not None:
                transport.abort()
            with suppress(ConnectionError):
                await socket.close()
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._look()

    async def quiet(self) -> None:
        """Wait until it has said everything it can say now."""
        self._look()
        await self._quiet.wait()

    def _look(self) -> None:
        """See whether there is anything it could say now."""
        if self.connected and (self._said or self._kept or self._waiting is not None):
            self._quiet.clear()
        else:
            self._quiet.set()

    def say(self, message: Message) -> None:
        """Say something that is worth nothing later."""
        if self.connected:
            self._said.append(message)
            self._wake.set()

    def keep(self, message: Message) -> None:
        """Say something that must not get lost."""
        self._kept.append(message)
        self._wake.set()

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """One call at a time; it leaves its queue when it was answered."""
        while True:
            queue = self._said or self._kept
            if not queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            message = queue[0]
            while message.times:
                self._counter += 1
                unique_id = f"{self._identity}-{self._counter}"
                self._waiting = (unique_id, message)
                self._answered.clear()
                await socket.send_str(json.dumps([_CALL, unique_id, message.action, message.payload()]))
                await self._answered.wait()
            queue.popleft()
            self._look()

    def _take(self, answer: list[Any]) -> None:
        """What a call is answered with counts before anything that comes after it."""
        if self._waiting is None or answer[1] != self._waiting[0]:
            return
        message, self._waiting = self._waiting[1], None
        message.times -= 1
        if answer[0] == _RESULT:
            self.answers.append((message.action, answer[2]))
            message.answered(answer[2])
        else:
            self.errors.append((message.action, answer[2]))
        self._answered.set()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for frame in socket:
                message = json.loads(frame.data)
                if message[0] == _CALL:
                    _, unique_id, action, payload = message
                    answer, act = self._obey(action, payload)
                    await socket.send_str(json.dumps([_RESULT, unique_id, answer]))
                    self.commands.append((action, payload))
                    if act is not None:
                        act()
                else:
                    self._take(message)
        finally:
            self._look()
