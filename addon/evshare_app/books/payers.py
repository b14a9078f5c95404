"""Who owes for what a resident charges, and on which plan: at any time, also in mid-month.

A resident charges on their own account unless a membership says otherwise (a household of several people, an employer
who pays). An account is on the plan it was given, else on its group's, else on the house's: pay as you go, at the
house's tariff. Sessions keep the account and the tariff of the time they were authorised.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, or_, select

from ..model import AccountId, to_ms
from .accounting_tables import member_group, membership, plan, plan_assignment
from .schema import resident

HOUSE = "house"
"""The family of tariffs of everybody who is on no plan of their own."""


class PlanKind(StrEnum):
    """How an account pays."""

    PAY_AS_YOU_GO = "pay_as_you_go"
    PREPAID = "prepaid"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an account is on."""

    plan_id: str
    name: str
    kind: PlanKind
    family: str
    """Of tariffs."""
    base_fee_minor: int = 0
    """Net, a month."""
    vat: Decimal | None = None
    """Percent of the base fee."""
    included_wh: int = 0
    """A month, before energy costs anything."""
    rollover: bool = False
    """Whether included energy that was not used is kept for a month."""
    demand_minor: int = 0
    """Net, per kW at the building's peak, a month."""
    low_balance_minor: int | None = None
    """Of a prepaid balance, when to say that it is low."""


THE_HOUSES = Plan(plan_id="", name="", kind=PlanKind.PAY_AS_YOU_GO, family=HOUSE)
"""The plan of everybody who was given none."""


def payer_at(conn: Connection, resident_id: str, at: datetime) -> AccountId:
    """Return the account that owes for what a resident charges at an instant. Raises LookupError for a stranger."""
    given = conn.scalar(
        select(membership.c.account_id)
        .where(membership.c.resident_id == resident_id, *_holds(membership, at))
        .order_by(membership.c.from_ms.desc())
        .limit(1)
    )
    if given is not None:
        return AccountId(given)
    own = conn.scalar(select(resident.c.account_id).where(resident.c.resident_id == resident_id))
    if own is None:
        raise LookupError(resident_id)
    return AccountId(own)


def plan_at(conn: Connection, account_id: AccountId, at: datetime) -> Plan:
    """Return the plan an account is on at an instant: its own, else its group's, else the default."""
    groups = select(member_group.c.group_name).where(member_group.c.account_id == account_id, *_holds(member_group, at))
    row = conn.execute(
        select(plan)
        .join(plan_assignment, plan_assignment.c.plan_id == plan.c.plan_id)
        .where(
            or_(plan_assignment.c.account_id == account_id, plan_assignment.c.group_name.in_(groups)),
            *_holds(plan_assignment, at),
        )
        .order_by(plan_assignment.c.account_id.is_(None), plan_assignment.c.from_ms.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        row = conn.execute(
            select(plan)
            .where(plan.c.is_default == 1, plan.c.created_ms <= to_ms(at))
            .order_by(plan.c.created_ms.desc())
            .limit(1)
        ).one_or_none()
    return THE_HOUSES if row is None else read_plan(row)


def family_for(conn: Connection, resident_id: str, at: datetime) -> str:
    """Return the family of tariffs a resident charges under."""
    return plan_at(conn, payer_at(conn, resident_id, at), at).family


def read_plan(row: Row[Any]) -> Plan:
    """Return a plan of the books."""
    return Plan(
        plan_id=row.plan_id,
        name=row.name,
        kind=PlanKind(row.kind),
        family=row.family,
        base_fee_minor=row.base_fee_minor,
        vat=None if row.vat is None else Decimal(row.vat),
        included_wh=row.included_wh,
        rollover=bool(row.rollover),
        demand_minor=row.demand_minor,
        low_balance_minor=row.low_balance_minor,
    )


def _holds(table: Table, at: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    at_ms = to_ms(at)
    return table.c.from_ms <= at_ms, or_(table.c.to_ms.is_(None), table.c.to_ms > at_ms)
