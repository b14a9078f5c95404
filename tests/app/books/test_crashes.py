"""Whatever kills the app, and wherever: what was acknowledged is there, the chain is whole, a migration is done or not.

SIGKILL takes the process, not the machine; that a commit reaches the disk is SQLite's (WAL, synchronous=FULL).
"""

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import random
import shutil
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy.exc import OperationalError

import evshare_app
from evshare_app.books.backup import Shelf, check_copy
from evshare_app.books.engine import Books, create_books_engine
from evshare_app.books.invariants import differences, facts_of
from evshare_app.books.migrate import revision, upgrade
from tests.app.books.house_books import add, chain_is_wrong, new_books, transactions
from tests.app.books.released import released

ROOT = Path(evshare_app.__file__).parents[2]
SEED = random.Random().randrange(10**6)

type Kill = Callable[[str, Path, float], str]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    """Let something run until it is killed, and return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.app.books.crashing"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'addon'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:

        def ended(what: str, path: Path, number: float) -> str:
            assert program.stdin
            assert program.stdout
            program.stdin.write(f"{what} {path} {number}\n")
            program.stdin.flush()
            return program.stdout.readline().strip()

        yield ended
        assert program.stdin
        program.stdin.close()


async def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path, kill: Kill):
    path, chance = tmp_path / "books.db", random.Random(SEED)
    await (await new_books(path)).close()
    acknowledged = 0
    for _ in range(20):
        assert kill("ledger", path, chance.uniform(0, 12)) == "killed", f"seed {SEED}"
        said = path.with_suffix(".said").read_text().split("\n")[:-1]
        acknowledged = max([acknowledged, *map(int, said)])
        with sqlite3.connect(path) as raw:
            assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        raw.close()
        books = await Books.open(path)
        assert await books.read(chain_is_wrong) == []
        # The one that was being acknowledged may be there too, whole.
        assert acknowledged <= await books.read(transactions) <= acknowledged + 1, f"seed {SEED}"
        acknowledged = await books.read(transactions)
        await books.close()
    assert acknowledged > 20
    for copy in Shelf(tmp_path).copies():
        check_copy(copy.path, chain_is_wrong)


async def test_a_migration_that_is_killed_leaves_the_old_or_the_new(tmp_path: Path, kill: Kill):
    chance, path = random.Random(SEED), tmp_path / "books.db"
    released(tmp_path / "old.db", "0001")
    old = create_books_engine(tmp_path / "old.db")
    with old.connect() as conn:
        before = facts_of(conn)
    old.dispose()
    for _ in range(6):
        for leftover in tmp_path.glob("books.db*"):
            leftover.unlink()
        shutil.copy(tmp_path / "old.db", path)
        at = chance.randrange(2, 120)
        assert kill("migrate", path, at) == "killed", f"seed {SEED}"
        engine = create_books_engine(path)
        with engine.connect() as conn:
            assert conn.exec_driver_sql("PRAGMA quick_check").scalar_one() == "ok"
            assert revision(conn) == "0001"
            assert facts_of(conn) == before
        upgrade(engine)
        with engine.connect() as conn:
            assert differences(before, facts_of(conn)) == []
            assert chain_is_wrong(conn) == []
        engine.dispose()


async def test_a_full_disk_refuses_what_does_not_fit_and_loses_nothing(tmp_path: Path):
    books = await new_books(tmp_path / "books.db", 2)
    pages = await books.read(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await books.read(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one())
    number = 3

    async def book_on() -> None:
        nonlocal number
        for number in range(3, 3000):
            await books.write(lambda conn, number=number: add(conn, number))

    with pytest.raises(OperationalError, match="database or disk is full"):
        await book_on()
    assert await books.read(transactions) == number - 1
    assert await books.read(chain_is_wrong) == []
    await books.read(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count=100000").scalar_one())
    assert await books.write(lambda conn: add(conn, number)) == number
    await books.close()
