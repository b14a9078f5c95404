"""The waiting list at work: looks at the stalls whenever they change, offers those that are free, has them held.

Only what the integration told is believed, and only while it is connected; what was decided is in the books before
anyone hears of it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
import logging

from sqlalchemy import Connection

from ..books.building import NoBuilding, the_building
from ..books.engine import Books
from ..model import ResidentId
from ..resident.queue import Spot, is_one_free, someone_could_use, turn
from ..resident.rules import rule_of
from ..resident.waiting import (
    Idle,
    Tap,
    as_if_joined,
    ask_to_move,
    carry_out,
    charges_elsewhere,
    idle_after_session,
    idle_of_session,
    is_answered,
    join,
    open_places,
    taps,
    tell_joined,
    tell_may_join,
    tell_refused,
)
from .door import LinkDoor
from .live import LiveBuilding
from .messages import LiveStall

_LOGGER = logging.getLogger(__name__)

_LOOK_EVERY_S = 10
"""Offers run out and cars become idle while nothing is heard."""
_STALLS_TOLD = timedelta(minutes=1)
_FREE = ("available", "reserved")
_OUT = ("unavailable", "faulted")
_HOLDS = 2
"""Version of the link that knows stalls that are kept for somebody."""


class MayJoin(StrEnum):
    """Whether somebody may join the line, and why not."""

    YES = "yes"
    NOT_NOW = "not_now"  # the house does not answer
    WAITS = "waits"
    CHARGES = "charges"
    BLOCKED = "blocked"
    ONE_IS_FREE = "one_is_free"


class WaitingList:
    """Keeps the line moving."""

    def __init__(
        self,
        books: Books,
        link: LinkDoor,
        clock: Callable[[], datetime],
        *,
        hold: timedelta,
        tap_joins: bool,
    ) -> None:
        self._books = books
        self._link = link
        self._clock = clock
        self._hold = hold
        self._tap_joins = tap_joins
        self._stirred = asyncio.Event()
        self._looking = asyncio.Lock()

    @property
    def works(self) -> bool:
        """Whether stalls can be kept for somebody: the integration is there, and knows how."""
        return self._link.live.connected and (self._link.version or 0) >= _HOLDS

    def stir(self) -> None:
        """Look soon: something changed."""
        self._stirred.set()

    async def run(self) -> None:
        """Look whenever something changed, and now and then."""
        while True:
            try:
                await self.look()
            except Exception:
                # The next in line must not wait for somebody to restart the app.
                _LOGGER.exception("The waiting list was not looked at; it is tried again")
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Do what is due: offers, those that ran out, cards at taken stalls, cars to move; then tell what is held."""
        async with self._looking:
            self._stirred.clear()
            await self._books.write(self._turn)
        await self._link.tell_holds()

    async def join(self, resident_id: ResidentId) -> MayJoin:
        """Put somebody in line, if they may; return whether they were."""
        at = self._clock()

        def decide(conn: Connection) -> MayJoin:
            may = may_join(conn, self._link.live, resident_id, at) if self.works else MayJoin.NOT_NOW
            if may is MayJoin.YES:
                join(conn, resident_id, at)
            return may

        decided = await self._books.write(decide)
        await self.look()
        return decided

    def _turn(self, conn: Connection) -> None:
        try:
            the_building(conn)
        except NoBuilding:
            return
        now, live = self._clock(), self._link.live
        spots = spots_of(live) if self.works else []
        for tap in taps(conn, now):
            self._answer(conn, tap, now)
        places = open_places(conn, now)
        carry_out(conn, turn(places, spots, now, self._hold), now)
        if self.works:
            _ask_idle_cars(conn, live, now)

    def _answer(self, conn: Connection, tap: Tap, now: datetime) -> None:
        if is_answered(conn, tap) or charges_elsewhere(conn, tap):
            return
        resident_id = ResidentId(tap.resident_id)
        may = may_join(conn, self._link.live, resident_id, now) if self.works else MayJoin.NOT_NOW
        if may is MayJoin.NOT_NOW and now - tap.at < _STALLS_TOLD:
            return  # after a connection is made the stalls are told one by one
        if may is not MayJoin.YES:
            tell_refused(conn, tap, now)
        elif self._tap_joins:
            join(conn, resident_id, tap.at)
            tell_joined(conn, tap, now)
        else:
            tell_may_join(conn, tap, now)


def spots_of(live: LiveBuilding) -> list[Spot]:
    """Return the stalls as the line sees them."""
    return [
        Spot(
            stall_id=stall.stall_id,
            free=stall.status in _FREE and not stall.plugged and stall.session is None,
            user=None if stall.session is None else stall.session.resident_id,
            out=stall.status in _OUT,
        )
        for stall in live.stalls()
    ]


def may_join(conn: Connection, live: LiveBuilding, resident_id: ResidentId, now: datetime) -> MayJoin:
    """Return whether somebody may join the line now."""
    places, spots = open_places(conn, now), spots_of(live)
    if not live.connected or not spots:
        return MayJoin.NOT_NOW
    if any(place.resident_id == resident_id for place in places):
        return MayJoin.WAITS
    me = as_if_joined(conn, resident_id, now)
    if not me.able:
        return MayJoin.BLOCKED
    running = sum(1 for one in live.sessions() if one.resident_id == resident_id and one.credential_kind != "pass")
    if running >= rule_of(conn, resident_id).sessions:
        return MayJoin.CHARGES
    if is_one_free(places, spots, me):
        return MayJoin.ONE_IS_FREE
    return MayJoin.YES


def idle_at(conn: Connection, stall: LiveStall) -> Idle | None:
    """Return whose car takes nothing at a stall, and since when."""
    if not stall.plugged:
        return None
    if stall.session is not None:
        return idle_of_session(conn, stall.session.session_id) if stall.status == "suspended_ev" else None
    return idle_after_session(conn, stall.stall_id, stall.plugged_at) if stall.status == "finishing" else None


def _ask_idle_cars(conn: Connection, live: LiveBuilding, now: datetime) -> None:
    places = open_places(conn, now)
    for stall in live.stalls() if places else ():
        if not someone_could_use(places, stall.stall_id, now):
            continue
        idle = idle_at(conn, stall)
        if idle is not None:
            ask_to_move(conn, idle, now)
