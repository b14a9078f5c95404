"""The time a connector lives in, handed in so that tests can own it.

Durations are the event loop's (`loop.time()`), because whoever owns the loop owns the time (DESIGN, demo clock).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, loop time for durations."""

    def utcnow(self) -> datetime:
        """Aware wall time in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of loop time pass."""


class LoopClock:
    """The running event loop's time; wall time from `utcnow` (in HA: `homeassistant.util.dt.utcnow`)."""

    def __init__(self, utcnow: Callable[[], datetime]) -> None:
        self._utcnow = utcnow

    def utcnow(self) -> datetime:
        """Aware wall time in UTC."""
        return self._utcnow()

    def monotonic(self) -> float:
        """The running loop's time in seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of loop time pass."""
        await asyncio.sleep(seconds)
