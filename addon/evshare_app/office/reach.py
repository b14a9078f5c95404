"""How residents' phones reach the portal, what works because of it and what does not, and the check by a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection
from yarl import URL

from ..books.reach import CODE_LIFE, checked_at, reach_code
from ..i18n import gettext_for, mark
from ..settings import Settings
from ..web.compress import keep_plain
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor

_EXPIRES_SOON = timedelta(days=14)


class Standing(StrEnum):
    """How far the public address is to be trusted with something that is printed."""

    NO_ADDRESS = "no_address"
    PLAIN = "plain"
    """Plain HTTP: only inside the house."""
    UNCHECKED = "unchecked"
    CHECKED = "checked"


_REFUSALS = {
    Standing.NO_ADDRESS: mark("The portal’s public address is not set yet, and it is in every code that is printed."),
    Standing.PLAIN: mark("Without HTTPS signs are only for the house’s own Wi-Fi. Tick that this is meant."),
    Standing.UNCHECKED: mark("No phone has reached the public address yet. Check it first, then print."),
}


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The portal's public address and how it stands."""

    standing: Standing
    address: str
    """Empty where none is set."""
    checked: datetime | None

    def refusal(self, *, indoors: bool) -> str:
        """Return why no sign may be printed, as a text to translate; empty where it may.

        `indoors`: whoever prints said that it is for inside the house only, which plain HTTP is.
        """
        if self.standing is Standing.PLAIN and indoors:
            return ""
        return _REFUSALS.get(self.standing, "")


def reach_of(conn: Connection, settings: Settings) -> Reach:
    """Return how the public address stands."""
    if settings.portal_url is None:
        return Reach(standing=Standing.NO_ADDRESS, address="", checked=None)
    if not settings.portal_is_https:
        return Reach(standing=Standing.PLAIN, address=settings.portal_url, checked=None)
    checked = checked_at(conn, settings.portal_url)
    standing = Standing.UNCHECKED if checked is None else Standing.CHECKED
    return Reach(standing=standing, address=settings.portal_url, checked=checked)


class ReachPages:
    """The page about the public address."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/office/reach", handler=self._show, access=Access.OFFICE),
            Route(method="POST", path="/office/reach", handler=self._make_code, access=Access.TECHNICIAN),
        )

    async def _show(self, request: web.Request) -> web.Response:
        return await self._page(request, link="")

    async def _make_code(self, request: web.Request) -> web.Response:
        address = self._parts.settings.portal_url
        if address is None or not self._parts.settings.portal_is_https:
            say = gettext_for(self._door.view(request).language)
            raise Refused(400, say("There is no HTTPS address to check. Set it in the app’s configuration first."))
        code = reach_code(self._parts.key, address, self._parts.clock())
        return keep_plain(await self._page(request, link=f"{address}/reach?code={code}"))

    async def _page(self, request: web.Request, *, link: str) -> web.Response:
        settings, certificate, now = self._parts.settings, self._parts.certificate, self._parts.clock()
        reach = await self._parts.books.read(lambda conn: reach_of(conn, settings))
        # segno draws paths and numbers, no text of anyone's.
        qr = Markup(segno.make(link, error="m", micro=False).svg_inline(border=4, omitsize=True)) if link else None  # noqa: S704
        host = URL(reach.address).host or "" if reach.address else ""
        return self._door.page(
            request,
            "reach.html",
            here="stalls",
            reach=reach,
            relayed=bool(settings.portal_base),
            link=link,
            qr=qr,
            minutes=int(CODE_LIFE.total_seconds() // 60),
            proxies=[str(network) for network in settings.trusted_proxies],
            certificate=certificate,
            wrong_name=certificate is not None and bool(certificate.names) and not certificate.is_for(host),
            ends_soon=certificate is not None
            and certificate.expires is not None
            and certificate.expires - now < _EXPIRES_SOON,
        )
