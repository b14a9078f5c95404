"""The way in: an invitation makes this phone its resident's. It comes as a link, a QR code, or a short code to type."""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import Connection

from ..i18n import gettext_for
from ..resident.devices import InviteInvalid, redeem_invite
from ..resident.short_codes import redeem_invite_code
from ..tokens import as_short_code
from ..web.forms import read_form
from ..web.listener import Access, Route
from .door import PortalDoor, see_other
from .phones import phone_label


class Entry:
    """Invitation pages."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/i", handler=self._show, access=Access.ANYONE),
            Route(method="POST", path="/i", handler=self._redeem, access=Access.ANYONE),
        )

    async def _show(self, request: web.Request) -> web.Response:
        return self._page(request, "")

    async def _redeem(self, request: web.Request) -> web.Response:
        self._door.check_redeems(request)
        form = await read_form(request)
        # People paste the whole link as well as its end, or type the short code.
        typed = form.text("token", 300).rpartition("#")[2].strip()
        parts, label, now = self._door.parts, phone_label(request), self._door.parts.clock()
        code = as_short_code(typed)

        def redeem(conn: Connection) -> str | None:
            if code is not None:
                return redeem_invite_code(conn, code, label, parts.key, now)
            try:
                return redeem_invite(conn, typed, label, parts.key, now)
            except InviteInvalid:
                return None

        cookie = await parts.books.write(redeem)
        if cookie is None:
            self._door.note_wrong_redeem(request)
            say = gettext_for(self._door.view(request).language)
            problem = say("This invitation does not work any more, or it was not copied whole. Ask for a new one.")
            page = self._page(request, problem)
            page.set_status(404)
            return page
        response = see_other("/")
        self._door.give_cookie(response, cookie)
        return response

    def _page(self, request: web.Request, problem: str) -> web.Response:
        passkeys = self._door.relying_party(request) is not None
        return self._door.page(request, "invite.html", problem=problem, passkeys=passkeys)
