"""The file itself: settings, guards against change, damage, and disks that refuse."""

from datetime import timedelta
from pathlib import Path
import sqlite3

import pytest

from custom_components.evshare.journal import Journal, JournalCorrupt, JournalError
from custom_components.evshare.journal.apart import KeptApart
from custom_components.evshare.journal.schema import APPLICATION_ID, MIGRATIONS

from .conftest import OpenJournal
from .records import NOW, denied


async def test_records_can_be_neither_changed_nor_deleted(journal: Journal, journal_path: Path) -> None:
    await journal.commit([denied(1, NOW - timedelta(days=500)), denied(2)], {}, now=NOW)
    await journal.acknowledge(journal.incarnation, 2)
    await journal.close()
    db = sqlite3.connect(journal_path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("UPDATE record SET body = '{}' WHERE seq = 1")
    with pytest.raises(sqlite3.IntegrityError, match="may be pruned"):
        db.execute("DELETE FROM record WHERE seq = 1")
    db.execute("INSERT INTO pruning (id, before_ms) VALUES (1, 0)")
    with pytest.raises(sqlite3.IntegrityError, match="may be pruned"):
        db.execute("DELETE FROM record WHERE seq = 1")
    db.close()


async def test_the_file_says_whose_it_is_and_has_strict_tables_only(journal: Journal, journal_path: Path) -> None:
    await journal.close()
    db = sqlite3.connect(journal_path)
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    loose = [
        row[1]
        for row in db.execute("PRAGMA table_list")
        if row[2] == "table" and not row[1].startswith("sqlite_") and not row[5]
    ]
    assert loose == []
    db.close()


async def test_another_programs_database_is_left_alone(journal_path: Path, apart: KeptApart) -> None:
    journal_path.parent.mkdir(parents=True)
    db = sqlite3.connect(journal_path)
    db.execute("CREATE TABLE theirs (id INTEGER)")
    db.commit()
    db.close()
    before = journal_path.read_bytes()
    with pytest.raises(JournalCorrupt, match="not a journal of evshare"):
        await Journal.open(journal_path, apart)
    assert journal_path.read_bytes() == before


async def test_a_file_of_a_newer_evshare_is_refused(journal: Journal, journal_path: Path, apart: KeptApart) -> None:
    await journal.close()
    db = sqlite3.connect(journal_path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(JournalCorrupt, match="newer evshare"):
        await Journal.open(journal_path, apart)


async def test_a_damaged_file_is_refused_and_kept(journal: Journal, journal_path: Path, apart: KeptApart) -> None:
    await journal.commit([denied(n) for n in range(1, 400)], {}, now=NOW)
    await journal.close()
    damaged = bytearray(journal_path.read_bytes())
    damaged[4096 * 3 : 4096 * 20] = b"\xff" * (4096 * 17)
    journal_path.write_bytes(damaged)
    with pytest.raises(JournalCorrupt):
        await Journal.open(journal_path, apart)
    assert journal_path.read_bytes() == damaged


async def test_a_missing_number_is_noticed_when_read(
    journal: Journal, journal_path: Path, open_journal: OpenJournal
) -> None:
    await journal.commit([denied(n) for n in range(1, 5)], {}, now=NOW)
    await journal.close()
    db = sqlite3.connect(journal_path)
    db.execute("DROP TRIGGER record_stays")
    db.execute("DELETE FROM record WHERE seq = 2")
    db.commit()
    db.close()
    again = await open_journal()
    with pytest.raises(JournalCorrupt, match="without gaps"):
        await again.unacked(again.incarnation)


async def test_a_disk_that_refuses_says_so_and_takes_nothing(journal: Journal, journal_path: Path) -> None:
    await journal.commit([denied(1)], {}, now=NOW)
    lock = sqlite3.connect(journal_path, autocommit=True)
    await journal._run(lambda: journal._store._connection.execute("PRAGMA busy_timeout = 0").fetchone())
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        await journal.commit([denied(2)], {}, now=NOW)
    assert journal.head_seq == 1
    lock.execute("ROLLBACK")
    lock.close()
    assert await journal.commit([denied(3)], {}, now=NOW) == 2


async def test_a_full_disk_says_so_and_takes_nothing(journal: Journal) -> None:
    await journal.commit([denied(1)], {}, now=NOW)
    pages = await journal._run(lambda: journal._store._connection.execute("PRAGMA page_count").fetchone()[0])
    await journal._run(lambda: journal._store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(JournalError, match="full"):
        await journal.commit([denied(n) for n in range(1000)], {}, now=NOW)
    assert journal.head_seq == 1
    assert [record.seq for record in await journal.unacked(journal.incarnation)] == [1]


async def test_a_folder_that_cannot_be_written_is_an_error_of_the_journal(tmp_path: Path, apart: KeptApart) -> None:
    (tmp_path / "evshare").write_text("a file where the folder should be")
    with pytest.raises(JournalError):
        await Journal.open(tmp_path / "evshare" / "building.db", apart)


async def test_a_closed_journal_takes_nothing(journal: Journal) -> None:
    await journal.close()
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        await journal.commit([denied()], {}, now=NOW)


async def test_the_cards_key_is_for_its_owner_only(journal: Journal, tmp_path: Path) -> None:
    key = tmp_path / ".cache" / "evshare" / "building.key"
    assert key.read_bytes() == journal.card_key
    assert key.stat().st_mode & 0o777 == 0o600
