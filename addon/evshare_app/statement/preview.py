"""What closing a month would bill: worked out as the close does it, and undone; for a closed month, what was billed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
import hashlib

from sqlalchemy import ColumnElement, Connection, func, select

from ..books import schema
from ..books.accounting_tables import charge, close_run, statement_charge
from ..books.building import BuildingRow, the_building
from ..books.close_tables import close_cdr
from ..books.common import find_common_account
from ..model import AccountId, Month, SessionId, from_ms
from ..split.remainder import NothingToShareBy
from ..split.solar import NobodyToShareSun
from ..tariff.cdr import Unproven, add_part, waits_for_close
from ..tariff.store import tariff_version
from .billable import billable, closed_months, ended_without_cdr, unattributed_wh, went_on
from .charge import Charge, read_charge
from .charges import MonthCharges, month_charges
from .common import CommonTotal, booked_at, common_total
from .findings import Reason, disputed_sessions
from .month_work import MonthWork
from .solar_charges import keep_sources

_SUMMED = ("energy_wh", "net_minor", "vat_minor", "gross_minor")


@dataclass(frozen=True, kw_only=True)
class AccountTotal:
    """What one account is billed for a month: sessions, and charges besides."""

    account_id: AccountId
    name: str
    sessions: int
    energy_wh: int
    net_minor: int
    vat_minor: int
    gross_minor: int
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MonthPreview:
    """What closing a month would bill, or has billed."""

    month: Month
    currency: str
    closed: bool
    accounts: tuple[AccountTotal, ...]
    unattributed_wh: int
    """What the stalls' registers counted in the month and nobody can be billed for."""
    common: CommonTotal
    """What the building paid for itself; on no statement."""
    disputed: tuple[Reason, ...] = ()
    """Sessions that are in question, which no statement bills until it is decided."""
    fingerprint: str = ""
    """SHA-256 of everything that would be billed; empty when the month is closed."""
    problem: Reason | None = None
    """Why it cannot be worked out what accounts owe besides sessions."""


def preview_month(conn: Connection, month: Month, now: datetime | None = None) -> MonthPreview:
    """Return the month's totals per account. Without `now`: as if the month were over."""
    building = the_building(conn)
    if month in closed_months(conn):
        return _closed_preview(conn, month, building)
    at = month.bounds(building.zone)[1] if now is None else now
    with _undone(conn):
        prepared = prepare(conn, month, building, at)
        return MonthPreview(
            month=month,
            currency=building.currency,
            closed=False,
            accounts=_totals(conn, prepared.bills, prepared.charges.charges),
            unattributed_wh=unattributed_wh(conn, month, building),
            common=common_total(conn, prepared.common),
            disputed=disputed_sessions(conn, month),
            fingerprint=prepared.fingerprint,
            problem=prepared.problem,
        )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a month comes to, worked out."""

    bills: ColumnElement[bool]
    """Which CDRs, the building's own not among them."""
    common: Sequence[str]
    """The building's own."""
    charges: MonthCharges
    problem: Reason | None
    fingerprint: str


def prepare(conn: Connection, month: Month, building: BuildingRow, now: datetime) -> Prepared:
    """Make the CDRs that are missing, and work out what the month comes to."""
    _, end = month.bounds(building.zone)
    ended = ended_without_cdr(conn, end)
    cut = went_on(conn, end) if now >= end else []
    if _by_source(conn, [*ended, *cut]):
        keep_sources(conn, month, building)
    for session_ids, until in ((ended, None), (cut, end)):
        for session_id in session_ids:
            with suppress(Unproven):
                add_part(conn, session_id, now, until)
    bills = billable(conn, building, month)
    common_account = find_common_account(conn)
    common: Sequence[str] = ()
    if common_account is not None:
        own = schema.cdr.c.account_id == common_account
        common = conn.scalars(select(schema.cdr.c.cdr_id).where(bills, own).order_by(schema.cdr.c.cdr_id)).all()
        bills &= ~own
    problem = None
    try:
        charges = _still_to_bill(conn, month, month_charges(conn, MonthWork.begin(conn, month, bills)))
    except NobodyToShareSun:
        charges = MonthCharges(charges=(), residuals={})
        problem = Reason(
            "The sun of this month cannot be shared: no account has a part in the building. Enter the units’ shares,"
            " or choose another rule for the sun."
        )
    except NothingToShareBy as nothing:
        charges = MonthCharges(charges=(), residuals={})
        problem = Reason(
            "A cost of this month cannot be shared (%(problem)s). Choose another key for it, or end it.",
            {"problem": str(nothing)},
        )
    return Prepared(
        bills=bills,
        common=common,
        charges=charges,
        problem=problem,
        fingerprint=_fingerprint(conn, bills, common, charges),
    )


def _still_to_bill(conn: Connection, month: Month, made: MonthCharges) -> MonthCharges:
    """Leave out what whoever moved out had on a statement of their own."""
    kept = set(conn.scalars(select(charge.c.charge_id).where(charge.c.month == str(month))))
    return replace(made, charges=tuple(one for one in made.charges if one.charge_id not in kept))


def _by_source(conn: Connection, session_ids: Sequence[SessionId]) -> bool:
    """Whether a price of these sessions depends on where their energy came from."""
    versions = conn.scalars(
        select(schema.session.c.tariff_version).where(schema.session.c.session_id.in_(session_ids)).distinct()
    ).all()
    return any(waits_for_close(tariff_version(conn, one)) for one in versions)


def _fingerprint(conn: Connection, bills: ColumnElement[bool], common: Sequence[str], charges: MonthCharges) -> str:
    """Return the SHA-256 of everything that would be billed."""
    seen = hashlib.sha256()
    cdr = schema.cdr
    rows = conn.execute(
        select(cdr.c.cdr_id, cdr.c.account_id, cdr.c.net_minor, cdr.c.gross_minor).where(bills).order_by(cdr.c.cdr_id),
        execution_options={"yield_per": 1000},
    )
    for row in rows:
        seen.update(f"{tuple(row)}\n".encode())
    for one in sorted(charges.charges, key=lambda each: each.charge_id):
        seen.update(f"{(one.charge_id, one.account_id, one.net_minor, one.gross_minor)}\n".encode())
    seen.update(f"{tuple(common)}\n".encode())
    return seen.hexdigest()


@contextmanager
def _undone(conn: Connection) -> Iterator[None]:
    """Undo what is written inside."""
    before = conn.begin_nested()
    try:
        yield
    finally:
        before.rollback()


def _totals(conn: Connection, bills: ColumnElement[bool], charges: Sequence[Charge]) -> tuple[AccountTotal, ...]:
    cdr = schema.cdr
    sums: dict[str, Mapping[str, int]] = {
        row.account_id: {"sessions": row.sessions, **{name: int(getattr(row, name)) for name in _SUMMED}}
        for row in conn.execute(
            select(
                cdr.c.account_id,
                func.count(cdr.c.session_id.distinct()).label("sessions"),
                *(func.sum(cdr.c[name]).label(name) for name in _SUMMED),
            )
            .where(bills)
            .group_by(cdr.c.account_id)
        )
    }
    charged: dict[str, list[Charge]] = defaultdict(list)
    for one in charges:
        charged[one.account_id].append(one)
    names = {row.account_id: row.name for row in conn.execute(select(schema.account))}
    nothing = dict.fromkeys(("sessions", *_SUMMED), 0)
    return tuple(
        AccountTotal(
            account_id=AccountId(account_id),
            name=names[account_id],
            sessions=of["sessions"],
            energy_wh=of["energy_wh"],
            net_minor=of["net_minor"] + sum(one.net_minor for one in own),
            vat_minor=of["vat_minor"] + sum(one.vat_minor for one in own),
            gross_minor=of["gross_minor"] + sum(one.gross_minor for one in own),
            charges=tuple(sorted(own, key=lambda one: one.charge_id)),
        )
        for account_id in sorted({*sums, *charged}, key=lambda one: (names[one], one))
        for of, own in ((sums.get(account_id, nothing), charged[account_id]),)
    )


def _closed_preview(conn: Connection, month: Month, building: BuildingRow) -> MonthPreview:
    closed_ms = conn.execute(select(schema.period.c.closed_ms).where(schema.period.c.month == str(month))).scalar_one()
    approved = select(close_cdr.c.cdr_id).where(close_cdr.c.month == str(month))
    # Months that were closed before closes were runs have only their statements.
    issued = (
        select(schema.statement_cdr.c.cdr_id)
        .join_from(schema.statement_cdr, schema.statement)
        .where(schema.statement.c.month == str(month), schema.statement.c.kind == "statement")
    )
    was_run = conn.scalar(select(close_run.c.month).where(close_run.c.month == str(month))) is not None
    kept = select(charge).where(charge.c.month == str(month), of_statement(month)).order_by(charge.c.charge_id)
    return MonthPreview(
        month=month,
        currency=building.currency,
        closed=True,
        accounts=_totals(
            conn,
            schema.cdr.c.cdr_id.in_(approved if was_run else issued),
            [read_charge(row) for row in conn.execute(kept)],
        ),
        unattributed_wh=unattributed_wh(conn, month, building),
        common=common_total(conn, booked_at(conn, from_ms(closed_ms))),
    )


def of_statement(month: Month) -> ColumnElement[bool]:
    """Whether a charge comes on the month's statement: not one that was on another before, of someone who moved out."""
    elsewhere = (
        select(statement_charge.c.charge_id)
        .join_from(statement_charge, schema.statement)
        .where(
            statement_charge.c.charge_id == charge.c.charge_id,
            schema.statement.c.month == str(month),
            schema.statement.c.kind != "statement",
        )
        # Asked of each charge by its id, for the list of all that ever were is long.
        .correlate(charge)
    )
    return ~elsewhere.exists()
