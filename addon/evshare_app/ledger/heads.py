"""Signed heads: the chain's newest hash, signed with the books' own Ed25519 key at each close and every day.

The signature covers the head's hash, which fixes the whole chain for whoever has every transaction, and the SHA-256 of
all hashes up to it in a row, which fixes every place of the chain for whoever has only some transactions and may not
read the others': a resident. What a signed head says is canonical JSON after `DOMAIN` (docs/export.md).

The key lies beside the other secrets, never in the books: whoever has a copy of the books cannot sign. A new key is
introduced by the old one: its last head names it as `next_key`, and the new key signs the same place again. The old one
is kept, for books that come back from a copy made before: there it introduces the new one once more.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
import hashlib
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, Row, insert, select

from ..books.accounting_tables import ledger_head
from ..books.building import the_building
from ..books.schema import ledger_transaction
from ..model import to_ms
from ..tokens import key_file
from .ledger import GENESIS, ChainReport, verify

DOMAIN = b"evshare ledger head 1\n"
"""Put before what is signed, so that a signature made for anything else is none here."""


class LedgerKey:
    """The books' signing key."""

    def __init__(self, seed: bytes, before: LedgerKey | None = None) -> None:
        self.before = before
        """The one it took the place of, where that is still there."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key.sign(message)


def fingerprint(public_key: bytes) -> str:
    """Return what documents print of a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class SignedHead:
    """A place of the chain, signed."""

    number: int
    hash: bytes
    signed_ms: int
    public_key: bytes
    signature: bytes


# --- the key's files ---------------------------------------------------------------------------------------------


def open_key(conn: Connection, folder: Path) -> LedgerKey:
    """Return the key in force from `folder` (mode 0600 each), making it the first time.

    A change of the key that was cut short after the books had noted it is finished here.
    """
    following, current, before = (folder / f"ledger.{name}" for name in ("next.key", "key", "previous.key"))
    if following.exists():
        last = last_signed(conn)
        if last is not None and last.public_key == LedgerKey(key_file(following)).public:
            if current.exists():
                current.replace(before)
            following.replace(current)
    return LedgerKey(key_file(current), LedgerKey(key_file(before)) if before.exists() else None)


def change_key(conn: Connection, folder: Path, now: datetime) -> LedgerKey:
    """Make a new key, let the old one introduce it in the books, and return it.

    Once the caller's transaction is committed, `open_key` puts it in the old one's place.
    """
    old = open_key(conn, folder)
    new = LedgerKey(key_file(folder / "ledger.next.key"))
    rotate(conn, old, new, now)
    return new


# --- signing -----------------------------------------------------------------------------------------------------


def sign_head(conn: Connection, key: LedgerKey, now: datetime) -> SignedHead | None:
    """Sign the chain's newest hash and return it; None in an empty ledger.

    Where this key has signed this very place already, that one is returned and nothing is added.
    """
    last = last_signed(conn)
    newest = _newest(conn)
    if not newest[0]:
        return None
    if last is not None and (last.number, last.public_key) == (newest[0], key.public):
        return last
    if last is not None and key.before is not None and last.public_key == key.before.public:
        return rotate(conn, key.before, key, now)
    return _sign(conn, key, newest, _after(last, now), b"")


def rotate(conn: Connection, old: LedgerKey, new: LedgerKey, now: datetime) -> SignedHead:
    """Let `old` introduce `new` at the chain's newest place, and return the head `new` signed there."""
    newest = _newest(conn)
    introduction = _sign(conn, old, newest, _after(last_signed(conn), now), new.public)
    return _sign(conn, new, newest, introduction.signed_ms + 1, b"")


def message(
    *, building_id: str, number: int, head: bytes, hashes: bytes, signed_ms: int, next_key: bytes = b""
) -> bytes:
    """Return what is signed. `hashes` is the SHA-256 of all hashes from the first to `number`, 32 bytes each."""
    said: dict[str, str | int] = {
        "building_id": building_id,
        "hash": head.hex(),
        "hashes": hashes.hex(),
        "number": number,
        "signed_ms": signed_ms,
    }
    if next_key:
        said["next_key"] = next_key.hex()
    return DOMAIN + json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# --- checking ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class BooksReport:
    """What `verify_books` found."""

    chain: ChainReport
    heads: int
    problems: tuple[str, ...]
    """About signed heads; empty when each is as it was signed."""

    @property
    def ok(self) -> bool:
        """Whether chain and signatures are whole."""
        return self.chain.ok and not self.problems


def verify_books(conn: Connection) -> BooksReport:
    """Recompute the chain and check every signed head on it."""
    heads = signed_heads(conn)
    return BooksReport(chain=verify(conn), heads=len(heads), problems=tuple(_wrong_heads(conn, heads)))


def signed_heads(conn: Connection) -> list[SignedHead]:
    """Return every signed head, oldest first."""
    rows = conn.execute(select(ledger_head).order_by(ledger_head.c.number, ledger_head.c.signed_ms))
    return [_head(row) for row in rows]


def _wrong_heads(conn: Connection, heads: list[SignedHead]) -> Iterator[str]:
    building_id = the_building(conn).building_id if heads else ""
    places = _places(conn, {one.number for one in heads})
    for place, one in enumerate(heads):
        following = heads[place + 1].public_key if place + 1 < len(heads) else one.public_key
        named = following if following != one.public_key else b""
        where = f"head {one.number}"
        if one.number not in places:
            yield f"{where}: the chain has no such transaction"
            continue
        hash_, hashes = places[one.number]
        if hash_ != one.hash:
            yield f"{where}: is signed with another hash than the chain's"
        elif not _signed(
            one,
            message(
                building_id=building_id,
                number=one.number,
                head=hash_,
                hashes=hashes,
                signed_ms=one.signed_ms,
                next_key=named,
            ),
        ):
            key = fingerprint(following)
            yield f"{where}: does not introduce key {key}" if named else f"{where}: its signature is wrong"


def _signed(head: SignedHead, said: bytes) -> bool:
    with suppress(InvalidSignature, ValueError):
        Ed25519PublicKey.from_public_bytes(head.public_key).verify(head.signature, said)
        return True
    return False


# --- rows --------------------------------------------------------------------------------------------------------


def _sign(conn: Connection, key: LedgerKey, newest: tuple[int, bytes], signed_ms: int, next_key: bytes) -> SignedHead:
    building_id = the_building(conn).building_id
    number, head = newest
    _, hashes = _places(conn, {number})[number]
    said = message(
        building_id=building_id, number=number, head=head, hashes=hashes, signed_ms=signed_ms, next_key=next_key
    )
    signature = key.sign(said)
    signed = SignedHead(number=number, hash=head, signed_ms=signed_ms, public_key=key.public, signature=signature)
    conn.execute(insert(ledger_head).values(building_id=building_id, **vars(signed)))
    return signed


def _places(conn: Connection, wanted: set[int]) -> dict[int, tuple[bytes, bytes]]:
    """Return the hash at each wanted place, and the SHA-256 of all hashes up to it."""
    running = hashlib.sha256()
    places = {0: (GENESIS, running.digest())} if 0 in wanted else {}
    rows = conn.execute(
        select(ledger_transaction.c.number, ledger_transaction.c.hash).order_by(ledger_transaction.c.number),
        execution_options={"yield_per": 1000},
    )
    for number, hash_ in rows:
        running.update(hash_)
        if number in wanted:
            places[number] = (hash_, running.digest())
    return places


def _newest(conn: Connection) -> tuple[int, bytes]:
    row = conn.execute(
        select(ledger_transaction.c.number, ledger_transaction.c.hash)
        .order_by(ledger_transaction.c.number.desc())
        .limit(1)
    ).one_or_none()
    return (0, GENESIS) if row is None else (row.number, row.hash)


def last_signed(conn: Connection) -> SignedHead | None:
    """Return the newest signed head."""
    newest = select(ledger_head).order_by(ledger_head.c.number.desc(), ledger_head.c.signed_ms.desc()).limit(1)
    row = conn.execute(newest).one_or_none()
    return None if row is None else _head(row)


def _after(last: SignedHead | None, now: datetime) -> int:
    # A clock that went back must not change the order in which keys followed each other.
    return to_ms(now) if last is None else max(to_ms(now), last.signed_ms + 1)


def _head(row: Row[tuple[object, ...]]) -> SignedHead:
    values = row._mapping
    return SignedHead(**{name: values[name] for name in ("number", "hash", "signed_ms", "public_key", "signature")})
