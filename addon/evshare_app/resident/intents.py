"""The intent to start: a single-use nonce a page holds, bound to stall, phone and the plug-in the person saw.

A start is claimed in one transaction before anything is asked, under the request id the page made. The same request
id gets the same answer, whatever happened to the first one on its way back. It is the same for a resident's phone and a
guest's; guests' intents are kept apart because they go with the pass, whose uses are counted by them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..books.access_tables import guest_intent
from ..books.building import the_building
from ..books.schema import intent
from ..model import StallId, from_ms, to_ms
from ..tokens import digest, new_token
from .devices import Device
from .guest_phones import Guest

INTENT_LIFE = timedelta(seconds=180)
_KEPT = timedelta(days=7)
"""How long a repeated request still gets its first answer."""


class IntentInvalid(Exception):
    """The page was too old, or its start was used already, or it was another phone's."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A start that may be asked for. `answer` is set when it was answered before."""

    request_id: str
    plug_epoch: int | None
    expires: datetime
    answer: dict[str, Any] | None
    is_first: bool
    """Claimed just now; else the same request came again."""
    tariff_version: str
    """The price the page showed."""


def hold_intent(
    conn: Connection,
    phone: Device | Guest,
    stall_id: StallId,
    *,
    plug_epoch: int | None,
    tariff_version: str,
    now: datetime,
) -> str:
    """Return the nonce for a page that shows a stall as it is now."""
    nonce, (table, whose) = new_token(128), _kept(phone)
    conn.execute(
        insert(table).values(
            building_id=the_building(conn).building_id,
            nonce_hash=digest(nonce),
            stall_id=stall_id,
            plug_epoch=plug_epoch,
            tariff_version=tariff_version,
            created_ms=to_ms(now),
            expires_ms=to_ms(now + INTENT_LIFE),
            **whose,
        )
    )
    return nonce


def claim_intent(
    conn: Connection, phone: Device | Guest, stall_id: StallId, *, nonce: str, request_id: str, now: datetime
) -> Claim:
    """Use the intent up for this request, or find what the same request was answered. Raises `IntentInvalid`."""
    table, whose = _kept(phone)
    mine = (
        table.c.nonce_hash == digest(nonce),
        table.c.stall_id == stall_id,
        *(table.c[name] == value for name, value in whose.items()),
    )
    try:
        fresh = conn.execute(
            update(table)
            .where(*mine, table.c.used_ms.is_(None), table.c.expires_ms > to_ms(now))
            .values(used_ms=to_ms(now), request_id=request_id)
        ).rowcount
    except IntegrityError:
        # The request id belongs to another intent: a page that makes ids twice is not one of ours.
        raise IntentInvalid from None
    row = conn.execute(select(table).where(*mine, table.c.request_id == request_id)).one_or_none()
    if row is None:
        raise IntentInvalid
    return Claim(
        request_id=request_id,
        plug_epoch=row.plug_epoch,
        expires=from_ms(row.expires_ms),
        answer=json.loads(row.response_json) if row.response_json else None,
        is_first=fresh == 1,
        tariff_version=row.tariff_version,
    )


def answer_intent(conn: Connection, phone: Device | Guest, request_id: str, answer: dict[str, Any]) -> None:
    """Keep what a request of this phone was answered."""
    table, _ = _kept(phone)
    conn.execute(update(table).where(table.c.request_id == request_id).values(response_json=json.dumps(answer)))


def forget_old_intents(conn: Connection, now: datetime) -> None:
    """Delete residents' intents whose answers nobody asks for any more; guests' go with their phones."""
    conn.execute(delete(intent).where(intent.c.created_ms < to_ms(now - _KEPT)))


def _kept(phone: Device | Guest) -> tuple[Table, dict[str, str]]:
    """Return where a phone's intents are, and what in a row says that it is this phone's."""
    if isinstance(phone, Guest):
        return guest_intent, {"guest_phone_id": phone.guest_phone_id, "pass_id": phone.pass_.pass_id}
    return intent, {"device_id": phone.device_id, "resident_id": phone.person.resident_id}
