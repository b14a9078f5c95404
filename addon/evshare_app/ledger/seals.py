"""Seals: what the stalls' registers counted is fixed in the chain, also what belongs to nobody.

A seal is a transaction without postings. Its reason names the slices it fixes, all that came since the seal before it
(late ones too), and one digest of them. That digest is made of smaller ones, one for each session and for what is
nobody's at each stall. So whoever has all slices can work it out, and a resident, who has only their own, finds theirs
among the smaller ones and learns nothing of anybody else's: a session's id cannot be guessed (docs/export.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
import hashlib
import json

from sqlalchemy import Connection, func, insert, select

from ..books.accounting_tables import slice_seal
from ..books.building import the_building
from ..books.schema import slice_
from .ledger import SLICES, NewTransaction, post

DIGEST_BYTES = 32
LEDGER = "ledger"
"""Who books it, as the ledger names them."""
_AT_ONCE = 10_000
"""Slices of one seal: they are hashed while nobody else gets at the books, in a fraction of a second."""
_SEALED = (
    slice_.c.slice_id,
    slice_.c.session_id,
    slice_.c.stall_id,
    slice_.c.epoch,
    slice_.c.start_ms,
    slice_.c.end_ms,
    slice_.c.register_start_wh,
    slice_.c.register_end_wh,
    slice_.c.charging_s,
    slice_.c.suspended_s,
    slice_.c.limit_a,
    slice_.c.estimated,
)


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What one transaction fixes."""

    number: int
    """Of the transaction."""
    first: int
    last: int
    """Ids of slices; the next seal begins after `last`."""
    digests: bytes
    """32 bytes each, in their own order."""


def seal_slices(conn: Connection, now: datetime) -> int | None:
    """Book a seal of slices that have none yet, of the oldest first; return its number, or None where all have one."""
    before = conn.scalar(select(func.max(slice_seal.c.last_slice_id))) or 0
    last, digests = _digests(conn, before)
    if not digests:
        return None
    digest = hashlib.sha256(digests).hexdigest()
    transaction = NewTransaction(
        transaction_id=f"slices:{before + 1}-{last}",
        kind=SLICES,
        occurred=now,
        actor=LEDGER,
        reason=f"slices {before + 1}-{last} sha256 {digest}",
        postings=(),
        currency=(building := the_building(conn)).currency,
    )
    number = post(conn, transaction, now)
    row = {"number": number, "first_slice_id": before + 1, "last_slice_id": last, "digests": digests}
    conn.execute(insert(slice_seal).values(building_id=building.building_id, **row))
    return number


def seal_all(conn: Connection, now: datetime) -> None:
    """Book as many seals as there are slices for."""
    while seal_slices(conn, now) is not None:
        pass


def seals(conn: Connection) -> Iterator[Seal]:
    """Return every seal, the oldest first."""
    for row in conn.execute(select(slice_seal).order_by(slice_seal.c.number), execution_options={"yield_per": 50}):
        yield Seal(number=row.number, first=row.first_slice_id, last=row.last_slice_id, digests=row.digests)


def _digests(conn: Connection, after: int) -> tuple[int, bytes]:
    """Return the newest slice of the next seal, and the digests of its sessions and of nobody's at each stall."""
    rows = conn.execute(
        select(*_SEALED).where(slice_.c.slice_id > after).order_by(slice_.c.slice_id).limit(_AT_ONCE),
        execution_options={"yield_per": 1000},
    )
    last = after
    groups: dict[tuple[str | None, str], list[bytes]] = {}
    for row in rows:
        last = row.slice_id
        of = (row.session_id, "" if row.session_id else row.stall_id)
        line = json.dumps(list(row), separators=(",", ":"), ensure_ascii=False) + "\n"
        groups.setdefault(of, []).append(line.encode())
    return last, b"".join(sorted(hashlib.sha256(b"".join(lines)).digest() for lines in groups.values()))
