"""Books of every released schema come to the newest one with every fact they had."""

from collections.abc import Iterator
from pathlib import Path
import shutil

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from evshare_app.books.engine import Books, create_books_engine
from evshare_app.books.invariants import differences, facts_of
from evshare_app.books.migrate import MigrationFailed, is_behind, upgrade
from evshare_app.statement.checks import run_checks
from tests.app.books.house_books import chain_is_wrong
from tests.app.books.released import RELEASED, released


@pytest.fixture(scope="module", params=RELEASED)
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / f"books-{request.param}.db"
    released(path, request.param)
    return path


@pytest.fixture
def engine(old: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copy(old, tmp_path / "books.db")
    made = create_books_engine(tmp_path / "books.db")
    yield made
    made.dispose()


def content(conn: Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: sorted((tuple(row) for row in conn.execute(text(f"SELECT {', '.join(names)} FROM {table}"))), key=repr)
        for table, names in columns.items()
    }


def columns(conn: Connection) -> dict[str, list[str]]:
    seen = inspect(conn)
    return {
        table: [column["name"] for column in seen.get_columns(table)]
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def test_every_row_comes_through_as_it_was(engine: Engine):
    with engine.connect() as conn:
        before_columns, before_facts = columns(conn), facts_of(conn)
    upgrade(engine)
    with engine.connect() as conn:
        after_columns = columns(conn)
        kept = {
            table: [name for name in names if name in after_columns[table]] for table, names in before_columns.items()
        }
        after, after_facts = content(conn, kept), facts_of(conn)
        assert not is_behind(conn)
        assert [check for check in run_checks(conn) if not check.ok] == []
        assert chain_is_wrong(conn) == []
        pages = conn.execute(text("SELECT kind, content FROM statement_file ORDER BY kind")).all()
    assert after_facts.head is not None
    assert after_facts.head[0] == 2
    assert after_facts.balances == {("1100", "EUR"): 360, ("1400:acc-1", "EUR"): 0, ("4000", "EUR"): -360}
    assert differences(before_facts, after_facts) == []
    # Statements' pages moved to a table of their own; everything else is where it was.
    assert {
        table: set(names) - set(kept[table]) for table, names in before_columns.items() if names != kept[table]
    } == {"statement": {"html", "pdf"}}
    assert [tuple(row) for row in pages] == [("html", "<p>3,60 €</p>".encode()), ("pdf", b"%PDF-1.7 3,60")]
    assert after["session"][0][before_columns["session"].index("energy_wh")] == 12_000


def test_rows_are_compared_column_by_column(engine: Engine):
    with engine.connect() as conn:
        names = columns(conn)
        names["statement"] = [name for name in names["statement"] if name not in ("html", "pdf")]
        before = content(conn, names)
    upgrade(engine)
    with engine.connect() as conn:
        assert content(conn, names) == before


async def test_they_are_copied_before_they_are_migrated(old: Path, tmp_path: Path):
    shutil.copy(old, tmp_path / "books.db")
    books = await Books.open(tmp_path / "books.db", keep_in=tmp_path / "backups")
    await books.close()
    made = create_books_engine(tmp_path / "backups" / f"schema-{old.stem[-4:]}.db")
    with made.connect() as conn:
        assert is_behind(conn)
        assert facts_of(conn).rows["statement"] == 1
    made.dispose()


@pytest.mark.parametrize(
    ("sabotage", "problem"),
    [
        ("DROP TRIGGER cdr_no_update", "the trigger cdr_no_update is gone"),
        ("DROP TRIGGER record_no_delete; DELETE FROM record WHERE seq = 2", "record had 2 rows, now None"),
        ("DROP TRIGGER posting_no_update; UPDATE posting SET amount_minor = 2 * amount_minor", "balances changed"),
    ],
)
def test_a_migration_that_would_change_facts_is_undone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, sabotage: str, problem: str
):
    real = __import__("evshare_app.books.migrate", fromlist=["command"]).command.upgrade

    def careless(config, target: str) -> None:
        real(config, target)
        for statement in sabotage.split("; "):
            config.attributes["connection"].execute(text(statement))

    with engine.connect() as conn:
        before = facts_of(conn)
    monkeypatch.setattr("evshare_app.books.migrate.command.upgrade", careless)
    with pytest.raises(MigrationFailed, match=problem):
        upgrade(engine)
    with engine.connect() as conn:
        assert facts_of(conn) == before
        assert is_behind(conn)
