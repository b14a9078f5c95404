"""Stalls in the office: what they can enforce, and their QR codes to print."""

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection, update

from ..books.schema import stall as stall_table
from ..tokens import new_stall_code
from ..web.forms import Form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reach import reach_of
from .reading import stalls
from .sheets import may_print
from .words import LOCKS


class StallPages:
    """The list of stalls and the signs to print."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/office/stalls", handler=self._list, access=Access.OFFICE),
            Route(method="GET", path="/office/stalls/{id}/qr.svg", handler=self._qr, access=Access.OFFICE),
            Route(method="POST", path="/office/stalls/{id}/new-code", handler=self._new_code, access=Access.TECHNICIAN),
        )

    async def _list(self, request: web.Request) -> web.Response:
        settings = self._parts.settings
        known, reach = await self._parts.books.read(lambda conn: (stalls(conn), reach_of(conn, settings)))
        portal = self._door.portal_address(request)
        signs = [
            {
                "stall": stall,
                "address": f"{portal}/s/{stall.code}",
                "qr": Markup(_code(portal, stall.code).svg_inline(border=2, omitsize=True)),  # noqa: S704 - paths only
                "lock": LOCKS.get(stall.lock_quality, stall.lock_quality),
            }
            for stall in known
        ]
        return self._door.page(
            request,
            "stalls.html",
            here="stalls",
            signs=signs,
            guessed=settings.portal_url is None,
            portal=portal,
            secure=settings.portal_is_https,
            drawable=not reach.refusal(indoors=False),
        )

    async def _qr(self, request: web.Request) -> web.Response:
        # For a sign maker: only for an address that a phone has reached.
        await may_print(self._door, request, Form({}))
        known = await self._parts.books.read(stalls)
        stall = next((one for one in known if one.stall_id == request.match_info["id"]), None)
        if stall is None:
            raise Refused(404)
        svg = _code(self._door.portal_address(request), stall.code).svg_inline(border=4, scale=10)
        headers = {"Content-Disposition": f'attachment; filename="stall-{stall.code}.svg"'}
        svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return web.Response(text=svg, content_type="image/svg+xml", headers=headers)

    async def _new_code(self, request: web.Request) -> web.Response:
        stall_id = request.match_info["id"]
        if not await self._parts.books.write(lambda conn: _renew_code(conn, stall_id)):
            raise Refused(404)
        return self._door.see_other(request, "/office/stalls")


def _code(portal: str, code: str) -> segno.QRCode:
    # Level M survives a scratched sticker; a small code is read from further away.
    return segno.make(f"{portal}/s/{code}", error="m", micro=False)


def _renew_code(conn: Connection, stall_id: str) -> bool:
    renewed = conn.execute(
        update(stall_table)
        .where(stall_table.c.stall_id == stall_id, stall_table.c.removed_ms.is_(None))
        .values(qr_code=new_stall_code())
    )
    return renewed.rowcount == 1
