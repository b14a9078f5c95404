"""The owner of the story's time.

It lives in the story's own event loop (whose selector it replaces), so the simulated building, the Stripe stand-in
and the story's script take part without any wire. Time moves when this loop has nothing to do, every participant
said it is idle, and all of them, asked once more, still are: what one process sent is in the other's socket buffer
by then, so nothing is on the way.

`held()` lets time pass at the pace of a wall clock at most: for starting and stopping processes, whose work the
clock cannot see.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
import math
import selectors
import socket
import time
from typing import Any, override

from .participant import ThreadWork, VirtualClock

GRAIN_S = 0.25
"""Timers that are due within this time of each other fire together; keeps the number of steps small."""

_real_monotonic = time.monotonic


@dataclass
class _Participant:
    socket: socket.socket
    name: str = ""
    buffer: bytes = b""
    idle_until: float | None = None
    """Monotonic second it waits for; None while it works."""
    asked: int = 0
    still: int = 0
    """The newest check it was asked, and the newest it answered."""


@dataclass
class Statistics:
    """How the story's time was made."""

    steps: int = 0
    busy: dict[str, int] = field(default_factory=dict)


class ClockSelector(selectors.DefaultSelector):
    """The story's selector: real sockets, virtual timers, and the participants' reports."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self.clock = VirtualClock(start.timestamp(), 1000.0)
        self.work = ThreadWork()
        self.grain_s = GRAIN_S
        """A power of two, or moments are not exact and time may stop. Finer keeps short pauses short, but is slower."""
        self._start = start
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.register(self._listener, selectors.EVENT_READ, self)
        self._participants: list[_Participant] = []
        self._check = 0
        self._held = 0
        self.statistics = Statistics()

    @property
    def address(self) -> str:
        """Where participants join, as host:port."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def names(self) -> list[str]:
        """Who takes part now."""
        return [participant.name for participant in self._participants]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let time pass no faster than real time."""
        self.hold_again()
        try:
            yield
        finally:
            self.let_go()

    def hold_again(self) -> None:
        """From here on time passes no faster than real time."""
        self._held += 1

    def let_go(self) -> None:
        """From here on time passes as fast as the work of all allows, unless somebody else holds it."""
        self._held -= 1

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._own(super().select(0))
        if ready or (timeout is not None and timeout <= 0):
            return ready
        self._check += 1  # this loop may just have sent something
        until = math.inf if timeout is None else self.clock.mono_s + timeout
        while True:
            if self.work.running or not self._all_idle():
                ready = self._own(super().select(None))
            elif self._held:
                ready = self._pass_real_time(until)
            elif not self._all_still():
                ready = self._own(super().select(None))
            else:
                # Once more: with nobody left to ask, nothing above has looked at the sockets.
                ready = self._own(super().select(0))
                if not ready:
                    self._move_to(self._next(until))
            if ready or self.clock.mono_s >= until:
                return ready

    def _next(self, until: float) -> float:
        waited_for = min([until, *(p.idle_until for p in self._participants if p.idle_until is not None)])
        if math.isinf(waited_for):
            waited_for = self.clock.mono_s + 1.0
        return max(waited_for, math.ceil(waited_for / self.grain_s) * self.grain_s)

    def _all_idle(self) -> bool:
        return all(participant.idle_until is not None for participant in self._participants)

    def _all_still(self) -> bool:
        """Ask whoever was not asked since anything last happened; True when all answered that they are still idle."""
        for participant in list(self._participants):
            if participant.asked < self._check:
                participant.asked = self._check
                self._say(participant, f"check {self._check}")
        return all(participant.still == self._check for participant in self._participants)

    def _move_to(self, mono_s: float) -> None:
        self.statistics.steps += 1
        self._check += 1
        wall_s = self._start.timestamp() + mono_s - 1000.0
        self.clock.set(wall_s, mono_s)
        for participant in self._participants:
            if participant.idle_until is not None and participant.idle_until <= mono_s:
                participant.idle_until = None  # it will fire its timers now
                self.statistics.busy[participant.name] = self.statistics.busy.get(participant.name, 0) + 1
            self._say(participant, f"time {wall_s!r} {mono_s!r}")

    def _pass_real_time(self, until: float) -> list[tuple[selectors.SelectorKey, int]]:
        before = _real_monotonic()
        ready = self._own(super().select(min(0.05, max(0.0, self._next(until) - self.clock.mono_s))))
        self._move_to(self.clock.mono_s + _real_monotonic() - before)
        return ready

    def _say(self, participant: _Participant, line: str) -> None:
        try:
            participant.socket.sendall(line.encode() + b"\n")
        except OSError:
            self._leave(participant)

    def _leave(self, participant: _Participant) -> None:
        if participant in self._participants:
            self._participants.remove(participant)
            self.unregister(participant.socket)
            participant.socket.close()

    def _own(self, events: list[tuple[selectors.SelectorKey, int]]) -> list[tuple[selectors.SelectorKey, int]]:
        """Deal with the clock's own sockets; return the events that are the event loop's."""
        others = []
        for key, mask in events:
            if key.data is self:
                self._welcome()
            elif isinstance(key.data, _Participant):
                self._listen(key.data)
            else:
                others.append((key, mask))
        return others

    def _welcome(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        participant = _Participant(connection)
        self._participants.append(participant)
        self.register(connection, selectors.EVENT_READ, participant)
        self._say(participant, f"time {self._start.timestamp() + self.clock.mono_s - 1000.0!r} {self.clock.mono_s!r}")

    def _listen(self, participant: _Participant) -> None:
        try:
            data = participant.socket.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._leave(participant)
            return
        *complete, participant.buffer = (participant.buffer + data).split(b"\n")
        for line in complete:
            word, *values = line.decode().split()
            if word == "hello":
                participant.name = values[0]
            elif word == "idle":
                participant.idle_until = float(values[0])
            elif word == "busy":
                participant.idle_until = None
                self._check += 1  # it may send something to one who already answered
            elif word == "still":
                participant.still = int(values[0])


def run_on_virtual_time[T](start: datetime, main: Callable[[ClockSelector], Coroutine[Any, Any, T]]) -> T:
    """Run `main` in an event loop that owns the clock, beginning at `start`."""
    selector = ClockSelector(start)

    async def played() -> T:
        try:
            return await main(selector)
        finally:
            selector.hold_again()  # what is left to do is real work only

    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            return runner.run(played())
    finally:
        selector.work.stop()
        selector.clock.stop()


def now() -> datetime:
    """Return the story's time."""
    return datetime.now(UTC)
