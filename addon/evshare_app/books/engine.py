"""The books' one connection and its one writer thread.

All work on the books is a plain function of a SQLAlchemy `Connection`, run whole in the writer thread inside
BEGIN IMMEDIATE … COMMIT. Nothing awaits in between, a cancelled caller does not cancel the work, and one
connection makes SQLite's WAL-reset bug (fixed in 3.51.3, needs two connections) impossible.

A copy is made through the same connection, a few pages at a time; between them the thread does what waits. What is
written meanwhile SQLite brings into the copy by itself, because it is written by the connection that is copied from.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
import sqlite3
from typing import Self, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, SingletonThreadPool

from .migrate import is_behind, revision, upgrade
from .startup import check_file, claim, configure

_STEP_PAGES = 64
"""256 KiB at a time: a few milliseconds on a disk worth the name."""


class CopyStopped(Exception):
    """The books were closed while they were being copied."""


def _configure(dbapi_connection: sqlite3.Connection, _record: object) -> None:
    configure(dbapi_connection)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def create_books_engine(path: Path) -> Engine:
    """Return the engine of the books at `path`, with our pragmas and explicit transactions."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=SingletonThreadPool)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def open_copy(path: Path) -> Engine:
    """Return an engine that only reads a copy nobody writes to."""
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)


class Books:
    """The app's store. Open it once per process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books")
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closing = False
        self._connections = 0
        self._engine = create_books_engine(path)
        event.listen(self._engine, "connect", self._only_one)

    @classmethod
    async def open(cls, path: Path, *, keep_in: Path | None = None) -> Self:
        """Open the books, creating or migrating them first; a copy as it was before is left in `keep_in`.

        Raises `BooksTooNew` for those of a newer app, and `BooksUnusable` for damaged ones.
        """
        books = cls(path)
        try:
            await books._in_thread(lambda: books._prepare(keep_in))
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

    async def copy_to(self, path: Path) -> None:
        """Write a whole copy to `path`, one file without a log; other work goes on meanwhile.

        Raises `CopyStopped` when the books are closed before it is done.
        """
        copied = asyncio.wrap_future(self._thread.submit(self._copy, path))
        # Whoever asked may have gone; nobody else is interested in why it was given up.
        copied.add_done_callback(lambda one: one.cancelled() or one.exception())
        await asyncio.shield(copied)

    async def close(self) -> None:
        """Finish queued work and close the file; a copy that is being made is given up."""
        self._closing = True

        def dispose() -> None:
            # Past SQLAlchemy, because the log cannot be checkpointed inside a transaction.
            self._raw().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._engine.dispose()

        # Behind what is queued, never between two steps of a copy.
        await asyncio.shield(asyncio.wrap_future(self._thread.submit(dispose)))
        self._thread.shutdown()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _prepare(self, keep_in: Path | None) -> None:
        check_file(self._raw())
        if keep_in is not None:
            self._keep_before_migrating(keep_in)
        upgrade(self._engine)
        claim(self._raw())

    def _keep_before_migrating(self, folder: Path) -> None:
        with self._engine.connect() as connection:
            present, behind = revision(connection), is_behind(connection)
        if behind and present is not None:
            folder.mkdir(mode=0o700, exist_ok=True)
            before = folder / f"schema-{present}.db"
            before.unlink(missing_ok=True)
            self._copy(before)

    def _copy(self, path: Path) -> None:
        path.touch(mode=0o600)
        target = sqlite3.connect(path, isolation_level=None)
        try:
            self._raw().backup(target, pages=_STEP_PAGES, progress=lambda *_: self._between_steps())
            # The copy says of itself that it has a log beside it, as the books do.
            target.execute("PRAGMA journal_mode=DELETE")
        finally:
            target.close()

    def _between_steps(self) -> None:
        if self._closing:
            raise CopyStopped
        # What comes while these are done waits for the next step, so that the copy gets on.
        for _ in range(self._waiting.qsize()):
            self._work_off_one()

    def _raw(self) -> sqlite3.Connection:
        borrowed = self._engine.raw_connection()
        try:
            return cast("sqlite3.Connection", borrowed.driver_connection)
        finally:
            borrowed.close()

    def _only_one(self, _dbapi_connection: sqlite3.Connection, _record: object) -> None:
        self._connections += 1
        assert self._connections == 1, f"{self._path.name}: {self._connections} connections, accepted is one"

    def _work_off_one(self) -> None:
        try:
            work = self._waiting.get_nowait()
        except Empty:
            return  # done between two steps of a copy already
        work()

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        # Shielded: once queued, a unit of work runs to its end whatever happens to the one who asked.
        done: Future[T] = Future()
        self._waiting.put(partial(_run, work, done))
        self._thread.submit(self._work_off_one)
        return await asyncio.shield(asyncio.wrap_future(done))


def _run[T](work: Callable[[], T], done: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        done.set_exception(error)
    else:
        done.set_result(result)
