"""A contactor in front of a connector: the gate of hardware that has none (DESIGN rule 4, connectors reference 1.5a).

"Closed" and "open" mean the *contactor* here, as electricians say it: closed, energy can flow. While it is open the
connector behind is dark, which is normal and draws nothing; only the external meter is still read. Opening under load
wears it and startles cars, so it waits, for a bounded time, until nothing flows; closing again too soon after opening
is waited out as well. Energy that a meter counts behind an open contactor says that it is welded or bypassed: that is
a fault until the stall is set up anew, and it refuses the next session.
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import Protocol, override

from ..model import Pilot, Reading
from .clock import Clock
from .external_meter import MeterSource, with_meter
from .locks import behind_contactor
from .ports import Connector, ConnectorError, ConnectorRefused, ConnectorUnreachable, Ports
from .wrapped import WrappedConnector

DRAWING_W = 100.0
"""Less than this is electronics, not a car."""
PEEK_S = 2.0
"""How long a connector that should be dark is asked."""
WELDED = "contactor welded or bypassed"


class Switch(Protocol):
    """What closes the contactor's coil."""

    def is_on(self) -> bool | None:
        """Whether it is on; None while nobody knows."""

    async def turn_on(self) -> None:
        """Switch on; raises `ConnectorError`."""

    async def turn_off(self) -> None:
        """Switch off; raises `ConnectorError`."""


@dataclass(frozen=True, kw_only=True)
class ContactorTimes:
    """How a contactor is treated, in seconds."""

    open_wait_s: float = 10.0
    """Nothing should flow when it opens; waited for no longer than this."""
    reclose_after_s: float = 10.0
    """It stays open at least this long; a sooner close waits."""
    confirm_s: float = 5.0
    """The switch must report its new state in this time."""
    boot_s: float = 90.0
    """How long the connector may stay silent after closing: it starts and joins its network."""
    settle_s: float = 60.0
    """A meter may deliver late what flowed before the opening; what it counts after this says welded."""
    weld_wh: int = 10
    """…if it is more than this, the step of coarse meters…"""
    weld_window_s: float = 600.0
    """…in this time: a meter that creeps for hours is no car."""
    look_every_s: float = 0.5
    """Between two looks while waiting."""


class ContactorGate(WrappedConnector):
    """A `Connector` made of an inner connector, a contactor in front and, mostly, an external meter."""

    def __init__(
        self, inner: Connector, switch: Switch, meter: MeterSource | None, clock: Clock, times: ContactorTimes
    ) -> None:
        """Nothing is switched yet."""
        super().__init__(inner)
        self._switch = switch
        self._meter = meter
        self._clock = clock
        self._times = times
        self._is_on: bool | None = None
        self._since_mono_s: float | None = None
        """Since when the contactor has been as it is."""
        self._settled: tuple[float, int] | None = None
        """When the meter was last looked at as settled behind the open contactor, and what it said."""
        self._welded = False
        self._allowed: bool | None = None
        """Whether it was enabled or disabled last; None before either."""
        self._limit_a = 0
        self._inner_waits = False
        """The inner connector is still to be enabled, as soon as it answers after the closing."""

    @property
    @override
    def ports(self) -> Ports:
        """The inner connector's, with the contactor as gate and the meter as register."""
        ports = behind_contactor(self._inner.ports)
        return ports if self._meter is None else replace(ports, register=True)

    @override
    async def prepare(self) -> None:
        """Open the contactor."""
        await self.disable()

    @override
    async def poll(self) -> Reading:
        """Read the inner connector, if it has power, and the meter.

        Behind an open contactor it never raises for a silent connector: nobody knows of a plug, and nothing flows.
        """
        is_on = self._known_state()
        since_mono_s = self._notice(is_on)
        reading = await (self._closed_reading(since_mono_s) if is_on else self._open_reading())
        if self._meter is not None:
            reading = with_meter(reading, self._meter)
        if not is_on:
            self._look_for_weld(reading, since_mono_s)
        fault = WELDED if self._welded else reading.fault
        return replace(reading, enabled=is_on and reading.enabled is not False, fault=fault)

    @override
    async def enable(self, limit_a: int) -> None:
        """Close it; the inner connector is told as soon as it answers."""
        if self._welded:
            raise ConnectorRefused(f"{WELDED}: have it looked at, then set the stall up again")
        if not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: {self.min_a} to {self.max_a}")
        await self._shut()
        self._allowed = True
        self._limit_a = limit_a
        self._inner_waits = self._inner.ports.limit or self._inner.ports.gate

    @override
    async def set_limit(self, limit_a: int) -> None:
        """Tell the inner connector; one that takes no limit is paused by opening the contactor."""
        if self._allowed is False:
            raise ConnectorRefused(f"limit_a: got {limit_a} for an open contactor; accepted: none, enable it instead")
        self._limit_a = limit_a
        if not self._inner.ports.limit:
            await (self._shut() if limit_a else self._open())
        elif not self._inner_waits:
            await self._inner.set_limit(limit_a)

    @override
    async def disable(self) -> None:
        """Stop the car, wait for its current to end, open."""
        self._allowed = False
        self._limit_a = 0
        self._inner_waits = False
        if self._inner.ports.gate and self._switch.is_on():
            with contextlib.suppress(ConnectorError):  # the contactor opens all the same
                await self._inner.disable()
        await self._open()

    @override
    async def heartbeat(self) -> None:
        """Feed the inner connector's watchdog while it has power."""
        if self._switch.is_on() and not self._inner_waits:
            await self._inner.heartbeat()

    @override
    async def close(self) -> None:
        """Release the inner connector; the contactor stays as it is."""
        await self._inner.close()

    async def _closed_reading(self, closed_mono_s: float) -> Reading:
        try:
            reading = await self._inner.poll()
        except ConnectorUnreachable:
            if self._clock.monotonic() - closed_mono_s > self._times.boot_s:
                raise
            return self._dark(None)
        if self._inner_waits and self._limit_a:
            await self._inner.prepare()
            await self._inner.enable(self._limit_a)
            self._inner_waits = False
        return reading

    async def _open_reading(self) -> Reading:
        if self._meter is None:  # then only the connector itself could betray a welded contactor
            with contextlib.suppress(ConnectorError, TimeoutError):
                async with asyncio.timeout(PEEK_S):
                    return await self._inner.poll()
        return self._dark(0.0)

    def _dark(self, power_w: float | None) -> Reading:
        return Reading(at=self._clock.utcnow(), mono_s=self._clock.monotonic(), power_w=power_w)

    def _notice(self, is_on: bool) -> float:
        """Keep when it last closed or opened, also by somebody else's hand; returns that moment."""
        if self._is_on is not is_on or self._since_mono_s is None:
            self._is_on = is_on
            self._since_mono_s = self._clock.monotonic()
            self._settled = None
        return self._since_mono_s

    def _look_for_weld(self, reading: Reading, opened_mono_s: float) -> None:
        now_mono_s = self._clock.monotonic()
        if now_mono_s - opened_mono_s < self._times.settle_s:
            return
        if self._meter is None:
            self._welded |= _draws(reading)
        elif reading.register_wh is not None:
            since_mono_s, since_wh = self._settled or (now_mono_s, reading.register_wh)
            self._welded |= reading.register_wh - since_wh > self._times.weld_wh
            if self._settled is None or now_mono_s - since_mono_s >= self._times.weld_window_s:
                self._settled = (now_mono_s, reading.register_wh)

    async def _shut(self) -> None:
        is_on = self._known_state()
        since_mono_s = self._notice(is_on)
        if is_on:
            return
        rest_s = since_mono_s + self._times.reclose_after_s - self._clock.monotonic()
        if rest_s > 0:
            await self._clock.sleep(rest_s)
        await self._switch.turn_on()
        await self._confirm(is_on=True)

    async def _open(self) -> None:
        if self._known_state():
            await self._wait_for_no_current()
        await self._switch.turn_off()
        await self._confirm(is_on=False)

    def _known_state(self) -> bool:
        is_on = self._switch.is_on()
        if is_on is None:
            raise ConnectorUnreachable("the contactor's switch is unavailable")
        return is_on

    async def _wait_for_no_current(self) -> None:
        until_mono_s = self._clock.monotonic() + self._times.open_wait_s
        while (rest_s := until_mono_s - self._clock.monotonic()) > 0:
            try:
                async with asyncio.timeout(rest_s):
                    if not _draws(await self._inner.poll()):
                        return
            except ConnectorError, TimeoutError:
                pass  # unknown is not zero
            await self._clock.sleep(min(self._times.look_every_s, rest_s))

    async def _confirm(self, *, is_on: bool) -> None:
        until_mono_s = self._clock.monotonic() + self._times.confirm_s
        while self._switch.is_on() is not is_on:
            if self._clock.monotonic() >= until_mono_s:
                raise ConnectorUnreachable(f"the contactor did not {'close' if is_on else 'open'} in time")
            await self._clock.sleep(self._times.look_every_s)
        self._notice(is_on)


def _draws(reading: Reading) -> bool:
    return reading.pilot is Pilot.C if reading.power_w is None else reading.power_w >= DRAWING_W
