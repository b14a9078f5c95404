"""What a resident may read of their past in the books: their sessions, in months and one by one, and who was refused.

Every function takes whose they are, and finds nothing that is someone else's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
import json
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, select

from ..books.access_tables import guest_pass
from ..books.common import paid_by_others
from ..books.schema import cdr, record, session, slice_
from ..books.schema import stall as stall_table
from ..books.session_cost import session_cost
from ..model import Month, ResidentId, SessionId, from_ms, to_ms
from ..money import Money
from ..resident.disputes import in_question
from ..statement.document import SessionPart
from ..statement.parts import rated_session

_MOST_SESSIONS = 4000
_MOST_REFUSALS = 100


@dataclass(frozen=True, kw_only=True)
class SessionLine:
    """A session in a list."""

    session_id: SessionId
    stall: str
    started_ms: int
    ended_ms: int | None
    energy_wh: int
    cost: Money | None
    """None while it is not rated or in question, and where there is nothing to bill."""
    guest: str | None
    """The name of the pass a guest of theirs charged with; None for their own."""
    common: bool
    """The building pays for it, not they."""

    def month(self, zone: ZoneInfo) -> Month:
        """Return the month it is billed in: that of its end, or of its start while it runs."""
        return Month.of(from_ms(self.ended_ms or self.started_ms), zone)


@dataclass(frozen=True, kw_only=True)
class MonthLine:
    """What someone's sessions of a month come to."""

    month: Month
    sessions: int
    energy_wh: int
    minor: int


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A slice of a session."""

    start: datetime
    end: datetime
    energy_wh: int
    limit_a: int
    suspended_s: int

    @property
    def power_w(self) -> int:
        """Mean power."""
        seconds = (self.end - self.start) // timedelta(seconds=1)
        return self.energy_wh * 3600 // seconds if seconds else 0


@dataclass(frozen=True, kw_only=True)
class Session:
    """One session in full."""

    line: SessionLine
    mode: str
    credential_kind: str
    cap_wh: int | None
    stop_reason: str | None
    register_start_wh: int | None
    register_end_wh: int | None
    cuts: tuple[Cut, ...]
    part: SessionPart | None
    """How it was rated; None while it is not, and where there is nothing to bill."""
    net_minor: int
    vat_minor: int


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Somebody who could have been this resident was not let in."""

    at_ms: int
    stall: str
    credential_kind: str
    reason: str


def sessions_of(conn: Connection, resident_id: ResidentId) -> list[SessionLine]:
    """Return a resident's sessions that were plugged in, the newest first, without guests the building pays for."""
    rows = conn.execute(
        _sessions(resident_id)
        .where(~paid_by_others())
        .order_by(session.c.started_ms.desc(), session.c.session_id)
        .limit(_MOST_SESSIONS)
    )
    return [_line(row) for row in rows]


def months_of(lines: Iterable[SessionLine], zone: ZoneInfo) -> list[MonthLine]:
    """Return the months that have sessions, the newest first."""
    months: dict[Month, list[SessionLine]] = {}
    for line in lines:
        months.setdefault(line.month(zone), []).append(line)
    return [
        MonthLine(
            month=month,
            sessions=len(ones),
            energy_wh=sum(one.energy_wh for one in ones),
            minor=sum(one.cost.minor for one in ones if one.cost),
        )
        for month, ones in sorted(months.items(), reverse=True)
    ]


def days_of(conn: Connection, lines: Iterable[SessionLine], month: Month, zone: ZoneInfo) -> dict[date, int]:
    """Return the energy of a month's sessions by the day on which it flowed, in Wh.

    A session of the night into the 1st brings the day before with it, so that the days sum to the month.
    """
    start, end = month.bounds(zone)
    first, after = start.astimezone(zone).date(), end.astimezone(zone).date()
    days = {first + timedelta(days=number): 0 for number in range((after - first).days)}
    ids = [line.session_id for line in lines]
    rows = conn.execute(select(slice_).where(slice_.c.session_id.in_(ids)).order_by(slice_.c.start_ms))
    for row in rows:
        day = from_ms(row.start_ms).astimezone(zone).date()
        days[day] = days.get(day, 0) + row.register_end_wh - row.register_start_wh
    return dict(sorted(days.items()))


def session_of(conn: Connection, resident_id: ResidentId, session_id: str) -> Session | None:
    """Return one session, if it is this resident's and was plugged in."""
    row = conn.execute(_sessions(resident_id).where(session.c.session_id == session_id)).one_or_none()
    if row is None:
        return None
    part = rated_session(conn, session_id) if row.gross_minor is not None and not row.common else None
    cuts = conn.execute(select(slice_).where(slice_.c.session_id == session_id).order_by(slice_.c.start_ms))
    return Session(
        line=_line(row),
        mode=row.mode,
        credential_kind=row.credential_kind,
        cap_wh=row.cap_wh,
        stop_reason=row.stop_reason,
        register_start_wh=row.register_start_wh,
        register_end_wh=row.register_end_wh,
        cuts=tuple(
            Cut(
                start=from_ms(one.start_ms),
                end=from_ms(one.end_ms),
                energy_wh=one.register_end_wh - one.register_start_wh,
                limit_a=one.limit_a,
                suspended_s=one.suspended_s,
            )
            for one in cuts
        ),
        part=None if part is None else part.session,
        net_minor=0 if part is None else part.session.net_minor,
        vat_minor=0 if part is None else part.gross_minor - part.session.net_minor,
    )


def refusals_of(conn: Connection, resident_id: ResidentId, since: datetime) -> list[Refusal]:
    """Return when a resident was refused since an instant, the last time first."""
    stalls = {row.stall_id: row.name for row in conn.execute(select(stall_table))}
    rows = conn.execute(
        select(record.c.at_ms, record.c.body_json)
        .where(record.c.kind == "denied", record.c.at_ms >= to_ms(since))
        .order_by(record.c.at_ms.desc(), record.c.seq.desc())
    )
    found: list[Refusal] = []
    for row in rows:
        body = json.loads(row.body_json)
        if body["resident_id"] != resident_id:
            continue
        found.append(
            Refusal(
                at_ms=row.at_ms,
                stall=stalls.get(body["stall_id"], ""),
                credential_kind=body["credential_kind"],
                reason=body["reason"],
            )
        )
        if len(found) == _MOST_REFUSALS:
            break
    return found


def _sessions(resident_id: ResidentId) -> Select[Any]:
    return (
        select(
            session,
            stall_table.c.name.label("stall"),
            guest_pass.c.label.label("guest"),
            *session_cost(cdr.c.session_id.not_in(in_question())),
            paid_by_others().label("common"),
        )
        .join(stall_table, stall_table.c.stall_id == session.c.stall_id)
        .outerjoin(guest_pass, guest_pass.c.pass_id == session.c.credential_id)
        .where(session.c.resident_id == resident_id, session.c.started_ms.is_not(None))
    )


def _line(row: Row[Any]) -> SessionLine:
    return SessionLine(
        session_id=SessionId(row.session_id),
        stall=row.stall,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        energy_wh=row.energy_wh,
        cost=None if row.gross_minor is None or row.common else Money(row.gross_minor, row.currency),
        common=bool(row.common),
        guest=(row.guest or "") if row.credential_kind == "pass" else None,
    )
