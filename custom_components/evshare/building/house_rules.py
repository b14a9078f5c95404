"""What the app told about who may what, in the running building: rules, blocks and holds.

Rules and blocks are in the journal and count while the app is away. Holds live for minutes and are kept in memory.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from ..access import CarEvidence, CarOptIn, Hold, ResidentRules
from ..charging import HoldTold
from ..journal import Journal, Position
from ..model import Moment, ResidentId, StallId
from .errors import NotInBuilding
from .stall import RunningStall
from .usage import Usage


class HouseRules:
    """Who may what."""

    def __init__(
        self,
        journal: Journal,
        stalls: Mapping[StallId, RunningStall],
        now: Callable[[], Moment],
        usage: Usage,
        count: Callable[[], Awaitable[None]],
    ) -> None:
        """`count` has the usage read from the journal again."""
        self._journal = journal
        self._stalls = stalls
        self._now = now
        self._usage = usage
        self._count = count
        self._told: Position | None = None
        self.residents: Mapping[ResidentId, ResidentRules] = {}
        """Who is not in it may everything, one session at a time."""
        self.blocked: frozenset[ResidentId] = frozenset()
        self.holds: tuple[Hold, ...] = ()
        self.cars: frozenset[CarOptIn] = frozenset()
        """Cars that may let themselves in, as the owner set it up."""

    async def load(self) -> None:
        """Read rules and blocks from the journal. Raises `JournalError`."""
        self.residents, told_at, self._told = await self._journal.rules()
        self._usage.told(told_at, self._told)
        self.blocked = await self._journal.blocked()

    def believes(self, resident_id: ResidentId, evidence: CarEvidence) -> bool:
        """Whether this evidence of a car, at any stall, lets in at the resident's cost."""
        return CarOptIn(resident_id=resident_id, evidence=evidence) in self.cars

    def may_use(self, resident_id: ResidentId, stall_id: StallId) -> bool:
        """Whether a resident's rules let them use a stall."""
        rules = self.residents.get(resident_id)
        return rules is None or rules.stall_ids is None or stall_id in rules.stall_ids

    async def take(self, rules: Mapping[ResidentId, ResidentRules], told: Position | None = None) -> None:
        """Replace all residents' rules, as of the record `told`; what is running goes on. Raises `JournalError`."""
        told_at, before = self._now().at, self._told
        await self._journal.set_rules(rules, told_at, told)
        self.residents, self._told = dict(rules), told
        self._usage.told(told_at, told)
        if told is not None and (before is None or before.generation != told.generation or before > told):
            # What the app has of sessions that ended is less than it was, or is numbered anew.
            await self._count()

    async def block(self, resident_ids: Sequence[ResidentId]) -> None:
        """Replace the list of residents the manager blocked; what they started goes on. Raises `JournalError`."""
        if frozenset(resident_ids) != self.blocked:
            await self._journal.set_blocked(resident_ids)
            self.blocked = await self._journal.blocked()

    async def hold(self, holds: Sequence[Hold]) -> None:
        """Replace the list of stalls that are kept free for somebody."""
        self.holds = tuple(holds)
        for stall_id, stall in list(self._stalls.items()):
            until = max((hold.until for hold in holds if hold.stall_id == stall_id), default=None)
            if until != stall.state.held_until:
                with suppress(NotInBuilding):  # it is being taken away
                    await stall.apply(HoldTold(until))
