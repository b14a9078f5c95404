"""A journal that comes back out of a backup is told as such, and nothing is delivered twice or lost."""

from pathlib import Path
import shutil

from custom_components.evshare.journal import Journal
from custom_components.evshare.journal.apart import KeptApart
from custom_components.evshare.model import ResidentId, StallId

from .conftest import OpenJournal
from .records import NOW, denied


async def _back_up(journal: Journal, journal_path: Path, folder: Path) -> Path:
    """Copy the journal's files as HA's backup does."""
    folder.mkdir()
    await journal.async_pre_backup()
    await journal.commit([denied(8)], {}, now=NOW)  # life goes on meanwhile
    for file in journal_path.parent.iterdir():
        shutil.copy(file, folder / file.name)
    await journal.async_post_backup()
    return folder


def _restore(folder: Path, journal_path: Path) -> None:
    for file in journal_path.parent.iterdir():
        file.unlink()
    for file in folder.iterdir():
        shutil.copy(file, journal_path.parent / file.name)


async def test_a_restored_backup_begins_a_new_incarnation(
    journal: Journal, journal_path: Path, open_journal: OpenJournal, tmp_path: Path
) -> None:
    await journal.commit([denied(1)], {StallId("stall-1"): {"session": "of then"}}, now=NOW)
    await journal.add_card(["aa"], ResidentId("anna"), NOW)
    backup = await _back_up(journal, journal_path, tmp_path / "backup")
    await journal.commit([denied(2)], {}, now=NOW)
    await journal.close()
    _restore(backup, journal_path)

    restored = await open_journal()
    assert restored.restored
    assert restored.incarnation != journal.incarnation
    assert restored.head_seq == 0
    assert await restored.snapshots() == {"stall-1": {"session": "of then"}}
    assert len(await restored.cards()) == 1
    assert await restored.commit([denied(3)], {}, now=NOW) == 1


async def test_it_stays_restored_until_its_sessions_were_ended(
    journal: Journal, tmp_path: Path, open_journal: OpenJournal
) -> None:
    await journal.close()
    (tmp_path / ".cache" / "evshare" / "building.marker").unlink()
    crashed = await open_journal()
    await crashed.close()
    again = await open_journal()
    assert again.restored
    assert again.incarnation == crashed.incarnation
    await again.settle_restored()
    await again.close()
    assert not (await open_journal()).restored


async def test_what_the_backup_had_not_delivered_goes_first_under_its_own_numbers(
    journal: Journal, journal_path: Path, open_journal: OpenJournal, tmp_path: Path
) -> None:
    await journal.commit([denied(1), denied(2)], {}, now=NOW)
    await journal.acknowledge(journal.incarnation, 1)
    backup = await _back_up(journal, journal_path, tmp_path / "backup")
    await journal.close()
    _restore(backup, journal_path)

    restored = await open_journal()
    await restored.commit([denied(9)], {}, now=NOW)
    # What was acknowledged is asked anew: the app may have come out of the same backup.
    outbox = restored.outbox
    assert (outbox.incarnation, outbox.acked_seq, outbox.head_seq) == (journal.incarnation, 0, 3)
    await restored.acknowledge(outbox.incarnation, 1)
    assert [record.seq for record in await restored.unacked(outbox.incarnation)] == [2, 3]
    assert restored.records_waiting == 3
    # The app had more of the old incarnation than the backup knows.
    await restored.acknowledge(outbox.incarnation, 40)
    assert restored.outbox.incarnation == restored.incarnation
    assert [record.seq for record in await restored.unacked(restored.incarnation)] == [1]


async def test_an_ordinary_restart_after_a_backup_is_no_restore(
    journal: Journal, journal_path: Path, open_journal: OpenJournal, tmp_path: Path
) -> None:
    await _back_up(journal, journal_path, tmp_path / "backup")
    await journal.close()
    assert not (await open_journal()).restored


async def test_a_crash_in_the_middle_of_a_backup_is_no_restore(
    journal: Journal, journal_path: Path, apart: KeptApart, tmp_path: Path
) -> None:
    await journal.commit([denied(1)], {}, now=NOW)
    await journal.async_pre_backup()
    await journal.commit([denied(2)], {}, now=NOW)
    crashed = tmp_path / "crashed"
    shutil.copytree(journal_path.parent, crashed)  # the files as a power cut leaves them

    again = await Journal.open(crashed / journal_path.name, apart)
    assert not again.restored
    assert again.head_seq == 2
    await again.close()


async def test_a_copy_is_whole_and_told_as_restored_when_it_comes_back(
    journal: Journal, journal_path: Path, open_journal: OpenJournal, tmp_path: Path
) -> None:
    await journal.commit([denied(1), denied(2)], {}, now=NOW)
    copy = tmp_path / "copy.db"
    await journal.copy_to(copy)
    await journal.close()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("copy")] == ["copy.db"]
    for file in journal_path.parent.iterdir():
        file.unlink()
    shutil.copy(copy, journal_path)

    restored = await open_journal()
    assert restored.restored
    assert [record.seq for record in await restored.unacked(restored.outbox.incarnation)] == [1, 2]


async def test_a_journal_without_its_marker_is_taken_for_restored(
    journal: Journal, tmp_path: Path, open_journal: OpenJournal
) -> None:
    await journal.close()
    (tmp_path / ".cache" / "evshare" / "building.marker").unlink()
    assert (await open_journal()).restored


async def test_numbers_begin_anew_when_the_app_knows_newer_ones(journal: Journal) -> None:
    await journal.commit([denied(1), denied(2), denied(3)], {}, now=NOW)
    await journal.acknowledge(journal.incarnation, 1)
    old = journal.incarnation
    await journal.renew()
    assert journal.incarnation != old
    assert journal.outbox.incarnation == journal.incarnation
    records = await journal.unacked(journal.incarnation)
    assert [(record.seq, record.body["stall_id"]) for record in records] == [(1, "stall-2"), (2, "stall-3")]
    assert await journal.commit([denied(4)], {}, now=NOW) == 3
