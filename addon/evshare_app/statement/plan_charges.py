"""What plans cost and include: base fees by days, energy that is included, demand at the building's peak."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import groupby
import json
from math import floor
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, or_, select

from ..books import schema
from ..books.accounting_tables import charge
from ..books.payers import Plan
from ..model import AccountId, Month
from ..split import demand
from ..split.sources import SLOT_MS, Guess
from ..tariff.cdr import CREDIT, cdr_extension
from ..tariff.gather import slices_over
from .charge import BASE_FEE, DEMAND, INCLUDED, Charge
from .month_work import MonthWork


def plan_charges(work: MonthWork) -> Iterator[Charge]:
    """Yield what every account's plans cost in a month, and what they take off."""
    yield from base_fees(work)
    yield from included(work)
    yield from demand_charges(work)


def base_fees(work: MonthWork) -> Iterator[Charge]:
    """Yield base fees, by the days on which an account was on a plan."""
    for account_id, by_plan in work.plan_days().items():
        for plan, days in by_plan.values():
            if plan.base_fee_minor:
                net = Decimal(plan.base_fee_minor * days) / work.days
                yield Charge(
                    charge_id=f"base:{work.month}:{plan.plan_id}:{account_id}",
                    account_id=account_id,
                    month=work.month,
                    kind=BASE_FEE,
                    of=plan.plan_id,
                    net_minor=int(net.quantize(Decimal(1), rounding=ROUND_HALF_UP)),
                    vat=plan.vat,
                    details={"name": plan.name, "days": days, "of_days": work.days},
                )


def included(work: MonthWork) -> Iterator[Charge]:
    """Take off what a plan includes: the first energy the month's statement bills, in the order in which it ended."""
    including: dict[AccountId, list[tuple[Plan, int]]] = {}
    for account_id, by_plan in work.plan_days().items():
        plans = [(plan, days) for plan, days in by_plan.values() if plan.included_wh]
        if plans:
            including[account_id] = plans
    for account_id, lines in _energy_lines(work, list(including)):
        yield from _included(work, account_id, including.pop(account_id), lines)
    for account_id, plans in including.items():
        yield from _included(work, account_id, plans, iter(()))


def _included(
    work: MonthWork, account_id: AccountId, including: Sequence[tuple[Plan, int]], lines: Iterator[_EnergyLine]
) -> Iterator[Charge]:
    rest: _EnergyLine | None = None
    for plan, days in including:
        kept_wh = _kept_wh(work.conn, account_id, plan, work.month)
        granted_wh = plan.included_wh * days // work.days
        left_wh = granted_wh + kept_wh
        worth: dict[Decimal | None, Fraction] = defaultdict(Fraction)
        # What one plan has taken off, the next one does not.
        while left_wh and (rest := rest or next(lines, None)) is not None:
            taken_wh = min(left_wh, rest.wh)
            worth[rest.vat] += rest.net_per_wh * taken_wh
            left_wh -= taken_wh
            rest = replace(rest, wh=rest.wh - taken_wh) if taken_wh < rest.wh else None
        details = {
            "name": plan.name,
            "granted_wh": granted_wh,
            "kept_wh": kept_wh,
            "used_wh": granted_wh + kept_wh - left_wh,
            # What was kept is used first; what is left of it is lost.
            "left_wh": min(left_wh, granted_wh) if plan.rollover else 0,
        }
        for place, (vat, amount) in enumerate(sorted(worth.items(), key=str) or [(None, Fraction(0))]):
            yield Charge(
                charge_id=f"included:{work.month}:{plan.plan_id}:{place}:{account_id}",
                account_id=account_id,
                month=work.month,
                kind=INCLUDED,
                of=plan.plan_id,
                net_minor=-floor(amount + Fraction(1, 2)),
                vat=vat,
                details=details | ({} if place == 0 else {"used_wh": 0, "left_wh": 0}),
            )


def demand_charges(work: MonthWork) -> Iterator[Charge]:
    """Yield what accounts drew in the building's highest quarter hour, where their plan asks for it."""
    asked = {
        account_id: plan
        for account_id, by_plan in work.plan_days().items()
        for plan, _ in by_plan.values()
        if plan.demand_minor
    }
    if not asked:
        return
    peak = demand.building_peak(work.slots().values())
    peak = demand.stalls_peak(work.used_slices()) if peak is None else peak
    if peak is None:
        return
    # Of a million slices a month only those around the peak.
    used = slices_over(work.conn, peak.start_ms, peak.start_ms + SLOT_MS)
    for account_id, wh in demand.demand_wh(used, peak).items():
        plan = asked.get(AccountId(account_id))
        if plan is not None and wh:
            yield Charge(
                charge_id=f"demand:{work.month}:{plan.plan_id}:{account_id}",
                account_id=AccountId(account_id),
                month=work.month,
                kind=DEMAND,
                of=plan.plan_id,
                net_minor=demand.demand_minor({account_id: wh}, plan.demand_minor)[account_id],
                vat=plan.vat,
                details={"name": plan.name, "kw": str(demand.kw(wh)), "peak_ms": peak.start_ms}
                | ({"estimated": [Guess.GRID]} if peak.estimated else {}),
            )


def _kept_wh(conn: Connection, account_id: AccountId, plan: Plan, month: Month) -> int:
    """Return what of the month before's included energy was kept for this one."""
    if not plan.rollover:
        return 0
    before = Month(month.year - (month.month == 1), (month.month - 2) % 12 + 1)
    details = conn.scalars(
        select(charge.c.details_json).where(
            charge.c.account_id == account_id,
            charge.c.month == str(before),
            charge.c.kind == INCLUDED,
            charge.c.of == plan.plan_id,
        )
    ).first()
    return 0 if details is None else int(json.loads(details)["left_wh"])


@dataclass(frozen=True, kw_only=True)
class _EnergyLine:
    """Energy that a statement bills at a price."""

    wh: int
    net_per_wh: Fraction
    """In minor units, as it was rounded for the session: what is taken off is what was billed."""
    vat: Decimal | None


def _energy_lines(
    work: MonthWork, account_ids: Sequence[AccountId]
) -> Iterator[tuple[AccountId, Iterator[_EnergyLine]]]:
    """Yield what the statements of a month bill each of these accounts for energy, in the order it ended."""
    earlier = (
        select(schema.statement_cdr.c.cdr_id)
        .join_from(schema.statement_cdr, schema.statement)
        .where(schema.statement.c.month == str(work.month), schema.statement.c.kind == "move_out")
    )
    cdr = schema.cdr
    credited = select(cdr.c.credits).where(cdr.c.credits.is_not(None))
    # All accounts at once, for each would read the whole month's CDRs.
    rows = work.conn.execute(
        select(cdr.c.account_id, cdr.c.cdr_id)
        .where(
            cdr.c.account_id.in_(account_ids),
            or_(work.bills, cdr.c.cdr_id.in_(earlier)),
            cdr.c.kind != CREDIT,
            cdr.c.cdr_id.not_in(credited),
        )
        .order_by(cdr.c.account_id, cdr.c.ended_ms, cdr.c.cdr_id),
        execution_options={"yield_per": 1000},
    )
    for account_id, own in groupby(rows, key=attrgetter("account_id")):
        yield AccountId(account_id), _lines_of(work.conn, (row.cdr_id for row in own))


def _lines_of(conn: Connection, cdr_ids: Iterable[str]) -> Iterator[_EnergyLine]:
    for cdr_id in cdr_ids:
        # One by one: what is included is mostly used up after a few of them.
        ocpi_json = conn.execute(select(schema.cdr.c.ocpi_json).where(schema.cdr.c.cdr_id == cdr_id)).scalar_one()
        yield from energy_billed(cdr_extension(ocpi_json)["lines"])


def energy_billed(lines: Sequence[Mapping[str, Any]]) -> Iterator[_EnergyLine]:
    """Yield the energy of a CDR with what it was billed: where a highest price took something off, less its share."""
    for vat in dict.fromkeys(line.get("vat") for line in lines if line["type"] == "ENERGY"):
        own = [line for line in lines if line.get("vat") == vat]
        priced = sum(line["net_minor"] for line in own if line.get("price") is not None)
        taken_off = sum(min(0, line["net_minor"]) for line in own if line.get("price") is None)
        left = max(Fraction(0), 1 + Fraction(taken_off, priced)) if priced else Fraction(1)
        energy = [(line["volume"], line["net_minor"]) for line in own if line["type"] == "ENERGY"]
        if any(wh < 0 for wh, _ in energy):
            # It takes back what an earlier part billed at another price: only its sum was used in it.
            energy = [(sum(wh for wh, _ in energy), max(0, sum(minor for _, minor in energy)))]
        for wh, minor in energy:
            if wh > 0:
                yield _EnergyLine(
                    wh=wh, net_per_wh=left * Fraction(minor, wh), vat=None if vat is None else Decimal(vat)
                )
