"""Short codes: eight characters to type where a link cannot be opened nor a QR code be scanned.

Forty bits are few, so a code lives ten minutes, works once, and dies after five wrong tries of anyone at codes of its
kind (ASVS 6.5.5); the portal's door bounds how often one address may try at all. What a code stands for keeps its own
rules: an invitation that was used by its link is not used again by its code.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, update

from ..books.access_tables import short_code
from ..books.building import the_building
from ..model import to_ms
from ..tokens import TokenKey, digest, new_short_code
from .devices import InviteInvalid, redeem_invite_digest

CODE_LIFE = timedelta(minutes=10)
MOST_WRONG = 5

INVITE = "invite"
PASS = "pass"  # noqa: S105 - a guest's


def make_short_code(conn: Connection, kind: str, target: str, key: TokenKey, now: datetime) -> str:
    """Return a new code for an invitation (its digest) or a pass (its id); it is shown once."""
    code = new_short_code()
    conn.execute(
        insert(short_code).values(
            building_id=the_building(conn).building_id,
            code_hash=key.short_code(code),
            kind=kind,
            target=target,
            expires_ms=to_ms(now + CODE_LIFE),
        )
    )
    return code


def make_invite_code(conn: Connection, token: str, key: TokenKey, now: datetime) -> str:
    """Return a code for the same invitation as the link with this token."""
    return make_short_code(conn, INVITE, digest(token), key, now)


def spend_short_code(conn: Connection, kind: str, code: str, key: TokenKey, now: datetime) -> str | None:
    """Use a code up and return what it stands for; None when it is none, which is a wrong try at all of its kind.

    `code` is as `tokens.as_short_code` returned it.
    """
    live = (short_code.c.kind == kind, short_code.c.used_ms.is_(None), short_code.c.expires_ms > to_ms(now))
    target: str | None = conn.execute(
        update(short_code)
        .where(*live, short_code.c.code_hash == key.short_code(code), short_code.c.wrong_tries < MOST_WRONG)
        .values(used_ms=to_ms(now))
        .returning(short_code.c.target)
    ).scalar_one_or_none()
    if target is None:
        conn.execute(update(short_code).where(*live).values(wrong_tries=short_code.c.wrong_tries + 1))
    return target


def redeem_invite_code(conn: Connection, code: str, label: str, key: TokenKey, now: datetime) -> str | None:
    """Use an invitation up by its code and return the new phone's cookie; None when the code does not work.

    It does not raise: a wrong try has to be written down.
    """
    token_hash = spend_short_code(conn, INVITE, code, key, now)
    if token_hash is None:
        return None
    try:
        return redeem_invite_digest(conn, token_hash, label, key, now)
    except InviteInvalid:
        return None


def forget_old_codes(conn: Connection, now: datetime) -> None:
    """Delete codes nobody can use any more."""
    conn.execute(delete(short_code).where(short_code.c.expires_ms < to_ms(now)))
