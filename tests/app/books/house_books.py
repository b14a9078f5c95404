"""Books of a small house, and a ledger one can add to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from evshare_app.books.engine import Books
from evshare_app.ledger.accounts import BANK, ENERGY
from evshare_app.ledger.ledger import NewTransaction, Posting, post, verify
from tests.app.statement.lindenhof import settle_in

NOON = datetime(2026, 7, 2, 12, tzinfo=UTC)


async def open_books(path: Path, keep_in: Path | None = None) -> Books:
    return await Books.open(path, keep_in=keep_in)


_made: dict[int, bytes] = {}
"""Files by the number of their transactions: making the tables takes longer than most tests."""


async def new_books(path: Path, transactions: int = 0) -> Books:
    """Books of a house whose ledger has so many transactions."""
    if transactions in _made:
        path.write_bytes(_made[transactions])
        return await Books.open(path)
    books = await open_books(path)
    await books.write(settle_in)
    for number in range(1, transactions + 1):
        await books.write(lambda conn, number=number: add(conn, number))
    await books.close()
    _made[transactions] = path.read_bytes()
    return await Books.open(path)


def add(conn: Connection, number: int, minor: int = 100) -> int:
    """Book one transaction of two postings and return its number."""
    wanted = NewTransaction(
        transaction_id=f"t{number}",
        kind="payment",
        occurred=NOON,
        actor="test",
        reason=f"number {number}",
        postings=[Posting(BANK, minor), Posting(ENERGY, -minor)],
        currency="EUR",
    )
    return post(conn, wanted, NOON + timedelta(seconds=number))


def chain_is_wrong(conn: Connection) -> list[str]:
    report = verify(conn)
    return [] if report.ok else [report.problem]


def transactions(conn: Connection) -> int:
    return conn.scalar(text("SELECT count(*) FROM ledger_transaction")) or 0
