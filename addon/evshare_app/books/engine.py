"""The books' one connection and its one writer thread.

All work on the books is a plain function of a SQLAlchemy `Connection`, run whole in the writer thread inside
BEGIN IMMEDIATE … COMMIT. Nothing awaits in between, a cancelled caller does not cancel the work, and one
connection makes SQLite's WAL-reset bug (fixed in 3.51.3, needs two connections) impossible.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import sqlite3
from typing import Self

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import SingletonThreadPool

from .migrate import upgrade


def _configure(dbapi_connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy must not open transactions by itself: BEGIN IMMEDIATE is ours (see `_begin`).
    dbapi_connection.isolation_level = None
    for pragma, value in (
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("busy_timeout", "5000"),
        ("trusted_schema", "OFF"),
        ("cell_size_check", "ON"),
        ("recursive_triggers", "ON"),
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}={value}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def create_books_engine(path: Path) -> Engine:
    """Return the engine of the books at `path`, with our pragmas and explicit transactions."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=SingletonThreadPool)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


class Books:
    """The app's store. Open it once per process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books")
        self._engine = create_books_engine(path)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the books, creating or migrating them first. Raises `BooksTooNew` for those of a newer app."""
        books = cls(path)
        try:
            await books._in_thread(lambda: upgrade(books._engine))
        except BaseException:
            await books._in_thread(books._engine.dispose)
            books._thread.shutdown()
            raise
        return books

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction; it is committed when it returns and undone when it raises."""

        def transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await self._in_thread(transaction)

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent view; changes it makes are undone."""

        def view() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await self._in_thread(view)

    async def close(self) -> None:
        """Finish queued work and close the file."""

        def dispose() -> None:
            # Past SQLAlchemy, because the log cannot be checkpointed inside a transaction.
            raw = self._engine.raw_connection()
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raw.close()
            self._engine.dispose()

        await self._in_thread(dispose)
        self._thread.shutdown()

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        # Shielded: once queued, a unit of work runs to its end whatever happens to the one who asked.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))
