"""What residents and cards may: stalls, hours, energy; and for whom stalls are held.

Rules come from the app, are kept in the journal and count while the app is away. Hours are those of the building's
clock on the wall: a window that falls into the hour a summer time skips is empty that night, and one in the hour a
winter time repeats is open twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from ..model import ResidentId, StallId
from .asks import CarEvidence

EVERY_DAY = frozenset(range(1, 8))
"""ISO 8601: 1 is Monday."""
CARD_MONTH_WH = 250_000
"""What a newly enrolled card may draw in a calendar month: its number can be copied (security reference 2.7)."""


@dataclass(frozen=True, kw_only=True)
class Hours:
    """From `start` until before `end` on each of `days`; an `end` not after `start` is on the next day."""

    start: time
    end: time
    days: frozenset[int] = EVERY_DAY

    def covers(self, local: datetime) -> bool:
        """Whether this moment of the building's clock lies in it."""
        today, clock = local.isoweekday(), local.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = (local.date() - timedelta(days=1)).isoweekday()
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


@dataclass(frozen=True, kw_only=True)
class Pot:
    """Money that everyone who is told of it draws on, in advance of what they charge."""

    id: str
    left_wh: int
    """What it was still good for when the app told."""


@dataclass(frozen=True, kw_only=True)
class ResidentRules:
    """What one resident may. A resident without any may everything, one session at a time."""

    stall_ids: frozenset[StallId] | None = None
    """None: all."""
    hours: tuple[Hours, ...] = ()
    """When sessions may begin; none: always."""
    sessions: int = 1
    """Open at once; their guests' do not count."""
    month_wh: int | None = None
    """Per calendar month, with the guests they pay for; None: no limit."""
    left_wh: int | None = None
    """What their money was still good for when the app told; None: no limit."""
    pot: Pot | None = None
    """Money they share with others; None: no limit."""
    start_wh: int = 0
    """What a start costs, in energy that could be had for it; `left_wh` and the pot's are after one start."""


NO_RULES = ResidentRules()


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A stall is kept free for a resident, and the guests they bring."""

    stall_id: StallId
    resident_id: ResidentId
    until: datetime


@dataclass(frozen=True, kw_only=True)
class CarOptIn:
    """A resident, and the manager, put up with the risk that this evidence lets in without a tap."""

    resident_id: ResidentId
    evidence: CarEvidence
    stall_id: StallId | None = None
    """Only there; None: at every stall."""


def month_start(at: datetime, zone: tzinfo) -> datetime:
    """When the calendar month of `at` began by the building's clock."""
    return at.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


# --- as JSON, in the words of docs/link.md -------------------------------------------------------------------------


def span_body(hours: Hours) -> dict[str, str]:
    """`from` and `to` alone, as a card's quiet hours are written."""
    return {"from": hours.start.isoformat("minutes"), "to": hours.end.isoformat("minutes")}


def span_from(body: Mapping[str, str]) -> Hours:
    """What `span_body` wrote."""
    return Hours(start=time.fromisoformat(body["from"]), end=time.fromisoformat(body["to"]))


def rules_body(rules: ResidentRules) -> dict[str, Any]:
    """Rules as JSON, without whose they are."""
    return {
        "stall_ids": None if rules.stall_ids is None else sorted(rules.stall_ids),
        "hours": [{"days": sorted(hours.days), **span_body(hours)} for hours in rules.hours],
        "sessions": rules.sessions,
        "month_wh": rules.month_wh,
        "left_wh": rules.left_wh,
        "pot": None if rules.pot is None else {"pot_id": rules.pot.id, "left_wh": rules.pot.left_wh},
        "start_wh": rules.start_wh,
    }


def rules_from(body: Mapping[str, Any]) -> ResidentRules:
    """What `rules_body` wrote, also before there were pots."""
    pot = body.get("pot")
    return ResidentRules(
        stall_ids=None if body["stall_ids"] is None else frozenset(map(StallId, body["stall_ids"])),
        hours=tuple(
            Hours(
                days=frozenset(hours["days"]),
                start=time.fromisoformat(hours["from"]),
                end=time.fromisoformat(hours["to"]),
            )
            for hours in body["hours"]
        ),
        sessions=body["sessions"],
        month_wh=body["month_wh"],
        left_wh=body["left_wh"],
        pot=None if pot is None else Pot(id=pot["pot_id"], left_wh=pot["left_wh"]),
        start_wh=body.get("start_wh", 0),
    )
