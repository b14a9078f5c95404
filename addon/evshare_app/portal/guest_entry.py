"""A guest's way in: a pass by its link, QR code or short code, without an account; and the page of the pass."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for, mark
from ..link.guests import is_of_pass
from ..resident.guest_phones import Guest, Redeemed, redeem_pass, redeem_pass_code
from ..resident.guest_starts import sessions_started_by
from ..resident.passes import PassLine, PassSession, pass_line, stalls_for
from ..tokens import as_short_code
from ..web.answers import Said
from ..web.forms import read_form
from ..web.guest_pages import PASS_STATES
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .guest_words import GUEST_SAID, WHY_NOT
from .phones import phone_label
from .words import NO_CONTACT, STATUSES

_TAKEN = (mark("In use"), "info")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A stall a guest may charge at, as a stranger sees it."""

    name: str
    code: str
    text: str
    tone: str
    mine: bool


class GuestEntry:
    """The page of a pass."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/g", handler=self._show, access=Access.ANYONE),
            Route(method="POST", path="/g", handler=self._redeem, access=Access.ANYONE),
        )

    async def _show(self, request: web.Request) -> web.Response:
        self._door.building(request)
        guest = self._door.maybe_guest(request)
        return self._entry(request, "") if guest is None else await self._pass_page(request, guest)

    async def _redeem(self, request: web.Request) -> web.Response:
        self._door.building(request)
        if self._door.maybe_phone(request) is not None:
            # Nothing is used up: the link is somebody else's.
            return see_other("/g")
        self._door.check_redeems(request)
        form = await read_form(request)
        # People paste the whole link as well as its end, or type the short code.
        typed = form.text("token", 300).rpartition("#")[2].strip()
        parts, label, now = self._parts, phone_label(request), self._parts.clock()
        code, present = as_short_code(typed), self._door.maybe_guest(request)

        def redeem(conn: Connection) -> Redeemed | None:
            if code is not None:
                return redeem_pass_code(conn, code, label, parts.key, now, present)
            return redeem_pass(conn, typed, label, parts.key, now, present)

        redeemed = await parts.books.write(redeem)
        if redeemed is None:
            self._door.note_wrong_redeem(request)
            say = gettext_for(self._door.view(request).language)
            page = self._entry(request, say("This pass does not work, or it was not copied whole. Ask your host."))
            page.set_status(404)
            return page
        response = see_other("/g?said=connected")
        if redeemed.cookie is not None:
            self._door.give_guest_cookie(response, redeemed.cookie, redeemed.expires - now)
        return response

    def _entry(self, request: web.Request, problem: str) -> web.Response:
        return self._door.page(request, "guest_entry.html", problem=problem)

    async def _pass_page(self, request: web.Request, guest: Guest) -> web.Response:
        live, now = self._parts.link.live, self._parts.clock()
        running_wh = {one.session_id: one.energy_wh for one in live.sessions()}
        pass_id = guest.pass_.pass_id

        def look(conn: Connection) -> tuple[PassLine | None, list[PassSession], list[_Place]]:
            line = pass_line(conn, pass_id, now, running_wh)
            return line, sessions_started_by(conn, guest), self._places(conn, guest)

        line, sessions, places = await self._parts.books.read(look)
        if line is None:
            raise Refused(404)
        view = self._door.view(request)
        say, said = gettext_for(view.language), GUEST_SAID.get(request.query.get("said", ""))
        return self._door.page(
            request,
            "guest_pass.html",
            line=line,
            host=line.host if line.pass_.shows_host else None,
            state=PASS_STATES[line.state],
            why_not=WHY_NOT.get(line.state, ""),
            said=None if said is None else Said(say(said.text), said.tone),
            sessions=[one for one in sessions if one.ended_ms is not None],
            places=places,
        )

    def _places(self, conn: Connection, guest: Guest) -> list[_Place]:
        allowed, live = stalls_for(conn, guest.pass_), self._parts.link.live
        rows = conn.execute(select(stall_table).where(stall_table.c.removed_ms.is_(None)).order_by(stall_table.c.name))
        places = []
        for row in rows:
            seen = live.stall(row.stall_id) if live.connected else None
            mine = seen is not None and is_of_pass(seen.session, guest.pass_.pass_id)
            if allowed is not None and row.stall_id not in allowed and not mine:
                continue
            text, tone = STATUSES.get(seen.status, NO_CONTACT) if seen else NO_CONTACT
            if seen is not None and not mine and seen.status not in ("available", "unavailable", "faulted"):
                text, tone = _TAKEN
            places.append(_Place(name=row.name, code=row.qr_code, text=text, tone=tone, mine=mine))
        return places
