"""Copies of the books: taking them while the app runs, which of them are kept, and what Home Assistant's backup gets.

    backups/books-20261120T031500Z.db   one a day, thinned out with age; on the same disk, against mistakes
    backups/schema-0002.db              the books as they were before they were migrated
    for-backup/copy.db                  the newest copy: the only one that goes into Home Assistant's backup

A copy is one whole file without a log, checked before it gets its name. The live file is never copied as a file. Beside
it a backup holds the keys of `KEYS_KEPT`, without which the house would have to be set up again; those of `KEYS_APART`
never lie with the books they vouch for.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import re
import shutil
import sqlite3

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .engine import Books, open_copy

type Verify = Callable[[Connection], Sequence[str]]
"""Says what is wrong with books of the newest schema; nothing: they are whole."""

KEYS_KEPT = ("pairing.token", "tag.key", "vapid.key")
"""With the books: the link, the tags at the stalls and the phones' push subscriptions go on."""
KEYS_APART = ("token.key", "ledger.key", "ledger.next.key", "ledger.previous.key", "books.position")
"""Not with the books: what cookies are hashed and heads are signed with, and what tells an old copy from the books."""

LIVE = "books.db"
SIDE_FILES = ("-wal", "-shm", "-journal")

_NAME = re.compile(r"books-(\d{8}T\d{6}Z)\.db")
_STAMP = "%Y%m%dT%H%M%SZ"
_EACH = (
    (timedelta(hours=24), "%Y%m%d%H"),
    (timedelta(days=7), "%Y%m%d"),
    (timedelta(weeks=4), "%G%V"),
    (timedelta(days=366), "%Y%m"),
)
"""Up to which age how many are kept: the newest of each hour, day, week, month."""


class CopyFaulty(Exception):
    """A copy is not whole, or is not one of the books; it was not used."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy that was checked."""

    path: Path
    taken: datetime
    size: int
    """Bytes."""


class Shelf:
    """The copies of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "backups"
        self.handed = data_dir / "for-backup" / "copy.db"

    def copies(self) -> list[Copy]:
        """Return what is kept, newest first."""
        if not self.folder.exists():
            return []
        found = [(path, _NAME.fullmatch(path.name)) for path in self.folder.iterdir()]
        return sorted(
            (
                Copy(
                    path=path,
                    taken=datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC),
                    size=path.stat().st_size,
                )
                for path, match in found
                if match is not None
            ),
            key=lambda copy: copy.taken,
            reverse=True,
        )

    def newest(self) -> Copy | None:
        """Return the newest copy."""
        return next(iter(self.copies()), None)

    async def take(self, books: Books, verify: Verify, now: datetime) -> Copy:
        """Copy the books, check the copy and keep it; the oldest that nobody needs any more go.

        Raises `CopyFaulty` when the copy is not whole, and OSError when the disk refuses.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        name = f"books-{now.astimezone(UTC).strftime(_STAMP)}.db"
        unfinished = self.folder / f"{name}.part"
        unfinished.unlink(missing_ok=True)
        try:
            await books.copy_to(unfinished)
            await asyncio.to_thread(self._accept, unfinished, name, verify)
        finally:
            unfinished.unlink(missing_ok=True)
        for copy in superfluous(self.copies(), now):
            copy.path.unlink()
        path = self.folder / name
        return Copy(path=path, taken=now.replace(microsecond=0), size=path.stat().st_size)

    def hand_over(self, copy: Path) -> None:
        """Make a copy the one that goes into Home Assistant's backup. Both names are of the same file."""
        self.handed.parent.mkdir(mode=0o700, exist_ok=True)
        new = self.handed.with_suffix(".new")
        new.unlink(missing_ok=True)
        try:
            os.link(copy, new)
        except OSError:
            shutil.copyfile(copy, new)  # a file system without links
            sync_file(new)
        new.replace(self.handed)
        sync_folder(self.handed.parent)

    def take_back(self, live: Path) -> None:
        """Make sure that what is handed over is no longer the live file, which is about to be written to again."""
        if self.handed.exists() and live.exists() and self.handed.samefile(live):
            newest = self.newest()
            if newest is None:
                self.handed.unlink()
            else:
                self.hand_over(newest.path)

    @staticmethod
    def _accept(unfinished: Path, name: str, verify: Verify) -> None:
        sync_file(unfinished)
        sync_folder(unfinished.parent)
        check_copy(unfinished, verify)
        unfinished.replace(unfinished.with_name(name))
        sync_folder(unfinished.parent)


def superfluous(copies: Sequence[Copy], now: datetime) -> list[Copy]:
    """Return those of `copies`, newest first, to throw away.

    Kept are the newest of each hour of a day, each day of a week, each week of four and each month of a year.
    """
    kept: set[Path] = set()
    for age, form in _EACH:
        seen: set[str] = set()
        for copy in copies:
            span = copy.taken.strftime(form)
            if now - copy.taken <= age and span not in seen:
                seen.add(span)
                kept.add(copy.path)
    return [copy for number, copy in enumerate(copies) if number and copy.path not in kept]


def check_copy(path: Path, verify: Verify) -> None:
    """Look at every page of a copy and at what it says. Raises `CopyFaulty`."""
    engine = open_copy(path)
    try:
        with faulty_as_such(path.name), engine.connect() as connection:
            found = list(connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars())
            if found != ["ok"]:
                raise CopyFaulty(f"{path.name}: the file is damaged ({'; '.join(found)})")
            problems = verify(connection)
    finally:
        engine.dispose()
    if problems:
        raise CopyFaulty(f"{path.name}: {'; '.join(problems)}")


@contextmanager
def faulty_as_such(name: str) -> Iterator[None]:
    """Let what SQLite says of a damaged file be `CopyFaulty`."""
    try:
        yield
    except (sqlite3.DatabaseError, DBAPIError) as error:
        raise CopyFaulty(f"{name}: the file cannot be read as books ({error})") from None


def write_set(copy: Path, data_dir: Path, folder: Path) -> None:
    """Write a copy and the keys that belong to it to another place, where nothing is there yet.

    Raises FileExistsError where there is.
    """
    (folder / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
    for source, target in (
        (copy, folder / LIVE),
        *((data_dir / "keys" / name, folder / "keys" / name) for name in KEYS_KEPT),
    ):
        if source.exists():
            with (
                source.open("rb") as whole,
                os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            ):
                shutil.copyfileobj(whole, file)
                file.flush()
                os.fsync(file.fileno())
    sync_folder(folder / "keys")
    sync_folder(folder)


def sync_file(path: Path) -> None:
    """Return when the file is on the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
