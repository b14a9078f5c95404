"""A session that was not theirs and is on a statement: a credit note takes it back, once. What is closed stays so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
import tempfile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
from sqlalchemy import Connection, select

from evshare_app.books import schema
from evshare_app.books.access_tables import notice
from evshare_app.export.make import export_building
from evshare_app.ledger.accounts import BANK, ENERGY, WRITTEN_OFF, prepaid, receivable
from evshare_app.ledger.heads import LedgerKey
from evshare_app.ledger.ledger import balance, verify
from evshare_app.model import AccountId, Month, ResidentId, SessionId, StatementId
from evshare_app.payment.prepaid import top_up
from evshare_app.payment.standing import standings
from evshare_app.resident.disputes import DisputeRefused, find_dispute, question, uphold
from evshare_app.resident.prepaid import prepaid_balance
from evshare_app.statement.checks import run_checks
from evshare_app.statement.corrections import Amount, CorrectionRefused, Doing, credit
from evshare_app.statement.files import HTML, frozen_document, kept_file
from evshare_app.tariff.store import add_version
from evshare_app.verifier.evshare_verify import verify as verify_export
from tests.app.statement.lindenhof import JULY_1, Cut, add_cut, add_session, end_session, open_engine, settle_in
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import tariff

JUNE, JULY = Month(2026, 6), Month(2026, 7)
EVENING = datetime(2026, 6, 30, 17, tzinfo=UTC)
AUGUST_1 = datetime(2026, 8, 1, 6, tzinfo=UTC)
WEBER, JANA, S1 = AccountId("acc-weber"), ResidentId("jana"), SessionId("s1")
MARIA = "office:maria"


def rated_at(conn: Connection, per_kwh: str, vat: str | None, currency: str = "EUR") -> str:
    """Enter a tariff of one price per kWh."""
    component = {"type": "ENERGY", "price": Decimal(per_kwh), "step_size": 1}
    if vat is not None:
        component["vat"] = Decimal(vat)
    told = datetime(2026, 5, 20, tzinfo=UTC)
    ocpi = tariff({"price_components": [component]}, currency=currency)
    return add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), told).version_id


def statements(conn: Connection) -> list[Any]:
    rows = conn.execute(select(schema.statement).order_by(schema.statement.c.issued_ms, schema.statement.c.number))
    return list(rows.all())


def disputed(conn: Connection, now: datetime = JULY_1, note: str = "") -> None:
    question(conn, JANA, S1, "", now)
    uphold(conn, S1, note, MARIA, now + timedelta(minutes=5))


def whole(conn: Connection) -> None:
    assert [check for check in run_checks(conn) if not check.ok] == []
    assert verify(conn).ok


@pytest.mark.parametrize(
    ("currency", "per_kwh", "vat", "net", "gross"),
    [
        ("JPY", "31", "10", 310, 341),  # 10 kWh at 31 yen
        ("EUR", "0.35", "19", 350, 417),  # 3.50; 19 % of it are 66.5 cents: 67
        ("KWD", "0.0305", "5", 305, 320),  # 0.305; 5 % of it are 15.25 fils: 15
    ],
)
def test_a_credit_note_takes_back_what_it_cost_in_every_kind_of_coin(
    tmp_path: Path, currency: str, per_kwh: str, vat: str, net: int, gross: int
) -> None:
    engine = open_engine(tmp_path / "books.db")
    with engine.begin() as conn:
        settle_in(conn, currency=currency)
        version = rated_at(conn, per_kwh, vat, currency)
        add_session(conn, "s0", EVENING - timedelta(hours=5), [Cut(60, 1_000)], tariff_version=version)
        add_session(conn, "s1", EVENING, [Cut(60, 10_000)], tariff_version=version)
        close_month(conn, JUNE, "m", JULY_1)
        owed = balance(conn, receivable(WEBER))
        disputed(conn)
        billed, note = statements(conn)
        assert (note.number, note.kind, note.corrects) == ("CN2026-000001", "credit_note", billed.statement_id)
        assert (note.net_minor, note.vat_minor, note.gross_minor) == (-net, net - gross, -gross)
        assert balance(conn, receivable(WEBER)) == owed - gross
        assert balance(conn, WRITTEN_OFF) == net
        assert sum(one.due.minor for one in standings(conn, JULY_1)) == owed - gross
        whole(conn)
    engine.dispose()


@settings(max_examples=8, deadline=None)
@given(
    currency=st.sampled_from(["JPY", "EUR", "KWD"]),
    per_kwh=st.decimals("0.0001", "90", places=4),
    vat=st.sampled_from([None, "0", "7.7", "19"]),
    wh=st.lists(st.integers(1, 80_000), min_size=1, max_size=3),
    kept_wh=st.integers(0, 80_000),
    given_back=st.integers(0, 100),
)
def test_what_is_closed_stays_closed_and_only_that_session_comes_back_once(
    currency: str, per_kwh: Decimal, vat: str | None, wh: list[int], kept_wh: int, given_back: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Path(folder) / "books.db")
        with engine.begin() as conn:
            settle_in(conn, currency=currency)
            version = rated_at(conn, str(per_kwh), vat, currency)
            if kept_wh:
                add_session(conn, "s0", EVENING - timedelta(hours=5), [Cut(60, kept_wh)], tariff_version=version)
            add_session(conn, "s1", EVENING, [Cut(15, one) for one in wh], tariff_version=version)
            close_month(conn, JUNE, "m", JULY_1)
            cost = conn.scalar(select(schema.cdr.c.gross_minor).where(schema.cdr.c.cdr_id == "s1"))
            part = cost * given_back // 100
            if part:
                doing = Doing(actor=MARIA, now=JULY_1, reason="The stall was slow.")
                of = StatementId(statements(conn)[0].statement_id)
                credit(conn, of, doing, amounts=[Amount(of="s1", gross_minor=part)])
            before, owed = statements(conn), balance(conn, receivable(WEBER))
            periods = conn.execute(select(schema.period)).all()
            disputed(conn)
            after = statements(conn)
            assert [one for one in after if one in before] == before
            assert conn.execute(select(schema.period)).all() == periods
            assert sum(one.gross_minor for one in after) == sum(one.gross_minor for one in before) - (cost - part)
            assert balance(conn, receivable(WEBER)) == owed - (cost - part)
            assert len(after) - len(before) == (1 if cost else 0)
            with pytest.raises(DisputeRefused, match="decided"):
                uphold(conn, S1, "", MARIA, JULY_1)
            if cost:
                with pytest.raises(CorrectionRefused, match="of: got 's1'"):
                    credit(
                        conn,
                        StatementId(before[0].statement_id),
                        Doing(actor=MARIA, now=AUGUST_1, reason="again"),
                        only=["s1"],
                    )
            assert statements(conn) == after
            whole(conn)
        engine.dispose()


def test_it_says_what_it_is_about_and_the_person_is_told(conn: Connection) -> None:
    version = rated_at(conn, "0.40", "19")
    add_session(conn, "s1", EVENING, [Cut(60, 10_000)], tariff_version=version)
    (billed,) = close_month(conn, JUNE, "m", JULY_1)
    page = kept_file(conn, billed, HTML)
    disputed(conn, note="The camera shows another car.")
    assert kept_file(conn, billed, HTML) == page
    note = statements(conn)[1]
    said = kept_file(conn, note.statement_id, HTML).decode()
    # 4.00 and 0.76 of VAT.
    for words in ("Credit note: charging in June 2026", "CN2026-000001", "2026-000001", "-4,76\N{NO-BREAK SPACE}€"):
        assert words in said, words
    assert "It was not your car. The camera shows another car." in said
    told = json.loads(str(conn.scalar(select(notice.c.body_json).where(notice.c.kind == "dispute"))))
    assert (told["credit_notes"], told["credited_minor"], told["currency"]) == (["CN2026-000001"], 476, "EUR")
    found = find_dispute(conn, "s1")
    assert found is not None
    assert found.cost is not None
    assert (found.cost.minor, found.statement) == (476, "2026-000001")
    assert [(one.number, one.gross.minor) for one in found.credit_notes] == [("CN2026-000001", 476)]


def test_parts_on_two_closed_statements_make_two_credit_notes(conn: Connection) -> None:
    """9 kWh before June's end and 1 kWh after it, at 0.30: 2.70 and 0.30."""
    end_of_july = datetime(2026, 7, 31, 21, tzinfo=UTC)
    add_session(conn, "s1", EVENING, [Cut(60, 9_000)], open_=True)
    add_cut(conn, "s1", end_of_july - timedelta(hours=1), Cut(60, 1_000))
    close_month(conn, JUNE, "m", JULY_1)
    end_session(conn, "s1", end_of_july)
    close_month(conn, JULY, "m", AUGUST_1)
    assert [one.gross_minor for one in statements(conn)] == [270, 30]
    disputed(conn, AUGUST_1)
    notes = [(one.number, one.month, one.gross_minor) for one in statements(conn)[2:]]
    assert notes == [("CN2026-000001", "2026-06", -270), ("CN2026-000002", "2026-07", -30)]
    assert (balance(conn, receivable(WEBER)), balance(conn, ENERGY), balance(conn, WRITTEN_OFF)) == (0, -300, 300)
    whole(conn)


def test_while_its_month_is_open_there_is_no_credit_note(conn: Connection) -> None:
    add_session(conn, "s1", EVENING, [Cut(60, 10_000)])
    question(conn, JANA, S1, "", EVENING + timedelta(hours=2))
    uphold(conn, S1, "", MARIA, EVENING + timedelta(hours=3))
    # Nobody is charged for it, who pays in advance neither.
    assert prepaid_balance(conn, WEBER, JULY_1).left.minor == 0
    assert close_month(conn, JUNE, "m", JULY_1) == []
    assert statements(conn) == []
    assert balance(conn, WRITTEN_OFF) == 300
    whole(conn)


def test_energy_for_nothing_needs_none(conn: Connection) -> None:
    add_session(conn, "s1", EVENING, [Cut(60, 10_000)], tariff_version=rated_at(conn, "0", None))
    close_month(conn, JUNE, "m", JULY_1)
    disputed(conn)
    assert [one.kind for one in statements(conn)] == ["statement"]
    whole(conn)


def test_the_next_statement_takes_it_into_account_and_says_so(conn: Connection) -> None:
    """10 kWh at 0.30, paid in advance; given back; in July 20 kWh: 6.00, of which 3.00 were in their favour."""
    now = datetime(2026, 6, 10, tzinfo=UTC)
    top_up(conn, WEBER, amount_minor=500, into=BANK, entry="B-1", at=now, actor=MARIA, now=now)
    add_session(conn, "s1", EVENING, [Cut(60, 10_000)])
    close_month(conn, JUNE, "m", JULY_1)
    assert prepaid_balance(conn, WEBER, JULY_1).left.minor == 200
    disputed(conn)
    assert prepaid_balance(conn, WEBER, JULY_1).left.minor == 500
    add_session(conn, "s2", JULY_1 + timedelta(days=3), [Cut(60, 20_000)])
    (issued,) = close_month(conn, JULY, "m", AUGUST_1)
    document = frozen_document(conn, issued)
    assert document.advance is not None
    assert (document.gross_minor, document.in_favour_minor, document.advance.used_minor) == (600, 300, 200)
    assert document.to_pay.minor == 100
    assert {one.number: one.due.minor for one in standings(conn, AUGUST_1)}["2026-000002"] == 100
    assert (balance(conn, receivable(WEBER)), balance(conn, prepaid(WEBER))) == (100, 0)
    whole(conn)


def test_the_verifier_finds_it_whole(conn: Connection, tmp_path: Path) -> None:
    version, now = rated_at(conn, "0.40", "19"), EVENING - timedelta(days=1)
    top_up(conn, WEBER, amount_minor=100, into=BANK, entry="B-1", at=now, actor=MARIA, now=now)
    add_session(conn, "s1", EVENING, [Cut(60, 10_000)], tariff_version=version)
    close_month(conn, JUNE, "m", JULY_1)
    disputed(conn)
    export_building(conn, LedgerKey(b"a" * 32), tmp_path / "export.zip", JULY_1 + timedelta(hours=1))
    assert verify_export(str(tmp_path / "export.zip")).wrong == []
