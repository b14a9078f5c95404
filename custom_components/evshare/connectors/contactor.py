"""A contactor in front of a connector: the gate of hardware that has none (DESIGN rule 4, connectors reference 1.5, 5).

"Closed" and "open" mean the *contactor* here, as electricians say it: closed, energy can flow. While it is open the
connector behind is dark, which is normal and draws nothing; only the external meter is still read.

Opening under load wears it and startles cars, so the car is asked to stop first: by the connector behind, where that
has a gate or a limit, and by whatever else can stop it. How long it is then waited for depends on whose energy it is:

    the session's own car, after its session   `grace_s`: its owner may still stop it, or pull the plug
    the same, for a pause                      `pause_s` where something can stop it, else `open_wait_s`
    anybody else's                             `open_wait_s`: after a restart, after a silence in which cars may have
                                               changed, closed by somebody's hand, told to open once more

It rests after opening, and closes in turn with the others of the building. Nobody is kept waiting inside: who has to
wait is told so (`NotYet`) and asks again, so that readings go on and a newer wish counts.

A relay that opens by itself unless it is refreshed is refreshed only while somebody is let in: never one that a stray
hand closed. A contactor that does not open is welded or bypassed: a fault that is remembered, and refuses the next
session until somebody had it looked at.
"""

import asyncio
import contextlib
from dataclasses import replace
from typing import override

from ..model import Pilot, Reading
from .clock import Clock
from .contactor_coil import Coil
from .contactor_parts import DRAWING_A, DRAWING_W, ContactorAids, ContactorLife, ContactorTimes, Forgetful, Switch
from .external_meter import MeterSource, with_meter
from .locks import behind_contactor
from .ports import Connector, ConnectorError, ConnectorRefused, ConnectorUnreachable, NotYet, Ports
from .stagger import Stagger
from .warned import Warned, warnings
from .wear import Wear
from .wrapped import WrappedConnector

__all__ = ["DRAWING_W", "ContactorGate", "ContactorTimes", "Switch"]

PEEK_S = 2.0
"""How long a connector that should be dark is asked."""
LOOK_S = 5.0
"""How long one that is to stop its car is asked whether it has."""
WELDED = "contactor welded or bypassed"


class ContactorGate(WrappedConnector):
    """A `Connector` made of an inner connector, a contactor in front and, mostly, an external meter."""

    def __init__(
        self,
        inner: Connector,
        switch: Switch,
        meter: MeterSource | None,
        clock: Clock,
        times: ContactorTimes,
        *,
        aids: ContactorAids | None = None,
        stagger: Stagger | None = None,
    ) -> None:
        """Nothing is switched yet. `stagger` is the building's; without one it closes whenever it has rested."""
        super().__init__(inner)
        aids = aids or ContactorAids()
        self._coil = Coil(switch, aids, clock, times)
        self._meter = meter
        self._clock = clock
        self._times = times
        self._soft_stop = aids.soft_stop
        self._stagger = stagger
        self._wear = Wear(aids.memory or Forgetful())
        self._allowed: bool | None = None
        """Whether somebody was let in or locked out last; None before either."""
        self._limit_a = 0
        self._read_mono_s: float | None = None
        self._car_known = False
        """The connector behind was read without a gap: the car that draws is the one that was let in."""
        self._took_limit = inner.ports.limit
        self._inner_waits = False
        """The inner connector is still to be enabled, as soon as it answers after the closing."""
        self._open_by_mono_s: float | None = None
        """When it opens under load at the latest; None while it is not about to open."""
        self._told_to_stop = False
        """The connector behind was told to stop its car…"""
        self._car_stopped = False
        """…and so was the car itself; both have to be told again to go on."""

    @property
    @override
    def ports(self) -> Ports:
        """The inner connector's, with the contactor as gate and the meter as register."""
        ports = behind_contactor(self._inner.ports, refreshed=self._coil.refresh_s is not None)
        return ports if self._meter is None else replace(ports, register=True)

    @property
    @override
    def heartbeat_s(self) -> float | None:
        """The inner connector's or the relay's, whichever comes sooner."""
        paces = (self._inner.heartbeat_s, self._coil.refresh_s)
        return min((pace for pace in paces if pace is not None), default=None)

    @property
    def life(self) -> ContactorLife:
        """What the contactor went through so far."""
        return self._wear.life

    @property
    @override
    def warnings(self) -> frozenset[Warned]:
        """Whether it is welded, or moves more often than is good for it; and what the connector behind says."""
        own = {Warned.CONTACTOR_WELDED} if self._wear.life.welded else set()
        own |= {Warned.CONTACTOR_BUSY} if self._wear.too_often(self._clock.monotonic()) else set()
        return warnings(self._inner) | own

    def looked_after(self) -> None:
        """Somebody had the contactor looked at: it is believed to open again."""
        self._wear.weld(False)
        self._coil.looked_after()

    @override
    async def prepare(self) -> None:
        """Open the contactor."""
        await self.disable()

    @override
    async def poll(self) -> Reading:
        """Read the inner connector, if it has power, and the meter.

        Behind an open contactor it never raises for a silent connector: nobody knows of a plug, and nothing flows.
        """
        is_closed = self._coil.look()
        if is_closed and self._allowed is not False:
            await self._coil.refresh(only_failed=True)
        reading = await (self._closed_reading() if is_closed else self._open_reading())
        if self._meter is not None:
            reading = with_meter(reading, self._meter)
        if self._coil.stuck(reading, metered=self._meter is not None):
            self._wear.weld(True)
        if is_closed and self._allowed and not self._limit_a and not self._inner.ports.limit:
            with contextlib.suppress(ConnectorError):  # a pause the connector cannot keep any longer is kept here
                await self._pause()
                is_closed = False
        fault = WELDED if self._wear.life.welded else self._coil.fault or reading.fault
        return replace(reading, enabled=is_closed and reading.enabled is not False, gate_read=True, fault=fault)

    @override
    async def enable(self, limit_a: int) -> None:
        """Close it; the inner connector is told as soon as it answers."""
        if self._wear.life.welded:
            raise ConnectorRefused(f"{WELDED}: have it looked at, then confirm the repair in Home Assistant")
        if not self.min_a <= limit_a <= self.max_a:
            raise ConnectorRefused(f"limit_a: got {limit_a}; accepted: {self.min_a} to {self.max_a}")
        if not self._allowed:
            self._wear.session_began()
        self._allowed = True
        self._limit_a = limit_a
        await self._let_flow(enable=True)

    @override
    async def set_limit(self, limit_a: int) -> None:
        """Tell the inner connector; one that takes no limit is paused by opening the contactor."""
        if self._allowed is False:
            raise ConnectorRefused(f"limit_a: got {limit_a} for an open contactor; accepted: none, enable it instead")
        self._allowed = True
        self._limit_a = limit_a
        if limit_a:
            await self._let_flow(enable=False)
        elif not self._inner.ports.limit:
            await self._pause()
        elif not self._inner_waits and self._coil.is_closed is not False:
            await self._inner.set_limit(0)

    @override
    async def disable(self) -> None:
        """Stop the car, wait for its current to end, open."""
        own_car = self._allowed is True and self._car_known
        self._allowed = False
        self._limit_a = 0
        self._inner_waits = False
        await self._open(self._times.grace_s if own_car else self._times.open_wait_s, own_car=own_car)

    @override
    async def heartbeat(self) -> None:
        """Feed the inner connector's watchdog while it has power, and the relay's while somebody is let in."""
        if not self._coil.is_on or self._coil.is_closed is False:
            return
        if self._allowed is not False:
            await self._coil.refresh()
        if not self._inner_waits:
            await self._inner.heartbeat()

    @override
    async def close(self) -> None:
        """Release the inner connector; the contactor stays as it is."""
        await self._inner.close()

    # --- reading -----------------------------------------------------------------------------------------------

    async def _closed_reading(self) -> Reading:
        try:
            reading = await self._inner.poll()
        except ConnectorUnreachable:
            if self._clock.monotonic() - self._coil.since_mono_s > self._times.boot_s:
                raise
            return self._dark(None)
        gap_s = None if self._read_mono_s is None else reading.mono_s - self._read_mono_s
        self._car_known = gap_s is not None and gap_s <= self._times.gap_s
        self._read_mono_s = reading.mono_s
        if self._inner_waits and self._limit_a:
            if self._inner_obeys:
                await self._inner.prepare()
                await self._inner.enable(self._limit_a)
            self._inner_waits = False
            await self._let_car_go_on()
        return reading

    async def _open_reading(self) -> Reading:
        if self._meter is None:  # then only the connector itself could betray a welded contactor
            with contextlib.suppress(ConnectorError, TimeoutError):
                async with asyncio.timeout(PEEK_S):
                    return await self._inner.poll()
        return self._dark(0.0)

    def _dark(self, power_w: float | None) -> Reading:
        return Reading(at=self._clock.utcnow(), mono_s=self._clock.monotonic(), power_w=power_w)

    # --- closing -----------------------------------------------------------------------------------------------

    async def _let_flow(self, *, enable: bool) -> None:
        """Have it closed and the inner connector told `_limit_a`. Raises `NotYet` while it may not close."""
        self._open_by_mono_s = None
        if not self._coil.look():
            await self._shut()
            self._inner_waits = self._inner_obeys or self._car_stopped
            return
        if not self._coil.is_on:
            raise ConnectorRefused("the contactor is closed although its coil is off: have it looked at")
        if self._inner_waits:
            return
        if self._inner_obeys:
            try:
                await self._tell_inner(enable=enable or (self._told_to_stop and self._inner.ports.gate))
            except ConnectorUnreachable:
                self._inner_waits = True
                return
        await self._let_car_go_on()

    async def _tell_inner(self, *, enable: bool) -> None:
        if enable:
            await self._inner.enable(self._limit_a)
        elif self._takes_limit:
            await self._inner.set_limit(self._limit_a)
        self._told_to_stop = False

    async def _let_car_go_on(self) -> None:
        if self._car_stopped and self._soft_stop is not None:
            self._car_stopped = False
            with contextlib.suppress(ConnectorError):
                await self._soft_stop.start()

    async def _shut(self) -> None:
        now_mono_s = self._clock.monotonic()
        rest_s = self._coil.since_mono_s + self._times.reclose_after_s - now_mono_s
        if rest_s > 0:
            raise NotYet("the contactor rests after opening", rest_s)
        turn_s = 0.0 if self._stagger is None else self._stagger.wait_s(self, now_mono_s)
        if turn_s > 0:
            raise NotYet("the contactor waits for its turn to close", turn_s)
        self._car_known, self._read_mono_s = False, None
        self._told_to_stop = False
        await self._coil.close()
        self._wear.closed(self._clock.monotonic())

    # --- opening -----------------------------------------------------------------------------------------------

    async def _pause(self) -> None:
        can_stop = self._inner_obeys or self._soft_stop is not None
        patience_s = self._times.pause_s if can_stop else self._times.open_wait_s
        await self._open(patience_s, own_car=self._car_known)

    async def _open(self, patience_s: float, *, own_car: bool) -> None:
        """Open it as soon as nothing flows, at the latest after `patience_s`. Raises `NotYet` until then."""
        if self._stagger is not None:
            self._stagger.leave(self)
        was_closed = self._coil.look()
        loaded = False
        if was_closed:
            if self._open_by_mono_s is None:
                self._open_by_mono_s = self._clock.monotonic() + patience_s
                await self._stop_car(own_car=own_car)
            loaded = not await self._nothing_flows()
            left_s = self._open_by_mono_s - self._clock.monotonic()
            if loaded and left_s > 0:
                raise NotYet("the contactor waits for the car to stop", min(self._times.look_every_s, left_s))
        await self._coil.open()
        self._open_by_mono_s = None
        if was_closed:
            self._wear.opened(loaded=loaded)

    async def _stop_car(self, *, own_car: bool) -> None:
        """Ask for it once; the contactor opens all the same."""
        with contextlib.suppress(ConnectorError):
            if self._inner.ports.gate:
                await self._inner.disable()
            elif self._takes_limit:
                await self._inner.set_limit(0)
        self._told_to_stop = True
        if self._soft_stop is not None and own_car:  # else it would stop a resident's car somewhere else
            self._car_stopped = True
            with contextlib.suppress(ConnectorError):
                await self._soft_stop.stop()

    async def _nothing_flows(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_S):
                reading = await self._inner.poll()
        except ConnectorError, TimeoutError:
            return False  # unknown is not zero
        return not _draws(reading)

    # --- the connector behind ----------------------------------------------------------------------------------

    @property
    def _takes_limit(self) -> bool:
        """Whether it can be told a current at all, even if it does not follow just now."""
        self._took_limit |= self._inner.ports.limit
        return self._took_limit

    @property
    def _inner_obeys(self) -> bool:
        return self._takes_limit or self._inner.ports.gate


def _draws(reading: Reading) -> bool:
    """Whether anything says that a car draws: a contactor is not opened on a doubt."""
    if reading.currents_a is not None and max(reading.currents_a) > DRAWING_A:
        return True
    return reading.pilot is Pilot.C if reading.power_w is None else reading.power_w >= DRAWING_W
