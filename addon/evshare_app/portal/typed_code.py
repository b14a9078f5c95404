"""Where the code below a stall's QR code is typed by whoever has no camera."""

from collections.abc import Sequence

from aiohttp import web

from ..i18n import mark
from ..tokens import as_stall_code
from ..web.forms import BadInput, Form
from ..web.listener import Access, Route
from .door import PortalDoor, see_other


class TypedCode:
    """From what was typed to the stall's page, which says whether there is such a stall."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (Route(method="GET", path="/s", handler=self._go, access=Access.ANYONE, form_on="/"),)

    async def _go(self, request: web.Request) -> web.Response:
        typed = Form(dict(request.query)).text("code", 60, default="")
        code = as_stall_code(typed)
        if code is None:
            raise BadInput("code", typed, mark("the 16 characters below the QR code"))
        return see_other(f"/s/{code}")
