"""Whether e-mails leave the house: what the mail server did with the last ones, read from their tries in the books.

A mailbox that does not exist is its owner's matter. A server that cannot be reached, lets us not in or takes nothing is
the manager's: it lasts from the first e-mail that could not go until the next one that does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, or_, select, update

from ..books.access_tables import notice, notice_delivery
from ..model import from_ms, to_ms
from .notices import EMAIL

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""From each try to the next; after the last one a notice is given up."""
_PATIENCE = timedelta(minutes=15)
"""Many servers put off whom they do not know yet; that passes by itself."""
_LOOKED_BACK = timedelta(days=14)


class Trouble(StrEnum):
    """What is wrong with the mail server."""

    UNREACHED = "unreached"
    UNTRUSTED = "untrusted"
    """It cannot show whose it is, or offers no encryption where some is asked for."""
    SIGN_IN = "sign_in"
    REFUSED = "refused"
    BUSY = "busy"


_MENDED_AT_ONCE = (Trouble.UNREACHED, Trouble.UNTRUSTED, Trouble.SIGN_IN)
"""Where one e-mail that goes shows that all can."""


@dataclass(frozen=True, kw_only=True)
class MailTrouble:
    """E-mails do not go out."""

    what: Trouble
    said: str
    """What the server or the system said, without secrets and addresses of people."""
    since: datetime
    waiting: int
    """E-mails that are tried again."""
    given_up: int


def trouble_text(what: Trouble, said: str) -> str:
    """Return how the books keep what a try came to."""
    return f"{what}: {said}"


def mail_trouble(conn: Connection, now: datetime) -> MailTrouble | None:
    """Return what keeps e-mails in the house; None while they go, or nobody is to get any."""
    mails = notice_delivery.c.channel == EMAIL
    last_sent_ms = conn.scalar(select(func.max(notice_delivery.c.sent_ms)).where(mails)) or 0
    rows = conn.execute(
        select(notice_delivery, notice.c.created_ms)
        .join(notice, notice.c.notice_id == notice_delivery.c.notice_id)
        .where(
            mails,
            notice_delivery.c.state.in_(("waiting", "failed")),
            notice_delivery.c.error.is_not(None),
            notice_delivery.c.tries > 0,
            notice.c.created_ms >= to_ms(now - _LOOKED_BACK),
        )
    ).all()
    tried = [(_tried_ms(row.tries, row.next_ms), row) for row in rows]
    kept = [(at_ms, row, found) for at_ms, row in tried if at_ms > last_sent_ms and (found := _read(row.error))]
    if not kept:
        return None
    _, _, (what, said) = max(kept, key=lambda one: one[0])
    since = from_ms(max(last_sent_ms, min(row.created_ms for _, row, _ in kept)))
    if what is Trouble.BUSY and now - since < _PATIENCE:
        return None
    waiting = conn.scalar(select(func.count()).where(mails, notice_delivery.c.state == "waiting")) or 0
    given_up = sum(1 for _, row, _ in kept if row.state == "failed")
    return MailTrouble(what=what, said=said, since=since, waiting=waiting, given_up=given_up)


def try_mails_now(conn: Connection, now: datetime) -> None:
    """Make e-mails due that wait because none went: one went, or the app starts anew, perhaps with other settings."""
    conn.execute(
        update(notice_delivery)
        .where(
            notice_delivery.c.channel == EMAIL,
            notice_delivery.c.state == "waiting",
            notice_delivery.c.next_ms > to_ms(now),
            or_(*(notice_delivery.c.error.startswith(f"{what}: ") for what in _MENDED_AT_ONCE)),
        )
        .values(next_ms=to_ms(now))
    )


def _tried_ms(tries: int, next_ms: int) -> int:
    wait = WAITS[min(tries, len(WAITS)) - 1]
    return int(next_ms) - int(wait.total_seconds() * 1000)


def _read(error: str) -> tuple[Trouble, str] | None:
    what, _, said = error.partition(": ")
    return (Trouble(what), said) if what in set(Trouble) else None
