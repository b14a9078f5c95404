"""Credit notes, corrected statements and statements on moving out. What was issued stays as it was issued."""

from datetime import UTC, datetime, timedelta
import json

import pytest
from sqlalchemy import select, update

from evshare_app.books import schema
from evshare_app.books.accounting_tables import cdr_slice
from evshare_app.export.make import export_building
from evshare_app.ledger.accounts import BASE_FEE, COST_SHARE, ENERGY, WRITTEN_OFF, receivable
from evshare_app.ledger.heads import LedgerKey
from evshare_app.ledger.ledger import balance, verify
from evshare_app.model import AccountId, ResidentId, SessionId, to_ms
from evshare_app.payment.standing import standings
from evshare_app.resident.disputes import find_dispute, question, uphold
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import preview_month
from evshare_app.statement.corrections import Amount, CorrectionRefused, Doing, Rerate, correct, credit, move_out
from evshare_app.statement.files import HTML, PDF, kept_file
from evshare_app.tariff.cdr import rate_ended_session
from evshare_app.tariff.store import add_version
from evshare_app.verifier.evshare_verify import verify as verify_export
from tests.app.statement.costs import (
    AUGUST_1,
    JULY,
    JULY_1,
    JUNE,
    OKAFOR,
    WEBER,
    add_cost,
    add_plan,
    assign,
    berlin,
    charged,
)
from tests.app.statement.lindenhof import Cut, add_cut, add_session, end_session
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

MAY = datetime(2026, 5, 20, tzinfo=UTC)
JULY_5 = datetime(2026, 7, 5, 9, tzinfo=UTC)
DOING = Doing(actor="office:maria", now=JULY_5, reason="It was Ada's car.")


@pytest.fixture
def closed(conn):
    """Weber: 10 kWh and 20 kWh at 0.40 plus 19 %, a base fee of 5.00; Okafor: 1 kWh."""
    ocpi = tariff(element(price("ENERGY", 0.40, 19)))
    version = add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY).version_id
    add_plan(conn, "comfort", base_fee_minor=500, vat="19")
    assign(conn, "comfort", WEBER, MAY)
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 10_000)], tariff_version=version)
    add_session(conn, "s2", berlin(4, 18), [Cut(60, 20_000)], tariff_version=version)
    add_session(conn, "s3", berlin(4, 18), [Cut(60, 1_000)], resident="ada", stall="stall-2", tariff_version=version)
    close_month(conn, JUNE, "m", JULY_1)
    return conn


def of(conn, account=WEBER, kind="statement"):
    table = schema.statement
    return conn.scalar(select(table.c.statement_id).where(table.c.account_id == account, table.c.kind == kind))


def issued(conn):
    rows = conn.execute(select(schema.statement).order_by(schema.statement.c.issued_ms, schema.statement.c.number))
    return [(row.number, row.kind, row.account_id, row.net_minor, row.gross_minor) for row in rows]


def whole(conn):
    assert [check for check in run_checks(conn) if not check.ok] == []
    assert verify(conn).ok


def test_a_credit_note_over_the_whole_takes_everything_back(closed):
    before = kept_file(closed, of(closed), HTML)
    credit(closed, of(closed), DOING)
    # 4.00 + 8.00 + 5.00, and 19 % of each: 0.76 + 1.52 + 0.95.
    assert issued(closed)[-1] == ("CN2026-000001", "credit_note", WEBER, -1700, -2023)
    assert balance(closed, receivable(AccountId(WEBER))) == 0
    assert (balance(closed, ENERGY), balance(closed, BASE_FEE)) == (-40, 0)  # Ada's 1 kWh stays
    assert balance(closed, "2300:19") == -8
    assert kept_file(closed, of(closed), HTML) == before
    assert standings(closed, JULY_5, AccountId(WEBER))[0].due.minor == 0
    whole(closed)


def test_the_note_says_what_it_is_about_and_why(closed):
    note = credit(closed, of(closed), DOING)
    page = kept_file(closed, note, HTML).decode()
    for said in ("Credit note: charging in June 2026", "CN2026-000001", "2026-000002", "It was Ada&#39;s car."):
        assert said in page
    assert "This amount is in your favour" in page
    assert "Credit: Base fee, plan Comfort" in page
    assert kept_file(closed, note, PDF).startswith(b"%PDF-")


def test_only_one_session_or_charge_can_be_taken_back(closed):
    credit(closed, of(closed), DOING, only=["s1"])
    assert issued(closed)[-1][3:] == (-400, -476)
    base = f"base:2026-06:comfort:{WEBER}"
    credit(closed, of(closed), DOING, only=[base])
    assert issued(closed)[-1] == ("CN2026-000002", "credit_note", WEBER, -500, -595)
    assert balance(closed, receivable(AccountId(WEBER))) == 952
    row = closed.execute(select(schema.cdr).where(schema.cdr.c.credits == "s1")).one()
    assert (row.cdr_id, row.kind, row.energy_wh, row.net_minor, row.gross_minor) == (
        "s1.2",
        "credit",
        -10_000,
        -400,
        -476,
    )
    ocpi = json.loads(row.ocpi_json)
    assert (ocpi["credit"], ocpi["credit_reference_id"], ocpi["total_energy"]) == (True, "s1", -10)
    for again in ("s1", base):
        with pytest.raises(CorrectionRefused, match="accepted are sessions and charges"):
            credit(closed, of(closed), DOING, only=[again])
    # The rest: 8.00 and its VAT.
    credit(closed, of(closed), DOING)
    assert balance(closed, receivable(AccountId(WEBER))) == 0
    with pytest.raises(CorrectionRefused, match="of which something stands"):
        credit(closed, of(closed), DOING)
    whole(closed)
    # What was taken back is nobody's: the next month does not bill it again.
    close_month(closed, JULY, "m", AUGUST_1)
    assert [row[3] for row in issued(closed) if row[0] > "2026-000002" and row[1] == "statement"] == [500]


def test_a_credit_cdr_is_the_opposite_in_every_total_of_ocpi(closed):
    credit(closed, of(closed), DOING, only=["s1"])
    ocpi = json.loads(closed.scalar(select(schema.cdr.c.ocpi_json).where(schema.cdr.c.credits == "s1")))
    # 10 kWh in an hour, 4.00 and 19 %.
    assert (ocpi["credit"], ocpi["credit_reference_id"]) == (True, "s1")
    assert {name: value for name, value in ocpi.items() if name.startswith("total_")} == {
        "total_cost": {"excl_vat": -4, "incl_vat": -4.76},
        "total_energy": -10,
        "total_energy_cost": {"excl_vat": -4},
        "total_time": -1,
        "total_parking_time": 0,
    }


def test_an_amount_of_a_session_can_be_given_back_and_never_more_than_it_was(closed):
    credit(closed, of(closed), DOING, amounts=[Amount(of="s1", gross_minor=119)])
    assert issued(closed)[-1][3:] == (-100, -119)
    assert balance(closed, "2300:19") == -(323 - 19 + 8)
    with pytest.raises(CorrectionRefused, match="accepted is 1 to the 357 that stand of s1"):
        credit(closed, of(closed), DOING, amounts=[Amount(of="s1", gross_minor=358)])
    # All of it now is what is left of it.
    credit(closed, of(closed), DOING, only=["s1"])
    assert balance(closed, receivable(AccountId(WEBER))) == 2023 - 476


def test_a_reason_is_needed(closed):
    with pytest.raises(CorrectionRefused, match="reason: got nothing"):
        credit(closed, of(closed), Doing(actor="m", now=JULY_5, reason=" "))


def test_a_session_of_somebody_else_moves_to_their_account(closed):
    correct(closed, of(closed), DOING, {SessionId("s1"): Rerate(account_id=AccountId(OKAFOR))})
    assert issued(closed)[2:] == [
        ("2026-000003", "correction", OKAFOR, 400, 476),
        ("2026-000004", "correction", WEBER, 800 + 500, 952 + 595),
        ("CN2026-000001", "credit_note", WEBER, -1700, -2023),
    ]
    assert balance(closed, receivable(AccountId(WEBER))) == 1547
    assert balance(closed, receivable(AccountId(OKAFOR))) == 48 + 476
    assert "Corrected statement" in kept_file(closed, of(closed, OKAFOR, "correction"), HTML).decode()
    whole(closed)
    # July bills none of it again.
    assert close_month(closed, JULY, "m", AUGUST_1) != []
    assert [row[3] for row in issued(closed)[5:]] == [500]


def test_a_session_under_the_wrong_tariff_is_rated_again(closed):
    cheap = tariff(element(price("ENERGY", 0.10, 19)))
    version = add_version(closed, cheap, datetime(2026, 6, 2, tzinfo=UTC), MAY).version_id
    correct(closed, of(closed), DOING, {SessionId("s2"): Rerate(tariff_version=version)})
    # 20 kWh at 0.10 instead of 0.40.
    assert issued(closed)[2] == ("2026-000003", "correction", WEBER, 400 + 200 + 500, 476 + 238 + 595)
    slices = closed.execute(select(cdr_slice.c.cdr_id).order_by(cdr_slice.c.cdr_id)).scalars().all()
    assert slices == ["s1", "s1.3", "s2", "s2.3", "s3"]
    whole(closed)


def test_what_comes_late_is_billed_alone_where_the_rest_was_taken_back(closed):
    # Okafor's 1 kWh at 0.40 is given back; then 0.5 kWh more of it comes in.
    credit(closed, of(closed, OKAFOR), DOING)
    add_cut(closed, "s3", berlin(4, 19), Cut(30, 500), stall="stall-2")
    end_session(closed, "s3", berlin(4, 20))
    rows = closed.execute(select(schema.cdr).where(schema.cdr.c.session_id == "s3").order_by(schema.cdr.c.part)).all()
    assert [(row.kind, row.energy_wh, row.net_minor) for row in rows][2:] == [("normal", 500, 20)]
    assert rate_ended_session(closed, SessionId("s3"), JULY_5) == rows[-1].cdr_id


def test_a_session_in_two_parts_that_was_not_theirs_is_credited_on_both_statements(conn):
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 9_000), Cut(60, 1_000)], open_=True)
    close_month(conn, JUNE, "m", JULY_1)
    end_session(conn, "s1", JULY_1)
    question(conn, ResidentId("jana"), "s1", "not mine", JULY_1)
    assert find_dispute(conn, "s1").cost.minor == 300
    uphold(conn, SessionId("s1"), "", "office:maria", JULY_5)
    # 2.70 were on June's statement; 0.30 will be on none.
    assert balance(conn, receivable(AccountId(WEBER))) == 0
    assert balance(conn, WRITTEN_OFF) == 300
    assert close_month(conn, JULY, "m", AUGUST_1) == []
    whole(conn)


class TestMovingOut:
    @pytest.fixture
    def leaving(self, conn):
        add_plan(conn, "house", base_fee_minor=3_000, is_default=1)
        add_cost(conn, "loan", "equal", 6_000)
        add_session(conn, "s1", berlin(3, 18), [Cut(60, 10_000)], resident="ada", stall="stall-2")
        add_session(conn, "s2", berlin(5, 18), [Cut(60, 1_000)])
        conn.execute(
            update(schema.resident)
            .where(schema.resident.c.resident_id == "ada")
            .values(moves_out_ms=to_ms(berlin(11, 12)))
        )
        return conn

    def test_they_get_a_statement_when_they_go_and_the_close_bills_only_the_rest(self, leaving):
        doing = Doing(actor="m", now=berlin(11, 14), reason="")
        made = move_out(leaving, AccountId(OKAFOR), doing)
        # 10 kWh x 0.30, and ten of thirty days of 30.00.
        assert issued(leaving) == [("2026-000001", "move_out", OKAFOR, 300 + 1000, 1300)]
        assert "Statement on moving out: charging in June 2026" in kept_file(leaving, made, HTML).decode()
        close_month(leaving, JUNE, "m", JULY_1)
        # The loan is shared by days: 60.00 by 10 and 30 days.
        assert issued(leaving)[1:] == [
            ("2026-000002", "statement", OKAFOR, 1500, 1500),
            ("2026-000003", "statement", WEBER, 300 // 10 + 3000 + 4500, 7530),
        ]
        assert charged(leaving, kind="base_fee") == {OKAFOR: 1000, WEBER: 3000}
        assert balance(leaving, COST_SHARE) == -6000
        whole(leaving)

    def test_not_before_they_are_gone(self, leaving):
        with pytest.raises(CorrectionRefused, match="whose people have all moved out"):
            move_out(leaving, AccountId(OKAFOR), Doing(actor="m", now=berlin(11, 11), reason=""))
        with pytest.raises(CorrectionRefused, match="whose people have all moved out"):
            move_out(leaving, AccountId(WEBER), Doing(actor="m", now=berlin(12), reason=""))

    def test_and_not_twice(self, leaving):
        doing = Doing(actor="m", now=berlin(11, 14), reason="")
        move_out(leaving, AccountId(OKAFOR), doing)
        with pytest.raises(CorrectionRefused, match="owes something that is on no statement"):
            move_out(leaving, AccountId(OKAFOR), Doing(actor="m", now=berlin(12), reason=""))

    def test_the_preview_of_the_month_shows_only_what_is_left(self, leaving):
        move_out(leaving, AccountId(OKAFOR), Doing(actor="m", now=berlin(11, 14), reason=""))
        before = preview_month(leaving, JUNE)
        close_month(leaving, JUNE, "m", JULY_1 + timedelta(hours=1))
        assert preview_month(leaving, JUNE).accounts == before.accounts
        assert [one.gross_minor for one in before.accounts] == [1500, 7530]


def test_the_verifier_finds_corrected_books_whole(closed, tmp_path):
    """One file that shares no code with the app: what was taken back and rated again adds up for it too."""
    key = LedgerKey(b"a" * 32)
    correct(closed, of(closed), DOING, {SessionId("s1"): Rerate(account_id=AccountId(OKAFOR))})
    credit(closed, of(closed, OKAFOR), DOING, amounts=[Amount(of="s3", gross_minor=10)])
    export_building(closed, key, tmp_path / "export.zip", JULY_5)
    assert verify_export(str(tmp_path / "export.zip")).wrong == []
