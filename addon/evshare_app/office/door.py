"""Who may open the office: whoever has a session from a ticket or a link, or comes through Home Assistant's ingress.

Ingress says who asks, not what they may: the integration is asked over the link for the role of the user, at most
once a minute. What ingress says is believed only from the Supervisor's own address. Admins of Home Assistant are
managers; other users of it have the role a manager named them for, or none; who came by a link has the role it was
made for until a manager removes them.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
import re
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection
from yarl import URL

from ..books.building import BuildingRow, NoBuilding, the_building
from ..books.engine import Books
from ..closing import Closing
from ..i18n import best_language, gettext_for, mark
from ..link.door import AskRefused, LinkDoor, LinkDown
from ..payment.stripe_rail import StripeRail
from ..resident.tags import TagKeys
from ..safekeeping import Safekeeping
from ..settings import Settings
from ..tokens import TokenKey, masked_matches
from ..web.forms import read_form
from ..web.limits import Rate, TokenBuckets, client_address
from ..web.listener import Access, Refused, Route, came_from_itself, content_security_policy, security_headers
from ..web.pages import Pages, View, static_file
from ..web.tls import Certificate
from .roles import NAMES, Role, check_routes, may
from .signing_in import SESSION_LIFE, Manager, end_sessions, find_manager, named_role, note_role

INGRESS_PEER = "172.30.32.2"
"""The Supervisor's address in the apps' network (Home Assistant developer documentation, ingress)."""
_INGRESS_PATH = re.compile(r"(/[A-Za-z0-9_-]{1,100}){1,5}")
_ROLE_LIFE_S = 60

_MANAGER = web.RequestKey("manager", Manager)
_BUILDING = web.RequestKey("building", BuildingRow)

_PROBLEMS = {
    400: (mark("That did not work"), mark("Something in the form could not be read. Please go back and try again.")),
    403: (
        mark("Please come in through Home Assistant"),
        mark("Open the office with the button in Home Assistant; you have to be an administrator there."),
    ),
    404: (mark("Nothing here"), mark("This page does not exist.")),
    413: (mark("That did not work"), mark("That was too much at once.")),
    429: (mark("One moment"), mark("That was a little too often. Please wait a moment and try again.")),
    500: (mark("That did not work"), mark("Something went wrong on our side. Its log says more.")),
    503: (mark("Not now"), mark("Home Assistant is not connected, so it cannot be asked who you are.")),
}


@dataclass(frozen=True, kw_only=True)
class OfficeParts:
    """What the office works with."""

    books: Books
    link: LinkDoor
    rail: StripeRail | None
    key: TokenKey
    pairing_token: str
    settings: Settings
    clock: Callable[[], datetime]
    safekeeping: Safekeeping
    closing: Closing
    ingress_peer: str = INGRESS_PEER
    tags: TagKeys | None = None
    """None: the key of the house's NFC tags cannot be used."""
    certificate: Certificate | None = None
    """The portal's own; None: the portal speaks plain HTTP."""


class OfficeDoor:
    """The office listener's door."""

    def __init__(self, parts: OfficeParts) -> None:
        self.parts = parts
        self.pages = Pages(Path(__file__).parent / "templates")
        self._everyone = TokenBuckets(Rate(per_minute=1200, burst=200))
        # Nobody alone takes all of that.
        self._addresses = TokenBuckets(Rate(per_minute=900, burst=150))
        self._strangers = TokenBuckets(Rate(per_minute=30, burst=20))
        self._roles: dict[str, tuple[float, str]] = {}
        self._routes: dict[str, Route] = {}
        https = parts.settings.office_is_https
        self.cookie = "__Host-evs_o" if https else "evs_o"
        self._headers = security_headers(content_security_policy(frame_ancestors="'none'"))
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"
        # Home Assistant shows the office in a frame of its own pages.
        self._ingress_headers = security_headers(content_security_policy(frame_ancestors="'self'"))

    # --- the door --------------------------------------------------------------------------------------------------

    def headers(self, request: web.Request) -> dict[str, str]:
        """Return the security headers of the office."""
        return self._ingress_headers if self._by_ingress(request) else self._headers

    async def admit(self, request: web.Request, route: Route | None) -> None:
        """Find out who asks, and let them pass or not."""
        loop_s, address = asyncio.get_running_loop().time(), client_address(request.remote, "", ())
        if wait_s := self._addresses.take(address, loop_s) or self._everyone.take("all", loop_s):
            raise Refused(429, retry_after_s=wait_s)
        if route is not None and route.handler is static_file:
            return
        now = self.parts.clock()
        cookie = "" if self._by_ingress(request) else request.cookies.get(self.cookie, "")
        manager, building = await self.parts.books.write(lambda conn: self._look_up(conn, cookie, now))
        if building is not None:
            request[_BUILDING] = building
        if self._by_ingress(request):
            manager = self._ingress_user(request)
        if manager is None and (wait_s := self._strangers.take(address, loop_s)):
            raise Refused(429, retry_after_s=wait_s)
        if route is None:
            return
        if route.access is Access.ANYONE:
            if request.method == "POST":
                await self._check_post(request, None)
            return
        if manager is None:
            raise Refused(403)
        manager = await self._in_role(request, manager)
        request[_MANAGER] = manager
        if not may(route, manager.role):
            say = gettext_for(self.view(request).language)
            raise Refused(403, say("This is not part of your role in the office. A manager can do it."))
        if request.method == "POST":
            await self._check_post(request, manager)

    def language(self, request: web.Request) -> str:
        """Return the language this person reads."""
        return self.view(request).language

    async def apologise(self, request: web.Request, status: int, message: str) -> web.Response:
        """Return the page for an error."""
        say = gettext_for(self.view(request).language)
        heading, text = _PROBLEMS.get(status, _PROBLEMS[500 if status >= 500 else 400])
        if status == 403 and _MANAGER in request:
            # They are in already, so coming in is not what they lack.
            heading = _PROBLEMS[400][0]
        page = self.page(request, "problem.html", heading=say(heading), message=message or say(text))
        page.set_status(status)
        return page

    def _by_ingress(self, request: web.Request) -> bool:
        return request.remote == self.parts.ingress_peer and "X-Remote-User-Id" in request.headers

    def _ingress_user(self, request: web.Request) -> Manager:
        user_id = request.headers["X-Remote-User-Id"][:64]
        name = request.headers.get("X-Remote-User-Display-Name", "")[:200]
        # The role is found out next; until then it is the one that may least.
        return Manager(user_id=user_id, name=name, csrf=self.parts.key.csrf(f"ingress:{user_id}"), role=Role.TECHNICIAN)

    async def _in_role(self, request: web.Request, manager: Manager) -> Manager:
        """Return who asks in the role they have now. Raises `Refused` for those who have none."""
        if manager.person_id is not None:
            return manager
        by_ingress = self._by_ingress(request)
        role = await self.parts.books.read(lambda conn: named_role(conn, manager.user_id))
        try:
            if await self._role(manager.user_id) == "admin":
                role = Role.MANAGER
        except LinkDown:
            if role is None and by_ingress:
                raise Refused(503) from None
            # A session outlives the link being down: the books must stay readable then.
            return manager if role is None or not by_ingress else replace(manager, role=role)
        if role is None:
            now = self.parts.clock()
            await self.parts.books.write(lambda conn: end_sessions(conn, manager.user_id, now))
            raise Refused(403)
        if role is not manager.role and not by_ingress:
            now_is = role
            await self.parts.books.write(lambda conn: note_role(conn, manager.user_id, now_is))
        return replace(manager, role=role)

    async def _role(self, user_id: str) -> str:
        loop_s = asyncio.get_running_loop().time()
        asked_s, role = self._roles.get(user_id, (float("-inf"), ""))
        if loop_s - asked_s < _ROLE_LIFE_S:
            return role
        try:
            answer = await self.parts.link.ask("role", {"user_id": user_id})
        except AskRefused:
            answer = {"role": "none"}
        role = str(answer.get("role", "none"))
        if len(self._roles) > 1000:
            self._roles.clear()
        self._roles[user_id] = (loop_s, role)
        return role

    async def _check_post(self, request: web.Request, manager: Manager | None) -> None:
        if self._by_ingress(request):
            host = request.headers.get("X-Forwarded-Host", "")
            ours = not host or came_from_itself(request, None, host)
            ours = ours and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        else:
            ours = came_from_itself(request, self.parts.settings.office_url, request.host)
        if not ours:
            raise Refused(403)
        if manager is not None:
            form = await read_form(request)
            sent = form.text("csrf", default="")
            if not masked_matches(manager.csrf, sent):
                say = gettext_for(self.view(request).language)
                raise Refused(403, say("This page was too old. Please go back, reload it and try again."))

    def _look_up(self, conn: Connection, cookie: str, now: datetime) -> tuple[Manager | None, BuildingRow | None]:
        try:
            building = the_building(conn)
        except NoBuilding:
            return None, None
        return find_manager(conn, cookie, self.parts.key, now), building

    def declare(self, routes: Sequence[Route]) -> None:
        """Take in what the office answers. Raises `WrongAccess` for a route that lets in whom it must not."""
        check_routes(routes)
        self._routes = {f"{route.method} {route.path}": route for route in routes}

    # --- what the pages use ----------------------------------------------------------------------------------------

    def manager(self, request: web.Request) -> Manager:
        """Return who is in the office."""
        manager: Manager | None = request.get(_MANAGER)
        if manager is None:
            raise Refused(403)
        return manager

    def building(self, request: web.Request) -> BuildingRow:
        """Return the building."""
        building: BuildingRow | None = request.get(_BUILDING)
        if building is None:
            raise Refused(404)
        return building

    def may(self, request: web.Request, route: str) -> bool:
        """Whether whoever is in the office may open a route, named as it is declared: ``POST /office/settings``."""
        manager: Manager | None = request.get(_MANAGER)
        return manager is not None and may(self._routes[route], manager.role)

    def base(self, request: web.Request) -> str:
        """Return what our addresses start with in this browser."""
        if not self._by_ingress(request):
            return ""
        path = request.headers.get("X-Ingress-Path", "").rstrip("/")
        return path if _INGRESS_PATH.fullmatch(path) else ""

    def view(self, request: web.Request) -> View:
        """Return what every page of this request knows."""
        building, manager = request.get(_BUILDING), request.get(_MANAGER)
        fallback = building.language if building else self.parts.settings.language
        base = self.base(request)
        return View(
            language=best_language(request.headers.get("Accept-Language", ""), fallback),
            zone=building.zone if building else ZoneInfo("UTC"),
            building=building.name if building else "",
            static=f"{base}/office/static/",
            base=base,
            csrf=manager.csrf if manager else "",
            who=manager.name or manager.user_id if manager else None,
        )

    def page(self, request: web.Request, template: str, **context: object) -> web.Response:
        """Return a rendered page."""
        manager: Manager | None = request.get(_MANAGER)
        text = self.pages.text(
            template,
            self.view(request),
            by_ingress=self._by_ingress(request),
            may=lambda route: self.may(request, route),
            role=NAMES[manager.role] if manager is not None else "",
            quarantined=self.parts.safekeeping.quarantined,
            **context,
        )
        return web.Response(text=text, content_type="text/html")

    def see_other(self, request: web.Request, address: str) -> web.Response:
        """Return the answer after a POST: look there."""
        return web.Response(status=303, headers={"Location": self.base(request) + address})

    def give_cookie(self, response: web.Response, cookie: str, life: timedelta = SESSION_LIFE) -> None:
        """Let the browser keep the office session."""
        response.set_cookie(
            self.cookie,
            cookie,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self.parts.settings.office_is_https,
            httponly=True,
            samesite="Lax",
        )

    def take_cookie(self, response: web.Response) -> None:
        """Make the browser forget the office session."""
        response.del_cookie(self.cookie, path="/", secure=self.parts.settings.office_is_https, httponly=True)

    def office_address(self, request: web.Request) -> str:
        """Return the office's own address for links; a guess where the owner set none."""
        settings = self.parts.settings
        if settings.office_url:
            return settings.office_url
        asked = request.headers.get("X-Forwarded-Host", "") if self._by_ingress(request) else request.host
        try:
            host = URL(f"http://{asked}").host or "localhost"
        except ValueError:
            host = "localhost"
        return f"http://{f'[{host}]' if ':' in host else host}:{settings.office_port or request.url.port}"

    def portal_address(self, request: web.Request) -> str:
        """Return the portal's address for links and QR codes; a guess where the owner set none."""
        settings = self.parts.settings
        if settings.portal_url:
            return settings.portal_url
        host = request.url.host or "localhost"
        return f"http://{f'[{host}]' if ':' in host else host}:{settings.portal_port}"
