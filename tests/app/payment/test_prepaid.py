"""Money paid in advance: booked once, used for the statements that follow, told to whoever asks how much is left."""

from collections.abc import Iterator
import csv
from datetime import UTC, datetime, timedelta
import io
import json
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest
from segno.helpers import make_epc_qr
from sqlalchemy import Connection

from evshare_app.books.payers import Plan, PlanKind
from evshare_app.ledger.accounts import BANK, prepaid, receivable
from evshare_app.ledger.ledger import balance
from evshare_app.model import AccountId, Month
from evshare_app.payment.prepaid import top_up
from evshare_app.payment.rail import PaymentRefused
from evshare_app.payment.standing import standing
from evshare_app.resident.plans import add_plan, assign_plan
from evshare_app.resident.prepaid import prepaid_balance, prepaid_of
from evshare_app.statement.checks import run_checks
from evshare_app.statement.document import StatementDocument
from evshare_app.statement.files import HTML, PDF, frozen_document, kept_file
from evshare_app.statement.month_export import as_json, lines
from evshare_app.statement.printed import printed
from tests.app.statement.lindenhof import IBAN, JULY_1, Cut, add_session, open_engine, settle_in
from tests.app.statement.steps import close_month

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
    assert -balance(conn, prepaid(WEBER)) == left
    assert balance(conn, receivable(WEBER)) == due
    assert standing(conn, statement_id, JULY_1).due.minor == due
    assert [one for one in run_checks(conn) if not one.ok] == []


def plain(rows: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(label, amount.replace("\N{NO-BREAK SPACE}", " ")) for label, amount in rows]


def test_the_statement_says_what_was_paid_in_advance_and_its_code_asks_for_the_rest(conn: Connection) -> None:
    pay_in(conn, 300)
    pay_in(conn, 200, "B-2")
    add_session(conn, "a" * 32, JUNE, [Cut(15, 40_000)])
    (statement_id,) = close_month(conn, Month(2026, 6), "office:u1", JULY_1)
    document = frozen_document(conn, statement_id)
    said = printed(document)
    assert (said.headline, said.amount.replace("\N{NO-BREAK SPACE}", " ")) == ("To pay by 15 July 2026", "7,00 €")
    assert plain(said.totals) == [
        ("Total, without VAT", "12,00 €"),
        ("Paid in advance", "-5,00 €"),
        ("Left to pay", "7,00 €"),
    ]
    assert plain(said.advance) == [
        ("Topped up on 10 June 2026", "3,00 €"),
        ("Topped up on 10 June 2026", "2,00 €"),
        ("Used for this statement", "-5,00 €"),
        ("Left for later", "0,00 €"),
    ]
    asked = make_epc_qr(name="WEG Lindenhof", iban=IBAN, amount=7, reference=document.reference)
    assert said.qr is not None
    assert said.qr.matrix == asked.matrix
    page = kept_file(conn, statement_id, HTML).decode().replace("\N{NO-BREAK SPACE}", " ")
    paper = pypdfium2.PdfDocument(kept_file(conn, statement_id, PDF))[0].get_textpage().get_text_range()
    for words in ("Topped up on 10 June 2026", "Left to pay", "7,00 €"):
        assert words in page
        assert words in paper.replace("\N{NO-BREAK SPACE}", " ")
    told = json.loads(as_json(conn, Month(2026, 6)))["statements"][0]["document"]
    assert (told["gross_minor"], told["advance"]["used_minor"], told["to_pay_minor"]) == (1200, 500, 700)
    (row,) = csv.DictReader(io.StringIO(lines(conn, Month(2026, 6)).decode()))
    assert [row[name] for name in ("total", "paid_before", "paid_in_advance", "left_to_pay")] == [
        "12.00",
        "0.00",
        "5.00",
        "7.00",
    ]
    assert StatementDocument.from_json(document.to_json()) == document


def test_paid_in_advance_altogether_it_asks_for_nothing(conn: Connection) -> None:
    pay_in(conn, 2_000)
    add_session(conn, "a" * 32, JUNE, [Cut(15, 40_000)])
    (first,) = close_month(conn, Month(2026, 6), "office:u1", JULY_1)
    said = printed(frozen_document(conn, first))
    assert (said.headline, said.qr, said.bill, said.payment_facts) == ("Nothing left to pay", None, None, ())
    assert "<svg" not in kept_file(conn, first, HTML).decode()
    # In July 5.00 more come in; 20 kWh are 6.00.
    july = JULY_1 + timedelta(days=4)
    top_up(conn, WEBER, amount_minor=500, into=BANK, entry="B-2", at=july, actor="office:u1", now=july)
    add_session(conn, "b" * 32, july, [Cut(15, 20_000)])
    (second,) = close_month(conn, Month(2026, 7), "office:u1", datetime(2026, 8, 1, 8, tzinfo=UTC))
    assert plain(printed(frozen_document(conn, second)).advance) == [
        ("Left from before", "8,00 €"),
        ("Topped up on 5 July 2026", "5,00 €"),
        ("Used for this statement", "-6,00 €"),
        ("Left for later", "7,00 €"),
    ]
    assert [one for one in run_checks(conn) if not one.ok] == []


def test_who_paid_nothing_in_advance_reads_nothing_of_it(conn: Connection) -> None:
    add_session(conn, "a" * 32, JUNE, [Cut(15, 40_000)])
    (statement_id,) = close_month(conn, Month(2026, 6), "office:u1", JULY_1)
    said = printed(frozen_document(conn, statement_id))
    assert (said.advance, plain(said.totals)) == ((), [("Total, without VAT", "12,00 €")])


def test_a_statement_of_an_earlier_version_asks_for_all_of_it(conn: Connection) -> None:
    add_session(conn, "a" * 32, JUNE, [Cut(15, 40_000)])
    (statement_id,) = close_month(conn, Month(2026, 6), "office:u1", JULY_1)
    told = json.loads(frozen_document(conn, statement_id).to_json())
    for name in ("advance", "in_favour_minor", "to_pay_minor"):
        del told[name]
    assert StatementDocument.from_json(json.dumps(told)).to_pay.minor == 1_200


def test_a_running_session_counts(conn: Connection) -> None:
    pay_in(conn, 2_000)
    begun = JULY_1 - timedelta(minutes=30)
    add_session(conn, "b" * 32, begun, [Cut(15, 10_000)], open_=True)
    known = prepaid_balance(conn, WEBER, JULY_1, {"b" * 32: 20_000})
    assert (known.unbilled.minor, known.running.minor, known.left.minor) == (0, 600, 1_400)
    assert prepaid_balance(conn, WEBER, JULY_1, without={"jana"}).left.minor == 2_000


def test_who_pays_as_they_go_has_no_balance(conn: Connection) -> None:
    assert prepaid_of(conn, "jana", JULY_1) is None
    plan = Plan(plan_id="", name="In advance", kind=PlanKind.PREPAID, family="house")
    assign_plan(conn, add_plan(conn, plan, "office:u1", JUNE), account_id=WEBER, since=JUNE, by="office:u1")
    found = prepaid_of(conn, "jana", JULY_1)
    assert found is not None
    assert found.left.minor == 0
