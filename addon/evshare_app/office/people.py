"""Residents in the office: invitations, cards, blocking, and how each is reached and pays."""

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection

from ..i18n import LANGUAGES, gettext_for
from ..link.door import AskRefused, LinkDown
from ..model import Month, ResidentId
from ..resident.devices import INVITE_LIFE, devices_of, invite_resident, sign_out_device
from ..resident.people import NoSuchResident, Person, people, person, set_blocked, set_contact, set_rail
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reading import energy_by_resident, phones_by_resident, stalls

_CARD_TIMEOUT_S = 60


class PeoplePages:
    """The list of residents and each one's page."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one = "/office/residents/{id}"
        return (
            Route(method="GET", path="/office/residents", handler=self._list, access=Access.MANAGER),
            Route(method="GET", path=one, handler=self._show, access=Access.MANAGER),
            Route(method="POST", path=one, handler=self._save, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/invite", handler=self._invite, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/card", handler=self._card, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/block", handler=self._block, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/unblock", handler=self._unblock, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/devices/{{device}}", handler=self._sign_out, access=Access.MANAGER),
        )

    async def _list(self, request: web.Request) -> web.Response:
        building, now = self._door.building(request), self._parts.clock()
        month = Month.of(now, building.zone)
        start, _ = month.bounds(building.zone)
        everyone, energy, phones = await self._parts.books.read(
            lambda conn: (people(conn), energy_by_resident(conn, start), phones_by_resident(conn, now))
        )
        return self._door.page(
            request,
            "residents.html",
            here="residents",
            people=[one for one in everyone if not one.removed],
            gone=[one for one in everyone if one.removed],
            energy=energy,
            phones=phones,
            month=month,
        )

    async def _show(self, request: web.Request) -> web.Response:
        whom, now = await self._whom(request), self._parts.clock()
        devices, known = await self._parts.books.read(
            lambda conn: (devices_of(conn, whom.resident_id, now), stalls(conn))
        )
        return self._door.page(
            request,
            "resident.html",
            here="residents",
            person=whom,
            devices=devices,
            stalls=known,
            languages=LANGUAGES,
            cards=self._parts.rail is not None,
            said=self._said(request),
        )

    async def _save(self, request: web.Request) -> web.Response:
        whom, form = await self._whom(request), await read_form(request)
        email = form.text("email", 254, default="")
        if email and (email.count("@") != 1 or " " in email or email.startswith("@") or email.endswith("@")):
            raise BadInput("email", email, "an address such as name@example.org, or nothing")
        language = form.choice("language", ("", *LANGUAGES))
        rail = form.choice("rail", ("bank", "stripe") if self._parts.rail is not None else ("bank",), default="bank")

        def save(conn: Connection) -> None:
            set_contact(conn, whom.resident_id, email or None, language or None)
            set_rail(conn, whom.account_id, rail)

        await self._parts.books.write(save)
        return self._back(request, whom, "saved")

    async def _invite(self, request: web.Request) -> web.Response:
        whom, now = await self._whom(request), self._parts.clock()
        if whom.removed:
            raise Refused(404)
        token = await self._parts.books.write(lambda conn: invite_resident(conn, whom.resident_id, now))
        link = f"{self._door.portal_address(request)}/i#{token}"
        return self._door.page(
            request,
            "invite.html",
            here="residents",
            person=whom,
            link=link,
            qr=Markup(segno.make(link, micro=False).svg_inline(border=2, omitsize=True)),  # noqa: S704 - paths only
            until=now + INVITE_LIFE,
            guessed=self._parts.settings.portal_url is None,
        )

    async def _card(self, request: web.Request) -> web.Response:
        whom, form = await self._whom(request), await read_form(request)
        known = await self._parts.books.read(stalls)
        stall_id = form.choice("stall", [stall.stall_id for stall in known])
        body = {"resident_id": whom.resident_id, "stall_id": stall_id, "timeout_s": _CARD_TIMEOUT_S}
        try:
            await self._parts.link.ask("enrol_card", body)
        except AskRefused as refusal:
            raise Refused(409, refusal.message or refusal.code) from None
        except LinkDown:
            raise Refused(503, self._no_contact(request)) from None
        return self._back(request, whom, "card")

    async def _block(self, request: web.Request) -> web.Response:
        return await self._set_blocked(request, blocked=True)

    async def _unblock(self, request: web.Request) -> web.Response:
        return await self._set_blocked(request, blocked=False)

    async def _set_blocked(self, request: web.Request, *, blocked: bool) -> web.Response:
        whom, now = await self._whom(request), self._parts.clock()
        await self._parts.books.write(lambda conn: set_blocked(conn, whom.resident_id, now if blocked else None))
        await self._parts.link.tell_blocked()
        return self._back(request, whom, "blocked" if blocked else "unblocked")

    async def _sign_out(self, request: web.Request) -> web.Response:
        whom, now = await self._whom(request), self._parts.clock()
        device_id = request.match_info["device"]
        if not await self._parts.books.write(lambda conn: sign_out_device(conn, whom.resident_id, device_id, now)):
            raise Refused(404)
        return self._back(request, whom, "saved")

    async def _whom(self, request: web.Request) -> Person:
        resident_id = ResidentId(request.match_info["id"])
        try:
            return await self._parts.books.read(lambda conn: person(conn, resident_id))
        except NoSuchResident:
            raise Refused(404) from None

    def _back(self, request: web.Request, whom: Person, said: str) -> web.Response:
        return self._door.see_other(request, f"/office/residents/{whom.resident_id}?said={said}")

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "saved": say("Saved."),
            "blocked": say("Blocked. A running session goes on; there will be no new one."),
            "unblocked": say("Unblocked."),
            "card": say("Now hold the new card to the reader of that stall, within a minute."),
        }.get(request.query.get("said", ""), "")

    def _no_contact(self, request: web.Request) -> str:
        return gettext_for(self._door.view(request).language)("Home Assistant is not connected right now.")
