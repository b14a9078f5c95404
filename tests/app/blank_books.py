"""New books without their making: the migrations run once in a process, and every further file is a copy of theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from evshare_app.books.engine import Books, create_books_engine
from evshare_app.books.migrate import upgrade


@cache
def _blank() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "books.db"
        engine = create_books_engine(path)
        upgrade(engine)
        # Past SQLAlchemy, because the log cannot be emptied into the file inside a transaction.
        raw = engine.raw_connection()
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        engine.dispose()
        return path.read_bytes()


def new_books(path: Path) -> None:
    """Put books at `path` that are as new."""
    path.write_bytes(_blank())


@contextmanager
def new_books_are_copied() -> Iterator[None]:
    """Where `Books.open` would make books it finds them made; all else of it is as ever."""
    really_open = Books.open.__func__  # type: ignore[attr-defined]

    async def open_made(cls: type[Books], path: Path, **how: Any) -> Books:
        if path.parent.is_dir() and not path.exists():
            new_books(path)
        books: Books = await really_open(cls, path, **how)
        return books

    with patch.object(Books, "open", classmethod(open_made)):
        yield
