"""What a resident may, set on their page; and from when until when they live here."""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import Connection

from ..i18n import mark
from ..link.moving import remove_cards_left_behind
from ..model import ResidentId, to_ms
from ..resident.moving import move_out_those_due
from ..resident.people import NoSuchResident, Person, person, set_moves
from ..resident.rules import MOST_SESSIONS, Hours, Rule, set_rule
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Refused, Route
from . import fields
from .door import OfficeDoor
from .reading import stalls

MOST_SPANS = 6
"""How many spans of hours a resident may have."""


class RulePages:
    """Changing rules and dates; they are shown with the resident."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one = "/office/residents/{id}"
        return (
            Route(method="POST", path=f"{one}/rules", handler=self._rules, access=Access.MANAGER, form_on=one),
            Route(method="POST", path=f"{one}/moving", handler=self._moving, access=Access.MANAGER, form_on=one),
        )

    async def _rules(self, request: web.Request) -> web.Response:
        whom, form = await self._whom(request), await read_form(request)
        building, now = self._door.building(request), self._parts.clock()
        by = self._door.manager(request).actor
        known = await self._parts.books.read(stalls)
        rule = Rule(
            stall_ids=_stall_ids(form, [stall.stall_id for stall in known]),
            hours=tuple(hours for place in range(1, MOST_SPANS + 1) if (hours := _hours(form, place)) is not None),
            sessions=fields.whole(form, "sessions", 1, MOST_SESSIONS),
            month_wh=fields.read_energy_wh(form, "month_kwh"),
            month_minor=fields.money_minor(form, "month_money", building.currency),
        )
        await self._parts.books.write(lambda conn: set_rule(conn, whom.resident_id, rule, by, now))
        await self._parts.link.tell_rules()
        return self._door.see_other(request, f"/office/residents/{whom.resident_id}?said=rules")

    async def _moving(self, request: web.Request) -> web.Response:
        whom, form = await self._whom(request), await read_form(request)
        zone, now = self._door.building(request).zone, self._parts.clock()
        moved_in = fields.first_instant(form, "moves_in", zone)
        moves_out = fields.first_instant(form, "moves_out", zone, after=True)
        if moved_in is not None and moves_out is not None and moves_out <= moved_in:
            raise BadInput("moves_out", form.text("moves_out"), mark("nothing, or a day not before the first"))

        def save(conn: Connection) -> None:
            set_moves(conn, whom.resident_id, moved_in, moves_out)
            move_out_those_due(conn, now)

        await self._parts.books.write(save)
        await self._parts.link.tell_all()
        await remove_cards_left_behind(self._parts.books, self._parts.link, now)
        gone = moves_out is not None and to_ms(moves_out) <= to_ms(now)
        said = "moved_out" if gone else "saved"
        return self._door.see_other(request, f"/office/residents/{whom.resident_id}?said={said}")

    async def _whom(self, request: web.Request) -> Person:
        resident_id = ResidentId(request.match_info["id"])
        try:
            return await self._parts.books.read(lambda conn: person(conn, resident_id))
        except NoSuchResident:
            raise Refused(404) from None


def _stall_ids(form: Form, known: Sequence[str]) -> tuple[str, ...] | None:
    if form.choice("stalls", ("all", "chosen")) == "all":
        return None
    chosen = tuple(stall_id for stall_id in known if form.text(f"stall:{stall_id}", 5, default=""))
    if not chosen:
        raise BadInput("stalls", "chosen, and no stall", mark("all, or at least one stall"))
    return chosen


def _hours(form: Form, place: int) -> Hours | None:
    """Return the span of hours in one row of the form; None where nothing is in it."""
    start, end, day = f"hours{place}_from", f"hours{place}_to", f"hours{place}_day"
    days = tuple(number for number in range(1, 8) if form.text(f"{day}{number}", 5, default=""))
    if not days and not form.text(start, 20, default="") and not form.text(end, 20, default=""):
        return None
    if not days:
        raise BadInput(f"{day}1", "no day", mark("at least one day, or no hours"))
    return Hours(days=days, start=form.time_of_day(start), end=form.time_of_day(end))
