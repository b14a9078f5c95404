"""A process on borrowed time.

`join()` must run before the process imports anything that keeps a reference to a clock. It replaces `time.time`,
`datetime.now` and their kin (through time-machine, in C), `time.monotonic`, and the selector of every event loop
made from then on. The main thread's event loop then reports when it is idle and until when, and is told the time.

Lines on the wire (TCP on loopback, text): to the authority ``hello <name>``, ``idle <until or inf>``, ``still <n>``
and ``busy``; from it ``time <wall> <mono>`` and ``check <n>``.
"""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
import math
import selectors
import socket
import threading
import time
from typing import Any, override

import time_machine


class VirtualClock:
    """What time it is in this process: wall clock (Unix seconds) and monotonic seconds."""

    def __init__(self, wall_s: float, mono_s: float) -> None:
        self.mono_s = mono_s
        self._travel = time_machine.travel(wall_s, tick=False)
        self._traveller = self._travel.start()
        self._real = time.monotonic, time.monotonic_ns
        time.monotonic = lambda: self.mono_s
        time.monotonic_ns = lambda: int(self.mono_s * 1_000_000_000)

    def stop(self) -> None:
        """Give the process its own clocks back."""
        self._travel.stop()
        time.monotonic, time.monotonic_ns = self._real

    def set(self, wall_s: float, mono_s: float) -> None:
        """Move both clocks on."""
        self.mono_s = mono_s
        self._traveller.move_to(wall_s)


class ThreadWork:
    """Counts jobs the main thread's event loop handed to threads: while one runs, the loop is not idle.

    A program may hand them to an executor of its own, and be told by the job itself when it is done.
    """

    def __init__(self) -> None:
        self.running = 0
        self._real = run_in_executor = asyncio.BaseEventLoop.run_in_executor
        self._real_submit = submit = ThreadPoolExecutor.submit

        def counted(loop: asyncio.BaseEventLoop, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
            future = run_in_executor(loop, executor, func, *args)
            self.running += 1
            # The asyncio future is done in the loop, so there is no moment in which neither side is busy.
            future.add_done_callback(self._done)
            return future

        def submitted(executor: ThreadPoolExecutor, func: Any, /, *args: Any, **more: Any) -> Future[Any]:
            future = submit(executor, func, *args, **more)
            if threading.current_thread() is threading.main_thread():
                with suppress(RuntimeError):  # without a loop nobody waits
                    loop = asyncio.get_running_loop()
                    self.running += 1
                    # In the loop, too, and behind what the job itself left for it there.
                    future.add_done_callback(lambda _future: self._tell(loop))
            return future

        asyncio.BaseEventLoop.run_in_executor = counted  # type: ignore[method-assign,assignment]
        ThreadPoolExecutor.submit = submitted  # type: ignore[method-assign,assignment]

    def stop(self) -> None:
        """Count no more."""
        asyncio.BaseEventLoop.run_in_executor = self._real  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = self._real_submit  # type: ignore[method-assign]

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._done)
        except RuntimeError:  # the loop is closed
            self._done()

    def _done(self, _future: asyncio.Future[Any] | None = None) -> None:
        self.running -= 1


class Owner:
    """The connection to the authority. Used by one event loop only."""

    def __init__(self, address: tuple[str, int], name: str) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.say(f"hello {name}")
        first: list[str] = []
        while not first:
            first = self.lines()
        _, wall_s, mono_s = first[0].split()
        self.clock = VirtualClock(float(wall_s), float(mono_s))
        self.work = ThreadWork()

    def say(self, line: str) -> None:
        """Send one line."""
        self.socket.sendall(line.encode() + b"\n")

    def lines(self) -> list[str]:
        """Return the lines that came, waiting for some; raises ConnectionError when the authority is gone."""
        data = self.socket.recv(4096)
        if not data:
            msg = "the clock's owner is gone"
            raise ConnectionError(msg)
        *complete, self._buffer = (self._buffer + data).split(b"\n")
        return [line.decode() for line in complete]


_owner: Owner | None = None


class VirtualSelector(selectors.DefaultSelector):
    """Waits for sockets in real time and for timers in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self._joined = _owner is not None and threading.current_thread() is threading.main_thread()
        if self._joined:
            assert _owner is not None
            self.register(_owner.socket, selectors.EVENT_READ, _owner)

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self._joined or _owner is None:
            return super().select(timeout)
        ready = self._ready(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if _owner.work.running:
            # A thread will wake the loop; until then its process keeps the time standing still.
            return self._ready(None)
        until = math.inf if timeout is None else _owner.clock.mono_s + timeout
        return self._idle(_owner, until)

    def _idle(self, owner: Owner, until: float) -> list[tuple[selectors.SelectorKey, int]]:
        owner.say(f"idle {until!r}")
        while True:
            events = super().select(None)
            ready = [event for event in events if event[0].data is not owner]
            if ready:
                owner.say("busy")
                return ready
            if not events:  # a signal
                owner.say("busy")
                return []
            for line in owner.lines():
                word, *values = line.split()
                if word == "time":
                    owner.clock.set(float(values[0]), float(values[1]))
                elif word == "check":
                    if ready := self._others(super().select(0), owner):
                        owner.say("busy")
                        return ready
                    owner.say(f"still {values[0]}")
            if owner.clock.mono_s >= until:
                owner.say("busy")
                return []

    def _ready(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        while True:
            events = super().select(timeout)
            assert _owner is not None
            if len(others := self._others(events, _owner)) < len(events):
                for line in _owner.lines():
                    word, *values = line.split()
                    if word == "time":
                        _owner.clock.set(float(values[0]), float(values[1]))
            if others or timeout == 0 or not events:
                return others

    @staticmethod
    def _others(
        events: list[tuple[selectors.SelectorKey, int]], owner: Owner
    ) -> list[tuple[selectors.SelectorKey, int]]:
        return [event for event in events if event[0].data is not owner]


def join(address: tuple[str, int], name: str) -> None:
    """Take part under `name`; from here on this process's time is the authority's."""
    global _owner  # noqa: PLW0603  # one clock per process, by nature
    _owner = Owner(address, name)
    selectors.DefaultSelector = VirtualSelector  # type: ignore[misc]
