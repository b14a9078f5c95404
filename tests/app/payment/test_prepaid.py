"""Money paid in advance: booked once, used for the statements that follow, told to whoever asks how much is left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from evshare_app.books.payers import Plan, PlanKind
from evshare_app.ledger.accounts import BANK, prepaid, receivable
from evshare_app.ledger.ledger import balance
from evshare_app.model import AccountId, Month
from evshare_app.payment.prepaid import top_up, use_prepaid
from evshare_app.payment.rail import PaymentRefused
from evshare_app.payment.standing import standing
from evshare_app.resident.plans import add_plan, assign_plan
from evshare_app.resident.prepaid import prepaid_balance, prepaid_of
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import close_month
from tests.app.statement.lindenhof import JULY_1, Cut, add_session, open_engine, settle_in

WEBER = AccountId("acc-weber")
JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    engine = open_engine(tmp_path / "books.db")
    with engine.begin() as connection:
        settle_in(connection)
        yield connection
    engine.dispose()


def pay_in(conn: Connection, minor: int, entry: str = "B-1") -> None:
    top_up(conn, WEBER, amount_minor=minor, into=BANK, entry=entry, at=JUNE, actor="office:u1", now=JUNE)


def test_a_top_up_is_booked_once(conn: Connection) -> None:
    pay_in(conn, 2_000)
    pay_in(conn, 2_000)
    assert (balance(conn, BANK), balance(conn, prepaid(WEBER))) == (2_000, -2_000)
    with pytest.raises(PaymentRefused, match="entry: 'B-1'"):
        pay_in(conn, 2_500)
    assert balance(conn, BANK) == 2_000


@pytest.mark.parametrize(
    ("paid", "left", "due"),
    # 40 kWh at 0.30 are 12.00.
    [(2_000, 800, 0), (1_200, 0, 0), (500, 0, 700)],
)
def test_a_statement_takes_what_was_paid_in_advance(conn: Connection, paid: int, left: int, due: int) -> None:
    pay_in(conn, paid)
    add_session(conn, "a" * 32, JUNE, [Cut(15, 40_000)])
    assert prepaid_balance(conn, WEBER, JULY_1).left.minor == paid - 1_200
    (statement_id,) = close_month(conn, Month(2026, 6), "office:u1", JULY_1)
    # Issued and not yet paid, it counts as used all the same.
    assert prepaid_balance(conn, WEBER, JULY_1).left.minor == paid - 1_200
    assert use_prepaid(conn, statement_id, "close", JULY_1) == min(paid, 1_200)
    assert use_prepaid(conn, statement_id, "close", JULY_1) == 0
    assert -balance(conn, prepaid(WEBER)) == left
    assert balance(conn, receivable(WEBER)) == due
    assert standing(conn, statement_id, JULY_1).due.minor == due
    assert [one for one in run_checks(conn) if not one.ok] == []


def test_a_running_session_counts(conn: Connection) -> None:
    pay_in(conn, 2_000)
    begun = JULY_1 - timedelta(minutes=30)
    add_session(conn, "b" * 32, begun, [Cut(15, 10_000)], open_=True)
    known = prepaid_balance(conn, WEBER, JULY_1, {"b" * 32: 20_000})
    assert (known.unbilled.minor, known.running.minor, known.left.minor) == (0, 600, 1_400)
    assert prepaid_balance(conn, WEBER, JULY_1, without="jana").left.minor == 2_000


def test_who_pays_as_they_go_has_no_balance(conn: Connection) -> None:
    assert prepaid_of(conn, "jana", JULY_1) is None
    plan = Plan(plan_id="", name="In advance", kind=PlanKind.PREPAID, family="house")
    assign_plan(conn, add_plan(conn, plan, "office:u1", JUNE), account_id=WEBER, since=JUNE, by="office:u1")
    found = prepaid_of(conn, "jana", JULY_1)
    assert found is not None
    assert found.left.minor == 0
