"""Where the money of a session goes that was not theirs, to the cent, and what the checks find if it did not."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select

from evshare_app.books import schema
from evshare_app.books.access_tables import dispute
from evshare_app.ledger.accounts import ENERGY, IDLE, SESSION_FEE, WRITTEN_OFF, receivable
from evshare_app.ledger.ledger import balance, verify
from evshare_app.model import AccountId, Month, ResidentId, SessionId, to_ms
from evshare_app.payment.standing import standings
from evshare_app.resident.disputes import DisputeRefused, may_question, question, reject, uphold
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import preview_month, reasons_against
from evshare_app.tariff.store import add_version
from tests.app.statement.lindenhof import BUILDING, JULY_1, Cut, add_session
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

JUNE = Month(2026, 6)
EVENING = datetime(2026, 6, 30, 17, tzinfo=UTC)
AFTER = EVENING + timedelta(hours=4)
WEBER, JANA = AccountId("acc-weber"), ResidentId("jana")
S1 = SessionId("s1")


@pytest.fixture
def priced(conn: Connection) -> Connection:
    """0.50 per kWh, 1.00 a session, 2.00 per hour connected; 10 kWh in one hour, and one hour more connected.

    Net 5.00 + 1.00 + 2.00 = 8.00; VAT 19 % of 7.00 and 7 % of 1.00 = 1.40.
    """
    ocpi = tariff(element(price("ENERGY", 0.50, 19), price("FLAT", 1.00, 7), price("PARKING_TIME", 2.00, 19)))
    since, told = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)
    version = add_version(conn, ocpi, since, told).version_id
    add_session(conn, "s1", EVENING, [Cut(60, 10_000), Cut(60, 0, suspended=True)], tariff_version=version)
    return conn


def balances(conn: Connection) -> dict[str, int]:
    names = (receivable(WEBER), ENERGY, IDLE, SESSION_FEE, "2300:19", "2300:7", WRITTEN_OFF)
    return {name: minor for name in names if (minor := balance(conn, name))}


def broken(conn: Connection) -> list[str]:
    return [check.name for check in run_checks(conn) if not check.ok]


def test_not_billed_yet_it_is_written_off_net_and_no_tax_is_due(priced: Connection) -> None:
    question(priced, JANA, S1, "", AFTER)
    uphold(priced, S1, "", "office:maria", JULY_1)
    assert balances(priced) == {ENERGY: -500, IDLE: -200, SESSION_FEE: -100, WRITTEN_OFF: 800}
    assert preview_month(priced, JUNE).unattributed_wh == 10_000
    assert close_month(priced, JUNE, "office:maria", JULY_1) == []
    assert priced.scalar(select(schema.period.c.unattributed_wh)) == 10_000
    assert verify(priced).ok
    assert broken(priced) == []


def test_billed_already_the_account_gets_all_of_it_back_and_the_tax_is_taken_back(priced: Connection) -> None:
    close_month(priced, JUNE, "office:maria", JULY_1)
    assert balances(priced)[receivable(WEBER)] == 940
    question(priced, JANA, S1, "", JULY_1)
    uphold(priced, S1, "", "office:maria", JULY_1)
    assert balances(priced) == {ENERGY: -500, IDLE: -200, SESSION_FEE: -100, WRITTEN_OFF: 800}
    [stands, note] = standings(priced, JULY_1)
    assert (stands.total.minor, stands.due.minor) == (940, 0)
    assert (note.number, note.total.minor) == ("CN2026-000001", -940)
    assert broken(priced) == []


def test_energy_for_nothing_is_booked_nowhere(conn: Connection) -> None:
    free = tariff(element(price("ENERGY", 0, 0)))
    version = add_version(conn, free, datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)).version_id
    add_session(conn, "s1", EVENING, [Cut(60, 10_000)], tariff_version=version)
    question(conn, JANA, S1, "", AFTER)
    uphold(conn, S1, "", "office:maria", JULY_1)
    assert balances(conn) == {}
    assert verify(conn).transactions == 0


def test_a_month_closes_with_an_open_dispute_and_the_next_bills_what_was_rejected(priced: Connection) -> None:
    add_session(priced, "s2", EVENING - timedelta(days=1), [Cut(60, 1_000)])
    question(priced, JANA, S1, "", AFTER)
    preview = preview_month(priced, JUNE)
    assert [one.gross_minor for one in preview.accounts] == [30]
    assert [reason.text() for reason in preview.disputed] == [
        "Disputed session: the one at Stall 1 that began on 2026-06-30 19:00 is left out until it is decided."
    ]
    assert reasons_against(priced, JUNE, JULY_1) == ()
    close_month(priced, JUNE, "office:maria", JULY_1)
    reject(priced, S1, "It was yours.", "office:maria", JULY_1)
    august = datetime(2026, 8, 1, 8, tzinfo=UTC)
    close_month(priced, Month(2026, 7), "office:maria", august)
    billed = priced.scalars(select(schema.statement.c.gross_minor).order_by(schema.statement.c.number)).all()
    assert billed == [30, 940]
    assert broken(priced) == []


def test_a_month_in_which_all_is_in_question_keeps_no_later_one_open(priced: Connection) -> None:
    question(priced, JANA, S1, "", AFTER)
    add_session(priced, "s2", JULY_1, [Cut(60, 1_000)], resident="ada", stall="stall-2")
    assert reasons_against(priced, Month(2026, 7), datetime(2026, 8, 1, 8, tzinfo=UTC)) == ()


@pytest.mark.parametrize(
    ("resident_id", "session_id", "hours", "why"),
    [
        ("jana", "s1", 24, "too_late"),
        ("timo", "s1", 1, "not_theirs"),  # the same household, another's session
        ("jana", "s9", 1, "not_theirs"),
    ],
)
def test_who_may_question_what_and_until_when(
    priced: Connection, resident_id: str, session_id: str, hours: int, why: str
) -> None:
    at = EVENING + timedelta(hours=2 + hours)
    with pytest.raises(DisputeRefused, match=why):
        question(priced, ResidentId(resident_id), session_id, "", at)
    assert not may_question(priced, ResidentId(resident_id), session_id, at)
    assert may_question(priced, JANA, S1, EVENING + timedelta(hours=25, minutes=59))


def test_what_is_not_there_or_decided_cannot_be_decided(priced: Connection) -> None:
    with pytest.raises(DisputeRefused, match="decided"):
        uphold(priced, S1, "", "office:maria", AFTER)
    question(priced, JANA, S1, "", AFTER)
    uphold(priced, S1, "", "office:maria", AFTER)
    for again in (uphold, reject):
        with pytest.raises(DisputeRefused, match="decided"):
            again(priced, S1, "", "office:maria", AFTER)
    with pytest.raises(DisputeRefused, match="decided"):
        question(priced, JANA, S1, "", AFTER)


def test_an_upheld_session_that_was_billed_and_not_credited_is_found(priced: Connection) -> None:
    close_month(priced, JUNE, "office:maria", JULY_1)
    priced.execute(
        insert(dispute).values(
            building_id=BUILDING, session_id="s1", resident_id="jana", opened_ms=to_ms(AFTER), text="", state="upheld"
        )
    )
    assert broken(priced) == ["Each session that was not theirs is on no statement, or was credited"]
