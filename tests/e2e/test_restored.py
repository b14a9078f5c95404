"""The app is put back to an older copy of its books: real Home Assistant sends again what the copy lacks.

Commands are the app's own, run as its owner would. What the journal has is read from its rows.
"""

import asyncio
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


def seqs(house: SharedHouse) -> list[int]:
    """The records in the books, of the journal's one incarnation."""
    return [row["seq"] for row in house.books("SELECT seq FROM record ORDER BY seq")]


async def stranger_is_refused(house: SharedHouse) -> None:
    """One more record: somebody shows a card nobody knows."""
    before = house.head()
    await house.stall(1).tap(STRANGER_UID)
    await house.until(lambda: len(seqs(house)) == house.head() > before, seconds=90)


@played
async def test_an_app_out_of_an_older_backup_has_every_record_again(house: SharedHouse) -> None:
    place = house.place
    await house.until(lambda: len(seqs(house)) == house.head())
    copied = asyncio.create_task(command(house, "backup"))  # the app does it, and its time stands still meanwhile
    while not copied.done():
        await house.passes(1)
    assert "checked" in copied.result()
    had = seqs(house)
    await stranger_is_refused(house)
    lost = seqs(house)[len(had) :]
    assert lost
    await place.app.stop()
    assert "The app begins in quarantine" in await command(house, "restore")
    assert seqs(house) == had
    await place.app.start()
    house.clock.let_go()
    await place.until_app_answers()
    house.clock.hold_again()
    await house.until(lambda: len(seqs(house)) == house.head(), seconds=120)
    assert seqs(house) == [*had, *lost]
    assert "it gets them again" in place.home_assistant.program.tail(200)
