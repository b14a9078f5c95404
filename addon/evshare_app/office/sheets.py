"""Sheets to print from the office: stickers for the stalls and the poster that says how to get in.

What is printed stays on a wall for years, so it is made only for an address that a phone has reached (`reach.py`).
"""

from collections.abc import Sequence

from aiohttp import web

from ..i18n import gettext_for, mark
from ..web.documents import pdf_document
from ..web.forms import BadInput, Form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reach import Reach, Standing, reach_of
from .reading import stalls
from .sheet_pdf import PAPERS, SIZES, House, Sticker, in_fours, poster_pdf, stickers_pdf

_MOST_COPIES = 16


class SheetPages:
    """What there is to print."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        here, office = "/office/sheets", Access.OFFICE
        return (
            Route(method="GET", path=here, handler=self._show, access=office),
            Route(method="GET", path=f"{here}/stickers", handler=self._stickers, access=office, form_on=here),
            Route(method="GET", path=f"{here}/poster", handler=self._poster, access=office, form_on=here),
        )

    async def _show(self, request: web.Request) -> web.Response:
        settings = self._parts.settings
        reach, known = await self._parts.books.read(lambda conn: (reach_of(conn, settings), stalls(conn)))
        return self._door.page(
            request,
            "sheets.html",
            here="stalls",
            reach=reach,
            refusal=reach.refusal(indoors=True),
            stalls=[(stall.stall_id, stall.name, in_fours(stall.code)) for stall in known],
            contact=self._door.building(request).contact,
            most=_MOST_COPIES,
        )

    async def _stickers(self, request: web.Request) -> web.Response:
        form = Form(dict(request.query))
        house = await self._house(request, form)
        known = await self._parts.books.read(stalls)
        chosen = form.choice("stall", ["", *(stall.stall_id for stall in known)], default="")
        copies = form.text("copies", 4, default="1")
        if not (copies.isascii() and copies.isdecimal() and 1 <= int(copies) <= _MOST_COPIES):
            accepted = mark("a whole number from %(least)s to %(most)s")
            raise BadInput("copies", copies, accepted, least=1, most=_MOST_COPIES)
        paper, size = form.choice("paper", PAPERS, default="a4"), form.choice("size", SIZES, default="small")
        stickers = [
            Sticker(stall=stall.name, code=stall.code)
            for stall in known
            if chosen in ("", stall.stall_id)
            for _ in range(int(copies))
        ]
        if not stickers:
            raise Refused(404)
        return pdf_document("stickers", stickers_pdf(house, stickers, paper=paper, size=size))

    async def _poster(self, request: web.Request) -> web.Response:
        form = Form(dict(request.query))
        house = await self._house(request, form)
        return pdf_document("poster", poster_pdf(house, paper=form.choice("paper", PAPERS, default="a4")))

    async def _house(self, request: web.Request, form: Form) -> House:
        reach, building = await may_print(self._door, request, form), self._door.building(request)
        return House(
            name=building.name,
            address=reach.address,
            contact=building.contact or "",
            language=building.language,
            indoors=reach.standing is Standing.PLAIN,
            made=self._parts.clock(),
        )


async def may_print(door: OfficeDoor, request: web.Request, form: Form) -> Reach:
    """Return how the public address stands, for something to be printed. Raises `Refused` with the reason."""
    indoors = form.choice("indoors", ("", "yes"), default="") == "yes"
    reach = await door.parts.books.read(lambda conn: reach_of(conn, door.parts.settings))
    if refusal := reach.refusal(indoors=indoors):
        raise Refused(400, gettext_for(door.view(request).language)(refusal))
    return reach
