"""Utility bills in the office: entering them, and holding each against the meters, to the Wh and the minor unit."""

from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from ..i18n import gettext_for, mark
from ..resident.accounts import accounts
from ..split.days import Window
from ..split.reconcile import Position, Reconciliation
from ..statement.bill_booking import withdraw_bill
from ..statement.bill_outcome import bill_outcome
from ..statement.bills import Bill, BillError, add_bill, bills, reconciled
from ..statement.house_rules import energy_rule
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .fields import a_day, money_minor, read_energy_wh
from .money_words import ALARMS, BEARERS, METHODS
from .since import named_fields, today

_MOST_KWH = 100_000_000
_PARTS = {
    "billed": mark("Billed to accounts"),
    "common": mark("Charged by the building itself"),
    "unattributed": mark("Billed to no one"),
    "standby": mark("Standby of the stalls"),
    "losses": mark("Losses"),
}
"""What becomes of the feeder's energy, in the order in which it is shown."""


class BillPages:
    """Utility bills and their reconciliation."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        manager, board, page = Access.MANAGER, Access.BOARD, "/office/bills"
        one = f"{page}/{{id}}"
        return (
            Route(method="GET", path=page, handler=self._list, access=board),
            Route(method="POST", path=page, handler=self._add, access=manager, form_on=page),
            Route(method="GET", path=one, handler=self._show, access=board),
            Route(method="POST", path=f"{one}/withdraw", handler=self._withdraw, access=manager),
        )

    async def _list(self, request: web.Request) -> web.Response:
        known = await self._parts.books.read(
            lambda conn: [(one, reconciled(conn, one, energy_rule(conn, one.month))) for one in bills(conn)]
        )
        day = today(self._door, request)
        return self._door.page(
            request,
            "bills.html",
            here="bills",
            bills=known[::-1],
            currency=self._door.building(request).currency,
            first=known[-1][0].window.to_day if known else None,
            a_day=timedelta(days=1),
            today=day,
            said=self._said(request),
        )

    async def _show(self, request: web.Request) -> web.Response:
        bill = await self._bill(request)
        outcome, known = await self._parts.books.read(lambda conn: (bill_outcome(conn, bill), accounts(conn)))
        found = outcome.found
        return self._door.page(
            request,
            "bill.html",
            here="bills",
            bill=bill,
            outcome=outcome,
            found=found,
            parts=[(key, text, getattr(found, key)) for key, text in _PARTS.items()],
            bars=_bars(found),
            alarm="" if found.alarm is None else ALARMS[found.alarm],
            bearer=BEARERS[outcome.rule.bearer],
            method=METHODS[outcome.rule.method],
            names={one.account_id: one.name for one in known},
            currency=self._door.building(request).currency,
            a_day=timedelta(days=1),
        )

    async def _add(self, request: web.Request) -> web.Response:
        form, building, now = await read_form(request), self._door.building(request), self._parts.clock()
        from_day, last_day = a_day(form, "from_day"), a_day(form, "last_day")
        if not from_day <= last_day < today(self._door, request):
            raise BadInput("last_day", last_day.isoformat(), mark("a day from the first one on that is over"))
        number = form.text("number", 80)
        if not number:
            raise BadInput("number", "nothing", mark("the number printed on the bill"))
        feeder_wh = read_energy_wh(form, "kwh", most_kwh=_MOST_KWH) or 0
        minor = {name: money_minor(form, name, building.currency) or 0 for name in ("energy", "fixed", "demand", "tax")}
        if not feeder_wh and any(minor.values()):
            raise BadInput("kwh", "0", mark("the kWh that the bill says"))
        new = Bill(
            bill_id="",
            number=number,
            window=Window(from_day=from_day, to_day=last_day + timedelta(days=1)),
            feeder_wh=feeder_wh,
            energy_minor=minor["energy"],
            fixed_minor=minor["fixed"],
            demand_minor=minor["demand"],
            tax_minor=minor["tax"],
            created_ms=0,
        )
        for other in await self._parts.books.read(bills):
            if other.window.from_day < new.window.to_day and from_day < other.window.to_day:
                accepted = mark("days that bill %(number)s does not have")
                raise BadInput("from_day", from_day.isoformat(), accepted, number=other.number)
        actor = self._door.manager(request).actor
        with named_fields(to_day="last_day", feeder_wh="kwh"):
            bill_id = await self._parts.books.write(lambda conn: add_bill(conn, new, actor, now))
        return self._door.see_other(request, f"/office/bills/{bill_id}")

    async def _withdraw(self, request: web.Request) -> web.Response:
        bill, now, actor = await self._bill(request), self._parts.clock(), self._door.manager(request).actor
        try:
            await self._parts.books.write(lambda conn: withdraw_bill(conn, bill.bill_id, actor, now))
        except BillError:
            say = gettext_for(self._door.view(request).language)
            raise Refused(409, say("This bill is on statements already, so it stays.")) from None
        return self._door.see_other(request, "/office/bills?said=withdrawn")

    async def _bill(self, request: web.Request) -> Bill:
        bill_id = request.match_info["id"]
        found = await self._parts.books.read(
            lambda conn: next((one for one in bills(conn) if one.bill_id == bill_id), None)
        )
        if found is None:
            raise Refused(404)
        return found

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {"withdrawn": say("The bill is withdrawn.")}.get(request.query.get("said", ""), "")


def _bars(found: Reconciliation) -> list[tuple[str, int, int]]:
    """Return each part's kind, left end and width in thousandths of the bar. Losses below zero have no width."""
    sizes: dict[str, Position] = {key: getattr(found, key) for key in _PARTS}
    whole = sum(max(0, one.wh) for one in sizes.values())
    bars, at = [], 0
    for key, one in sizes.items():
        end = at + max(0, one.wh)
        if whole and one.wh > 0:
            left = at * 1000 // whole
            bars.append((key, left, max(2, end * 1000 // whole - left)))
        at = end
    return bars
