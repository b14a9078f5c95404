"""Who waits for a stall, as the office's first page shows it: the line in its order, and what is kept for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ..resident.waiting import open_places


@dataclass(frozen=True, kw_only=True)
class WaitingLine:
    """Somebody's turn in line."""

    number: int | None
    """In line, 1 for the first; None for whoever is offered a stall already."""
    resident: str
    since: datetime
    only_at: tuple[str, ...]
    """Names of the stalls the rules let them use; empty: all."""
    away_until: datetime | None
    """Until when they want to be offered nothing."""
    able: bool
    """Whether they may charge at all: the line passes whoever is blocked."""
    stall_id: str | None
    """What is kept for them."""
    stall: str
    until: datetime | None


def waiting_now(
    conn: Connection, now: datetime, residents: Mapping[str, str], stalls: Mapping[str, str]
) -> Sequence[WaitingLine]:
    """Return who waits, those first who are offered a stall; `residents` and `stalls` are names by id."""
    places = sorted(open_places(conn, now), key=lambda one: (one.offer is None, one.order))
    lines, number = [], 0
    for place in places:
        number += place.offer is None
        snoozes = place.snoozed_until is not None and place.snoozed_until > now
        lines.append(
            WaitingLine(
                number=number if place.offer is None else None,
                resident=residents.get(place.resident_id, ""),
                since=place.joined,
                only_at=tuple(sorted(stalls.get(one, "") for one in place.stall_ids or ())),
                away_until=place.snoozed_until if snoozes else None,
                able=place.able,
                stall_id=place.offer.stall_id if place.offer else None,
                stall=stalls.get(place.offer.stall_id, "") if place.offer else "",
                until=place.offer.until if place.offer else None,
            )
        )
    return lines
