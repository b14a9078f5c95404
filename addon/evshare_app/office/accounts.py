"""Units and accounts in the office: flats and shares, who owes, who charges on what, whose stall is whose."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
import logging

from aiohttp import web
from sqlalchemy import Connection

from ..books.payers import HOUSE, PlanKind, plan_at
from ..i18n import gettext_for, mark
from ..ledger.accounts import BANK, CASH
from ..model import AccountId, ResidentId, StallId, to_ms
from ..payment.prepaid import top_up
from ..payment.rail import PaymentError
from ..resident.accounts import (
    OWING,
    Account,
    account_of,
    accounts,
    group_members,
    set_account,
    set_stall_holder,
    stall_holders,
)
from ..resident.people import people
from ..resident.plans import add_account, add_unit, assignments, plans, set_payer, set_share, units
from ..resident.prepaid import prepaid_balance
from ..statement.basis import stays
from ..statement.corrections import CorrectionRefused, Doing, move_out
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .fields import a_day, money_minor, whole
from .money_words import ACCOUNT_KINDS, PLAN_KINDS
from .reading import stalls
from .since import begin_of, named_fields, read_since, today

_MOST_SHARE = 10**6
_LOGGER = logging.getLogger(__name__)
_NO_MOVE_OUT = mark(
    "This can be done once everybody on the account has moved out, nothing of theirs is charging, their last month is "
    "not closed yet, and something is owed that is on no statement."
)
_INTO = {"bank": BANK, "cash": CASH}


class AccountPages:
    """Units, accounts and who holds which stall."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        manager, board, page = Access.MANAGER, Access.BOARD, "/office/accounts"
        one = f"{page}/{{id}}"
        return (
            Route(method="GET", path=page, handler=self._list, access=board),
            Route(method="POST", path=page, handler=self._add, access=manager, form_on=page),
            Route(method="POST", path="/office/units", handler=self._add_unit, access=manager, form_on=page),
            Route(method="POST", path="/office/units/{id}", handler=self._set_share, access=manager, form_on=page),
            Route(method="POST", path="/office/payers", handler=self._set_payer, access=manager, form_on=page),
            Route(method="POST", path="/office/holders", handler=self._set_holder, access=manager, form_on=page),
            Route(method="GET", path=one, handler=self._show, access=board),
            Route(method="POST", path=one, handler=self._save, access=manager, form_on=one),
            Route(method="POST", path=f"{one}/top-up", handler=self._top_up, access=manager, form_on=one),
            Route(method="POST", path=f"{one}/move-out", handler=self._move_out, access=manager, form_on=one),
        )

    async def _list(self, request: web.Request) -> web.Response:
        now, day = self._parts.clock(), today(self._door, request)
        known, flats, places, held, there, everyone = await self._parts.books.read(
            lambda conn: (accounts(conn), units(conn), stalls(conn), stall_holders(conn), stays(conn), people(conn))
        )
        on_plans = await self._parts.books.read(
            lambda conn: {one.account_id: plan_at(conn, one.account_id, now) for one in known}
        )
        names = {one.account_id: one.name for one in known}
        people_names: dict[str, str] = {one.resident_id: one.name for one in everyone}
        on_it: dict[str, list[str]] = defaultdict(list)
        in_it: dict[str, list[str]] = defaultdict(list)
        for stay in there:
            if stay.from_ms <= to_ms(now) and (stay.to_ms is None or stay.to_ms > to_ms(now)):
                on_it[stay.account_id].append(people_names.get(stay.resident_id, stay.resident_id))
                if stay.unit_id is not None:
                    in_it[stay.unit_id].append(people_names.get(stay.resident_id, stay.resident_id))
        return self._door.page(
            request,
            "accounts.html",
            here="accounts",
            accounts=[(one, on_it[one.account_id], on_plans[one.account_id]) for one in known],
            kinds=ACCOUNT_KINDS,
            names=names,
            units=[(one, _now(one.shares, day), in_it[one.unit_id]) for one in flats],
            whole_share=sum(_now(one.shares, day) or 0 for one in flats),
            stalls=[
                (one, whose, _now(whose, day)) for one in places for whose in (held.get(StallId(one.stall_id), {}),)
            ],
            residents=[one for one in everyone if one.here(now)],
            today=day,
            said=self._said(request),
        )

    async def _show(self, request: web.Request) -> web.Response:
        account, now, day = await self._account(request), self._parts.clock(), today(self._door, request)
        plan, known, given, there, everyone, groups = await self._parts.books.read(
            lambda conn: (
                plan_at(conn, account.account_id, now),
                {one.plan_id: one for one, _, _ in plans(conn)},
                [one for one in assignments(conn) if one.account_id == account.account_id],
                [one for one in stays(conn) if one.account_id == account.account_id],
                {one.resident_id: one.name for one in people(conn)},
                [one for one in group_members(conn) if one.account_id == account.account_id],
            )
        )
        live_wh = {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}
        balance = await self._parts.books.read(lambda conn: prepaid_balance(conn, account.account_id, now, live_wh))
        return self._door.page(
            request,
            "account.html",
            here="accounts",
            account=account,
            kinds=ACCOUNT_KINDS,
            plan=plan,
            plan_kinds=PLAN_KINDS,
            is_prepaid=plan.kind is PlanKind.PREPAID,
            balance=balance,
            given=given,
            plans=known,
            stays=sorted(there, key=lambda one: -one.from_ms),
            residents=everyone,
            groups=groups,
            house=HOUSE,
            today=day,
            said=self._said(request),
        )

    async def _add(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        name, kind = form.text("name", 80), form.choice("kind", OWING)
        with named_fields():
            added = await self._parts.books.write(lambda conn: add_account(conn, name, kind))
        return self._door.see_other(request, f"/office/accounts/{added}?said=added")

    async def _save(self, request: web.Request) -> web.Response:
        account, form = await self._account(request), await read_form(request)
        name, address = form.text("name", 80), form.text("address", 300, default="")
        paper = form.text("paper", 1, default="") == "1"
        with named_fields():
            await self._parts.books.write(
                lambda conn: set_account(conn, account.account_id, name=name, address=address, paper=paper)
            )
        return self._door.see_other(request, f"/office/accounts/{account.account_id}?said=saved")

    async def _top_up(self, request: web.Request) -> web.Response:
        account, form, building = await self._account(request), await read_form(request), self._door.building(request)
        minor = money_minor(form, "amount", building.currency)
        if minor is None:
            raise BadInput("amount", "nothing", mark("an amount above 0"))
        day, into = a_day(form, "day"), form.choice("into", _INTO)
        if day > today(self._door, request):
            raise BadInput("day", day.isoformat(), mark("today or earlier"))
        entry = form.text("entry", 100)
        if not entry:
            raise BadInput("entry", "nothing", mark("the bank’s number of the entry, or that of your receipt"))
        actor, now = self._door.manager(request).actor, self._parts.clock()
        at = min(begin_of(day, building.zone), now)
        try:
            await self._parts.books.write(
                lambda conn: top_up(
                    conn,
                    account.account_id,
                    amount_minor=minor,
                    into=_INTO[into],
                    entry=entry,
                    at=at,
                    actor=actor,
                    now=now,
                )
            )
        except PaymentError:
            raise BadInput("entry", entry, mark("a number that no other top-up has")) from None
        # What it is good for is a limit the integration keeps.
        await self._parts.link.tell_rules()
        return self._door.see_other(request, f"/office/accounts/{account.account_id}?said=topped_up")

    async def _move_out(self, request: web.Request) -> web.Response:
        account, now = await self._account(request), self._parts.clock()
        doing = Doing(
            actor=self._door.manager(request).actor,
            now=now,
            reason="",
            ledger_key=await self._parts.closing.ledger_key(),
        )
        try:
            made = await self._parts.books.write(lambda conn: move_out(conn, account.account_id, doing))
        except CorrectionRefused as refusal:
            _LOGGER.info("No statement for moving out: %s", refusal)
            say = gettext_for(self._door.view(request).language)
            raise Refused(409, say(_NO_MOVE_OUT)) from None
        return self._door.see_other(request, f"/office/statements/{made}")

    async def _add_unit(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        name, share = form.text("name", 80), whole(form, "share", 0, _MOST_SHARE)
        since = await read_since(self._door, request)
        with named_fields():
            await self._parts.books.write(lambda conn: add_unit(conn, name, share, since))
        return self._back(request, "saved")

    async def _set_share(self, request: web.Request) -> web.Response:
        form, unit_id = await read_form(request), request.match_info["id"]
        share, since = whole(form, "share", 0, _MOST_SHARE), await read_since(self._door, request)
        with named_fields():
            await self._parts.books.write(lambda conn: set_share(conn, unit_id, share, since))
        return self._back(request, "saved")

    async def _set_payer(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        known, flats, everyone = await self._parts.books.read(lambda conn: (accounts(conn), units(conn), people(conn)))
        resident = form.choice("resident", (one.resident_id for one in everyone))
        account_id = form.choice("account", (one.account_id for one in known))
        unit_id = form.choice("unit", ("", *(one.unit_id for one in flats)), default="")
        since = begin_of(await read_since(self._door, request), building.zone)
        actor = self._door.manager(request).actor

        def change(conn: Connection) -> None:
            set_payer(conn, ResidentId(resident), AccountId(account_id), unit_id=unit_id or None, since=since, by=actor)

        with named_fields():
            await self._parts.books.write(change)
        # A plan of another account may set other limits.
        await self._parts.link.tell_rules()
        return self._back(request, "payer")

    async def _set_holder(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        known, places = await self._parts.books.read(lambda conn: (accounts(conn), stalls(conn)))
        stall_id = form.choice("stall", (one.stall_id for one in places))
        account_id = form.choice("account", ("", *(one.account_id for one in known)), default="")
        since = await read_since(self._door, request)
        with named_fields():
            await self._parts.books.write(
                lambda conn: set_stall_holder(conn, stall_id, AccountId(account_id) if account_id else None, since)
            )
        return self._back(request, "saved")

    async def _account(self, request: web.Request) -> Account:
        account_id = request.match_info["id"]
        found = await self._parts.books.read(lambda conn: account_of(conn, account_id))
        if found is None:
            raise Refused(404)
        return found

    def _back(self, request: web.Request, said: str) -> web.Response:
        return self._door.see_other(request, f"/office/accounts?said={said}")

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "saved": say("Saved."),
            "added": say("Added."),
            "payer": say("Saved. Sessions that run keep the account they were started on."),
            "topped_up": say("The top-up is booked."),
        }.get(request.query.get("said", ""), "")


def _now[T](changes: Mapping[date, T], day: date) -> T | None:
    """Return what holds on a day, of values by the day from which they do; None before the first."""
    held = None
    for begin, value in sorted(changes.items()):
        if begin <= day:
            held = value
    return held
