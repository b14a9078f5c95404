"""The link's client: connects to the app, stays connected, delivers records in order and answers asks.

A dropped connection is normal (the app is updated, the network blinks): it comes back after 1, 2, 5, 15, then 60 s.
Records stay in the journal until the app has acknowledged them, so nothing is lost meanwhile, and cards keep working.
"""

import asyncio
from contextlib import suppress
from datetime import datetime
import logging

import aiohttp
from yarl import URL

from ..building.errors import LinkDown, NotInBuilding
from ..building.running import RunningBuilding
from ..building.wire import LinkState
from ..journal import JournalError, Outbox
from . import frames, messages
from .asks import Asks
from .frames import Frame
from .messages import (
    VERSIONS,
    Ack,
    BadMessage,
    BlockedTold,
    CostTold,
    HoldsTold,
    Refusal,
    RulesTold,
    Told,
    Welcome,
)
from .parsing import parse
from .picture import described, live_stall

BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
HEARTBEAT_S = 30.0
ANSWER_TIMEOUT_S = 60.0
"""For welcome and acks: the app may be migrating its books."""
LIVE_PAUSE_S = 1.0
MOST_ASKS = 32
"""Asks being decided at one time; more are refused."""
LARGEST_FRAME = 1_000_000

UNREACHABLE = "unreachable"
PAIRING_REFUSED = "pairing_refused"
UNSUPPORTED_VERSION = "unsupported_version"
RECORDS_GONE = "records_gone"

_LOGGER = logging.getLogger(__name__)


class _Over(Exception):
    """This conversation is over; `problem` says why, None: begin another one at once."""

    def __init__(self, problem: str | None, message: str = "") -> None:
        super().__init__(message)
        self.problem = problem


class LinkClient:
    """The building's wire to the app (`building.wire.Link`)."""

    def __init__(self, building: RunningBuilding, session: aiohttp.ClientSession, url: str, token: str) -> None:
        """`url` is the app's address, http(s) or ws(s), with or without `/link/v1`; `token` its pairing token."""
        self._building = building
        self._journal = building.journal
        self._session = session
        self._url = link_url(url)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._asks = Asks(building)
        self._task: asyncio.Task[None] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._problem: str | None = None
        self._failures = 0
        self._records_changed = asyncio.Event()
        self._live_changed = asyncio.Event()
        self._building_changed = asyncio.Event()
        self._cards_changed = asyncio.Event()
        self._version = VERSIONS[0]
        """What both sides speak in this conversation."""
        self._answered = asyncio.Event()

    @property
    def state(self) -> LinkState:
        """Whether the app hears us now."""
        return LinkState.DISCONNECTED if self._socket is None else LinkState.CONNECTED

    @property
    def problem(self) -> str | None:
        """`unreachable`, `pairing_refused`, `unsupported_version` or `records_gone`; None when all is well."""
        return self._problem

    def start(self) -> None:
        """Begin to connect, and stay connected."""
        self._task = self._building.spawn(self._run(), "evshare link")

    async def stop(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def look_again(self, *, building: bool = False, cards: bool = False) -> None:
        """Records were written or a stall changed; with `building`, a setting or a resident; with `cards`, a card."""
        self._records_changed.set()
        self._live_changed.set()
        if building:
            self._building_changed.set()
        if cards:
            self._cards_changed.set()

    async def tell_office_ticket(self, ticket_hash: str, user_id: str, name: str, expires_at: datetime) -> None:
        """Announce an admin to the office. Raises `LinkDown`."""
        socket = self._socket
        if socket is None:
            msg = "the app is not connected"
            raise LinkDown(msg)
        try:
            await socket.send_json(frames.office_ticket(self._version, ticket_hash, user_id, name, expires_at))
        except (aiohttp.ClientError, ConnectionError) as error:
            msg = "the app went away"
            raise LinkDown(msg) from error

    # --- staying connected -------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    socket = await self._session.ws_connect(
                        self._url, headers=self._headers, heartbeat=HEARTBEAT_S, max_msg_size=LARGEST_FRAME
                    )
                async with socket:
                    await self._converse(socket)
            except _Over as over:
                self._ended(over.problem, str(over))
                if over.problem is None:
                    continue
            except aiohttp.WSServerHandshakeError as error:
                refused = error.status in (401, 403)
                self._ended(PAIRING_REFUSED if refused else UNREACHABLE, f"it answered {error.status}")
            except (aiohttp.ClientError, OSError, TimeoutError, JournalError) as error:
                self._ended(UNREACHABLE, str(error) or type(error).__name__)
            except Exception as error:
                _LOGGER.exception("the conversation with the app failed")
                self._ended(UNREACHABLE, type(error).__name__)
            await asyncio.sleep(BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)])
            self._failures += 1

    def _ended(self, problem: str | None, why: str) -> None:
        if problem is not None and problem != self._problem:
            _LOGGER.warning("the app is not connected (%s): %s", problem, why)
        self._socket = None
        self._problem = problem
        self._building.look_again()

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Greet the app, then talk until one side has enough."""
        outbox = self._journal.outbox
        await socket.send_json(frames.hello(outbox.incarnation, outbox.head_seq, self._described()))
        welcome = await self._welcome(socket)
        self._version = welcome.version
        await self._reconcile(outbox, welcome)
        self._socket = socket
        self._problem = None
        self._failures = 0
        _LOGGER.info("connected to the app")
        self._building_changed.clear()
        # Hello describes the building in the words of the lowest version, and tells no cards.
        self.look_again(building=self._version > VERSIONS[0], cards=True)
        self._building.look_again()
        try:
            async with asyncio.TaskGroup() as talk:
                for speech in (
                    self._listen(socket, outbox.incarnation, talk),
                    self._deliver(socket, outbox.incarnation),
                    self._show(socket),
                    self._describe(socket),
                    self._tell_cards(socket),
                ):
                    talk.create_task(speech)
        except ExceptionGroup as group:
            raise _first(group) from group

    async def _welcome(self, socket: aiohttp.ClientWebSocketResponse) -> Welcome:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            text = await _text(socket)
        try:
            message = parse(text)
        except BadMessage as error:
            raise _Over(
                UNSUPPORTED_VERSION if error.code == UNSUPPORTED_VERSION else UNREACHABLE, str(error)
            ) from error
        if isinstance(message, Refusal):
            raise _Over(_problem(message.code), message.message)
        if not isinstance(message, Welcome) or message.version not in VERSIONS:
            raise _Over(UNSUPPORTED_VERSION, f"it answered hello with {text[:100]}")
        return message

    async def _reconcile(self, outbox: Outbox, welcome: Welcome) -> None:
        """Make both sides agree on what the app has."""
        if welcome.ack_seq > outbox.head_seq and outbox.incarnation == self._journal.incarnation:
            # An old copy of the journal came back without being told as such.
            _LOGGER.error("the app has newer records than the journal; they are numbered anew from here")
            await self._journal.renew()
            raise _Over(None)
        if welcome.ack_seq >= outbox.acked_seq:
            await self._journal.acknowledge(outbox.incarnation, welcome.ack_seq)
            return
        if outbox.incarnation == self._journal.incarnation:
            _LOGGER.warning("the app lost records it had (a restored backup); it gets them again")
            await self._resend(outbox.incarnation, welcome.ack_seq + 1)
            await self._journal.doubt_earlier()
            return
        try:
            await self._journal.resend_from(outbox.incarnation, welcome.ack_seq + 1)
        except ValueError as error:
            # Of another life, and too old: what came since must not wait for it.
            _LOGGER.error("the app lacks records of an earlier journal that are not kept any more: %s", error)
            await self._journal.acknowledge(outbox.incarnation, outbox.head_seq)

    async def _resend(self, incarnation: str, from_seq: int) -> None:
        try:
            await self._journal.resend_from(incarnation, from_seq)
        except ValueError as error:
            raise _Over(RECORDS_GONE, f"the app wants records that are not kept any more: {error}") from error

    # --- speaking ----------------------------------------------------------------------------------------------

    async def _deliver(self, socket: aiohttp.ClientWebSocketResponse, incarnation: str) -> None:
        """Send batches, one in flight, until there is nothing left; then wait for more."""
        while True:
            await self._records_changed.wait()
            self._records_changed.clear()
            while (outbox := self._journal.outbox).waiting or outbox.incarnation != incarnation:
                if outbox.incarnation != incarnation:
                    raise _Over(None)  # greet again: these records are numbered under another incarnation
                batch = await self._journal.unacked(incarnation)
                self._answered.clear()
                await socket.send_json(frames.records(self._version, incarnation, batch))
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self._answered.wait()
                if self._journal.outbox == outbox:
                    raise _Over(UNREACHABLE, "the app answered records without taking any")
                self._building.look_again()

    async def _show(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        shown: Frame | None = None
        while True:
            await self._live_changed.wait()
            self._live_changed.clear()
            stalls = [live_stall(stall) for stall in self._building.stalls.values()]
            picture = frames.live(self._version, stalls, self._building.prices)
            if picture != shown:
                await socket.send_json(picture)
                shown = picture
                await asyncio.sleep(LIVE_PAUSE_S)

    async def _describe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._building_changed.wait()
            self._building_changed.clear()
            await socket.send_json(frames.building(self._version, self._described()))

    async def _tell_cards(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while self._version >= 2:
            await self._cards_changed.wait()
            self._cards_changed.clear()
            await socket.send_json(frames.cards(self._version, self._building.cards.told()))

    def _described(self) -> Frame:
        readers = {stall_id for stall_id, stall in self._building.stalls.items() if stall.takes_cards}
        return described(self._building.building, self._building.care.lock_qualities, readers)

    # --- listening ---------------------------------------------------------------------------------------------

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, incarnation: str, talk: asyncio.TaskGroup) -> None:
        asks: set[asyncio.Task[None]] = set()
        while True:
            text = await _text(socket)
            try:
                message = parse(text, speaking=self._version)
            except BadMessage as error:
                _LOGGER.warning("the app sent what cannot be understood: %s", error)
                if error.ask_id is None:
                    await socket.send_json(frames.error(self._version, error.code, str(error)))
                else:
                    await self._answered_with(socket, error.ask_id, frames.refused("bad_request", str(error)))
                continue
            match message:
                case Ack():
                    await self._acknowledged(socket, incarnation, message)
                case Refusal():
                    await self._refused(incarnation, message)
                case BlockedTold() | CostTold() | RulesTold() | HoldsTold() as told:
                    await self._told(told, incarnation)
                case Welcome():
                    await socket.send_json(frames.error(self._version, "bad_message", "type: welcome came twice"))
                case ask if len(asks) >= MOST_ASKS:
                    refusal = frames.refused("bad_request", f"more than {MOST_ASKS} asks at one time")
                    await self._answered_with(socket, ask.id, refusal)
                case ask:
                    task = talk.create_task(self._answer(socket, ask))
                    asks.add(task)
                    task.add_done_callback(asks.discard)

    async def _told(self, told: Told, incarnation: str) -> None:
        match told:
            case BlockedTold(resident_ids=resident_ids):
                await self._building.rules.block(resident_ids)
            case CostTold(session_id=session_id, amount_minor=amount_minor, currency=currency):
                with suppress(NotInBuilding):  # it may have ended just now
                    self._building.cost_told(session_id, amount_minor, currency)
            case RulesTold(residents=residents, seq=seq):
                as_of = None if seq is None else self._journal.position(incarnation, seq)
                await self._building.rules.take(residents, as_of)
            case HoldsTold(holds=holds):
                await self._building.rules.hold(holds)

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, ask: messages.Ask) -> None:
        try:
            body = await self._asks.answer(ask)
        except JournalError as error:
            _LOGGER.error("an ask of the app was refused, the journal cannot be written: %s", error)
            body = frames.refused("stall_unavailable", "The journal of the building cannot be written.")
        except Exception:
            _LOGGER.exception("an ask of the app failed")
            body = frames.refused("bad_request", "The building could not do this; its log says why.")
        await self._answered_with(socket, ask.id, body)
        self._records_changed.set()

    async def _answered_with(self, socket: aiohttp.ClientWebSocketResponse, ask_id: str, body: Frame) -> None:
        await socket.send_json(frames.answer(self._version, ask_id, body))

    async def _acknowledged(self, socket: aiohttp.ClientWebSocketResponse, incarnation: str, ack: Ack) -> None:
        if ack.incarnation != incarnation:
            msg = f"incarnation: got {ack.incarnation}, this conversation is about {incarnation}"
            await socket.send_json(frames.error(self._version, "wrong_incarnation", msg))
            return
        await self._journal.acknowledge(incarnation, ack.ack_seq)
        self._answered.set()

    async def _refused(self, incarnation: str, refusal: Refusal) -> None:
        if refusal.code == "gap" and refusal.ack_seq is not None:
            await self._resend(incarnation, refusal.ack_seq + 1)
            self._answered.set()
            return
        raise _Over(_problem(refusal.code), f"the app refused a message: {refusal.code}, {refusal.message}")


def link_url(url: str) -> URL:
    """Return the WebSocket address of an app. Raises ValueError when it is no http(s) or ws(s) address."""
    parsed = URL(url)
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if parsed.scheme not in schemes or not parsed.host:
        msg = f"app address: got {url!r}, accepted is something like http://192.0.2.10:8101"
        raise ValueError(msg)
    parsed = parsed.with_scheme(schemes[parsed.scheme])
    return parsed if parsed.path.endswith("/link/v1") else parsed / "link/v1"


def _problem(code: str) -> str:
    return UNSUPPORTED_VERSION if code == UNSUPPORTED_VERSION else UNREACHABLE


async def _text(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Return the next text frame; raises `_Over` when the app closed."""
    while True:
        frame = await socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            text: str = frame.data
            return text
        if frame.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
            raise _Over(
                UNSUPPORTED_VERSION if socket.close_code == 4406 else UNREACHABLE,
                f"it closed the connection ({socket.close_code})",
            )
        if frame.type is aiohttp.WSMsgType.ERROR:
            raise _Over(UNREACHABLE, str(frame.data))


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return what ended a conversation; what was said of it counts before what broke because of it."""
    errors = [error for error in group.exceptions if not isinstance(error, ExceptionGroup)]
    said = [error for error in errors if isinstance(error, _Over)]
    return (said or errors or [group])[0]
