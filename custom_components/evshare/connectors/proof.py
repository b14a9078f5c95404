"""A guided test of a stall's lock and current during set-up: told, then looked whether it happened.

A command that is accepted proves little: what counts is what the connector reads back (`Reading.gate_read`,
`Reading.limit_a`) or what a car does. What can be seen without either is nothing, and that is said. However a test
ends, also by an error or by cancelling it, it ends with the order to lock, tried as often as a running stall would.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..model import Pilot, Reading
from .clock import Clock
from .contactor import DRAWING_W
from .ports import Connector, ConnectorError, ConnectorUnreachable

COMMAND_S = 120.0
"""Longest wait for one command: a contactor waits for the car's current to end, and between two closings."""
SEEN_WITHIN_S = 30.0
"""A car leaves its current within seconds (IEC 61851-1), a cloud behind an entity takes longer to tell."""
PACE_S = (0.5, 5.0)
"""Between two looks: the connector's own pace, within these."""
LOCK_AGAIN_S = (2.0, 5.0, 10.0)
"""Pauses before the tries to lock that follow a first that failed."""
READS_A = 0.5
"""How near to what was asked the limit must read."""
METERED_A = 1.0
"""How far above its limit a car may be measured: the tolerance of cheap meters."""


class ProofStep(StrEnum):
    """What is tried, in order. Values are translation keys."""

    LOCK = "lock"
    UNLOCK = "unlock"
    LIMIT = "limit"
    LOCK_AGAIN = "lock_again"


class Outcome(StrEnum):
    """What came of a step. Values are translation keys."""

    WORKED = "worked"
    NOT_SEEN = "not_seen"  # told without complaint, but what it should do was not seen
    REFUSED = "refused"  # it did not take the command


class Because(StrEnum):
    """By what a step's outcome is known. Values are translation keys."""

    READ_BACK = "read_back"  # the connector says so itself
    CAR = "car"  # a car began, followed or stopped
    NEEDS_CAR = "needs_car"  # not read back; only a plugged car would show it
    CAR_IDLE = "car_idle"  # not read back; a car is plugged, but takes nothing
    STILL_OPEN = "still_open"  # it reads open
    STILL_DRAWING = "still_drawing"  # the car goes on
    STILL_CLOSED = "still_closed"  # it reads locked
    DARK = "dark"  # the contactor closed, but the connector behind it stays silent
    OTHER_LIMIT = "other_limit"  # it reads another current than asked
    REFUSED = "refused"  # the connector refused
    UNREACHABLE = "unreachable"  # it stopped answering

    @property
    def only_told(self) -> bool:
        """Whether nothing speaks against it, though nothing showed it either."""
        return self in (Because.NEEDS_CAR, Because.CAR_IDLE)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one step showed."""

    step: ProofStep
    outcome: Outcome
    because: Because
    detail: str = ""
    """A refusal in the driver's words, or the amperes it was about."""


@dataclass(frozen=True, kw_only=True)
class ProofPlan:
    """What may be tried."""

    unlock: bool
    """Somebody agreed that it is opened for a moment; else it is only locked."""
    highest_a: int
    """The most that may be offered: what the supply has to spare."""
    boot_s: float = 0.0
    """How long the connector may stay dark after it was given power, for one behind a contactor."""


async def prove(
    connector: Connector, clock: Clock, plan: ProofPlan, began: Callable[[ProofStep], None]
) -> tuple[Finding, ...]:
    """Try lock and current, and tell what was seen; `began` hears of each step as it begins.

    Prepares the connector first, so never call it while a session is open there. Needs a gate (`Ports.gate`).
    """
    return await _Proof(connector, clock, plan, began).run()


class _NotSeen(Exception):
    """A step was not seen to do what it should."""

    def __init__(self, because: Because, detail: str = "") -> None:
        super().__init__(because.value)
        self.because = because
        self.detail = detail


class _Proof:
    def __init__(self, connector: Connector, clock: Clock, plan: ProofPlan, began: Callable[[ProofStep], None]) -> None:
        self._connector = connector
        self._clock = clock
        self._plan = plan
        self._began = began
        self._findings: list[Finding] = []
        self._last: Reading | None = None
        self._beat_mono_s = float("-inf")
        self._drew = False
        """A car was seen drawing when it was last looked at."""

    async def run(self) -> tuple[Finding, ...]:
        locked = False
        try:
            found = await self._step(ProofStep.LOCK, self._lock_at_first)
            locked = found.outcome is Outcome.WORKED or found.because.only_told
            if locked and self._plan.unlock:
                locked = False
                await self._open_for_a_moment()
        finally:
            if not locked:
                await _to_the_end(self._step(ProofStep.LOCK_AGAIN, self._lock_for_certain))
        return tuple(self._findings)

    async def _open_for_a_moment(self) -> None:
        found = await self._step(ProofStep.UNLOCK, self._unlock)
        answers = found.outcome is Outcome.WORKED or found.because.only_told
        if answers and self._connector.ports.limit:
            await self._step(ProofStep.LIMIT, self._limit)

    async def _step(self, step: ProofStep, act: Callable[[], Awaitable[tuple[Because, str]]]) -> Finding:
        self._began(step)
        outcome = Outcome.WORKED
        try:
            because, detail = await act()
        except _NotSeen as error:
            outcome, because, detail = Outcome.NOT_SEEN, error.because, error.detail
        except (ConnectorUnreachable, TimeoutError) as error:
            outcome, because, detail = Outcome.NOT_SEEN, Because.UNREACHABLE, str(error)
        except ConnectorError as error:
            outcome, because, detail = Outcome.REFUSED, Because.REFUSED, str(error)
        finding = Finding(step=step, outcome=outcome, because=because, detail=detail)
        self._findings.append(finding)
        return finding

    # --- locking -----------------------------------------------------------------------------------------------

    async def _lock_at_first(self) -> tuple[Because, str]:
        self._drew = _draws(await self._look())
        async with asyncio.timeout(COMMAND_S):
            await self._connector.prepare()
        return await self._lock()

    async def _lock_for_certain(self) -> tuple[Because, str]:
        for pause_s in LOCK_AGAIN_S:
            try:
                return await self._lock()
            except _NotSeen as error:
                if error.because.only_told:
                    raise  # another try would show no more
            except ConnectorError, TimeoutError:
                pass
            await self._clock.sleep(pause_s)
        return await self._lock()

    async def _lock(self) -> tuple[Because, str]:
        async with asyncio.timeout(COMMAND_S):
            await self._connector.disable()
        if await self._see(lambda reading: not _draws(reading) and not _reads_open(reading)):
            if self._reading.gate_read:
                return Because.READ_BACK, ""
            if self._drew:
                return Because.CAR, ""
            raise _NotSeen(self._unseen)
        raise _NotSeen(Because.STILL_DRAWING if _draws(self._reading) else Because.STILL_OPEN)

    # --- opening -----------------------------------------------------------------------------------------------

    async def _unlock(self) -> tuple[Because, str]:
        connector = self._connector
        async with asyncio.timeout(COMMAND_S):
            await connector.enable(connector.min_a)
        dark = self._plan.boot_s > 0 and connector.ports.plug

        def opened(reading: Reading) -> bool:
            awake = not dark or reading.pilot is not Pilot.X
            return awake and (_draws(reading) or _reads_open(reading))

        try:
            seen = await self._see(opened, SEEN_WITHIN_S + self._plan.boot_s)
        except ConnectorUnreachable as error:
            if dark:
                raise _NotSeen(Because.DARK) from error
            raise
        self._drew = _draws(self._reading)
        if seen:
            return (Because.CAR if self._drew else Because.READ_BACK), ""
        if dark and self._reading.pilot is Pilot.X:
            raise _NotSeen(Because.DARK)
        if self._reading.gate_read and self._reading.enabled is False:
            raise _NotSeen(Because.STILL_CLOSED)
        raise _NotSeen(self._unseen)

    async def _limit(self) -> tuple[Because, str]:
        connector = self._connector
        lowest_a = connector.min_a
        highest_a = max(lowest_a, min(connector.max_a, self._plan.highest_a))
        by_car = False
        for limit_a in sorted({lowest_a, highest_a}):
            async with asyncio.timeout(COMMAND_S):
                await connector.set_limit(limit_a)
            by_car = await self._see_limit(limit_a, lowest_a)
        self._drew |= _draws(self._reading)
        told = f"{lowest_a} A" if highest_a == lowest_a else f"{lowest_a} A, {highest_a} A"
        return (Because.CAR if by_car else Because.READ_BACK), told

    async def _see_limit(self, limit_a: int, lowest_a: int) -> bool:
        """Wait until the limit reads as asked, or a car follows it; returns whether it was the car.

        Raises:
            _NotSeen: neither.
        """

        def follows(reading: Reading) -> bool:
            if not _draws(reading) or reading.currents_a is None:
                return False
            high = max(reading.currents_a) > lowest_a + METERED_A
            return high if limit_a > lowest_a else not high

        def reads(reading: Reading) -> bool:
            if reading.limit_a is None:
                return follows(reading)
            return abs(reading.limit_a - limit_a) <= READS_A

        if await self._see(reads):
            return self._reading.limit_a is None
        reading = self._reading
        if reading.limit_a is not None and reading.pilot is not Pilot.A:
            raise _NotSeen(Because.OTHER_LIMIT, f"{reading.limit_a:g} A / {limit_a} A")
        raise _NotSeen(self._unseen, f"{limit_a} A")

    # --- looking -----------------------------------------------------------------------------------------------

    @property
    def _reading(self) -> Reading:
        assert self._last is not None, "looked in the line before"
        return self._last

    @property
    def _unseen(self) -> Because:
        """Why nothing showed, where nothing is read back."""
        return Because.CAR_IDLE if self._reading.pilot.plugged else Because.NEEDS_CAR

    async def _see(self, wanted: Callable[[Reading], bool], patience_s: float = SEEN_WITHIN_S) -> bool:
        """Look until a reading is as wanted; False when it never was. A connector silent to the end raises."""
        give_up_s = self._clock.monotonic() + patience_s
        pace_s = max(PACE_S[0], min(PACE_S[1], self._connector.poll_charging_s))
        while True:
            last_look = self._clock.monotonic() + pace_s > give_up_s
            try:
                if wanted(await self._look()):
                    return True
            except ConnectorError, TimeoutError:
                if last_look:
                    raise
            else:
                if last_look:
                    return False
            await self._clock.sleep(pace_s)

    async def _look(self) -> Reading:
        beat_s = self._connector.heartbeat_s
        async with asyncio.timeout(COMMAND_S):
            if beat_s is not None and self._clock.monotonic() >= self._beat_mono_s + beat_s:
                await self._connector.heartbeat()
                self._beat_mono_s = self._clock.monotonic()
            self._last = await self._connector.poll()
        return self._last


async def _to_the_end(work: Coroutine[Any, Any, Finding]) -> None:
    """Do the work even if it is cancelled meanwhile; that is passed on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


def _draws(reading: Reading) -> bool:
    return reading.pilot is Pilot.C if reading.power_w is None else reading.power_w >= DRAWING_W


def _reads_open(reading: Reading) -> bool:
    return reading.gate_read and reading.enabled is True
