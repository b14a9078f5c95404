"""What a running stall needs of the building it stands in."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..charging import Announce, StallState
from ..journal import Journal, NewRecord
from ..model import CardAnswer, Moment
from .reader import Tap

if TYPE_CHECKING:
    from .stall import RunningStall


class Neighbourhood(Protocol):
    """What a stall needs of the building it stands in."""

    journal: Journal

    def now(self) -> Moment:
        """Return the building's time."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something in the background while the building runs."""

    def stall_changed(self, stall: RunningStall, before: StallState) -> None:
        """Hear that a turn is over."""

    def recorded(self, records: Sequence[NewRecord], head_seq: int) -> None:
        """Hear what is in the journal now, the last of it as `head_seq`."""

    def announced(self, stall: RunningStall, announce: Announce) -> None:
        """Hear an announcement."""

    def journal_answered(self, *, failed: bool) -> None:
        """Hear whether a transaction worked."""

    async def card_tapped(self, stall: RunningStall, tap: Tap) -> CardAnswer:
        """Hear that a card was shown, and decide."""
