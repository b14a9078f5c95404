"""Charge detail records: what a session used, rated once and never changed (OCPI 2.2.1 CDR).

Energy is billed only when it can be proven: the session's slices join, register to register, and sum to its energy.
A session that cannot be proven stays without a CDR, and the month cannot be closed until it is settled.

A CDR is a part of a session, mostly the only one. A session that is open when its month is closed is cut there, and
slices that come after their month was closed make a further part. Each slice is in one CDR; a part costs what the
session costs up to its end less the parts before it, so all parts together cost what the whole costs.

What OCPI has no field for is under ``x_evshare``: register values per meter epoch, the tariff version, and the
amounts in minor units that the statement prints and the ledger books. Residents' CDRs never leave the building, so
what only roaming partners need is ``#NA``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import batched
import logging
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from ..books import schema
from ..books.accounting_tables import cdr_slice
from ..books.building import BuildingRow, the_building
from ..model import Month, SessionId, from_ms, to_ms
from .cdr_json import charging_periods, ocpi_costs, ocpi_fields, rated_slice, remarks, unbilled_periods
from .circumstances import Need, needs
from .compiling import Compiled, compiled
from .export import exported
from .gather import circumstances_of
from .ocpi import dump, load
from .part import amounts, less, read_amounts
from .rating import RatedInput, rate
from .store import TariffVersion, tariff_version

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 100
"""Sessions whose slices are looked at together."""
NORMAL, ADJUSTMENT, CREDIT = "normal", "adjustment", "credit"
"""Kinds of CDRs: as a session goes; slices that came after their month was closed; one that takes another back."""


class Unproven(Exception):
    """The books do not prove what the session used, so it cannot be billed."""


class NotEnded(Exception):
    """The session is unknown or still open."""


@dataclass(frozen=True, kw_only=True)
class Registers:
    """What a meter showed at the start and the end of a part of a session, within one meter epoch."""

    epoch: int
    serial: str | None
    start_wh: int
    end_wh: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """A CDR as it would be written, and the slices it bills."""

    row: dict[str, Any]
    slice_ids: tuple[int, ...]


def rate_ended_session(conn: Connection, session_id: SessionId, now: datetime) -> str | None:
    """Make the CDR of an ended session and return its id; the id of the newest when all of it is billed already.

    None when there is nothing to bill: it never started, its stall has no trustworthy register, it used nothing and
    costs nothing, or what it used is not proven (logged; the month close names it). None too where the price depends
    on where energy came from: then the close of its month bills it, unless that is over. Raises `NotEnded`.
    """
    there = _session(conn, session_id)
    if (
        there is not None
        and there.ended_ms is not None
        and waits_for_close(tariff_version(conn, there.tariff_version))
        and not _month_is_closed(conn, there.ended_ms)
    ):
        return None
    try:
        made = add_part(conn, session_id, now)
    except Unproven as problem:
        _LOGGER.warning("Session %s cannot be billed: %s", session_id, problem)
        return None
    if made is not None:
        return made
    newest = select(schema.cdr.c.cdr_id).where(schema.cdr.c.session_id == session_id)
    return conn.scalar(newest.order_by(schema.cdr.c.part.desc()).limit(1))


def add_part(
    conn: Connection, session_id: SessionId, now: datetime, until: datetime | None = None, *, again: bool = False
) -> str | None:
    """Bill what of a session is not billed yet and return the new CDR's id; None when there is nothing to bill.

    With `until` only slices that ended by then, and the session may be open: it is cut at a month's end. With `again`
    also what was billed and taken back. Raises `NotEnded` and `Unproven`.
    """
    part = make_cdr(conn, session_id, now, until, again=again)
    if part is None:
        return None
    conn.execute(insert(schema.cdr).values(**part.row))
    if part.slice_ids:
        building_id, cdr_id = part.row["building_id"], part.row["cdr_id"]
        conn.execute(
            insert(cdr_slice),
            [{"building_id": building_id, "slice_id": one, "cdr_id": cdr_id} for one in part.slice_ids],
        )
    return str(part.row["cdr_id"])


def make_cdr(
    conn: Connection, session_id: SessionId, now: datetime, until: datetime | None = None, *, again: bool = False
) -> Part | None:
    """Return the CDR of what of a session is not billed yet, or None when there is nothing to bill.

    What was taken back stays so, unless somebody wants it billed `again`. Raises `NotEnded` and `Unproven`.
    """
    proven = _proven(conn, session_id, until, again=again)
    if proven is None:
        return None
    session, billed, done, slices, whole = proven
    was_whole = bool(billed) and session.ended_ms is not None and billed[-1].ended_ms >= session.ended_ms
    new = [one for one in slices if one.slice_id not in done]
    if not new and (was_whole or not whole):
        return None
    building = the_building(conn)
    version = tariff_version(conn, session.tariff_version)
    ready = _compiled(conn, session, version, slices, building)
    rating = rate(ready.tariff, ready.session, building.zone, final=whole)
    said = [cdr_extension(one.ocpi_json) for one in billed]
    part = less(
        amounts(rating, ready.tariff, building.currency),
        [read_amounts(one, row.net_minor, row.gross_minor) for one, row in zip(said, billed, strict=True)],
        building.currency,
    )
    energy_wh = sum(one.register_end_wh - one.register_start_wh for one in new)
    if not energy_wh and not part.gross_minor and not part.net_minor:
        return None
    number = _next_part(conn, session_id)
    cdr_id = session_id if number == 1 else f"{session_id}.{number}"
    start_ms = session.started_ms if number == 1 else min((one.start_ms for one in new), default=session.ended_ms)
    # A part of slices that came late ends with the session too: so its month is the one they belong to.
    end_ms = session.ended_ms if whole else new[-1].end_ms
    # What was cut at a month's end belongs to that month, though its last slice ends where the next one begins.
    ended_ms = end_ms if whole or until is None else min(end_ms, to_ms(until) - 1)
    registers = _registers(conn, session, new)
    return Part(
        row={
            "building_id": building.building_id,
            "cdr_id": cdr_id,
            "session_id": session_id,
            "account_id": session.payer_id,
            "ended_ms": ended_ms,
            "energy_wh": energy_wh,
            "net_minor": part.net_minor,
            "vat_minor": part.gross_minor - part.net_minor,
            "gross_minor": part.gross_minor,
            "currency": building.currency,
            "part": number,
            "kind": ADJUSTMENT if was_whole else NORMAL,
            "ocpi_json": dump(
                {
                    **ocpi_fields(session, building, version, now, (start_ms, end_ms)),
                    "tariffs": exported(version.tariff, ready),
                    "id": cdr_id,
                    "total_energy": Decimal(energy_wh) / 1000,
                    **ocpi_costs(building.currency, part),
                    **charging_periods(unbilled_periods(rating.periods, slices, new), ready.tariff),
                    "meter_id": registers[0].serial if registers and registers[0].serial else "#NA",
                    "x_evshare": {
                        "tariff_version": version.version_id,
                        "stall_name": session.stall_name,
                        "part": number,
                        "registers": [vars(one) for one in registers],
                        "lines": [one.plain() for one in part.lines],
                        "vat": [{"percent": percent, "minor": minor} for percent, minor in part.vat],
                        **remarks(ready, rating.periods, said),
                    },
                }
            ),
        },
        slice_ids=tuple(one.slice_id for one in new),
    )


def unproven(
    conn: Connection, session_ids: Sequence[SessionId], until: datetime | None = None
) -> Iterator[tuple[SessionId, Unproven]]:
    """Yield those of these sessions for which `add_part` would raise `Unproven`, and what; nothing is rated for it.

    Without `until` they have ended, at billed stalls.
    """
    if until is not None:
        for session_id in session_ids:
            try:
                _proven(conn, session_id, until, again=False)
            except Unproven as problem:
                yield session_id, problem
        return
    session, one = schema.session.c, schema.slice_.c
    for some in batched(session_ids, _AT_ONCE, strict=False):
        sessions = conn.execute(select(session.session_id, session.energy_wh).where(session.session_id.in_(some)))
        whole_wh = {row.session_id: row.energy_wh for row in sessions}
        counted: dict[str, list[tuple[int, int, int]]] = {session_id: [] for session_id in some}
        for row in conn.execute(
            select(one.session_id, one.epoch, one.register_start_wh, one.register_end_wh)
            .where(one.session_id.in_(some))
            .order_by(one.start_ms, one.epoch, one.slice_id)
        ):
            counted[row[0]].append((row[1], row[2], row[3]))
        for session_id in some:
            try:
                _check_proven(counted[session_id], whole_wh[session_id])
            except Unproven as problem:
                yield session_id, problem


def cdr_extension(ocpi_json: str) -> Mapping[str, Any]:
    """Return what evshare added to a CDR: tariff_version, registers, lines, vat."""
    extension: Mapping[str, Any] = load(ocpi_json)["x_evshare"]
    return extension


def waits_for_close(version: TariffVersion) -> bool:
    """Whether a price depends on the energy's source, which is only settled when the month is closed."""
    return Need.SOURCES in needs(version.tariff)


def _month_is_closed(conn: Connection, at_ms: int) -> bool:
    month = Month.of(from_ms(at_ms), the_building(conn).zone)
    return conn.scalar(select(schema.period.c.month).where(schema.period.c.month == str(month))) is not None


def _proven(
    conn: Connection, session_id: SessionId, until: datetime | None, *, again: bool
) -> tuple[Row[Any], Sequence[Row[Any]], set[int], list[Row[Any]], bool] | None:
    """Return a session, its CDRs that stand, the slices in them, all its slices, and whether that is all of it.

    None: it is not billed. Raises `NotEnded` and `Unproven`.
    """
    session = _session(conn, session_id)
    if session is None or (session.ended_ms is None and until is None):
        msg = f"session: got {session_id!r}, accepted is the id of an ended session"
        raise NotEnded(msg)
    if session.started_ms is None or not session.billable:
        return None
    billed = _billed(conn, session_id, again=again)
    done = _billed_slices(conn, billed)
    slices = [
        one for one in _slices(conn, session_id) if until is None or one.end_ms <= to_ms(until) or one.slice_id in done
    ]
    whole = session.ended_ms is not None and (until is None or session.ended_ms <= to_ms(until))
    counted = ((one.epoch, one.register_start_wh, one.register_end_wh) for one in slices)
    _check_proven(counted, session.energy_wh if whole else None)
    return session, billed, done, slices, whole


def _compiled(
    conn: Connection, session: Row[Any], version: TariffVersion, slices: Sequence[Row[Any]], building: BuildingRow
) -> Compiled:
    started = from_ms(session.started_ms)
    rated = RatedInput(started=started, slices=[rated_slice(one) for one in slices])
    if not needs(version.tariff) and version.tariff.x_evshare is None:
        return Compiled(tariff=version.tariff, session=rated)
    until = rated.slices[-1].end if rated.slices else started
    known = circumstances_of(conn, version.tariff, started, until, building, slices)
    return compiled(version.tariff, rated, known, building.zone)


def _session(conn: Connection, session_id: SessionId) -> Row[Any] | None:
    return conn.execute(
        select(
            schema.session,
            schema.stall.c.name.label("stall_name"),
            schema.stall.c.billable,
            func.coalesce(schema.session.c.account_id, schema.resident.c.account_id).label("payer_id"),
        )
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .join(schema.resident, schema.resident.c.resident_id == schema.session.c.resident_id)
        .where(schema.session.c.session_id == session_id)
    ).one_or_none()


def _slices(conn: Connection, session_id: SessionId) -> Sequence[Row[Any]]:
    return conn.execute(
        select(schema.slice_)
        .where(schema.slice_.c.session_id == session_id)
        .order_by(schema.slice_.c.start_ms, schema.slice_.c.epoch, schema.slice_.c.slice_id)
    ).all()


def _billed(conn: Connection, session_id: SessionId, *, again: bool) -> Sequence[Row[Any]]:
    """Return the parts of a session that are not to be billed (`again`), in order.

    One that was taken back counts as billed until another one has its slices, so that nothing that comes late bills it
    along: nobody owes it.
    """
    rows = conn.execute(
        select(schema.cdr).where(schema.cdr.c.session_id == session_id).order_by(schema.cdr.c.part)
    ).all()
    gone = {one.credits for one in rows}
    standing = [one for one in rows if one.kind != CREDIT and one.cdr_id not in gone]
    if again or len(standing) == len(rows):
        return standing
    anew = _billed_slices(conn, standing)
    return [
        one
        for one in rows
        if one.kind != CREDIT
        and (one.cdr_id not in gone or not (anew & _billed_slices(conn, [one]) or _follows(standing, one)))
    ]


def _follows(standing: Sequence[Row[Any]], gone: Row[Any]) -> bool:
    """Whether one that was taken back and has no slices (a fee) was billed anew."""
    return not gone.energy_wh and any(one.part > gone.part for one in standing)


def _next_part(conn: Connection, session_id: SessionId) -> int:
    highest = conn.scalar(select(func.max(schema.cdr.c.part)).where(schema.cdr.c.session_id == session_id))
    return int(highest or 0) + 1


def _billed_slices(conn: Connection, billed: Sequence[Row[Any]]) -> set[int]:
    ids = [one.cdr_id for one in billed]
    if not ids:
        return set()
    return set(conn.scalars(select(cdr_slice.c.slice_id).where(cdr_slice.c.cdr_id.in_(ids))))


def _check_proven(counted: Iterable[tuple[int, int, int]], energy_wh: int | None) -> None:
    """Raise `Unproven` unless slices join, register to register, and (None: not known yet) sum to the energy.

    `counted`: of each slice the meter epoch, and the register before and after it in Wh.
    """
    shown_wh: dict[int, int] = {}
    total_wh = 0
    for epoch, from_wh, to_wh in counted:
        end_wh = shown_wh.get(epoch, from_wh)
        if from_wh != end_wh:
            msg = f"its slices do not join in epoch {epoch}: {end_wh} Wh is followed by {from_wh} Wh"
            raise Unproven(msg)
        shown_wh[epoch] = to_wh
        total_wh += to_wh - from_wh
    if energy_wh is not None and total_wh != energy_wh:
        msg = f"its slices sum to {total_wh} Wh, the session says {energy_wh} Wh"
        raise Unproven(msg)


def _registers(conn: Connection, session: Row[Any], slices: Sequence[Row[Any]]) -> list[Registers]:
    spans: dict[int, tuple[int, int]] = {}
    for one in slices:
        start_wh, _ = spans.get(one.epoch, (one.register_start_wh, 0))
        spans[one.epoch] = (start_wh, one.register_end_wh)
    serials = {
        row.number: row.serial
        for row in conn.execute(select(schema.meter_epoch).where(schema.meter_epoch.c.stall_id == session.stall_id))
    }
    return [
        Registers(epoch=epoch, serial=serials.get(epoch), start_wh=start_wh, end_wh=end_wh)
        for epoch, (start_wh, end_wh) in spans.items()
    ]
