"""Plans, costs, sun and bills to enter into Lindenhof's books, and a close of June to look at."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
import json
from typing import Any

from sqlalchemy import Connection, insert, select

from evshare_app.books import schema
from evshare_app.books.accounting_tables import charge, cost_item, plan, plan_assignment, stall_holder
from evshare_app.model import Month, to_ms
from evshare_app.split.days import Window
from evshare_app.statement.bills import Bill, add_bill
from tests.app.statement.lindenhof import BUILDING

JUNE, JULY = Month(2026, 6), Month(2026, 7)
WEBER, OKAFOR, NOVAK = "acc-weber", "acc-okafor", "acc-novak"
JULY_1, AUGUST_1 = datetime(2026, 7, 1, 8, tzinfo=UTC), datetime(2026, 8, 1, 8, tzinfo=UTC)


def berlin(day: int, hour: int = 0, month: int = 6) -> datetime:
    """A summer's instant on Berlin's clocks, two hours before UTC."""
    return datetime(2026, month, day, hour, tzinfo=UTC) - timedelta(hours=2)


def add_household(conn: Connection, account_id: str, resident: str, since: datetime | None = None) -> None:
    conn.execute(insert(schema.account).values(building_id=BUILDING, account_id=account_id, name=account_id))
    conn.execute(
        insert(schema.resident).values(
            building_id=BUILDING,
            resident_id=resident,
            name=resident.title(),
            account_id=account_id,
            moved_in_ms=None if since is None else to_ms(since),
        )
    )


def add_plan(conn: Connection, plan_id: str, **changes: Any) -> None:
    fields = {
        "name": plan_id.title(),
        "kind": "subscription",
        "family": "house",
        "base_fee_minor": 0,
        "included_wh": 0,
        "rollover": 0,
        "demand_minor": 0,
        "is_default": 0,
        "created_ms": 0,
        "made_by": "m",
    }
    conn.execute(insert(plan).values(building_id=BUILDING, plan_id=plan_id, **(fields | changes)))


def assign(conn: Connection, plan_id: str, account_id: str, since: datetime, until: datetime | None = None) -> None:
    conn.execute(
        insert(plan_assignment).values(
            building_id=BUILDING,
            assignment_id=f"{plan_id}:{account_id}",
            plan_id=plan_id,
            account_id=account_id,
            from_ms=to_ms(since),
            to_ms=None if until is None else to_ms(until),
            made_by="m",
        )
    )


def add_cost(conn: Connection, item_id: str, key: str, amount_minor: int, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "name": item_id.title(),
        "kind": "other",
        "every": "month",
        "from_day": "2026-01-01",
        "created_ms": 0,
        "made_by": "m",
    }
    weights = changes.pop("weights", None)
    if weights is not None:
        changes["weights_json"] = json.dumps(weights)
    conn.execute(
        insert(cost_item).values(
            building_id=BUILDING, item_id=item_id, key=key, amount_minor=amount_minor, **(fields | changes)
        )
    )


def hold(conn: Connection, stall_id: str, account_id: str | None, since: str = "2026-01-01") -> None:
    conn.execute(
        insert(stall_holder).values(building_id=BUILDING, stall_id=stall_id, account_id=account_id, from_day=since)
    )


def add_quarter_hour(conn: Connection, start: datetime, *, estimated: str = "", **wh: int | None) -> None:
    fields: Mapping[str, int | None] = {"import_wh": 0, "export_wh": 0, "pv_wh": None}
    conn.execute(
        insert(schema.building_slice).values(
            building_id=BUILDING,
            start_ms=to_ms(start),
            end_ms=to_ms(start + timedelta(minutes=15)),
            estimated=int(bool(estimated)),
            estimated_of=estimated,
            **{**fields, **wh},
        )
    )


def utility(conn: Connection, number: str, feeder_wh: int, energy_minor: int, days: tuple[date, date]) -> str:
    bill = Bill(
        bill_id="",
        number=number,
        window=Window(from_day=days[0], to_day=days[1]),
        feeder_wh=feeder_wh,
        energy_minor=energy_minor,
        fixed_minor=0,
        demand_minor=0,
        tax_minor=0,
        created_ms=0,
    )
    return add_bill(conn, bill, "m", datetime.combine(days[1], datetime.min.time(), tzinfo=UTC))


JUNE_DAYS = (date(2026, 6, 1), date(2026, 7, 1))
YEAR = (date(2026, 1, 1), date(2027, 1, 1))


def charged(conn: Connection, month: Month = JUNE, kind: str | None = None) -> dict[str, int]:
    """What each account was charged net besides sessions."""
    rows = conn.execute(select(charge).where(charge.c.month == str(month)).order_by(charge.c.charge_id)).all()
    sums: dict[str, int] = {}
    for row in rows:
        if kind in (None, row.kind):
            sums[row.account_id] = sums.get(row.account_id, 0) + row.net_minor
    return sums


def details(conn: Connection, account_id: str, kind: str, month: Month = JUNE) -> dict[str, Any]:
    rows = select(charge.c.details_json).where(
        charge.c.account_id == account_id, charge.c.kind == kind, charge.c.month == str(month)
    )
    found: dict[str, Any] = json.loads(conn.scalars(rows).one())
    return found


def vat(percent: str) -> str:
    return str(Decimal(percent))
