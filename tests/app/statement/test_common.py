"""What the building pays for itself: on nobody's statement, booked once as a cost of all, visible at the close."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select, update

from evshare_app.books import schema
from evshare_app.books.common import common_account
from evshare_app.ledger.accounts import COMMON_COST, ENERGY, SESSION_FEE, vat_payable
from evshare_app.ledger.ledger import balance, verify
from evshare_app.model import Month, ResidentId, SessionId
from evshare_app.resident.rules import used_this_month
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import preview_month, reasons_against
from evshare_app.statement.common import CommonTotal
from evshare_app.tariff.cdr import rate_ended_session
from evshare_app.tariff.store import add_version
from tests.app.statement.lindenhof import BUILDING, JULY_1, JUNE_30, Cut, add_session
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

JUNE, JULY = Month(2026, 6), Month(2026, 7)
EVENING = datetime(2026, 6, 2, 16, 5, tzinfo=UTC)
AUGUST_1 = datetime(2026, 8, 1, 8, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def charged_for_the_building(
    conn: Connection, session_id: str, energy_wh: int, started: datetime = EVENING, tariff_version: str = "default"
) -> None:
    """A craftsman, for whom Jana answers, charged for an hour."""
    add_session(conn, session_id, started, [Cut(60, energy_wh)], rated=False, tariff_version=tariff_version)
    conn.execute(
        update(schema.session)
        .where(schema.session.c.session_id == session_id)
        .values(credential_kind="pass", credential_id="p1", account_id=common_account(conn))
    )
    rate_ended_session(conn, SessionId(session_id), started + timedelta(hours=1))


def statements(conn: Connection) -> list[tuple[str, int]]:
    rows = conn.execute(select(schema.statement.c.account_id, schema.statement.c.gross_minor))
    return [(row.account_id, row.gross_minor) for row in rows]


def billed(conn: Connection) -> set[str]:
    return set(conn.scalars(select(schema.statement_cdr.c.cdr_id)))


def test_it_is_booked_against_what_the_session_earned_and_billed_to_nobody(conn: Connection) -> None:
    add_session(conn, "hers", EVENING, [Cut(60, 10_000)], stall="stall-2")
    charged_for_the_building(conn, "craftsman", 7_500)
    before = preview_month(conn, JUNE)
    # 7.5 kWh at 0.30; Jana's own 10 kWh are 3.00.
    assert before.common == CommonTotal(sessions=1, energy_wh=7_500, net_minor=225)
    assert [(one.name, one.sessions, one.gross_minor) for one in before.accounts] == [("Familie Weber", 1, 300)]
    close_month(conn, JUNE, "office:maria", JULY_1)
    assert statements(conn) == [("acc-weber", 300)]
    assert billed(conn) == {"hers"}
    assert balance(conn, COMMON_COST) == 225
    assert balance(conn, ENERGY) == -525
    assert conn.scalar(select(func.sum(schema.posting.c.amount_minor))) == 0
    assert verify(conn).ok
    after = preview_month(conn, JUNE)
    assert (after.common, after.accounts) == (before.common, before.accounts)
    assert [check for check in run_checks(conn) if not check.ok] == []


def test_the_building_sells_itself_nothing_so_no_vat_is_due(conn: Connection) -> None:
    ocpi = tariff(element(price("ENERGY", 0.40, 19), price("FLAT", 1.00, 19)))
    version = add_version(conn, ocpi, EVENING - timedelta(days=1), EVENING - timedelta(days=2))
    charged_for_the_building(conn, "craftsman", 10_000, tariff_version=version.version_id)
    close_month(conn, JUNE, "office:maria", JULY_1)
    # 10 kWh at 0.40 and 1.00 per session, net; with VAT it would be 5.95.
    assert (balance(conn, ENERGY), balance(conn, SESSION_FEE), balance(conn, COMMON_COST)) == (-400, -100, 500)
    assert balance(conn, vat_payable(Decimal(19))) == 0


def test_a_month_with_nothing_else_is_closed_and_its_next_close_books_nothing_again(conn: Connection) -> None:
    charged_for_the_building(conn, "craftsman", 7_500)
    assert reasons_against(conn, JULY, AUGUST_1) != (), "June has something to book"
    assert close_month(conn, JUNE, "office:maria", JULY_1) == []
    close_month(conn, JULY, "office:maria", AUGUST_1)
    assert balance(conn, COMMON_COST) == 225
    assert preview_month(conn, JULY).common == CommonTotal()


def test_one_whose_record_came_late_is_booked_with_the_next_month(conn: Connection) -> None:
    close_month(conn, JUNE, "office:maria", JULY_1)
    charged_for_the_building(conn, "craftsman", 7_500, JUNE_30 - timedelta(hours=3))
    close_month(conn, JULY, "office:maria", AUGUST_1)
    assert preview_month(conn, JUNE).common == CommonTotal()
    assert preview_month(conn, JULY).common == CommonTotal(sessions=1, energy_wh=7_500, net_minor=225)


def test_what_costs_nothing_is_dealt_with_too(conn: Connection) -> None:
    free = tariff(element(price("ENERGY", 0.0)))
    version = add_version(conn, free, EVENING - timedelta(days=1), EVENING - timedelta(days=2))
    charged_for_the_building(conn, "craftsman", 7_500, tariff_version=version.version_id)
    close_month(conn, JUNE, "office:maria", JULY_1)
    assert preview_month(conn, JUNE).common == CommonTotal(sessions=1, energy_wh=7_500)


def test_nothing_of_the_hosts_month_is_used_up(conn: Connection) -> None:
    add_session(conn, "hers", EVENING, [Cut(60, 10_000)], stall="stall-2")
    charged_for_the_building(conn, "craftsman", 7_500)
    used = used_this_month(conn, ResidentId("jana"), EVENING + timedelta(hours=2), BERLIN)
    assert (used.energy_wh, used.cost.minor) == (10_000, 300)


def test_a_session_of_the_building_on_a_statement_is_a_breach(conn: Connection) -> None:
    add_session(conn, "hers", EVENING, [Cut(60, 10_000)], stall="stall-2")
    close_month(conn, JUNE, "office:maria", JULY_1)
    charged_for_the_building(conn, "craftsman", 7_500)
    (statement_id,) = conn.scalars(select(schema.statement.c.statement_id))
    conn.execute(
        schema.statement_cdr.insert().values(building_id=BUILDING, cdr_id="craftsman", statement_id=statement_id)
    )
    found = {check.name: check.found for check in run_checks(conn) if not check.ok}
    law = "What the building pays for itself is on no statement, and booked as it was rated"
    assert found[law] == "CDR craftsman: is on a statement"
