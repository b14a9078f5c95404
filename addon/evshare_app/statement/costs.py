"""Cost items: what the owners divide among the accounts besides sessions. Entered and ended by the manager.

An item is never changed, because months that are closed were worked out with it: it is ended, and another one begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
import json
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, insert, select, update

from ..books.accounting_tables import cost_item
from ..books.building import the_building
from ..books.schema import account, period
from ..model import AccountId, Month, from_ms, to_ms
from ..split.days import Days, Window
from ..split.items import CostItem, Every, ItemSplit, amount_in, split_item
from ..split.keys import Key, Member
from ..split.remainder import NothingToShareBy
from .basis import basis, stays
from .residuals import carried

_MOST_MINOR = 10**9


class CostKind(StrEnum):
    """What a cost is for."""

    LOAN = "loan"
    MAINTENANCE = "maintenance"
    BASE = "base"
    LOSSES = "losses"
    DEMAND = "demand"
    ENERGY = "energy"
    OTHER = "other"


class CostError(ValueError):
    """It cannot be set; the message names the field, what came and what is accepted. Nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class NewCost:
    """A cost as the manager enters it."""

    name: str
    kind: CostKind
    key: Key
    amount_minor: int
    """Net, for the whole of `every`."""
    vat: Decimal | None
    """Percent; None: none applies."""
    every: Every
    from_day: date
    to_day: date | None = None
    """The first day on which it is no longer in force; None: until it is ended."""
    members: Sequence[AccountId] | None = None
    """Who takes part; None: every account that may charge."""
    weights: Mapping[AccountId, Decimal] | None = None
    """For `Key.CUSTOM`."""


@dataclass(frozen=True, kw_only=True)
class KnownCost:
    """A cost of the books."""

    item: CostItem
    kind: CostKind
    vat: Decimal | None
    ended: bool


@dataclass(frozen=True, kw_only=True)
class CostPreview:
    """What a cost comes to in a month, and who bears how much."""

    cost: KnownCost
    total_minor: int
    split: ItemSplit | None
    """None: nobody can bear it (see `problem`), or it costs nothing in this month."""
    problem: str = ""


def add_cost(conn: Connection, new: NewCost, by: str, now: datetime) -> str:
    """Enter a cost and return its id. Raises `CostError`."""
    _check(conn, new)
    item_id = uuid4().hex
    conn.execute(
        insert(cost_item).values(
            building_id=the_building(conn).building_id,
            item_id=item_id,
            name=new.name.strip(),
            kind=new.kind,
            key=new.key,
            amount_minor=new.amount_minor,
            vat=None if new.vat is None else str(new.vat),
            every=new.every,
            from_day=new.from_day.isoformat(),
            to_day=None if new.to_day is None else new.to_day.isoformat(),
            weights_json=None
            if new.weights is None
            else json.dumps({who: str(weight) for who, weight in sorted(new.weights.items())}),
            members_json=None if new.members is None else json.dumps(sorted(new.members)),
            created_ms=to_ms(now),
            made_by=by[:80],
        )
    )
    return item_id


def end_cost(conn: Connection, item_id: str, day: date) -> None:
    """Let a cost no longer be in force from a local day on. Raises `CostError`.

    What is due once, on one day, is taken back whole; that can be done until its month is closed.
    """
    row = conn.execute(select(cost_item).where(cost_item.c.item_id == item_id)).one_or_none()
    if row is None or row.ended_ms is not None:
        msg = f"item: got {item_id!r}, accepted is the id of a cost that was not ended"
        raise CostError(msg)
    due = date.fromisoformat(row.from_day)
    at_once = row.every == Every.ONCE and row.to_day is None
    day = due if at_once else day
    _check_open(conn, "day", day)
    building = the_building(conn)
    # Noon is that day wherever clocks are changed.
    ended = datetime(day.year, day.month, day.day, 12, tzinfo=building.zone)
    conn.execute(update(cost_item).where(cost_item.c.item_id == item_id).values(ended_ms=to_ms(ended)))


def costs(conn: Connection) -> list[KnownCost]:
    """Return every cost there is or was, by name."""
    zone = the_building(conn).zone
    return [_known(row, zone) for row in conn.execute(select(cost_item).order_by(func.lower(cost_item.c.name)))]


def cost_items(conn: Connection, zone: ZoneInfo) -> Iterator[tuple[CostItem, Decimal | None]]:
    """Yield every cost as it is divided, with the VAT on it."""
    for row in conn.execute(select(cost_item).order_by(cost_item.c.item_id)):
        known = _known(row, zone)
        yield known.item, known.vat


def preview_costs(conn: Connection, month: Month) -> list[CostPreview]:
    """Return what each cost comes to in a month and who bears it, as it stands now; an open month may still change."""
    building, window = the_building(conn), Window.of_month(month)
    known = costs(conn)
    if not known:
        return []
    shared_by = basis(conn, window, building.zone, stays(conn))
    previews = []
    for one in known:
        total_minor = amount_in(one.item, window)
        split, problem = None, ""
        if total_minor:
            try:
                split = split_item(one.item, shared_by, window, carried(conn, one.item.item_id, before=month))
            except NothingToShareBy as nothing:
                problem = str(nothing)
        previews.append(CostPreview(cost=one, total_minor=total_minor, split=split, problem=problem))
    return previews


def _known(row: Row[Any], zone: ZoneInfo) -> KnownCost:
    days = Days(
        from_day=date.fromisoformat(row.from_day),
        to_day=None if row.to_day is None else date.fromisoformat(row.to_day),
    )
    members = None if row.members_json is None else json.loads(row.members_json)
    return KnownCost(
        item=CostItem(
            item_id=row.item_id,
            name=row.name,
            key=Key(row.key),
            amount_minor=row.amount_minor,
            every=Every(row.every),
            days=days,
            ended=None if row.ended_ms is None else max(days.from_day, from_ms(row.ended_ms).astimezone(zone).date()),
            members=None if members is None else tuple(Member(account_id=AccountId(one), days=days) for one in members),
            weights={AccountId(who): Decimal(weight) for who, weight in json.loads(row.weights_json or "{}").items()},
        ),
        kind=CostKind(row.kind),
        vat=None if row.vat is None else Decimal(row.vat),
        ended=row.ended_ms is not None,
    )


def _check(conn: Connection, new: NewCost) -> None:
    if not 0 < len(new.name.strip()) <= 80 or not new.name.strip().isprintable():
        msg = f"name: got {new.name!r}, accepted are 1 to 80 printable characters"
        raise CostError(msg)
    if not 0 < abs(new.amount_minor) <= _MOST_MINOR:
        msg = f"amount: got {new.amount_minor}, accepted is an amount other than 0, at most {_MOST_MINOR}"
        raise CostError(msg)
    if new.vat is not None and not Decimal(0) <= new.vat <= Decimal(100):
        msg = f"vat: got {new.vat}, accepted is a percentage from 0 to 100"
        raise CostError(msg)
    _check_open(conn, "from_day", new.from_day)
    if new.to_day is not None and new.to_day <= new.from_day:
        msg = f"to_day: got {new.to_day}, accepted is a day after {new.from_day}"
        raise CostError(msg)
    known = set(conn.scalars(select(account.c.account_id).where(account.c.kind.in_(("household", "employer")))))
    if new.members is not None and (not new.members or set(new.members) - known):
        msg = f"members: got {sorted(new.members)}, accepted are ids of accounts, at least one"
        raise CostError(msg)
    if (new.key is Key.CUSTOM) != (new.weights is not None):
        msg = f"weights: got {new.weights} with the key {new.key}, accepted are weights with the key custom only"
        raise CostError(msg)
    for who, weight in (new.weights or {}).items():
        if who not in known or weight < 0:
            msg = f"weights: got {weight} for {who!r}, accepted is a number from 0 for an account"
            raise CostError(msg)
    if new.weights is not None and not any(new.weights.values()):
        msg = "weights: got nothing above 0, accepted is at least one such"
        raise CostError(msg)


def _check_open(conn: Connection, field: str, day: date) -> None:
    last = conn.scalar(select(func.max(period.c.month)))
    earliest = None if last is None else Window.of_month(Month.parse(last).following()).from_day
    if earliest is not None and day < earliest:
        msg = f"{field}: got {day}, accepted is {earliest} or later: months before are closed"
        raise CostError(msg)
