"""What a decision looks at: the building as far as access is concerned, and one stall."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol

from ..model import Resident, ResidentId, Session, StallConfig, StallStatus
from .credentials import CardRecord
from .rules import NO_RULES, CarOptIn, Hold, ResidentRules


class StallFacts(Protocol):
    """What the decision needs to know of a stall (`charging.StallState` is one)."""

    @property
    def config(self) -> StallConfig:
        """Its settings."""

    @property
    def status(self) -> StallStatus:
        """What it is doing."""

    @property
    def plugged(self) -> bool:
        """A car is there."""

    @property
    def plug_epoch(self) -> int:
        """Counts plug-in edges."""

    @property
    def plugged_mono_s(self) -> float | None:
        """The earliest the car can have come; None: unknown, or no car."""

    @property
    def session(self) -> Session | None:
        """The open one."""

    @property
    def finished_on_epoch(self) -> int | None:
        """Plug epoch whose session ended with the car still there."""

    @property
    def finished_resident_id(self) -> ResidentId | None:
        """Who owned that session."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """Energy in Wh of the sessions that ended in time, and of the open ones so far."""

    month_wh: Mapping[ResidentId, int] = field(default_factory=dict)
    """Per resident, guests included, this calendar month."""
    card_month_wh: Mapping[str, int] = field(default_factory=dict)
    """Per card id, this calendar month."""
    since_told_wh: Mapping[ResidentId, int] = field(default_factory=dict)
    """Per resident, of their own money: all that was not yet off what the app told that it is good for."""
    since_told_starts: Mapping[ResidentId, int] = field(default_factory=dict)
    """Per resident, how many sessions that was."""


@dataclass(frozen=True, kw_only=True)
class AccessView:
    """The building as far as access is concerned."""

    residents: Mapping[ResidentId, Resident]
    cards: Sequence[CardRecord] = ()
    blocked: AbstractSet[ResidentId] = frozenset()
    """Whom the app's manager blocked, besides `Resident.blocked`."""
    open_sessions: Sequence[Session] = ()
    """Of all stalls. Those already stopping do not count against anyone."""
    rules: Mapping[ResidentId, ResidentRules] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    cars: AbstractSet[CarOptIn] = frozenset()
    used: Used = field(default_factory=Used)
    zone: tzinfo = UTC
    """The building's clock."""
    app_away: bool = False
    """The app cannot be heard, and the owner lets nobody in without it."""

    def rules_of(self, resident_id: ResidentId) -> ResidentRules:
        """What a resident may."""
        return self.rules.get(resident_id, NO_RULES)


def ending(session: Session) -> bool:
    """Whether a session is over, or about to be."""
    return session.stop_reason is not None or session.ended_at is not None
