"""Stripe's events as a hint where to look: which operations changed since the last time.

The window overlaps the last one by ten minutes, because events appear late and not in order; those already seen are
known by id. What an event says is not used, only what it is about. Stripe keeps events for 30 days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
import stripe

from ..books.building import the_building
from ..books.schema import stripe_event as table
from ..model import to_ms
from . import operations
from .operations import Operation
from .stripe_client import each
from .stripe_requests import OPERATION_KEY

FEE_KNOWN = "charge.updated"

TYPES = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.requires_action",
    "payment_intent.processing",
    FEE_KNOWN,
)
"""What may change an operation; Stripe takes at most 20 names."""

OVERLAP_S = 600
KEPT_FOR = timedelta(days=31)
_FIRST_LOOK = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An event and what it is about."""

    event_id: str
    type: str
    created_s: int
    object_ids: tuple[str, ...]
    operation_id: str | None
    """From the object's metadata."""


async def read(client: stripe.StripeClient, since_s: int) -> list[Seen]:
    """Return the events created since then, oldest first."""
    params: Any = {"types": list(TYPES), "created": {"gte": since_s}, "limit": 100}
    newest_first = [_seen(event) async for event in each(client.v1.events.list_async(params))]
    return newest_first[::-1]


def window_start_s(conn: Connection, now: datetime) -> int:
    """Return from when on to read, in seconds since 1970."""
    newest = conn.scalar(select(func.max(table.c.created_s)))
    return int((now - _FIRST_LOOK).timestamp()) if newest is None else int(newest) - OVERLAP_S


def unseen(conn: Connection, events: Sequence[Seen]) -> list[Seen]:
    """Return those that were not acted on yet."""
    ids = [event.event_id for event in events]
    known = set(conn.scalars(select(table.c.event_id).where(table.c.event_id.in_(ids))))
    return [event for event in events if event.event_id not in known]


def remember(conn: Connection, events: Sequence[Seen], now: datetime) -> None:
    """Note that these were acted on, in the transaction of what they caused."""
    for event in unseen(conn, events):
        conn.execute(
            insert(table).values(
                building_id=the_building(conn).building_id,
                event_id=event.event_id,
                type=event.type,
                created_s=event.created_s,
                received_ms=to_ms(now),
            )
        )


def forget_old(conn: Connection, now: datetime) -> None:
    """Drop the ids of events Stripe itself no longer has, but the newest, which is the cursor."""
    newest = conn.scalar(select(func.max(table.c.created_s)))
    if newest is not None:
        oldest_s = min(int((now - KEPT_FOR).timestamp()), int(newest))
        conn.execute(delete(table).where(table.c.created_s < oldest_s))


def operation_of(conn: Connection, event: Seen) -> Operation | None:
    """Return which operation an event is about; None for what others did with the same Stripe account."""
    if event.operation_id is not None:
        return operations.find(conn, event.operation_id)
    for object_id in event.object_ids:
        found = operations.find_by_provider(conn, object_id)
        if found is not None:
            return found
    return None


def _seen(event: stripe.Event) -> Seen:
    about = event.to_dict()["data"]["object"]
    ids = (about.get("id"), about.get("payment_intent"))
    return Seen(
        event_id=event.id,
        type=event.type,
        created_s=event.created,
        object_ids=tuple(one for one in ids if isinstance(one, str)),
        operation_id=(about.get("metadata") or {}).get(OPERATION_KEY),
    )
