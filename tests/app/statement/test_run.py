"""A close is carried out account by account, and goes on where it was cut off: nothing twice, nothing lost."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from evshare_app.books import schema
from evshare_app.books.accounting_tables import ledger_head, slice_seal, statement_charge, statement_file
from evshare_app.books.engine import Books
from evshare_app.closing import Closing
from evshare_app.ledger.accounts import BASE_FEE, receivable
from evshare_app.ledger.heads import fingerprint, verify_books
from evshare_app.ledger.ledger import balance
from evshare_app.model import AccountId, ResidentId, SessionId
from evshare_app.payment.rail import RailUnavailable
from evshare_app.resident.disputes import DisputeRefused, question, uphold
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import CloseRefused, close_of, issue_next, preview_month
from evshare_app.statement.close import approve as approve_close
from evshare_app.statement.files import HTML, PDF, kept_file
from tests.app.blank_books import new_books
from tests.app.statement.costs import (
    AUGUST_1,
    JULY,
    JULY_1,
    JUNE,
    NOVAK,
    OKAFOR,
    WEBER,
    add_cost,
    add_household,
    add_plan,
    berlin,
)
from tests.app.statement.lindenhof import Cut, add_session, settle_in
from tests.app.statement.steps import close_month


def a_june(conn: Connection) -> None:
    """Three households with a base fee, two of them with sessions, one of which is still open at the month's end."""
    settle_in(conn)
    add_household(conn, NOVAK, "petra")
    add_plan(conn, "house", base_fee_minor=500, is_default=1)
    add_cost(conn, "loan", "equal", 10_000)
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 10_000)])
    add_session(conn, "s2", berlin(4, 18), [Cut(60, 20_000)], resident="ada", stall="stall-2")
    add_session(conn, "s3", berlin(30, 23), [Cut(60, 3_000), Cut(60, 1_000)], open_=True)


@pytest.fixture(scope="module")
def june(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("june") / "books.db"
    new_books(path)

    async def make() -> None:
        books = await Books.open(path)
        await books.write(a_june)
        await books.close()

    asyncio.run(make())
    return path


@pytest.fixture
async def books(june: Path, tmp_path: Path):
    shutil.copy(june, tmp_path / "books.db")
    opened = await Books.open(tmp_path / "books.db")
    yield opened
    await opened.close()


class Power(Exception):
    """It went off."""


class Mortal:
    """The books of an app that dies once a transaction was committed."""

    def __init__(self, books: Books, dies_at: int) -> None:
        self._books = books
        self._dies_at = dies_at
        self.writes = 0

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        self.writes += 1
        result = await self._books.write(work)
        if self.writes == self._dies_at:
            raise Power
        return result

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        return await self._books.read(work)


def closing(books: Any, tmp_path: Path, **parts: Any) -> Closing:
    return Closing(books, lambda: JULY_1 + timedelta(seconds=1), keys=tmp_path, **parts)


async def approve(books: Books, tmp_path: Path) -> None:
    seen = (await books.read(lambda conn: preview_month(conn, JUNE, JULY_1))).fingerprint
    await books.write(lambda conn: approve_close(conn, JUNE, seen, "office:maria", JULY_1))


def outcome(conn: Connection) -> dict[str, Any]:
    """What a close leaves behind."""
    rows = conn.execute(select(schema.statement).order_by(schema.statement.c.number)).all()
    files = select(func.count()).select_from(statement_file)
    run = close_of(conn, JUNE)
    assert run is not None
    return {
        "statements": [(row.number, row.account_id, row.gross_minor) for row in rows],
        "balances": [balance(conn, receivable(AccountId(one))) for one in (NOVAK, OKAFOR, WEBER)],
        "files": conn.scalar(files),
        "heads": conn.scalar(select(func.count()).select_from(ledger_head)),
        "seals": [tuple(row) for row in conn.execute(select(slice_seal.c.first_slice_id, slice_seal.c.last_slice_id))],
        "charges": conn.scalar(select(func.count()).select_from(statement_charge)),
        "run": (run.step, run.issued, run.accounts, run.problem),
        "broken": [one for one in run_checks(conn) if not one.ok],
    }


# Base fee 5.00 and a third of 100.00 each; 20 kWh are 6.00; 10 kWh and 3 of the session that goes on are 3.90.
EXPECTED = {
    "statements": [
        ("2026-000001", NOVAK, 500 + 3334),
        ("2026-000002", OKAFOR, 500 + 3333 + 600),
        ("2026-000003", WEBER, 500 + 3333 + 300 + 90),
    ],
    "balances": [3834, 4433, 4223],
    "files": 6,
    "heads": 1,
    "seals": [(1, 4)],
    "charges": 6,
    "run": ("done", 3, 3, ""),
    "broken": [],
}


async def test_a_close_leaves_statements_a_signed_head_and_files(books: Books, tmp_path: Path):
    await approve(books, tmp_path)
    await closing(books, tmp_path).finish()
    assert await books.read(outcome) == EXPECTED
    assert await books.read(lambda conn: balance(conn, BASE_FEE)) == -1500
    assert (await books.read(verify_books)).ok
    head = await books.read(lambda conn: conn.execute(select(ledger_head)).one())
    page = await books.read(lambda conn: kept_file(conn, conn.scalar(select(schema.statement.c.statement_id)), HTML))
    assert fingerprint(head.public_key) in page.decode()


async def test_it_goes_on_wherever_it_was_cut_off(june: Path, tmp_path: Path, monkeypatch):
    """Its transactions: key, 3 statements and their end, head, 3 times files and their end, collected, checked."""
    # What the files look like is tested elsewhere; here they are made fifty times over.
    monkeypatch.setattr("evshare_app.closing.render_files", lambda document: dict.fromkeys((HTML, PDF), b"file"))
    approved = tmp_path / "approved"
    approved.mkdir()
    shutil.copy(june, approved / "books.db")
    books = await Books.open(approved / "books.db")
    await approve(books, approved)
    await books.close()
    for dies_after in range(1, 13):
        folder = tmp_path / str(dies_after)
        shutil.copytree(approved, folder)
        books = await Books.open(folder / "books.db")
        with pytest.raises(Power):
            await closing(Mortal(books, dies_after), folder).finish()
        await books.close()
        books = await Books.open(folder / "books.db")
        await closing(books, folder).finish()
        assert await books.read(outcome) == EXPECTED, dies_after
        await books.close()


async def test_a_small_house_has_its_statements_at_once_and_finishing_again_does_nothing(books: Books, tmp_path: Path):
    seen = (await books.read(lambda conn: preview_month(conn, JUNE, JULY_1))).fingerprint
    close = closing(books, tmp_path)
    await close.approve(JUNE, seen, "office:maria")
    assert (await books.read(outcome))["statements"] == EXPECTED["statements"]
    await asyncio.gather(close.finish(), close.finish())
    await close.finish()
    assert await books.read(outcome) == EXPECTED


async def test_a_month_that_changed_since_it_was_looked_at_is_not_closed(books: Books, tmp_path: Path):
    seen = (await books.read(lambda conn: preview_month(conn, JUNE, JULY_1))).fingerprint
    await books.write(lambda conn: add_session(conn, "late", berlin(5, 18), [Cut(60, 1_000)]))
    with pytest.raises(CloseRefused, match="has changed since you looked"):
        await closing(books, tmp_path).approve(JUNE, seen, "office:maria")
    assert await books.read(lambda conn: close_of(conn, JUNE)) is None
    assert await books.read(lambda conn: conn.scalar(select(func.count()).select_from(schema.period))) == 0


async def test_what_comes_after_the_approval_is_billed_with_the_next_month(books: Books, tmp_path: Path):
    await approve(books, tmp_path)

    def come_late(conn: Connection) -> None:
        add_session(conn, "late", berlin(5, 18), [Cut(60, 7_000)], resident="ada", stall="stall-2")

    await books.write(come_late)
    with pytest.raises(CloseRefused, match="2026-06 is still being closed"):
        await books.write(lambda conn: close_month(conn, JULY, "m", AUGUST_1))
    await closing(books, tmp_path).finish()
    # What was measured is sealed at once; only its bill waits.
    assert await books.read(outcome) == EXPECTED | {"seals": [(1, 5)]}


async def test_a_session_that_is_questioned_meanwhile_stays_as_it_was_approved(books: Books, tmp_path: Path):
    late = berlin(30, 20)
    await books.write(lambda conn: add_session(conn, "s9", late, [Cut(60, 1_000)], resident="ada", stall="stall-2"))
    await approve(books, tmp_path)

    def object_(conn: Connection) -> None:
        question(conn, ResidentId("ada"), "s9", "not my car", JULY_1)

    await books.write(object_)
    with pytest.raises(DisputeRefused, match="closing"):
        await books.write(lambda conn: uphold(conn, SessionId("s9"), "", "office:maria", JULY_1))
    await closing(books, tmp_path).finish()
    # It is on the statement; deciding now credits it.
    await books.write(lambda conn: uphold(conn, SessionId("s9"), "", "office:maria", JULY_1))
    done = await books.read(outcome)
    assert done["statements"][1] == ("2026-000002", OKAFOR, 4433 + 30)
    assert done["balances"][1] == 4433
    assert done["broken"] == []


class Provider:
    """A rail whose provider is away, or not."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.asked = 0
        self._problem = problem

    async def collect_open(self):
        self.asked += 1
        if self._problem is not None:
            raise self._problem
        return []


async def test_it_collects_once_the_statements_are_out(books: Books, tmp_path: Path):
    rail = Provider()
    await approve(books, tmp_path)
    await closing(books, tmp_path, rail=rail).finish()
    assert rail.asked == 1


async def test_a_provider_that_is_away_does_not_hold_it_up(books: Books, tmp_path: Path):
    await approve(books, tmp_path)
    await closing(books, tmp_path, rail=Provider(RailUnavailable("Stripe does not answer"))).finish()
    assert (await books.read(outcome))["run"] == ("done", 3, 3, "Stripe does not answer")


async def test_a_file_that_is_not_kept_yet_is_made_the_same(books: Books, tmp_path: Path):
    await approve(books, tmp_path)
    await books.write(lambda conn: [close_step(conn) for _ in range(3)])
    ids = await books.read(lambda conn: conn.scalars(select(schema.statement.c.statement_id)).all())
    before = [
        await books.read(lambda conn, one=one, kind=kind: kept_file(conn, one, kind))
        for one in ids
        for kind in (HTML, PDF)
    ]
    await closing(books, tmp_path).finish()
    assert before == [
        await books.read(lambda conn, one=one, kind=kind: kept_file(conn, one, kind))
        for one in ids
        for kind in (HTML, PDF)
    ]


def close_step(conn: Connection):
    return issue_next(conn, JUNE, JULY_1)
