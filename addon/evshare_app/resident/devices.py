"""Invitations, and the phones that were let in by one.

An invitation is a 128-bit token that works once within 72 hours; the books hold its SHA-256. A phone holds a 256-bit
cookie; the books hold its HMAC. Both are looked up by digest, so an unknown one takes the same path as a known one.

A phone's cookie is replaced every 30 days of use. The one before it is good for ten minutes more, for requests that
were on their way; whoever shows it later has copied it, or it was copied from them: then nobody can tell which of two
phones is the resident's, and the phone is signed out (EVS-Auth/1).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select, update

from ..books.access_tables import old_cookie
from ..books.building import the_building
from ..books.schema import device, invite
from ..model import ResidentId, StallId, to_ms
from ..tokens import TokenKey, digest, new_token
from .notices import note
from .people import NoSuchResident, Person, person

_LOGGER = logging.getLogger(__name__)

INVITE_LIFE = timedelta(hours=72)
DEVICE_IDLE = timedelta(days=180)
"""A phone that was not used this long has to be invited again."""
DEVICE_LIFE = timedelta(days=400)
"""And so has every phone after this, browsers keep no cookie longer."""
COOKIE_LIFE = timedelta(days=30)
"""A cookie is replaced when it is used at this age."""
COOKIE_GRACE = timedelta(minutes=10)
"""How long the cookie before it is taken for requests that were on their way."""
STEP_UP_LIFE = timedelta(minutes=5)
"""How long a passkey's proof of the person holds."""
TAP_LIFE = timedelta(minutes=3)
"""How long a stall's tag proves that the phone is there."""
_NEW_LIFE = timedelta(hours=1)
_SEEN_EVERY = timedelta(hours=1)


class InviteInvalid(Exception):
    """The invitation is unknown, used, or too old; which of them is not told."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A phone that is let in, and whose it is."""

    device_id: str
    person: Person
    cookie: str = field(default="", repr=False)
    """What the phone should hold from now on."""
    is_new: bool = False
    """Let in within the last hour: whoever let it in knew whose it is."""
    stepped_up: bool = False
    """Its person proved themself with a passkey within the last five minutes."""
    tapped: StallId | None = None
    """The stall whose tag it read within the last three minutes."""


@dataclass(frozen=True, kw_only=True)
class DeviceLine:
    """A phone in a list."""

    device_id: str
    label: str
    created_ms: int
    seen_ms: int


def invite_resident(conn: Connection, resident_id: ResidentId, now: datetime) -> str:
    """Make an invitation and return its token, which is shown once. Raises `NoSuchResident`."""
    if not person(conn, resident_id).here(now):
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
    return redeem_invite_digest(conn, digest(token), label, key, now)


def redeem_invite_digest(conn: Connection, token_hash: str, label: str, key: TokenKey, now: datetime) -> str:
    """Use an invitation up that is known by its digest, and return the new phone's cookie. Raises `InviteInvalid`."""
    # One statement decides, so that of two phones with the same link only one is let in.
    used = conn.execute(
        update(invite)
        .where(invite.c.token_hash == token_hash, invite.c.used_ms.is_(None), invite.c.expires_ms > to_ms(now))
        .values(used_ms=to_ms(now))
        .returning(invite.c.resident_id)
    ).one_or_none()
    if used is None or not person(conn, used.resident_id).here(now):
        raise InviteInvalid
    cookie, _ = let_in(conn, used.resident_id, label, key, now)
    return cookie


def let_in(conn: Connection, resident_id: str, label: str, key: TokenKey, now: datetime) -> tuple[str, str]:
    """Let a new phone in; return its cookie and its id. Whoever has a phone already is told that there is another."""
    cookie, device_id = new_token(), uuid4().hex
    if devices_of(conn, ResidentId(resident_id), now):
        note(conn, resident_id, "phone_added", device_id, {"label": label[:60]}, now)
    conn.execute(
        insert(device).values(
            building_id=the_building(conn).building_id,
            device_id=device_id,
            token_mac=key.mac(cookie),
            token_ms=to_ms(now),
            resident_id=resident_id,
            label=label[:60],
            created_ms=to_ms(now),
            seen_ms=to_ms(now),
            expires_ms=to_ms(now + DEVICE_LIFE),
        )
    )
    return cookie, device_id


def find_device(conn: Connection, cookie: str, key: TokenKey, now: datetime) -> Device | None:
    """Return the phone this cookie belongs to, if it is let in now; `Device.cookie` is what it should hold next.

    Writes at most once: that the phone was seen (hourly), that its cookie is replaced, or that it was stolen.
    """
    mac = key.mac(cookie)
    row = conn.execute(select(device).where(device.c.token_mac == mac)).one_or_none()
    # Without a cookie, and with an unknown one, the same look-ups are made.
    replaced = conn.execute(select(old_cookie).where(old_cookie.c.token_mac == mac)).one_or_none()
    if row is None and replaced is not None:
        row = conn.execute(select(device).where(device.c.device_id == replaced.device_id)).one()
        if _is_in(row, now) and replaced.replaced_ms <= to_ms(now - COOKIE_GRACE):
            _revoke_stolen(conn, row, now)
            return None
        cookie = key.next_cookie(cookie)
    if row is None or not _is_in(row, now):
        return None
    whose = person(conn, row.resident_id)
    if not whose.here(now):
        return None
    if replaced is None:
        cookie = _seen(conn, row, cookie, key, now)
    return Device(
        device_id=row.device_id,
        person=whose,
        cookie=cookie,
        is_new=row.created_ms > to_ms(now - _NEW_LIFE),
        stepped_up=row.stepped_up_ms is not None and row.stepped_up_ms > to_ms(now - STEP_UP_LIFE),
        tapped=StallId(row.tapped_stall_id) if (row.tapped_ms or 0) > to_ms(now - TAP_LIFE) else None,
    )


def _is_in(row: Row[Any], now: datetime) -> bool:
    return bool(row.revoked_ms is None and row.expires_ms > to_ms(now) and row.seen_ms > to_ms(now - DEVICE_IDLE))


def _seen(conn: Connection, row: Row[Any], cookie: str, key: TokenKey, now: datetime) -> str:
    """Note that a phone is in use, and return the cookie it should hold: the same, or a new one after 30 days.

    That it is in use is noted at most hourly: it need not be exact, and books are not for writing on each look.
    """
    values: dict[str, object] = {}
    if (row.token_ms or row.created_ms) <= to_ms(now - COOKIE_LIFE):
        conn.execute(
            insert(old_cookie).values(
                building_id=row.building_id,
                token_mac=row.token_mac,
                device_id=row.device_id,
                replaced_ms=to_ms(now),
            )
        )
        cookie = key.next_cookie(cookie)
        values = {"token_mac": key.mac(cookie), "token_ms": to_ms(now)}
    if values or row.seen_ms < to_ms(now - _SEEN_EVERY):
        values["seen_ms"] = to_ms(now)
        conn.execute(update(device).where(device.c.device_id == row.device_id).values(**values))
    return cookie


def _revoke_stolen(conn: Connection, row: Row[Any], now: datetime) -> None:
    conn.execute(
        update(device).where(device.c.device_id == row.device_id).values(revoked_ms=to_ms(now), revoked_why="stolen")
    )
    _LOGGER.warning("Phone %s is signed out: a cookie it had replaced was used again", row.device_id)
    note(conn, row.resident_id, "phone_stolen", row.device_id, {"label": row.label}, now)


def note_step_up(conn: Connection, device_id: str, now: datetime) -> None:
    """Note that the person at this phone proved themself."""
    conn.execute(update(device).where(device.c.device_id == device_id).values(stepped_up_ms=to_ms(now)))


def note_tap(conn: Connection, device_id: str, stall_id: StallId, now: datetime) -> None:
    """Note that this phone read a stall's tag."""
    tapped = {"tapped_stall_id": stall_id, "tapped_ms": to_ms(now)}
    conn.execute(update(device).where(device.c.device_id == device_id).values(**tapped))


def devices_of(conn: Connection, resident_id: ResidentId, now: datetime) -> list[DeviceLine]:
    """Return a resident's phones that are let in, the last used first."""
    rows = conn.execute(
        select(device)
        .where(
            device.c.resident_id == resident_id,
            device.c.revoked_ms.is_(None),
            device.c.expires_ms > to_ms(now),
            device.c.seen_ms > to_ms(now - DEVICE_IDLE),
        )
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
        .values(revoked_ms=to_ms(now), revoked_why="signed_out")
    )
    return signed_out.rowcount == 1


def sign_out_all(conn: Connection, resident_id: ResidentId, now: datetime, *, except_device: str | None = None) -> int:
    """Let none of a resident's phones in any more, but perhaps one; return how many were signed out."""
    theirs = (device.c.resident_id == resident_id, device.c.revoked_ms.is_(None))
    kept = () if except_device is None else (device.c.device_id != except_device,)
    signed_out = conn.execute(
        update(device).where(*theirs, *kept).values(revoked_ms=to_ms(now), revoked_why="signed_out")
    )
    return signed_out.rowcount


def forget_old_invites(conn: Connection, now: datetime) -> None:
    """Delete invitations nobody can use any more."""
    conn.execute(delete(invite).where(invite.c.expires_ms < to_ms(now)))


def forget_old_cookies(conn: Connection, now: datetime) -> None:
    """Delete replaced cookies of phones that are not let in any more anyway."""
    gone = select(device.c.device_id).where(device.c.revoked_ms.is_not(None) | (device.c.expires_ms < to_ms(now)))
    conn.execute(delete(old_cookie).where(old_cookie.c.device_id.in_(gone)))
