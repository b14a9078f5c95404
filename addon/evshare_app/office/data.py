"""The books as a file for the owners and their auditor, and erasing people who have left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
import logging
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection

from ..export.make import export_building
from ..i18n import gettext_for, mark
from ..ledger.heads import fingerprint, open_key
from ..model import ResidentId
from ..resident.erasure import EraseRefused, erase, is_erased, reason_against
from ..resident.people import people
from ..web.download import Downloads
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor

_LOGGER = logging.getLogger(__name__)

WHY_NOT = {
    "still_there": mark("Remove them in Home Assistant first."),
    "charging": mark("Their car is charging."),
    "disputes": mark("A session of theirs is in question."),
    "not_billed": mark("The month of their last session is not closed yet."),
    "payment_open": mark("A payment is under way."),
    "owes": mark("They owe something."),
    "has_money": mark("They have money here that is theirs."),
    "unknown": mark("They are not in the books."),
}
"""Why somebody cannot be erased yet, by the words of `resident/erasure.py`."""


@dataclass(frozen=True, kw_only=True)
class _Gone:
    resident_id: ResidentId
    name: str
    why_not: str | None


class DataPages:
    """Exports and erasure."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts
        self._downloads = Downloads(door.parts.settings.data_dir)

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        manager, path = Access.MANAGER, "/office/data"
        return (
            Route(method="GET", path=path, handler=self._show, access=manager),
            Route(method="GET", path=f"{path}/export", handler=self._export, access=manager),
            Route(method="POST", path=f"{path}/erase", handler=self._erase, access=manager, form_on=path),
        )

    @property
    def _keys(self) -> Path:
        return self._parts.settings.data_dir / "keys"

    async def _show(self, request: web.Request) -> web.Response:
        def look(conn: Connection) -> tuple[list[_Gone], str]:
            gone = [
                _Gone(
                    resident_id=one.resident_id,
                    name=one.name,
                    why_not=reason_against(conn, one.resident_id),
                )
                for one in people(conn)
                if one.removed and not is_erased(conn, one.resident_id)
            ]
            return gone, fingerprint(open_key(conn, self._keys).public)

        gone, key = await self._parts.books.read(look)
        say = gettext_for(self._door.view(request).language)
        return self._door.page(
            request,
            "data.html",
            here="checks",
            gone=gone,
            why_not=WHY_NOT,
            key=key,
            said=say("They are erased.") if request.query.get("said") == "erased" else "",
        )

    async def _export(self, request: web.Request) -> web.StreamResponse:
        now = self._parts.clock()

        def export(conn: Connection, path: Path) -> None:
            export_building(conn, open_key(conn, self._keys), path, now)

        async def make(path: Path) -> None:
            await self._parts.books.write(partial(export, path=path))

        _LOGGER.info("%s exported the books", self._door.manager(request).actor)
        return await self._downloads.send(request, f"evshare-books-{now:%Y-%m-%d}.zip", make)

    async def _erase(self, request: web.Request) -> web.Response:
        form, actor = await read_form(request), self._door.manager(request).actor
        resident_id = ResidentId(form.text("resident", 64))
        known = {one.resident_id: one.name for one in await self._parts.books.read(people)}
        if resident_id not in known:
            raise Refused(404)
        # Whoever means it types the name: it cannot be undone.
        if form.text("name", 200) != known[resident_id]:
            raise BadInput("name", form.text("name", 200), mark("their name, exactly as it is written here"))
        try:
            done = await self._parts.books.write(lambda conn: erase(conn, resident_id))
        except EraseRefused as refusal:
            say = gettext_for(self._door.view(request).language)
            raise Refused(409, say(WHY_NOT[refusal.why])) from None
        _LOGGER.warning("%s erased resident %s", actor, resident_id)
        for customer in done.stripe_customers:
            _LOGGER.warning("Delete customer %s in Stripe's dashboard: the resident was erased here", customer)
        return self._door.see_other(request, "/office/data?said=erased")
