"""A box: one charge point with its connectors, across all its sockets.

It calls us, and may call again at any time: a newer socket takes the place of the older one, and what runs goes on.
What is known of it outlives its sockets.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
import logging
from typing import Any, Protocol

from ..clock import Clock
from ..ports import ConnectorUnreachable, Ports
from . import configuration
from .configuration import OCPP_PORTS
from .dialect16 import Dialect16
from .meeting import Meeting
from .pace import Pace
from .point import Point
from .rpc import Flooded, Rpc
from .transactions import Transactions
from .words import POINTS_MOST, Boot, Commands, Sample, Settings, Start, Status, Stop, Verdict

_LOGGER = logging.getLogger(__name__)

WORK_MOST = 64
"""What may wait for answers of a box at once. A box that does as it is told has a few of each connector."""

type Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Socket(Protocol):
    """A connected socket, already let in."""

    async def receive(self) -> str | None:
        """The next text; None: it is closed."""

    async def send(self, text: str) -> None:
        """Send a text. Raises `ConnectorUnreachable`."""

    async def close(self, why: str) -> None:
        """Close it, whatever it says."""


class _Line:
    """One socket, and what is said over it."""

    def __init__(self, box: Box, socket: Socket, clock: Clock) -> None:
        self.socket = socket
        self.rpc = Rpc(box.identity, socket.send, self._answer, self._sent)
        self.dialect = Dialect16(self.rpc, box, clock)
        self.meeting = Meeting(box, self.dialect, clock)
        self.tasks: set[asyncio.Task[None]] = set()
        self.later: list[Coroutine[Any, Any, None]] = []
        """What has to wait until the box has its answer: only then does it know the id of its transaction."""
        self._box = box

    def close(self) -> None:
        """Nothing is done any more over this socket."""
        self.rpc.lost()
        for task in self.tasks:
            task.cancel()
        for work in self.later:
            work.close()
        self.later = []

    def _sent(self) -> None:
        later, self.later = self.later, []
        for work in later:
            self._box.spawn(work, "consequence")

    async def _answer(self, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self.dialect.answer(action, payload)
        finally:
            self.meeting.heard()


class Box:
    """One charge point (`words.Listener`, and `point.Around` for its connectors)."""

    def __init__(
        self, identity: str, transactions: Transactions, clock: Clock, spawn: Spawn, absence: Callable[[], str]
    ) -> None:
        """It has not called yet. `absence` says why a box may be away."""
        self.identity = identity
        self.transactions = transactions
        self.points: dict[int, Point] = {}
        self.boot: Boot | None = None
        self.settings: Settings | None = None
        """Its configuration as far as it tells it; None: it was never asked."""
        self.connected_mono_s = float("-inf")
        self.orphans = 0
        """Ends of transactions that nobody knows."""
        self._clock = clock
        self._spawn = spawn
        self._absence = absence
        self._line: _Line | None = None

    # --- for its connectors ------------------------------------------------------------------------------------

    @property
    def commands(self) -> Commands:
        """What it can be told. Raises `ConnectorUnreachable` while it is away."""
        if self._line is None:
            raise ConnectorUnreachable(f"{self.identity} is not connected: {self._absence()}")
        return self._line.dialect

    @property
    def met_mono_s(self) -> float | None:
        """When it was set up after it connected; None: not yet."""
        return None if self._line is None else self._line.meeting.over_mono_s

    def point(self, number: int) -> Point:
        """One of its connectors. Raises ValueError for a number no box has."""
        if not 1 <= number <= POINTS_MOST:
            raise ValueError(f"connectorId: got {number}; accepted: 1 to {POINTS_MOST}")
        if number not in self.points:
            self.points[number] = Point(number, self, self._clock)
            self._size()
            if self._line is not None and self.met_mono_s is not None:
                self.spawn(self._line.meeting.ask(number), "new connector")
        return self.points[number]

    def ports(self, number: int) -> Ports:
        """What a connector can do, as far as its box has told."""
        point = self.point(number)
        ports = replace(OCPP_PORTS, limit=point.limits.works, register=not point.picture.unmetered)
        if self.settings is None:
            return ports
        on_silence, on_reboot, on_unplug = configuration.on_loss(self.settings)
        return replace(ports, on_silence=on_silence, on_reboot=on_reboot, on_unplug=on_unplug)

    def changed(self) -> None:
        """There is something new to read of every connector."""
        for point in self.points.values():
            point.changed()

    def settled(self, settings: Settings) -> None:
        """This is its configuration now."""
        self.settings = settings
        self._size()

    def after_answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background when what the box says now was answered."""
        if self._line is None:
            work.close()
        else:
            self._line.later.append(work)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something in the background while it is connected."""
        if self._line is None:
            work.close()
            return
        task = self._spawn(work, f"evshare OCPP {self.identity} {name}")
        self._line.tasks.add(task)
        task.add_done_callback(self._line.tasks.discard)

    # --- its sockets -------------------------------------------------------------------------------------------

    async def serve(self, socket: Socket) -> None:
        """Talk over a socket until it closes, or a newer one comes."""
        older = self._hang_up("a newer connection came")
        if older is not None:
            self._spawn(self._close(older.socket, "a newer connection came"), f"evshare OCPP {self.identity} closes")
        self._line = line = _Line(self, socket, self._clock)
        self.connected_mono_s = self._clock.monotonic()
        _LOGGER.info("%s is connected", self.identity)
        for point in self.points.values():
            point.silent()
        # Not among the line's tasks: what is being answered is seen through, also when the socket is gone.
        answering = self._spawn(line.rpc.answer_calls(), f"evshare OCPP {self.identity} answers")
        self.spawn(line.meeting.run(), "meeting")
        pace = Pace(self._clock)
        try:
            while (text := await socket.receive()) is not None:
                await pace.keep()
                if len(line.tasks) > WORK_MOST:
                    raise Flooded(f"{self.identity} goes on while more than {WORK_MOST} things wait for its answers")
                line.rpc.received(text)
        except Flooded as error:
            _LOGGER.warning("%s", error)
            await self._close(socket, "too much at once")
        finally:
            if self._line is line:
                self._hang_up("the connection ended")
            await answering

    async def close(self) -> None:
        """Hang up; the box goes on as it is."""
        line = self._hang_up("evshare stops listening")
        if line is not None:
            await self._close(line.socket, "evshare stops listening")

    def _hang_up(self, why: str) -> _Line | None:
        line, self._line = self._line, None
        if line is None:
            return None
        _LOGGER.info("%s is gone: %s", self.identity, why)
        line.close()
        for point in self.points.values():
            point.silent()
        return line

    @staticmethod
    async def _close(socket: Socket, why: str) -> None:
        with suppress(ConnectorUnreachable):
            await socket.close(why)

    # --- what it says (`words.Listener`) -------------------------------------------------------------------------

    def booted(self, boot: Boot) -> None:
        """It started, or was asked who it is."""
        self.boot = boot
        for point in self.points.values():
            point.limits.forget(rebooted=True)

    def status_said(self, point: int, status: Status, error: str | None) -> None:
        """A connector changed. What the box says of itself as a whole (0) its connectors say too."""
        if point:
            self.point(point).status_said(status, error)

    async def authorise(self, id_tag: str) -> Verdict:
        """Somebody shows a card; the message does not say at which connector."""
        if any(point.cards.ours(id_tag) for point in self.points.values()):
            return Verdict.ACCEPTED
        point = self._meant(id_tag)
        return Verdict.INVALID if point is None else await point.card_shown(id_tag)

    async def started(self, start: Start) -> tuple[str, Verdict]:
        """A transaction began."""
        point = self.point(start.point)
        for other in self.points.values():
            if other is not point and other.cards.holds(start.id_tag):
                if other.running is not None:
                    return await point.started(start, Verdict.CONCURRENT)
                await other.left()  # let in there, and plugged in here
        return await point.started(start)

    async def metered(self, point: int, transaction: str | None, samples: Sequence[Sample]) -> None:
        """A meter was read. The one of the box as a whole (0) counts no stall."""
        if point:
            await self.point(point).metered(transaction, samples)

    async def stopped(self, stop: Stop) -> None:
        """A transaction ended."""
        transaction = self.transactions.find(self.identity, stop.transaction)
        if transaction is None:
            self.orphans += 1
            _LOGGER.info("%s: a transaction ended that nobody knows", self.identity)
            return
        await self.point(transaction.point).stopped(transaction, stop)

    # --- inside ------------------------------------------------------------------------------------------------

    def _size(self) -> None:
        count = None if self.settings is None else configuration.points(self.settings)
        alone = len(self.points) == 1 if count is None else count == 1
        for point in self.points.values():
            point.limits.alone = alone
            point.limits.takes = self.settings is None or configuration.takes_limits(self.settings)

    def _meant(self, id_tag: str) -> Point | None:
        """The connector whoever shows a card stands at: where it is in use, else where a car waits, else a free one."""
        watched = [point for point in self.points.values() if point.watcher is not None]
        for point in watched:
            if point.cards.holds(id_tag):
                return point
        free = [point for point in watched if not point.cards.awaited and point.running is None]
        waiting = [point for point in free if point.picture.plugged]
        chosen = waiting or free or watched
        return max(chosen, key=lambda point: point.picture.came_mono_s, default=None)
