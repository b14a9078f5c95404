"""Copies of the books in the office: how old the last one is, whether it could be restored, and leaving quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
import logging

from aiohttp import web
from sqlalchemy import Connection

from ..books import drill, quarantine
from ..i18n import mark
from ..web.listener import Access, Route
from .door import OfficeDoor

_LOGGER = logging.getLogger(__name__)

LATE = timedelta(hours=48)
"""So old a copy may be before it is shown as a fault."""

MISSING = {
    "records": mark("Records of stalls; Home Assistant sends them again."),
    "payments": mark("Payments that were begun; they are looked for at the payment provider."),
    "transactions": mark("Bookings of the ledger. Enter again what was entered in the office since."),
    "chain": mark("The ledger is another one than it was. Restore another copy if you have one."),
    "numbers": mark("Statements that were issued. Their numbers will be given out again: tell those who have them."),
    "unknown": mark("Not known: whatever happened since the backup was made."),
}
"""What the books lack, by the kinds of `books/position.py`."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    quarantine: quarantine.Quarantine | None
    drill: drill.Drill | None
    drill_due: bool


class BackupPages:
    """Copies, drills, quarantine."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/office/backup", handler=self._show, access=Access.BOARD),
            Route(method="POST", path="/office/backup/leave", handler=self._leave, access=Access.MANAGER),
        )

    async def _show(self, request: web.Request) -> web.Response:
        now, keeping = self._parts.clock(), self._parts.safekeeping

        def look(conn: Connection) -> _Seen:
            return _Seen(
                quarantine=quarantine.last_restore(conn),
                drill=drill.last_drill(conn),
                drill_due=drill.is_due(conn, now),
            )

        seen, copies = await self._parts.books.read(look), keeping.shelf.copies()
        return self._door.page(
            request,
            "backup.html",
            here="checks",
            seen=seen,
            copies=copies,
            late=not copies or now - copies[0].taken > LATE,
            problem=keeping.problem,
            missing=MISSING,
            cards=self._parts.rail is not None,
        )

    async def _leave(self, request: web.Request) -> web.Response:
        manager = self._door.manager(request)
        if await self._parts.safekeeping.leave_quarantine(manager.actor):
            _LOGGER.warning("%s ended the quarantine of the books", manager.actor)
        return self._door.see_other(request, "/office/backup")
