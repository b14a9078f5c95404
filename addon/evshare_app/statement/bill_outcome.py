"""What became of a utility bill: what fixed tariffs brought against it, and who bears its losses or its rest."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ..books import schema
from ..books.accounting_tables import charge
from ..books.building import the_building
from ..model import AccountId, Month
from ..money import Money
from ..split.methods import FixedOutcome, Method, fixed_outcome
from ..split.reconcile import Reconciliation
from ..split.remainder import NothingToShareBy
from .bill_booking import reserve_before
from .bills import Bill, bill_shares, income_minor, reconciled
from .house_rules import EnergyRule, energy_rule
from .residuals import carried


@dataclass(frozen=True, kw_only=True)
class BillOutcome:
    """A bill held against the meters and the money."""

    bill: Bill
    found: Reconciliation
    rule: EnergyRule
    fixed: FixedOutcome | None
    """With fixed tariffs: surplus or deficit, and the price that would cover the cost."""
    income: Money
    """Net, of the sessions of its days that residents were charged for."""
    shares: tuple[tuple[AccountId, int], ...]
    """Net minor units by account: billed already, or as it stands now; below zero is a credit."""
    settled: Month | None
    """With which month's close; None: not yet."""
    billed: bool
    """It is on statements, so it is not withdrawn any more."""
    problem: bool = False
    """Nobody can bear it: nobody charged."""


def bill_outcome(conn: Connection, bill: Bill) -> BillOutcome:
    """Return what became of a bill, or what will with the first month that is not closed."""
    building, rule = the_building(conn), energy_rule(conn, bill.month)
    found = reconciled(conn, bill, rule)
    income = Money(income_minor(conn, bill.window, building), building.currency)
    fixed = None
    if rule.method is Method.FIXED:
        fixed = fixed_outcome(
            income=income,
            cost=Money(found.billed.minor, building.currency),
            used_wh=found.billed.wh,
            reserve=Money(reserve_before(conn, bill), building.currency),
        )
    of = f"year:{bill.month.year}" if rule.method is Method.PROVISIONAL else bill.bill_id
    billed = conn.execute(
        select(charge.c.account_id, charge.c.net_minor, charge.c.month).where(charge.c.of == of)
    ).all()
    shares, problem = [(AccountId(row.account_id), int(row.net_minor)) for row in billed], False
    if not billed:
        try:
            made, _ = bill_shares(conn, _settled_with(conn, bill), lambda name: carried(conn, name))
            shares = [(one.account_id, one.net_minor) for one in made if one.of == of]
        except NothingToShareBy:
            problem = True
    return BillOutcome(
        bill=bill,
        found=found,
        rule=rule,
        fixed=fixed,
        income=income,
        shares=tuple(shares),
        settled=Month.parse(billed[0].month) if billed else _closed_with(conn, bill, rule),
        billed=bool(billed),
        problem=problem,
    )


def _closed_with(conn: Connection, bill: Bill, rule: EnergyRule) -> Month | None:
    """Return the month whose close settled a bill of which no account was billed anything."""
    if rule.method is Method.PROVISIONAL:
        return None
    period = schema.period.c
    month = conn.scalar(
        select(func.min(period.month)).where(period.month >= str(bill.month), period.closed_ms >= bill.created_ms)
    )
    return None if month is None else Month.parse(month)


def _settled_with(conn: Connection, bill: Bill) -> Month:
    """Return the month whose close settles a bill that is not settled: its own, or the first that is not closed."""
    last = conn.scalar(select(func.max(schema.period.c.month)))
    return bill.month if last is None else max(bill.month, Month.parse(last).following())
