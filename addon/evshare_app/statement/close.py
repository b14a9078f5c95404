"""Closing a month: one statement per account with sessions, numbered without gaps, booked, rendered and locked.

A session belongs to the month it ended in, as the building's clocks show it. Months are closed in order. The record of
a session that reaches the books only after its month was closed is billed with the next month: nothing is lost, and
nothing issued is changed.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from ..books import schema
from ..books.access_tables import dispute
from ..books.building import BuildingRow, the_building
from ..model import AccountId, Month, SessionId, StatementId, from_ms, to_ms
from ..tariff.cdr import Unproven, make_cdr, rate_ended_session
from .issue import Issue, issue_statement
from .remittance import is_iban


@dataclass(frozen=True)
class Reason:
    """Why a month cannot be closed: a message id of the catalogues and what goes into it."""

    message: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self, gettext: Callable[[str], str] = str) -> str:
        """Return it in the language of `gettext`."""
        return gettext(self.message) % self.values


class CloseRefused(Exception):
    """The month cannot be closed; nothing was changed."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__("; ".join(reason.text() for reason in reasons))
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class AccountTotal:
    """What one account is billed for a month."""

    account_id: AccountId
    name: str
    sessions: int
    energy_wh: int
    net_minor: int
    vat_minor: int
    gross_minor: int


@dataclass(frozen=True, kw_only=True)
class MonthPreview:
    """What closing a month would bill, or has billed."""

    month: Month
    currency: str
    closed: bool
    accounts: tuple[AccountTotal, ...]
    unattributed_wh: int
    """What the stalls' registers counted in the month and nobody can be billed for."""
    disputed: tuple[Reason, ...] = ()
    """Sessions that are in question, which no statement bills until it is decided."""


def preview_month(conn: Connection, month: Month) -> MonthPreview:
    """Return the month's totals per account."""
    building = the_building(conn)
    closed = month in _closed_months(conn)
    cdrs = _issued_cdrs(conn, month) if closed else _billable_cdrs(conn, building, month)
    names = {row.account_id: row.name for row in conn.execute(select(schema.account))}
    totals = []
    for account_id, ids in cdrs.items():
        sums = conn.execute(
            select(
                func.count().label("sessions"),
                *(func.sum(schema.cdr.c[name]).label(name) for name in _SUMMED),
            ).where(schema.cdr.c.cdr_id.in_(ids))
        ).one()
        totals.append(
            AccountTotal(
                account_id=account_id,
                name=names[account_id],
                sessions=sums.sessions,
                **{name: int(getattr(sums, name)) for name in _SUMMED},
            )
        )
    return MonthPreview(
        month=month,
        currency=building.currency,
        closed=closed,
        accounts=tuple(sorted(totals, key=lambda one: (one.name, one.account_id))),
        unattributed_wh=_unattributed_wh(conn, month, building),
        disputed=tuple(_disputed_sessions(conn, month, building)),
    )


def reasons_against(conn: Connection, month: Month, now: datetime) -> tuple[Reason, ...]:
    """Return why the month cannot be closed now; empty when it can."""
    building = the_building(conn)
    _, end = month.bounds(building.zone)
    if month in _closed_months(conn):
        return (Reason("%(month)s is already closed.", {"month": month}),)
    if now < end:
        return (Reason("%(month)s is not over yet.", {"month": month}),)
    reasons = [
        Reason("Please close %(earlier)s first.", {"earlier": earlier})
        for earlier in _earlier_open_months(conn, month, building)
    ]
    reasons += _open_sessions(conn, end, building)
    reasons += _unproven_sessions(conn, end, building, now)
    if building.iban is not None and not is_iban(building.iban):
        reasons.append(Reason("The building's IBAN %(iban)s is not valid. Please correct it.", {"iban": building.iban}))
    if building.iban is not None and not building.payee:
        reasons.append(Reason("The building has an IBAN, but no payee. Please enter the account holder's name."))
    return tuple(reasons)


def close_month(conn: Connection, month: Month, actor: str, now: datetime) -> list[StatementId]:
    """Issue the statements of a month and lock it; return their ids in the order of their numbers.

    Raises `CloseRefused` naming every reason. Whatever is raised, the caller's transaction must be rolled back (as
    `Books.write` does): then no number is used up.
    """
    reasons = reasons_against(conn, month, now)
    if reasons:
        raise CloseRefused(reasons)
    building = the_building(conn)
    _, end = month.bounds(building.zone)
    for session_id in _ended_without_cdr(conn, end):
        rate_ended_session(conn, session_id, now)
    issued = [
        issue_statement(
            conn, Issue(building=building, month=month, account_id=account_id, actor=actor, now=now), cdr_ids
        )
        for account_id, cdr_ids in sorted(_billable_cdrs(conn, building, month).items())
    ]
    conn.execute(
        insert(schema.period).values(
            building_id=building.building_id,
            month=str(month),
            closed_ms=to_ms(now),
            closed_by=actor,
            unattributed_wh=_unattributed_wh(conn, month, building),
        )
    )
    return issued


_UNPROVEN = (
    "The session at %(stall)s that began on %(start)s cannot be billed: its meter record is incomplete (%(problem)s)."
)
_SUMMED = ("energy_wh", "net_minor", "vat_minor", "gross_minor")


def _closed_months(conn: Connection) -> set[Month]:
    return {Month.parse(month) for month in conn.scalars(select(schema.period.c.month))}


_DISPUTED = "Disputed session: the one at %(stall)s that began on %(start)s is left out until it is decided."


def _disputed_sessions(conn: Connection, month: Month, building: BuildingRow) -> list[Reason]:
    """Return the sessions in question that ended until the month's end and are on no statement."""
    _, end = month.bounds(building.zone)
    rows = conn.execute(
        select(schema.stall.c.name, schema.session.c.started_ms)
        .join_from(dispute, schema.session, schema.session.c.session_id == dispute.c.session_id)
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .where(
            dispute.c.state == "open",
            schema.session.c.ended_ms < to_ms(end),
            dispute.c.session_id.not_in(select(schema.cdr.c.session_id).join_from(schema.cdr, schema.statement_cdr)),
        )
        .order_by(schema.session.c.started_ms)
    )
    return [Reason(_DISPUTED, {"stall": row.name, "start": _local(row.started_ms, building)}) for row in rows]


def _unissued(conn: Connection, end: datetime) -> list[tuple[str, AccountId, datetime]]:
    on_statement = select(schema.statement_cdr.c.cdr_id)
    # In question, or found not to be theirs: no statement bills it, and no month waits for it.
    in_question = select(dispute.c.session_id).where(dispute.c.state.in_(("open", "upheld")))
    rows = conn.execute(
        select(schema.cdr.c.cdr_id, schema.cdr.c.account_id, schema.cdr.c.ended_ms)
        .where(
            schema.cdr.c.ended_ms < to_ms(end),
            schema.cdr.c.cdr_id.not_in(on_statement),
            schema.cdr.c.session_id.not_in(in_question),
        )
        .order_by(schema.cdr.c.ended_ms, schema.cdr.c.cdr_id)
    )
    return [(row.cdr_id, AccountId(row.account_id), from_ms(row.ended_ms)) for row in rows]


def _billable_cdrs(conn: Connection, building: BuildingRow, month: Month) -> dict[AccountId, list[str]]:
    """Return the CDRs a statement of `month` bills: those of the month, and late ones of months already closed."""
    closed = _closed_months(conn)
    billable: dict[AccountId, list[str]] = defaultdict(list)
    for cdr_id, account_id, ended in _unissued(conn, month.bounds(building.zone)[1]):
        if (of := Month.of(ended, building.zone)) == month or of in closed:
            billable[account_id].append(cdr_id)
    return billable


def _issued_cdrs(conn: Connection, month: Month) -> dict[AccountId, list[str]]:
    issued: dict[AccountId, list[str]] = defaultdict(list)
    for row in conn.execute(
        select(schema.statement.c.account_id, schema.statement_cdr.c.cdr_id)
        .join_from(schema.statement, schema.statement_cdr)
        .where(schema.statement.c.month == str(month))
    ):
        issued[AccountId(row.account_id)].append(row.cdr_id)
    return issued


def _earlier_open_months(conn: Connection, month: Month, building: BuildingRow) -> list[Month]:
    start, _ = month.bounds(building.zone)
    with_sessions = {Month.of(ended, building.zone) for _, _, ended in _unissued(conn, start)}
    return sorted(with_sessions - _closed_months(conn), key=str)


def _open_sessions(conn: Connection, end: datetime, building: BuildingRow) -> list[Reason]:
    """Return the sessions that may yet turn out to have ended before `end`.

    One that is known to have gone on after it belongs to a later month, however long it stays open.
    """
    went_on = select(schema.slice_.c.session_id).where(
        schema.slice_.c.session_id.is_not(None), schema.slice_.c.end_ms > to_ms(end)
    )
    rows = conn.execute(
        select(schema.stall.c.name, schema.session.c.started_ms)
        .join_from(schema.session, schema.stall)
        .where(
            schema.session.c.started_ms < to_ms(end),
            schema.session.c.ended_ms.is_(None),
            schema.session.c.session_id.not_in(went_on),
        )
        .order_by(schema.session.c.started_ms)
    )
    message = "The session at %(stall)s that began on %(start)s is still open."
    return [Reason(message, {"stall": row.name, "start": _local(row.started_ms, building)}) for row in rows]


def _unproven_sessions(conn: Connection, end: datetime, building: BuildingRow, now: datetime) -> list[Reason]:
    reasons = []
    for session_id in _ended_without_cdr(conn, end):
        try:
            make_cdr(conn, session_id, now)
        except Unproven as problem:
            row = conn.execute(
                select(schema.stall.c.name, schema.session.c.started_ms)
                .join_from(schema.session, schema.stall)
                .where(schema.session.c.session_id == session_id)
            ).one()
            values = {"stall": row.name, "start": _local(row.started_ms, building), "problem": str(problem)}
            reasons.append(Reason(_UNPROVEN, values))
    return reasons


def _ended_without_cdr(conn: Connection, end: datetime) -> list[SessionId]:
    rows = conn.scalars(
        select(schema.session.c.session_id)
        .where(
            schema.session.c.ended_ms < to_ms(end),
            schema.session.c.started_ms.is_not(None),
            schema.session.c.session_id.not_in(select(schema.cdr.c.session_id)),
        )
        .order_by(schema.session.c.ended_ms)
    )
    return [SessionId(one) for one in rows]


def _unattributed_wh(conn: Connection, month: Month, building: BuildingRow) -> int:
    start, end = month.bounds(building.zone)
    used = func.sum(schema.slice_.c.register_end_wh - schema.slice_.c.register_start_wh)
    total = conn.scalar(
        select(used).where(
            schema.slice_.c.session_id.is_(None),
            schema.slice_.c.end_ms > to_ms(start),
            schema.slice_.c.end_ms <= to_ms(end),
        )
    )
    not_theirs = conn.scalar(
        select(func.sum(schema.session.c.energy_wh))
        .join_from(dispute, schema.session, schema.session.c.session_id == dispute.c.session_id)
        .where(
            dispute.c.state == "upheld",
            schema.session.c.ended_ms >= to_ms(start),
            schema.session.c.ended_ms < to_ms(end),
        )
    )
    return int(total or 0) + int(not_theirs or 0)


def _local(at_ms: int, building: BuildingRow) -> str:
    return f"{from_ms(at_ms).astimezone(building.zone):%Y-%m-%d %H:%M}"
