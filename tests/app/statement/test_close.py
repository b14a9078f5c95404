from datetime import UTC, datetime, timedelta
import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest
from sqlalchemy import func, select, text, update
from stdnum import iso11649

from evshare_app.books import schema
from evshare_app.books.engine import Books
from evshare_app.i18n import gettext_for
from evshare_app.ledger.accounts import ENERGY, IDLE, SESSION_FEE, receivable
from evshare_app.ledger.ledger import balance, verify
from evshare_app.model import AccountId, Month, SessionId, to_ms
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import CloseRefused, preview_month, reasons_against
from evshare_app.statement.files import HTML, kept_file
from evshare_app.tariff.cdr import rate_ended_session
from evshare_app.tariff.store import add_version
from tests.app.statement.lindenhof import JULY_1, JUNE_30, Cut, add_session, add_unattributed, settle_in
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

JUNE = Month(2026, 6)
EVENING = datetime(2026, 6, 2, 16, 5, tzinfo=UTC)
MAY_20 = datetime(2026, 5, 20, tzinfo=UTC)
WEBER, OKAFOR = AccountId("acc-weber"), AccountId("acc-okafor")


def statements(conn):
    return conn.execute(select(schema.statement).order_by(schema.statement.c.number)).all()


def rows(conn) -> dict[str, int]:
    """How many rows every table has: what must not change when something is refused."""
    return {table.name: conn.scalar(select(func.count()).select_from(table)) for table in schema.metadata.sorted_tables}


def a_june(conn) -> None:
    add_session(conn, "s1", EVENING, [Cut(60, 10_010)], resident="jana")
    add_session(conn, "s2", EVENING, [Cut(60, 10_010)], resident="timo", stall="stall-2")
    add_session(conn, "s3", EVENING + timedelta(days=1), [Cut(60, 20_000)], resident="ada")


class TestAMonthThatCloses:
    def test_each_household_gets_one_statement_over_its_sessions(self, conn):
        a_june(conn)
        ids = close_month(conn, JUNE, "office:maria", JULY_1)
        okafor, weber = statements(conn)
        assert ids == [okafor.statement_id, weber.statement_id]
        assert (okafor.account_id, okafor.gross_minor) == (OKAFOR, 600)
        # 10.01 kWh x 0.30 = 3.003, rounded once per session: 3.00 twice.
        assert (weber.account_id, weber.gross_minor) == (WEBER, 600)
        assert [weber.number, okafor.number] == ["2026-000002", "2026-000001"]
        assert weber.issued_ms == to_ms(JULY_1)

    def test_what_is_issued_is_owed_and_earned(self, conn):
        a_june(conn)
        close_month(conn, JUNE, "office:maria", JULY_1)
        assert balance(conn, receivable(WEBER)) == 600
        assert balance(conn, receivable(OKAFOR)) == 600
        assert balance(conn, ENERGY) == -1200
        assert verify(conn).ok

    def test_income_and_vat_are_booked_by_what_they_are_for(self, conn):
        ocpi = tariff(
            element(price("ENERGY", 0.50, 19), price("FLAT", 1.00, 7), price("PARKING_TIME", 2.00, 19)),
            max_price={"excl_vat": 9},
        )
        version = add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY_20).version_id
        # 10 kWh: 5.00; fee 1.00; 1 h connected: 2.00. And 20 kWh: 10.00 + 1.00, but at most 9.00.
        add_session(conn, "s1", EVENING, [Cut(60, 10_000), Cut(60, 0, suspended=True)], tariff_version=version)
        add_session(conn, "s2", EVENING + timedelta(days=1), [Cut(60, 20_000)], tariff_version=version)
        close_month(conn, JUNE, "office:maria", JULY_1)
        assert balance(conn, ENERGY) == -1500
        assert balance(conn, IDLE) == -200
        assert balance(conn, SESSION_FEE) == -(100 + 100 - 200)
        # VAT of s1: 19 % of 7.00 and 7 % of 1.00. Of s2: (1.90 + 0.07) x 9/11 = 1.61, of which 0.06 at 7 %.
        assert balance(conn, "2300:19") == -(133 + 155)
        assert balance(conn, "2300:7") == -(7 + 6)
        assert balance(conn, receivable(WEBER)) == 800 + 140 + 900 + 161

    def test_the_statement_carries_everything_that_is_printed(self, conn):
        a_june(conn)
        close_month(conn, JUNE, "office:maria", JULY_1)
        weber = statements(conn)[1]
        document = json.loads(weber.document_json)
        assert document["number"] == "2026-000002"
        assert document["due"] == "2026-07-15"
        assert (document["building"], document["payee"], document["account"]) == (
            "Lindenhof",
            "WEG Lindenhof",
            "Familie Weber",
        )
        assert document["tariffs"] == [{"version_id": "default", "lines": ["0,30\N{NO-BREAK SPACE}€ per kWh"]}]
        first, second = document["sessions"]
        assert (first["stall"], first["resident"], first["energy_wh"]) == ("Stall 1", "Jana Weber", 10_010)
        assert first["meters"] == [{"serial": "17510001", "start_wh": 1_204_500, "end_wh": 1_214_510}]
        assert second["start"] == "2026-06-02 16:05:00+00:00"
        assert iso11649.validate(weber.reference) == weber.reference
        assert weber.reference.endswith("EV2026000002")
        transaction = conn.execute(
            select(schema.ledger_transaction).where(
                schema.ledger_transaction.c.transaction_id == f"statement:{weber.statement_id}"
            )
        ).one()
        assert document["ledger_head"] == transaction.hash.hex()[:12]
        assert transaction.actor == "office:maria"

    def test_the_preview_says_before_what_the_statements_say_after(self, conn):
        a_june(conn)
        add_unattributed(conn, EVENING, 321, stall="stall-2")
        before = preview_month(conn, JUNE)
        close_month(conn, JUNE, "office:maria", JULY_1)
        after = preview_month(conn, JUNE)
        assert [(one.name, one.sessions, one.energy_wh, one.gross_minor) for one in before.accounts] == [
            ("Ada Okafor", 1, 20_000, 600),
            ("Familie Weber", 2, 20_020, 600),
        ]
        assert before.accounts == after.accounts
        assert (before.closed, after.closed) == (False, True)
        assert before.unattributed_wh == after.unattributed_wh == 321
        assert conn.scalar(select(schema.period.c.unattributed_wh)) == 321

    def test_a_month_without_sessions_closes_without_statements(self, conn):
        assert close_month(conn, JUNE, "office:maria", JULY_1) == []
        assert rows(conn)["period"] == 1

    def test_a_session_belongs_to_the_month_it_ended_in_on_the_buildings_clocks(self, conn):
        midnight = datetime(2026, 6, 30, 22, tzinfo=UTC)
        add_session(conn, "june", midnight - timedelta(minutes=61), [Cut(60, 1_000)], resident="ada")
        add_session(conn, "july", midnight - timedelta(minutes=60), [Cut(60, 2_000)])
        close_month(conn, JUNE, "office:maria", JULY_1)
        assert conn.scalars(select(schema.statement_cdr.c.cdr_id)).all() == ["june"]

    def test_numbers_go_on_from_month_to_month_and_begin_anew_each_year(self, conn):
        for month, day in ((11, datetime(2026, 11, 5, tzinfo=UTC)), (12, datetime(2026, 12, 5, tzinfo=UTC))):
            add_session(conn, f"w{month}", day, [Cut(60, 1_000)])
            add_session(conn, f"o{month}", day, [Cut(60, 1_000)], resident="ada", stall="stall-2")
        close_month(conn, Month(2026, 11), "m", datetime(2026, 12, 1, tzinfo=UTC))
        close_month(conn, Month(2026, 12), "m", datetime(2027, 1, 2, tzinfo=UTC))
        assert [one.number for one in statements(conn)] == ["2026-000001", "2026-000002", "2027-000001", "2027-000002"]

    def test_small_amounts_are_billed_too(self, conn):
        add_session(conn, "s1", EVENING, [Cut(5, 40)])
        close_month(conn, JUNE, "office:maria", JULY_1)
        assert [one.gross_minor for one in statements(conn)] == [1]

    def test_energy_for_free_is_stated_and_not_booked(self, conn):
        free = tariff(element(price("FLAT", 0)))
        version = add_version(conn, free, datetime(2026, 6, 1, tzinfo=UTC), MAY_20).version_id
        add_session(conn, "s1", EVENING, [Cut(60, 9_000)], tariff_version=version)
        close_month(conn, JUNE, "office:maria", JULY_1)
        [statement] = statements(conn)
        assert statement.gross_minor == 0
        assert "Nothing to pay" in kept_file(conn, statement.statement_id, HTML).decode()
        assert rows(conn)["ledger_transaction"] == 0

    def test_a_session_that_was_not_rated_when_it_ended_is_rated_at_the_close(self, conn):
        add_session(conn, "s1", EVENING, [Cut(60, 9_000)], rated=False)
        close_month(conn, JUNE, "office:maria", JULY_1)
        assert [one.gross_minor for one in statements(conn)] == [270]

    def test_a_session_that_becomes_known_after_its_month_was_closed_is_billed_with_the_next(self, conn):
        add_session(conn, "early", EVENING, [Cut(60, 1_000)])
        close_month(conn, JUNE, "office:maria", JULY_1)
        add_session(conn, "late", EVENING + timedelta(days=2), [Cut(60, 2_000)])
        add_session(conn, "july", EVENING + timedelta(days=40), [Cut(60, 4_000)])
        [_] = preview_month(conn, Month(2026, 7)).accounts
        close_month(conn, Month(2026, 7), "office:maria", datetime(2026, 8, 1, 8, tzinfo=UTC))
        assert [one.gross_minor for one in statements(conn)] == [30, 180]
        assert all(check.ok for check in run_checks(conn))


class TestAMonthThatDoesNotClose:
    def refused(self, conn, month: Month, now: datetime) -> str:
        before = rows(conn)
        with pytest.raises(CloseRefused) as refusal:
            close_month(conn, month, "office:maria", now)
        assert rows(conn) == before
        assert reasons_against(conn, month, now) == refusal.value.reasons
        return str(refusal.value)

    def test_because_it_is_not_over(self, conn):
        a_june(conn)
        assert self.refused(conn, JUNE, JUNE_30) == "2026-06 is not over yet."
        # 22:00 UTC is midnight in Berlin.
        assert self.refused(conn, JUNE, datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC))
        close_month(conn, JUNE, "office:maria", datetime(2026, 6, 30, 22, tzinfo=UTC))

    def test_because_it_is_closed_already(self, conn):
        a_june(conn)
        close_month(conn, JUNE, "office:maria", JULY_1)
        assert self.refused(conn, JUNE, JULY_1) == "2026-06 is already closed."

    def test_because_an_earlier_month_is_still_open(self, conn):
        add_session(conn, "may", datetime(2026, 5, 5, tzinfo=UTC), [Cut(60, 1_000)])
        a_june(conn)
        assert self.refused(conn, JUNE, JULY_1) == "Please close 2026-05 first."
        close_month(conn, Month(2026, 5), "office:maria", JULY_1)
        close_month(conn, JUNE, "office:maria", JULY_1)

    def test_because_a_session_is_still_open(self, conn):
        a_june(conn)
        add_session(conn, "open", JUNE_30, [Cut(60, 1_000)], open_=True)
        said = self.refused(conn, JUNE, JULY_1)
        assert said == "The session at Stall 1 that began on 2026-06-30 22:00 is still open."

    def test_but_a_session_that_is_known_to_have_gone_on_does_not_keep_it_open(self, conn):
        a_june(conn)
        add_session(conn, "open", JUNE_30, [Cut(120, 1_000), Cut(15, 500)], open_=True)
        assert len(close_month(conn, JUNE, "office:maria", JULY_1)) == 2

    def test_because_a_sessions_energy_is_not_proven(self, conn):
        add_session(conn, "s1", EVENING, [Cut(60, 9_000)], energy_wh=9_100)
        said = self.refused(conn, JUNE, JULY_1)
        assert said == (
            "The session at Stall 1 that began on 2026-06-02 18:05 cannot be billed: its meter record is incomplete "
            "(its slices sum to 9000 Wh, the session says 9100 Wh)."
        )

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            (
                {"iban": "DE89370400440532013001"},
                "The building's IBAN DE89370400440532013001 is not valid. Please correct it.",
            ),
            ({"payee": None}, "The building has an IBAN, but no payee. Please enter the account holder's name."),
        ],
    )
    def test_because_nobody_could_pay_to_its_account(self, conn, changes, said):
        a_june(conn)
        conn.execute(update(schema.building).values(**changes))
        assert self.refused(conn, JUNE, JULY_1) == said

    def test_and_every_reason_is_said_in_the_managers_language(self, conn):
        add_session(conn, "s1", EVENING, [Cut(60, 9_000)], energy_wh=9_100)
        add_session(conn, "open", JUNE_30, [Cut(60, 1_000)], open_=True)
        said = [reason.text(gettext_for("de")) for reason in reasons_against(conn, JUNE, JULY_1)]
        assert said[0] == "Der Ladevorgang an Stall 1, der am 2026-06-30 22:00 begann, läuft noch."
        assert said[1].startswith("Der Ladevorgang an Stall 1, der am 2026-06-02 18:05 begann, kann nicht abgerechnet")


async def test_when_issuing_fails_half_way_nothing_is_issued_and_no_number_is_lost(tmp_path: Path, monkeypatch):
    books = await Books.open(tmp_path / "books.db")
    await books.write(settle_in)
    await books.write(a_june)
    before = await books.read(rows)
    with monkeypatch.context() as patch:
        patch.setattr("evshare_app.statement.issue.tariff_lines", failing)
        with pytest.raises(OSError, match="disk full"):
            await books.write(lambda conn: close_month(conn, JUNE, "office:maria", JULY_1))
    assert await books.read(rows) == before
    await books.write(lambda conn: close_month(conn, JUNE, "office:maria", JULY_1))
    assert [one.number for one in await books.read(statements)] == ["2026-000001", "2026-000002"]
    await books.close()


def failing(*_) -> str:
    msg = "disk full"
    raise OSError(msg)


sessions = st.lists(
    st.tuples(
        st.sampled_from(["jana", "timo", "ada"]),
        st.sampled_from(["default", "steps"]),
        st.lists(st.builds(Cut, st.integers(1, 90), st.integers(0, 12_000), st.booleans()), min_size=1, max_size=3),
    ),
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=sessions)
def test_whatever_was_charged_the_statements_are_the_sum_of_the_cdrs(conn, made):
    savepoint = conn.begin_nested()
    ocpi = tariff(
        element(price("ENERGY", 0.2713, 19, step=100), price("PARKING_TIME", 1.1, 7, step=60), price("FLAT", 0.333)),
        max_price={"excl_vat": 4},
    )
    steps = add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY_20).version_id
    for place, (resident, version, cuts) in enumerate(made):
        add_session(
            conn,
            f"s{place}",
            EVENING + timedelta(days=place),
            cuts,
            resident=resident,
            tariff_version=steps if version == "steps" else version,
        )
    close_month(conn, JUNE, "office:maria", JULY_1)
    issued, rated = (
        conn.execute(
            select(*(func.coalesce(func.sum(table.c[name]), 0) for name in ("net_minor", "vat_minor", "gross_minor")))
        ).one()
        for table in (schema.statement, schema.cdr)
    )
    assert issued == rated
    owed = sum(balance(conn, receivable(account)) for account in (WEBER, OKAFOR))
    assert owed == issued[2]
    assert conn.scalar(select(func.coalesce(func.sum(schema.posting.c.amount_minor), 0))) == 0
    assert [check for check in run_checks(conn) if not check.ok] == []
    savepoint.rollback()


@pytest.mark.parametrize("table", ["statement", "statement_cdr", "cdr", "period"])
def test_what_was_issued_is_never_changed(conn, table):
    a_june(conn)
    close_month(conn, JUNE, "office:maria", JULY_1)
    for change in (f"UPDATE {table} SET building_id = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(Exception, match=f"{table}: rows are never changed or deleted"):
            conn.execute(text(change))


def test_a_cdr_cannot_be_on_two_statements(conn):
    a_june(conn)
    close_month(conn, JUNE, "office:maria", JULY_1)
    assert rate_ended_session(conn, SessionId("s1"), JULY_1) == "s1"
    with pytest.raises(Exception, match=r"UNIQUE constraint failed: statement_cdr\.cdr_id"):
        conn.execute(text("INSERT INTO statement_cdr SELECT * FROM statement_cdr LIMIT 1"))
