"""What one connector of a box is told to offer, and by which of its limits.

At rest the connector's own limit is 0 A, so that whatever begins there begins with nothing, and the running
transaction gets a limit of its own. A box that refuses that is told through the connector's limit, and one that refuses
this too through the limit of the whole box, if it has no other connector. Limits may live in flash, so they are
written only when they change, and an increase no sooner than 10 s after the last write; a decrease never waits.
"""

from contextlib import suppress

from ..clock import Clock
from ..ports import ConnectorRefused
from .words import Commands, Purpose

WEAR_S = 10.0


class Limits:
    """The limits of one connector."""

    def __init__(self, point: int, clock: Clock) -> None:
        """Nothing is told yet."""
        self._point = point
        self._clock = clock
        self._refused: set[Purpose] = set()
        self._doubted = False
        """It refused a transaction's limit once."""
        self._cleared = False
        self._told: dict[Purpose, tuple[int, str | None]] = {}
        """Amperes, and the transaction they were meant for."""
        self.told_mono_s = float("-inf")
        """When a limit was last written."""
        self.takes = True
        """It says it can be told amperes."""
        self.alone = True
        """The box has no other connector, so its own limit is this connector's."""

    @property
    def works(self) -> bool:
        """Whether it can be told what to offer, as far as anybody knows."""
        return self.takes and not self._refused >= self._ways

    def forget(self, *, rebooted: bool) -> None:
        """What it was told may be lost; after a reboot (perhaps with another firmware) what it refused may work."""
        self._told = {}
        if rebooted:
            self._refused = set()
            self._doubted = False

    def may_rise(self, limit_a: int, transaction: str) -> bool:
        """Whether this limit may be written now."""
        told = self.told_a(transaction)
        return told is None or limit_a <= told or self._clock.monotonic() - self.told_mono_s >= WEAR_S

    def told_a(self, transaction: str) -> int | None:
        """What a transaction is offered as last told; None: nothing, or nobody knows."""
        for purpose in (Purpose.TRANSACTION, Purpose.CONNECTOR, Purpose.BOX):
            told = self._told.get(purpose)
            if told is not None and told[1] == transaction:
                return told[0]
        return None

    @property
    def resting(self) -> bool:
        """What begins now begins with 0 A."""
        told = (self._told.get(purpose) for purpose in (Purpose.CONNECTOR, Purpose.BOX))
        return any(limit is not None and limit[0] == 0 for limit in told)

    async def rest(self, commands: Commands) -> None:
        """Offer nothing to what may begin. What limits somebody else left on the connector are taken off first."""
        if not self.takes:
            return
        if not self._cleared:
            with suppress(ConnectorRefused):
                await commands.forget_limits(self._point)
            self._cleared = True
        rests = await self._tell(commands, Purpose.CONNECTOR, 0, None)
        # With a limit of their own, transactions need no other; the whole box at 0 A would choke them.
        if not rests and Purpose.TRANSACTION in self._refused and self.alone:
            await self._tell(commands, Purpose.BOX, 0, None)

    async def offer(self, commands: Commands, limit_a: int, transaction: str) -> None:
        """Offer so much to a transaction. Raises `ConnectorRefused` when the box takes no limit at all."""
        if self.takes:
            for purpose in (Purpose.TRANSACTION, Purpose.CONNECTOR, Purpose.BOX):
                if purpose in self._ways and await self._tell(commands, purpose, limit_a, transaction):
                    return
        raise ConnectorRefused(f"limit_a: got {limit_a}; the box takes no limit for connector {self._point}")

    @property
    def _ways(self) -> set[Purpose]:
        ways = {Purpose.TRANSACTION, Purpose.CONNECTOR}
        return ways | {Purpose.BOX} if self.alone else ways

    async def _tell(self, commands: Commands, purpose: Purpose, limit_a: int, transaction: str | None) -> bool:
        if purpose in self._refused:
            return False
        told = self._told.pop(purpose, None)
        own = purpose is Purpose.TRANSACTION
        if told is None or told[0] != limit_a or (own and told[1] != transaction):
            try:
                taken = await commands.limit(purpose, self._point, limit_a, transaction if own else None)
            except ConnectorRefused:
                taken = False
            if not taken:
                self._was_refused(purpose)
                return False
            self.told_mono_s = self._clock.monotonic()
            self._doubted = self._doubted and not own
        self._told[purpose] = (limit_a, transaction)
        if purpose is Purpose.BOX:  # its 0 A at rest would choke the others
            self._refused |= {Purpose.TRANSACTION, Purpose.CONNECTOR}
        return True

    def _was_refused(self, purpose: Purpose) -> None:
        """A transaction's limit may come too early or too late for the box once; twice is no accident."""
        if purpose is not Purpose.TRANSACTION or self._doubted:
            self._refused.add(purpose)
        self._doubted = self._doubted or purpose is Purpose.TRANSACTION
