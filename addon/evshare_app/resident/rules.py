"""What a resident may: stalls, hours, energy and money a month, sessions at once; and how the integration is told.

The integration decides, also while the app is away, and it knows nothing of money. So a cap in money is told as the
energy it is still good for: at the highest price of the resident's tariff, after a session's flat fee, rounded down.
What time costs is not in it; nobody knows beforehand how long a car stays. Money paid in advance is such a cap too, of
everyone who charges on a prepaid account: a *pot*, told as one, so that several sessions cannot use it twice. What open
sessions use of either the integration takes off itself, it knows that sooner.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
import json
import math
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select

from ..books.access_tables import dispute, resident_rule
from ..books.building import the_building
from ..books.common import paid_by_others
from ..books.schema import cdr, resident, session
from ..model import AccountId, Month, ResidentId, to_ms
from ..money import Money
from ..tariff.now import highest_price
from ..tariff.ocpi import Dimension
from ..tariff.running import running_cost
from ..tariff.store import tariff_for, tariff_version
from .prepaid import prepaid_balance, prepaid_plan

MOST_SESSIONS = 10
_POTS = 3
"""The version of the link that knows pots."""


@dataclass(frozen=True, kw_only=True)
class Hours:
    """A span of the building's clock on some days (1 Monday to 7); past midnight where `end` is not after `start`."""

    days: tuple[int, ...]
    start: str
    end: str

    def told(self) -> dict[str, object]:
        """Return it as the link writes it."""
        return {"days": list(self.days), "from": self.start, "to": self.end}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a resident may; without any of it everything, one session at a time."""

    stall_ids: tuple[str, ...] | None = None
    """None: all."""
    hours: tuple[Hours, ...] = ()
    """Empty: always."""
    sessions: int = 1
    month_wh: int | None = None
    month_minor: int | None = None
    """Money per calendar month, in minor units, with VAT."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a resident had of this month so far."""

    energy_wh: int
    running_wh: int
    """Of it what sessions used that are open."""
    cost: Money
    """Of sessions that ended."""
    running: Money
    """Of sessions that are open, until now."""


def rule_of(conn: Connection, resident_id: ResidentId) -> Rule:
    """Return a resident's rule."""
    row = conn.execute(select(resident_rule).where(resident_rule.c.resident_id == resident_id)).one_or_none()
    return Rule() if row is None else _rule(row)


def set_rule(conn: Connection, resident_id: ResidentId, rule: Rule, by: str, now: datetime) -> None:
    """Set what a resident may; it is the integration's once it is told."""
    conn.execute(delete(resident_rule).where(resident_rule.c.resident_id == resident_id))
    conn.execute(
        insert(resident_rule).values(
            building_id=the_building(conn).building_id,
            resident_id=resident_id,
            stalls_json=None if rule.stall_ids is None else json.dumps(rule.stall_ids),
            hours_json=json.dumps([each.told() for each in rule.hours]) if rule.hours else None,
            sessions=rule.sessions,
            month_wh=rule.month_wh,
            month_minor=rule.month_minor,
            changed_ms=to_ms(now),
            changed_by=by[:64],
        )
    )


def rules_told(conn: Connection, now: datetime, zone: ZoneInfo, version: int = 3) -> list[dict[str, object]]:
    """Return the link's `rules`, as its version has them: everyone who has a rule or pays in advance."""
    rows = {row.resident_id: _rule(row) for row in conn.execute(select(resident_rule))}
    there = conn.scalars(
        select(resident.c.resident_id).where(resident.c.removed_ms.is_(None)).order_by(resident.c.resident_id)
    ).all()
    in_advance = {one: found[0] for one in there if (found := prepaid_plan(conn, one, now)) is not None}
    told, ruled = _told if version >= _POTS else _told_without_pots, rows.keys() | in_advance.keys()
    return [told(conn, one, rows.get(one, Rule()), in_advance, now, zone) for one in there if one in ruled]


def left_wh(  # noqa: PLR0917 - whose, how much, and who draws on it
    conn: Connection, resident_id: str, most_minor: int, used: Money, now: datetime, sharers: Collection[str] = ()
) -> int | None:
    """Return what the rest of a resident's money is good for; None where energy costs nothing, so nothing limits it.

    What open sessions of the `sharers` use comes off as energy, so it must be told at the price they began with where
    that is higher.
    """
    left_minor = most_minor - used.minor
    if left_minor <= 0:
        return 0
    fee, price = _dearest(conn, resident_id, now, sharers)
    left = Money(left_minor, used.currency).to_decimal() - fee
    if left <= 0:
        return 0
    return int(left * 1000 // price) if price else None


def start_wh(conn: Connection, resident_id: str, now: datetime, sharers: Collection[str]) -> int:
    """Return what a session's flat fee comes to in energy, rounded up; 0 where energy costs nothing."""
    fee, price = _dearest(conn, resident_id, now, sharers)
    return math.ceil(fee * 1000 / price) if price else 0


def _dearest(conn: Connection, resident_id: str, now: datetime, sharers: Collection[str]) -> tuple[Decimal, Decimal]:
    """Return the highest flat fee and the highest price of energy, with VAT."""
    open_ = conn.scalars(
        select(session.c.tariff_version)
        .where(session.c.resident_id.in_(sharers), session.c.ended_ms.is_(None))
        .distinct()
    ).all()
    tariffs = [tariff_for(conn, resident_id, now).tariff, *(tariff_version(conn, one).tariff for one in open_)]
    fee = max(highest_price(tariff, Dimension.FLAT) for tariff in tariffs)
    return fee, max(highest_price(tariff, Dimension.ENERGY) for tariff in tariffs)


def used_this_month(
    conn: Connection, resident_id: str, now: datetime, zone: ZoneInfo, running_wh: Mapping[str, int] | None = None
) -> Used:
    """Return what a resident's sessions of this month used and cost.

    A session belongs to the month in which it ends. Guests they do not pay for are not among them, nor what was found
    not to be theirs. `running_wh` is what running sessions have used, where that is known better than by the books.
    """
    own = (
        session.c.resident_id == resident_id,
        ~paid_by_others(),
        session.c.session_id.not_in(select(dispute.c.session_id).where(dispute.c.state == "upheld")),
    )
    return used_in_month(conn, own, now, zone, running_wh)


def used_in_month(
    conn: Connection,
    own: Sequence[ColumnElement[bool]],
    now: datetime,
    zone: ZoneInfo,
    running_wh: Mapping[str, int] | None = None,
) -> Used:
    """Return what those sessions of this month used and cost for which all of `own` holds."""
    start, end = Month.of(now, zone).bounds(zone)
    currency = the_building(conn).currency
    ended = (*own, session.c.ended_ms >= to_ms(start), session.c.ended_ms < to_ms(end))
    # Apart, because a session over a month's end has more than one CDR.
    ended_wh = conn.scalar(select(func.sum(session.c.energy_wh)).where(*ended))
    rated_minor = conn.scalar(
        select(func.sum(cdr.c.gross_minor)).join(session, session.c.session_id == cdr.c.session_id).where(*ended)
    )
    running = conn.execute(
        select(session.c.session_id, session.c.energy_wh).where(*own, session.c.ended_ms.is_(None))
    ).all()
    known_wh = running_wh or {}
    so_far_wh = {one.session_id: max(one.energy_wh, known_wh.get(one.session_id, 0)) for one in running}
    costs = [running_cost(conn, session_id, energy_wh, now) for session_id, energy_wh in so_far_wh.items()]
    return Used(
        energy_wh=int(ended_wh or 0) + sum(so_far_wh.values()),
        running_wh=sum(so_far_wh.values()),
        cost=Money(int(rated_minor or 0), currency),
        running=Money(sum(cost.minor for cost in costs if cost is not None), currency),
    )


type _Pots = Mapping[str, AccountId]
"""Whose account is prepaid, by resident."""


def _told(  # noqa: PLR0917 - who, what and when
    conn: Connection, resident_id: str, rule: Rule, pots: _Pots, now: datetime, zone: ZoneInfo
) -> dict[str, object]:
    account_id = pots.get(resident_id)
    sharers = [one for one, its in pots.items() if its == account_id] if account_id is not None else [resident_id]
    pot_wh = None
    if account_id is not None:
        # Sessions of others who once charged on this account are not the integration's to take off.
        left = prepaid_balance(conn, account_id, now, without=sharers).left
        pot_wh = left_wh(conn, resident_id, left.minor, Money(0, left.currency), now, sharers)
    is_limited = account_id is not None or rule.month_minor is not None
    return _limits(resident_id, rule) | {
        "left_wh": _months_left_wh(conn, resident_id, rule, now, zone),
        "pot": None if pot_wh is None else {"pot_id": account_id, "left_wh": pot_wh},
        "start_wh": start_wh(conn, resident_id, now, sharers) if is_limited else 0,
    }


def _told_without_pots(  # noqa: PLR0917 - who, what and when
    conn: Connection, resident_id: str, rule: Rule, pots: _Pots, now: datetime, zone: ZoneInfo
) -> dict[str, object]:
    """As versions before 3 have it: what others' open sessions cost is off, those of one account may meet in it."""
    limits = [_months_left_wh(conn, resident_id, rule, now, zone)]
    if resident_id in pots:
        left = prepaid_balance(conn, pots[resident_id], now, without=(resident_id,)).left
        limits.append(left_wh(conn, resident_id, left.minor, Money(0, left.currency), now))
    return _limits(resident_id, rule) | {"left_wh": min((each for each in limits if each is not None), default=None)}


def _months_left_wh(conn: Connection, resident_id: str, rule: Rule, now: datetime, zone: ZoneInfo) -> int | None:
    """Return what the money of their month is still good for."""
    if rule.month_minor is None:
        return None
    cost = used_this_month(conn, resident_id, now, zone).cost
    return left_wh(conn, resident_id, rule.month_minor, cost, now, (resident_id,))


def _limits(resident_id: str, rule: Rule) -> dict[str, object]:
    return {
        "resident_id": resident_id,
        "stall_ids": None if rule.stall_ids is None else list(rule.stall_ids),
        "hours": [each.told() for each in rule.hours],
        "sessions": rule.sessions,
        "month_wh": rule.month_wh,
    }


def _rule(row: Row[Any]) -> Rule:
    hours: Sequence[Mapping[str, Any]] = json.loads(row.hours_json) if row.hours_json else ()
    return Rule(
        stall_ids=None if row.stalls_json is None else tuple(json.loads(row.stalls_json)),
        hours=tuple(Hours(days=tuple(each["days"]), start=each["from"], end=each["to"]) for each in hours),
        sessions=row.sessions,
        month_wh=row.month_wh,
        month_minor=row.month_minor,
    )
