"""A resident's guests: passes they made, what was charged with each, making and withdrawing them.

A pass gives energy at the resident's cost to whoever holds its link, so those who have a passkey confirm with it before
they make one, and before a link is shown again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for, mark
from ..link.guests import call_off, stall_of_pass, stalls_of_passes
from ..resident.devices import Device
from ..resident.passes import (
    MOST_VALID,
    PassLine,
    PassSession,
    PassState,
    TooManyPasses,
    make_pass,
    pass_line,
    pass_lines,
    pass_sessions,
    renew_link,
    revoke_pass,
)
from ..resident.people import NoSuchResident
from ..resident.rules import rule_of
from ..resident.short_codes import CODE_LIFE, PASS, make_short_code
from ..web.compress import keep_plain
from ..web.forms import read_form
from ..web.guest_form import DEFAULTS, LIMITS, read_pass_id, read_wanted
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .guest_words import PASS_STATES
from .passkeys import must_confirm
from .words import Said

_SAID = {
    "revoked": Said(mark("Withdrawn. Nobody starts with it any more; what is charging goes on."), "good"),
    "confirmed": Said(mark("Thank you. For five minutes you can make passes and show their links."), "good"),
    "too_many": Said(mark("You have five valid passes already. Withdraw one first.")),
    "over": Said(mark("This pass is over, so it has no link any more. Make a new one.")),
}
"""Answers by their name in the address."""


@dataclass(frozen=True, kw_only=True)
class _Stall:
    stall_id: str
    name: str


class GuestPages:
    """A resident's guest passes."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one, mine = "/guests/{id}", Access.RESIDENT
        return (
            Route(method="GET", path="/guests", handler=self._list, access=mine),
            Route(method="POST", path="/guests", handler=self._make, access=mine),
            Route(method="GET", path=one, handler=self._show, access=mine),
            Route(method="POST", path=f"{one}/link", handler=self._link, access=mine),
            Route(method="POST", path=f"{one}/revoke", handler=self._revoke, access=mine),
        )

    async def _list(self, request: web.Request) -> web.Response:
        phone, now, building = self._door.phone(request), self._parts.clock(), self._door.building(request)
        lines, stalls = await self._parts.books.read(
            lambda conn: (
                pass_lines(conn, now, self._running_wh(), resident_id=phone.person.resident_id),
                _stalls(conn, phone),
            )
        )
        valid = sum(line.state is PassState.VALID for line in lines)
        view = self._door.view(request)
        say = gettext_for(view.language)
        return self._door.page(
            request,
            "guests.html",
            here="home",
            current=[line for line in lines if line.is_current],
            former=[line for line in lines if not line.is_current],
            states=PASS_STATES,
            charging=stalls_of_passes(self._parts.link.live),
            said=self._said(request),
            may_make=valid < MOST_VALID and not phone.person.blocked and not phone.person.away(now),
            full=valid >= MOST_VALID,
            must_confirm=await must_confirm(self._door, request),
            understood=self._parts.link.version != 1,
            stalls=stalls,
            currency=building.currency,
            limits=LIMITS,
            defaults=DEFAULTS,
            pass_id=uuid4().hex,
            shows_host_label=say("Tell the guest my name (%(name)s)") % {"name": phone.person.name},
        )

    async def _make(self, request: web.Request) -> web.Response:
        phone, now, building = self._door.phone(request), self._parts.clock(), self._door.building(request)
        form = await read_form(request)
        if await must_confirm(self._door, request):
            return see_other("/me/confirm?to=guests")
        if phone.person.blocked or phone.person.away(now):
            raise Refused(404)
        stalls = await self._parts.books.read(lambda conn: _stalls(conn, phone))
        pass_id = read_pass_id(form)
        wanted = read_wanted(form, [stall.stall_id for stall in stalls], building.currency)
        me = phone.person.resident_id
        try:
            token = await self._parts.books.write(
                lambda conn: make_pass(conn, pass_id, me, wanted, f"resident:{me}", now)
            )
        except TooManyPasses:
            return see_other("/guests?said=too_many")
        except NoSuchResident:
            raise Refused(404) from None
        if token is None:
            raise Refused(404)
        return await self._link_page(request, pass_id, token)

    async def _show(self, request: web.Request) -> web.Response:
        line, sessions = await self._mine(request)
        running_at = stall_of_pass(self._parts.link.live, line.pass_.pass_id)
        places, code = await self._parts.books.read(
            lambda conn: (
                _names(conn, line.pass_.stall_ids),
                _code(conn, running_at.stall_id) if running_at is not None else None,
            )
        )
        return self._door.page(
            request,
            "guest.html",
            here="home",
            line=line,
            pass_=line.pass_,
            currency=line.spent.cost.currency,
            state=PASS_STATES[line.state],
            valid=line.state is PassState.VALID,
            revocable=line.is_current,
            sessions=sessions,
            places=places,
            charging=code,
            must_confirm=await must_confirm(self._door, request),
            said=self._said(request),
        )

    async def _link(self, request: web.Request) -> web.Response:
        line, _ = await self._mine(request)
        now = self._parts.clock()
        if await must_confirm(self._door, request):
            return see_other("/me/confirm?to=guests")
        token = await self._parts.books.write(lambda conn: renew_link(conn, line.pass_.pass_id, now))
        if token is None:
            return see_other(f"/guests/{line.pass_.pass_id}?said=over")
        return await self._link_page(request, line.pass_.pass_id, token)

    async def _revoke(self, request: web.Request) -> web.Response:
        line, _ = await self._mine(request)
        now, pass_id = self._parts.clock(), line.pass_.pass_id
        await self._parts.books.write(lambda conn: revoke_pass(conn, pass_id, now))
        await call_off(self._parts.link, pass_id)
        return see_other(f"/guests/{pass_id}?said=revoked")

    async def _link_page(self, request: web.Request, pass_id: str, token: str) -> web.Response:
        now, me = self._parts.clock(), self._door.phone(request).person.resident_id

        def code_for(conn: Connection) -> tuple[str, PassLine | None]:
            return make_short_code(conn, PASS, pass_id, self._parts.key, now), pass_line(
                conn, pass_id, now, resident_id=me
            )

        code, line = await self._parts.books.write(code_for)
        if line is None:
            raise Refused(404)
        address = self._door.address_of(request)
        link = f"{address}/g#{token}"
        page = self._door.page(
            request,
            "guest_made.html",
            here="home",
            line=line,
            link=link,
            qr=Markup(segno.make(link, micro=False).svg_inline(border=2, omitsize=True)),  # noqa: S704 - paths only
            code=f"{code[:4]}-{code[4:]}",
            code_until=now + CODE_LIFE,
            typed_at=address.partition("://")[2] + "/g",
        )
        # It shows what lets a phone in.
        return keep_plain(page)

    async def _mine(self, request: web.Request) -> tuple[PassLine, list[PassSession]]:
        phone, now, pass_id = self._door.phone(request), self._parts.clock(), request.match_info["id"]
        line, sessions = await self._parts.books.read(
            lambda conn: (
                pass_line(conn, pass_id, now, self._running_wh(), resident_id=phone.person.resident_id),
                pass_sessions(conn, pass_id),
            )
        )
        if line is None:
            raise Refused(404)
        return line, sessions

    def _running_wh(self) -> dict[str, int]:
        return {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}

    def _said(self, request: web.Request) -> Said | None:
        said = _SAID.get(request.query.get("said", ""))
        say = gettext_for(self._door.view(request).language)
        return None if said is None else Said(say(said.text), said.tone)


def _stalls(conn: Connection, phone: Device) -> list[_Stall]:
    """Return the stalls a resident may charge at, and so their guests."""
    allowed = rule_of(conn, phone.person.resident_id).stall_ids
    rows = conn.execute(select(stall_table).where(stall_table.c.removed_ms.is_(None)).order_by(stall_table.c.name))
    return [_Stall(stall_id=row.stall_id, name=row.name) for row in rows if allowed is None or row.stall_id in allowed]


def _code(conn: Connection, stall_id: str) -> str | None:
    return conn.scalar(select(stall_table.c.qr_code).where(stall_table.c.stall_id == stall_id))


def _names(conn: Connection, stall_ids: tuple[str, ...] | None) -> list[str]:
    if stall_ids is None:
        return []
    rows = select(stall_table.c.name).where(stall_table.c.stall_id.in_(stall_ids)).order_by(stall_table.c.name)
    return list(conn.scalars(rows))
