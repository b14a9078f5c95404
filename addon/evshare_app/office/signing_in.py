"""How people get into the office: a one-time ticket from Home Assistant, or a link a manager made for someone, becomes
a session of our own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete, insert, select, update

from ..books.access_tables import office_person
from ..books.building import the_building
from ..books.schema import office_session, office_ticket
from ..model import to_ms
from ..tokens import TokenKey, digest, new_token
from .roles import Role

SESSION_IDLE = timedelta(hours=1)
SESSION_LIFE = timedelta(hours=12)
INVITED_IDLE = timedelta(days=14)
"""Who came by a link has no other way in, and may change no money."""
INVITED_LIFE = timedelta(days=30)
LATELY = timedelta(minutes=10)
"""So long after coming in somebody may do what cannot be taken back."""
_KEPT = timedelta(days=30)


class TicketInvalid(Exception):
    """The ticket is unknown, used or too old; which of them is not told."""


@dataclass(frozen=True, kw_only=True)
class Manager:
    """Whoever is in the office, be their role as it may."""

    user_id: str
    name: str
    csrf: str
    role: Role
    person_id: str | None = None
    """Set for those who came by a link of ours; Home Assistant does not know them."""

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
    # Which role a user of Home Assistant has is asked at each request; this one holds while nobody can be asked.
    role = named_role(conn, used.user_id) or Role.MANAGER
    return _open_session(conn, Manager(user_id=used.user_id, name=used.name, csrf=new_token(), role=role), key, now)


def redeem_invitation(conn: Connection, token: str, key: TokenKey, now: datetime) -> str:
    """Use an invitation into the office up and return the session's cookie. Raises `TicketInvalid`."""
    person = conn.execute(
        update(office_person)
        .where(
            office_person.c.invite_hash == digest(token),
            office_person.c.invite_expires_ms > to_ms(now),
            office_person.c.removed_ms.is_(None),
        )
        .values(invite_hash=None, invite_expires_ms=None)
        .returning(office_person.c.person_id, office_person.c.name, office_person.c.role)
    ).one_or_none()
    if person is None:
        raise TicketInvalid
    who = Manager(
        user_id=person_user_id(person.person_id),
        name=person.name,
        csrf=new_token(),
        role=Role(person.role),
        person_id=person.person_id,
    )
    return _open_session(conn, who, key, now)


def came_in_lately(conn: Connection, user_id: str, now: datetime) -> bool:
    """Whether Home Assistant said within `LATELY` who this is, by a ticket that was used."""
    used = select(office_ticket.c.used_ms).where(
        office_ticket.c.user_id == user_id, office_ticket.c.used_ms > to_ms(now - LATELY)
    )
    return conn.scalar(used.limit(1)) is not None


def confirm_with_ticket(conn: Connection, user_id: str, ticket: str, now: datetime) -> None:
    """Use a ticket up that is this user's, without another session. Raises `TicketInvalid`."""
    used = conn.execute(
        update(office_ticket)
        .where(
            office_ticket.c.ticket_hash == digest(ticket),
            office_ticket.c.user_id == user_id,
            office_ticket.c.used_ms.is_(None),
            office_ticket.c.expires_ms > to_ms(now),
        )
        .values(used_ms=to_ms(now))
    )
    if used.rowcount != 1:
        raise TicketInvalid


def person_user_id(person_id: str) -> str:
    """Return what stands for the id of a user of Home Assistant with those who are none."""
    return f"person-{person_id}"


def _open_session(conn: Connection, who: Manager, key: TokenKey, now: datetime) -> str:
    cookie = new_token()
    conn.execute(
        insert(office_session).values(
            building_id=the_building(conn).building_id,
            token_mac=key.mac(cookie),
            user_id=who.user_id,
            name=who.name,
            csrf=who.csrf,
            created_ms=to_ms(now),
            seen_ms=to_ms(now),
            role=who.role,
            person_id=who.person_id,
        )
    )
    return cookie


def find_manager(conn: Connection, cookie: str, key: TokenKey, now: datetime) -> Manager | None:
    """Return whose session the cookie is, if it is still open, and note that it is in use."""
    invited = office_session.c.person_id.is_not(None)
    row = conn.execute(
        update(office_session)
        .where(
            office_session.c.token_mac == key.mac(cookie),
            office_session.c.ended_ms.is_(None),
            case(
                (invited, office_session.c.seen_ms > to_ms(now - INVITED_IDLE)),
                else_=office_session.c.seen_ms > to_ms(now - SESSION_IDLE),
            ),
            case(
                (invited, office_session.c.created_ms > to_ms(now - INVITED_LIFE)),
                else_=office_session.c.created_ms > to_ms(now - SESSION_LIFE),
            ),
        )
        .values(seen_ms=to_ms(now))
        .returning(office_session)
    ).one_or_none()
    if row is None:
        return None
    role = Role(row.role)
    if row.person_id is not None:
        # Whoever was removed is out with their next click, whatever their session says.
        person = select(office_person.c.role).where(
            office_person.c.person_id == row.person_id, office_person.c.removed_ms.is_(None)
        )
        if (stands := conn.scalar(person)) is None:
            return None
        role = Role(stands)
    return Manager(user_id=row.user_id, name=row.name, csrf=row.csrf, role=role, person_id=row.person_id)


def named_role(conn: Connection, user_id: str) -> Role | None:
    """Return the role a manager gave to a user of Home Assistant."""
    named = select(office_person.c.role).where(
        office_person.c.ha_user_id == user_id, office_person.c.removed_ms.is_(None)
    )
    role = conn.scalar(named)
    return None if role is None else Role(role)


def note_role(conn: Connection, user_id: str, role: Role) -> None:
    """Keep what someone is now with their sessions: it holds while nobody can be asked."""
    conn.execute(update(office_session).where(office_session.c.user_id == user_id).values(role=role))


def end_sessions(conn: Connection, user_id: str, now: datetime) -> None:
    """End all of someone's office sessions."""
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
