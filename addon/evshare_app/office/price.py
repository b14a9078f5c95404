"""How the price of any session came about, for the office."""

from collections.abc import Sequence

from aiohttp import web

from ..tariff.explain_text import paragraphs
from ..tariff.explained import explained_session
from ..web.formats import Formats
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor


class PricePage:
    """A session's price, step by step."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (Route(method="GET", path="/office/sessions/{id}", handler=self._show, access=Access.BOARD),)

    async def _show(self, request: web.Request) -> web.Response:
        view, session_id = self._door.view(request), request.match_info["id"]
        told = await self._door.parts.books.read(lambda conn: explained_session(conn, session_id))
        if told is None:
            raise Refused(404)
        return self._door.page(
            request,
            "session_price.html",
            here="",
            told=told,
            steps=paragraphs(told.explanation, Formats(view.language, view.zone).locale),
            currency=told.explanation.currency,
        )
