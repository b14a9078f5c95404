"""Books that are not whole or not ours are not opened, and SQLite has to say that it does as it was told."""

from pathlib import Path
import sqlite3

import pytest
from sqlalchemy import Connection

from evshare_app.books import startup
from evshare_app.books.engine import Books
from evshare_app.books.startup import BooksUnusable, configure
from tests.app.books.house_books import new_books


async def test_damaged_books_are_not_opened_and_left_alone(tmp_path: Path):
    books = await new_books(tmp_path / "books.db", 2)
    await books.close()
    with (tmp_path / "books.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 64)
    before = (tmp_path / "books.db").read_bytes()
    with pytest.raises(BooksUnusable, match=r"the file is damaged .*Cars go on charging.*evshare_app restore"):
        await Books.open(tmp_path / "books.db")
    assert (tmp_path / "books.db").read_bytes() == before


async def test_another_programs_file_is_not_opened(tmp_path: Path):
    with sqlite3.connect(tmp_path / "books.db") as other:
        other.execute("PRAGMA application_id=42")
    other.close()
    with pytest.raises(BooksUnusable, match=r"application_id is 0x2a, accepted is 0x45565348"):
        await Books.open(tmp_path / "books.db")
    assert (tmp_path / "books.db").read_bytes()[18:20] == b"\x01\x01"  # not even made to have a log
    (tmp_path / "books.db").write_text("not even a database, and long enough to be seen as one " * 4)
    with pytest.raises(BooksUnusable, match="not a database"):
        await Books.open(tmp_path / "books.db")


async def test_books_say_whose_they_are(tmp_path: Path):
    books = await Books.open(tmp_path / "books.db")
    await books.close()
    assert (tmp_path / "books.db").read_bytes()[68:72] == b"EVSH"


def test_a_setting_that_does_not_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(startup, "SETTINGS", (("journal_mode", "WAL", "wal"),))
    connection = sqlite3.connect(":memory:")  # which can have no log
    with pytest.raises(BooksUnusable, match="journal_mode is 'memory' after setting it, accepted is 'wal'"):
        configure(connection)
    connection.close()


async def test_there_is_one_connection_whatever_is_done(tmp_path: Path):
    books = await new_books(tmp_path / "books.db")

    def count(_conn: Connection) -> int:
        open_files = (fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.exists())
        return sum(path == tmp_path / "books.db" for path in open_files)

    assert await books.read(count) == 1
    await books.copy_to(tmp_path / "copy.db")
    assert await books.write(count) == 1
    await books.close()
