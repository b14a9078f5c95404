"""Three months of a building, played on the real app, end where its own registers do; who changes something is found.

`scripts/year` plays twelve.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
import shutil
import sqlite3

import pytest

from demo.year.audit import audit
from demo.year.physics import live
from demo.year.plot import AUTUMN
from evshare_app.books.engine import create_books_engine
from evshare_app.export.make import export_building
from evshare_app.statement import files
from evshare_app.verifier.evshare_verify import verify
from tests.app.blank_books import new_books_are_copied
from tests.app.export.forger import resealed, unpacked
from tests.year.driver import play
from tests.year.tampering import TAMPERINGS


@pytest.fixture(scope="module")
def world():
    return live(AUTUMN, seed=3)


@pytest.fixture(scope="module")
def autumn(world, tmp_path_factory):
    with new_books_are_copied():
        return asyncio.run(play(world, tmp_path_factory.mktemp("autumn")))


@pytest.fixture(scope="module")
def export(autumn, tmp_path_factory):
    """Without its PDFs, which take as long as all the rest."""
    path = tmp_path_factory.mktemp("export") / "building.zip"
    engine = create_books_engine(autumn.books)
    with pytest.MonkeyPatch.context() as patched, engine.begin() as conn:
        patched.setattr(files, "render_pdf", lambda _: b"")
        export_building(conn, autumn.key, path, datetime(2028, 1, 4, tzinfo=UTC))
    engine.dispose()
    return path


def wrong(world, books: Path) -> str:
    return "; ".join(f"{one.name}: {one.found}" for one in audit(world, books).checks if not one.ok)


def test_every_watt_hour_and_every_cent_is_where_it_belongs(world, autumn):
    assert wrong(world, autumn.books) == ""
    assert autumn.wrong == ()
    # There is something of everything.
    energy = audit(world, autumn.books).energy["in all"]
    assert min(energy.billed, energy.common, energy.unattributed, energy.standby, energy.losses) > 1_000


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE slice SET register_end_wh = register_end_wh + 500 WHERE slice_id = 700", "feeder = billed"),
        (
            "UPDATE slice SET session_id = NULL WHERE session_id = (SELECT min(session_id) FROM cdr)",
            "what is unattributed",
        ),
        ("UPDATE cdr SET net_minor = net_minor + 1, gross_minor = gross_minor + 1 WHERE part = 2", "price of its day"),
        ("UPDATE statement SET gross_minor = gross_minor + 1 WHERE rowid = 9", "billed = statements"),
        ("UPDATE posting SET amount_minor = amount_minor + 1 WHERE number = 40 AND line = 1", "owes in the ledger"),
        ("DELETE FROM statement WHERE rowid = 20", "without gaps"),
        ("UPDATE cdr SET kind = 'normal' WHERE kind = 'adjustment'", "is an adjustment"),
    ],
)
def test_the_audit_sees_what_is_not_so(world, autumn, tmp_path, change, found):
    books = shutil.copy(autumn.books, tmp_path / "books.db")
    db = sqlite3.connect(books)
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    assert db.execute(change).rowcount > 0
    db.commit()
    db.close()
    assert found in wrong(world, Path(books))


def test_the_verifier_agrees(export):
    assert verify(str(export)).wrong == []


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_the_verifier_finds_what_was_changed(export, autumn, tmp_path, tamper):
    members = unpacked(export)
    tamper(members)
    assert verify(str(resealed(members, autumn.key, tmp_path / "tried.zip"))).wrong
