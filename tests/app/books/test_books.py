import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
import os
from pathlib import Path
import sqlite3
import threading

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
import pytest
from sqlalchemy import CheckConstraint, Connection, Engine, create_engine, insert, text

from evshare_app.books import schema
from evshare_app.books.building import NoBuilding, the_building
from evshare_app.books.engine import Books
from evshare_app.books.migrate import BooksTooNew, upgrade
from evshare_app.model import Month
from tests.app.statement.lindenhof import BUILDING, JULY_1, Cut, add_session, open_engine, settle_in
from tests.app.statement.steps import close_month

UNCHANGEABLE = [
    "record",
    "slice",
    "meter_epoch",
    "tariff",
    "cdr",
    "ledger_transaction",
    "posting",
    "period",
    "statement",
    "statement_cdr",
    "cdr_slice",
    "charge",
    "close_cdr",
    "ledger_head",
    "price_slot",
    "remainder",
    "restore_drill",
    "signed_meter_value",
    "slice_source",
    "solar_bank",
    "statement_charge",
    "statement_file",
    "tariff_withdrawn",
]


def fill(conn: Connection) -> None:
    settle_in(conn)
    add_session(conn, "s1", datetime(2026, 6, 2, tzinfo=UTC), [Cut(60, 1_000)])
    close_month(conn, Month(2026, 6), "m", JULY_1)
    conn.execute(
        insert(schema.record).values(
            building_id=BUILDING, incarnation="i", seq=1, kind="denied", at_ms=1, body_json="{}", received_ms=2
        )
    )
    known = {
        "account_id": "SELECT account_id FROM account",
        "statement_id": "SELECT statement_id FROM statement",
        "session_id": "SELECT session_id FROM session",
        "version_id": "SELECT version_id FROM tariff",
        "charge_id": "SELECT charge_id FROM charge",
        "slice_id": "SELECT slice_id FROM slice",
    }
    for name in UNCHANGEABLE:
        table = schema.metadata.tables[name]
        if conn.scalar(text(f"SELECT count(*) FROM {name}")) == 0:
            refers = {column.name for column in table.c if column.foreign_keys}
            values = {
                column.name: conn.scalar(text(known[column.name]))
                if column.name in refers
                else {int: 1, str: "x", bytes: b"x"}[column.type.python_type]
                for column in table.c
            }
            conn.execute(insert(table).values(values))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(tmp_path_factory.mktemp("filled") / "books.db")
    with engine.begin() as conn:
        fill(conn)
    yield engine
    engine.dispose()


def columns(conn: Connection, table: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in conn.execute(text(f'PRAGMA table_xinfo("{table}")'))]


def test_new_books_have_exactly_the_tables_of_the_schema(tmp_path: Path):
    engine = open_engine(tmp_path / "books.db")
    with engine.connect() as conn, create_engine("sqlite://").connect() as directly_made:
        schema.metadata.create_all(directly_made)
        assert compare_metadata(MigrationContext.configure(conn), schema.metadata) == []
        # Alembic compares neither checks nor, exactly, defaults.
        made = conn.scalar(text("SELECT group_concat(sql) FROM sqlite_master"))
        for table in schema.metadata.sorted_tables:
            for check in (one for one in table.constraints if isinstance(one, CheckConstraint)):
                assert str(check.sqltext) in made
            assert columns(conn, table.name) == columns(directly_made, table.name)
        assert conn.scalar(text("PRAGMA integrity_check")) == "ok"


@pytest.mark.parametrize("table", UNCHANGEABLE)
@pytest.mark.parametrize(
    "change", ["UPDATE {0} SET building_id = 'x'", "DELETE FROM {0}", "REPLACE INTO {0} SELECT * FROM {0}"]
)
def test_facts_can_be_added_and_never_changed(filled: Engine, table: str, change: str):
    with filled.connect() as conn, pytest.raises(Exception, match=f"{table}: rows are never changed or deleted"):
        conn.execute(text(change.format(table)))


def test_migrating_again_changes_nothing(tmp_path: Path):
    engine = open_engine(tmp_path / "books.db")
    with engine.begin() as conn:
        fill(conn)
    upgrade(engine)
    with engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM statement")) == 1


async def test_books_of_a_newer_app_are_refused_and_left_alone(tmp_path: Path):
    engine = open_engine(tmp_path / "books.db")
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(BooksTooNew, match="revision is 9999, accepted are 0001, 0002, 0003"):
        await Books.open(tmp_path / "books.db")
    with sqlite3.connect(tmp_path / "books.db") as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


async def test_the_books_are_durable_and_check_references(tmp_path: Path):
    books = await Books.open(tmp_path / "books 100% ?.db")

    def settings(conn: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "trusted_schema")
        return {name: conn.scalar(text(f"PRAGMA {name}")) for name in names}

    assert await books.read(settings) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "trusted_schema": 0,
    }
    await books.close()


async def test_work_is_done_whole_or_not_at_all(tmp_path: Path):
    books = await Books.open(tmp_path / "books.db")

    def half(conn: Connection) -> None:
        settle_in(conn)
        msg = "half way"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="half way"):
        await books.write(half)
    with pytest.raises(NoBuilding, match="not known yet"):
        await books.read(the_building)
    await books.write(settle_in)
    assert (await books.read(the_building)).name == "Lindenhof"
    await books.close()


async def test_what_a_reader_changes_is_undone(tmp_path: Path):
    books = await Books.open(tmp_path / "books.db")
    await books.read(settle_in)
    with pytest.raises(NoBuilding):
        await books.read(the_building)
    await books.close()


async def test_work_that_was_begun_is_finished_although_nobody_waits_for_it_any_more(tmp_path: Path):
    books = await Books.open(tmp_path / "books.db")
    begun, go_on = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        begun.set()
        go_on.wait()
        settle_in(conn)

    waiting = asyncio.create_task(books.write(slow))
    await asyncio.to_thread(begun.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert (await books.read(the_building)).name == "Lindenhof"
    await books.close()


async def test_closed_books_are_one_file_without_a_log_beside_it(tmp_path: Path):
    books = await Books.open(tmp_path / "books.db")
    await books.write(fill)
    await books.close()
    assert os.listdir(tmp_path) == ["books.db"]
    again = await Books.open(tmp_path / "books.db")
    assert (await again.read(the_building)).currency == "EUR"
    await again.close()
