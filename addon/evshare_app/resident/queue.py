"""The waiting list: who has waited longest is offered the next free stall, for a while. No books, no clock, no link.

A *place* is somebody's turn in line, from joining to its end. A free stall is offered to the first place that may use
it; while the offer holds, the stall is kept for them and nobody else is offered it. Starting to charge ends the place
(taken), so does letting the offer run out (expired), passing it on, and leaving; who joins again does so at the end.
Snoozing keeps the place and gives up the offer. An offer that came to nothing through no fault of theirs (somebody else
was faster, the stall broke down, they were blocked) is taken back, and the place is where it was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SNOOZE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A stall that is kept for somebody."""

    stall_id: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somebody's turn in line."""

    waiting_id: str
    resident_id: str
    joined: datetime
    stall_ids: frozenset[str] | None = None
    """Where they may charge; None: everywhere."""
    able: bool = True
    """Whether they may charge at all now."""
    snoozed_until: datetime | None = None
    offer: Offer | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """What the line is sorted by."""
        return self.joined, self.waiting_id

    def takes(self, stall_id: str, now: datetime) -> bool:
        """Whether it could be offered this stall now."""
        awake = self.snoozed_until is None or self.snoozed_until <= now
        return self.able and awake and self.may_use(stall_id)

    def may_use(self, stall_id: str) -> bool:
        """Whether the rules let them charge there."""
        return self.stall_ids is None or stall_id in self.stall_ids


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A stall, as the house told last."""

    stall_id: str
    free: bool
    """No car, no session, in order; it may be kept for somebody."""
    user: str | None = None
    """Whose session is there."""
    out: bool = False
    """Out of reach or out of order."""


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Keep a stall for a place, and tell them."""

    waiting_id: str
    offer: Offer


@dataclass(frozen=True, kw_only=True)
class Expired:
    """The offer ran out: the place is over."""

    waiting_id: str


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """The offer is void: the place is in line again, where it was."""

    waiting_id: str


type Change = Offered | Expired | TakenBack


def turn(places: Sequence[Place], spots: Sequence[Spot], now: datetime, hold: timedelta) -> list[Change]:
    """Return what changes now. `places` are those that are not over; a stall nobody told of is in no `spots`."""
    told = {spot.stall_id: spot for spot in spots}
    changes: list[Change] = []
    kept: set[str] = set()
    waiting: list[Place] = []
    for place in sorted(places, key=lambda one: one.order):
        if place.offer is None:
            waiting.append(place)
        elif _is_void(place, place.offer, told.get(place.offer.stall_id)) or place.offer.stall_id in kept:
            changes.append(TakenBack(waiting_id=place.waiting_id))
            waiting.append(place)
        elif place.offer.until <= now:
            changes.append(Expired(waiting_id=place.waiting_id))
        else:
            kept.add(place.offer.stall_id)
    for spot in sorted(spots, key=lambda one: one.stall_id):
        if not spot.free or spot.stall_id in kept:
            continue
        first = next((place for place in waiting if place.takes(spot.stall_id, now)), None)
        if first is not None:
            waiting.remove(first)
            changes.append(Offered(waiting_id=first.waiting_id, offer=Offer(stall_id=spot.stall_id, until=now + hold)))
    return changes


def number_in_line(places: Iterable[Place], resident_id: str) -> int | None:
    """Return how many wait until and with this resident, 1 for the first; None when they do not wait.

    Who is offered a stall is not in line any more; who snoozes is.
    """
    line = sorted((place for place in places if place.offer is None), key=lambda one: one.order)
    return next((number for number, place in enumerate(line, 1) if place.resident_id == resident_id), None)


def someone_could_use(places: Iterable[Place], stall_id: str, now: datetime) -> bool:
    """Whether somebody waits who would be offered this stall if it were free."""
    return any(place.offer is None and place.takes(stall_id, now) for place in places)


def is_one_free(places: Iterable[Place], spots: Iterable[Spot], resident: Place) -> bool:
    """Whether somebody who wants to join could simply go to a stall: free, kept for nobody, and theirs to use."""
    kept = {place.offer.stall_id for place in places if place.offer is not None}
    return any(spot.free and spot.stall_id not in kept and resident.may_use(spot.stall_id) for spot in spots)


def _is_void(place: Place, offer: Offer, spot: Spot | None) -> bool:
    if not place.able or not place.may_use(offer.stall_id):
        return True
    return spot is not None and (spot.out or spot.user not in (None, place.resident_id))
