"""Changing the key of the ledger from the command line, while the app runs and while it does not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from evshare_app.commands import parser, run_command
from evshare_app.export.make import export_building
from evshare_app.ledger.heads import open_key
from evshare_app.ledger.ledger import post
from evshare_app.ledger.templates import Event, unknown_receipt
from evshare_app.ledger_key import DigitsWrong, change_ledger_key
from evshare_app.settings import Settings
from evshare_app.verifier.evshare_verify import verify
from tests.app.house import Furnished, open_house

JULY_1 = datetime(2026, 7, 1, 8, tzinfo=UTC)


def book(conn: Connection) -> None:
    event = Event(transaction_id="t1", occurred=JULY_1, actor="office", reason="a", currency="EUR")
    post(conn, unknown_receipt(event, 100), JULY_1)


async def command(folder: Path, *words: str) -> tuple[bool, str]:
    return await run_command(parser().parse_args(words), Settings(data_dir=folder))


async def test_the_key_is_changed_by_naming_the_one_in_force_and_exports_tell_of_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await Furnished.of(house)
        books = house.app.books
        await books.write(book)
        first = await house.app.closing.ledger_key()
        went_well, said = await command(tmp_path, "change-key")
        assert went_well
        assert f"The key of the ledger is {first}." in said
        assert f"change-key {first}" in said
        assert await house.app.closing.ledger_key() == first  # asking changes nothing
        assert await command(tmp_path, "change-key", "0123456789abcdef") == (
            False,
            f"digits: got '0123456789abcdef', accepted are those of the key in force, {first}",
        )
        went_well, said = await command(tmp_path, "change-key", first.upper())
        assert went_well
        second = await house.app.closing.ledger_key()
        assert second != first
        assert f"The key of the ledger was {first} and is {second}." in said
    # The app is stopped: the command opens the books itself.
    with pytest.raises(DigitsWrong, match=f"accepted are those of the key in force, {second}"):
        await command(tmp_path, "change-key", first)
    async with open_house(tmp_path) as house:
        books, keys, export = house.app.books, tmp_path / "keys", tmp_path / "export.zip"
        _, third = await change_ledger_key(books, keys, second, JULY_1)
        await books.write(lambda conn: export_building(conn, open_key(conn, keys), export, JULY_1))
    for printed in (first, second, third):
        report = verify(str(export), [printed])
        assert report.wrong == []
        changes = [one for one in report.noted if one.startswith("The key was changed on")]
        assert f"key {first} introduced key {second}" in changes[0]
        assert f"key {second} introduced key {third}" in changes[1]
