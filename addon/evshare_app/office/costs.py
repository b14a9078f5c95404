"""Costs in the office: what the owners share and who bears how much of it, and the owners' rules for energy and sun."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from aiohttp import web

from ..i18n import gettext_for, mark
from ..model import AccountId, Month
from ..resident.accounts import Account, accounts
from ..split.items import Every
from ..split.keys import Key
from ..split.methods import Method
from ..split.reconcile import Bearer
from ..split.solar import SolarSharing
from ..split.sources import SolarRule
from ..statement.costs import CostKind, NewCost, add_cost, end_cost, preview_costs
from ..statement.house_rules import energy_rule, set_rule, solar_price
from ..web.forms import BadInput, Form, read_form, sent_fields
from ..web.listener import Access, Route
from .door import OfficeDoor
from .fields import a_day, a_month, local_day, money_minor, percent, price, weight, whole
from .money_words import BEARERS, COST_KINDS, EVERY, KEYS, METHODS, SHARINGS, SOLAR_RULES
from .reading import months_known
from .since import first_open_day, named_fields, read_since, today

_MOST_STANDBY_W = 10_000
_MOST_MONTHS = 36


class CostPages:
    """Cost items and the rules for the building's money."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        manager, page = Access.MANAGER, "/office/costs"
        return (
            Route(method="GET", path=page, handler=self._show, access=Access.BOARD),
            Route(method="POST", path=f"{page}/add", handler=self._add, access=manager, form_on=page),
            Route(method="POST", path=f"{page}/{{id}}/end", handler=self._end, access=manager, form_on=page),
            Route(method="POST", path=f"{page}/energy", handler=self._set_energy, access=manager, form_on=page),
            Route(method="POST", path=f"{page}/solar", handler=self._set_solar, access=manager, form_on=page),
        )

    async def _show(self, request: web.Request) -> web.Response:
        building, now = self._door.building(request), self._parts.clock()
        asked = dict(await sent_fields(request)).get("month", "")
        here = Month.of(now, building.zone)
        try:
            month = Month.parse(asked) if asked else here
        except ValueError:
            month = here
        previews, known, months, energy, solar = await self._parts.books.read(
            lambda conn: (
                preview_costs(conn, month),
                accounts(conn),
                months_known(conn, now, building.zone),
                energy_rule(conn, month),
                solar_price(conn, month),
            )
        )
        names = {one.account_id: one.name for one in known}
        choice = sorted({*months, month, here.following()}, reverse=True)
        return self._door.page(
            request,
            "costs.html",
            here="costs",
            month=month,
            months=choice,
            costs=[one for one in previews if not one.cost.ended or one.total_minor],
            ended=[one for one in previews if one.cost.ended and not one.total_minor],
            total_minor=sum(one.total_minor for one in previews),
            names=names,
            accounts=known,
            currency=building.currency,
            energy=energy,
            solar=solar,
            kinds=COST_KINDS,
            keys=KEYS,
            every=EVERY,
            methods=METHODS,
            bearers=BEARERS,
            solar_rules=SOLAR_RULES,
            sharings=SHARINGS,
            today=today(self._door, request),
            open_month=await self._open_month(request, here),
            a_day=timedelta(days=1),
            said=self._said(request),
        )

    async def _add(self, request: web.Request) -> web.Response:
        form, building, now = await read_form(request), self._door.building(request), self._parts.clock()
        known = await self._parts.books.read(accounts)
        new = _cost(form, building.currency, known)
        earliest = await first_open_day(self._door, request)
        if new.from_day < earliest:
            accepted = mark("%(day)s or later: the months before are closed")
            raise BadInput("from_day", new.from_day.isoformat(), accepted, day=earliest.isoformat())
        actor = self._door.manager(request).actor
        with named_fields():
            await self._parts.books.write(lambda conn: add_cost(conn, new, actor, now))
        return self._door.see_other(request, f"/office/costs?month={_month_of(new)}&said=added")

    async def _end(self, request: web.Request) -> web.Response:
        item_id, day = request.match_info["id"], await read_since(self._door, request, "day")
        with named_fields():
            await self._parts.books.write(lambda conn: end_cost(conn, item_id, day))
        return self._door.see_other(request, "/office/costs?said=ended")

    async def _set_energy(self, request: web.Request) -> web.Response:
        form, now = await read_form(request), self._parts.clock()
        vat = percent(form, "vat")
        value = {
            "method": form.choice("method", Method),
            "bearer": form.choice("bearer", Bearer),
            "standby_w": whole(form, "standby_w", 0, _MOST_STANDBY_W),
            "vat": None if vat is None else str(vat),
        }
        since, actor = await self._since_month(request, form), self._door.manager(request).actor
        with named_fields(since="since_month"):
            await self._parts.books.write(lambda conn: set_rule(conn, "energy", since, value, actor, now))
        return self._door.see_other(request, f"/office/costs?month={since}&said=rule")

    async def _set_solar(self, request: web.Request) -> web.Response:
        form, now = await read_form(request), self._parts.clock()
        value = None
        if form.choice("shared", ("yes", "no"), default="yes") == "yes":
            vat, grid, solar = percent(form, "vat"), price(form, "grid_price"), price(form, "solar_price")
            if solar > grid:
                raise BadInput("solar_price", str(solar), mark("at most the price of grid energy"))
            value = {
                "rule": form.choice("rule", SolarRule),
                "sharing": form.choice("sharing", SolarSharing),
                "grid_price": str(grid),
                "solar_price": str(solar),
                "vat": None if vat is None else str(vat),
                "valid_months": whole(form, "valid_months", 1, _MOST_MONTHS),
            }
        since, actor = await self._since_month(request, form), self._door.manager(request).actor
        with named_fields(since="since_month"):
            await self._parts.books.write(lambda conn: set_rule(conn, "solar", since, value, actor, now))
        return self._door.see_other(request, f"/office/costs?month={since}&said=rule")

    async def _since_month(self, request: web.Request, form: Form) -> Month:
        since, earliest = a_month(form, "since_month"), await first_open_day(self._door, request)
        if since < (opened := Month(earliest.year, earliest.month)):
            accepted = mark("%(month)s or later: the months before are closed")
            raise BadInput("since_month", str(since), accepted, month=opened)
        return since

    async def _open_month(self, request: web.Request, here: Month) -> Month:
        """Return the month from which a rule is usually to hold: this one, or the first that is not closed."""
        earliest = await first_open_day(self._door, request)
        return max(here, Month(earliest.year, earliest.month))

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "added": say("The cost is entered. What it comes to in this month is shown below."),
            "ended": say("The cost is ended."),
            "rule": say("The rule is set."),
        }.get(request.query.get("said", ""), "")


def _month_of(new: NewCost) -> Month:
    return Month(new.from_day.year, new.from_day.month)


def _cost(form: Form, currency: str, known: Sequence[Account]) -> NewCost:
    """Read a new cost. Raises `BadInput`."""
    name = form.text("name", 80)
    if not name:
        raise BadInput("name", "nothing", mark("a name"))
    amount_minor = money_minor(form, "amount", currency)
    if amount_minor is None:
        raise BadInput("amount", "nothing", mark("an amount above 0"))
    key, every = Key(form.choice("key", Key)), Every(form.choice("every", Every))
    from_day, last_day = a_day(form, "from_day"), local_day(form, "last_day")
    if last_day is not None and last_day < from_day:
        raise BadInput("last_day", last_day.isoformat(), mark("nothing, or a day not before the first"))
    members = [one.account_id for one in known if form.text(f"member:{one.account_id}", 1, default="") == "1"]
    weights: dict[AccountId, Decimal] | None = None
    if key is Key.CUSTOM:
        given = {one.account_id: weight(form, f"weight:{one.account_id}") for one in known}
        weights = {who: amount for who, amount in given.items() if amount is not None}
        if not any(weights.values()):
            raise BadInput("key", key, mark("a key for which there are weights: give at least one account a weight"))
    return NewCost(
        name=name,
        kind=CostKind(form.choice("kind", CostKind)),
        key=key,
        amount_minor=amount_minor,
        vat=percent(form, "vat"),
        every=every,
        from_day=from_day,
        to_day=None if last_day is None else last_day + timedelta(days=1),
        members=members or None,
        weights=weights,
    )
