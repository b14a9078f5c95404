"""Sessions that want only sun: when they may run, and what they share.

All of them share one pool, the surplus; if each looked at the feeder meter by itself, two would claim the same watts.
The pool follows a fall of the surplus at once and a rise slowly, so that cars never run ahead of the sun. Each session
waits until the pool carries its minimum on top of those already running, for `start_delay_s`; then it runs. When the
pool no longer carries it, it holds its minimum for `stop_delay_s` and then pauses. Who started last pauses first, who
wants longest starts first, and a session that is about to start has its watts reserved. Contactors and cars are spared
by `min_on_s`, `min_off_s` and `max_switches_per_hour`: a start needs room for itself and for the stop after it.

Facts: charging-control.md 1.1, 1.3, 3.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp

from ..model import StallId
from .allocation import Demand

DEAD_BAND_A = 0.2
"""The pool given away rises only by steps of this much on all phases, against chatter at the edge of an ampere."""
HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class SolarSettings:
    """Delays against clouds (charging-control.md 1.3)."""

    start_delay_s: float = 60.0
    stop_delay_s: float = 180.0
    min_on_s: float = 300.0
    min_off_s: float = 300.0
    max_switches_per_hour: int = 6
    start_margin_w: float = 0.0
    grid_allowance_w: float = 0.0
    """How much import is tolerated while running."""
    rise_tau_s: float = 20.0
    """Time constant of the filter on a rising surplus."""


def surplus_w(
    *, grid_w: float | None, pv_w: float | None, solar_sessions_w: float, reserve_w: float = 100.0
) -> float | None:
    """The sun that sessions in `SOLAR_ONLY` may share, in watts; None when no meter tells.

    `grid_w` is import positive, export negative; `solar_sessions_w` is what the cars of `SOLAR_ONLY` sessions draw
    now (fast ones are load like any other). Without a feeder meter the whole of `pv_w` counts.
    """
    if grid_w is not None:
        return solar_sessions_w - grid_w - reserve_w
    return None if pv_w is None else pv_w - reserve_w


@dataclass(frozen=True, kw_only=True)
class Sun:
    """One stall in the sun."""

    running: bool = False
    waits_since_s: float | None = None
    """Since when the pool would carry it (while paused), or carries it no longer (while running)."""
    switches_s: tuple[float, ...] = ()
    """When it started and paused, within the last hour, and the last time before that."""

    def switched(self, now_s: float) -> Sun:
        """The same stall, started or paused now."""
        return Sun(running=not self.running, switches_s=(*self.switches_s, now_s))

    def rested(self, now_s: float, seconds: float) -> bool:
        """Whether it has been as it is for so long."""
        return not self.switches_s or now_s - self.switches_s[-1] >= seconds

    def recent(self, now_s: float) -> tuple[float, ...]:
        """The switches of the last hour."""
        return tuple(at_s for at_s in self.switches_s if now_s - at_s < HOUR_S)


@dataclass(frozen=True, kw_only=True)
class SolarFollower:
    """The sun as the sessions see it. Kept in memory only."""

    settings: SolarSettings = SolarSettings()
    pool_w: float | None = None
    """The surplus, filtered."""
    measured_s: float = 0.0
    given_w: float = 0.0
    """What was last given away."""
    stalls: Mapping[StallId, Sun] = field(default_factory=dict)

    def follow(
        self, demands: Sequence[Demand], surplus_w: float | None, now_s: float, voltage_v: int = 230
    ) -> tuple[SolarFollower, tuple[Demand, ...], float]:
        """One tick: the follower afterwards, the demands that may run, and the watts they share.

        `demands` are those in `SOLAR_ONLY`. A surplus nobody knows (None) lets nobody start, and runs out like any
        other: less current when the meter is lost.
        """
        pool_w = self._filtered(0.0 if surplus_w is None else surplus_w, now_s)
        stalls = self._present(demands, now_s)
        running = [demand for demand in demands if stalls[demand.stall_id].running]
        running.sort(key=lambda demand: (stalls[demand.stall_id].switches_s[-1], demand.stall_id))
        waiting = [demand for demand in demands if not stalls[demand.stall_id].running]
        waiting.sort(key=lambda demand: (demand.waiting_since_s, demand.stall_id))

        used_w = 0.0
        kept: list[Demand] = []
        for demand in running:
            need_w = used_w + demand.power_w(demand.min_a, voltage_v)
            sun = self._held(stalls[demand.stall_id], now_s, short=need_w > pool_w + self.settings.grid_allowance_w)
            stalls[demand.stall_id] = sun
            if sun.running:
                used_w = need_w
                kept.append(demand)
        least_w = used_w
        for demand in waiting:
            minimum_w = demand.power_w(demand.min_a, voltage_v)
            enough = surplus_w is not None and used_w + minimum_w + self.settings.start_margin_w <= pool_w
            sun = self._awaited(stalls[demand.stall_id], now_s, enough=enough)
            stalls[demand.stall_id] = sun
            if sun.running:
                kept.append(demand)
                least_w += minimum_w
            if enough and self._may_start(sun, now_s):
                used_w += minimum_w

        band_w = DEAD_BAND_A * voltage_v * max((len(demand.phases) for demand in demands), default=1)
        steady = self.given_w <= pool_w < self.given_w + band_w
        given_w = self.given_w if steady else pool_w
        follower = replace(self, pool_w=pool_w, measured_s=now_s, given_w=given_w, stalls=stalls)
        return follower, tuple(kept), max(given_w + self.settings.grid_allowance_w, least_w)

    def _filtered(self, surplus_w: float, now_s: float) -> float:
        if self.pool_w is None or surplus_w <= self.pool_w:
            return surplus_w
        passed = 1 - exp(-max(now_s - self.measured_s, 0.0) / self.settings.rise_tau_s)
        return self.pool_w + (surplus_w - self.pool_w) * passed

    def _present(self, demands: Sequence[Demand], now_s: float) -> dict[StallId, Sun]:
        """The stalls that want sun, and for an hour those that did, so that coming back resets no count."""
        wanted = {demand.stall_id for demand in demands}
        stalls = {stall_id: self.stalls.get(stall_id, Sun()) for stall_id in wanted}
        for stall_id, sun in self.stalls.items():
            if stall_id not in wanted:
                gone = sun.switched(now_s) if sun.running else sun
                if gone.recent(now_s):
                    stalls[stall_id] = replace(gone, waits_since_s=None)
        return {
            stall_id: replace(sun, switches_s=sun.recent(now_s) or sun.switches_s[-1:])
            for stall_id, sun in stalls.items()
        }

    def _held(self, sun: Sun, now_s: float, *, short: bool) -> Sun:
        """A running stall: goes on, holds its minimum, or pauses."""
        if not short:
            return replace(sun, waits_since_s=None)
        since_s = now_s if sun.waits_since_s is None else sun.waits_since_s
        over = now_s - since_s >= self.settings.stop_delay_s and sun.rested(now_s, self.settings.min_on_s)
        return sun.switched(now_s) if over else replace(sun, waits_since_s=since_s)

    def _awaited(self, sun: Sun, now_s: float, *, enough: bool) -> Sun:
        """A paused stall: waits on, or starts."""
        if not enough:
            return replace(sun, waits_since_s=None)
        since_s = now_s if sun.waits_since_s is None else sun.waits_since_s
        starts = now_s - since_s >= self.settings.start_delay_s and self._may_start(sun, now_s)
        return sun.switched(now_s) if starts else replace(sun, waits_since_s=since_s)

    def _may_start(self, sun: Sun, now_s: float) -> bool:
        room = len(sun.recent(now_s)) + 2 <= self.settings.max_switches_per_hour
        return sun.running or (room and sun.rested(now_s, self.settings.min_off_s))
