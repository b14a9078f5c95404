"""Sessions in question on the portal: saying "that was not my car", and blocking the card that was used."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import session
from ..i18n import gettext_for, mark
from ..link.door import AskRefused, LinkDown
from ..model import ResidentId
from ..resident.cards import Card, find_card, note_changed
from ..resident.devices import Device
from ..resident.disputes import MOST_TEXT, Dispute, DisputeRefused, find_dispute, may_question, question
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other

_NOT_STOPPED = mark(
    "The house did not answer, so the session could not be stopped. Please try again, or call the manager."
)


@dataclass(frozen=True, kw_only=True)
class Questioned:
    """What a session's page shows of it."""

    dispute: Dispute | None
    may: bool
    """Whether it may be questioned now."""
    card: Card | None
    """The resident's card that was used, if there is one to block."""
    said: str


class DisputePages:
    """What can be done about a session that was not theirs."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine, one = Access.RESIDENT, "/sessions/{id}"
        return (
            Route(method="POST", path=f"{one}/dispute", handler=self._question, access=mine, form_on=one),
            Route(method="POST", path=f"{one}/block-card", handler=self._block_card, access=mine),
        )

    async def _question(self, request: web.Request) -> web.Response:
        phone, now, session_id = self._door.phone(request), self._parts.clock(), request.match_info["id"]
        resident_id = phone.person.resident_id
        text = (await read_form(request)).text("text", MOST_TEXT, default="")
        if not await self._parts.books.read(lambda conn: may_question(conn, resident_id, session_id, now)):
            return await self._refused(phone, session_id)
        if not await self._stopped(resident_id, session_id):
            raise Refused(503, gettext_for(self._door.language(request))(_NOT_STOPPED))
        try:
            await self._parts.books.write(lambda conn: question(conn, resident_id, session_id, text, now))
        except DisputeRefused:
            return await self._refused(phone, session_id)
        return _back(session_id, "questioned")

    async def _stopped(self, resident_id: ResidentId, session_id: str) -> bool:
        """Have a running session stopped first; False when the house did not answer."""
        over = select(session.c.ended_ms).where(session.c.session_id == session_id)
        if await self._parts.books.read(lambda conn: conn.scalar(over)) is not None:
            return True
        body = {"session_id": session_id, "by": "resident", "resident_id": resident_id}
        try:
            await self._parts.link.ask("stop", body)
        except LinkDown:
            return False
        except AskRefused as refusal:
            return refusal.code == "not_found"  # it is over, its record is on the way
        return True

    async def _block_card(self, request: web.Request) -> web.Response:
        phone, session_id = self._door.phone(request), request.match_info["id"]
        async with self._parts.link.changing_cards:
            card = await self._parts.books.read(lambda conn: _card_of(conn, phone, session_id))
            if card is None:
                raise Refused(404)
            body = card.asked_by_holder(blocked=True)
            try:
                await self._parts.link.ask("change_card", body)
            except AskRefused, LinkDown:
                return _back(session_id, "not_blocked")
            await self._parts.books.write(lambda conn: note_changed(conn, body))
        return _back(session_id, "blocked")

    async def _refused(self, phone: Device, session_id: str) -> web.Response:
        mine = select(session.c.session_id).where(
            session.c.session_id == session_id, session.c.resident_id == phone.person.resident_id
        )
        if await self._parts.books.read(lambda conn: conn.scalar(mine)) is None:
            raise Refused(404)
        return _back(session_id, "too_late")


async def questioned(door: PortalDoor, request: web.Request, phone: Device, session_id: str) -> Questioned:
    """Return what the page of a resident's session shows of it."""
    now = door.parts.clock()
    found, may, card = await door.parts.books.read(
        lambda conn: (
            find_dispute(conn, session_id),
            may_question(conn, phone.person.resident_id, session_id, now),
            _card_of(conn, phone, session_id),
        )
    )
    return Questioned(dispute=found, may=may, card=card, said=request.query.get("said", ""))


def _card_of(conn: Connection, phone: Device, session_id: str) -> Card | None:
    """Return the card of a resident's session, if it is still theirs."""
    resident_id = phone.person.resident_id
    used = conn.scalar(
        select(session.c.credential_id).where(
            session.c.session_id == session_id,
            session.c.resident_id == resident_id,
            session.c.credential_kind == "card",
        )
    )
    card = None if used is None else find_card(conn, used)
    return card if card is not None and card.resident_id == resident_id else None


def _back(session_id: str, said: str) -> web.Response:
    return see_other(f"/sessions/{session_id}?said={said}#not-mine")
