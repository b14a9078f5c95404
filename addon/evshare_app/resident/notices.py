"""What residents are told: one row per event, made from its cause so that nothing is told twice.

A notice is written in the transaction of what it tells, together with the ways it shall go (`notice_delivery`). It is
kept as facts; the words are found when somebody reads it, in their language (`portal/notice_texts.py`). What brings it
to phones and mailboxes is `delivery/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
import hashlib
import json
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from ..books.access_tables import notice, notice_choice, notice_delivery, push_subscription
from ..books.building import the_building
from ..books.schema import device, resident
from ..model import ResidentId, from_ms, to_ms

FRESH = timedelta(minutes=15)
"""What happened longer ago is no news: a restored backup or a link that was down must not ring at night."""
KEPT = timedelta(days=180)
PUSH, EMAIL = "push", "email"
ACCOUNT = "account"
"""Target of a delivery by e-mail: whatever address the resident has when it is sent."""
_MOST_ID = 80


class Mail(Enum):
    """Whether a kind goes by e-mail while nobody chose."""

    ALWAYS = auto()
    INSTEAD = auto()  # where no phone of theirs takes it
    NEVER = auto()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a kind of notice is told."""

    mail: Mail
    always: bool = False
    """It cannot be switched off: a thief with the phone would do just that."""
    useful: timedelta = timedelta(hours=24)
    """After this it is not sent any more."""
    urgent: bool = False
    """A sleeping phone is woken."""


KINDS: Mapping[str, Kind] = {
    "session_started": Kind(mail=Mail.INSTEAD, urgent=True),
    "session_ended": Kind(mail=Mail.NEVER),
    "refused": Kind(mail=Mail.INSTEAD),
    "card_elsewhere": Kind(mail=Mail.INSTEAD, always=True, urgent=True),
    "stall_free": Kind(mail=Mail.INSTEAD, useful=timedelta(minutes=15), urgent=True),
    "joined": Kind(mail=Mail.INSTEAD, useful=timedelta(hours=1)),
    "may_join": Kind(mail=Mail.INSTEAD, useful=timedelta(hours=1)),
    "please_move": Kind(mail=Mail.INSTEAD, useful=timedelta(hours=1), urgent=True),
    "unpaid": Kind(mail=Mail.ALWAYS, useful=timedelta(days=3)),
    "low_balance": Kind(mail=Mail.INSTEAD, useful=timedelta(days=3)),
    "dispute": Kind(mail=Mail.ALWAYS, useful=timedelta(days=3)),
    "phone_added": Kind(mail=Mail.ALWAYS, always=True, urgent=True),
    "phone_stolen": Kind(mail=Mail.ALWAYS, always=True, urgent=True),
    "card_added": Kind(mail=Mail.ALWAYS, always=True, urgent=True),
    "passkey_added": Kind(mail=Mail.ALWAYS, always=True, urgent=True),
    "passkey_doubtful": Kind(mail=Mail.ALWAYS, always=True, urgent=True),
    "moved_out": Kind(mail=Mail.ALWAYS, always=True, useful=timedelta(days=3)),
}
"""Every kind there is."""

CHOICES = tuple(name for name, kind in KINDS.items() if not kind.always)
"""The kinds a resident chooses the ways of."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """By which ways a kind goes to a resident."""

    push: bool
    email: bool


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something a resident was told."""

    notice_id: str
    resident_id: ResidentId
    kind: str
    body: Mapping[str, Any]
    created_ms: int
    seen: bool

    @property
    def ends(self) -> datetime:
        """Until when it is worth sending."""
        until_ms = self.body.get("until_ms")
        if until_ms is not None:
            return from_ms(int(until_ms))
        return from_ms(self.created_ms) + KINDS[self.kind].useful

    def matters(self, now: datetime) -> bool:
        """Whether it still says something: an offer that is over does not, a copied card does until it was seen."""
        return self.ends > now or KINDS[self.kind].useful >= timedelta(hours=24)


def is_news(at: datetime, now: datetime) -> bool:
    """Whether what happened then is still worth telling."""
    return abs(now - at) <= FRESH


def note(  # noqa: PLR0917 - in the order one says it
    conn: Connection, resident_id: str, kind: str, cause_id: str, body: Mapping[str, object], now: datetime
) -> bool:
    """Tell a resident something; False when the same cause was told before, or nobody knows this resident.

    `cause_id` names the event among all of its kind. Raises ValueError for a kind that is not in `KINDS`.
    """
    if kind not in KINDS:
        msg = f"kind: got {kind!r}, accepted are {', '.join(KINDS)}"
        raise ValueError(msg)
    if was_told(conn, kind, cause_id):
        return False
    notice_id = _id(kind, cause_id)
    whom = conn.execute(select(resident).where(resident.c.resident_id == resident_id)).one_or_none()
    if whom is None:
        return False
    building_id = the_building(conn).building_id
    conn.execute(
        insert(notice).values(
            building_id=building_id,
            notice_id=notice_id,
            resident_id=resident_id,
            kind=kind,
            body_json=json.dumps(dict(body), sort_keys=True, ensure_ascii=False),
            created_ms=to_ms(now),
        )
    )
    for channel, target in _ways(conn, whom, kind, now):
        conn.execute(
            insert(notice_delivery).values(
                building_id=building_id,
                notice_id=notice_id,
                channel=channel,
                target=target,
                state="waiting",
                next_ms=to_ms(now),
            )
        )
    return True


def was_told(conn: Connection, kind: str, cause_id: str) -> bool:
    """Whether this was told already."""
    return conn.scalar(select(notice.c.notice_id).where(notice.c.notice_id == _id(kind, cause_id))) is not None


def choices(conn: Connection, resident_id: ResidentId, now: datetime) -> dict[str, Choice]:
    """Return by which ways each kind goes to a resident: as they chose, else as the kind has it."""
    chosen = {
        row.kind: Choice(push=bool(row.push), email=bool(row.email))
        for row in conn.execute(select(notice_choice).where(notice_choice.c.resident_id == resident_id))
    }
    has_push = bool(subscriptions_of(conn, resident_id, now))
    return {
        name: chosen[name] if name in chosen and not kind.always else Choice(push=True, email=_mails(kind, has_push))
        for name, kind in KINDS.items()
    }


def choose(conn: Connection, resident_id: ResidentId, chosen: Mapping[str, Choice]) -> None:
    """Keep what a resident chose; kinds that cannot be switched off are not theirs to choose."""
    building_id = the_building(conn).building_id
    conn.execute(delete(notice_choice).where(notice_choice.c.resident_id == resident_id))
    for name, choice in chosen.items():
        if name in CHOICES:
            conn.execute(
                insert(notice_choice).values(
                    building_id=building_id,
                    resident_id=resident_id,
                    kind=name,
                    push=int(choice.push),
                    email=int(choice.email),
                )
            )


def subscriptions_of(conn: Connection, resident_id: str, now: datetime) -> list[str]:
    """Return where a resident's phones take pushes, by digest: of those phones that are let in."""
    rows = conn.scalars(
        select(push_subscription.c.endpoint_hash)
        .join(device, device.c.device_id == push_subscription.c.device_id)
        .where(
            push_subscription.c.resident_id == resident_id,
            device.c.resident_id == resident_id,
            device.c.revoked_ms.is_(None),
            device.c.expires_ms > to_ms(now),
        )
        .order_by(push_subscription.c.created_ms)
    )
    return list(rows)


def notices_of(conn: Connection, resident_id: ResidentId, *, unseen: bool = False, at_most: int = 100) -> list[Notice]:
    """Return what a resident was told, the newest first."""
    wanted = select(notice).where(notice.c.resident_id == resident_id)
    if unseen:
        wanted = wanted.where(notice.c.seen_ms.is_(None))
    rows = conn.execute(wanted.order_by(notice.c.created_ms.desc(), notice.c.notice_id).limit(at_most))
    return [as_notice(row) for row in rows]


def as_notice(row: Row[Any]) -> Notice:
    """Return a row of the books as a notice."""
    return Notice(
        notice_id=row.notice_id,
        resident_id=ResidentId(row.resident_id),
        kind=row.kind,
        body=json.loads(row.body_json),
        created_ms=row.created_ms,
        seen=row.seen_ms is not None,
    )


def mark_seen(conn: Connection, resident_id: ResidentId, until_ms: int, now: datetime) -> None:
    """Note that a resident saw what they were told until then; later ones stay unseen."""
    conn.execute(
        update(notice)
        .where(notice.c.resident_id == resident_id, notice.c.created_ms <= until_ms, notice.c.seen_ms.is_(None))
        .values(seen_ms=to_ms(now))
    )


def forget_old_notices(conn: Connection, now: datetime) -> None:
    """Delete what was told long ago."""
    old = select(notice.c.notice_id).where(notice.c.created_ms < to_ms(now - KEPT))
    conn.execute(delete(notice_delivery).where(notice_delivery.c.notice_id.in_(old)))
    conn.execute(delete(notice).where(notice.c.created_ms < to_ms(now - KEPT)))


def _ways(conn: Connection, whom: Row[Any], kind: str, now: datetime) -> list[tuple[str, str]]:
    choice = choices(conn, ResidentId(whom.resident_id), now)[kind]
    ways = [(PUSH, target) for target in subscriptions_of(conn, whom.resident_id, now)] if choice.push else []
    if choice.email and whom.email:
        ways.append((EMAIL, ACCOUNT))
    return ways


def _mails(kind: Kind, has_push: bool) -> bool:
    return kind.mail is Mail.ALWAYS or (kind.mail is Mail.INSTEAD and not has_push)


def _id(kind: str, cause_id: str) -> str:
    whole = f"{kind}:{cause_id}"
    return whole if len(whole) <= _MOST_ID else f"{kind}:{hashlib.sha256(cause_id.encode()).hexdigest()[:48]}"
