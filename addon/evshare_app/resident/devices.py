"""Invitations, and the phones that were let in by one.

An invitation is a 128-bit token that works once within 72 hours; the books hold its SHA-256. A phone holds a 256-bit
cookie; the books hold its HMAC. Both are looked up by digest, so an unknown one takes the same path as a known one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select, update

from ..books.building import the_building
from ..books.schema import device, invite
from ..model import ResidentId, to_ms
from ..tokens import TokenKey, digest, new_token
from .people import NoSuchResident, Person, person

INVITE_LIFE = timedelta(hours=72)
DEVICE_IDLE = timedelta(days=180)
"""A phone that was not used this long has to be invited again."""
DEVICE_LIFE = timedelta(days=400)
"""And so has every phone after this, browsers keep no cookie longer."""
_SEEN_EVERY = timedelta(hours=1)


class InviteInvalid(Exception):
    """The invitation is unknown, used, or too old; which of them is not told."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A phone that is let in, and whose it is."""

    device_id: str
    person: Person


@dataclass(frozen=True, kw_only=True)
class DeviceLine:
    """A phone in a list."""

    device_id: str
    label: str
    created_ms: int
    seen_ms: int


def invite_resident(conn: Connection, resident_id: ResidentId, now: datetime) -> str:
    """Make an invitation and return its token, which is shown once. Raises `NoSuchResident`."""
    if person(conn, resident_id).removed:
        raise NoSuchResident(resident_id)
    token = new_token(128)
    conn.execute(
        insert(invite).values(
            building_id=the_building(conn).building_id,
            token_hash=digest(token),
            resident_id=resident_id,
            created_ms=to_ms(now),
            expires_ms=to_ms(now + INVITE_LIFE),
        )
    )
    return token


def redeem_invite(conn: Connection, token: str, label: str, key: TokenKey, now: datetime) -> str:
    """Use an invitation up and return the new phone's cookie. Raises `InviteInvalid`."""
    # One statement decides, so that of two phones with the same link only one is let in.
    used = conn.execute(
        update(invite)
        .where(invite.c.token_hash == digest(token), invite.c.used_ms.is_(None), invite.c.expires_ms > to_ms(now))
        .values(used_ms=to_ms(now))
        .returning(invite.c.resident_id)
    ).one_or_none()
    if used is None or person(conn, used.resident_id).removed:
        raise InviteInvalid
    cookie = new_token()
    conn.execute(
        insert(device).values(
            building_id=the_building(conn).building_id,
            device_id=uuid4().hex,
            token_mac=key.mac(cookie),
            resident_id=used.resident_id,
            label=label[:60],
            created_ms=to_ms(now),
            seen_ms=to_ms(now),
            expires_ms=to_ms(now + DEVICE_LIFE),
        )
    )
    return cookie


def find_device(conn: Connection, cookie: str, key: TokenKey, now: datetime) -> Device | None:
    """Return the phone this cookie belongs to, if it is let in now."""
    row = conn.execute(
        select(device.c.device_id, device.c.resident_id).where(
            device.c.token_mac == key.mac(cookie),
            device.c.revoked_ms.is_(None),
            device.c.expires_ms > to_ms(now),
            device.c.seen_ms > to_ms(now - DEVICE_IDLE),
        )
    ).one_or_none()
    if row is None:
        return None
    whose = person(conn, row.resident_id)
    return None if whose.removed else Device(device_id=row.device_id, person=whose)


def note_seen(conn: Connection, device_id: str, now: datetime) -> None:
    """Note that a phone is in use, at most hourly: it need not be exact, and books are not for writing on each look."""
    conn.execute(
        update(device)
        .where(device.c.device_id == device_id, device.c.seen_ms < to_ms(now - _SEEN_EVERY))
        .values(seen_ms=to_ms(now))
    )


def devices_of(conn: Connection, resident_id: ResidentId, now: datetime) -> list[DeviceLine]:
    """Return a resident's phones that are let in, the last used first."""
    rows = conn.execute(
        select(device)
        .where(device.c.resident_id == resident_id, device.c.revoked_ms.is_(None), device.c.expires_ms > to_ms(now))
        .order_by(device.c.seen_ms.desc())
    )
    return [
        DeviceLine(device_id=row.device_id, label=row.label, created_ms=row.created_ms, seen_ms=row.seen_ms)
        for row in rows
    ]


def sign_out_device(conn: Connection, resident_id: ResidentId, device_id: str, now: datetime) -> bool:
    """Let a phone in no more; False when it is not this resident's."""
    signed_out = conn.execute(
        update(device)
        .where(device.c.device_id == device_id, device.c.resident_id == resident_id, device.c.revoked_ms.is_(None))
        .values(revoked_ms=to_ms(now))
    )
    return signed_out.rowcount == 1


def forget_old_invites(conn: Connection, now: datetime) -> None:
    """Delete invitations nobody can use any more."""
    conn.execute(delete(invite).where(invite.c.expires_ms < to_ms(now)))
