"""What must hold of energy: every Wh a register counted is in one slice, every slice in one bill, or nobody's."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from ..books import schema
from ..books.accounting_tables import cdr_slice
from ..books.building import the_building
from ..model import Month, from_ms
from ..tariff.cdr import CREDIT, waits_for_close
from ..tariff.store import tariff_version
from .billable import closed_months


def _used() -> ColumnElement[int]:
    return func.coalesce(func.sum(schema.slice_.c.register_end_wh - schema.slice_.c.register_start_wh), 0)


def sessions_and_slices(conn: Connection) -> list[str]:
    """Each session's slices sum to its energy."""
    sums = {
        row.session_id: row.energy_wh
        for row in conn.execute(
            select(schema.slice_.c.session_id, _used().label("energy_wh"))
            .where(schema.slice_.c.session_id.is_not(None))
            .group_by(schema.slice_.c.session_id)
        )
    }
    return [
        f"session {row.session_id}: slices {sums.get(row.session_id, 0)} Wh, session {row.energy_wh} Wh"
        for row in conn.execute(select(schema.session).where(schema.session.c.ended_ms.is_not(None)))
        if sums.get(row.session_id, 0) != row.energy_wh
    ]


def registers_and_slices(conn: Connection) -> list[str]:
    """Each register's slices join: its difference is their sum."""
    rows = conn.execute(
        select(
            schema.slice_.c.stall_id,
            schema.slice_.c.epoch,
            func.min(schema.slice_.c.register_start_wh).label("first_wh"),
            func.max(schema.slice_.c.register_end_wh).label("last_wh"),
            _used().label("energy_wh"),
        ).group_by(schema.slice_.c.stall_id, schema.slice_.c.epoch)
    )
    return [
        f"stall {row.stall_id} epoch {row.epoch}: register {row.last_wh - row.first_wh} Wh, slices {row.energy_wh} Wh"
        for row in rows
        if row.last_wh - row.first_wh != row.energy_wh
    ]


def sessions_and_cdrs(conn: Connection) -> list[str]:
    """Each session with energy at a billed stall has a CDR; where the sun decides the price, once its month closed."""
    rows = conn.execute(
        select(schema.session.c.session_id, schema.session.c.ended_ms, schema.session.c.tariff_version)
        .join_from(schema.session, schema.stall)
        .where(
            schema.session.c.ended_ms.is_not(None),
            schema.session.c.energy_wh > 0,
            schema.stall.c.billable == 1,
            schema.session.c.session_id.not_in(select(schema.cdr.c.session_id)),
        )
    ).all()
    return [f"session {row.session_id} has used energy and has no CDR" for row in _not_left_to_the_close(conn, rows)]


def _not_left_to_the_close(conn: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Row[*tuple[Any, ...]]]:
    """Leave out the sessions that are rated only when the month they ended in is closed, which is still to come."""
    if not rows:
        return []
    zone, closed = the_building(conn).zone, closed_months(conn)
    waits = {one: waits_for_close(tariff_version(conn, one)) for one in {row.tariff_version for row in rows}}
    return [row for row in rows if not waits[row.tariff_version] or Month.of(from_ms(row.ended_ms), zone) in closed]


def cdrs_and_sessions(conn: Connection) -> list[str]:
    """The CDRs of a session together bill its energy, once it has ended; never more. What was taken back was billed."""
    cdr, session = schema.cdr, schema.session
    billed_wh = func.sum(cdr.c.energy_wh)
    ever_wh = func.sum(case((cdr.c.kind == CREDIT, 0), else_=cdr.c.energy_wh))
    rows = conn.execute(
        select(
            cdr.c.session_id,
            session.c.energy_wh,
            session.c.ended_ms,
            session.c.tariff_version,
            billed_wh.label("billed_wh"),
        )
        .join_from(cdr, session)
        .group_by(cdr.c.session_id, session.c.energy_wh, session.c.ended_ms, session.c.tariff_version)
        .having((billed_wh > session.c.energy_wh) | (session.c.ended_ms.is_not(None) & (ever_wh < session.c.energy_wh)))
    ).all()
    too_much = [row for row in rows if row.billed_wh > row.energy_wh]
    too_little = _not_left_to_the_close(conn, [row for row in rows if row.billed_wh <= row.energy_wh])
    return [
        f"session {row.session_id}: billed {row.billed_wh} Wh, used {row.energy_wh} Wh"
        for row in (*too_much, *too_little)
    ]


def slices_and_cdrs(conn: Connection) -> list[str]:
    """Each slice is in one CDR that was not taken back, and each CDR is the sum of its slices."""
    cdr = schema.cdr
    taken_back = select(cdr.c.credits).where(cdr.c.credits.is_not(None))
    standing = cdr_slice.c.cdr_id.not_in(taken_back)
    twice = conn.scalars(
        select(cdr_slice.c.slice_id).where(standing).group_by(cdr_slice.c.slice_id).having(func.count() > 1)
    )
    sums = (
        select(cdr_slice.c.cdr_id, _used().label("used_wh"))
        .join(schema.slice_, schema.slice_.c.slice_id == cdr_slice.c.slice_id)
        .group_by(cdr_slice.c.cdr_id)
        .subquery()
    )
    used_wh = func.coalesce(sums.c.used_wh, 0)
    other = conn.execute(
        select(cdr.c.cdr_id, cdr.c.energy_wh, used_wh.label("used_wh"))
        .outerjoin(sums, sums.c.cdr_id == cdr.c.cdr_id)
        .where(cdr.c.kind != CREDIT, cdr.c.energy_wh != used_wh)
    )
    return [f"slice {one} is in two CDRs" for one in twice] + [
        f"CDR {row.cdr_id}: {row.energy_wh} Wh, its slices {row.used_wh} Wh" for row in other
    ]


def parts_of_sessions(conn: Connection) -> list[str]:
    """The parts of a session are numbered without gaps, and what takes one back is its opposite."""
    cdr, credited = schema.cdr, schema.cdr.alias("credited")
    rows = conn.execute(
        select(cdr.c.session_id, func.count().label("parts"), func.max(cdr.c.part).label("last"))
        .group_by(cdr.c.session_id)
        .having(func.count() != func.max(cdr.c.part))
    )
    opposites = conn.scalars(
        select(cdr.c.cdr_id)
        .join(credited, credited.c.cdr_id == cdr.c.credits)
        .where(
            (cdr.c.kind != CREDIT)
            | (cdr.c.energy_wh != -credited.c.energy_wh)
            | (cdr.c.net_minor != -credited.c.net_minor)
            | (cdr.c.gross_minor != -credited.c.gross_minor)
            | (cdr.c.account_id != credited.c.account_id)
        )
    )
    return [f"session {row.session_id}: {row.parts} parts, the last is number {row.last}" for row in rows] + [
        f"CDR {one} does not take back what it names" for one in opposites
    ]
