"""The stalls of a building: put up, changed and taken away as its settings say."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
import logging
from typing import Any

from ..charging import Removed, StallState, initial, restore
from ..connectors.ports import Connector
from ..model import Building, SessionId, StallId
from .controller import safe_share_a
from .errors import NotInBuilding
from .neighbourhood import Neighbourhood
from .stall import RunningStall, offline
from .wiring import StallWiring

LOCKED_S = 120.0
"""How long a stall that is taken away is tried to be locked; a contactor waits for the car, tries are repeated."""

_LOGGER = logging.getLogger(__name__)

type Connect = Callable[[StallWiring], Awaitable[Connector]]


class Garage:
    """All stalls, by id."""

    def __init__(self, connect: Connect, around: Neighbourhood) -> None:
        self._connect = connect
        self._around = around
        self.stalls: dict[StallId, RunningStall] = {}
        self._stopped = False

    async def open(
        self, building: Building, wirings: Mapping[StallId, StallWiring], snapshots: Mapping[StallId, dict[str, Any]]
    ) -> None:
        """Put up all stalls as they were left; `start` brings them to life."""
        for stall_id, wiring in wirings.items():
            snapshot = snapshots.get(stall_id)
            stall = RunningStall(wiring, await self._connect(wiring), self._state(wiring, snapshot), self._around)
            if snapshot is not None:
                stall.max_current_set = snapshot["max_current_set"]
            self.stalls[stall_id] = stall
        self._share_failsafe(building)

    async def end_all(self) -> None:
        """End every session as if its car had left unseen. Before `start`.

        For a journal out of a backup: how its sessions went on, only the app knows. Registers and their epochs are
        kept, so that no energy is counted twice.
        """
        for stall in self.stalls.values():
            await stall.end_unseen()

    def start(self) -> None:
        """Begin to poll and to take turns."""
        for stall in self.stalls.values():
            stall.start()

    async def stop(self) -> None:
        """Let go of all connectors; sessions stay as they are."""
        self._stopped = True
        await asyncio.gather(*(stall.stop() for stall in self.stalls.values()))

    async def rewire(self, building: Building, wirings: Mapping[StallId, StallWiring]) -> None:
        """Take over changed settings. Only a stall whose connection changed gets a new connector."""
        for stall_id in self.stalls.keys() - wirings.keys():
            await self._remove(stall_id)
        for stall_id, wiring in wirings.items():
            present = self.stalls.get(stall_id)
            if present is None:
                await self._put_up(wiring, self._state(wiring, None))
            elif wiring.connection != present.wiring.connection or _usable_again(present, wiring):
                await present.stop()
                present.rewire(wiring)
                await self._again(present)
            else:
                present.rewire(_as_it_runs(present, wiring))
        self._share_failsafe(building)

    async def let_go(self, stall_id: StallId) -> None:
        """Stop a stall until `take_back`: its connector is somebody else's meanwhile, and nobody is let in there."""
        stall = self[stall_id]
        await stall.stop()
        stall.state = offline(stall.state)

    async def take_back(self, stall_id: StallId, building: Building) -> None:
        """Bring a stall that was let go of to life again, unless it or the building is gone by now."""
        if stall_id in self.stalls and not self._stopped:
            stall = await self._again(self.stalls[stall_id])
            stall.excuse()
            self._share_failsafe(building)

    def __getitem__(self, stall_id: StallId) -> RunningStall:
        """Return a stall. Raises `NotInBuilding`."""
        stall = self.stalls.get(stall_id)
        if stall is None:
            msg = f"stall {stall_id} is not in this building"
            raise NotInBuilding(msg)
        return stall

    def in_session(self, stall_id: StallId) -> RunningStall:
        """Return a stall where a session is open. Raises `NotInBuilding`."""
        stall = self[stall_id]
        if stall.state.session is None:
            msg = f"no session is open at {stall.config.name}"
            raise NotInBuilding(msg)
        return stall

    def with_session(self, session_id: SessionId) -> RunningStall:
        """Return the stall where this session is open. Raises `NotInBuilding`."""
        for stall in self.stalls.values():
            if stall.state.session is not None and stall.state.session.id == session_id:
                return stall
        msg = f"session {session_id} is not open"
        raise NotInBuilding(msg)

    @property
    def any_session(self) -> bool:
        """Whether somebody has a session anywhere."""
        return any(stall.state.session is not None for stall in self.stalls.values())

    async def _again(self, present: RunningStall) -> RunningStall:
        stall = await self._put_up(present.wiring, offline(present.state))
        stall.max_current_set, stall.cost = present.max_current_set, present.cost
        return stall

    async def _put_up(self, wiring: StallWiring, state: StallState) -> RunningStall:
        stall = RunningStall(wiring, await self._connect(wiring), state, self._around)
        self.stalls[wiring.config.id] = stall
        if self._stopped:  # meanwhile: it would live on in a building that is gone
            await stall.connector.close()
        else:
            stall.start()
        return stall

    async def _remove(self, stall_id: StallId) -> None:
        stall = self.stalls[stall_id]
        await stall.apply(Removed())
        with suppress(TimeoutError):
            async with asyncio.timeout(LOCKED_S):
                await stall.hand.at_rest()
        del self.stalls[stall_id]
        await stall.stop()
        await self._around.journal.forget_snapshot(stall_id)

    def _state(self, wiring: StallWiring, snapshot: Mapping[str, Any] | None) -> StallState:
        now = self._around.now()
        if snapshot is not None:
            try:
                return restore(wiring.config, snapshot["stall"], now)
            except ValueError as error:
                # Its records are safe in the journal; what was running is found anew, and locked.
                _LOGGER.error("%s: what was kept of it cannot be read: %s", wiring.config.name, error)
        return initial(wiring.config, now)

    def _share_failsafe(self, building: Building) -> None:
        share_a = safe_share_a(building)
        for stall in self.stalls.values():
            stall.connector.set_failsafe_share(min(share_a, stall.config.max_current_a))


def _usable_again(present: RunningStall, wiring: StallWiring) -> bool:
    """The profile of a stall was mended."""
    return present.wiring.unusable is not None and wiring.unusable is None


def _as_it_runs(present: RunningStall, wiring: StallWiring) -> StallWiring:
    """A profile that broke under a running stall matters only when its connector is built again."""
    if wiring.unusable is None or present.wiring.unusable is not None:
        return wiring
    own = present.config
    config = replace(wiring.config, billable=own.billable, lock_quality=own.lock_quality, gate=own.gate)
    return replace(wiring, config=config, model=present.wiring.model, unusable=None)
