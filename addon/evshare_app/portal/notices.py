"""What a resident was told, on the portal: the list, what is new, by which ways it comes, and pushes to this phone."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ..i18n import gettext_for
from ..resident.devices import Device
from ..resident.notices import CHOICES, Choice, Notice, choices, choose, mark_seen, notices_of
from ..resident.pushes import SubscriptionRefused, is_subscribed, read_subscription, subscribe, unsubscribe
from ..tokens import masked
from ..web.formats import Formats
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .notice_texts import NAMES, Told, told

_NEW_SHOWN = 3
_SHOWN_BY_QUEUE = ("stall_free", "joined", "may_join")
"""The first page shows how it stands with the line anyway."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A notice in a list."""

    told: Told
    created_ms: int
    seen: bool


@dataclass(frozen=True, kw_only=True)
class News:
    """What a resident has not seen yet."""

    lines: tuple[Line, ...]
    more: int
    until_ms: int
    """When the newest of them was told: what comes while somebody reads stays new."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How notices reach a resident, as their own page shows it."""

    choices: tuple[tuple[str, str, Choice], ...]
    """Kind, its name, and the choice."""
    email: str | None
    sends_mail: bool
    push_key: str
    """Empty where the portal sends no pushes."""
    this_phone: bool


class NoticePages:
    """Notices, and how they come."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine = Access.RESIDENT
        return (
            Route(method="GET", path="/notices", handler=self._show, access=mine),
            Route(method="POST", path="/notices/seen", handler=self._seen, access=mine),
            Route(method="POST", path="/me/notices", handler=self._choose, access=mine),
            Route(method="GET", path="/me/push", handler=self._told_worker, access=mine),
            Route(method="POST", path="/me/push", handler=self._subscribe, access=mine),
            Route(method="POST", path="/me/push/remove", handler=self._unsubscribe, access=mine),
        )

    async def _show(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        found = await self._parts.books.read(lambda conn: notices_of(conn, phone.person.resident_id))
        lines = _lines(self._door, request, found)
        return self._door.page(
            request,
            "notices.html",
            here="home",
            lines=lines,
            unseen=any(not line.seen for line in lines),
            until_ms=max((line.created_ms for line in lines), default=0),
        )

    async def _seen(self, request: web.Request) -> web.Response:
        phone, form, now = self._door.phone(request), await read_form(request), self._parts.clock()
        until = form.text("until", 15)
        if not (until.isascii() and until.isdigit()):
            raise BadInput("until", until, "UTC milliseconds")
        await self._parts.books.write(lambda conn: mark_seen(conn, phone.person.resident_id, int(until), now))
        return see_other("/notices" if form.text("from", 10, default="") == "list" else "/")

    async def _choose(self, request: web.Request) -> web.Response:
        phone, form = self._door.phone(request), await read_form(request)
        chosen = {
            kind: Choice(
                push=form.text(f"push_{kind}", 5, default="") == "on",
                email=form.text(f"email_{kind}", 5, default="") == "on",
            )
            for kind in CHOICES
        }
        await self._parts.books.write(lambda conn: choose(conn, phone.person.resident_id, chosen))
        return see_other("/me?said=saved#notices")

    async def _told_worker(self, request: web.Request) -> web.Response:
        """Tell this phone's worker what it needs to subscribe again when the browser gave up its address."""
        if not self._parts.push_key:
            raise Refused(404)
        return web.json_response({"key": self._parts.push_key, "csrf": masked(self._door.view(request).csrf)})

    async def _subscribe(self, request: web.Request) -> web.Response:
        phone, form, now = self._door.phone(request), await read_form(request), self._parts.clock()
        if not self._parts.push_key:
            raise Refused(404)
        endpoint, p256dh, auth = (form.text(name, 1000) for name in ("endpoint", "p256dh", "auth"))
        try:
            subscription = read_subscription(endpoint, p256dh, auth, self._parts.settings.push_hosts)
        except SubscriptionRefused as problem:
            raise Refused(400, str(problem)) from None
        await self._parts.books.write(lambda conn: subscribe(conn, phone, subscription, now))
        return web.Response(status=204)

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        await self._parts.books.write(lambda conn: unsubscribe(conn, phone))
        return see_other("/me?said=saved#notices")


async def news_now(door: PortalDoor, request: web.Request, phone: Device) -> News:
    """Return what a resident has not seen yet, for the first page."""
    now = door.parts.clock()
    unseen = await door.parts.books.read(lambda conn: notices_of(conn, phone.person.resident_id, unseen=True))
    found = [one for one in unseen if one.matters(now) and one.kind not in _SHOWN_BY_QUEUE]
    return News(
        lines=tuple(_lines(door, request, found[:_NEW_SHOWN])),
        more=max(0, len(found) - _NEW_SHOWN),
        until_ms=max((one.created_ms for one in found), default=0),
    )


async def ways_now(door: PortalDoor, request: web.Request, phone: Device) -> Ways:
    """Return how notices reach a resident, for the page about oneself."""
    say, now = gettext_for(door.view(request).language), door.parts.clock()
    chosen, subscribed = await door.parts.books.read(
        lambda conn: (choices(conn, phone.person.resident_id, now), is_subscribed(conn, phone))
    )
    return Ways(
        choices=tuple((kind, say(NAMES[kind]), chosen[kind]) for kind in CHOICES),
        email=phone.person.email,
        sends_mail=door.parts.settings.smtp is not None,
        push_key=door.parts.push_key,
        this_phone=subscribed,
    )


def _lines(door: PortalDoor, request: web.Request, found: Sequence[Notice]) -> list[Line]:
    view = door.view(request)
    say, formats = gettext_for(view.language), Formats(view.language, view.zone)
    return [Line(told=told(one, say, formats), created_ms=one.created_ms, seen=one.seen) for one in found]
