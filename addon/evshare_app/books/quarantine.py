"""Quarantine: how the books begin after an older copy of them came back.

What was done since that copy was made is not in them: statements may have been issued, payments ordered. So nothing
leaves the house until that is found out: no payment is ordered, no month is closed, no statement is issued. Charging
goes on, and what comes in is taken in. It ends when the integration has sent again what the copy lacks and every rail
was compared with its provider, if all that is known to be missing is back then; or when a manager says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Any
import uuid

from sqlalchemy import Connection, Row, func, insert, select, update

from ..model import from_ms, to_ms
from .backup_tables import books_incarnation
from .building import NoBuilding, the_building
from .position import Position, missing
from .schema import record

AUTOMATIC = "automatic"
_FIRST, _RESTORED = "first", "restored"
_COMES_BACK = {"records", "payments", "unknown"}
"""What the integration and the rails can give back. Statements and bookings that were made here they cannot."""


class InQuarantine(Exception):
    """The books came out of an older backup; nothing may leave the house until what they lack is known."""

    def __init__(self) -> None:
        super().__init__("the books were restored from a backup and are in quarantine; see Backup in the office")


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """A quarantine, lasting or over."""

    incarnation: str
    begun: datetime
    missing: Sequence[dict[str, Any]]
    """What was known to be missing when it began."""
    resent: datetime | None
    """Since then the integration has nothing more to send again."""
    compared: datetime | None
    """Every rail was compared with its provider."""
    unclaimed: Sequence[dict[str, Any]]
    """Money at a provider that the books cannot place."""
    left: datetime | None
    left_by: str | None

    @property
    def may_end(self) -> bool:
        """Whether it ends by itself: all is looked at, and nothing is missing that cannot come back by itself."""
        looked = self.resent is not None and self.compared is not None
        return looked and not self.unclaimed and {one["kind"] for one in self.missing} <= _COMES_BACK


def look(conn: Connection, known: Position | None, now: datetime) -> Quarantine | None:
    """Compare the books, as they start, with how far they were known to be; return the quarantine they are in now.

    Where nothing is known of books that had a life before, they came out of a backup.
    """
    try:
        building_id = the_building(conn).building_id
    except NoBuilding:
        return None  # new books
    lives = conn.execute(select(books_incarnation).order_by(books_incarnation.c.number)).all()
    lacking = _lacking(conn, known, [row.incarnation_id for row in lives])
    if lives and not lacking:
        return current(conn)
    if lives and lives[-1].left_ms is None:
        # Restored once more before the first restore was worked off: there is one to wait for.
        _fill_in(conn, left_ms=to_ms(now), left_by=_RESTORED)
    first = not lives and not lacking
    conn.execute(
        insert(books_incarnation).values(
            building_id=building_id,
            number=len(lives) + 1,
            incarnation_id=uuid.uuid4().hex,
            reason=_FIRST if first else _RESTORED,
            begun_ms=to_ms(now),
            missing_json=json.dumps(lacking),
            left_ms=to_ms(now) if first else None,
            left_by=AUTOMATIC if first else None,
        )
    )
    return current(conn)


def current(conn: Connection) -> Quarantine | None:
    """Return the quarantine that lasts."""
    row = conn.execute(select(books_incarnation).where(books_incarnation.c.left_ms.is_(None))).one_or_none()
    return None if row is None else _quarantine(row)


def last_restore(conn: Connection) -> Quarantine | None:
    """Return the newest quarantine, be it over; None for books that never came out of a backup."""
    row = conn.execute(
        select(books_incarnation)
        .where(books_incarnation.c.reason == _RESTORED)
        .order_by(books_incarnation.c.number.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _quarantine(row)


def refuse_in_quarantine(conn: Connection) -> None:
    """Raise `InQuarantine` while it lasts."""
    if current(conn) is not None:
        raise InQuarantine


def records_are_back(conn: Connection, quarantine: Quarantine) -> bool:
    """Whether the books have every record they are known to have had."""
    return all(
        (conn.scalar(select(func.max(record.c.seq)).where(record.c.incarnation == one["incarnation"])) or 0)
        >= one["known"]
        for one in quarantine.missing
        if one["kind"] == "records"
    )


def note_resent(conn: Connection, now: datetime) -> None:
    """The integration has sent again what it has."""
    _fill_in(conn, resent_ms=to_ms(now))


def note_compared(conn: Connection, unclaimed: Sequence[dict[str, Any]], now: datetime) -> None:
    """Every rail was compared with its provider; `unclaimed` is what the books cannot place there."""
    _fill_in(conn, compared_ms=to_ms(now), unclaimed_json=json.dumps(list(unclaimed)))


def leave(conn: Connection, by: str, now: datetime) -> bool:
    """End the quarantine; False where there is none."""
    if current(conn) is None:
        return False
    _fill_in(conn, left_ms=to_ms(now), left_by=by)
    return True


def _lacking(conn: Connection, known: Position | None, lives: Sequence[str]) -> list[dict[str, Any]]:
    if known is None:
        return [{"kind": "unknown"}] if lives else []
    lacking = missing(conn, known)
    another = known.incarnation and known.incarnation not in lives
    if not lacking and (another or known.restored_ms is not None):
        return [{"kind": "unknown"}]
    return lacking


def _fill_in(conn: Connection, **values: object) -> None:
    conn.execute(update(books_incarnation).where(books_incarnation.c.left_ms.is_(None)).values(**values))


def _quarantine(row: Row[Any]) -> Quarantine:
    def at(value: int | None) -> datetime | None:
        return None if value is None else from_ms(value)

    return Quarantine(
        incarnation=row.incarnation_id,
        begun=from_ms(row.begun_ms),
        missing=json.loads(row.missing_json),
        resent=at(row.resent_ms),
        compared=at(row.compared_ms),
        unclaimed=json.loads(row.unclaimed_json or "[]"),
        left=at(row.left_ms),
        left_by=row.left_by,
    )
