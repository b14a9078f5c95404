"""Sessions somebody says were not theirs: what is known of each, and the manager's decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection

from ..i18n import gettext_for, mark
from ..model import SessionId
from ..resident.disputes import (
    MOST_TEXT,
    OPEN,
    Dispute,
    DisputeRefused,
    disputes,
    find_dispute,
    reject,
    uphold,
)
from ..resident.evidence import Evidence, evidence
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .words import CREDENTIALS

STOPS = {
    "unplugged": mark("unplugged"),
    "person": mark("stopped by the resident"),
    "office": mark("stopped by the office"),
    "no_plug": mark("no car was plugged in"),
    "start_failed": mark("the stall could not begin"),
    "gap": mark("unplugged while Home Assistant was not looking"),
    "removed": mark("the stall was removed"),
    "cap": mark("its limit was reached"),
}
"""Why a session ended."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A session in question with all that is known of it."""

    dispute: Dispute
    evidence: Evidence | None
    """Only of those that are still to be decided."""


class DisputePages:
    """The list of disputes, and deciding them."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        all_, one = "/office/disputes", "/office/disputes/{id}"
        return (
            Route(method="GET", path=all_, handler=self._list, access=Access.BOARD),
            Route(method="POST", path=f"{one}/uphold", handler=self._uphold, access=Access.MANAGER, form_on=all_),
            Route(method="POST", path=f"{one}/reject", handler=self._reject, access=Access.MANAGER, form_on=all_),
        )

    async def _list(self, request: web.Request) -> web.Response:
        cases = await self._parts.books.read(_cases)
        say = gettext_for(self._door.view(request).language)
        said = {"upheld": say("Nobody owes it now."), "rejected": say("It comes on the next statement.")}
        return self._door.page(
            request,
            "disputes.html",
            here="disputes",
            open=[one for one in cases if one.dispute.state == OPEN],
            decided=[one.dispute for one in cases if one.dispute.state != OPEN],
            credentials=CREDENTIALS,
            stops=STOPS,
            said=said.get(request.query.get("said", ""), ""),
        )

    async def _uphold(self, request: web.Request) -> web.Response:
        note = (await read_form(request)).text("note", MOST_TEXT, default="")
        session_id, actor, now = await self._known(request), self._door.manager(request).actor, self._parts.clock()
        key = await self._parts.closing.ledger_key()
        return await self._decide(
            request, lambda conn: uphold(conn, session_id, note, actor, now, ledger_key=key), "upheld"
        )

    async def _reject(self, request: web.Request) -> web.Response:
        note = (await read_form(request)).text("note", MOST_TEXT, default="")
        session_id, actor, now = await self._known(request), self._door.manager(request).actor, self._parts.clock()
        if not note:
            raise BadInput("note", note, mark("a reason the resident is told"))
        return await self._decide(request, lambda conn: reject(conn, session_id, note, actor, now), "rejected")

    async def _decide(self, request: web.Request, decide: Callable[[Connection], None], said: str) -> web.Response:
        try:
            await self._parts.books.write(decide)
        except DisputeRefused as refusal:
            say = gettext_for(self._door.view(request).language)
            reasons = {
                "decided": say("It is decided already."),
                "runs": say("The session is still open in the books. Please wait a moment until its end has arrived."),
                "closing": say("Its month is just being closed. Please wait a moment until its statement is issued."),
            }
            raise Refused(409, reasons[refusal.why]) from None
        # What somebody's money is still good for may be more now.
        await self._parts.link.tell_rules()
        return self._door.see_other(request, f"/office/disputes?said={said}")

    async def _known(self, request: web.Request) -> SessionId:
        session_id = request.match_info["id"]
        if await self._parts.books.read(lambda conn: find_dispute(conn, session_id)) is None:
            raise Refused(404)
        return SessionId(session_id)


def _cases(conn: Connection) -> list[Case]:
    return [
        Case(dispute=one, evidence=evidence(conn, one.session_id) if one.state == OPEN else None)
        for one in disputes(conn)
    ]
