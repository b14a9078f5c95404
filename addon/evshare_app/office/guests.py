"""Guest passes in the office: all there are, making one for a resident, withdrawing any.

A pass is always some resident's: theirs is the account that pays, and their rules hold for the guest too. For the
house's own visitors that is whichever resident stands for the house.
"""

from collections.abc import Sequence
from uuid import uuid4

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection

from ..i18n import gettext_for
from ..link.guests import call_off, stalls_of_passes
from ..model import ResidentId
from ..resident.passes import (
    MOST_VALID,
    PassLine,
    PassState,
    TooManyPasses,
    make_pass,
    pass_line,
    pass_lines,
    pass_sessions,
    renew_link,
    revoke_pass,
)
from ..resident.people import people
from ..resident.short_codes import CODE_LIFE, PASS, make_short_code
from ..web.compress import keep_plain
from ..web.forms import read_form
from ..web.guest_form import DEFAULTS, LIMITS, read_pass_id, read_wanted
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reading import stalls
from .words import PASS_STATES


class GuestPages:
    """The list of passes and each one's page."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one = "/office/guests/{id}"
        return (
            Route(method="GET", path="/office/guests", handler=self._list, access=Access.BOARD),
            Route(method="POST", path="/office/guests", handler=self._make, access=Access.MANAGER),
            Route(method="GET", path=one, handler=self._show, access=Access.BOARD),
            Route(method="POST", path=f"{one}/link", handler=self._link, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/revoke", handler=self._revoke, access=Access.MANAGER),
        )

    async def _list(self, request: web.Request) -> web.Response:
        now, building = self._parts.clock(), self._door.building(request)
        lines, everyone, known = await self._parts.books.read(
            lambda conn: (pass_lines(conn, now, self._running_wh()), people(conn), stalls(conn))
        )
        say = gettext_for(self._door.view(request).language)
        return self._door.page(
            request,
            "guests.html",
            here="guests",
            current=[line for line in lines if line.is_current],
            former=[line for line in lines if not line.is_current],
            states=PASS_STATES,
            charging=stalls_of_passes(self._parts.link.live),
            people=[one for one in everyone if one.here(now)],
            understood=self._parts.link.version != 1,
            stalls=known,
            currency=building.currency,
            limits=LIMITS,
            defaults=DEFAULTS,
            pass_id=uuid4().hex,
            shows_host_label=say("Tell the guest the host’s name"),
            said=self._said(request),
        )

    async def _make(self, request: web.Request) -> web.Response:
        form, now, building = await read_form(request), self._parts.clock(), self._door.building(request)
        everyone, known = await self._parts.books.read(lambda conn: (people(conn), stalls(conn)))
        host = ResidentId(form.choice("resident", [one.resident_id for one in everyone if one.here(now)]))
        pass_id = read_pass_id(form)
        wanted = read_wanted(form, [stall.stall_id for stall in known], building.currency)
        by = self._door.manager(request).actor
        try:
            token = await self._parts.books.write(lambda conn: make_pass(conn, pass_id, host, wanted, by, now))
        except TooManyPasses:
            say = gettext_for(self._door.view(request).language)
            told = say("This resident has %s valid passes already, which is the most. Withdraw one first.")
            raise Refused(409, told % MOST_VALID) from None
        if token is None:
            raise Refused(404)
        return await self._link_page(request, pass_id, token)

    async def _show(self, request: web.Request) -> web.Response:
        line = await self._line(request)
        sessions, known = await self._parts.books.read(
            lambda conn: (pass_sessions(conn, line.pass_.pass_id), stalls(conn))
        )
        named = line.pass_.stall_ids
        return self._door.page(
            request,
            "guest.html",
            here="guests",
            line=line,
            pass_=line.pass_,
            currency=line.spent.cost.currency,
            state=PASS_STATES[line.state],
            valid=line.state is PassState.VALID,
            revocable=line.is_current,
            sessions=sessions,
            places=[stall.name for stall in known if named is not None and stall.stall_id in named],
            charging=line.pass_.pass_id in stalls_of_passes(self._parts.link.live),
            said=self._said(request),
        )

    async def _link(self, request: web.Request) -> web.Response:
        line, now = await self._line(request), self._parts.clock()
        token = await self._parts.books.write(lambda conn: renew_link(conn, line.pass_.pass_id, now))
        if token is None:
            raise Refused(404)
        return await self._link_page(request, line.pass_.pass_id, token)

    async def _revoke(self, request: web.Request) -> web.Response:
        line, now = await self._line(request), self._parts.clock()
        pass_id = line.pass_.pass_id
        await self._parts.books.write(lambda conn: revoke_pass(conn, pass_id, now))
        await call_off(self._parts.link, pass_id)
        return self._door.see_other(request, f"/office/guests/{pass_id}?said=revoked")

    async def _link_page(self, request: web.Request, pass_id: str, token: str) -> web.Response:
        now = self._parts.clock()

        def code_for(conn: Connection) -> tuple[str, PassLine | None]:
            return make_short_code(conn, PASS, pass_id, self._parts.key, now), pass_line(conn, pass_id, now)

        code, line = await self._parts.books.write(code_for)
        if line is None:
            raise Refused(404)
        address = self._door.portal_address(request)
        link = f"{address}/g#{token}"
        page = self._door.page(
            request,
            "guest_made.html",
            here="guests",
            line=line,
            link=link,
            qr=Markup(segno.make(link, micro=False).svg_inline(border=2, omitsize=True)),  # noqa: S704 - paths only
            code=f"{code[:4]}-{code[4:]}",
            code_until=now + CODE_LIFE,
            typed_at=address.partition("://")[2] + "/g",
            guessed=self._parts.settings.portal_url is None,
        )
        # It shows what lets a phone in.
        return keep_plain(page)

    async def _line(self, request: web.Request) -> PassLine:
        now, pass_id = self._parts.clock(), request.match_info["id"]
        line = await self._parts.books.read(lambda conn: pass_line(conn, pass_id, now, self._running_wh()))
        if line is None:
            raise Refused(404)
        return line

    def _running_wh(self) -> dict[str, int]:
        return {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "revoked": say("Withdrawn. Nobody starts with it any more; what is charging goes on."),
        }.get(request.query.get("said", ""), "")
