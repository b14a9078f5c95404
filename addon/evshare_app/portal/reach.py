"""Where a phone shows that it reaches the portal under its public address, with a code the office made."""

from collections.abc import Sequence

from aiohttp import web

from ..books.reach import code_counts, note_reached
from ..i18n import gettext_for
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from ..web.reached import from_trusted
from .door import PortalDoor

_CODE = 60


class ReachPages:
    """The check of the public address. Looking is not enough, it is pressed: programs that preview links only look."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/reach", handler=self._show, access=Access.ANYONE),
            Route(method="POST", path="/reach", handler=self._note, access=Access.ANYONE),
        )

    async def _show(self, request: web.Request) -> web.Response:
        address, code, now = self._parts.settings.portal_url, request.query.get("code", "")[:_CODE], self._parts.clock()
        if not address or not code:
            raise Refused(404)
        key = self._parts.key
        if not await self._parts.books.read(lambda conn: code_counts(conn, key, address, code, now)):
            raise self._too_old(request)
        return self._page(request, address, code=code, done=False)

    async def _note(self, request: web.Request) -> web.Response:
        address, key, now = self._parts.settings.portal_url, self._parts.key, self._parts.clock()
        code = (await read_form(request)).text("code", _CODE)
        if not address:
            raise Refused(404)
        if self._problem(request, address):
            if not await self._parts.books.read(lambda conn: code_counts(conn, key, address, code, now)):
                raise self._too_old(request)
            return self._page(request, address, code=code, done=False)
        if not await self._parts.books.write(lambda conn: note_reached(conn, key, address, code, now)):
            raise self._too_old(request)
        return self._page(request, address, code="", done=True)

    def _page(self, request: web.Request, address: str, *, code: str, done: bool) -> web.Response:
        problem = self._problem(request, address)
        return self._door.page(request, "reach.html", address=address, code=code, done=done, problem=problem)

    def _too_old(self, request: web.Request) -> Refused:
        say = gettext_for(self._door.view(request).language)
        return Refused(404, say("This code was used or is too old. Make a new one in the office."))

    def _problem(self, request: web.Request, address: str) -> str:
        """Return why this request does not show that the address works; empty where it does."""
        say = gettext_for(self._door.view(request).language)
        reached = self._door.reached_at(request)
        if reached == address and address.startswith("https:"):
            return ""
        trusted = from_trusted(request, self._parts.settings.trusted_proxies)
        if not trusted and "X-Forwarded-Proto" in request.headers:
            text = say("This came by a proxy at %s that the app does not trust. Add it to the trusted reverse proxies.")
            return text % request.remote
        if not reached.startswith("https:"):
            return say("This did not come over HTTPS, or the proxy does not say so (X-Forwarded-Proto).")
        return say("This came under another address: %s") % reached
