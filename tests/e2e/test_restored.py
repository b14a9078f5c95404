"""The app is put back to an older copy of its books: real Home Assistant sends again what the copy lacks.

Commands are the app's own, run as its owner would. What the journal has is read from its rows.
"""

import asyncio
import json
import sys

import pytest

from demo.programs import ROOT
from demo.timetable import STRANGER_UID
from tests.e2e.shared_house import SharedHouse, played

pytestmark = pytest.mark.timeout(300)


async def command(house: SharedHouse, *words: str) -> str:
    """Run a command of the app on its data folder; it goes well."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evshare_app",
        *words,
        env=house.place.app.environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await program.communicate()
    assert program.returncode == 0, said.decode()
    return said.decode()


def in_books(house: SharedHouse) -> list[tuple[int, object]]:
    """The records in the books, of the journal's one incarnation: number and body."""
    rows = house.books("SELECT seq, body_json FROM record ORDER BY seq")
    return [(row["seq"], json.loads(row["body_json"])) for row in rows]


def in_journal(house: SharedHouse) -> list[tuple[int, object]]:
    """The same of Home Assistant's journal, where nothing was lost."""
    rows = house.journal("SELECT seq, body FROM record ORDER BY seq")
    return [(row["seq"], json.loads(row["body"])) for row in rows]


def all_there(house: SharedHouse) -> bool:
    """Whether the books have what the journal has."""
    return len(in_books(house)) == house.head()


async def stranger_is_refused(house: SharedHouse) -> None:
    """One more record: somebody shows a card nobody knows."""
    before = house.head()
    await house.stall(1).tap(STRANGER_UID)
    await house.until(lambda: house.head() > before and all_there(house), seconds=90)


@played
async def test_an_app_out_of_an_older_backup_has_every_record_again(house: SharedHouse) -> None:
    place = house.place
    await house.until(lambda: all_there(house))
    copied = asyncio.create_task(command(house, "backup"))  # the app does it, and its time stands still meanwhile
    while not copied.done():
        await house.passes(1)
    assert "checked" in copied.result()
    await stranger_is_refused(house)
    had = in_books(house)
    await place.app.stop()
    assert "The app begins in quarantine" in await command(house, "restore")
    kept = in_books(house)
    assert kept == had[: len(kept)]
    assert len(kept) < len(had)  # the stranger's record at least came after the copy
    await place.app.start()
    house.clock.let_go()
    await place.until_app_answers()
    house.clock.hold_again()
    # Home Assistant goes on writing all the while, so there may be more than before.
    await house.until(lambda: all_there(house), seconds=120)
    again = in_books(house)
    assert again == in_journal(house)
    assert again[: len(had)] == had
    assert "it gets them again" in place.home_assistant.program.tail(200)
