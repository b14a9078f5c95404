"""Who may open what on the portal: strangers see a stall and its price, a connected phone is its resident.

A phone is known by its cookie. Behind TLS the cookie is `__Host-` and Secure; on plain HTTP in the house it cannot be.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from ..books.building import BuildingRow, NoBuilding, the_building
from ..books.engine import Books
from ..i18n import best_language, gettext_for, mark
from ..link.door import LinkDoor
from ..payment.stripe_rail import StripeRail
from ..resident.devices import DEVICE_IDLE, Device, find_device, note_seen
from ..settings import Settings
from ..tokens import TokenKey
from ..web.forms import read_form
from ..web.limits import Rate, TokenBuckets, client_address
from ..web.listener import Access, Refused, Route, came_from_itself, content_security_policy, security_headers
from ..web.pages import Pages, View, static_file

_PHONE = web.RequestKey("phone", Device)
_BUILDING = web.RequestKey("building", BuildingRow)

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


@dataclass(frozen=True, kw_only=True)
class PortalParts:
    """What the portal works with."""

    books: Books
    link: LinkDoor
    rail: StripeRail | None
    """None: the owners take no cards."""
    key: TokenKey
    settings: Settings
    clock: Callable[[], datetime]


class PortalDoor:
    """The portal listener's door."""

    def __init__(self, parts: PortalParts) -> None:
        self.parts = parts
        self.pages = Pages(Path(__file__).parent / "templates")
        self._everyone = TokenBuckets(Rate(per_minute=1200, burst=200))
        self._strangers = TokenBuckets(Rate(per_minute=60, burst=30))
        self._phones = TokenBuckets(Rate(per_minute=120, burst=60))
        self._acts = TokenBuckets(Rate(per_minute=10, burst=10))
        self._redeems = TokenBuckets(Rate(per_minute=0.5, burst=5))
        self._all_redeems = TokenBuckets(Rate(per_minute=0.5, burst=30))
        self._stalls = TokenBuckets(Rate(per_minute=6, burst=6))
        settings = parts.settings
        self.cookie = "__Host-evs_d" if settings.portal_is_https else "evs_d"
        pay_pages = ("https://checkout.stripe.com", *([settings.stripe_api_base] if settings.stripe_api_base else []))
        policy = content_security_policy(frame_ancestors="'none'", form_action=pay_pages if parts.rail else ())
        self._headers = security_headers(policy)
        if settings.portal_is_https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    # --- the door --------------------------------------------------------------------------------------------------

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the security headers of the portal."""
        return self._headers

    async def admit(self, request: web.Request, route: Route | None) -> None:
        """Find out who asks, and let them pass or not."""
        self._slow_down(self._everyone, "all")
        if route is not None and route.handler is static_file:
            return
        now = self.parts.clock()
        cookie = request.cookies.get(self.cookie, "")
        phone, building = await self.parts.books.write(lambda conn: self._look_up(conn, cookie, now))
        if building is not None:
            request[_BUILDING] = building
        if phone is not None:
            request[_PHONE] = phone
        if phone is None:
            self._slow_down(self._strangers, self._address(request))
        else:
            self._slow_down(self._phones if request.method == "GET" else self._acts, phone.device_id)
        if route is None:
            return
        if route.access is not Access.ANYONE and phone is None:
            raise Refused(403)
        if request.method == "POST":
            await self._check_post(request, phone)

    def check_redeems(self, request: web.Request) -> None:
        """Refuse an invitation while too many from there, or from everywhere, were wrong."""
        loop_s = asyncio.get_running_loop().time()
        wait_s = max(self._redeems.look(self._address(request), loop_s), self._all_redeems.look("all", loop_s))
        if wait_s:
            raise Refused(429, retry_after_s=wait_s)

    def note_wrong_redeem(self, request: web.Request) -> None:
        """Count an invitation that was wrong; right ones never count, a whole house may come in by one address."""
        loop_s = asyncio.get_running_loop().time()
        self._redeems.take(self._address(request), loop_s)
        self._all_redeems.take("all", loop_s)

    def _address(self, request: web.Request) -> str:
        forwarded_for = request.headers.get("X-Forwarded-For", "")
        return client_address(request.remote, forwarded_for, self.parts.settings.trusted_proxies)

    def slow_down_stall(self, stall_id: str) -> None:
        """Bound how often one stall is asked to start or stop."""
        self._slow_down(self._stalls, stall_id)

    async def apologise(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return the page for an error."""
        say = gettext_for(self.view(request).language)
        heading, text = _PROBLEMS.get(status, _PROBLEMS[500 if status >= 500 else 400])
        return self.pages.page(
            "problem.html", self.view(request), status=status, heading=say(heading), message=message or say(text)
        )

    async def _check_post(self, request: web.Request, phone: Device | None) -> None:
        address = self.parts.settings.portal_url
        if not came_from_itself(request, address, request.host):
            say = gettext_for(self.view(request).language)
            where = address or request.host
            raise Refused(403, say("Please open the portal under its own address: %s") % where)
        if phone is not None:
            form = await read_form(request)
            if not self.parts.key.csrf_matches(phone.device_id, form.text("csrf", default="")):
                say = gettext_for(self.view(request).language)
                raise Refused(403, say("This page was too old. Please go back, reload it and try again."))

    def _look_up(self, conn: Connection, cookie: str, now: datetime) -> tuple[Device | None, BuildingRow | None]:
        try:
            building = the_building(conn)
        except NoBuilding:
            return None, None
        # Without a cookie the same look-up is made, so that its absence takes no other path.
        phone = find_device(conn, cookie, self.parts.key, now)
        if phone is not None:
            note_seen(conn, phone.device_id, now)
        return phone, building

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

    def building(self, request: web.Request) -> BuildingRow:
        """Return the building; before the link ever brought one there is nothing here."""
        building: BuildingRow | None = request.get(_BUILDING)
        if building is None:
            raise Refused(404)
        return building

    def view(self, request: web.Request) -> View:
        """Return what every page of this request knows."""
        building, phone = request.get(_BUILDING), request.get(_PHONE)
        fallback = building.language if building else self.parts.settings.language
        asked = best_language(request.headers.get("Accept-Language", ""), fallback)
        return View(
            language=(phone.person.language or asked) if phone else asked,
            zone=building.zone if building else ZoneInfo("UTC"),
            building=building.name if building else "",
            static="/static/",
            csrf=self.parts.key.csrf(phone.device_id) if phone else "",
            who=phone.person.name if phone else None,
        )

    def page(self, request: web.Request, template: str, **context: object) -> web.Response:
        """Return a rendered page."""
        text = self.pages.text(template, self.view(request), **context)
        response = web.Response(text=text, content_type="text/html")
        cookie = request.cookies.get(self.cookie)
        if cookie and self.maybe_phone(request) is not None:
            # Seen again: the browser keeps the cookie as long as the books would take it.
            self.give_cookie(response, cookie)
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

    def take_cookie(self, response: web.Response) -> None:
        """Make the browser forget the phone's cookie."""
        response.del_cookie(self.cookie, path="/", secure=self.parts.settings.portal_is_https, httponly=True)

    def address_of(self, request: web.Request) -> str:
        """Return the address under which this browser reaches the portal, without a trailing slash."""
        return self.parts.settings.portal_url or f"{request.scheme}://{request.host}"


def see_other(address: str) -> web.Response:
    """Return the answer after a POST: look there."""
    return web.Response(status=303, headers={"Location": address})


def static_route() -> Sequence[Route]:
    """Return the route of the portal's files."""
    return (Route(method="GET", path="/static/{name}", handler=static_file, access=Access.ANYONE),)
