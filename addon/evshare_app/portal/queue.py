"""The waiting list on the portal: join, be told a number, be kept a stall, snooze, pass on. Nobody sees who waits."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
import re

from aiohttp import web
from babel.units import format_unit
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..link.messages import LiveStall
from ..link.waiting import MayJoin, idle_at, may_join
from ..model import from_ms
from ..resident.devices import Device
from ..resident.queue import number_in_line, someone_could_use
from ..resident.waiting import GRACE, idle_after_session, last_place, leave, open_places, snooze, wake
from ..web.answers import Said
from ..web.formats import Formats
from ..web.forms import read_form
from ..web.listener import Access, Route
from .door import PortalDoor, see_other
from .queue_view import IdleNow, QueueNow
from .words import SAID

_CODE = re.compile(r"[0-9A-Z]{16}")
_MISSED_SHOWN = timedelta(hours=1)
_IDLE_SHOWN = timedelta(minutes=1)
"""A car that was let in just now has not begun yet."""

_ANSWERS = {
    MayJoin.YES: "queue_joined",
    MayJoin.WAITS: "queue_joined",
    MayJoin.NOT_NOW: "queue_not_now",
    MayJoin.CHARGES: "queue_charges",
    MayJoin.BLOCKED: "blocked_resident",
    MayJoin.ONE_IS_FREE: "queue_one_is_free",
}


class QueuePages:
    """What can be done about one's place in line."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine = Access.RESIDENT
        return (
            Route(method="POST", path="/queue/join", handler=self._join, access=mine),
            Route(method="POST", path="/queue/leave", handler=self._leave, access=mine),
            Route(method="POST", path="/queue/snooze", handler=self._snooze, access=mine),
            Route(method="POST", path="/queue/wake", handler=self._wake, access=mine),
        )

    async def _join(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        decided = await self._parts.waiting.join(phone.person.resident_id)
        return await self._back(request, _ANSWERS[decided])

    async def _leave(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        return await self._change(request, lambda conn: leave(conn, phone.person.resident_id, now), "queue_left")

    async def _snooze(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        return await self._change(request, lambda conn: snooze(conn, phone.person.resident_id, now), "queue_snoozed")

    async def _wake(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        return await self._change(request, lambda conn: wake(conn, phone.person.resident_id), "queue_joined")

    async def _change(self, request: web.Request, change: Callable[[Connection], bool], said: str) -> web.Response:
        changed = await self._parts.books.write(change)
        # The next in line must not wait for somebody to look.
        await self._parts.waiting.look()
        return await self._back(request, said if changed else "queue_over")

    @staticmethod
    async def _back(request: web.Request, said: str) -> web.Response:
        at = (await read_form(request)).text("at", 16, default="")
        return see_other(f"/s/{at}?said={said}" if _CODE.fullmatch(at) else f"/?said={said}")


async def queue_now(door: PortalDoor, request: web.Request, phone: Device, *, at: str = "") -> QueueNow:
    """Return where somebody stands in line, as a page shows it; `at` is the code of a stall's page."""
    parts, view, now = door.parts, door.view(request), door.parts.clock()
    formats, say = Formats(view.language, view.zone), gettext_for(view.language)
    found = await parts.books.read(lambda conn: _queue_now(conn, door, phone, formats, now))
    said = None if at else SAID.get(request.query.get("said", ""))
    shown = None if said is None else Said(say(said.text), said.tone)
    return QueueNow(**(vars(found) | {"at": at, "said": shown}))


async def queue_at(
    door: PortalDoor, request: web.Request, phone: Device, code: str, seen: LiveStall | None
) -> QueueNow:
    """Return the same on a stall's page, where whoever has a car is not asked to wait for a stall.

    That is who charges, here or elsewhere, and whose car may be the one that is plugged in: it is theirs to start,
    unless it still stands there after somebody else's session.
    """
    queue, me = await queue_now(door, request, phone, at=code), phone.person.resident_id
    if queue.kind != "join":
        return queue
    sessions = door.parts.link.live.sessions()
    has_a_car = any(one.resident_id == me and one.credential_kind != "pass" for one in sessions)
    if not has_a_car and seen is not None and seen.plugged and seen.session is None:
        stall_id, since = seen.stall_id, seen.plugged_at
        last = await door.parts.books.read(lambda conn: idle_after_session(conn, stall_id, since))
        has_a_car = last is None or last.resident_id == me
    return replace(queue, kind="") if has_a_car else queue


def _queue_now(conn: Connection, door: PortalDoor, phone: Device, formats: Formats, now: datetime) -> QueueNow:
    waiting, live, resident_id = door.parts.waiting, door.parts.link.live, phone.person.resident_id
    places = open_places(conn, now)
    mine = next((place for place in places if place.resident_id == resident_id), None)
    if mine is not None and mine.offer is not None:
        row = conn.execute(select(stall_table).where(stall_table.c.stall_id == mine.offer.stall_id)).one()
        return QueueNow(
            kind="offered",
            stall_id=row.stall_id,
            stall=row.name,
            address=f"/s/{row.qr_code}",
            until=formats.clock(mine.offer.until),
        )
    if mine is not None:
        snoozes = mine.snoozed_until is not None and mine.snoozed_until > now
        return QueueNow(
            kind="snoozed" if snoozes else "waiting",
            number=number_in_line(places, resident_id) or 0,
            until=formats.clock(mine.snoozed_until) if snoozes and mine.snoozed_until else "",
        )
    last = last_place(conn, resident_id)
    missed = last is not None and last.state == "expired" and now - from_ms(last.ended_ms) < _MISSED_SHOWN
    joins = waiting.works and may_join(conn, live, resident_id, now) is MayJoin.YES
    return QueueNow(kind="join" if joins else "", number=len(places) + 1, missed=missed)


async def idle_now(door: PortalDoor, request: web.Request, phone: Device, seen: LiveStall | None) -> IdleNow | None:
    """Return the clock of a car that takes nothing any more, if it is theirs."""
    live, view, now = door.parts.link.live, door.view(request), door.parts.clock()
    if seen is None or not live.connected:
        return None
    formats = Formats(view.language, view.zone)

    def look(conn: Connection) -> IdleNow | None:
        idle = idle_at(conn, seen)
        if idle is None or idle.resident_id != phone.person.resident_id or now - idle.since < _IDLE_SHOWN:
            return None
        over = now - idle.since >= GRACE
        return IdleNow(
            since=formats.clock(idle.since),
            from_then="" if over else formats.clock(idle.since + GRACE),
            minutes=_length(idle.minutes(now), formats),
            waited_for=over and someone_could_use(open_places(conn, now), idle.stall_id, now),
        )

    return await door.parts.books.read(look)


def _length(minutes: int, formats: Formats) -> str:
    """Return a length of time to the minute."""
    hours, rest = divmod(minutes, 60)
    parts = ((hours, "duration-hour"), (rest, "duration-minute"))
    return " ".join(
        format_unit(number, unit, "short", locale=formats.locale)
        for number, unit in parts
        if number or (unit == "duration-minute" and not hours)
    )
