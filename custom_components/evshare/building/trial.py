"""A stall that somebody tests during set-up: out of the building's hands meanwhile, and never over its fuse.

What the test may offer is taken off what the stalls share, as if the house drew it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ..charging import StallState
from ..model import StallId
from .controller import Controller
from .errors import InSession
from .garage import Garage
from .load import spare_a


class Trials:
    """Lends stalls and current to tests."""

    def __init__(
        self, garage: Garage, controller: Controller, applying: asyncio.Lock, changed: Callable[[], None]
    ) -> None:
        """`applying` is held while settings are taken over; `changed` is called when a stall comes or goes."""
        self._garage = garage
        self._controller = controller
        self._applying = applying
        self._changed = changed

    @asynccontextmanager
    async def on_trial(self, phases: Sequence[int], stall_id: StallId | None, wanted_a: int) -> AsyncIterator[int]:
        """Lend what the supply has to spare on these phases, `wanted_a` at most; yields the amperes.

        `stall_id` is the stall if it is one of ours already: its connector is let go of until the test is over, so
        nobody is let in there. Raises `InSession`, and `NotInBuilding`.
        """
        async with self._applying:
            if stall_id is not None:
                await self._let_go(stall_id)
            spare = min(wanted_a, spare_a(self._controller.look(), self._states, phases))
            self._controller.lent_a = (
                float(spare * (1 in phases)),
                float(spare * (2 in phases)),
                float(spare * (3 in phases)),
            )
            try:
                yield spare
            finally:
                self._controller.lent_a = (0.0, 0.0, 0.0)
                if stall_id is not None:
                    await self._garage.take_back(stall_id, self._controller.building)
                    self._changed()
                self._controller.wake()

    async def _let_go(self, stall_id: StallId) -> None:
        stall = self._garage[stall_id]
        if stall.state.session is not None:
            raise InSession
        await self._garage.let_go(stall_id)
        if stall.state.session is not None:  # it began at the last moment
            await self._garage.take_back(stall_id, self._controller.building)
            raise InSession
        self._changed()

    @property
    def _states(self) -> list[StallState]:
        return [stall.state for stall in self._garage.stalls.values()]
