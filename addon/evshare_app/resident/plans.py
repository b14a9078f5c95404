"""Setting who owes, for which unit, and on which plan: each with the time from which it holds.

A plan that was given to somebody is retired, never changed: what a month cost must stay explainable. Ends are set by
what follows: a new membership, share or assignment ends the one before at its start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
import re
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, or_, select, update

from ..books.accounting_tables import member_group, membership, plan, plan_assignment, unit_share
from ..books.building import the_building
from ..books.payers import Plan, PlanKind, read_plan
from ..books.schema import account, period, resident, unit
from ..model import AccountId, Month, ResidentId, from_ms, to_ms
from ..money import Money
from ..tariff.store import families

MOST_MINOR = 10**9
_MOST_WH = 10**7
_MOST_SHARE = 10**6


class PlanError(ValueError):
    """It cannot be set; the message names the field, what came and what is accepted. Nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Membership:
    """On which account a resident charges, and in which unit they live, for a time."""

    resident_id: ResidentId
    account_id: AccountId
    unit_id: str | None
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """An account or a group on a plan, for a time."""

    assignment_id: str
    plan_id: str
    account_id: AccountId | None
    group: str | None
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A flat and its shares of the common property, by the day from which they hold."""

    unit_id: str
    name: str
    shares: Mapping[date, int]


# --- plans -------------------------------------------------------------------------------------------------------


def plans(conn: Connection) -> list[tuple[Plan, bool, bool]]:
    """Return the plans that are not retired by name, with whether it is the default and whether somebody is on it."""
    used = set(conn.scalars(select(plan_assignment.c.plan_id).distinct()))
    rows = conn.execute(select(plan).where(plan.c.retired_ms.is_(None)).order_by(func.lower(plan.c.name)))
    default = _default(conn)
    return [(read_plan(row), row.plan_id == default, row.plan_id in used) for row in rows]


def add_plan(conn: Connection, new: Plan, by: str, now: datetime, *, default: bool = False) -> str:
    """Add a plan and return its id; as the default it follows the one before from now on. Raises `PlanError`."""
    _check_plan(conn, new)
    building_id = the_building(conn).building_id
    plan_id = uuid4().hex
    conn.execute(
        insert(plan).values(
            building_id=building_id,
            plan_id=plan_id,
            name=new.name.strip(),
            kind=new.kind,
            family=new.family,
            base_fee_minor=new.base_fee_minor,
            vat=None if new.vat is None else str(new.vat),
            included_wh=new.included_wh,
            rollover=int(new.rollover),
            demand_minor=new.demand_minor,
            low_balance_minor=new.low_balance_minor,
            is_default=int(default),
            created_ms=to_ms(now),
            made_by=by[:80],
        )
    )
    return plan_id


def retire_plan(conn: Connection, plan_id: str, now: datetime) -> None:
    """Offer a plan no more. Raises `PlanError` while somebody is on it, or for the default one."""
    row = conn.execute(select(plan).where(plan.c.plan_id == plan_id, plan.c.retired_ms.is_(None))).one_or_none()
    if row is None:
        msg = f"plan: got {plan_id!r}, accepted is the id of a plan on offer"
        raise PlanError(msg)
    on_it = conn.scalar(
        select(func.count())
        .select_from(plan_assignment)
        .where(plan_assignment.c.plan_id == plan_id, _still(plan_assignment, now))
    )
    if on_it or plan_id == _default(conn):
        msg = f"plan: {row.name!r} is in use, accepted is one that nobody is on and that is not the default"
        raise PlanError(msg)
    conn.execute(update(plan).where(plan.c.plan_id == plan_id).values(retired_ms=to_ms(now)))


def assign_plan(
    conn: Connection,
    plan_id: str | None,
    *,
    account_id: AccountId | None = None,
    group: str | None = None,
    since: datetime,
    by: str,
) -> None:
    """Put an account or a group on a plan from an instant on; None: on none of its own any more.

    Raises `PlanError` for an unknown plan or account, or neither or both of account and group.
    """
    if (account_id is None) == (group is None):
        msg = "account, group: got both or neither, accepted is exactly one"
        raise PlanError(msg)
    if account_id is not None:
        known_account(conn, account_id)
    if group is not None:
        _check_group(group)
    if plan_id is not None and conn.scalar(select(plan.c.plan_id).where(plan.c.plan_id == plan_id)) is None:
        msg = f"plan: got {plan_id!r}, accepted is the id of a plan"
        raise PlanError(msg)
    _check_open(conn, since)
    whose = plan_assignment.c.account_id == account_id if account_id else plan_assignment.c.group_name == group
    _end_before(conn, plan_assignment, whose, since)
    if plan_id is not None:
        conn.execute(
            insert(plan_assignment).values(
                building_id=the_building(conn).building_id,
                assignment_id=uuid4().hex,
                plan_id=plan_id,
                account_id=account_id,
                group_name=group,
                from_ms=to_ms(since),
                made_by=by[:80],
            )
        )


def assignments(conn: Connection) -> list[Assignment]:
    """Return who is or was on which plan, newest first."""
    return [
        Assignment(
            assignment_id=row.assignment_id,
            plan_id=row.plan_id,
            account_id=None if row.account_id is None else AccountId(row.account_id),
            group=row.group_name,
            from_ms=row.from_ms,
            to_ms=row.to_ms,
        )
        for row in conn.execute(select(plan_assignment).order_by(plan_assignment.c.from_ms.desc()))
    ]


def join_group(conn: Connection, account_id: AccountId, group: str, since: datetime) -> None:
    """Make an account a member of a group from an instant on; joining twice changes nothing."""
    known_account(conn, account_id)
    _check_group(group)
    _check_open(conn, since)
    there = (member_group.c.account_id == account_id) & (member_group.c.group_name == group)
    if conn.scalar(select(member_group.c.from_ms).where(there, _still(member_group, since))) is None:
        conn.execute(
            insert(member_group).values(
                building_id=the_building(conn).building_id,
                account_id=account_id,
                group_name=group,
                from_ms=to_ms(since),
            )
        )


def leave_group(conn: Connection, account_id: AccountId, group: str, at: datetime) -> None:
    """End an account's membership of a group."""
    _check_open(conn, at)
    whose = and_(member_group.c.account_id == account_id, member_group.c.group_name == group)
    _end_before(conn, member_group, whose, at)


# --- accounts and units --------------------------------------------------------------------------------------------


def add_account(conn: Connection, name: str, kind: str) -> AccountId:
    """Add a household or an employer that owes for residents. Raises `PlanError`."""
    if kind not in ("household", "employer"):
        msg = f"kind: got {kind!r}, accepted are household, employer"
        raise PlanError(msg)
    account_id = AccountId(uuid4().hex)
    conn.execute(
        insert(account).values(
            building_id=the_building(conn).building_id, account_id=account_id, name=printable_name(name), kind=kind
        )
    )
    return account_id


def set_payer(
    conn: Connection,
    resident_id: ResidentId,
    account_id: AccountId,
    *,
    unit_id: str | None = None,
    since: datetime,
    by: str,
) -> None:
    """Let a resident charge on an account from an instant on; sessions that run keep theirs. Raises `PlanError`."""
    if conn.scalar(select(resident.c.resident_id).where(resident.c.resident_id == resident_id)) is None:
        msg = f"resident: got {resident_id!r}, accepted is the id of a resident"
        raise PlanError(msg)
    known_account(conn, account_id)
    if unit_id is not None and conn.scalar(select(unit.c.unit_id).where(unit.c.unit_id == unit_id)) is None:
        msg = f"unit: got {unit_id!r}, accepted is the id of a unit"
        raise PlanError(msg)
    _check_open(conn, since)
    _end_before(conn, membership, membership.c.resident_id == resident_id, since)
    conn.execute(
        insert(membership).values(
            building_id=the_building(conn).building_id,
            membership_id=uuid4().hex,
            resident_id=resident_id,
            account_id=account_id,
            unit_id=unit_id,
            from_ms=to_ms(since),
            made_by=by[:80],
        )
    )
    conn.execute(update(resident).where(resident.c.resident_id == resident_id).values(unit_id=unit_id))


def memberships(conn: Connection, resident_id: ResidentId | None = None) -> list[Membership]:
    """Return the memberships there are or were, newest first."""
    wanted = select(membership).order_by(membership.c.from_ms.desc())
    if resident_id is not None:
        wanted = wanted.where(membership.c.resident_id == resident_id)
    return [
        Membership(
            resident_id=ResidentId(row.resident_id),
            account_id=AccountId(row.account_id),
            unit_id=row.unit_id,
            from_ms=row.from_ms,
            to_ms=row.to_ms,
        )
        for row in conn.execute(wanted)
    ]


def add_unit(conn: Connection, name: str, share: int, since: date) -> str:
    """Add a unit with its ownership share and return its id. Raises `PlanError`."""
    unit_id = uuid4().hex
    building_id = the_building(conn).building_id
    conn.execute(insert(unit).values(building_id=building_id, unit_id=unit_id, name=printable_name(name)))
    set_share(conn, unit_id, share, since)
    return unit_id


def set_share(conn: Connection, unit_id: str, share: int, since: date) -> None:
    """Set a unit's ownership share from a local day on. Raises `PlanError`."""
    if not 0 <= share <= _MOST_SHARE:
        msg = f"share: got {share}, accepted is a whole number from 0 to {_MOST_SHARE}"
        raise PlanError(msg)
    if conn.scalar(select(unit.c.unit_id).where(unit.c.unit_id == unit_id)) is None:
        msg = f"unit: got {unit_id!r}, accepted is the id of a unit"
        raise PlanError(msg)
    if since < (earliest := open_since(conn).astimezone(the_building(conn).zone).date()):
        msg = f"since: got {since}, accepted is {earliest} or later: months before are closed"
        raise PlanError(msg)
    day = since.isoformat()
    conn.execute(delete(unit_share).where(unit_share.c.unit_id == unit_id, unit_share.c.from_day == day))
    conn.execute(
        insert(unit_share).values(
            building_id=the_building(conn).building_id, unit_id=unit_id, from_day=day, share=share
        )
    )
    conn.execute(update(unit).where(unit.c.unit_id == unit_id).values(ownership_share=share))


def units(conn: Connection) -> list[Unit]:
    """Return the units by name."""
    shares: dict[str, dict[date, int]] = {}
    for row in conn.execute(select(unit_share).order_by(unit_share.c.from_day)):
        shares.setdefault(row.unit_id, {})[date.fromisoformat(row.from_day)] = row.share
    return [
        Unit(unit_id=row.unit_id, name=row.name, shares=shares.get(row.unit_id, {}))
        for row in conn.execute(select(unit).order_by(func.lower(unit.c.name)))
    ]


# --- checks ----------------------------------------------------------------------------------------------------------


def _default(conn: Connection) -> str | None:
    newest = select(plan.c.plan_id).where(plan.c.is_default == 1, plan.c.retired_ms.is_(None))
    return conn.scalar(newest.order_by(plan.c.created_ms.desc()).limit(1))


def _check_plan(conn: Connection, new: Plan) -> None:
    printable_name(new.name)
    known = families(conn)
    if new.family not in known:
        msg = f"family: got {new.family!r}, accepted are {', '.join(known)}"
        raise PlanError(msg)
    for field, value, most in (
        ("base_fee", new.base_fee_minor, MOST_MINOR),
        ("included", new.included_wh, _MOST_WH),
        ("demand", new.demand_minor, MOST_MINOR),
        ("low_balance", new.low_balance_minor or 0, MOST_MINOR),
    ):
        if not 0 <= value <= most:
            msg = f"{field}: got {value}, accepted is 0 to {most}"
            raise PlanError(msg)
    if new.vat is not None and not Decimal(0) <= new.vat <= Decimal(100):
        msg = f"vat: got {new.vat}, accepted is a percentage from 0 to 100"
        raise PlanError(msg)
    if new.kind is not PlanKind.SUBSCRIPTION and (new.included_wh or new.rollover):
        msg = (
            f"included: got {new.included_wh} Wh on a {new.kind} plan, accepted is 0: only subscriptions include energy"
        )
        raise PlanError(msg)
    if new.kind is not PlanKind.PREPAID and new.low_balance_minor is not None:
        amount = Money(new.low_balance_minor, the_building(conn).currency).to_decimal()
        msg = f"low_balance: got {amount} on a {new.kind} plan, accepted is none: only prepaid plans have a balance"
        raise PlanError(msg)


def _check_group(group: str) -> None:
    if not re.fullmatch(r"\S(.{0,58}\S)?", group):
        msg = f"group: got {group!r}, accepted are 1 to 60 characters without space around"
        raise PlanError(msg)


def printable_name(name: str) -> str:
    """Return a name without space around. Raises `PlanError` for one that cannot be printed."""
    stripped = name.strip()
    if not 0 < len(stripped) <= 80 or not stripped.isprintable():
        msg = f"name: got {name!r}, accepted are 1 to 80 printable characters"
        raise PlanError(msg)
    return stripped


def known_account(conn: Connection, account_id: AccountId) -> None:
    """Raise `PlanError` for an account that is not in the books."""
    if conn.scalar(select(account.c.account_id).where(account.c.account_id == account_id)) is None:
        msg = f"account: got {account_id!r}, accepted is the id of an account"
        raise PlanError(msg)


def _still(table: Table, at: datetime) -> ColumnElement[bool]:
    return or_(table.c.to_ms.is_(None), table.c.to_ms > to_ms(at))


def open_since(conn: Connection) -> datetime:
    """Return the first instant of the first month that is not closed: nothing may be set to hold before it."""
    last = conn.scalar(select(func.max(period.c.month)))
    if last is None:
        return from_ms(0)
    return Month.parse(last).following().bounds(the_building(conn).zone)[0]


def _check_open(conn: Connection, since: datetime) -> None:
    earliest = open_since(conn)
    if since < earliest:
        msg = f"since: got {since.isoformat()}, accepted is {earliest.isoformat()} or later: months before are closed"
        raise PlanError(msg)


def _end_before(conn: Connection, table: Table, whose: ColumnElement[bool], at: datetime) -> None:
    """End what holds at an instant, and take away what was to begin at it or later."""
    at_ms = to_ms(at)
    conn.execute(delete(table).where(whose, table.c.from_ms >= at_ms))
    conn.execute(update(table).where(whose, _still(table, at)).values(to_ms=at_ms))
