"""What a stall wants of one connector, and how the box is brought there.

A gate that is open has a transaction, begun by the box with a card that was let in or by us with a tag of ours; how
much flows in it is a limit, and 0 A pauses it. A box that goes on at 0 A, or takes no limits, is paused by ending the
transaction. A gate that is closed has none: what runs there is ended and held at 0 A. While the stall has said nothing
yet (we began a moment ago, and a session may be open) what runs is left alone.
"""

import asyncio
from enum import Enum, auto
import logging
from typing import TYPE_CHECKING

from ..clock import Clock
from ..ports import ConnectorError, ConnectorRefused
from .transactions import Transaction
from .words import Commands

if TYPE_CHECKING:
    from .point import Point

ZERO_S = 25.0
"""A car follows a limit within 5 s, the next samples show it."""
FOLLOWED_S = 10.0
TELL_AGAIN_S = 60.0
"""A box that says it offers more than it was told is told again, but no more often."""
TOLERANCE_A = 0.5

_LOGGER = logging.getLogger(__name__)


class Wanted(Enum):
    """What the stall said last."""

    NOTHING = auto()
    CLOSED = auto()
    OPEN = auto()


class Gate:
    """The gate of one connector."""

    def __init__(self, point: Point, clock: Clock) -> None:
        """Nothing is wanted yet."""
        self._point = point
        self._clock = clock
        self.wanted = Wanted.NOTHING
        self.limit_a = 0
        self.behind = False
        """An increase waits, so that the box's memory does not wear."""
        self._zero_ignored = False
        """It was seen to go on charging at 0 A."""
        self._out_of_service = False
        """It was taken out of service, because nothing else would stop it."""
        self._acting = asyncio.Lock()

    @property
    def out_of_service(self) -> bool:
        """We took it out of service."""
        return self._out_of_service

    @property
    def enabled(self) -> bool | None:
        """Whether energy may flow; None while a start is under way."""
        running = self._point.running
        if self.wanted is Wanted.OPEN:
            if running is not None:
                return True
            return None if self._point.cards.starting or self._point.cards.card_starts else False
        if running is None:
            return self._point.picture.in_transaction
        limits = self._point.limits
        held = limits.told_a(running.id) == 0 or (limits.resting and limits.told_a(running.id) is None)
        return not held or self._zero_ignored

    async def open(self, limit_a: int) -> None:
        """Let energy flow, up to `limit_a`."""
        self.wanted, self.limit_a = Wanted.OPEN, limit_a
        await self.settle()

    async def offer(self, limit_a: int) -> None:
        """Change what is offered; 0 pauses."""
        if self.wanted is Wanted.CLOSED:
            raise ConnectorRefused(f"limit_a: got {limit_a} for a closed gate; accepted: none, enable it instead")
        await self.open(limit_a)

    async def shut(self) -> None:
        """Let nothing flow, and nobody begin."""
        self.wanted, self.limit_a = Wanted.CLOSED, 0
        self._point.cards.forget()
        await self.settle()

    async def refresh(self) -> None:
        """Do what had to wait, and see whether a pause is one."""
        running = self._point.running
        if running is None or self.wanted is not Wanted.OPEN:
            return
        limits = self._point.limits
        if self.limit_a == 0 and limits.told_a(running.id) == 0 and not self._zero_ignored:
            paused_s = self._clock.monotonic() - limits.told_mono_s
            drawing = self._point.picture.draws_since(limits.told_mono_s + FOLLOWED_S)
            self._zero_ignored = paused_s >= ZERO_S and drawing
            if self._zero_ignored:
                _LOGGER.warning("%s goes on at 0 A; it is paused by ending its transactions", self._point.name)
                await self.settle()
        offered_a = self._point.picture.offered_since(limits.told_mono_s + FOLLOWED_S)
        told_a = limits.told_a(running.id)
        forgotten = None not in (offered_a, told_a) and (offered_a or 0.0) > (told_a or 0) + TOLERANCE_A
        if forgotten and self._clock.monotonic() - limits.told_mono_s >= TELL_AGAIN_S:
            limits.forget(rebooted=False)
            await self.settle()
        elif self.behind:
            await self.settle()

    async def settle(self) -> None:
        """Bring the box to what is wanted. Raises `ConnectorError` when it does not come along."""
        async with self._acting:
            commands, running = self._point.commands, self._point.running
            if running is not None and not running.accepted:
                await self._end(commands, running)
                if self.wanted is Wanted.OPEN:
                    raise ConnectorRefused(f"{self._point.name}: a transaction nobody was let in for is being ended")
            elif self.wanted is Wanted.CLOSED:
                if running is not None:
                    await self._end(commands, running)
                await self._point.limits.rest(commands)
            elif self.wanted is Wanted.OPEN:
                await (self._begin(commands) if running is None else self._offer(commands, running))

    async def hold(self, running: Transaction) -> None:
        """Give a transaction that began before any current was allotted to it nothing."""
        async with self._acting:
            limits = self._point.limits
            if self.wanted is Wanted.CLOSED and not limits.resting and limits.works:
                await limits.offer(self._point.commands, 0, running.id)

    def soon(self) -> None:
        """Settle when what the box says now was answered."""
        self._point.after_answer(self._settled())

    def hold_soon(self, running: Transaction) -> None:
        """Hold when what the box says now was answered."""
        self._point.after_answer(self._settled(running))

    async def _settled(self, held: Transaction | None = None) -> None:
        try:
            await (self.settle() if held is None else self.hold(held))
        except ConnectorError as error:  # the stall sees what came of it, and asks again
            _LOGGER.debug("%s: %s", self._point.name, error)

    async def _begin(self, commands: Commands) -> None:
        cards = self._point.cards
        if not self.limit_a or cards.starting or cards.card_starts:
            return
        if self._out_of_service:
            await commands.allow(self._point.number, allowed=True)
            self._out_of_service = False
        await self._point.limits.rest(commands)
        try:
            agreed = await commands.start(self._point.number, cards.issue())
        except ConnectorRefused:
            cards.void()
            raise
        if not agreed and self._point.running is None:
            cards.void()
            raise ConnectorRefused(f"{self._point.name}: the box refuses to start")

    async def _offer(self, commands: Commands, running: Transaction) -> None:
        limits, limit_a = self._point.limits, self.limit_a
        if limits.works and not (limit_a == 0 and self._zero_ignored):
            self.behind = not limits.may_rise(limit_a, running.id)
            if self.behind:
                return
            try:
                await limits.offer(commands, limit_a, running.id)
            except ConnectorRefused:
                if limits.works:
                    raise
            else:
                return
        if limit_a == 0 and not await commands.stop(running.id):
            raise ConnectorRefused(f"{self._point.name}: the box does not pause")

    async def _end(self, commands: Commands, running: Transaction) -> None:
        """Give it nothing, then end it; where neither is taken, the connector goes out of service."""
        try:
            await self._point.limits.offer(commands, 0, running.id)
            held = True
        except ConnectorRefused:
            held = False
        try:
            ended = await commands.stop(running.id)
        except ConnectorRefused:
            ended = False
        if not (held or ended) and self._point.picture.in_transaction:
            self._out_of_service = await commands.allow(self._point.number, allowed=False)
            if not self._out_of_service:
                raise ConnectorRefused(f"{self._point.name}: the box neither stops nor goes out of service")
