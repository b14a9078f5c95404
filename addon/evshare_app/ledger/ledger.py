"""The ledger: balanced transactions, appended once and never changed, each hashed onto the one before.

A transaction's hash is SHA-256 of the previous hash and its canonical JSON (sorted keys, no spaces, integers and text
only), so a changed byte anywhere breaks every later hash. Whoever wants a transaction makes its id; posting it again
is answered with what is there. Those of `MEMOS` move no money: they are there for what their reason says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import hashlib
from itertools import groupby
import json
from math import inf
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Select, func, insert, select

from ..books.building import the_building
from ..books.schema import ledger_account, ledger_transaction, posting
from ..model import to_ms
from .accounts import kind_of

GENESIS = bytes(32)
"""What the first transaction is hashed onto."""
SLICES = "slices"
"""Kind of the memo that fixes what was measured (`seals.py`)."""
MEMOS = frozenset({SLICES})
"""Kinds of transactions without postings."""


type _Line = tuple[str, int, str, int, str]
_LINE = ("building_id", "line", "ledger_account_id", "amount_minor", "currency")
"""What of a posting is hashed."""
_LINES = select(posting.c.number, *(posting.c[name] for name in _LINE)).order_by(posting.c.number, posting.c.line)
_TRANSACTIONS = select(ledger_transaction).order_by(ledger_transaction.c.number)
_STREAMED = {"yield_per": 500}
_NONE: tuple[float, Iterable[Row[Any]]] = (inf, ())


class LedgerError(ValueError):
    """The transaction cannot be booked; nothing was changed."""


@dataclass(frozen=True)
class Posting:
    """One side of a transaction. Debit positive, credit negative, in minor units of its currency."""

    account: str
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class NewTransaction:
    """What someone wants booked."""

    transaction_id: str
    """Made by whoever wants it, at most 64 characters."""
    kind: str
    occurred: datetime
    actor: str
    reason: str
    postings: Sequence[Posting]
    currency: str
    reverses: str | None = None
    """Id of the transaction this one takes back."""


@dataclass(frozen=True, kw_only=True)
class ChainReport:
    """What `verify` found. `broken_at` is the number of the first wrong transaction."""

    transactions: int
    head: bytes
    broken_at: int | None = None
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether every transaction is as it was booked."""
        return self.broken_at is None


@dataclass(frozen=True, kw_only=True)
class Link:
    """A transaction as it stands in the chain."""

    number: int
    header: Mapping[str, Any]
    """What of the transaction itself is hashed."""
    postings: Sequence[_Line]
    hash: bytes
    previous_hash: bytes = b""

    @property
    def content(self) -> bytes:
        """The canonical JSON that is hashed after the previous hash."""
        return _canonical(self.header, self.postings)


def post(conn: Connection, transaction: NewTransaction, now: datetime) -> int:
    """Append a transaction and return its number.

    Posting the same transaction again returns the number it has. Raises `LedgerError` when the id is taken by another
    content, the postings do not sum to zero, or an account is unknown or kept in another currency.
    """
    _check(conn, transaction)
    header = {
        "transaction_id": transaction.transaction_id,
        "kind": transaction.kind,
        "occurred_ms": to_ms(transaction.occurred),
        "actor": transaction.actor,
        "reason": transaction.reason,
        "reverses": transaction.reverses,
    }
    building_id: str = the_building(conn).building_id
    postings = [
        (building_id, line, one.account, one.amount_minor, transaction.currency)
        for line, one in enumerate(transaction.postings, 1)
    ]
    booked = _number_of_same(conn, header, postings)
    if booked is not None:
        return booked
    last = conn.execute(
        select(ledger_transaction.c.number, ledger_transaction.c.hash)
        .order_by(ledger_transaction.c.number.desc())
        .limit(1)
    ).one_or_none()
    number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
    header |= {"building_id": building_id, "number": number, "recorded_ms": to_ms(now)}
    _open_accounts(conn, building_id, transaction)
    made = hashlib.sha256(previous + _canonical(header, postings)).digest()
    conn.execute(insert(ledger_transaction).values(**header, previous_hash=previous, hash=made))
    if postings:
        conn.execute(insert(posting), [{"number": number, **dict(zip(_LINE, line, strict=True))} for line in postings])
    return number


def balance(conn: Connection, account: str) -> int:
    """Return the sum of an account's postings in minor units, debit positive; 0 for one never used."""
    total = conn.scalar(select(func.sum(posting.c.amount_minor)).where(posting.c.ledger_account_id == account))
    return int(total or 0)


def head(conn: Connection) -> bytes:
    """Return the hash of the newest transaction, 32 bytes; `GENESIS` in an empty ledger."""
    newest = select(ledger_transaction.c.hash).order_by(ledger_transaction.c.number.desc()).limit(1)
    return conn.scalar(newest) or GENESIS


def chain(conn: Connection, only: Select[tuple[int]] | None = None) -> Iterator[Link]:
    """Return every transaction (or those of the selected numbers) in order; only a few are in memory at a time.

    Postings without a transaction come as a link of their own, with an empty header.
    """
    transactions, of_transactions = _TRANSACTIONS, _LINES
    if only is not None:
        transactions = transactions.where(ledger_transaction.c.number.in_(only))
        of_transactions = of_transactions.where(posting.c.number.in_(only))
    lines = groupby(conn.execute(of_transactions, execution_options=_STREAMED), key=itemgetter(0))
    of_number, postings = next(lines, _NONE)
    for row in conn.execute(transactions, execution_options=_STREAMED).mappings():
        while of_number < row["number"]:
            yield Link(number=int(of_number), header={}, postings=[_line(one) for one in postings], hash=b"")
            of_number, postings = next(lines, _NONE)
        own: list[_Line] = []
        if of_number == row["number"]:
            own = [_line(one) for one in postings]
            of_number, postings = next(lines, _NONE)
        header = dict(row)
        yield Link(
            number=row["number"],
            previous_hash=header.pop("previous_hash"),
            hash=header.pop("hash"),
            header=header,
            postings=own,
        )
    while of_number < inf:
        yield Link(number=int(of_number), header={}, postings=[_line(one) for one in postings], hash=b"")
        of_number, postings = next(lines, _NONE)


def verify(conn: Connection) -> ChainReport:
    """Recompute the whole chain: numbers without gaps, sums of zero, hashes."""
    previous = GENESIS
    expected = 0
    for expected, link in enumerate(chain(conn), 1):
        problem = _problem(link, expected, previous)
        if problem:
            return ChainReport(transactions=expected, head=head(conn), broken_at=expected, problem=problem)
        previous = link.hash
    return ChainReport(transactions=expected, head=previous)


def _problem(link: Link, expected: int, previous: bytes) -> str:
    if not link.header:
        return "postings without a transaction"
    if link.number != expected:
        return f"number is {link.number}, expected {expected}"
    if link.previous_hash != previous:
        return "does not follow the transaction before it"
    if bool(link.postings) is (link.header["kind"] in MEMOS) or sum(minor for *_, minor, _ in link.postings) != 0:
        return "postings do not sum to zero"
    if link.hash != hashlib.sha256(previous + link.content).digest():
        return "content does not match its hash"
    return ""


def _line(row: Row[Any]) -> _Line:
    return tuple(row[1:])  # type: ignore[return-value]


def _check(conn: Connection, transaction: NewTransaction) -> None:
    if not 0 < len(transaction.transaction_id) <= 64:
        msg = f"transaction_id: got {transaction.transaction_id!r}, accepted are 1 to 64 characters"
        raise LedgerError(msg)
    is_memo, sides = transaction.kind in MEMOS, len(transaction.postings)
    if sides if is_memo else sides < 2:
        msg = f"postings: got {sides}, accepted {'is none' if is_memo else 'are two or more'}"
        raise LedgerError(msg)
    total = sum(one.amount_minor for one in transaction.postings)
    if total != 0:
        msg = f"postings: sum is {total}, accepted is 0"
        raise LedgerError(msg)
    for one in transaction.postings:
        try:
            kind_of(one.account)
        except ValueError as error:
            raise LedgerError(str(error)) from None
    if transaction.reverses is not None and not _rows_of(conn, transaction.reverses):
        msg = f"reverses: got {transaction.reverses!r}, accepted is the id of a booked transaction"
        raise LedgerError(msg)


def _rows_of(conn: Connection, transaction_id: str) -> Sequence[RowMapping]:
    rows = conn.execute(
        select(ledger_transaction, posting)
        .outerjoin_from(ledger_transaction, posting)
        .where(ledger_transaction.c.transaction_id == transaction_id)
        .order_by(posting.c.line)
    )
    return rows.mappings().all()


def _number_of_same(conn: Connection, header: dict[str, Any], postings: list[_Line]) -> int | None:
    booked = _rows_of(conn, header["transaction_id"])
    if not booked:
        return None
    first = booked[0]
    for name, wanted in header.items():
        if first[name] != wanted:
            msg = f"transaction {header['transaction_id']}: is booked with {name} {first[name]!r}, got {wanted!r}"
            raise LedgerError(msg)
    if [tuple(row[name] for name in _LINE) for row in booked if row["line"] is not None] != postings:
        msg = f"transaction {header['transaction_id']}: is booked with other postings"
        raise LedgerError(msg)
    return int(first["number"])


def _open_accounts(conn: Connection, building_id: str, transaction: NewTransaction) -> None:
    wanted = {one.account for one in transaction.postings}
    kept_in = {
        row.ledger_account_id: row.currency
        for row in conn.execute(select(ledger_account).where(ledger_account.c.ledger_account_id.in_(wanted)))
    }
    for account, currency in kept_in.items():
        if currency != transaction.currency:
            msg = f"currency: got {transaction.currency}, accepted on ledger account {account} is {currency}"
            raise LedgerError(msg)
    for account in sorted(wanted - kept_in.keys()):
        conn.execute(
            insert(ledger_account).values(
                building_id=building_id,
                ledger_account_id=account,
                kind=kind_of(account),
                currency=transaction.currency,
            )
        )


def _canonical(header: Mapping[str, Any], postings: Sequence[_Line]) -> bytes:
    content = json.dumps({**header, "postings": postings}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return content.encode()
