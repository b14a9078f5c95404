"""OCPP-J: calls and answers as JSON arrays over one socket, the same in 1.6 and 2.0.1.

Framing and error codes are those of the `ocpp` package. Its `ChargePoint` is not used: it logs every message (id tags
are card numbers), waits out its time-out when the socket is gone, and dies of an action that is no text. Each side
has one call under way at a time; a box that sends on without waiting is cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
import logging
from typing import Any
from uuid import uuid4

from ocpp.exceptions import (  # type: ignore[import-untyped]
    FormationViolationError,
    InternalError,
    OCPPError,
)
from ocpp.messages import Call, CallError, CallResult, unpack  # type: ignore[import-untyped]

from ..ports import ConnectorRefused, ConnectorUnreachable

CALL_TIMEOUT_S = 30.0
CALLS_WAITING = 16
"""It may have one call under way; some send a few more."""
ID_LENGTH = 36

_LOGGER = logging.getLogger(__name__)

type Payload = Mapping[str, Any]
type Answer = Callable[[str, Payload], Awaitable[Payload]]
type Send = Callable[[str], Awaitable[None]]


class Flooded(Exception):
    """It sends calls without waiting for answers, or without giving any."""


class Rpc:
    """Both directions of one socket. `received` is fed with its messages, `answer_calls` runs beside."""

    def __init__(self, name: str, send: Send, answer: Answer, sent: Callable[[], None]) -> None:
        """`answer` returns the payload of an answer, or raises an `OCPPError`; `sent` is called when it was sent."""
        self._name = name
        self._send = send
        self._answer = answer
        self._sent = sent
        self._calls: asyncio.Queue[Any] = asyncio.Queue(CALLS_WAITING)
        self._calling = asyncio.Lock()
        self._pending: tuple[str, asyncio.Future[Any]] | None = None
        self._lost = False

    async def call(self, action: str, payload: Payload) -> Payload:
        """Ask something and wait for the answer.

        Raises:
            ConnectorUnreachable: no answer in 30 s, or the socket is gone.
            ConnectorRefused: it was answered with an error.
        """
        async with self._calling:
            if self._lost:
                raise ConnectorUnreachable(f"{self._name} is not connected")
            call = Call(str(uuid4()), str(action), payload)
            answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._pending = (call.unique_id, answered)
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    await self._send(call.to_json())
                    answer = await answered
            except TimeoutError as error:
                raise ConnectorUnreachable(f"{self._name}: {action} was not answered") from error
            finally:
                self._pending = None
        if isinstance(answer, CallError):
            raise ConnectorRefused(f"{self._name}: {action} was answered with {_short(answer.error_code)}")
        if not isinstance(answer.payload, Mapping):
            raise ConnectorRefused(f"{self._name}: the answer to {action} is no JSON object")
        return answer.payload

    def received(self, text: str) -> None:
        """Take a message. What is no OCPP message is left out.

        Raises:
            Flooded: too many calls wait to be answered.
        """
        try:
            message = unpack(text)
        except (OCPPError, ValueError, RecursionError) as error:
            _LOGGER.debug("%s: a message was left out: %s", self._name, type(error).__name__)
            return
        if isinstance(message, Call):
            if not isinstance(message.unique_id, str) or not 0 < len(message.unique_id) <= ID_LENGTH:
                _LOGGER.debug("%s: a call was left out, its id cannot be answered", self._name)
                return
            try:
                self._calls.put_nowait(message)
            except asyncio.QueueShutDown:
                return
            except asyncio.QueueFull as error:
                raise Flooded(f"{self._name} sent more than {CALLS_WAITING} calls without waiting") from error
        elif isinstance(message, CallResult | CallError):
            self._resolve(message)

    async def answer_calls(self) -> None:
        """Answer calls one after the other, until the socket is lost; an answer under way is seen through."""
        while not self._lost:
            try:
                call = await self._calls.get()
            except asyncio.QueueShutDown:
                return
            text = await self._answered(call)
            with suppress(ConnectorUnreachable):  # it is gone, and asks again when it is back
                await self._send(text)
                self._sent()

    def lost(self) -> None:
        """The socket is gone: nobody waits for its answers any more."""
        self._lost = True
        self._calls.shutdown(immediate=True)
        if self._pending is not None and not self._pending[1].done():
            self._pending[1].set_exception(ConnectorUnreachable(f"{self._name} went away"))

    def _resolve(self, message: Any) -> None:
        if self._pending is None:
            return
        unique_id, answered = self._pending
        if message.unique_id == unique_id and not answered.done():
            answered.set_result(message)

    async def _answered(self, call: Any) -> str:
        try:
            if not isinstance(call.action, str):
                raise FormationViolationError("action: accepted is text")
            if not isinstance(call.payload, Mapping):
                raise FormationViolationError("payload: accepted is a JSON object")
            payload = await self._answer(call.action, call.payload)
        except OCPPError as error:
            _LOGGER.debug("%s: %s was refused: %s", self._name, _short(call.action), error.description)
            return _text(call.create_call_error(error))
        except Exception:
            _LOGGER.exception("%s: %s could not be answered", self._name, _short(call.action))
            return _text(call.create_call_error(InternalError()))
        return _text(call.create_call_result(payload))


def _text(message: Any) -> str:
    text: str = message.to_json()
    return text


def _short(text: object) -> str:
    """What a box says of itself, fit for a log."""
    return "".join(character for character in str(text)[:40] if character.isalnum() or character in "._-")
