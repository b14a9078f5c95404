"""The restore drill: the newest copy is restored on the side, migrated, checked and compared with the books.

A copy that nobody ever restored is a hope. Its ledger has to be the beginning of the books' own: the transaction it
ends in has the same hash in the books. What came of it is kept and shown; it is due again after 31 days.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
import shutil

from sqlalchemy import Connection, Row, func, insert, select

from ..model import from_ms, to_ms
from .backup import CopyFaulty, Verify
from .backup_tables import restore_drill
from .building import the_building
from .engine import Books
from .migrate import BooksTooNew, MigrationFailed
from .restore import Rebuilt, rebuild
from .schema import ledger_transaction

DUE_AFTER = timedelta(days=31)


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What came of a drill."""

    at: datetime
    copy: str
    transactions: int
    ok: bool
    found: str


async def practise(books: Books, copy: Path, verify: Verify, now: datetime) -> Drill:
    """Restore a copy on the side and keep what came of it. A copy that fails is a result, not an error."""
    rebuilt, problems = await asyncio.to_thread(_rebuild, copy, verify)

    def keep(conn: Connection) -> Drill:
        found = [*problems, *([] if rebuilt is None else _compared(conn, rebuilt))]
        done = Drill(
            at=now,
            copy=copy.name,
            transactions=0 if rebuilt is None else rebuilt.number,
            ok=not found,
            found="; ".join(found),
        )
        conn.execute(
            insert(restore_drill).values(
                building_id=the_building(conn).building_id,
                number=(conn.scalar(select(func.max(restore_drill.c.number))) or 0) + 1,
                at_ms=to_ms(now),
                copy=done.copy,
                transactions=done.transactions,
                head=bytes(32) if rebuilt is None else rebuilt.head,
                ok=int(done.ok),
                found=done.found,
            )
        )
        return done

    return await books.write(keep)


def last_drill(conn: Connection) -> Drill | None:
    """Return the newest drill."""
    return _drill(conn.execute(_NEWEST).one_or_none())


def is_due(conn: Connection, now: datetime) -> bool:
    """Whether the newest drill that went well is too long ago, or there is none."""
    last = _drill(conn.execute(_NEWEST.where(restore_drill.c.ok == 1)).one_or_none())
    return last is None or now - last.at > DUE_AFTER


_NEWEST = select(restore_drill).order_by(restore_drill.c.number.desc()).limit(1)


def _rebuild(copy: Path, verify: Verify) -> tuple[Rebuilt | None, Sequence[str]]:
    # Beside the copy, because there is room: /tmp may be memory.
    folder = copy.parent / "drill"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        return rebuild(copy, folder / copy.name, verify), ()
    except (CopyFaulty, BooksTooNew, MigrationFailed, OSError) as problem:
        return None, (str(problem),)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compared(conn: Connection, rebuilt: Rebuilt) -> list[str]:
    """Whether the copy's ledger is a beginning of the books'."""
    if not rebuilt.number:
        return []
    ours = conn.scalar(select(ledger_transaction.c.hash).where(ledger_transaction.c.number == rebuilt.number))
    if ours is None:
        return [f"the copy has transaction {rebuilt.number}, the books do not"]
    return [] if ours == rebuilt.head else [f"transaction {rebuilt.number} is another one in the books"]


def _drill(row: Row[tuple[object, ...]] | None) -> Drill | None:
    if row is None:
        return None
    return Drill(at=from_ms(row.at_ms), copy=row.copy, transactions=row.transactions, ok=bool(row.ok), found=row.found)
