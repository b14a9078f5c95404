"""Residents and their accounts. Who exists is the integration's truth; what belongs to money and reach is ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from ..books.schema import account, resident
from ..model import AccountId, BuildingId, ResidentId, to_ms


class NoSuchResident(LookupError):
    """There is no such resident."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A resident with their account."""

    resident_id: ResidentId
    account_id: AccountId
    name: str
    email: str | None
    language: str | None
    blocked: bool
    """By the manager, in the office."""
    removed: bool
    """No longer in the integration."""
    rail: str
    card_label: str | None
    moved_in_ms: int | None
    """First instant of the first day here; None: since ever."""
    moves_out_ms: int | None
    """First instant after the last day here; None: not known."""

    def here(self, now: datetime) -> bool:
        """Whether they may come in: neither taken out of the integration nor moved out."""
        return not self.removed and (self.moves_out_ms is None or self.moves_out_ms > to_ms(now))

    def away(self, now: datetime) -> bool:
        """Whether they do not live here yet, or not any more, by the dates the manager set."""
        return (self.moved_in_ms is not None and self.moved_in_ms > to_ms(now)) or (
            self.moves_out_ms is not None and self.moves_out_ms <= to_ms(now)
        )


def apply_residents(
    conn: Connection, building_id: BuildingId, known: Sequence[tuple[ResidentId, str, str | None]], now: datetime
) -> None:
    """Make the residents be those the integration named (id, name, HA user).

    Whoever is new gets an account; whoever is gone is marked and keeps what they owe; whoever comes back is unmarked.
    """
    present = {row.resident_id: row for row in conn.execute(select(resident))}
    for resident_id, name, ha_user_id in known:
        if resident_id not in present:
            add_resident(conn, building_id, resident_id, name, ha_user_id=ha_user_id)
            continue
        values = {"name": name, "ha_user_id": ha_user_id, "removed_ms": None}
        conn.execute(update(resident).where(resident.c.resident_id == resident_id).values(**values))
        if present[resident_id].name != name:
            conn.execute(
                update(account).where(account.c.account_id == present[resident_id].account_id).values(name=name)
            )
    gone = set(present) - {resident_id for resident_id, _, _ in known}
    conn.execute(
        update(resident)
        .where(resident.c.resident_id.in_(gone), resident.c.removed_ms.is_(None))
        .values(removed_ms=to_ms(now))
    )


def add_resident(
    conn: Connection,
    building_id: BuildingId,
    resident_id: ResidentId,
    name: str,
    *,
    ha_user_id: str | None = None,
    removed: datetime | None = None,
) -> None:
    """Add a resident with an account of their own."""
    account_id = uuid4().hex
    conn.execute(insert(account).values(building_id=building_id, account_id=account_id, name=name))
    conn.execute(
        insert(resident).values(
            building_id=building_id,
            resident_id=resident_id,
            name=name,
            ha_user_id=ha_user_id,
            account_id=account_id,
            removed_ms=None if removed is None else to_ms(removed),
        )
    )


def people(conn: Connection) -> list[Person]:
    """Return everyone by name, those who are gone last."""
    rows = conn.execute(_people().order_by(resident.c.removed_ms.is_not(None), resident.c.name))
    return [_person(row) for row in rows]


def person(conn: Connection, resident_id: str) -> Person:
    """Return one resident. Raises `NoSuchResident`."""
    row = conn.execute(_people().where(resident.c.resident_id == resident_id)).one_or_none()
    if row is None:
        raise NoSuchResident(resident_id)
    return _person(row)


def set_blocked(conn: Connection, resident_id: ResidentId, since: datetime | None) -> None:
    """Let a resident start no more sessions, or (None) let them again. A running session goes on."""
    _change(conn, resident_id, blocked_ms=None if since is None else to_ms(since))


def blocked_residents(conn: Connection, now: datetime) -> list[ResidentId]:
    """Return everyone who starts no session: blocked by the manager, not moved in yet, or moved out."""
    blocked = select(resident.c.resident_id).where(
        or_(
            resident.c.blocked_ms.is_not(None),
            resident.c.moved_in_ms > to_ms(now),
            resident.c.moves_out_ms <= to_ms(now),
        )
    )
    return [ResidentId(value) for value in conn.scalars(blocked.order_by(resident.c.resident_id))]


def set_moves(conn: Connection, resident_id: ResidentId, moved_in: datetime | None, moves_out: datetime | None) -> None:
    """Set from when until when a resident lives here; what follows from it is in `moving.py`."""
    _change(
        conn,
        resident_id,
        moved_in_ms=None if moved_in is None else to_ms(moved_in),
        moves_out_ms=None if moves_out is None else to_ms(moves_out),
    )


def set_contact(conn: Connection, resident_id: ResidentId, email: str | None, language: str | None) -> None:
    """Set how a resident is reached."""
    _change(conn, resident_id, email=email, language=language)


def set_language(conn: Connection, resident_id: ResidentId, language: str) -> None:
    """Set the language of a resident's pages and statements."""
    _change(conn, resident_id, language=language)


def set_rail(conn: Connection, account_id: AccountId, rail: str) -> None:
    """Set how an account pays: ``bank`` or ``stripe``."""
    conn.execute(update(account).where(account.c.account_id == account_id).values(rail=rail))


def _change(conn: Connection, resident_id: ResidentId, **values: object) -> None:
    if conn.execute(update(resident).where(resident.c.resident_id == resident_id).values(**values)).rowcount != 1:
        raise NoSuchResident(resident_id)


def _people() -> Select[Any]:
    return select(resident, account.c.rail, account.c.card_label).join_from(resident, account)


def _person(row: Row[Any]) -> Person:
    return Person(
        resident_id=ResidentId(row.resident_id),
        account_id=AccountId(row.account_id),
        name=row.name,
        email=row.email,
        language=row.language,
        blocked=row.blocked_ms is not None,
        removed=row.removed_ms is not None,
        rail=row.rail,
        card_label=row.card_label,
        moved_in_ms=row.moved_in_ms,
        moves_out_ms=row.moves_out_ms,
    )
