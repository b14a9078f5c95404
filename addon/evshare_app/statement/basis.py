"""Who was on which account and in which unit when, and what each account used: what costs are shared by.

Read once per close, for all accounts together, and kept as plain values for the pure rooms of `split/`.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from ..books import schema
from ..books.accounting_tables import (
    member_group,
    membership,
    plan,
    plan_assignment,
    stall_holder,
    unit_share,
)
from ..books.common import nobodys
from ..books.payers import THE_HOUSES, Plan, read_plan
from ..model import AccountId, StallId, from_ms, to_ms
from ..split.days import Days, Window
from ..split.keys import Basis, Held, Holder, Member, UnitShare, Used, ownership

_OWING = ("household", "employer")
_EVER_MS = 0


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A resident on an account, in a unit, for a time."""

    resident_id: str
    account_id: AccountId
    unit_id: str | None
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, kw_only=True)
class PlanBook:
    """Every plan and assignment, to be asked for many accounts and days without asking the books each time."""

    plans: Mapping[str, Plan]
    by_account: Mapping[str, Sequence[tuple[int, int | None, str]]]
    """(from, to, plan) by account; newest first."""
    by_group: Mapping[str, Sequence[tuple[int, int | None, str]]]
    groups: Mapping[str, Sequence[tuple[int, int | None, str]]]
    """(from, to, group) by account."""
    defaults: Sequence[tuple[int, str]] = field(default_factory=tuple)

    def plan_of(self, account_id: str, at_ms: int) -> Plan:
        """Return the plan an account is on at an instant, as `books.payers.plan_at` does."""
        for begin, end, plan_id in self.by_account.get(account_id, ()):
            if _holds(begin, end, at_ms):
                return self.plans[plan_id]
        given = [
            (begin, plan_id)
            for since, until, group in self.groups.get(account_id, ())
            if _holds(since, until, at_ms)
            for begin, end, plan_id in self.by_group.get(group, ())
            if _holds(begin, end, at_ms)
        ]
        if given:
            return self.plans[max(given)[1]]
        place = bisect_right(self.defaults, at_ms, key=lambda one: one[0])
        return self.plans[self.defaults[place - 1][1]] if place else THE_HOUSES


def stays(conn: Connection) -> list[Stay]:
    """Return who was on which account when. Only accounts that owe: households and employers."""
    owing = set(conn.scalars(select(schema.account.c.account_id).where(schema.account.c.kind.in_(_OWING))))
    given: dict[str, list[tuple[int, int | None, str, str | None]]] = defaultdict(list)
    for row in conn.execute(select(membership).order_by(membership.c.from_ms)):
        given[row.resident_id].append((row.from_ms, row.to_ms, row.account_id, row.unit_id))
    found = []
    for row in conn.execute(select(schema.resident).order_by(schema.resident.c.resident_id)):
        begin_ms = row.moved_in_ms or _EVER_MS
        ends = [one for one in (row.moves_out_ms, row.removed_ms) if one is not None]
        end_ms = min(ends) if ends else None
        for since, until, account_id, unit_id in _timeline(given[row.resident_id], row.account_id, row.unit_id):
            first, last = max(begin_ms, since), _earlier(end_ms, until)
            if account_id in owing and (last is None or first < last):
                found.append(
                    Stay(
                        resident_id=row.resident_id,
                        account_id=AccountId(account_id),
                        unit_id=unit_id,
                        from_ms=first,
                        to_ms=last,
                    )
                )
    return found


def basis(conn: Connection, window: Window, zone: ZoneInfo, there: Sequence[Stay]) -> Basis:
    """Return what keys are taken from in a window of the building's local days."""
    names = [row.unit_id for row in conn.execute(select(schema.unit.c.unit_id))]
    shares = [
        UnitShare(unit_id=unit_id, share=share, days=days)
        for unit_id in names
        for share, days in _by_day(
            [
                (row.from_day, row.share)
                for row in conn.execute(
                    select(unit_share).where(unit_share.c.unit_id == unit_id).order_by(unit_share.c.from_day)
                )
            ]
        )
    ]
    holders = [
        Holder(account_id=one.account_id, unit_id=one.unit_id, days=_days(one, zone))
        for one in there
        if one.unit_id is not None
    ]
    stalls, capacity = _stalls(conn)
    used_wh, booked_s = _used(conn, window, zone)
    return Basis(
        accounts=[Member(account_id=one.account_id, days=_days(one, zone)) for one in there],
        stalls=stalls,
        ownership=ownership(holders, shares, window),
        capacity=capacity,
        used_wh=used_wh,
        booked_s=booked_s,
    )


def plan_book(conn: Connection) -> PlanBook:
    """Read every plan and assignment."""
    by_account: dict[str, list[tuple[int, int | None, str]]] = defaultdict(list)
    by_group: dict[str, list[tuple[int, int | None, str]]] = defaultdict(list)
    for row in conn.execute(select(plan_assignment).order_by(plan_assignment.c.from_ms.desc())):
        target = by_account[row.account_id] if row.account_id else by_group[row.group_name]
        target.append((row.from_ms, row.to_ms, row.plan_id))
    groups: dict[str, list[tuple[int, int | None, str]]] = defaultdict(list)
    for row in conn.execute(select(member_group)):
        groups[row.account_id].append((row.from_ms, row.to_ms, row.group_name))
    rows = conn.execute(select(plan)).all()
    return PlanBook(
        plans={row.plan_id: read_plan(row) for row in rows},
        by_account=by_account,
        by_group=by_group,
        groups=groups,
        defaults=sorted((row.created_ms, row.plan_id) for row in rows if row.is_default),
    )


def energy_by_account(conn: Connection, begin: datetime, end: datetime) -> dict[AccountId, int]:
    """Return what each account's CDRs that ended in a span billed, in Wh.

    What was taken back is not in it, nor what was found not to be theirs.
    """
    rows = conn.execute(
        select(schema.cdr.c.account_id, func.sum(schema.cdr.c.energy_wh).label("wh"))
        .where(
            schema.cdr.c.ended_ms >= to_ms(begin),
            schema.cdr.c.ended_ms < to_ms(end),
            schema.cdr.c.session_id.not_in(nobodys()),
        )
        .group_by(schema.cdr.c.account_id)
    )
    return {AccountId(row.account_id): int(row.wh) for row in rows}


def bounds(window: Window, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of a window and that of the day after it."""
    first, last = (
        datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in (window.from_day, window.to_day)
    )
    return first, last


def _holds(begin: int, end: int | None, at_ms: int) -> bool:
    return begin <= at_ms and (end is None or at_ms < end)


def _earlier(one: int | None, other: int | None) -> int | None:
    known = [each for each in (one, other) if each is not None]
    return min(known) if known else None


def _timeline(
    given: Sequence[tuple[int, int | None, str, str | None]], own: str, unit: str | None
) -> list[tuple[int, int | None, str, str | None]]:
    """Return spans without a hole: their own account and unit wherever no membership says otherwise."""
    spans: list[tuple[int, int | None, str, str | None]] = []
    at_ms: int | None = _EVER_MS
    for since, until, account_id, unit_id in given:
        if at_ms is not None and at_ms < since:
            spans.append((at_ms, since, own, unit))
        spans.append((since, until, account_id, unit_id))
        at_ms = until
    if at_ms is not None:
        spans.append((at_ms, None, own, unit))
    return spans


def _days(one: Stay, zone: ZoneInfo) -> Days:
    return Days.between(from_ms(one.from_ms), None if one.to_ms is None else from_ms(one.to_ms), zone)


def _by_day[T](changes: Sequence[tuple[str, T]]) -> list[tuple[T, Days]]:
    days = [date.fromisoformat(day) for day, _ in changes]
    ends: list[date | None] = [*days[1:], None]
    return [
        (value, Days(from_day=begin, to_day=end))
        for (_, value), begin, end in zip(changes, days, ends if days else [], strict=True)
    ]


def _stalls(conn: Connection) -> tuple[list[Held], list[Held]]:
    amps = {row.stall_id: row.max_current_a * row.phases for row in conn.execute(select(schema.stall))}
    holders: dict[StallId, list[tuple[str, str | None]]] = defaultdict(list)
    for row in conn.execute(select(stall_holder).order_by(stall_holder.c.stall_id, stall_holder.c.from_day)):
        holders[StallId(row.stall_id)].append((row.from_day, row.account_id))
    held, capacity = [], []
    for stall_id, changes in holders.items():
        for account_id, days in _by_day(changes):
            if account_id is not None:
                held.append(Held(account_id=AccountId(account_id), weight=1, days=days))
                capacity.append(Held(account_id=AccountId(account_id), weight=amps[stall_id], days=days))
    return held, capacity


def _used(conn: Connection, window: Window, zone: ZoneInfo) -> tuple[list[Used], list[Used]]:
    """Return energy and time by account and the local day on which sessions, or parts of them, ended."""
    begin, end = bounds(window, zone)
    # Days are found once, not for each of thousands of CDRs.
    edges = [to_ms(begin)]
    days = [window.from_day]
    while days[-1] + timedelta(days=1) < window.to_day:
        days.append(days[-1] + timedelta(days=1))
        edges.append(to_ms(datetime(days[-1].year, days[-1].month, days[-1].day, tzinfo=zone)))
    wh: dict[tuple[str, date], int] = defaultdict(int)
    seconds: dict[tuple[str, date], int] = defaultdict(int)
    cdr, earlier = schema.cdr, schema.cdr.alias("earlier")
    standing = earlier.c.cdr_id.not_in(select(cdr.c.credits).where(cdr.c.credits.is_not(None)))
    until_ms = (
        select(func.max(earlier.c.ended_ms))
        .where(earlier.c.session_id == cdr.c.session_id, earlier.c.part < cdr.c.part, standing)
        .scalar_subquery()
    )
    taken_back = set(conn.scalars(select(cdr.c.credits).where(cdr.c.credits.is_not(None))))
    for row in conn.execute(
        select(
            cdr.c.cdr_id,
            cdr.c.account_id,
            cdr.c.ended_ms,
            cdr.c.energy_wh,
            cdr.c.credits,
            func.coalesce(until_ms, schema.session.c.started_ms).label("started_ms"),
        )
        .join(schema.session, schema.session.c.session_id == cdr.c.session_id)
        .where(cdr.c.ended_ms >= to_ms(begin), cdr.c.ended_ms < to_ms(end), cdr.c.session_id.not_in(nobodys())),
        execution_options={"yield_per": 1000},
    ):
        key = (row.account_id, days[bisect_right(edges, row.ended_ms) - 1])
        wh[key] += row.energy_wh
        if row.credits is None and row.cdr_id not in taken_back:
            seconds[key] += max(0, row.ended_ms - row.started_ms) // 1000
    return (
        [Used(account_id=AccountId(who), day=day, amount=amount) for (who, day), amount in wh.items() if amount > 0],
        [Used(account_id=AccountId(who), day=day, amount=amount) for (who, day), amount in seconds.items() if amount],
    )
