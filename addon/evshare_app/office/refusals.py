"""Why somebody was refused: who tried where and when, by what, and what they may do about it."""

from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from ..web.listener import Access, Route
from .door import OfficeDoor
from .reading import denied_since
from .words import CREDENTIALS, DENIALS, WHAT_TO_DO

_DAYS = 30
_AT_MOST = 200


class RefusalPage:
    """The refusals of the last days."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (Route(method="GET", path="/office/refusals", handler=self._show, access=Access.OFFICE),)

    async def _show(self, request: web.Request) -> web.Response:
        now = self._door.parts.clock()
        denied = await self._door.parts.books.read(
            lambda conn: denied_since(conn, now - timedelta(days=_DAYS), at_most=_AT_MOST)
        )
        return self._door.page(
            request,
            "refusals.html",
            here="refusals",
            denied=denied,
            denials=DENIALS,
            what_to_do=WHAT_TO_DO,
            credentials=CREDENTIALS,
            days=_DAYS,
            at_most=_AT_MOST,
        )
