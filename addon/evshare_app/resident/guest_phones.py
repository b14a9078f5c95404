"""Guests' phones: connected by a pass's link or short code, without an account.

Such a phone holds a 256-bit cookie like a resident's; the books hold its HMAC. It is known a day longer than its pass
is good for: whoever still charges then can see and stop that, and nothing more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select, update

from ..books.access_tables import guest_intent, guest_pass, guest_phone
from ..model import from_ms, to_ms
from ..tokens import TokenKey, digest, new_token
from .passes import Pass, PassState, as_pass, standing_line
from .people import person
from .short_codes import PASS, spend_short_code

_SPARE_PHONES = 2
"""A pass connects as many phones as it has uses, and these: links open in a messenger first, then in a browser."""
_AFTERWARDS = timedelta(days=1)
_SEEN_EVERY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A guest's phone, and the pass that let it in."""

    guest_phone_id: str
    pass_: Pass


@dataclass(frozen=True, kw_only=True)
class Redeemed:
    """A pass was taken. `cookie` is None where the phone has one for it already."""

    cookie: str | None
    expires: datetime
    """Until then the cookie is known."""


def redeem_pass(  # noqa: PLR0917
    conn: Connection, token: str, label: str, key: TokenKey, now: datetime, present: Guest | None = None
) -> Redeemed | None:
    """Connect a phone by the token of a link; None when it does not work. `present` is what the phone is already."""
    row = conn.execute(select(guest_pass).where(guest_pass.c.token_hash == digest(token))).one_or_none()
    return _connect(conn, row, label, key, now, present)


def redeem_pass_code(  # noqa: PLR0917
    conn: Connection, code: str, label: str, key: TokenKey, now: datetime, present: Guest | None = None
) -> Redeemed | None:
    """Connect a phone by a short code, as `tokens.as_short_code` returned it; None when it does not work."""
    pass_id = spend_short_code(conn, PASS, code, key, now)
    row = conn.execute(select(guest_pass).where(guest_pass.c.pass_id == pass_id)).one_or_none()
    return _connect(conn, row, label, key, now, present)


def _connect(  # noqa: PLR0917
    conn: Connection, row: Row[Any] | None, label: str, key: TokenKey, now: datetime, present: Guest | None
) -> Redeemed | None:
    if row is None:
        return None
    pass_ = as_pass(row)
    expires = from_ms(pass_.expires_ms) + _AFTERWARDS
    if present is not None and present.pass_.pass_id == pass_.pass_id:
        return Redeemed(cookie=None, expires=expires)
    line = standing_line(conn, pass_, now, {})
    is_full = line.phones >= pass_.uses + _SPARE_PHONES
    if line.state is not PassState.VALID or is_full or not person(conn, pass_.resident_id).here(now):
        return None
    cookie = new_token()
    conn.execute(
        insert(guest_phone).values(
            building_id=row.building_id,
            guest_phone_id=uuid4().hex,
            pass_id=pass_.pass_id,
            token_mac=key.mac(cookie),
            label=label[:60],
            created_ms=to_ms(now),
            seen_ms=to_ms(now),
            expires_ms=to_ms(expires),
        )
    )
    return Redeemed(cookie=cookie, expires=expires)


def find_guest(conn: Connection, cookie: str, key: TokenKey, now: datetime) -> Guest | None:
    """Return whose guest this cookie lets in. What the pass is still good for is another question."""
    row = conn.execute(
        select(
            guest_pass,
            guest_phone.c.guest_phone_id,
            guest_phone.c.seen_ms,
        )
        .join_from(guest_phone, guest_pass)
        .where(guest_phone.c.token_mac == key.mac(cookie), guest_phone.c.expires_ms > to_ms(now))
    ).one_or_none()
    if row is None:
        return None
    if row.seen_ms < to_ms(now - _SEEN_EVERY):
        seen = update(guest_phone).where(guest_phone.c.guest_phone_id == row.guest_phone_id)
        conn.execute(seen.values(seen_ms=to_ms(now)))
    return Guest(guest_phone_id=row.guest_phone_id, pass_=as_pass(row))


def forget_old_guests(conn: Connection, now: datetime) -> None:
    """Delete guests' phones that are let in no more. Passes stay: sessions are named after them."""
    gone = select(guest_phone.c.guest_phone_id).where(guest_phone.c.expires_ms < to_ms(now))
    conn.execute(delete(guest_intent).where(guest_intent.c.guest_phone_id.in_(gone)))
    conn.execute(delete(guest_phone).where(guest_phone.c.expires_ms < to_ms(now)))
