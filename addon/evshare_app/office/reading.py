"""What the office shows of the books: today's energy, who was refused, and people with their months."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from ..books.access_tables import card, guest_pass
from ..books.common import paid_by_others
from ..books.schema import account, device, record, resident, session, slice_, statement
from ..books.schema import stall as stall_table
from ..books.session_cost import session_cost
from ..model import AccountId, Month, StatementId, from_ms, to_ms
from ..money import Money
from ..payment.rail import Standing
from ..payment.standing import standings
from ..statement.files import HTML, PDF, kept_file


@dataclass(frozen=True, kw_only=True)
class StallLine:
    """A stall in a list."""

    stall_id: str
    name: str
    code: str
    connector: str
    max_current_a: int
    lock_quality: str
    billable: bool
    card_reader: bool


@dataclass(frozen=True, kw_only=True)
class DaySession:
    """A session of today."""

    session_id: str
    stall: str
    resident: str
    started_ms: int
    ended_ms: int | None
    energy_wh: int
    cost: Money | None
    guest: str | None
    """What the pass it runs on is called; None where it is no guest's."""
    common: bool
    """The building pays for it, not the resident."""


@dataclass(frozen=True, kw_only=True)
class DeniedLine:
    """Someone who was not let in."""

    at_ms: int
    stall: str
    reason: str
    credential: str
    label: str
    """The card's, where it is known and has one."""
    resident_id: str | None
    resident: str | None


@dataclass(frozen=True, kw_only=True)
class Day:
    """The energy of one day."""

    energy_wh: int
    unattributed_wh: int
    hours_wh: tuple[int, ...]
    """24 local hours; where clocks change, an hour is missing or two count as one."""


@dataclass(frozen=True, kw_only=True)
class StatementRow:
    """A statement of a month and how it stands."""

    statement_id: StatementId
    number: str
    account_id: AccountId
    account: str
    rail: str
    reference: str
    gross: Money
    standing: Standing


def day_bounds(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of the local day and that of the next."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight, (midnight + timedelta(days=1)).replace(hour=0)


def stalls(conn: Connection) -> list[StallLine]:
    """Return the building's stalls by name."""
    rows = conn.execute(select(stall_table).where(stall_table.c.removed_ms.is_(None)).order_by(stall_table.c.name))
    return [
        StallLine(
            stall_id=row.stall_id,
            name=row.name,
            code=row.qr_code,
            connector=row.connector,
            max_current_a=row.max_current_a,
            lock_quality=row.lock_quality,
            billable=bool(row.billable),
            card_reader=bool(row.card_reader),
        )
        for row in rows
    ]


def readers(conn: Connection, *, all_of_them: bool) -> list[StallLine]:
    """Return the stalls where a card can be shown; all where the integration does not tell which."""
    return [stall for stall in stalls(conn) if stall.card_reader or all_of_them]


def day_energy(conn: Connection, start: datetime, end: datetime, zone: ZoneInfo) -> Day:
    """Return what the stalls' registers counted in slices that began in a day."""
    energy = slice_.c.register_end_wh - slice_.c.register_start_wh
    rows = conn.execute(
        select(slice_.c.start_ms, slice_.c.session_id, energy.label("energy_wh")).where(
            slice_.c.start_ms >= to_ms(start), slice_.c.start_ms < to_ms(end)
        )
    ).all()
    hours = [0] * 24
    for row in rows:
        hours[from_ms(row.start_ms).astimezone(zone).hour] += row.energy_wh
    unattributed_wh = sum(row.energy_wh for row in rows if row.session_id is None)
    return Day(energy_wh=sum(hours), unattributed_wh=unattributed_wh, hours_wh=tuple(hours))


def day_sessions(conn: Connection, start: datetime) -> list[DaySession]:
    """Return the sessions that run or ended since `start`, the newest first."""
    rows = conn.execute(
        select(
            session,
            stall_table.c.name.label("stall"),
            resident.c.name.label("resident"),
            *session_cost(),
            guest_pass.c.label.label("guest"),
            paid_by_others().label("common"),
        )
        .join(stall_table, stall_table.c.stall_id == session.c.stall_id)
        .join(resident, resident.c.resident_id == session.c.resident_id)
        .outerjoin(guest_pass, guest_pass.c.pass_id == session.c.credential_id)
        .where(session.c.started_ms.is_not(None), (session.c.ended_ms.is_(None)) | (session.c.ended_ms >= to_ms(start)))
        .order_by(session.c.started_ms.desc())
        .limit(100)
    )
    return [
        DaySession(
            session_id=row.session_id,
            stall=row.stall,
            resident=row.resident,
            started_ms=row.started_ms,
            ended_ms=row.ended_ms,
            energy_wh=row.energy_wh,
            cost=None if row.gross_minor is None else Money(row.gross_minor, row.currency),
            guest=row.guest,
            common=bool(row.common),
        )
        for row in rows
    ]


def denied_since(conn: Connection, start: datetime, *, at_most: int = 100) -> list[DeniedLine]:
    """Return who was not let in since `start`, the newest first."""
    names: dict[str, str] = {row[0]: row[1] for row in conn.execute(select(stall_table.c.stall_id, stall_table.c.name))}
    people = resident_names(conn)
    labels: dict[str, str] = {row[0]: row[1] for row in conn.execute(select(card.c.card_id, card.c.label))}
    rows = conn.execute(
        select(record.c.at_ms, record.c.body_json)
        .where(record.c.kind == "denied", record.c.at_ms >= to_ms(start))
        .order_by(record.c.at_ms.desc())
        .limit(at_most)
    )
    lines = []
    for row in rows:
        body = json.loads(row.body_json)
        resident_id = body["resident_id"]
        lines.append(
            DeniedLine(
                at_ms=row.at_ms,
                stall=names.get(body["stall_id"], body["stall_id"]),
                reason=body["reason"],
                credential=body["credential_kind"],
                label=labels.get(body.get("credential_id") or "", ""),
                resident_id=resident_id if resident_id in people else None,
                resident=people.get(resident_id or ""),
            )
        )
    return lines


def resident_names(conn: Connection) -> dict[str, str]:
    """Return the names of all residents by id."""
    return {row[0]: row[1] for row in conn.execute(select(resident.c.resident_id, resident.c.name))}


def energy_by_resident(conn: Connection, start: datetime) -> dict[str, int]:
    """Return the Wh of everyone's sessions that run or ended since `start`, without those the building pays."""
    rows = conn.execute(
        select(session.c.resident_id, func.sum(session.c.energy_wh))
        .where(session.c.ended_ms.is_(None) | (session.c.ended_ms >= to_ms(start)), ~paid_by_others())
        .group_by(session.c.resident_id)
    )
    return {row[0]: int(row[1] or 0) for row in rows}


def phones_by_resident(conn: Connection, now: datetime) -> dict[str, int]:
    """Return how many phones everyone has connected."""
    rows = conn.execute(
        select(device.c.resident_id, func.count())
        .where(device.c.revoked_ms.is_(None), device.c.expires_ms > to_ms(now))
        .group_by(device.c.resident_id)
    )
    return {row[0]: row[1] for row in rows}


def statements_of_month(conn: Connection, month: Month, now: datetime) -> list[StatementRow]:
    """Return a month's statements by number."""
    return _statements(conn, now, month)


def statement_row(conn: Connection, statement_id: str, now: datetime) -> StatementRow | None:
    """Return one statement."""
    return next((one for one in _statements(conn, now) if one.statement_id == statement_id), None)


def _statements(conn: Connection, now: datetime, month: Month | None = None) -> list[StatementRow]:
    stand = {one.statement_id: one for one in standings(conn, now)}
    wanted = select(
        statement.c.statement_id,
        statement.c.number,
        statement.c.account_id,
        statement.c.reference,
        statement.c.gross_minor,
        statement.c.currency,
        account.c.name,
        account.c.rail,
    ).join_from(statement, account)
    if month is not None:
        wanted = wanted.where(statement.c.month == str(month))
    return [
        StatementRow(
            statement_id=StatementId(row.statement_id),
            number=row.number,
            account_id=AccountId(row.account_id),
            account=row.name,
            rail=row.rail,
            reference=row.reference,
            gross=Money(row.gross_minor, row.currency),
            standing=stand[StatementId(row.statement_id)],
        )
        for row in conn.execute(wanted.order_by(statement.c.number))
    ]


def statement_file(conn: Connection, statement_id: str) -> tuple[str, str, bytes] | None:
    """Return number, page and PDF of a statement."""
    number = conn.scalar(select(statement.c.number).where(statement.c.statement_id == statement_id))
    if number is None:
        return None
    return number, kept_file(conn, statement_id, HTML).decode(), kept_file(conn, statement_id, PDF)


def months_known(conn: Connection, now: datetime, zone: ZoneInfo) -> Sequence[Month]:
    """Return the months in which anything ended, and the present one, newest first, at most 24."""
    first = conn.scalar(select(func.min(session.c.ended_ms)))
    month = Month.of(from_ms(first), zone) if first is not None else Month.of(now, zone)
    months = [month]
    while months[-1] != Month.of(now, zone) and len(months) < 1200:
        months.append(months[-1].following())
    return months[::-1][:24]
