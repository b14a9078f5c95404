"""What of the books a month bills: the CDRs that are on no statement yet, and the sessions that have none.

A session belongs to the month it ended in, as the building's clocks show it. One that is known to have gone on over a
month's end is cut there. What becomes known after its month was closed is billed with the next.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, func, or_, select

from ..books import schema
from ..books.access_tables import dispute
from ..books.accounting_tables import cdr_slice
from ..books.building import BuildingRow
from ..books.close_tables import close_cdr
from ..model import Month, SessionId, from_ms, to_ms
from ..tariff.cdr import CREDIT
from .common import is_booked


def closed_months(conn: Connection) -> set[Month]:
    """Return the months that are locked."""
    return {Month.parse(month) for month in conn.scalars(select(schema.period.c.month))}


def billable(conn: Connection, building: BuildingRow, month: Month) -> ColumnElement[bool]:
    """Return which CDRs a month's statements bill: those of the month, and late ones of months already closed."""
    begin, end = month.bounds(building.zone)
    closed = closed_months(conn)
    late = [
        row.cdr_id
        for row in conn.execute(select(schema.cdr.c.cdr_id, schema.cdr.c.ended_ms).where(unbilled(begin)))
        if Month.of(from_ms(row.ended_ms), building.zone) in closed
    ]
    return unbilled(end) & or_(schema.cdr.c.ended_ms >= to_ms(begin), schema.cdr.c.cdr_id.in_(late))


def earlier_open_months(conn: Connection, month: Month, building: BuildingRow) -> list[Month]:
    """Return the months before this one that have something to bill and are not closed."""
    begin, _ = month.bounds(building.zone)
    ended = [
        *conn.scalars(select(schema.cdr.c.ended_ms).where(unbilled(begin))),
        *conn.scalars(_without_cdr(begin, schema.session.c.ended_ms).where(schema.session.c.energy_wh > 0)),
    ]
    with_sessions = {Month.of(from_ms(one), building.zone) for one in ended}
    return sorted(with_sessions - closed_months(conn), key=str)


def ended_without_cdr(conn: Connection, end: datetime) -> list[SessionId]:
    """Return the sessions that ended before an instant and were never rated."""
    rows = _without_cdr(end, schema.session.c.session_id).order_by(schema.session.c.ended_ms)
    return [SessionId(one) for one in conn.scalars(rows)]


def went_on(conn: Connection, end: datetime) -> list[SessionId]:
    """Return the sessions that went on over an instant: what they used before it is billed before it."""
    one = schema.slice_.c
    # Asked of each session that went on: there are few of them, and of slices many.
    unbilled_before = select(one.slice_id).where(
        one.session_id == schema.session.c.session_id,
        one.end_ms <= to_ms(end),
        one.slice_id.not_in(select(cdr_slice.c.slice_id)),
    )
    rows = conn.scalars(
        select(schema.session.c.session_id)
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .where(
            schema.stall.c.billable == 1,
            schema.session.c.started_ms < to_ms(end),
            or_(schema.session.c.ended_ms.is_(None), schema.session.c.ended_ms >= to_ms(end)),
            unbilled_before.exists(),
        )
        .order_by(schema.session.c.session_id)
    )
    return [SessionId(session_id) for session_id in rows]


def still_open(conn: Connection, end: datetime) -> Iterator[tuple[str, int]]:
    """Yield stall and start of the sessions that may yet turn out to have ended before an instant.

    One that is known to have gone on after it belongs to a later month, however long it stays open.
    """
    after = select(schema.slice_.c.session_id).where(
        schema.slice_.c.session_id.is_not(None), schema.slice_.c.end_ms > to_ms(end)
    )
    rows = conn.execute(
        select(schema.stall.c.name, schema.session.c.started_ms)
        .join_from(schema.session, schema.stall)
        .where(
            schema.session.c.started_ms < to_ms(end),
            schema.session.c.ended_ms.is_(None),
            schema.session.c.session_id.not_in(after),
        )
        .order_by(schema.session.c.started_ms)
    )
    for row in rows:
        yield row.name, row.started_ms


def disputed(conn: Connection, end: datetime) -> Iterator[tuple[str, int]]:
    """Yield stall and start of the sessions in question that ended before an instant and are on no statement."""
    billed = select(schema.cdr.c.session_id).join_from(schema.cdr, schema.statement_cdr)
    rows = conn.execute(
        select(schema.stall.c.name, schema.session.c.started_ms)
        .join_from(dispute, schema.session, schema.session.c.session_id == dispute.c.session_id)
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .where(
            dispute.c.state == "open",
            schema.session.c.ended_ms < to_ms(end),
            dispute.c.session_id.not_in(billed),
        )
        .order_by(schema.session.c.started_ms)
    )
    for row in rows:
        yield row.name, row.started_ms


def unattributed_wh(conn: Connection, month: Month, building: BuildingRow) -> int:
    """Return what registers counted in a month and nobody can be billed for, or nobody owes."""
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


def unbilled(end: datetime) -> ColumnElement[bool]:
    """Whether a CDR ended before an instant and waits for a statement; not one that a close was approved to bill."""
    # In question, or found not to be theirs: no statement bills it, and no month waits for it.
    in_question = select(dispute.c.session_id).where(dispute.c.state.in_(("open", "upheld")))
    return (
        (schema.cdr.c.ended_ms < to_ms(end))
        & schema.cdr.c.cdr_id.not_in(select(schema.statement_cdr.c.cdr_id))
        & schema.cdr.c.cdr_id.not_in(select(close_cdr.c.cdr_id))
        & ~is_booked()
        & schema.cdr.c.session_id.not_in(in_question)
    )


def _without_cdr(end: datetime, column: Column[Any]) -> Select[Any]:
    """Select of the sessions that ended before an instant those that have no CDR, or not all they used in CDRs."""
    # What was taken back was billed, too: nobody owes it, unless it was rated again for somebody.
    billed_wh = (
        select(func.sum(schema.cdr.c.energy_wh))
        .where(schema.cdr.c.session_id == schema.session.c.session_id, schema.cdr.c.kind != CREDIT)
        .scalar_subquery()
    )
    return (
        select(column)
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .where(
            schema.stall.c.billable == 1,
            schema.session.c.ended_ms < to_ms(end),
            schema.session.c.started_ms.is_not(None),
            or_(billed_wh.is_(None), billed_wh < schema.session.c.energy_wh),
        )
    )
