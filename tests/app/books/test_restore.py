"""A copy in the place of the books, and the drill that shows it can be: whole and ours, or not at all."""

from datetime import timedelta
import os
from pathlib import Path
import shutil
import sqlite3

import pytest
from sqlalchemy import text

from evshare_app.books import drill
from evshare_app.books.backup import CopyFaulty, Shelf
from evshare_app.books.engine import Books
from evshare_app.books.lock import DataLock, InUse, locked
from evshare_app.books.migrate import BooksTooNew
from evshare_app.books.position import position_file, read_position
from evshare_app.books.restore import restore, take_up
from tests.app.books.house_books import NOON, add, chain_is_wrong, new_books, open_books, transactions


async def copied(tmp_path: Path, transactions: int = 2) -> tuple[Books, Path]:
    """Books with so many transactions, and a copy of them."""
    books = await new_books(tmp_path / "books.db", transactions)
    return books, (await Shelf(tmp_path).take(books, chain_is_wrong, NOON)).path


async def count_in(path: Path) -> int:
    books = await open_books(path)
    try:
        return await books.read(transactions)
    finally:
        await books.close()


async def test_a_copy_takes_the_place_of_the_books_and_they_stay_beside(tmp_path: Path):
    books, copy = await copied(tmp_path)
    await books.write(lambda conn: add(conn, 3))
    await books.close()
    done = restore(tmp_path, copy, chain_is_wrong, NOON + timedelta(hours=1))
    assert done.transactions == 2
    assert done.replaced == tmp_path / "replaced-20260702T130000Z.db"
    assert await count_in(tmp_path / "books.db") == 2
    assert await count_in(done.replaced) == 3
    known = read_position(position_file(tmp_path))
    assert known is not None
    assert known.restored_ms == 1_782_997_200_000  # 2026-07-02T13:00:00Z


async def test_books_that_crashed_are_put_aside_with_their_log(tmp_path: Path):
    books, copy = await copied(tmp_path)
    await books.write(lambda conn: add(conn, 3))
    for name in ("books.db", "books.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / f"crashed-{name}")
    await books.close()
    for name in ("books.db", "books.db-wal"):
        (tmp_path / f"crashed-{name}").replace(tmp_path / name)
    done = restore(tmp_path, copy, chain_is_wrong, NOON)
    assert not (tmp_path / "books.db-wal").exists()
    assert await count_in(tmp_path / "books.db") == 2
    assert done.replaced is not None
    assert await count_in(done.replaced) == 3


async def test_a_copy_that_is_not_whole_changes_nothing(tmp_path: Path):
    books, copy = await copied(tmp_path)
    await books.close()
    before = (tmp_path / "books.db").read_bytes()
    with copy.open("r+b") as file:
        file.truncate(copy.stat().st_size // 2)
    (tmp_path / "letter.txt").write_text("Dear owners")
    with sqlite3.connect(tmp_path / "photos.db") as other:
        other.execute("CREATE TABLE photo (id)")
    shutil.copy(tmp_path / "books.db", tmp_path / "live.db")
    (tmp_path / "live.db-wal").write_bytes(b"what was written last")
    for source, problem in (
        (copy, "the file"),
        (tmp_path / "letter.txt", "cannot be read as books"),
        (tmp_path / "photos.db", "these are no books of evshare"),
        (tmp_path / "live.db", "there is live.db-wal beside it, so it is no whole copy"),
        (tmp_path / "books.db", "these are the books themselves"),
    ):
        with pytest.raises(CopyFaulty, match=problem):
            restore(tmp_path, source, chain_is_wrong, NOON)
    with pytest.raises(FileNotFoundError, match=r"none\.db: there is no such copy"):
        restore(tmp_path, tmp_path / "none.db", chain_is_wrong, NOON)
    assert (tmp_path / "books.db").read_bytes() == before
    assert read_position(position_file(tmp_path)) is None
    assert not list(tmp_path.glob("books.restoring*"))


async def test_a_copy_of_a_newer_app_is_refused(tmp_path: Path):
    books, copy = await copied(tmp_path)
    await books.close()
    with sqlite3.connect(copy) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(BooksTooNew, match="revision is 9999"):
        restore(tmp_path, copy, chain_is_wrong, NOON)
    assert await count_in(tmp_path / "books.db") == 2


async def test_a_folder_that_came_out_of_home_assistants_backup_gets_its_books(tmp_path: Path):
    books, copy = await copied(tmp_path)
    Shelf(tmp_path).hand_over(copy)
    await books.close()
    assert take_up(tmp_path, chain_is_wrong, NOON) is None  # it has books
    # What the backup leaves out: the live file, the copies of every day, how far the books were.
    (tmp_path / "books.db").unlink()
    shutil.rmtree(tmp_path / "backups")
    done = take_up(tmp_path, chain_is_wrong, NOON)
    assert done is not None
    assert done.source == tmp_path / "for-backup" / "copy.db"
    assert await count_in(tmp_path / "books.db") == 2


def test_a_new_folder_has_nothing_to_take_up(tmp_path: Path):
    assert take_up(tmp_path, chain_is_wrong, NOON) is None
    assert os.listdir(tmp_path) == []


async def test_keys_of_a_set_are_put_back_where_they_are_missing(tmp_path: Path):
    books, copy = await copied(tmp_path)
    await books.close()
    usb = tmp_path / "usb"
    (usb / "keys").mkdir(parents=True)
    shutil.copy(copy, usb / "books.db")
    for name in ("pairing.token", "tag.key", "token.key"):
        (usb / "keys" / name).write_text("of the set")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "tag.key").write_text("here already")
    restore(tmp_path, usb, chain_is_wrong, NOON)
    assert (tmp_path / "keys" / "pairing.token").read_text() == "of the set"
    assert (tmp_path / "keys" / "tag.key").read_text() == "here already"
    assert not (tmp_path / "keys" / "token.key").exists()


def test_a_data_folder_has_one_program_at_a_time(tmp_path: Path):
    app = DataLock(tmp_path)
    app.take()
    with pytest.raises(InUse, match="evshare is running on this folder; stop it first"), locked(tmp_path):
        pass
    app.release()
    with locked(tmp_path):
        pass


async def test_a_drill_restores_checks_and_compares(tmp_path: Path):
    books, copy = await copied(tmp_path)
    assert await books.read(lambda conn: drill.is_due(conn, NOON))
    await books.write(lambda conn: add(conn, 3))
    done = await drill.practise(books, copy, chain_is_wrong, NOON)
    assert (done.ok, done.found, done.copy, done.transactions) == (True, "", "books-20260702T120000Z.db", 2)
    assert await books.read(drill.last_drill) == done
    assert not await books.read(lambda conn: drill.is_due(conn, NOON + timedelta(days=31)))
    assert await books.read(lambda conn: drill.is_due(conn, NOON + timedelta(days=31, seconds=1)))
    assert os.listdir(copy.parent) == [copy.name]
    with pytest.raises(Exception, match="restore_drill: rows are never changed or deleted"):
        await books.write(lambda conn: conn.execute(text("UPDATE restore_drill SET ok = 1")))
    await books.close()


async def test_a_copy_of_other_books_fails_the_drill(tmp_path: Path):
    (tmp_path / "other").mkdir()
    other, copy = await copied(tmp_path / "other", transactions=2)
    await other.close()
    books = await new_books(tmp_path / "books.db")
    done = await drill.practise(books, copy, chain_is_wrong, NOON)
    assert done.found == "the copy has transaction 2, the books do not"
    await books.write(lambda conn: add(conn, 7))
    await books.write(lambda conn: add(conn, 8))
    done = await drill.practise(books, copy, chain_is_wrong, NOON)
    assert (done.ok, done.found) == (False, "transaction 2 is another one in the books")
    assert await books.read(lambda conn: drill.is_due(conn, NOON))
    await books.close()


async def test_a_copy_that_is_not_whole_fails_the_drill_and_nothing_else(tmp_path: Path):
    books, copy = await copied(tmp_path)
    with copy.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 64)
    done = await drill.practise(books, copy, chain_is_wrong, NOON)
    assert not done.ok
    assert copy.name in done.found
    assert await books.read(transactions) == 2
    await books.close()
