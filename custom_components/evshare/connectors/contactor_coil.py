"""The contactor itself: its coil's switch, its auxiliary contact, and what keeps a dead-man relay closed.

Knows how it is, since when, and whether it does what it is told; whether it may is the gate's affair
(``contactor.py``).
"""

import contextlib
from datetime import datetime

from ..model import Reading
from .clock import Clock
from .contactor_parts import ContactorAids, ContactorTimes, Switch
from .ports import ConnectorError, ConnectorUnreachable
from .weld import WeldWatch

DROPPED = "contactor does not close"
NOT_REFRESHED = "contactor's keep-alive fails"


class Coil:
    """One contactor. Its auxiliary contact is believed more than the switch of its coil."""

    def __init__(self, switch: Switch, aids: ContactorAids, clock: Clock, times: ContactorTimes) -> None:
        """Nothing is switched yet."""
        self.is_closed: bool | None = None
        """As last looked at; None before."""
        self.since_mono_s = 0.0
        """Since when it is as it is."""
        self._switch = switch
        self._feedback = aids.feedback
        self._refresh = aids.refresh
        self._open_since = aids.open_since
        self._clock = clock
        self._times = times
        self._watch = WeldWatch(times)
        self._refreshed_mono_s = float("-inf")
        self._refresh_failed = False

    @property
    def is_on(self) -> bool | None:
        """Whether the coil is switched on."""
        return self._switch.is_on()

    @property
    def refresh_s(self) -> float | None:
        """How often it has to be refreshed; None if it stays as it is."""
        return None if self._refresh is None else self._refresh.every_s

    def look(self) -> bool:
        """Whether it is closed. Notices what a stray hand did, too. Raises `ConnectorUnreachable`."""
        is_on = self._switch.is_on()
        if is_on is None:
            raise ConnectorUnreachable("the contactor's switch is unavailable")
        now_mono_s = self._clock.monotonic()
        self._watch.commanded(closed=is_on, now_mono_s=now_mono_s)
        told = None if self._feedback is None else self._feedback.is_closed()
        is_closed = is_on if told is None else told
        if self.is_closed is not is_closed:
            first, self.is_closed, self.since_mono_s = self.is_closed is None, is_closed, now_mono_s
            if first and not is_closed and self._open_since is not None:
                self.since_mono_s -= self._age_s(self._open_since)
        return is_closed

    async def close(self) -> None:
        """Switch it on, see it close, and begin to refresh it. Raises `ConnectorError`."""
        await self._switch.turn_on()
        await self._confirm(closed=True)
        self._refreshed_mono_s = float("-inf")
        await self.refresh()

    async def open(self) -> None:
        """Switch it off and see it open. Raises `ConnectorError`."""
        await self._switch.turn_off()
        await self._confirm(closed=False)

    async def refresh(self, *, only_failed: bool = False) -> None:
        """Feed the dead-man relay, if it is due. A failure is said as a fault: readings go on until it opens."""
        now_mono_s = self._clock.monotonic()
        if self._refresh is None or (only_failed and not self._refresh_failed):
            return
        if now_mono_s - self._refreshed_mono_s < self._refresh.every_s / 2:
            return  # heartbeats come at the inner connector's pace too, and never exactly on time
        self._refresh_failed = True
        with contextlib.suppress(ConnectorError):
            await self._refresh.refresh()
            self._refresh_failed = False
            self._refreshed_mono_s = now_mono_s

    def stuck(self, reading: Reading, *, metered: bool) -> bool:
        """Whether it is commanded open, and its contact or `reading` says that energy can flow all the same.

        `metered`: the register in `reading` is an external meter's, and the connector behind was not asked.
        """
        now_mono_s = self._clock.monotonic()
        told = None if self._feedback is None else self._feedback.is_closed()
        stuck = self._watch.stuck(closed=told, now_mono_s=now_mono_s)
        if self.is_closed is not False:
            return stuck
        if metered:
            return self._watch.counts(reading.register_wh, now_mono_s) or stuck
        return self._watch.flows(reading) or stuck

    def looked_after(self) -> None:
        """What was seen before counts no more."""
        self._watch = WeldWatch(self._times)

    @property
    def fault(self) -> str | None:
        """What is wrong with it; a weld is found by `stuck`."""
        late = self._clock.monotonic() - self.since_mono_s > self._times.confirm_s
        if self._switch.is_on() and self.is_closed is False and late:
            return DROPPED
        return NOT_REFRESHED if self._refresh_failed and self.is_closed else None

    async def _confirm(self, *, closed: bool) -> None:
        until_mono_s = self._clock.monotonic() + self._times.confirm_s
        while not (self._switch.is_on() is closed and self.look() is closed):
            if self._clock.monotonic() >= until_mono_s:
                raise ConnectorUnreachable(f"the contactor did not {'close' if closed else 'open'} in time")
            await self._clock.sleep(self._times.confirm_every_s)

    def _age_s(self, at: datetime) -> float:
        return max(0.0, (self._clock.utcnow() - at).total_seconds())
