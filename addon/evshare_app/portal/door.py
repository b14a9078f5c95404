"""Who may open what on the portal: strangers see a stall and its price, a connected phone is its resident or a guest.

A phone is known by its cookie. Behind TLS the cookie is `__Host-` and Secure; on plain HTTP in the house it cannot be.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import logging
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection
from yarl import URL

from ..books.building import BuildingRow, NoBuilding, the_building
from ..books.engine import Books
from ..i18n import best_language, gettext_for, mark
from ..link.door import LinkDoor
from ..link.waiting import WaitingList
from ..payment.stripe_rail import StripeRail
from ..resident.devices import DEVICE_IDLE, Device, find_device
from ..resident.guest_phones import Guest, find_guest
from ..resident.passkeys import RelyingParty
from ..resident.tags import TagKeys
from ..settings import Settings
from ..tokens import TokenKey
from ..web.forms import read_form
from ..web.limits import Rate, TokenBuckets, client_address
from ..web.listener import Access, Refused, Route, came_from_itself, content_security_policy, security_headers
from ..web.pages import Pages, View, static_file
from ..web.reached import reached_at
from ..web.relay import Relayed, relayed

_LOGGER = logging.getLogger(__name__)

_PHONE = web.RequestKey("phone", Device)
_GUEST = web.RequestKey("guest", Guest)
_BUILDING = web.RequestKey("building", BuildingRow)
_RELAYED = web.RequestKey("relayed", Relayed)

_SAME_MACHINE = ("localhost", "127.0.0.1", "::1")
"""Hosts a browser trusts without TLS."""

_PROBLEMS = {
    400: (mark("That did not work"), mark("Something in the form could not be read. Please go back and try again.")),
    403: (
        mark("This phone is not connected"),
        mark("Open your invitation link once on this phone. You have none? Ask the manager for an invitation."),
    ),
    404: (mark("Nothing here"), mark("This page does not exist, or it is not yours.")),
    413: (mark("That did not work"), mark("That was too much at once.")),
    429: (mark("One moment"), mark("That was a little too often. Please wait a moment and try again.")),
    500: (mark("That did not work"), mark("Something went wrong on our side. Please try again in a moment.")),
    503: (mark("Not now"), mark("This cannot be reached right now. Please try again in a moment.")),
}
_NOT_FOR_GUESTS = (
    mark("Only for residents"),
    mark("With a guest pass you see your pass, the stalls, and your own charging."),
)


@dataclass(frozen=True, kw_only=True)
class PortalParts:
    """What the portal works with."""

    books: Books
    link: LinkDoor
    waiting: WaitingList
    rail: StripeRail | None
    """None: the owners take no cards."""
    key: TokenKey
    settings: Settings
    clock: Callable[[], datetime]
    tags: TagKeys | None = None
    """None: the key of the house's NFC tags cannot be used."""
    relay_token: str | None = None
    """What Home Assistant's relay signs with, where the portal is reached by it and no other way."""
    push_key: str = ""
    """By which browsers subscribe to pushes; empty where none are sent."""


class PortalDoor:
    """The portal listener's door."""

    def __init__(self, parts: PortalParts) -> None:
        self.parts = parts
        self.pages = Pages(Path(__file__).parent / "templates")
        self._everyone = TokenBuckets(Rate(per_minute=1200, burst=200))
        # Nobody alone takes all of that: a house behind one address needs less.
        self._addresses = TokenBuckets(Rate(per_minute=900, burst=150))
        self._strangers = TokenBuckets(Rate(per_minute=60, burst=30))
        self._phones = TokenBuckets(Rate(per_minute=120, burst=60))
        self._acts = TokenBuckets(Rate(per_minute=10, burst=10))
        self._redeems = TokenBuckets(Rate(per_minute=0.5, burst=5))
        self._all_redeems = TokenBuckets(Rate(per_minute=0.5, burst=30))
        self._stalls = TokenBuckets(Rate(per_minute=6, burst=6))
        self._challenges = TokenBuckets(Rate(per_minute=10, burst=10))
        settings = parts.settings
        self.cookie = "__Host-evs_d" if settings.portal_is_https else "evs_d"
        self.guest_cookie = "__Host-evs_g" if settings.portal_is_https else "evs_g"
        pay_pages = ("https://checkout.stripe.com", *([settings.stripe_api_base] if settings.stripe_api_base else []))
        policy = content_security_policy(
            frame_ancestors="'none'", form_action=pay_pages if parts.rail else (), installable=True
        )
        if settings.portal_base:
            policy = policy.replace("script-src 'self'", "script-src 'none'")
        self._headers = security_headers(policy)
        if settings.portal_is_https and not settings.portal_base:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    # --- the door --------------------------------------------------------------------------------------------------

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the security headers of the portal, and a phone's new cookie with whatever it is answered."""
        phone = self.maybe_phone(request)
        if phone is None or phone.cookie == request.cookies.get(self.cookie):
            return self._headers
        # Whichever answer arrives first brings it, so that no phone is left with a cookie that was replaced.
        jar = web.Response()
        self.give_cookie(jar, phone.cookie)
        return self._headers | {"Set-Cookie": jar.cookies[self.cookie].OutputString()}

    async def admit(self, request: web.Request, route: Route | None) -> None:
        """Find out who asks, and let them pass or not."""
        try:
            if self.parts.relay_token is not None:
                request[_RELAYED] = relayed(request, self.parts.relay_token, self.parts.clock())
        finally:
            self._slow_down(self._addresses, self._address(request))
        self._slow_down(self._everyone, "all")
        if route is not None and route.handler is static_file:
            return
        phone, guest = await self._recognise(request)
        known = phone.device_id if phone else _session_of(guest) if guest else None
        if known is None:
            self._slow_down(self._strangers, self._address(request))
        else:
            self._slow_down(self._phones if request.method == "GET" else self._acts, known)
        if route is None:
            return
        if not _may(route.access, phone, guest):
            raise Refused(403, why="no phone that may")
        if request.method == "POST":
            # What anyone may do, a guest's phone may too: coming in as a resident, or with another pass.
            await self._check_post(request, known if phone or route.access is Access.GUEST else None)

    async def _recognise(self, request: web.Request) -> tuple[Device | None, Guest | None]:
        """Find out whose phone it is: a resident's, or else a guest's."""
        now, cookies = self.parts.clock(), request.cookies
        cookie, guest_cookie = cookies.get(self.cookie, ""), cookies.get(self.guest_cookie, "")
        phone, guest, building = await self.parts.books.write(
            lambda conn: self._look_up(conn, cookie, guest_cookie, now)
        )
        if building is not None:
            request[_BUILDING] = building
        if phone is not None:
            request[_PHONE] = phone
        elif guest is not None:
            request[_GUEST] = guest
        return phone, None if phone else guest

    def check_redeems(self, request: web.Request) -> None:
        """Refuse an invitation while too many from there, or from everywhere, were wrong."""
        loop_s = asyncio.get_running_loop().time()
        wait_s = max(self._redeems.look(self._address(request), loop_s), self._all_redeems.look("all", loop_s))
        if wait_s:
            raise Refused(429, retry_after_s=wait_s)

    def note_wrong_redeem(self, request: web.Request) -> None:
        """Count an invitation that was wrong; right ones never count, a whole house may come in by one address."""
        _LOGGER.warning("An invitation, a pass or a passkey was tried that does not work")
        loop_s = asyncio.get_running_loop().time()
        self._redeems.take(self._address(request), loop_s)
        self._all_redeems.take("all", loop_s)

    def _address(self, request: web.Request) -> str:
        if _RELAYED in request:
            return client_address(request[_RELAYED].client, "", ())
        # Some proxies add a line of their own to what a browser sent; only the last line is theirs.
        forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", []))
        return client_address(request.remote, forwarded_for, self.parts.settings.trusted_proxies)

    def slow_down_challenges(self, request: web.Request) -> None:
        """Bound how often somebody who is not connected asks for a passkey's challenge, which is written down."""
        self._slow_down(self._challenges, self._address(request))

    def slow_down_stall(self, stall_id: str) -> None:
        """Bound how often one stall is asked to start or stop."""
        self._slow_down(self._stalls, stall_id)

    def language(self, request: web.Request) -> str:
        """Return the language this person reads."""
        return self.view(request).language

    async def apologise(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return the page for an error."""
        say = gettext_for(self.view(request).language)
        heading, text = _PROBLEMS.get(status, _PROBLEMS[500 if status >= 500 else 400])
        if status == 403 and _GUEST in request:
            heading, text = _NOT_FOR_GUESTS
        return self.pages.page(
            "problem.html", self.view(request), status=status, heading=say(heading), message=message or say(text)
        )

    async def _check_post(self, request: web.Request, session: str | None) -> None:
        address = self.parts.settings.portal_origin
        if not came_from_itself(request, address, URL(self.reached_at(request)).authority):
            say = gettext_for(self.view(request).language)
            where = address or request.host
            said = say("Please open the portal under its own address: %s") % where
            raise Refused(403, said, why="sent by another site")
        if session is not None:
            form = await read_form(request)
            if not self.parts.key.csrf_matches(session, form.text("csrf", default="")):
                say = gettext_for(self.view(request).language)
                said = say("This page was too old. Please go back, reload it and try again.")
                raise Refused(403, said, why="without the page's own value")

    def _look_up(
        self, conn: Connection, cookie: str, guest_cookie: str, now: datetime
    ) -> tuple[Device | None, Guest | None, BuildingRow | None]:
        try:
            building = the_building(conn)
        except NoBuilding:
            return None, None, None
        # Without a cookie the same look-up is made, so that its absence takes no other path.
        key = self.parts.key
        return find_device(conn, cookie, key, now), find_guest(conn, guest_cookie, key, now), building

    @staticmethod
    def _slow_down(buckets: TokenBuckets, key: str) -> None:
        wait_s = buckets.take(key, asyncio.get_running_loop().time())
        if wait_s:
            raise Refused(429, retry_after_s=wait_s)

    # --- what the pages use ----------------------------------------------------------------------------------------

    def phone(self, request: web.Request) -> Device:
        """Return the phone of a route that only residents may open."""
        phone = self.maybe_phone(request)
        if phone is None:
            raise Refused(403)
        return phone

    def maybe_phone(self, request: web.Request) -> Device | None:
        """Return the phone, if there is one."""
        phone: Device | None = request.get(_PHONE)
        return phone

    def guest(self, request: web.Request) -> Guest:
        """Return the guest's phone of a route that only guests may open."""
        guest = self.maybe_guest(request)
        if guest is None:
            raise Refused(403)
        return guest

    def maybe_guest(self, request: web.Request) -> Guest | None:
        """Return the guest's phone, if it is one and no resident's."""
        guest: Guest | None = request.get(_GUEST)
        return guest

    def building(self, request: web.Request) -> BuildingRow:
        """Return the building; before the link ever brought one there is nothing here."""
        building: BuildingRow | None = request.get(_BUILDING)
        if building is None:
            raise Refused(404)
        return building

    def view(self, request: web.Request) -> View:
        """Return what every page of this request knows."""
        building, phone, guest = request.get(_BUILDING), request.get(_PHONE), request.get(_GUEST)
        session = phone.device_id if phone else _session_of(guest) if guest else None
        fallback = building.language if building else self.parts.settings.language
        asked = best_language(request.headers.get("Accept-Language", ""), fallback)
        return View(
            language=(phone.person.language or asked) if phone else asked,
            zone=building.zone if building else ZoneInfo("UTC"),
            building=building.name if building else "",
            static="/static/",
            csrf=self.parts.key.csrf(session) if session else "",
            # A guest is gone in some days; they need no app.
            installable=guest is None and self._is_secure(request) and not self.parts.settings.portal_base,
            who=phone.person.name if phone else None,
        )

    def page(self, request: web.Request, template: str, **context: object) -> web.Response:
        """Return a rendered page."""
        text = self.pages.text(template, self.view(request), **context)
        response = web.Response(text=text, content_type="text/html")
        phone = self.maybe_phone(request)
        if phone is not None and phone.cookie == request.cookies.get(self.cookie):
            # Seen again: the browser keeps the cookie as long as the books would take it.
            self.give_cookie(response, phone.cookie)
        return response

    def give_cookie(self, response: web.Response, cookie: str) -> None:
        """Let the browser keep the phone's cookie."""
        response.set_cookie(
            self.cookie,
            cookie,
            max_age=int(DEVICE_IDLE.total_seconds()),
            path="/",
            secure=self.parts.settings.portal_is_https,
            httponly=True,
            samesite="Lax",
        )

    def give_guest_cookie(self, response: web.Response, cookie: str, life: timedelta) -> None:
        """Let the browser keep a guest's cookie as long as the books know it."""
        response.set_cookie(
            self.guest_cookie,
            cookie,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self.parts.settings.portal_is_https,
            httponly=True,
            samesite="Lax",
        )

    def take_cookie(self, response: web.Response) -> None:
        """Make the browser forget the phone's cookie."""
        response.del_cookie(self.cookie, path="/", secure=self.parts.settings.portal_is_https, httponly=True)

    def takes_cards(self, request: web.Request) -> bool:
        """Whether payment pages may be opened: the owners take cards, and nobody between could lead elsewhere."""
        return self.parts.rail is not None and self._is_secure(request)

    def _is_secure(self, request: web.Request) -> bool:
        return self.parts.settings.portal_is_https or request.url.host in _SAME_MACHINE

    def relying_party(self, request: web.Request) -> RelyingParty | None:
        """Return who passkeys are made for; None where browsers make none (`Settings.passkey_domain`)."""
        settings = self.parts.settings
        if settings.passkey_domain is None or settings.portal_url is None:
            return None
        name = self.view(request).building or "evshare"
        return RelyingParty(domain=settings.passkey_domain, origin=settings.portal_url, name=name)

    def address_of(self, request: web.Request) -> str:
        """Return the address under which this browser reaches the portal, without a trailing slash."""
        return self.parts.settings.portal_url or self.reached_at(request)

    def reached_at(self, request: web.Request) -> str:
        """Return the address this browser used, as far as our own eyes or a trusted proxy can tell."""
        if _RELAYED in request:
            return request[_RELAYED].origin + self.parts.settings.portal_base
        return reached_at(request, self.parts.settings.trusted_proxies)


def _session_of(guest: Guest) -> str:
    """Return what a guest's forms and limits go by; no resident's phone is called like it."""
    return f"guest:{guest.guest_phone_id}"


def _may(access: Access, phone: Device | None, guest: Guest | None) -> bool:
    match access:
        case Access.ANYONE:
            return True
        case Access.RESIDENT:
            return phone is not None
        case Access.GUEST:
            return guest is not None
        case _:
            return False


def see_other(address: str) -> web.Response:
    """Return the answer after a POST: look there."""
    return web.Response(status=303, headers={"Location": address})


def static_route() -> Sequence[Route]:
    """Return the route of the portal's files."""
    return (Route(method="GET", path="/static/{name}", handler=static_file, access=Access.ANYONE),)
