"""The ledger as proof: every hash of the chain, the signed heads, and the transactions the reader may see.

A hash cannot be recomputed without its transaction, and a resident does not see other people's. So everybody gets the
same list of hashes, one line each, which the signed heads fix as a whole (`ledger/heads.py`); of the transactions a
resident gets those that move their own account, as the very bytes that were hashed after the hash before, and the seals
of what was measured (`ledger/seals.py`), which name nobody.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from ..books.schema import ledger_transaction, posting, slice_
from ..ledger.accounts import prepaid, receivable
from ..ledger.heads import signed_heads
from ..ledger.ledger import SLICES, chain
from ..ledger.seals import DIGEST_BYTES, seals
from .archive import Archive
from .facts import Scope, utc

_JOURNAL = ("number", "recorded", "occurred", "transaction_id", "kind", "actor", "reason", "account", "amount_minor")


def write_proofs(conn: Connection, archive: Archive, scope: Scope) -> int:
    """Write the ledger's part; return the number of its newest transaction."""
    count = 0

    def hashes() -> Iterator[bytes]:
        nonlocal count
        rows = select(ledger_transaction.c.hash).order_by(ledger_transaction.c.number)
        for one in conn.scalars(rows, execution_options={"yield_per": 1000}):
            count += 1
            yield one.hex().encode()

    archive.lines("ledger/hashes.txt", hashes())
    only = None if scope.everything else _own(scope)
    archive.lines("ledger/transactions.jsonl", (link.content for link in chain(conn, only)))
    archive.objects("ledger/heads.jsonl", _heads(conn))
    archive.objects("ledger/seals.jsonl", _seals(conn, scope))
    if scope.everything:
        archive.table("ledger/journal.csv", (*_JOURNAL, "currency"), _journal(conn))
    return count


def _own(scope: Scope) -> Select[tuple[int]]:
    """Select the transactions that move the resident's accounts and nobody else's, and the seals."""
    own = [ledger_account for one in scope.accounts for ledger_account in (receivable(one), prepaid(one))]
    of_somebody = or_(*(posting.c.ledger_account_id.startswith(number) for number in ("1400:", "2100:")))
    others = select(posting.c.number).where(of_somebody, posting.c.ledger_account_id.not_in(own))
    moving = select(posting.c.number).where(posting.c.ledger_account_id.in_(own), posting.c.number.not_in(others))
    sealing = select(ledger_transaction.c.number).where(ledger_transaction.c.kind == SLICES)
    return select(moving.union(sealing).subquery().c.number)


def _seals(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    """Return what each seal is made of; for a resident of those with slices of theirs, which are enough for a proof."""
    own = None
    if not scope.everything:
        own = set(conn.scalars(select(slice_.c.slice_id).where(slice_.c.session_id.in_(scope.session_ids()))))
    for one in seals(conn):
        if own is None or not own.isdisjoint(range(one.first, one.last + 1)):
            parts = range(0, len(one.digests), DIGEST_BYTES)
            yield {
                "number": one.number,
                "first": one.first,
                "last": one.last,
                "digests": [one.digests[at : at + DIGEST_BYTES].hex() for at in parts],
            }


def _heads(conn: Connection) -> Iterator[Mapping[str, Any]]:
    for one in signed_heads(conn):
        yield {
            "number": one.number,
            "hash": one.hash.hex(),
            "signed_ms": one.signed_ms,
            "public_key": one.public_key.hex(),
            "signature": one.signature.hex(),
        }


def _journal(conn: Connection) -> Iterator[Mapping[str, Any]]:
    for link in chain(conn):
        for _, _, account, amount_minor, currency in link.postings:
            yield {
                **link.header,
                "recorded": utc(link.header["recorded_ms"]),
                "occurred": utc(link.header["occurred_ms"]),
                "account": account,
                "amount_minor": amount_minor,
                "currency": currency,
            }
