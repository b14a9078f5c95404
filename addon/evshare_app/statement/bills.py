"""The utility's bills: entered by the manager, held against the meters, and borne by the owners' rule.

A bill is settled when the month in which it ends is closed; one that comes later, with the first month closed after
it was entered. With fixed tariffs only losses are billed, if residents bear them. With actual cost each bill, and
with provisional prices each year, is settled against what tariffs brought.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select

from ..books import schema
from ..books.accounting_tables import utility_bill
from ..books.building import BuildingRow, the_building
from ..books.common import common_account, find_common_account, nobodys
from ..ledger.ledger import post
from ..ledger.templates import Event, utility_billed
from ..model import AccountId, Month, StallId, to_ms
from ..split.days import Window
from ..split.methods import Method, true_up
from ..split.reconcile import Bearer, Reconciliation, SubMeter, bear_losses, reconcile
from .basis import bounds, energy_by_account
from .house_rules import EnergyRule, energy_rule

LOSSES, TRUE_UP = "losses", "true_up"
BOOKED = "utility:"
"""Begin of the ids of the ledger's transactions for bills."""


class BillError(ValueError):
    """The bill cannot be entered; the message names the field, what came and what is accepted."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What the supplier billed the feeder for some days."""

    bill_id: str
    number: str
    window: Window
    feeder_wh: int
    energy_minor: int
    fixed_minor: int
    demand_minor: int
    tax_minor: int
    created_ms: int

    @property
    def total_minor(self) -> int:
        """All of it."""
        return self.energy_minor + self.fixed_minor + self.demand_minor + self.tax_minor

    @property
    def month(self) -> Month:
        """The month in which it ends."""
        last = self.window.to_day - timedelta(days=1)
        return Month(last.year, last.month)


@dataclass(frozen=True, kw_only=True)
class BillShare:
    """What an account bears of a bill, or of a year's."""

    kind: str
    of: str
    account_id: AccountId
    net_minor: int
    vat: Decimal | None
    details: Mapping[str, Any] = field(default_factory=dict)


type _Carried = Callable[[str], dict[AccountId, int]]


def add_bill(conn: Connection, new: Bill, by: str, now: datetime) -> str:
    """Enter a bill and return its id. Raises `BillError`."""
    building = the_building(conn)
    if not new.window.from_day < new.window.to_day <= now.astimezone(building.zone).date():
        msg = f"to_day: got {new.window.to_day}, accepted is a day after {new.window.from_day}, not in the future"
        raise BillError(msg)
    for name in ("feeder_wh", "energy_minor", "fixed_minor", "demand_minor", "tax_minor"):
        value = getattr(new, name)
        if not 0 <= value < 10**12:
            msg = f"{name}: got {value}, accepted is a whole number from 0"
            raise BillError(msg)
    if new.total_minor and not new.feeder_wh:
        # Nothing could be said of whose it is; a fee without energy is a cost that is shared by a key.
        msg = f"feeder_wh: got 0 with a bill of {new.total_minor}, accepted is what the feeder counted"
        raise BillError(msg)
    for other in bills(conn):
        if other.window.from_day < new.window.to_day and new.window.from_day < other.window.to_day:
            msg = f"from_day: got {new.window.from_day}, accepted are days outside bill {other.number}"
            raise BillError(msg)
    bill_id = uuid4().hex
    conn.execute(
        insert(utility_bill).values(
            building_id=building.building_id,
            bill_id=bill_id,
            number=new.number.strip()[:80],
            from_day=new.window.from_day.isoformat(),
            to_day=new.window.to_day.isoformat(),
            feeder_wh=new.feeder_wh,
            energy_minor=new.energy_minor,
            fixed_minor=new.fixed_minor,
            demand_minor=new.demand_minor,
            tax_minor=new.tax_minor,
            created_ms=to_ms(now),
            made_by=by[:80],
        )
    )
    if new.total_minor:
        # What the supplier gets is the building's cost, against which residents' shares are income.
        booked = Event(
            transaction_id=f"{BOOKED}{bill_id}",
            occurred=now,
            actor=by[:64],
            reason=f"Utility bill {new.number.strip()[:80]}",
            currency=building.currency,
        )
        post(conn, utility_billed(booked, new.total_minor), now)
    return bill_id


def bills(conn: Connection) -> list[Bill]:
    """Return the bills that stand, in the order of their days."""
    rows = conn.execute(
        select(utility_bill).where(utility_bill.c.withdrawn_ms.is_(None)).order_by(utility_bill.c.from_day)
    )
    return [
        Bill(
            bill_id=row.bill_id,
            number=row.number,
            window=Window(from_day=date.fromisoformat(row.from_day), to_day=date.fromisoformat(row.to_day)),
            feeder_wh=row.feeder_wh,
            energy_minor=row.energy_minor,
            fixed_minor=row.fixed_minor,
            demand_minor=row.demand_minor,
            tax_minor=row.tax_minor,
            created_ms=row.created_ms,
        )
        for row in rows
    ]


def reconciled(conn: Connection, bill: Bill, rule: EnergyRule) -> Reconciliation:
    """Hold a bill against the meters: where each Wh of the feeder went, and each minor unit of the whole bill."""
    building = the_building(conn)
    begin, end = bounds(bill.window, building.zone)
    hours = (end - begin) / timedelta(hours=1)
    return reconcile(
        feeder_wh=bill.feeder_wh,
        energy_minor=bill.total_minor,
        meters=_meters(conn, begin, end),
        standby_wh=min(int(rule.standby_w * hours), bill.feeder_wh),
    )


def bill_shares(
    conn: Connection, month: Month, carried: _Carried
) -> tuple[list[BillShare], dict[str, Mapping[AccountId, int]]]:
    """Return what accounts bear of the bills that are settled with a month, and the residuals to remember."""
    building, rule = the_building(conn), energy_rule(conn, month)
    settled = [bill for bill in bills(conn) if settled_with(conn, bill, month)]
    match rule.method:
        case Method.FIXED:
            return _losses(conn, building, rule, settled, carried)
        case Method.ACTUAL:
            return _true_ups(conn, building, rule, [(bill.bill_id, [bill]) for bill in settled], carried)
        case Method.PROVISIONAL:
            if month.month != 12:
                return [], {}
            year = [bill for bill in bills(conn) if bill.month.year == month.year]
            return _true_ups(conn, building, rule, [(f"year:{month.year}", year)] if year else [], carried)


def settled_with(conn: Connection, bill: Bill, month: Month) -> bool:
    """Whether a bill belongs to a month: it ends in it, or it came after the month it ends in was closed."""
    if bill.month == month:
        return True
    if str(bill.month) > str(month):
        return False
    # The first month closed after it was entered.
    closed = conn.execute(
        select(schema.period.c.month, schema.period.c.closed_ms).where(schema.period.c.month >= str(bill.month))
    ).all()
    return all(row.closed_ms < bill.created_ms for row in closed if row.month < str(month))


def _losses(
    conn: Connection, building: BuildingRow, rule: EnergyRule, settled: list[Bill], carried: _Carried
) -> tuple[list[BillShare], dict[str, Mapping[AccountId, int]]]:
    if rule.bearer is Bearer.COMMON:
        return [], {}
    shares: list[BillShare] = []
    remembered = carried(LOSSES)
    residuals: dict[str, Mapping[AccountId, int]] = {}
    for bill in settled:
        found = reconciled(conn, bill, rule)
        if found.losses.minor <= 0:
            continue
        used = _owing_wh(conn, bill.window, building)
        borne = bear_losses(found.losses, rule.bearer, used, common_account(conn), remembered)
        remembered = dict(borne.residual_n)
        residuals[LOSSES] = remembered
        shares += [
            BillShare(
                kind=LOSSES,
                of=bill.bill_id,
                account_id=account_id,
                net_minor=minor,
                vat=rule.vat,
                details={"number": bill.number, "losses_wh": found.losses.wh, "total_minor": found.losses.minor},
            )
            for account_id, minor in borne.given.items()
            if minor
        ]
    return shares, residuals


def _true_ups(
    conn: Connection,
    building: BuildingRow,
    rule: EnergyRule,
    groups: list[tuple[str, list[Bill]]],
    carried: _Carried,
) -> tuple[list[BillShare], dict[str, Mapping[AccountId, int]]]:
    shares: list[BillShare] = []
    remembered = carried(TRUE_UP)
    residuals: dict[str, Mapping[AccountId, int]] = {}
    for of, group in groups:
        cost_minor = 0
        used: dict[AccountId, int] = defaultdict(int)
        charged: dict[AccountId, int] = defaultdict(int)
        for bill in group:
            found = reconciled(conn, bill, rule)
            # What nobody's charging used is the building's own.
            cost_minor += found.billed.minor + max(0, found.losses.minor)
            for account_id, wh in _owing_wh(conn, bill.window, building).items():
                used[account_id] += wh
            for account_id, minor in _charged(conn, bill.window, building).items():
                charged[account_id] += minor
        charged = defaultdict(int, {who: minor for who, minor in charged.items() if who in used})
        if not any(used.values()):
            continue
        done = true_up(charged, cost_minor, used, remembered)
        remembered = dict(done.residual_n)
        residuals[TRUE_UP] = remembered
        shares += [
            BillShare(
                kind=TRUE_UP,
                of=of,
                account_id=line.account_id,
                net_minor=line.due_minor,
                vat=rule.vat,
                details={
                    "numbers": [bill.number for bill in group],
                    "wh": used[line.account_id],
                    "charged_minor": line.charged_minor,
                    "share_minor": line.share_minor,
                    "cost_minor": done.cost_minor,
                },
            )
            for line in done.lines
        ]
    return shares, residuals


def _owing_wh(conn: Connection, window: Window, building: BuildingRow) -> dict[AccountId, int]:
    common = find_common_account(conn)
    used = energy_by_account(conn, *bounds(window, building.zone))
    return {who: wh for who, wh in used.items() if wh > 0 and who != common}


def _charged(conn: Connection, window: Window, building: BuildingRow) -> dict[AccountId, int]:
    begin, end = bounds(window, building.zone)
    rows = conn.execute(
        select(schema.cdr.c.account_id, func.sum(schema.cdr.c.net_minor).label("minor"))
        .where(
            schema.cdr.c.ended_ms >= to_ms(begin),
            schema.cdr.c.ended_ms < to_ms(end),
            schema.cdr.c.session_id.not_in(nobodys()),
        )
        .group_by(schema.cdr.c.account_id)
    )
    return {AccountId(row.account_id): int(row.minor) for row in rows}


def income_minor(conn: Connection, window: Window, building: BuildingRow) -> int:
    """Return what residents were charged for the sessions of a window, net."""
    common = find_common_account(conn)
    return sum(minor for who, minor in _charged(conn, window, building).items() if who != common)


def _meters(conn: Connection, begin: datetime, end: datetime) -> list[SubMeter]:
    """Return each stall's registers over a span by their first and last values, and what slices made of it."""
    one, session = schema.slice_, schema.session
    within = (one.c.end_ms > to_ms(begin), one.c.end_ms <= to_ms(end))
    common = find_common_account(conn)
    register: dict[str, int] = defaultdict(int)
    for row in conn.execute(
        select(
            one.c.stall_id,
            (func.max(one.c.register_end_wh) - func.min(one.c.register_start_wh)).label("wh"),
        )
        .where(*within)
        .group_by(one.c.stall_id, one.c.epoch)
    ):
        register[row.stall_id] += row.wh
    used = func.sum(one.c.register_end_wh - one.c.register_start_wh)
    billed: dict[str, int] = defaultdict(int)
    own: dict[str, int] = defaultdict(int)
    for by_payer in conn.execute(
        select(one.c.stall_id, session.c.account_id, used.label("wh"))
        .join(session, session.c.session_id == one.c.session_id)
        .where(*within, session.c.session_id.not_in(nobodys()))
        .group_by(one.c.stall_id, session.c.account_id)
    ):
        (own if common is not None and by_payer.account_id == common else billed)[by_payer.stall_id] += by_payer.wh
    return [
        SubMeter(stall_id=StallId(stall_id), register_wh=wh, billed_wh=billed[stall_id], common_wh=own[stall_id])
        for stall_id, wh in sorted(register.items())
    ]
