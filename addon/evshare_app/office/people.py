"""Residents in the office: invitations, cards, blocking, and how each is reached and pays."""

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection

from ..i18n import LANGUAGES, gettext_for, mark
from ..model import Month, ResidentId, from_ms
from ..money import Money
from ..resident.cards import cards
from ..resident.devices import INVITE_LIFE, devices_of, invite_resident, sign_out_device
from ..resident.mail_trouble import mail_trouble
from ..resident.passkeys import passkeys_of, remove_passkey
from ..resident.people import NoSuchResident, Person, people, person, set_blocked, set_contact, set_rail
from ..resident.rules import Hours, rule_of, used_this_month
from ..resident.short_codes import CODE_LIFE, make_invite_code
from ..web.compress import keep_plain
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .fields import kwh_text
from .mail import mail_notice
from .reading import energy_by_resident, phones_by_resident, readers, stalls
from .rules import MOST_SPANS


class PeoplePages:
    """The list of residents and each one's page."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one = "/office/residents/{id}"
        return (
            Route(method="GET", path="/office/residents", handler=self._list, access=Access.OFFICE),
            Route(method="GET", path=one, handler=self._show, access=Access.OFFICE),
            Route(method="POST", path=one, handler=self._save, access=Access.MANAGER, form_on=one),
            Route(method="POST", path=f"{one}/invite", handler=self._invite, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/block", handler=self._block, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/unblock", handler=self._unblock, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/devices/{{device}}", handler=self._sign_out, access=Access.MANAGER),
            Route(method="POST", path=f"{one}/passkeys/{{key}}", handler=self._remove_passkey, access=Access.MANAGER),
        )

    async def _list(self, request: web.Request) -> web.Response:
        building, now = self._door.building(request), self._parts.clock()
        month = Month.of(now, building.zone)
        start, _ = month.bounds(building.zone)
        everyone, energy, phones, mail = await self._parts.books.read(
            lambda conn: (
                people(conn),
                energy_by_resident(conn, start),
                phones_by_resident(conn, now),
                mail_trouble(conn, now),
            )
        )
        return self._door.page(
            request,
            "residents.html",
            here="residents",
            people=[one for one in everyone if one.here(now)],
            gone=[one for one in everyone if not one.here(now)],
            energy=energy,
            phones=phones,
            month=month,
            **mail_notice(mail, self._parts.settings.smtp),
        )

    async def _show(self, request: web.Request) -> web.Response:
        whom, now = await self._whom(request), self._parts.clock()
        link, zone = self._parts.link, self._door.building(request).zone
        running_wh = {one.session_id: one.energy_wh for one in link.live.sessions()}
        told = link.version is None or link.version > 1
        devices, known, places, theirs, rule, used = await self._parts.books.read(
            lambda conn: (
                devices_of(conn, whom.resident_id, now),
                stalls(conn),
                readers(conn, all_of_them=not told),
                cards(conn, whom.resident_id),
                rule_of(conn, whom.resident_id),
                used_this_month(conn, whom.resident_id, now, zone, running_wh),
            )
        )
        keys = await self._parts.books.read(lambda conn: passkeys_of(conn, whom.resident_id))
        return self._door.page(
            request,
            "resident.html",
            here="residents",
            person=whom,
            lives_here=whom.here(now),
            away=whom.away(now),
            last_day=None if whom.moves_out_ms is None else _day_before(whom.moves_out_ms, zone),
            first_day=None if whom.moved_in_ms is None else from_ms(whom.moved_in_ms).astimezone(zone).date(),
            devices=devices,
            passkeys=keys,
            stalls=known,
            readers=places,
            their_cards=theirs,
            rule=rule,
            used=used,
            month_kwh=kwh_text(rule.month_wh),
            month_money="" if rule.month_minor is None else Money(rule.month_minor, used.cost.currency).to_decimal(),
            month=Month.of(now, zone),
            spans=_rows(rule.hours),
            languages=LANGUAGES,
            cards=self._parts.rail is not None,
            said=self._said(request),
        )

    async def _save(self, request: web.Request) -> web.Response:
        whom, form = await self._whom(request), await read_form(request)
        email = form.text("email", 254, default="")
        if email and (email.count("@") != 1 or " " in email or email.startswith("@") or email.endswith("@")):
            raise BadInput("email", email, mark("an address such as name@example.org, or nothing"))
        language = form.choice("language", ("", *LANGUAGES))
        rail = form.choice("rail", ("bank", "stripe") if self._parts.rail is not None else ("bank",), default="bank")

        def save(conn: Connection) -> None:
            set_contact(conn, whom.resident_id, email or None, language or None)
            set_rail(conn, whom.account_id, rail)

        await self._parts.books.write(save)
        return self._back(request, whom, "saved")

    async def _invite(self, request: web.Request) -> web.Response:
        whom, now = await self._whom(request), self._parts.clock()
        if not whom.here(now):
            raise Refused(404)

        def invite(conn: Connection) -> tuple[str, str]:
            token = invite_resident(conn, whom.resident_id, now)
            return token, make_invite_code(conn, token, self._parts.key, now)

        token, code = await self._parts.books.write(invite)
        link = f"{self._door.portal_address(request)}/i#{token}"
        page = self._door.page(
            request,
            "invite.html",
            here="residents",
            person=whom,
            link=link,
            qr=Markup(segno.make(link, micro=False).svg_inline(border=2, omitsize=True)),  # noqa: S704 - paths only
            until=now + INVITE_LIFE,
            code=f"{code[:4]}-{code[4:]}",
            code_until=now + CODE_LIFE,
            typed_at=self._door.portal_address(request).partition("://")[2] + "/i",
            guessed=self._parts.settings.portal_url is None,
            relayed=bool(self._parts.settings.portal_base),
        )
        # It shows what lets a phone in.
        return keep_plain(page)

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

    async def _remove_passkey(self, request: web.Request) -> web.Response:
        whom, key_id = await self._whom(request), request.match_info["key"]
        if not await self._parts.books.write(lambda conn: remove_passkey(conn, whom.resident_id, key_id)):
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
            "rules": say("Saved. It holds for the next start; a running session goes on."),
            "moved_out": say(
                "Moved out. Their phones are signed out, their guests’ passes have ended and their cards are removed; "
                "cards that cannot be removed now are removed as soon as Home Assistant is connected."
            ),
        }.get(request.query.get("said", ""), "")


def _day_before(at_ms: int, zone: ZoneInfo) -> date:
    return from_ms(at_ms).astimezone(zone).date() - timedelta(days=1)


def _rows(hours: Sequence[Hours]) -> list[Hours]:
    """Return the rows of the form: the spans there are, and one to add."""
    empty = Hours(days=(), start="", end="")
    return [*hours, empty][:MOST_SPANS]
