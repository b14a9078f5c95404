"""Putting a copy in the place of the books.

The copy is checked and migrated on the side; only what is whole takes the books' place, in one rename. The books that
were there stay beside, under the name of the hour. That a copy came back is written down outside the books first: they
begin in quarantine (`quarantine.py`), whatever it was a copy of.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import shutil
import sqlite3

from sqlalchemy import text

from .backup import KEYS_KEPT, LIVE, SIDE_FILES, CopyFaulty, Shelf, Verify, check_copy, faulty_as_such, sync_file
from .backup import sync_folder as _sync_folder
from .engine import create_books_engine, open_copy
from .migrate import revision, upgrade
from .position import note_restored
from .startup import APPLICATION_ID

_HEAD = text("SELECT number, hash FROM ledger_transaction ORDER BY number DESC LIMIT 1")


@dataclass(frozen=True, kw_only=True)
class Restored:
    """Books that were put in place."""

    source: Path
    replaced: Path | None
    """Where the books are that were there before; None: there were none."""
    transactions: int
    """Of the ledger in them."""


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """A copy of the newest schema, made from an older one."""

    schema: str
    number: int
    """Newest transaction of its ledger, 0 if none."""
    head: bytes
    """Its hash; 32 zero bytes in an empty ledger."""


def restore(data_dir: Path, source: Path, verify: Verify, now: datetime) -> Restored:
    """Make a copy the books; the caller has the data folder to itself.

    `source` is a copy, or a folder with one and its keys: those that are missing here are put back, none is replaced.
    Raises `CopyFaulty` when it is not whole, `BooksTooNew` when it is a newer app's, FileNotFoundError.
    """
    copy = source / LIVE if source.is_dir() else source
    live, unfinished = data_dir / LIVE, data_dir / "books.restoring"
    if not copy.exists():
        raise FileNotFoundError(f"{copy}: there is no such copy")
    if live.exists() and copy.samefile(live) and copy.resolve() == live.resolve():
        raise CopyFaulty(f"{copy.name}: these are the books themselves")
    rebuilt = rebuild(copy, unfinished, verify)
    if source.is_dir():
        _put_back_keys(source / "keys", data_dir / "keys")
    note_restored(data_dir, now)
    replaced = _put_aside(live, now)
    unfinished.replace(live)
    _sync_folder(data_dir)
    return Restored(source=copy, replaced=replaced, transactions=rebuilt.number)


def take_up(data_dir: Path, verify: Verify, now: datetime) -> Restored | None:
    """Restore the newest copy where there are copies and no books; None where there is nothing to do.

    That is how a folder looks that came out of Home Assistant's backup. New books beside old copies would be worse than
    none. Raises as `restore` does.
    """
    shelf = Shelf(data_dir)
    newest = shelf.newest()
    copy = newest.path if newest is not None else shelf.handed
    if (data_dir / LIVE).exists() or not copy.exists():
        return None
    return restore(data_dir, copy, verify, now)


def rebuild(copy: Path, target: Path, verify: Verify) -> Rebuilt:
    """Write a copy to `target`, brought to the newest schema and checked. Raises as `restore` does."""
    for leftover in (target, *_sides(target)):
        leftover.unlink(missing_ok=True)
    for side in _sides(copy):
        if side.exists() and side.stat().st_size:
            raise CopyFaulty(f"{copy.name}: there is {side.name} beside it, so it is no whole copy")
    try:
        with faulty_as_such(copy.name):
            _check_before(copy)
            shutil.copyfile(copy, target)
            target.chmod(0o600)
            rebuilt = _migrate(target)
        check_copy(target, verify)
        sync_file(target)
    except BaseException:
        for leftover in (target, *_sides(target)):
            leftover.unlink(missing_ok=True)
        raise
    return rebuilt


def _check_before(copy: Path) -> None:
    """Look at the file itself; what it says can be judged only in the newest schema."""
    engine = open_copy(copy)
    try:
        with engine.connect() as connection:
            owner = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
            if owner not in (0, APPLICATION_ID) or revision(connection) is None:
                raise CopyFaulty(f"{copy.name}: these are no books of evshare")
            found = list(connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars())
            if found != ["ok"]:
                raise CopyFaulty(f"{copy.name}: the file is damaged ({'; '.join(found)})")
    finally:
        engine.dispose()


def _migrate(target: Path) -> Rebuilt:
    engine = create_books_engine(target)
    try:
        with engine.connect() as connection:
            schema, before = revision(connection) or "", connection.execute(_HEAD).one_or_none()
        upgrade(engine)
        with engine.connect() as connection:
            after = connection.execute(_HEAD).one_or_none()
        if before != after:
            raise CopyFaulty(f"{target.name}: its ledger ends elsewhere after migrating")
    finally:
        engine.dispose()
    # One file again, without a log beside it.
    closing = sqlite3.connect(target, isolation_level=None)
    try:
        closing.execute("PRAGMA journal_mode=DELETE")
    finally:
        closing.close()
    number, head = (after.number, after.hash) if after else (0, bytes(32))
    return Rebuilt(schema=schema, number=number, head=head)


def _put_aside(live: Path, now: datetime) -> Path | None:
    """Keep the books that are there under another name, with their log if they had one."""
    if not live.exists():
        return None
    kept = live.with_name(f"replaced-{now.astimezone(UTC).strftime('%Y%m%dT%H%M%SZ')}.db")
    # The log first: it must never lie beside books it is not of.
    for side in SIDE_FILES:
        if (beside := live.with_name(live.name + side)).exists():
            beside.rename(kept.with_name(kept.name + side))
    live.rename(kept)
    _sync_folder(live.parent)
    return kept


def _put_back_keys(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    for name in KEYS_KEPT:
        if (source / name).exists() and not (target / name).exists():
            shutil.copyfile(source / name, target / name)
            (target / name).chmod(0o600)
            sync_file(target / name)
    _sync_folder(target)


def _sides(path: Path) -> list[Path]:
    return [path.with_name(path.name + side) for side in SIDE_FILES]
