"""The way into the office and out of it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web
from sqlalchemy import Connection

from ..books.building import NoBuilding
from ..i18n import gettext_for
from ..web.forms import read_form
from ..web.listener import Access, Route
from ..web.pages import static_file
from .door import OfficeDoor
from .signing_in import INVITED_LIFE, SESSION_LIFE, TicketInvalid, end_sessions, redeem_invitation, redeem_ticket

_TICKET_WAIT_S = 1.0


class Entry:
    """Signing in and out, and what needs no signing in."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/sign-in", handler=self._show, access=Access.ANYONE),
            Route(method="POST", path="/sign-in", handler=self._redeem, access=Access.ANYONE),
            Route(method="POST", path="/office/sign-out", handler=self._sign_out, access=Access.OFFICE),
            Route(method="GET", path="/office/static/{name}", handler=static_file, access=Access.ANYONE),
            Route(method="GET", path="/office/health", handler=self._health, access=Access.ANYONE),
        )

    async def _show(self, request: web.Request) -> web.Response:
        return self._door.page(request, "sign_in.html", problem="")

    async def _redeem(self, request: web.Request) -> web.Response:
        ticket = (await read_form(request)).text("token", 300).rpartition("#")[2]
        parts = self._door.parts
        now = parts.clock()

        def redeem(conn: Connection) -> tuple[str, timedelta]:
            try:
                return redeem_ticket(conn, ticket, parts.key, now), SESSION_LIFE
            except TicketInvalid:
                return redeem_invitation(conn, ticket, parts.key, now), INVITED_LIFE

        try:
            try:
                cookie, life = await parts.books.write(redeem)
            except TicketInvalid:
                # The browser may be here before Home Assistant's word about its ticket is.
                await asyncio.sleep(_TICKET_WAIT_S)
                cookie, life = await parts.books.write(redeem)
        except TicketInvalid, NoBuilding:
            say = gettext_for(self._door.view(request).language)
            problem = say(
                "This ticket or link was used already or is too old. Please get a new one in Home Assistant, or ask a "
                "manager for another link."
            )
            page = self._door.page(request, "sign_in.html", problem=problem)
            page.set_status(403)
            return page
        response = self._door.see_other(request, "/office")
        self._door.give_cookie(response, cookie, life)
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        parts, manager = self._door.parts, self._door.manager(request)
        now = parts.clock()
        await parts.books.write(lambda conn: end_sessions(conn, manager.user_id, now))
        response = self._door.see_other(request, "/sign-in")
        self._door.take_cookie(response)
        return response

    async def _health(self, _request: web.Request) -> web.Response:
        await self._door.parts.books.read(lambda conn: conn.exec_driver_sql("SELECT 1").scalar_one())
        return web.json_response({"ok": True})
