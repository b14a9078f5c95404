"""A resident's NFC cards that are held to a phone (`tags.py`): whoever lost one takes it out of use here, at once.

Taking out asks for nothing, as blocking another card does. To put one into use takes its keys: that is the office's.
"""

from collections.abc import Sequence

from aiohttp import web

from ..resident.tags import remove_own_card
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other


class NfcCardPages:
    """Taking NFC cards of one's own out of use; they are listed with the others."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (Route(method="POST", path="/cards/nfc/{id}/lost", handler=self._lost, access=Access.RESIDENT),)

    async def _lost(self, request: web.Request) -> web.Response:
        await read_form(request)
        me, now, tag_id = self._door.phone(request).person.resident_id, self._parts.clock(), request.match_info["id"]
        if not await self._parts.books.write(lambda conn: remove_own_card(conn, me, tag_id, now)):
            raise Refused(404)
        return see_other("/cards?said=nfc_lost")
