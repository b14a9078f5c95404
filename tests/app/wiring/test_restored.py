"""The app comes back with older books: what the integration has comes again, and nothing leaves the house before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
import re
import shutil

import pytest
import yaml

import evshare_app
from evshare_app import control
from evshare_app.books.lock import InUse
from evshare_app.commands import parser, run_command
from evshare_app.settings import Settings
from tests.app.books.house_books import open_books
from tests.app.house import NOW, Browser, Clock, House, Integration, open_house, role_admin

AUGUST = datetime(2026, 8, 1, 7, 30, tzinfo=UTC)
CONFIG = yaml.safe_load((Path(evshare_app.__file__).parents[1] / "config.yaml").read_text())


@asynccontextmanager
async def opened(path: Path, clock: Clock) -> AsyncIterator[House]:
    path.mkdir(exist_ok=True)
    if not (path / "books.db").exists() and not (path / "for-backup").exists():
        await (await open_books(path / "books.db")).close()
    async with open_house(path, clock) as house:
        yield house


async def command(path: Path, *words: str) -> tuple[bool, str]:
    return await run_command(parser().parse_args(words), Settings(data_dir=path))


async def connected(house: House, before: Integration | None = None) -> tuple[Integration, int]:
    """The integration with the journal it has, and what the app says it has of it."""
    integration = house.integration()
    if before is not None:
        integration.incarnation, integration.journal = before.incarnation, before.journal
    integration.decide = role_admin
    return integration, (await integration.connect())["ack_seq"]


async def charged(office: Browser) -> list[str]:
    page = await office.get("/office/month?month=2026-07")
    return re.findall(r"<b>([\d,]+) kWh</b><span>charged", page.text)


async def test_what_was_charged_since_the_backup_comes_back_and_quarantine_ends_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as house:
        before, _ = await connected(house)
        before.charge("stall-1", "res-1", NOW - timedelta(hours=2), NOW - timedelta(hours=1), 7000)
        had = (await before.deliver())["ack_seq"]
        answer = await control.ask(tmp_path, "backup")
        assert answer["ok"], answer
        with pytest.raises(InUse, match="evshare is running on this folder; stop it first"):
            await command(tmp_path, "restore")
        before.charge("stall-1", "res-1", NOW - timedelta(hours=1), NOW, 5000)
        assert (await before.deliver(after=had))["ack_seq"] == len(before.journal) > had
    went_well, said = await command(tmp_path, "restore")
    assert went_well
    assert "The app begins in quarantine" in said

    clock.now = AUGUST
    async with opened(tmp_path, clock) as house:
        integration, ack_seq = await connected(house, before)
        assert ack_seq == had
        office = await house.office(integration)
        assert "restored from a backup" in (await office.get("/office")).text
        month = await office.get("/office/month?month=2026-07")
        assert "/office/month/close" not in month.text
        csrf = month.form("/office/sign-out")
        refused = await office.post("/office/month/close", csrf | {"month": "2026-07"})
        assert refused.status == 409
        assert "what they lack is being found out" in refused.text
        # Charging goes on, and what comes in is rated.
        assert (await integration.deliver(after=ack_seq))["ack_seq"] == len(before.journal)
        assert await charged(office) == ["12,0"]
        clock.advance(minutes=1)
        await house.app.safekeeping.look_after()
        assert "restored from a backup" not in (await office.get("/office")).text
        page = await office.get("/office/backup")
        assert "Quarantine is over" in page.text
        assert "by itself" in page.text
        assert "Records of stalls" in page.text
        closed = await office.submit(
            await office.get("/office/month?month=2026-07"), "/office/month/close", month="2026-07"
        )
        assert "The month is closed" in closed.text
        assert "All is well" in (await office.get("/office/checks")).text


async def test_a_house_out_of_home_assistants_backup_waits_for_its_manager(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "old", clock) as house:
        before, _ = await connected(house)
        before.charge("stall-1", "res-1", NOW - timedelta(hours=2), NOW, 7000)
        await before.deliver()
        token = house.app.pairing_token
        assert (await control.ask(tmp_path / "old", "backup"))["ok"]
        # What the Supervisor packs while the app goes on.
        for path in (tmp_path / "old").rglob("*"):
            name = path.relative_to(tmp_path / "old")
            full = PurePath("/data/addons/data/f1e2d3c4_evshare") / name
            if path.is_file() and not any(full.match(one) for one in CONFIG["backup_exclude"]):
                (tmp_path / "new" / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / "new" / name)
    async with opened(tmp_path / "new", clock) as house:
        assert house.app.pairing_token == token
        integration, ack_seq = await connected(house, before)
        assert ack_seq == len(before.journal)
        office = await house.office(integration)
        page = await office.get("/office/backup")
        assert "Not known: whatever happened since the backup was made." in page.text
        done = await office.submit(page, "/office/backup/leave")
        assert "Quarantine is over" in done.text
        assert "restored from a backup" not in (await office.get("/office")).text
        assert await charged(office) == ["7,0"]


async def test_the_app_copies_its_books_once_a_day_and_tries_a_copy_every_month(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as house:
        integration, _ = await connected(house)
        keeping = house.app.safekeeping
        await keeping.look_after()
        clock.advance(hours=23)
        await keeping.look_after()
        assert len(keeping.shelf.copies()) == 1
        clock.advance(hours=1)
        await keeping.look_after()
        assert len(keeping.shelf.copies()) == 2
        office = await house.office(integration)
        page = await office.get("/office/backup")
        assert "went well" in page.text
        assert "All is well" in page.text
        assert "A drill is due" not in page.text
        clock.advance(days=32)
        office = await house.office(integration)
        page = await office.get("/office/backup")
        assert "A drill is due" in page.text
        assert "No new copy" in page.text
        await keeping.look_after()
        assert "A drill is due" not in (await office.get("/office/backup")).text
    assert await command(tmp_path, "drill") == (True, "books-20260804T163000Z.db, 0 transactions: went well")
    went_well, said = await command(tmp_path, "backup", "--to", str(tmp_path / "usb"))
    assert (went_well, said) == (True, f"copied to {tmp_path / 'usb'}")
    assert sorted(path.name for path in (tmp_path / "usb" / "keys").iterdir()) == ["pairing.token", "tag.key"]


async def test_a_command_nobody_knows_is_refused_and_one_where_nobody_is_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, Clock()):
        answer = await control.ask(tmp_path, "sell")
        assert answer == {"ok": False, "problem": "command: got 'sell', accepted are backup, drill, change-key"}
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    with pytest.raises(control.NotRunning, match="no app answers here"):
        await control.ask(tmp_path, "backup")
    with pytest.raises(FileNotFoundError, match="there are no books here"):
        await command(tmp_path / "nowhere", "backup")
