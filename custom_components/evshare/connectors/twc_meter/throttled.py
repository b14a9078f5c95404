"""A wall connector with an emulated meter: everything is its own, but the limit.

The limit port is there as long as the wall connector asks the meter and does what it reads. When it does not ask for
10 s although it answers otherwise (connectors reference 1.5 b), or a car draws well over what was left to it (firmware
26.2 and newer is reported to let it), nothing can be told: then `Ports.limit` is False, so that the stall is planned
with all it may draw and paused by its contactor, if it has one.
"""

from dataclasses import replace
from typing import override

from ...model import MIN_CURRENT_A, Reading
from ..clock import Clock
from ..ports import Connector, ConnectorError, ConnectorRefused, Ports
from ..warned import Warned, warnings
from ..wrapped import WrappedConnector
from .meter import EmulatedMeter

ASKED_WITHIN_S = 10.0
AWAKE_GAP_S = 30.0
"""After a longer silence of its network it counts as just awake: it may have been without supply."""
ABOVE_A = 1.5
"""A car may draw so much more than was left to it: noise of the measurement, rounding."""
FOLLOWS_WITHIN_S = 30.0
"""It takes seconds to follow a new target."""
TRY_AGAIN_S = 86_400.0
"""One that did not follow is believed again after a day: it may have got another firmware."""


class ThrottledConnector(WrappedConnector):
    """A `Connector` whose limit is what an emulated meter leaves of the conductor limit."""

    def __init__(self, inner: Connector, meter: EmulatedMeter, clock: Clock) -> None:
        """Put `meter` on the wall connector's line; it is silent until a first command."""
        super().__init__(inner)
        self._meter = meter
        self._clock = clock
        self._target_a = 0
        self._told_mono_s = clock.monotonic()
        self._awake_mono_s: float | None = None
        """Since when it answers over its network without a gap."""
        self._answered_mono_s: float | None = None
        self._above_mono_s: float | None = None
        self._ignored_mono_s: float | None = None
        self._silent = False

    @property
    @override
    def ports(self) -> Ports:
        """The wall connector's, with a limit while the meter is heard and followed. Gate and lock are as they are."""
        return replace(self._inner.ports, limit=not self._silent and self._ignored_mono_s is None)

    @property
    @override
    def min_a(self) -> int:
        """A lower target is a pause."""
        return max(MIN_CURRENT_A, self._inner.min_a)

    @property
    @override
    def max_a(self) -> int:
        """The wall connector's, and never more than the conductor limit."""
        return min(self._inner.max_a, self._meter.conductor_limit_a)

    @property
    @override
    def warnings(self) -> frozenset[Warned]:
        """Whether the meter is not heard, or not followed."""
        own = {Warned.METER_SILENT} if self._silent else set()
        own |= set() if self._ignored_mono_s is None else {Warned.METER_IGNORED}
        return warnings(self._inner) | own

    @override
    async def prepare(self) -> None:
        """Leave nothing to the car, then bring the wall connector into its own state."""
        await self._show(0)
        await self._inner.prepare()

    @override
    async def poll(self) -> Reading:
        """The wall connector's reading, with the target of the last answer as its limit."""
        await self._meter.look_after_line()
        try:
            reading = await self._inner.poll()
        except ConnectorError:
            self._awake_mono_s = None
            raise
        self._listen(reading.mono_s)
        self._watch_car(reading)
        return replace(reading, limit_a=self._meter.served_a if self.ports.limit else None)

    @override
    async def enable(self, limit_a: int) -> None:
        """Leave `limit_a` to the car."""
        if not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: {self.min_a} to {self.max_a}")
        await self._show(limit_a)
        if self._inner.ports.gate:
            await self._inner.enable(limit_a)

    @override
    async def set_limit(self, limit_a: int) -> None:
        """Leave `limit_a` to the car; 0 pauses."""
        if limit_a and not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: 0 and {self.min_a} to {self.max_a}")
        await self._show(limit_a)

    @override
    async def disable(self) -> None:
        """Leave nothing to the car: no lock, but as much as a throttle can do."""
        await self._show(0)
        if self._inner.ports.gate:
            await self._inner.disable()

    @override
    async def close(self) -> None:
        """Let go of the line, and of the wall connector."""
        await self._meter.close()
        await self._inner.close()

    async def _show(self, target_a: int) -> None:
        if target_a != self._target_a:
            self._target_a, self._told_mono_s, self._above_mono_s = target_a, self._clock.monotonic(), None
        await self._meter.show(target_a)

    def _listen(self, now_mono_s: float) -> None:
        """Whether it asks the meter, judged only while it is surely awake and the meter can be asked."""
        answered_mono_s, self._answered_mono_s = self._answered_mono_s, now_mono_s
        if answered_mono_s is None or now_mono_s - answered_mono_s > AWAKE_GAP_S or self._awake_mono_s is None:
            self._awake_mono_s = now_mono_s
        if self._meter.problem is not None:
            self._silent = True
            return
        if self._meter.opened_mono_s is None:
            return  # it was told nothing yet
        since_mono_s = max(self._awake_mono_s, self._meter.opened_mono_s, self._meter.heard_mono_s)
        self._silent = now_mono_s - since_mono_s > ASKED_WITHIN_S

    def _watch_car(self, reading: Reading) -> None:
        """Whether the car draws well more than was left to it, for long."""
        now_mono_s = reading.mono_s
        if self._ignored_mono_s is not None and now_mono_s - self._ignored_mono_s >= TRY_AGAIN_S:
            self._ignored_mono_s = None
        told = self._meter.served_a == self._target_a and not self._silent
        if not told or reading.currents_a is None or max(reading.currents_a) <= self._target_a + ABOVE_A:
            self._above_mono_s = None
            return
        if self._above_mono_s is None:
            self._above_mono_s = now_mono_s
        if now_mono_s - max(self._above_mono_s, self._told_mono_s) >= FOLLOWS_WITHIN_S:
            self._ignored_mono_s = now_mono_s
