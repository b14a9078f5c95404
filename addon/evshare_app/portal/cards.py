"""A resident's own cards: what each used, its name, its quiet hours, blocking one that is lost, and adding one.

A card charges at its holder's cost without anyone being asked again. So those who have a passkey confirm with it before
a card is added or unblocked, or its quiet hours change. Blocking asks for nothing: it is for a moment of fright, and
takes away only what its holder can give back. What the manager blocked, and every cap, is the manager's. Whose card is
whose, and what its holder may, the integration looks at once more.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
import logging

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for, mark
from ..link.door import AskRefused, LinkDown
from ..model import Month, from_ms, to_ms
from ..resident.card_caps import card_used
from ..resident.cards import Card, cards, find_card, note_changed
from ..resident.devices import Device
from ..resident.rules import rule_of
from ..resident.tags import tags
from ..web.answers import Said
from ..web.card_form import LABEL, read_quiet
from ..web.forms import BadInput, read_form
from ..web.limits import Rate, TokenBuckets
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .passkeys import must_confirm

_LOGGER = logging.getLogger(__name__)

MOST_CARDS = 10
"""Cards a resident may have and still add one themself, as in the integration."""
_WINDOW = timedelta(seconds=60)
_CLOCKS = timedelta(seconds=5)
"""How far the clocks of Home Assistant and the app may be apart, and what a second's resolution takes away."""
_CONFIRM = "/me/confirm?to=cards"

_SAID = {
    "saved": Said(mark("Saved."), "good"),
    "blocked": Said(
        mark("The card is blocked. It starts nothing any more. What is charging goes on: stop it on its page."), "good"
    ),
    "unblocked": Said(mark("The card is unblocked."), "good"),
    "managers": Said(mark("The manager blocked this card, so only the manager can unblock it.")),
    "nfc_lost": Said(mark("The card starts nothing any more. The manager can give you another."), "good"),
    "confirmed": Said(mark("Thank you. For five minutes you can add and unblock cards."), "good"),
}
"""Answers by their name in the address."""

_NO_ANSWER = mark(
    "The house did not answer. Look in a moment whether it was done, else try once more. Is it urgent? "
    "Call the manager."
)
_REFUSED = mark("The house did not allow this, so nothing was changed. Ask the manager.")
_WAITS = mark("Another card is waited for at this reader. Please try again in a minute.")


@dataclass(frozen=True, kw_only=True)
class _Reader:
    stall_id: str
    name: str


class CardPages:
    """A resident's cards, each one's page, and adding one."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts
        # While a card is waited for, nobody else's can be at that reader.
        self._windows = TokenBuckets(Rate(per_minute=0.5, burst=4))

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        everything, one, mine = "/cards", "/cards/{id}", Access.RESIDENT
        return (
            Route(method="GET", path=everything, handler=self._list, access=mine),
            Route(method="POST", path=f"{everything}/add", handler=self._add, access=mine, form_on=everything),
            Route(method="GET", path=f"{everything}/adding", handler=self._adding, access=mine),
            Route(method="GET", path=one, handler=self._show, access=mine),
            Route(method="POST", path=f"{one}/name", handler=self._name, access=mine, form_on=one),
            Route(method="POST", path=f"{one}/quiet", handler=self._quiet, access=mine, form_on=one),
            Route(method="POST", path=f"{one}/block", handler=self._block, access=mine),
            Route(method="POST", path=f"{one}/unblock", handler=self._unblock, access=mine),
        )

    # --- looking ---------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        me = phone.person.resident_id
        mine, places, nfc = await self._parts.books.read(
            lambda conn: (cards(conn, me), self._readers(conn, phone), tags(conn, me))
        )
        return self._door.page(
            request,
            "cards.html",
            here="me",
            cards=mine,
            nfc=nfc,
            readers=places,
            full=len(mine) >= MOST_CARDS,
            most=MOST_CARDS,
            may_add=not phone.person.blocked and not phone.person.away(now),
            connected=self._parts.link.live.connected,
            must_confirm=await must_confirm(self._door, request),
            said=self._said(request),
        )

    async def _show(self, request: web.Request) -> web.Response:
        card, now, building = await self._card(request), self._parts.clock(), self._door.building(request)
        running_wh = {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}
        used = await self._parts.books.read(lambda conn: card_used(conn, card.card_id, now, building.zone, running_wh))
        return self._door.page(
            request,
            "own_card.html",
            here="me",
            card=card,
            month=Month.of(now, building.zone),
            used=used,
            cost_minor=used.cost.minor + used.running.minor,
            currency=building.currency,
            must_confirm=await must_confirm(self._door, request),
            said=self._said(request),
        )

    # --- changing --------------------------------------------------------------------------------------------------

    async def _name(self, request: web.Request) -> web.Response:
        label = (await read_form(request)).text("label", LABEL, default="")
        return await self._change(request, "saved", label=label)

    async def _quiet(self, request: web.Request) -> web.Response:
        quiet = read_quiet(await read_form(request))
        if await must_confirm(self._door, request):
            return see_other(_CONFIRM)
        return await self._change(request, "saved", quiet=None if quiet is None else quiet.told())

    async def _block(self, request: web.Request) -> web.Response:
        return await self._change(request, "blocked", blocked=True)

    async def _unblock(self, request: web.Request) -> web.Response:
        if await must_confirm(self._door, request):
            return see_other(_CONFIRM)
        return await self._change(request, "unblocked", blocked=False)

    async def _change(self, request: web.Request, said: str, **changes: object) -> web.Response:
        """Change a card as its holder may, and say so."""
        async with self._parts.link.changing_cards:
            card = await self._card(request)
            body = card.asked_by_holder(**changes)
            if card.is_managers and not body["blocked"]:
                said = "managers"
            else:
                await self._ask(request, "change_card", body, _REFUSED)
                await self._parts.books.write(lambda conn: note_changed(conn, body))
        return see_other(f"/cards/{card.card_id}?said={said}")

    # --- adding ----------------------------------------------------------------------------------------------------

    async def _add(self, request: web.Request) -> web.Response:
        form, phone, now = await read_form(request), self._door.phone(request), self._parts.clock()
        me, say = phone.person.resident_id, gettext_for(self._door.language(request))
        if phone.person.blocked or phone.person.away(now):
            raise Refused(404)
        if await must_confirm(self._door, request):
            return see_other(_CONFIRM)
        mine, places = await self._parts.books.read(lambda conn: (cards(conn, me), self._readers(conn, phone)))
        stall_id, label = form.choice("stall", [one.stall_id for one in places]), form.text("label", LABEL, default="")
        if len(mine) >= MOST_CARDS:
            most = say("You have %(most)s cards already. The manager can remove some, or add another.")
            raise Refused(409, most % {"most": MOST_CARDS})
        wait_s = self._windows.take(me, asyncio.get_running_loop().time())
        if wait_s:
            raise Refused(429, retry_after_s=wait_s)
        timeout_s = int(_WINDOW.total_seconds())
        body = {"resident_id": me, "stall_id": stall_id, "timeout_s": timeout_s, "label": label, "by": "resident"}
        await self._ask(request, "enrol_card", body, _WAITS)
        return see_other(f"/cards/adding?stall={stall_id}&since={to_ms(now)}")

    async def _adding(self, request: web.Request) -> web.Response:
        phone, since, stall_id = self._door.phone(request), request.query.get("since", ""), request.query.get("stall")
        if not (since.isascii() and since.isdigit() and len(since) <= 13):
            raise BadInput("since", since, mark("UTC milliseconds"))
        me, begun = phone.person.resident_id, from_ms(int(since))
        mine, places = await self._parts.books.read(lambda conn: (cards(conn, me), self._readers(conn, phone)))
        place = next((one for one in places if one.stall_id == stall_id), None)
        if place is None:
            raise Refused(404)
        waited = self._parts.link.live.enrolment(me, place.stall_id)
        return self._door.page(
            request,
            "card_adding.html",
            here="me",
            stall=place.name,
            address=request.path_qs,
            added=[one for one in mine if one.added_ms >= to_ms(begun - _CLOCKS)],
            known_shown=waited is not None and waited.until >= begun and waited.known_shown,
            over=self._parts.clock() > begun + _WINDOW + _CLOCKS,
        )

    # --- small things ----------------------------------------------------------------------------------------------

    async def _card(self, request: web.Request) -> Card:
        """Return a card of theirs. Raises `Refused` alike for one of somebody else and one that is not there."""
        me, card_id = self._door.phone(request).person.resident_id, request.match_info["id"]
        card = await self._parts.books.read(lambda conn: find_card(conn, card_id))
        if card is None or card.resident_id != me:
            raise Refused(404)
        return card

    def _readers(self, conn: Connection, phone: Device) -> list[_Reader]:
        """Return the stalls they may charge at where a card can be shown."""
        version = self._parts.link.version
        told = version is None or version > 1
        allowed = rule_of(conn, phone.person.resident_id).stall_ids
        rows = conn.execute(select(stall_table).where(stall_table.c.removed_ms.is_(None)).order_by(stall_table.c.name))
        return [
            _Reader(stall_id=row.stall_id, name=row.name)
            for row in rows
            if (row.card_reader or not told) and (allowed is None or row.stall_id in allowed)
        ]

    async def _ask(self, request: web.Request, what: str, body: dict[str, object], refused: str) -> None:
        say = gettext_for(self._door.language(request))
        try:
            await self._parts.link.ask(what, body)
        except AskRefused as refusal:
            _LOGGER.info("A resident’s %s was refused: %s", what, refusal)
            raise Refused(409, say(refused)) from None
        except LinkDown:
            raise Refused(503, say(_NO_ANSWER)) from None

    def _said(self, request: web.Request) -> Said | None:
        said = _SAID.get(request.query.get("said", ""))
        say = gettext_for(self._door.language(request))
        return None if said is None else Said(say(said.text), said.tone)
