"""How a manager gets in: a one-time ticket from Home Assistant becomes an office session of our own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, update

from ..books.building import the_building
from ..books.schema import office_session, office_ticket
from ..model import to_ms
from ..tokens import TokenKey, digest, new_token

SESSION_IDLE = timedelta(hours=1)
SESSION_LIFE = timedelta(hours=12)
_KEPT = timedelta(days=30)


class TicketInvalid(Exception):
    """The ticket is unknown, used or too old; which of them is not told."""


@dataclass(frozen=True, kw_only=True)
class Manager:
    """Whoever is in the office."""

    user_id: str
    name: str
    csrf: str

    @property
    def actor(self) -> str:
        """How the books name who did something."""
        return f"office:{self.user_id}"


def redeem_ticket(conn: Connection, ticket: str, key: TokenKey, now: datetime) -> str:
    """Use a ticket up and return the session's cookie. Raises `TicketInvalid`."""
    used = conn.execute(
        update(office_ticket)
        .where(
            office_ticket.c.ticket_hash == digest(ticket),
            office_ticket.c.used_ms.is_(None),
            office_ticket.c.expires_ms > to_ms(now),
        )
        .values(used_ms=to_ms(now))
        .returning(office_ticket.c.user_id, office_ticket.c.name)
    ).one_or_none()
    if used is None:
        raise TicketInvalid
    cookie = new_token()
    conn.execute(
        insert(office_session).values(
            building_id=the_building(conn).building_id,
            token_mac=key.mac(cookie),
            user_id=used.user_id,
            name=used.name,
            csrf=new_token(),
            created_ms=to_ms(now),
            seen_ms=to_ms(now),
        )
    )
    return cookie


def find_manager(conn: Connection, cookie: str, key: TokenKey, now: datetime) -> Manager | None:
    """Return whose session the cookie is, if it is still open, and note that it is in use."""
    row = conn.execute(
        update(office_session)
        .where(
            office_session.c.token_mac == key.mac(cookie),
            office_session.c.ended_ms.is_(None),
            office_session.c.seen_ms > to_ms(now - SESSION_IDLE),
            office_session.c.created_ms > to_ms(now - SESSION_LIFE),
        )
        .values(seen_ms=to_ms(now))
        .returning(office_session.c.user_id, office_session.c.name, office_session.c.csrf)
    ).one_or_none()
    return None if row is None else Manager(user_id=row.user_id, name=row.name, csrf=row.csrf)


def end_sessions(conn: Connection, user_id: str, now: datetime) -> None:
    """End all office sessions of a Home Assistant user."""
    conn.execute(
        update(office_session)
        .where(office_session.c.user_id == user_id, office_session.c.ended_ms.is_(None))
        .values(ended_ms=to_ms(now))
    )


def forget_old_sessions(conn: Connection, now: datetime) -> None:
    """Delete tickets and sessions that are long over."""
    before = to_ms(now - _KEPT)
    conn.execute(delete(office_ticket).where(office_ticket.c.expires_ms < before))
    conn.execute(delete(office_session).where(office_session.c.seen_ms < before))
