"""Copies of the books: whole, taken while the house works, checked before they count, thinned out with age."""

import asyncio
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import sqlite3
import threading

import pytest
from sqlalchemy import text

from evshare_app.books.backup import Copy, CopyFaulty, Shelf, check_copy, superfluous, write_set
from evshare_app.books.engine import Books, CopyStopped
from tests.app.books.house_books import NOON, add, chain_is_wrong, new_books, transactions


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_a_copy_is_one_whole_file_for_its_owner_alone(tmp_path: Path):
    books = await new_books(tmp_path / "books.db", transactions=3)
    copy = await Shelf(tmp_path).take(books, chain_is_wrong, NOON)
    assert copy.path == tmp_path / "backups" / "books-20260702T120000Z.db"
    assert os.listdir(tmp_path / "backups") == [copy.path.name]
    assert copy.path.stat().st_mode & 0o777 == 0o600
    assert copy.path.parent.stat().st_mode & 0o777 == 0o700
    assert copy.path.read_bytes()[18:20] == b"\x01\x01"  # file format: 1 is a rollback journal, 2 would be WAL
    assert read(copy.path, "SELECT count(*), max(number) FROM ledger_transaction") == [(3, 3)]
    assert read(copy.path, "PRAGMA integrity_check") == [("ok",)]
    await books.close()


async def test_work_goes_on_between_the_steps_of_a_copy_and_is_in_it(tmp_path: Path):
    books = await new_books(tmp_path / "books.db")
    await books.write(lambda conn: conn.execute(text("CREATE TABLE ballast (page BLOB)")) and None)
    await books.write(lambda conn: conn.execute(text("INSERT INTO ballast VALUES (zeroblob(8000000))")) and None)
    # What came first holds the thread until all the rest is queued, so that the copy finds it waiting.
    hold, order = threading.Event(), []
    first = asyncio.create_task(books.read(lambda _: hold.wait()))
    await asyncio.sleep(0)
    copying = asyncio.create_task(books.copy_to(tmp_path / "copy.db"))
    copying.add_done_callback(lambda _: order.append("copied"))
    await asyncio.sleep(0)
    booked = [asyncio.create_task(books.write(lambda conn, n=n: add(conn, n))) for n in (1, 2, 3)]

    def half(conn):
        add(conn, 4)
        raise RuntimeError

    undone = asyncio.create_task(books.write(half))
    undone.add_done_callback(lambda _: order.append("worked"))
    await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(first, copying, *booked)
    with pytest.raises(RuntimeError):
        await undone
    assert order == ["worked", "copied"]
    assert [task.result() for task in booked] == [1, 2, 3]
    assert read(tmp_path / "copy.db", "SELECT number FROM ledger_transaction") == [(1,), (2,), (3,)]
    check_copy(tmp_path / "copy.db", chain_is_wrong)
    assert await books.read(transactions) == 3
    await books.close()


async def test_books_that_are_closed_give_up_a_copy(tmp_path: Path):
    books = await new_books(tmp_path / "books.db")
    hold = threading.Event()
    first = asyncio.create_task(books.read(lambda _: hold.wait()))
    await asyncio.sleep(0)
    taking = asyncio.create_task(Shelf(tmp_path).take(books, chain_is_wrong, NOON))
    await asyncio.sleep(0)
    closing = asyncio.create_task(books.close())
    await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(first, closing)
    with pytest.raises(CopyStopped):
        await taking
    assert os.listdir(tmp_path / "backups") == []


async def test_a_copy_that_says_what_cannot_be_does_not_count(tmp_path: Path):
    books = await new_books(tmp_path / "books.db", transactions=2)
    await books.write(lambda conn: conn.execute(text("DROP TRIGGER posting_no_update")) and None)
    await books.write(lambda conn: conn.execute(text("UPDATE posting SET amount_minor = amount_minor * 2")) and None)
    with pytest.raises(CopyFaulty, match="content does not match its hash"):
        await Shelf(tmp_path).take(books, chain_is_wrong, NOON)
    assert os.listdir(tmp_path / "backups") == []
    await books.close()


@pytest.mark.parametrize("at", [0, 4096, 40_960])  # header, and heads of pages
async def test_a_damaged_copy_is_told(tmp_path: Path, at: int):
    books = await new_books(tmp_path / "books.db", transactions=2)
    copy = await Shelf(tmp_path).take(books, chain_is_wrong, NOON)
    await books.close()
    with copy.path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 64)
    with pytest.raises(CopyFaulty, match=copy.path.name):
        check_copy(copy.path, chain_is_wrong)


async def test_the_newest_copy_is_handed_to_home_assistants_backup(tmp_path: Path):
    books, shelf = await new_books(tmp_path / "books.db", transactions=1), Shelf(tmp_path)
    for days in (0, 1):
        copy = await shelf.take(books, chain_is_wrong, NOON + timedelta(days=days))
        shelf.hand_over(copy.path)
        await books.write(lambda conn, days=days: add(conn, 2 + days))
    assert shelf.handed == tmp_path / "for-backup" / "copy.db"
    assert read(shelf.handed, "SELECT max(number) FROM ledger_transaction") == [(2,)]
    await books.close()
    # Books that were closed are a whole file themselves, until they are opened again.
    shelf.hand_over(tmp_path / "books.db")
    assert read(shelf.handed, "SELECT max(number) FROM ledger_transaction") == [(3,)]
    shelf.take_back(tmp_path / "books.db")
    assert read(shelf.handed, "SELECT max(number) FROM ledger_transaction") == [(2,)]
    assert not shelf.handed.samefile(tmp_path / "books.db")


def test_copies_are_thinned_out_with_age():
    now = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    copies = [Copy(path=Path(str(hours)), taken=now - timedelta(hours=hours), size=1) for hours in range(24 * 400)]
    gone = {copy.path for copy in superfluous(copies, now)}
    kept = [now - copy.taken for copy in copies if copy.path not in gone]
    day, week, month, year = timedelta(days=1), timedelta(days=7), timedelta(weeks=4), timedelta(days=366)
    assert sum(age <= day for age in kept) == 25  # each hour of the last 24, and the one it began in
    assert sum(day < age <= week for age in kept) == 6
    assert sum(week < age <= month for age in kept) in (3, 4)
    assert sum(month < age <= year for age in kept) in (11, 12)
    assert not [age for age in kept if age > year]


def test_the_newest_copy_stays_however_old_it_is():
    old = [Copy(path=Path(str(year)), taken=datetime(year, 1, 1, tzinfo=UTC), size=1) for year in (2021, 2020)]
    assert superfluous(old, NOON) == [old[1]]


async def test_a_set_for_another_place_has_the_keys_that_belong_to_the_books_and_no_others(tmp_path: Path):
    books = await new_books(tmp_path / "books.db")
    copy = await Shelf(tmp_path).take(books, chain_is_wrong, NOON)
    await books.close()
    (tmp_path / "keys").mkdir()
    for name in ("pairing.token", "tag.key", "vapid.key", "token.key", "ledger.key", "books.position"):
        (tmp_path / "keys" / name).write_text(name)
    write_set(copy.path, tmp_path, tmp_path / "usb")
    # What cookies are hashed and heads are signed with never lies with the hashes and the heads.
    assert sorted(os.listdir(tmp_path / "usb" / "keys")) == ["pairing.token", "tag.key", "vapid.key"]
    assert (tmp_path / "usb" / "books.db").read_bytes() == copy.path.read_bytes()
    with pytest.raises(FileExistsError):
        write_set(copy.path, tmp_path, tmp_path / "usb")


async def test_books_are_copied_before_they_are_migrated(tmp_path: Path):
    books = await new_books(tmp_path / "books.db", transactions=1)
    await books.close()
    raw = sqlite3.connect(tmp_path / "books.db")
    (newest,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    raw.close()
    again = await Books.open(tmp_path / "books.db", keep_in=tmp_path / "backups")
    await again.close()
    assert not (tmp_path / "backups").exists()  # nothing to migrate, nothing to keep
    assert newest >= "0003"
