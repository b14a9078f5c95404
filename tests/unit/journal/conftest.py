"""A journal in a folder of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from custom_components.evshare.journal import Journal
from custom_components.evshare.journal.apart import KeptApart

type OpenJournal = Callable[[], Awaitable[Journal]]


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "evshare" / "building.db"


@pytest.fixture
def apart(tmp_path: Path) -> KeptApart:
    """What backups leave out."""
    return KeptApart(tmp_path / ".cache" / "evshare", "building")


@pytest.fixture
async def open_journal(journal_path: Path, apart: KeptApart) -> AsyncIterator[OpenJournal]:
    """Opens the journal as often as a test likes, and closes it in the end."""
    opened: list[Journal] = []

    async def open_it() -> Journal:
        journal = await Journal.open(journal_path, apart)
        opened.append(journal)
        return journal

    yield open_it
    for journal in opened:
        await journal.close()


@pytest.fixture
async def journal(open_journal: OpenJournal) -> Journal:
    return await open_journal()
