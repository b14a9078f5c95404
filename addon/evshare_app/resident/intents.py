"""The intent to start: a single-use nonce a page holds, bound to stall, phone and the plug-in the person saw.

A start is claimed in one transaction before anything is asked, under the request id the page made. The same request
id gets the same answer, whatever happened to the first one on its way back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..books.building import the_building
from ..books.schema import intent
from ..model import StallId, from_ms, to_ms
from ..tokens import digest, new_token
from .devices import Device

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


def hold_intent(
    conn: Connection,
    phone: Device,
    stall_id: StallId,
    *,
    plug_epoch: int | None,
    tariff_version: str,
    now: datetime,
) -> str:
    """Return the nonce for a page that shows a stall as it is now."""
    nonce = new_token(128)
    conn.execute(
        insert(intent).values(
            building_id=the_building(conn).building_id,
            nonce_hash=digest(nonce),
            device_id=phone.device_id,
            resident_id=phone.person.resident_id,
            stall_id=stall_id,
            plug_epoch=plug_epoch,
            tariff_version=tariff_version,
            created_ms=to_ms(now),
            expires_ms=to_ms(now + INTENT_LIFE),
        )
    )
    return nonce


def claim_intent(
    conn: Connection, phone: Device, stall_id: StallId, *, nonce: str, request_id: str, now: datetime
) -> Claim:
    """Use the intent up for this request, or find what the same request was answered. Raises `IntentInvalid`."""
    mine = (
        intent.c.nonce_hash == digest(nonce),
        intent.c.device_id == phone.device_id,
        intent.c.stall_id == stall_id,
    )
    try:
        fresh = conn.execute(
            update(intent)
            .where(*mine, intent.c.used_ms.is_(None), intent.c.expires_ms > to_ms(now))
            .values(used_ms=to_ms(now), request_id=request_id)
        ).rowcount
    except IntegrityError:
        # The request id belongs to another intent: a page that makes ids twice is not one of ours.
        raise IntentInvalid from None
    row = conn.execute(select(intent).where(*mine, intent.c.request_id == request_id)).one_or_none()
    if row is None or (not fresh and row.used_ms is None):
        raise IntentInvalid
    return Claim(
        request_id=request_id,
        plug_epoch=row.plug_epoch,
        expires=from_ms(row.expires_ms),
        answer=json.loads(row.response_json) if row.response_json else None,
    )


def answer_intent(conn: Connection, request_id: str, answer: dict[str, Any]) -> None:
    """Keep what a request was answered."""
    conn.execute(update(intent).where(intent.c.request_id == request_id).values(response_json=json.dumps(answer)))


def forget_old_intents(conn: Connection, now: datetime) -> None:
    """Delete intents whose answers nobody asks for any more."""
    conn.execute(delete(intent).where(intent.c.created_ms < to_ms(now - _KEPT)))
