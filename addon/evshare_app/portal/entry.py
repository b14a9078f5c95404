"""The way in: an invitation makes this phone its resident's."""

from collections.abc import Sequence

from aiohttp import web

from ..i18n import gettext_for
from ..resident.devices import InviteInvalid, redeem_invite
from ..web.forms import read_form
from ..web.listener import Access, Route
from .door import PortalDoor, see_other


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
        return self._door.page(request, "invite.html", problem="")

    async def _redeem(self, request: web.Request) -> web.Response:
        self._door.check_redeems(request)
        form = await read_form(request)
        # People paste the whole link as well as its end.
        token = form.text("token", 300).rpartition("#")[2]
        parts = self._door.parts
        label = _label(request.headers.get("User-Agent", ""))
        now = parts.clock()
        try:
            cookie = await parts.books.write(lambda conn: redeem_invite(conn, token, label, parts.key, now))
        except InviteInvalid:
            self._door.note_wrong_redeem(request)
            say = gettext_for(self._door.view(request).language)
            problem = say("This invitation does not work any more, or it was not copied whole. Ask for a new one.")
            page = self._door.page(request, "invite.html", problem=problem)
            page.set_status(404)
            return page
        response = see_other("/")
        self._door.give_cookie(response, cookie)
        return response


def _label(user_agent: str) -> str:
    """Say what kind of phone it is, for the list of phones; nothing that identifies it."""
    systems = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"))
    more = (("Mac OS", "Mac"), ("Linux", "Linux"))
    browsers = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    system = next((name for mark, name in (*systems, *more) if mark in user_agent), "Phone")
    browser = next((name for mark, name in browsers if mark in user_agent), "")
    return f"{system}, {browser}" if browser else system
