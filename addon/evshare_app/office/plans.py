"""Plans in the office: what accounts can be on, who is on what, and groups of accounts on the same plan."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from aiohttp import web

from ..books.payers import Plan, PlanKind
from ..i18n import gettext_for, mark
from ..model import AccountId, to_ms
from ..money import Money
from ..resident.accounts import accounts, group_members
from ..resident.plans import (
    PlanError,
    add_plan,
    assign_plan,
    assignments,
    join_group,
    leave_group,
    plans,
    retire_plan,
)
from ..tariff.store import families
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .fields import money_minor, percent, read_energy_wh
from .money_words import PLAN_KINDS
from .since import begin_of, named_fields, read_since, today

_MOST_INCLUDED_KWH = 10_000


class PlanPages:
    """Plans, and who is on them."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        manager, page = Access.MANAGER, "/office/plans"
        return (
            Route(method="GET", path=page, handler=self._show, access=Access.BOARD),
            Route(method="POST", path=page, handler=self._add, access=manager, form_on=page),
            Route(method="POST", path=f"{page}/{{id}}/retire", handler=self._retire, access=manager),
            Route(method="POST", path="/office/plan-of", handler=self._assign, access=manager, form_on=page),
            Route(method="POST", path="/office/groups", handler=self._join, access=manager, form_on=page),
            Route(method="POST", path="/office/groups/leave", handler=self._leave, access=manager, form_on=page),
        )

    async def _show(self, request: web.Request) -> web.Response:
        building, now = self._door.building(request), self._parts.clock()
        offered, given, known, members, named = await self._parts.books.read(
            lambda conn: (plans(conn), assignments(conn), accounts(conn), group_members(conn), families(conn))
        )
        names = {one.account_id: one.name for one in known}
        now_ms = to_ms(now)
        on: dict[str, list[tuple[str, int, int | None]]] = defaultdict(list)
        for one in given:
            if one.to_ms is None or one.to_ms > now_ms:
                whom = one.group if one.account_id is None else names.get(one.account_id, one.account_id)
                on[one.plan_id].append((whom or "", one.from_ms, one.to_ms))
        groups: dict[str, list[tuple[AccountId, str]]] = {}
        for member in members:
            there = groups.setdefault(member.group, [])
            if member.to_ms is None or member.to_ms > now_ms:
                there.append((member.account_id, names.get(member.account_id, member.account_id)))
        for group in {one.group for one in given if one.group is not None}:
            groups.setdefault(group, [])
        return self._door.page(
            request,
            "plans.html",
            here="plans",
            plans=[(one, default, on[one.plan_id]) for one, default, _ in offered],
            kinds=PLAN_KINDS,
            accounts=known,
            groups=dict(sorted(groups.items())),
            families=named,
            currency=building.currency,
            now_ms=now_ms,
            today=today(self._door, request),
            said=self._said(request),
        )

    async def _add(self, request: web.Request) -> web.Response:
        form, building, now = await read_form(request), self._door.building(request), self._parts.clock()
        named = await self._parts.books.read(families)
        new, default = _plan(form, building.currency, named), form.text("default", 1, default="") == "1"
        actor = self._door.manager(request).actor
        with named_fields():
            await self._parts.books.write(lambda conn: add_plan(conn, new, actor, now, default=default))
        await self._parts.link.tell_rules()
        return self._back(request, "added")

    async def _retire(self, request: web.Request) -> web.Response:
        plan_id, now = request.match_info["id"], self._parts.clock()
        try:
            await self._parts.books.write(lambda conn: retire_plan(conn, plan_id, now))
        except PlanError:
            say = gettext_for(self._door.view(request).language)
            raise Refused(
                409, say("Somebody is on this plan, or it is everybody’s. Put them on another one first.")
            ) from None
        return self._back(request, "retired")

    async def _assign(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        offered, known, members, given = await self._parts.books.read(
            lambda conn: (plans(conn), accounts(conn), group_members(conn), assignments(conn))
        )
        plan_id = form.choice("plan", ("", *(one.plan_id for one, _, _ in offered)), default="")
        groups = {one.group for one in members} | {one.group for one in given if one.group is not None}
        whom = form.choice(
            "whom", (*(f"account:{one.account_id}" for one in known), *(f"group:{one}" for one in sorted(groups)))
        )
        kind, _, of = whom.partition(":")
        since = begin_of(await read_since(self._door, request), building.zone)
        actor = self._door.manager(request).actor
        with named_fields():
            await self._parts.books.write(
                lambda conn: assign_plan(
                    conn,
                    plan_id or None,
                    account_id=AccountId(of) if kind == "account" else None,
                    group=of if kind == "group" else None,
                    since=since,
                    by=actor,
                )
            )
        await self._parts.link.tell_rules()
        return self._back(request, "assigned")

    async def _join(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        known = await self._parts.books.read(accounts)
        account_id = AccountId(form.choice("account", (one.account_id for one in known)))
        group = form.text("group", 60)
        since = begin_of(await read_since(self._door, request), building.zone)
        with named_fields():
            await self._parts.books.write(lambda conn: join_group(conn, account_id, group, since))
        await self._parts.link.tell_rules()
        return self._back(request, "saved")

    async def _leave(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        members = await self._parts.books.read(group_members)
        group = form.choice("group", {one.group for one in members})
        account_id = AccountId(form.choice("account", (one.account_id for one in members if one.group == group)))
        at = begin_of(await read_since(self._door, request), building.zone)
        with named_fields():
            await self._parts.books.write(lambda conn: leave_group(conn, account_id, group, at))
        await self._parts.link.tell_rules()
        return self._back(request, "saved")

    def _back(self, request: web.Request, said: str) -> web.Response:
        return self._door.see_other(request, f"/office/plans?said={said}")

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "added": say("The plan is on offer."),
            "retired": say("The plan is no longer offered."),
            "assigned": say("Saved. Sessions that run keep the price they were started under."),
            "saved": say("Saved."),
        }.get(request.query.get("said", ""), "")


def _plan(form: Form, currency: str, named: Sequence[str]) -> Plan:
    """Read a new plan. Raises `BadInput`."""
    kind = PlanKind(form.choice("kind", PlanKind))
    included_wh = read_energy_wh(form, "included", most_kwh=_MOST_INCLUDED_KWH) or 0
    rollover = form.text("rollover", 1, default="") == "1"
    low_minor = money_minor(form, "low_balance", currency)
    only = mark("nothing: it belongs to another kind of plan")
    if kind is not PlanKind.SUBSCRIPTION and (included_wh or rollover):
        raise BadInput("included" if included_wh else "rollover", f"{included_wh} Wh", only)
    if kind is not PlanKind.PREPAID and low_minor is not None:
        raise BadInput("low_balance", str(Money(low_minor, currency).to_decimal()), only)
    name = form.text("name", 80)
    if not name:
        raise BadInput("name", "nothing", mark("a name"))
    vat: Decimal | None = percent(form, "vat")
    return Plan(
        plan_id="",
        name=name,
        kind=kind,
        family=form.choice("family", named),
        base_fee_minor=money_minor(form, "base_fee", currency) or 0,
        vat=vat,
        included_wh=included_wh,
        rollover=rollover,
        demand_minor=money_minor(form, "demand", currency) or 0,
        low_balance_minor=low_minor,
    )
