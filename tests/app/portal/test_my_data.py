"""Taking one's data along, and what the manager takes along or erases."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
import zipfile

from evshare_app.verifier.evshare_verify import verify
from tests.app.house import Browser, Furnished, furnished, house

__all__ = ["furnished", "house"]

JUNE = datetime(2026, 6, 10, 18, tzinfo=UTC)


async def fetch(browser: Browser, path: str) -> tuple[int, bytes]:
    async with browser.http.get(browser.origin + path) as answer:
        return answer.status, await answer.read()


async def test_residents_take_their_own_sessions_along_and_nobody_elses(furnished: Furnished, tmp_path: Path) -> None:
    own = furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    other = furnished.integration.charge("stall-2", "res-2", JUNE, JUNE + timedelta(hours=1), 5_000)
    await furnished.integration.deliver()
    status, content = await fetch(furnished.phone, "/me/data")
    assert status == 200
    with zipfile.ZipFile(BytesIO(content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert own.encode() in everything
    assert other.encode() not in everything
    (tmp_path / "mine.zip").write_bytes(content)
    assert verify(str(tmp_path / "mine.zip")).wrong == []


async def test_nothing_is_left_beside_the_books(furnished: Furnished) -> None:
    await fetch(furnished.phone, "/me/data")
    assert list(furnished.house.app.settings.data_dir.glob("export-*")) == []


async def test_the_manager_takes_all_the_books_along(furnished: Furnished, tmp_path: Path) -> None:
    sessions = [
        furnished.integration.charge("stall-1", resident, JUNE + hours, JUNE + hours + timedelta(hours=1), 5_000)
        for resident, hours in (("res-1", timedelta()), ("res-2", timedelta(hours=2)))
    ]
    await furnished.integration.deliver()
    status, content = await fetch(furnished.office, "/office/data/export")
    assert status == 200
    (tmp_path / "books.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "books.zip") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert all(one.encode() in everything for one in sessions)
    assert verify(str(tmp_path / "books.zip")).wrong == []


async def test_somebody_who_has_left_is_erased_once_their_name_is_typed(furnished: Furnished) -> None:
    await furnished.integration.disconnect()
    furnished.integration.building["residents"] = []
    await furnished.integration.connect()
    page = await furnished.office.get("/office/data")
    assert "Ada Larsen" in page.text
    wrong = await furnished.office.submit(page, "/office/data/erase", name="Ada")
    assert wrong.status == 400
    assert "Ada Larsen" in (await furnished.office.get("/office/data")).text
    done = await furnished.office.submit(page, "/office/data/erase", name="Ada Larsen")
    assert done.status == 200
    assert "Ada Larsen" not in done.text
