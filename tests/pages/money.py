"""What the furnished house shares: a flat, an employer, plans, costs, and the utility's bill for June."""

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from evshare_app.books.payers import Plan, PlanKind
from evshare_app.ledger.accounts import BANK
from evshare_app.model import AccountId, Month
from evshare_app.payment.prepaid import top_up
from evshare_app.resident.accounts import set_stall_holder
from evshare_app.resident.people import people
from evshare_app.resident.plans import add_account, add_plan, add_unit, assign_plan, join_group, set_share
from evshare_app.split.days import Window
from evshare_app.split.items import Every
from evshare_app.split.keys import Key
from evshare_app.statement.bills import Bill, add_bill
from evshare_app.statement.costs import CostKind, NewCost, add_cost, end_cost
from evshare_app.statement.house_rules import set_rule
from tests.app.house import NOW, Furnished

BY = "office:Manager"
JULY = date(2026, 7, 1)


async def enter(furnished: Furnished) -> tuple[str, str]:
    """Enter all of it; return the ids of an account and of a bill."""
    return await furnished.house.app.books.write(_enter)


def _enter(conn: Connection) -> tuple[str, str]:
    own: dict[str, AccountId] = {one.resident_id: one.account_id for one in people(conn)}
    ada, bo = own["res-1"], own["res-2"]
    add_account(conn, "Nordwind Windkraftanlagen GmbH & Co. KG", "employer")
    flat = add_unit(conn, "Flat 1, ground floor, garden side", 81, JULY)
    set_share(conn, flat, 83, date(2026, 7, 2))
    add_unit(conn, "Flat 2", 117, JULY)
    set_stall_holder(conn, "stall-2", bo, JULY)
    begin = datetime(2026, 7, 1, tzinfo=UTC)
    fifty = Plan(
        plan_id="",
        name="Fifty kilowatt-hours",
        kind=PlanKind.SUBSCRIPTION,
        family="house",
        base_fee_minor=1_990,
        vat=Decimal(19),
        included_wh=50_000,
        rollover=True,
        demand_minor=350,
    )
    in_advance = Plan(plan_id="", name="In advance", kind=PlanKind.PREPAID, family="house", low_balance_minor=1_000)
    assign_plan(conn, add_plan(conn, fifty, BY, NOW), group="Owners", since=begin, by=BY)
    assign_plan(conn, add_plan(conn, in_advance, BY, NOW), account_id=ada, since=begin, by=BY)
    add_plan(conn, Plan(plan_id="", name="Pay as you go", kind=PlanKind.PAY_AS_YOU_GO, family="house"), BY, NOW)
    join_group(conn, bo, "Owners", begin)
    top_up(conn, ada, amount_minor=15_000, into=BANK, entry="B-1", at=begin, actor=BY, now=NOW)
    loan = NewCost(
        name="Loan for the wiring of the underground car park",
        kind=CostKind.LOAN,
        key=Key.EQUAL,
        amount_minor=31_000,
        vat=None,
        every=Every.MONTH,
        from_day=JULY,
        to_day=date(2031, 7, 1),
    )
    add_cost(conn, loan, BY, NOW)
    weights = {ada: Decimal(3), bo: Decimal(1)}
    upkeep = NewCost(
        name="Upkeep",
        kind=CostKind.MAINTENANCE,
        key=Key.CUSTOM,
        amount_minor=24_000,
        vat=Decimal(19),
        every=Every.YEAR,
        from_day=JULY,
        weights=weights,
        members=(ada, bo),
    )
    add_cost(conn, upkeep, BY, NOW)
    by_shares = NewCost(
        name="By shares nobody holds",
        kind=CostKind.OTHER,
        key=Key.OWNERSHIP,
        amount_minor=5_000,
        vat=None,
        every=Every.ONCE,
        from_day=date(2026, 7, 2),
    )
    add_cost(conn, by_shares, BY, NOW)
    end_cost(conn, add_cost(conn, by_shares, BY, NOW), JULY)
    set_rule(conn, "energy", Month(2026, 7), {"method": "fixed", "bearer": "kwh", "standby_w": 30}, BY, NOW)
    sun = {"rule": "first_come", "sharing": "by_use", "grid_price": "0.30", "solar_price": "0.18", "valid_months": 12}
    set_rule(conn, "solar", Month(2026, 7), sun, BY, NOW)
    for month, wh, minor in ((5, 366_000, 7_320), (6, 391_000, 7_820)):
        bill_id = add_bill(
            conn,
            Bill(
                bill_id="",
                number=f"SW-2026-{month:04d}",
                window=Window(from_day=date(2026, month, 1), to_day=date(2026, month + 1, 1)),
                feeder_wh=wh,
                energy_minor=minor,
                fixed_minor=900,
                demand_minor=0,
                tax_minor=1_653,
                created_ms=0,
            ),
            BY,
            NOW,
        )
    return ada, bill_id
