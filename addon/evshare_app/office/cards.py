"""Cards in the office: whose they are, what they may, those nobody knows, and learning new ones."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from aiohttp import web
from sqlalchemy import Connection

from ..i18n import gettext_for
from ..model import Month, ResidentId, from_ms, to_ms
from ..money import Money
from ..resident.card_caps import caps_told, card_used, note_told, set_card_cap
from ..resident.cards import (
    Card,
    cards,
    find_card,
    note_assigned,
    note_changed,
    note_removed,
    unknown_cards,
)
from ..resident.people import NoSuchResident, Person, people, person
from ..web.card_form import LABEL, read_quiet
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Refused, Route
from . import fields
from .asking import ask
from .door import OfficeDoor
from .reading import StallLine, readers

_LEARN = timedelta(seconds=60)
_CLOCKS = timedelta(seconds=5)
"""How far the clocks of Home Assistant and the app may be apart, and what a second's resolution takes away."""


class CardPages:
    """All cards, each one's page, and learning."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        everything, one, whose = "/office/cards", "/office/cards/{id}", "/office/residents/{id}"
        workshop = Access.TECHNICIAN
        return (
            Route(method="GET", path=everything, handler=self._list, access=Access.OFFICE),
            Route(method="GET", path="/office/cards/learning", handler=self._learning, access=workshop),
            Route(method="POST", path="/office/cards/learn", handler=self._learn, access=workshop, form_on=everything),
            Route(
                method="POST",
                path="/office/cards/unknown/{id}",
                handler=self._assign,
                access=workshop,
                form_on=everything,
            ),
            Route(method="GET", path=one, handler=self._show, access=Access.OFFICE),
            Route(method="POST", path=one, handler=self._save, access=workshop, form_on=one),
            Route(method="POST", path=f"{one}/money", handler=self._money, access=Access.MANAGER, form_on=one),
            Route(method="POST", path=f"{one}/block", handler=self._block, access=workshop),
            Route(method="POST", path=f"{one}/unblock", handler=self._unblock, access=workshop),
            Route(method="POST", path=f"{one}/remove", handler=self._remove, access=workshop),
            Route(
                method="POST",
                path=f"{whose}/card",
                handler=self._learn_theirs,
                access=workshop,
                form_on=whose,
            ),
        )

    async def _list(self, request: web.Request) -> web.Response:
        now = self._parts.clock()
        all_cards, unknown, everyone, places = await self._parts.books.read(
            lambda conn: (cards(conn), unknown_cards(conn), people(conn), self._readers(conn))
        )
        return self._door.page(
            request,
            "cards.html",
            here="cards",
            all_cards=all_cards,
            unknown=unknown,
            people=[one for one in everyone if one.here(now)],
            readers=places,
            told=self._told(),
            said=self._said(request),
        )

    async def _show(self, request: web.Request) -> web.Response:
        now, building = self._parts.clock(), self._door.building(request)
        running_wh = {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}
        card = await self._card(request)
        used = await self._parts.books.read(lambda conn: card_used(conn, card.card_id, now, building.zone, running_wh))
        cost_minor, most_minor = used.cost.minor + used.running.minor, card.month_minor
        return self._door.page(
            request,
            "card.html",
            here="cards",
            card=card,
            month_kwh=fields.kwh_text(card.own_month_wh),
            month_money="" if most_minor is None else Money(most_minor, building.currency).to_decimal(),
            month=Month.of(now, building.zone),
            used=used,
            cost_minor=cost_minor,
            left_minor=None if most_minor is None else max(0, most_minor - cost_minor),
            currency=building.currency,
            said=self._said(request),
        )

    async def _save(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        quiet = read_quiet(form)
        changes = {
            "label": form.text("label", LABEL, default=""),
            "quiet": None if quiet is None else quiet.told(),
        }
        month_wh = fields.read_energy_wh(form, "month_kwh")
        async with self._parts.link.changing_cards:
            card = await self._card(request)
            await self._cap(request, card, card.month_minor, month_wh, changes)
        return self._changed(request, "saved")

    async def _money(self, request: web.Request) -> web.Response:
        form, currency = await read_form(request), self._door.building(request).currency
        month_minor = fields.money_minor(form, "month_money", currency)
        async with self._parts.link.changing_cards:
            card = await self._card(request)
            await self._cap(request, card, month_minor, card.own_month_wh, {})
        return self._changed(request, "saved")

    async def _cap(
        self,
        request: web.Request,
        card: Card,
        month_minor: int | None,
        month_wh: int | None,
        changes: Mapping[str, object],
    ) -> None:
        """Change a card to these caps of its own; Home Assistant is told the energy they come to."""
        now, zone, by = self._parts.clock(), self._door.building(request).zone, self._door.manager(request).actor
        version = self._parts.link.version or 0
        caps = await self._parts.books.read(
            lambda conn: caps_told(conn, card, month_minor, month_wh, now, zone, version)
        )
        body = card.asked(**caps, **changes)
        await ask(self._door, request, "change_card", body)

        def save(conn: Connection) -> None:
            set_card_cap(conn, card.card_id, month_minor, by, now)
            note_changed(conn, body)
            note_told(conn, card.card_id, month_wh, version)

        await self._parts.books.write(save)

    async def _block(self, request: web.Request) -> web.Response:
        return await self._set_blocked(request, blocked=True)

    async def _unblock(self, request: web.Request) -> web.Response:
        return await self._set_blocked(request, blocked=False)

    async def _set_blocked(self, request: web.Request, *, blocked: bool) -> web.Response:
        async with self._parts.link.changing_cards:
            # A manager's block holds, also of a card that its holder blocked before.
            body = (await self._card(request)).asked(blocked=blocked, blocked_by_holder=False)
            await ask(self._door, request, "change_card", body)
            await self._parts.books.write(lambda conn: note_changed(conn, body))
        return self._changed(request, "blocked" if blocked else "unblocked")

    def _changed(self, request: web.Request, said: str) -> web.Response:
        return self._door.see_other(request, f"/office/cards/{request.match_info['id']}?said={said}")

    async def _remove(self, request: web.Request) -> web.Response:
        card = await self._card(request)
        await ask(self._door, request, "remove_card", {"card_id": card.card_id})
        await self._parts.books.write(lambda conn: note_removed(conn, card.card_id))
        return self._door.see_other(request, "/office/cards?said=removed")

    async def _assign(self, request: web.Request) -> web.Response:
        form, unknown_id = await read_form(request), request.match_info["id"]
        waiting = await self._parts.books.read(unknown_cards)
        if all(one.unknown_id != unknown_id for one in waiting):
            raise Refused(404)
        whom = await self._holder(form)
        body = {"unknown_id": unknown_id, "resident_id": whom.resident_id, "label": form.text("label", LABEL)}
        await ask(self._door, request, "assign_card", body)
        await self._parts.books.write(lambda conn: note_assigned(conn, unknown_id))
        return self._door.see_other(request, "/office/cards?said=assigned")

    # --- learning by tapping ---------------------------------------------------------------------------------------

    async def _learn(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        return await self._wait_for(request, await self._holder(form), form)

    async def _learn_theirs(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        return await self._wait_for(request, await self._person(request.match_info["id"]), form)

    async def _wait_for(self, request: web.Request, whom: Person, form: Form) -> web.Response:
        places = await self._parts.books.read(self._readers)
        stall_id = form.choice("stall", [stall.stall_id for stall in places])
        since = to_ms(self._parts.clock())
        body = {
            "resident_id": whom.resident_id,
            "stall_id": stall_id,
            "timeout_s": int(_LEARN.total_seconds()),
            "label": form.text("label", LABEL, default=""),
        }
        await ask(self._door, request, "enrol_card", body)
        address = f"/office/cards/learning?resident={whom.resident_id}&stall={stall_id}&since={since}"
        return self._door.see_other(request, address)

    async def _learning(self, request: web.Request) -> web.Response:
        whom = await self._person(request.query.get("resident", ""))
        since = request.query.get("since", "")
        if not (since.isascii() and since.isdigit() and len(since) <= 13):
            raise BadInput("since", since, "UTC milliseconds")
        known, theirs = await self._parts.books.read(lambda conn: (self._readers(conn), cards(conn, whom.resident_id)))
        begun = from_ms(int(since))
        return self._door.page(
            request,
            "card_learning.html",
            here="cards",
            person=whom,
            stall=next((one.name for one in known if one.stall_id == request.query.get("stall")), ""),
            learnt=[one for one in theirs if one.added_ms >= to_ms(begun - _CLOCKS)],
            over=self._parts.clock() > begun + _LEARN + _CLOCKS,
        )

    # --- small things ----------------------------------------------------------------------------------------------

    def _told(self) -> bool:
        """Whether the integration tells cards at all."""
        version = self._parts.link.version
        return version is None or version > 1

    def _readers(self, conn: Connection) -> list[StallLine]:
        return readers(conn, all_of_them=not self._told())

    async def _card(self, request: web.Request) -> Card:
        card = await self._parts.books.read(lambda conn: find_card(conn, request.match_info["id"]))
        if card is None:
            raise Refused(404)
        return card

    async def _holder(self, form: Form) -> Person:
        now = self._parts.clock()
        everyone = await self._parts.books.read(people)
        chosen = form.choice("resident", [one.resident_id for one in everyone if one.here(now)])
        return next(one for one in everyone if one.resident_id == chosen)

    async def _person(self, resident_id: str) -> Person:
        try:
            whom = await self._parts.books.read(lambda conn: person(conn, ResidentId(resident_id)))
        except NoSuchResident:
            raise Refused(404) from None
        if not whom.here(self._parts.clock()):
            raise Refused(404)
        return whom

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "saved": say("Saved."),
            "blocked": say("The card is blocked. It starts nothing from the next tap on; a running session goes on."),
            "unblocked": say("Unblocked."),
            "removed": say("The card is removed. At a reader it is a card nobody knows from now on."),
            "assigned": say("Done. From the next tap on it charges for its new holder."),
        }.get(request.query.get("said", ""), "")
