"""Time that passes only when a test says so.

The event loop's clock and HA's wall clock stand still while anything is being worked on; `Clock.passes` lets timers
fire in order, each at its own moment. So an hour of a building takes as long as its work does, and no test sleeps.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
import math
import time
from typing import Any
from unittest.mock import patch

START = datetime(2026, 6, 29, 18, 0, 30, tzinfo=UTC)
QUIET_TURNS = 12
"""Turns of the loop without any work after which nothing is on its way any more, sockets of loopback included."""


class Clock:
    """The event loop's and the wall's clock of one test."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Any = loop
        self._in_threads = 0
        # On a full second, whenever a test begins: polls begin on full seconds of this clock.
        self._first_mono_s = float(math.ceil(loop.time()))
        self.mono_s = self._first_mono_s

    @property
    def now(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self.mono_s - self._first_mono_s)

    @contextmanager
    def rules(self) -> Iterator[Clock]:
        """Be the loop's and HA's clock."""
        run_in_executor = self._loop.run_in_executor

        def counted(executor: Any, work: Any, *args: Any) -> asyncio.Future[Any]:
            self._in_threads += 1
            future: asyncio.Future[Any] = run_in_executor(executor, work, *args)
            future.add_done_callback(self._thread_done)
            return future

        self._loop.time = lambda: self.mono_s
        self._loop.slow_callback_duration = math.inf  # a step that lets an hour pass is not slow
        self._loop.run_in_executor = counted
        try:
            with patch("homeassistant.util.dt.utcnow", lambda: self.now):
                yield self
        finally:
            del self._loop.time
            del self._loop.run_in_executor

    async def settles(self) -> None:
        """Let everything be done that can be done now."""
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            if self._in_threads:
                time.sleep(0.0002)  # noqa: ASYNC251  # threads live in real time
                quiet = 0
            elif len(self._loop._ready) > 0:
                quiet = 0
            else:
                quiet += 1

    async def passes(self, seconds: float) -> None:
        """Let time go by; every timer fires at its own moment."""
        until_mono_s = self.mono_s + seconds
        await self.settles()
        while (due_mono_s := self._next_timer_mono_s()) <= until_mono_s:
            self.mono_s = max(self.mono_s, due_mono_s)
            await self.settles()
        self.mono_s = until_mono_s
        await self.settles()

    async def during[T](self, work: Coroutine[Any, Any, T], at_most_s: float = 30.0) -> T:
        """Let time go by while something is done that needs some."""
        task = asyncio.ensure_future(work)
        until_mono_s = self.mono_s + at_most_s
        while not task.done() and self.mono_s < until_mono_s:
            await self.passes(0.5)
        assert task.done(), f"not done within {at_most_s} s"
        return task.result()

    def _next_timer_mono_s(self) -> float:
        timers = [timer.when() for timer in self._loop._scheduled if not timer.cancelled()]
        return min(timers, default=math.inf)

    def _thread_done(self, _future: asyncio.Future[Any]) -> None:
        self._in_threads -= 1
