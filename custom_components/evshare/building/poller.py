"""Polls a stall's connector at the pace its life asks for, and feeds its watchdog.

Often while a car is there or a session is open, seldom else, unless cards are seen by polling only; at once after
each command, to see what came of it.
"""

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from ..access import BadUid
from ..charging import ConnectorLost, ReadingTaken, Ticked
from ..connectors.ports import ConnectorError, NotYet
from ..model import Reading
from .errors import InSession

if TYPE_CHECKING:
    from .stall import RunningStall

TICK_S = 5.0
"""Windows of a stall close without readings too."""
FAILURES_LOST = 2
"""One request that got lost is no outage."""
IDENTIFY_AGAIN_S = 300.0

BEAT_S = 1.0
"""Polls of all stalls begin on the same beat: a machine that wakes once for all works far less than one that wakes
for each."""
LATE_S = 0.2
"""What begins so shortly after a beat began on it."""

_LOGGER = logging.getLogger(__name__)


class Poller:
    """The eyes on one connector, in a task of its own (`run`)."""

    def __init__(self, stall: RunningStall) -> None:
        self._stall = stall
        self._connector = stall.connector
        self._hand = stall.hand
        self._prepared = False
        self._left_locked = False
        """It was locked when it fell silent."""
        self._failures = 0
        self._identify_mono_s = float("-inf")
        self._beat_mono_s = float("-inf")
        self.problem: str | None = None

    async def run(self) -> None:
        """Poll for ever."""
        due_mono_s = float("-inf")
        while True:
            try:
                if self._hand.done.is_set() or self._stall.now().mono_s >= due_mono_s:
                    self._hand.done.clear()
                    began_mono_s = self._stall.now().mono_s
                    due_mono_s = began_mono_s + TICK_S
                    await self._poll()
                    # Counted from its beginning: a slow box is not asked more seldom for being slow.
                    due_mono_s = _on_beat(began_mono_s, self._pace_s)
                elif self._stall.now().mono_s >= self._beat_due_mono_s:
                    await self._beat_alone()
                else:
                    await self._stall.apply(Ticked())
            except Exception:  # whatever one reading does, the next one is taken
                _LOGGER.exception("%s: a reading could not be used", self._stall.config.name)
            await self._pause(due_mono_s)

    async def prepare(self) -> None:
        """Lock the connector and set its own failsafe anew. Raises `InSession`, `ConnectorError`."""
        async with self._hand.free:
            if self._stall.state.session is not None:
                raise InSession
            await self._connector.prepare()
            self._prepared = True
        self._hand.done.set()

    @property
    def _pace_s(self) -> float:
        """Energy that is sold, a car or a person that may do something at any moment, or nobody."""
        state = self._stall.state
        if state.session is not None and not state.armed:
            return self._connector.poll_charging_s
        return self._connector.poll_plugged_s if state.plugged or state.armed else self._connector.poll_idle_s

    async def _pause(self, due_mono_s: float) -> None:
        # Never negative, and never shorter than a tenth of a second: a driver without pace must not spin.
        wait_s = max(0.1, min(TICK_S, min(due_mono_s, self._beat_due_mono_s) - self._stall.now().mono_s))
        try:
            async with asyncio.timeout(wait_s):
                await self._hand.done.wait()
        except TimeoutError:
            pass

    @property
    def _beat_due_mono_s(self) -> float:
        """When the watchdog wants to be fed next; while the connector does not answer, polls look for it alone."""
        beat_s = self._connector.heartbeat_s
        return float("inf") if beat_s is None or self._failures else self._beat_mono_s + beat_s

    async def _beat_alone(self) -> None:
        """Feed the watchdog between two polls. What goes wrong is seen by the next poll."""
        self._beat_mono_s = self._stall.now().mono_s
        try:
            async with self._hand.free:
                await self._connector.heartbeat()
        except ConnectorError as error:
            _LOGGER.debug("%s: its watchdog could not be fed: %s", self._stall.config.name, error)

    async def _poll(self) -> None:
        try:
            async with self._hand.free:
                reading = await self._read()
        except ConnectorError as error:
            await self._failed(str(error) or type(error).__name__)
            return
        except Exception as error:  # a driver's bug is a connector that does not answer
            _LOGGER.exception("%s: reading failed in the driver", self._stall.config.name)
            await self._failed(type(error).__name__)
            return
        if self.problem is not None:
            _LOGGER.info("%s: the connector answers again", self._stall.config.name)
        self._failures = 0
        self.problem = None
        await self._stall.apply(ReadingTaken(reading))
        self._stall.was_read()
        await self._look_for_card(reading)

    async def _read(self) -> Reading:
        if not self._prepared and self._stall.state.session is None:
            if self._left_locked:
                await self._look_whether_open()
            try:
                await self._connector.prepare()
                self._prepared = True
            except NotYet as wait:  # it is about to; what flows until then is seen
                _LOGGER.debug("%s: is not locked yet: %s", self._stall.config.name, wait)
        elif self._stall.state.session is not None:
            self._left_locked = False  # somebody was let in since
        now_mono_s = self._stall.now().mono_s
        beat_s = self._connector.heartbeat_s
        if beat_s is not None and now_mono_s >= self._beat_mono_s + beat_s:
            await self._connector.heartbeat()
            self._beat_mono_s = now_mono_s  # from its beginning: a slow box is fed in time
        reading = await self._connector.poll()
        if self._stall.identity is None and now_mono_s >= self._identify_mono_s + IDENTIFY_AGAIN_S:
            self._identify_mono_s = now_mono_s
            try:
                self._stall.identity = await self._connector.identify()
            except ConnectorError as error:
                _LOGGER.debug("%s: does not say who it is: %s", self._stall.config.name, error)
        return reading

    async def _look_whether_open(self) -> None:
        """Before it is locked again: after a restart of its own some hardware lets anybody charge."""
        found = await self._connector.poll()
        self._left_locked = False
        if found.gate_read and found.enabled:
            self._stall.found_open += 1
            _LOGGER.warning("%s: it was locked when it fell silent, and is open now", self._stall.config.name)

    async def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures < FAILURES_LOST:
            await self._stall.apply(Ticked())
            return
        self._left_locked |= self._locked
        # It may have rebooted when it is back: what we rely on is written again then.
        self._prepared = False
        if self.problem is None and not self._stall.state.dark:
            _LOGGER.warning("%s: the connector does not answer: %s", self._stall.config.name, why)
        self.problem = why
        await self._stall.apply(ConnectorLost(why))

    @property
    def _locked(self) -> bool:
        """Whether it was locked and nothing is known to the contrary."""
        state = self._stall.state
        reads_open = state.reading is not None and state.reading.enabled is True
        return self._prepared and state.session is None and not state.lock_failed and not reads_open

    async def _look_for_card(self, reading: Reading) -> None:
        if not self._connector.ports.polled_identity:
            return
        try:
            tap = self._stall.reader.polled(reading, self._stall.now())
        except BadUid as error:
            _LOGGER.warning("%s: the connector's reader says no card number: %s", self._stall.config.name, error)
            return
        if tap is not None:
            await self._stall.tapped(tap)


def _on_beat(began_mono_s: float, pace_s: float) -> float:
    """The first beat on which the poll after one that began then may begin; sooner where polls follow faster."""
    due_mono_s = began_mono_s + pace_s
    if pace_s < BEAT_S:
        return due_mono_s
    return math.ceil((due_mono_s - LATE_S) / BEAT_S) * BEAT_S
