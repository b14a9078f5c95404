"""The app's end of the link: lets the integration in, takes what it sends, asks it what only it may decide.

One integration at a time: a new connection with the pairing token takes the place of an older one, which may be dead
without knowing it. A message that cannot be used gets `error` and changes nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
import hmac
import logging
from typing import Any
from uuid import uuid4

from aiohttp import WSCloseCode, WSMsgType, web
from sqlalchemy import Connection

from ..books.building import the_building
from ..books.engine import Books
from ..i18n import LANGUAGES
from ..resident.holds import holds_told
from ..resident.people import blocked_residents
from ..resident.rules import rules_told
from ..tariff.running import running_cost
from ..web.listener import Access, Refused, Route, security_headers
from . import messages
from .cards_inbox import take_cards
from .fields import BadMessage
from .inbox import Gap, Taken, acknowledged, apply_building, take_records, take_ticket
from .live import LiveBuilding
from .messages import (
    FIRST_WORDS,
    VERSIONS,
    Answer,
    BuildingChanged,
    CardsTold,
    Complaint,
    Hello,
    Live,
    NotSpoken,
    OfficeTicket,
    Records,
)
from .parsing import UnsupportedVersion, parse

_LOGGER = logging.getLogger(__name__)

ASK_TIMEOUT_S = 30
HELLO_TIMEOUT_S = 60
# A quiet building says nothing for hours; the ping finds out that a connection is dead.
_HEARTBEAT_S = 120
_MAX_FRAME = 4 * 1024 * 1024
_COST_EVERY_S = 15
_AS_OF = 3
"""The version of the link from which on rules are told as of a record."""

CLOSE_UNSUPPORTED_VERSION = 4406
CLOSE_BAD_HELLO = 4400
CLOSE_REPLACED = 4409


class LinkDown(Exception):
    """The integration is not connected, or did not answer in time; what was asked may or may not have happened."""


class AskRefused(Exception):
    """The integration decided against it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class _Connection:
    """One integration that said hello."""

    def __init__(self, socket: web.WebSocketResponse, incarnation: str, version: int) -> None:
        self.socket = socket
        self.incarnation = incarnation
        self.version = version
        self.asked: dict[str, asyncio.Future[Answer]] = {}
        self._told: dict[object, object] = {}

    async def send(self, message: Mapping[str, object]) -> None:
        """Send one message in the agreed version. Raises `LinkDown`."""
        try:
            await self.socket.send_json(messages.frame(message, self.version))
        except ConnectionError, RuntimeError:
            raise LinkDown from None

    async def tell_once(self, message: Mapping[str, object]) -> None:
        """Tell a full list, unless it is the one that was told last or this version has none such."""
        what, body = message["what"], message["body"]
        assert isinstance(body, Mapping)
        # As of which record it is told is no change.
        said = {name: value for name, value in body.items() if name != "seq"}
        if not messages.is_told(str(what), self.version) or self._told.get(what) == said:
            return
        await self.send(message)
        self._told[what] = said

    def forget_told(self, what: str) -> None:
        """Tell a full list the next time although it is the one that was told last."""
        self._told.pop(what, None)


def _rules(conn: Connection, now: datetime, connection: _Connection) -> Mapping[str, object]:
    zone, version = the_building(conn).zone, connection.version
    seq = acknowledged(conn, connection.incarnation) if version >= _AS_OF else None
    return messages.tell_rules(rules_told(conn, now, zone, version), seq)


class LinkDoor:
    """The link listener's door."""

    def __init__(self, books: Books, token: str, clock: Callable[[], datetime]) -> None:
        self._books = books
        self._token = token
        self._clock = clock
        self._connection: _Connection | None = None
        self._told_cost: dict[str, tuple[float, int]] = {}
        self._telling = asyncio.Lock()
        self.changing_cards = asyncio.Lock()
        """Held from reading a card until its `change_card` is noted: it is asked for as a whole, nothing gets lost."""
        self.live = LiveBuilding()
        self.on_change: Callable[[], None] = lambda: None
        """Called after the integration came, went, or told something; it must not wait."""

    # --- what the other rooms use ----------------------------------------------------------------------------------

    async def ask(self, what: str, body: Mapping[str, object], *, ask_id: str | None = None) -> Mapping[str, Any]:
        """Ask the integration and return its result.

        `ask_id` is stored by whoever must be able to ask the same again. Raises `AskRefused` (also for what an
        integration of an earlier version cannot be asked) and `LinkDown`.
        """
        connection = self._connection
        if connection is None:
            raise LinkDown
        ask_id = ask_id or uuid4().hex
        try:
            message = messages.ask(ask_id, what, body, connection.version)
        except NotSpoken as problem:
            raise AskRefused("not_allowed", f"{problem}: needs a newer evshare in Home Assistant") from None
        answered: asyncio.Future[Answer] = connection.asked.get(ask_id) or asyncio.get_running_loop().create_future()
        connection.asked[ask_id] = answered
        try:
            await connection.send(message)
            async with asyncio.timeout(ASK_TIMEOUT_S):
                answer = await asyncio.shield(answered)
        except TimeoutError:
            raise LinkDown from None
        finally:
            connection.asked.pop(ask_id, None)
        if not answer.ok:
            raise AskRefused(answer.code, answer.message)
        return answer.result

    @property
    def version(self) -> int | None:
        """The version spoken with the integration; None while it is not connected."""
        return None if self._connection is None else self._connection.version

    async def tell_blocked(self) -> None:
        """Tell who may not start, where that changed; without a connection it is told at the next hello."""
        await self._tell(lambda conn, now, _: messages.tell_blocked(blocked_residents(conn, now)))

    async def tell_rules(self) -> None:
        """Tell what residents may, where that changed; without a connection it is told at the next hello."""
        await self._tell(_rules)

    async def tell_holds(self) -> None:
        """Tell which stalls are kept free, where that changed; without a connection it is told at the next hello."""
        await self._tell(lambda conn, now, _: messages.tell_holds(holds_told(conn, now)))

    async def tell_all(self) -> None:
        """Tell everything of it that changed, be it only because time went on."""
        await self.tell_blocked()
        await self.tell_rules()
        await self.tell_holds()

    async def _tell(self, read: Callable[[Connection, datetime, _Connection], Mapping[str, object]]) -> None:
        connection, now = self._connection, self._clock()
        if connection is None:
            return
        # In the order the books were read: a list must not be followed by an older one.
        async with self._telling:
            try:
                await connection.tell_once(await self._books.read(lambda conn: read(conn, now, connection)))
            except LinkDown:
                _LOGGER.info("The link went down; what was to be told is told at the next hello")

    async def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None:
            await self._connection.socket.close(code=1001)

    # --- the listener ----------------------------------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Return what this door answers."""
        return (
            Route(method="GET", path="/link/v1", handler=self._link, access=Access.INTEGRATION),
            Route(method="GET", path="/link/health", handler=self._health, access=Access.ANYONE),
        )

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the headers of a door for machines."""
        return security_headers("default-src 'none'")

    async def admit(self, request: web.Request, route: Route | None) -> None:
        """Let in whoever holds the pairing token. 403, not 401: nobody is to be asked for a password."""
        if route is None or route.access is Access.ANYONE:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        matches = hmac.compare_digest(token.strip().encode(errors="replace"), self._token.encode())
        if scheme.lower() != "bearer" or not matches:
            raise Refused(403, "Authorization: the pairing token is missing or wrong")

    def language(self, _request: web.Request) -> str:
        """Return the language of errors: machines read them."""
        return LANGUAGES[0]

    async def apologise(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return an error without a page."""
        return web.json_response({"error": message or "not available"}, status=status)

    async def _health(self, _request: web.Request) -> web.Response:
        # The watchdog wants to know whether the books can be used, not whether the integration is there.
        await self._books.read(lambda conn: conn.exec_driver_sql("SELECT 1").scalar_one())
        return web.json_response({"ok": True})

    async def _link(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=_MAX_FRAME)
        await socket.prepare(request)
        connection = await self._greet(socket)
        if connection is None:
            return socket
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._receive(connection, frame.data)
                else:
                    await connection.send(messages.error("bad_message", "message: accepted are text frames"))
        except LinkDown:
            _LOGGER.debug("The link went down while it was written to")
        except Exception:
            # This is no request any more: an answer of HTTP would be nonsense to whoever reads the socket.
            _LOGGER.exception("A message of the integration could not be worked on")
            await socket.close(code=WSCloseCode.INTERNAL_ERROR)
        finally:
            self._leave(connection)
        return socket

    async def _greet(self, socket: web.WebSocketResponse) -> _Connection | None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                frame = await socket.receive_str()
        except TypeError, TimeoutError:
            await socket.close(code=CLOSE_BAD_HELLO)
            return None
        try:
            hello = parse(frame, speaking=None)
            if not isinstance(hello, Hello):
                raise BadMessage("type", type(hello).__name__, "hello first")
            version = max(set(hello.versions) & set(VERSIONS))
            now = self._clock()
            await self._books.write(lambda conn: apply_building(conn, hello.building, now))
        except UnsupportedVersion:
            spoken = " and ".join(str(one) for one in VERSIONS)
            refusal = messages.error("unsupported_version", f"this app speaks link versions {spoken}")
            await socket.send_json(messages.frame(refusal, FIRST_WORDS))
            await socket.close(code=CLOSE_UNSUPPORTED_VERSION)
            return None
        except BadMessage as error:
            await socket.send_json(messages.frame(messages.error("bad_message", str(error)), FIRST_WORDS))
            await socket.close(code=CLOSE_BAD_HELLO)
            return None
        return await self._welcome(_Connection(socket, hello.incarnation, version), hello)

    async def _welcome(self, connection: _Connection, hello: Hello) -> _Connection | None:
        older, self._connection = self._connection, connection
        if older is not None:
            self._forget_asks(older)
            await older.socket.close(code=CLOSE_REPLACED)
        ack_seq = await self._books.read(lambda conn: acknowledged(conn, hello.incarnation))
        self.live.connect(self._clock())
        self.live.waiting = max(0, hello.head_seq - ack_seq)
        try:
            await connection.send(messages.welcome(connection.version, ack_seq))
        except LinkDown:
            self._leave(connection)
            return None
        await self.tell_all()
        self.on_change()
        _LOGGER.info("The integration is connected; %s records are waiting", self.live.waiting)
        return connection

    def _leave(self, connection: _Connection) -> None:
        self._forget_asks(connection)
        if self._connection is connection:
            self._connection = None
            self.live.disconnect(self._clock())
            self.on_change()
            _LOGGER.info("The integration is disconnected")

    @staticmethod
    def _forget_asks(connection: _Connection) -> None:
        for answered in connection.asked.values():
            if not answered.done():
                answered.set_exception(LinkDown())
                # Whoever asked may have gone already; nobody else is interested.
                answered.exception()

    async def _receive(self, connection: _Connection, frame: str) -> None:
        try:
            message = parse(frame, speaking=connection.version)
            match message:
                case Records():
                    await self._take(connection, message)
                case Live():
                    self.live.update(message)
                    self.on_change()
                    await self._tell_costs(connection)
                case Answer():
                    answered = connection.asked.get(message.id)
                    if answered is not None and not answered.done():
                        answered.set_result(message)
                case BuildingChanged():
                    now = self._clock()
                    await self._books.write(lambda conn: apply_building(conn, message.building, now))
                    await self.tell_all()
                case OfficeTicket():
                    await self._books.write(lambda conn: take_ticket(conn, message))
                case CardsTold():
                    now = self._clock()
                    await self._books.write(lambda conn: take_cards(conn, message, now))
                    self.live.enrolments = message.enrolments
                case Complaint():
                    _LOGGER.warning("The integration could not use a message: %s, %s", message.code, message.message)
                case Hello():
                    raise BadMessage("type", "hello", "hello only as the first message")
        except UnsupportedVersion as error:
            await connection.send(messages.error("unsupported_version", str(error)))
        except BadMessage as error:
            await connection.send(messages.error("bad_message", str(error)))

    async def _take(self, connection: _Connection, batch: Records) -> None:
        if batch.incarnation != connection.incarnation:
            text = f"incarnation: got {batch.incarnation!r}, accepted is {connection.incarnation!r} as in hello"
            await connection.send(messages.error("wrong_incarnation", text))
            return
        now = self._clock()
        try:
            taken: Taken = await self._books.write(
                lambda conn: take_records(conn, batch.incarnation, batch.records, now)
            )
        except Gap as gap:
            await connection.send(messages.error("gap", str(gap), ack_seq=gap.ack_seq))
            return
        self.live.waiting = max(0, self.live.waiting - len(batch.records))
        for session_id in taken.ended:
            self._told_cost.pop(session_id, None)
        await connection.send(messages.ack(batch.incarnation, taken.ack_seq))
        self.on_change()
        if taken.ended:
            # What their money is still good for is less now; if it is not, the integration need not take it off.
            if connection.version >= _AS_OF:
                connection.forget_told("rules")
            await self.tell_rules()

    async def _tell_costs(self, connection: _Connection) -> None:
        loop_s = asyncio.get_running_loop().time()
        for running in self.live.sessions():
            told_s, told_wh = self._told_cost.get(running.session_id, (float("-inf"), -1))
            if running.energy_wh == told_wh or loop_s - told_s < _COST_EVERY_S:
                continue
            self._told_cost[running.session_id] = (loop_s, running.energy_wh)
            costs = partial(running_cost, session_id=running.session_id, energy_wh=running.energy_wh, now=self._clock())
            try:
                cost = await self._books.read(costs)
            except Exception:
                # It is only shown: charging, and the records of it, must not wait for a price.
                _LOGGER.exception("What session %s costs so far could not be worked out", running.session_id)
                continue
            if cost is not None:
                await connection.send(messages.tell_cost(running.session_id, cost.minor, cost.currency))
