from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from evshare_app.model import Month
from evshare_app.statement.checks import run_checks
from tests.app.statement.lindenhof import JULY_1, Cut, add_session, add_unattributed
from tests.app.statement.steps import close_month

EVENING = datetime(2026, 6, 2, 16, 5, tzinfo=UTC)


@pytest.fixture
def closed(conn):
    add_session(conn, "s1", EVENING, [Cut(60, 10_010), Cut(15, 3_000)])
    add_session(conn, "s2", EVENING, [Cut(60, 20_000)], resident="ada", stall="stall-2")
    add_unattributed(conn, EVENING, 77)
    close_month(conn, Month(2026, 6), "office:maria", JULY_1)
    return conn


def broken(conn) -> dict[str, str]:
    return {check.name: check.found for check in run_checks(conn) if not check.ok}


def test_honest_books_pass_every_check(closed):
    assert broken(closed) == {}


def test_empty_books_pass_too(conn):
    assert broken(conn) == {}


@pytest.mark.parametrize(
    ("tampering", "law", "found"),
    [
        (
            "UPDATE slice SET session_id = NULL WHERE session_id = 's1' AND slice_id = 1",
            "Each session's slices sum",
            "s1: slices 3000 Wh",
        ),
        (
            "UPDATE slice SET register_end_wh = register_end_wh - 5 WHERE slice_id = 1",
            "Each register's slices",
            "stall-1",
        ),
        (
            "UPDATE session SET energy_wh = 1 WHERE session_id = 's2'",
            "The CDRs of a session",
            "used 1 Wh",
        ),
        ("UPDATE cdr SET gross_minor = 599 WHERE cdr_id = 's2'", "Each statement is the sum", "2026-000001: 600"),
        ("UPDATE statement SET gross_minor = 1 WHERE account_id = 'acc-weber'", "Each statement is booked", "390"),
        (
            "UPDATE statement SET document_json = replace(document_json, 'Weber', 'Meier')",
            "Each statement's seal",
            "2026-000002",
        ),
        ("UPDATE series SET last = 3", "Statement numbers", "number 2026-000003 is missing"),
        ("UPDATE posting SET amount_minor = 0 WHERE line = 1", "The ledger's chain", "transaction 1"),
        ("UPDATE posting SET amount_minor = 5 WHERE line = 1", "Debits and credits", "transaction 1: -595 EUR"),
        ("DELETE FROM cdr_slice WHERE cdr_id = 's2'", "Each slice is billed once", "20000 Wh, its slices 0 Wh"),
        ("UPDATE cdr SET part = 2 WHERE cdr_id = 's2'", "The parts of a session", "s2: 1 parts, the last is number 2"),
        (
            "DELETE FROM posting WHERE number = 2",
            "What accounts owe",
            "less payments 390, ledger 0",
        ),
        (
            "UPDATE ledger_transaction SET occurred_ms = 1781000000000, recorded_ms = 1790000000000",
            "Nothing is booked into a closed",
            "transaction 1 was booked into 2026-06",
        ),
        ("DELETE FROM posting WHERE number = 2", "Each statement is booked", "booked None"),
    ],
)
def test_what_was_tampered_with_is_found(closed, tampering, law, found):
    for name in closed.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        closed.execute(text(f"DROP TRIGGER {name}"))
    closed.execute(text(tampering))
    breaches = broken(closed)
    [named] = [name for name in breaches if name.startswith(law)]
    assert found in breaches[named]


def test_a_session_that_should_have_been_billed_is_named(conn):
    add_session(conn, "s1", EVENING, [Cut(60, 10_010)], rated=False)
    assert broken(conn) == {
        "Each session with energy at a billed stall has a CDR": "session s1 has used energy and has no CDR"
    }
