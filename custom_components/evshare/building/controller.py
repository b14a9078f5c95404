"""The allocation tick: every 10 s and whenever something changed, amps and sun are shared anew.

Decreases go out first and are waited for; then the increases (DESIGN rule 10). A running session is raised at most
every 30 s, and by a single ampere every 5 minutes, so that a restless house does not cut its record into seconds.
After a restart nothing rises for 30 s: until then nobody knows what the others draw.
"""

import asyncio
from collections.abc import Callable, Mapping
import logging
from typing import Any

from ..charging import Event, OfferDecided, StallState
from ..model import MIN_CURRENT_A, Building, ChargeMode, LimitReason, Moment, SessionId, StallId
from ..sharing import Allocation, Appetite, Demand, Sharing, share, surplus_w, watch
from .load import Load, PhaseAmps, fullest_phase_a, load
from .stall import Choose, RunningStall
from .supply import Supply

TICK_S = 10.0
RAISE_AGAIN_S = 30.0
RAISE_LITTLE_S = 300.0
LITTLE_A = 1
"""A single ampere more comes and goes with the house's kettle; some boxes wear with every change they are told."""
HELD_AFTER_RESTART_S = 30.0

_LOGGER = logging.getLogger(__name__)


def safe_share_a(building: Building) -> int:
    """Return what every stall may draw at once with nobody looking: all shares together stay under the fuse.

    0 where the fuse cannot give all of them the 6 A a car needs.
    """
    share_a = building.fuse_a // max(1, len(building.stalls))
    return share_a if share_a >= MIN_CURRENT_A else 0


class Controller:
    """Shares current among the stalls, in a task of its own (`run`)."""

    def __init__(
        self,
        building: Building,
        supply: Supply,
        stalls: Mapping[StallId, RunningStall],
        now: Callable[[], Moment],
        looked: Callable[[], None],
    ) -> None:
        """`stalls` is the building's own mapping; `looked` is called after each look at the building's meters."""
        self.building = building
        self._supply = supply
        self._stalls = stalls
        self._now = now
        self._looked = looked
        self._woken = asyncio.Event()
        self._sharing = Sharing()
        self._waiting: dict[SessionId, float] = {}
        self._raised: dict[SessionId, float] = {}
        self._appetites: dict[SessionId, Appetite] = {}
        self._held_until_mono_s = float("-inf")
        self.lent_a: PhaseAmps = (0.0, 0.0, 0.0)
        """What a test of a stall may draw: not for the stalls to share."""
        self.load: Load | None = None
        self.allocation: Allocation | None = None
        self.surplus_w: float | None = None

    def hold(self) -> None:
        """Raise nothing for a while: sessions were found running."""
        self._held_until_mono_s = self._now().mono_s + HELD_AFTER_RESTART_S

    def wake(self) -> None:
        """Share anew at once."""
        self._woken.set()

    def look(self) -> Load:
        """Read the meters; what is shared next follows from it."""
        self.load = load(
            self.building,
            self._supply.look(self._now()),
            [stall.state for stall in self._stalls.values()],
            feeder_configured=self._supply.sources.feeder_configured,
            lent_a=self.lent_a,
        )
        self._looked()
        return self.load

    async def run(self) -> None:
        """Share for ever."""
        while True:
            self._woken.clear()
            try:
                await self.tick()
            except Exception:
                # The offers of before stay; the next tick begins anew.
                _LOGGER.exception("sharing failed")
            try:
                async with asyncio.timeout(TICK_S):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def tick(self) -> None:
        """Share once: decide, take away, see it taken, give."""
        now = self._now()
        supply = self.look()
        wanting = {
            stall_id: stall
            for stall_id, stall in self._stalls.items()
            if stall.state.wants_current and (stall.state.online or stall.state.dark)
        }
        demands = [self._demand(stall, now) for stall in wanting.values()]
        self.surplus_w = self._surplus()
        self._sharing, self.allocation = share(
            self._sharing,
            demands,
            supply.budget_a,
            self.surplus_w,
            now.mono_s,
            voltage_v=self.building.voltage_v,
            held=self._held(wanting) if supply.stale else None,
        )
        self._forget_ended()
        await self._give(wanting, self.allocation, now)

    # --- asking ------------------------------------------------------------------------------------------------

    def _demand(self, stall: RunningStall, now: Moment) -> Demand:
        session = stall.state.session
        assert session is not None, "only an open session wants current"
        appetite = self._appetites[session.id] = watch(
            self._appetites.get(session.id, Appetite()),
            offered_a=stall.state.offered_a,
            drawn_a=fullest_phase_a(stall.state),
            min_a=stall.min_current_a,
            now_s=now.mono_s,
        )
        most_a = stall.max_current_a if appetite.cap_a is None else min(stall.max_current_a, appetite.cap_a)
        return Demand(
            stall_id=stall.config.id,
            phases=stall.config.phase_map,
            min_a=stall.min_current_a,
            max_a=most_a,
            mode=session.mode,
            waiting_since_s=self._waiting.setdefault(session.id, now.mono_s),
            energy_wh=session.energy_wh,
        )

    def _held(self, wanting: Mapping[StallId, RunningStall]) -> dict[StallId, int]:
        """With the feeder's meter silent: a safe share for who begins, never more than before for who runs."""
        share_a = safe_share_a(self.building)
        return {
            stall_id: min(share_a, stall.state.offered_a) if stall.state.offered_a else share_a
            for stall_id, stall in wanting.items()
        }

    def _surplus(self) -> float | None:
        reading = self._supply.reading
        if reading is None or (self._supply.sources.meters.grid_power is not None and reading.grid_w is None):
            return None
        solar_w = 0.0
        for stall in self._stalls.values():
            state = stall.state
            follows_sun = state.session is not None and state.session.mode is ChargeMode.SOLAR_ONLY
            if follows_sun and state.online and state.reading is not None:
                solar_w += state.reading.power_w or 0.0
        return surplus_w(grid_w=reading.grid_w, pv_w=reading.pv_w, solar_sessions_w=solar_w)

    def _forget_ended(self) -> None:
        open_ids = {stall.state.session.id for stall in self._stalls.values() if stall.state.session is not None}
        known: tuple[dict[SessionId, Any], ...] = (self._waiting, self._raised, self._appetites)
        for of_sessions in known:
            for session_id in of_sessions.keys() - open_ids:
                del of_sessions[session_id]

    # --- giving ------------------------------------------------------------------------------------------------

    async def _give(self, wanting: Mapping[StallId, RunningStall], allocation: Allocation, now: Moment) -> None:
        falling: dict[StallId, int] = {}
        staying: dict[StallId, int] = {}
        rising: dict[StallId, int] = {}
        for stall_id, stall in wanting.items():
            limit_a, offered_a = allocation.amps.get(stall_id, 0), stall.state.offered_a
            if limit_a < offered_a:
                falling[stall_id] = limit_a
            elif limit_a > offered_a and self._may_rise(stall, limit_a, now):
                rising[stall_id] = limit_a
            else:
                staying[stall_id] = offered_a
        await self._offer_all(falling | staying, allocation)
        # A contactor waits for its car to stop, longer than one tick.
        lowered = falling | {
            stall_id: limit_a for stall_id, limit_a in staying.items() if wanting[stall_id].hand.lowering
        }
        settled = await asyncio.gather(*(wanting[stall_id].settle(limit_a) for stall_id, limit_a in lowered.items()))
        if all(settled):
            # What is not seen to be free is not given away; the next tick looks again.
            await self._offer_all(rising, allocation)

    async def _offer_all(self, limits_a: Mapping[StallId, int], allocation: Allocation) -> None:
        await asyncio.gather(
            *(
                self._stalls[stall_id].choose(_offer(limit_a, allocation.reasons[stall_id]))
                for stall_id, limit_a in limits_a.items()
                if stall_id in self._stalls
            )
        )

    def _may_rise(self, stall: RunningStall, limit_a: int, now: Moment) -> bool:
        session = stall.state.session
        if session is None or now.mono_s < self._held_until_mono_s:
            return False
        offered_a = stall.state.offered_a
        pause_s = RAISE_AGAIN_S if limit_a - offered_a > LITTLE_A else RAISE_LITTLE_S
        if offered_a and now.mono_s - self._raised.get(session.id, float("-inf")) < pause_s:
            return False
        self._raised[session.id] = now.mono_s
        return True


def _offer(limit_a: int, reason: LimitReason) -> Choose:
    def decided(state: StallState, _now: Moment) -> Event | None:
        # Its session may have ended while others were waited for.
        return OfferDecided(limit_a, reason) if state.wants_current else None

    return decided
