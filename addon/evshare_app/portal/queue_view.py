"""What pages show of the waiting list, and of a car that takes nothing any more. Values only."""

from dataclasses import dataclass

from ..web.answers import Said


@dataclass(frozen=True, kw_only=True)
class QueueNow:
    """Where somebody stands in line. `kind` is ``join``, ``waiting``, ``snoozed``, ``offered``, or nothing to show."""

    kind: str = ""
    number: int = 0
    stall_id: str = ""
    stall: str = ""
    address: str = ""
    """Of the stall that is kept."""
    until: str = ""
    """Time of day: of the offer, or of the snooze."""
    missed: bool = False
    """They were offered a stall within the last hour and did not come."""
    at: str = ""
    """Code of the stall whose page shows it; empty on other pages."""
    said: Said | None = None

    @property
    def state(self) -> tuple[object, ...]:
        """What a page looks different for."""
        return (self.kind, self.number, self.stall_id, self.until, self.missed)


@dataclass(frozen=True, kw_only=True)
class IdleNow:
    """A car of theirs that takes nothing any more."""

    since: str
    from_then: str
    """Time of day from which it is asked to move, if somebody waits; empty when that has come."""
    minutes: str
    """How long already, in words."""
    waited_for: bool
    """Somebody waits, and the grace is over."""

    @property
    def state(self) -> tuple[object, ...]:
        """What a page looks different for."""
        return (self.since, self.from_then, self.waited_for)


NO_QUEUE = QueueNow()
