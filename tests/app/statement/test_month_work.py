"""A month's slices as the close reads them: whose they are, and that nothing else is read for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, event, insert, update

from evshare_app.books import schema
from evshare_app.model import AccountId, Month, to_ms
from evshare_app.statement.advance import in_favour_minor
from evshare_app.statement.billable import went_on
from evshare_app.statement.findings import Reason, reasons_against
from evshare_app.statement.month_work import slices_of
from evshare_app.tariff.presets import SolarFriendly, to_ocpi
from evshare_app.tariff.store import add_version
from tests.app.statement.lindenhof import BUILDING, JULY_1, JUNE_30, Cut, add_session, add_unattributed

MAY_1 = datetime(2026, 5, 1, tzinfo=UTC)
QUARTER_MS = 900_000


def test_a_slice_is_of_whoever_owes_for_its_session_else_of_its_stall(conn):
    add_session(conn, "janas", JUNE_30, [Cut(15, 100)], rated=False)
    add_session(conn, "timos", JUNE_30, [Cut(15, 200)], resident="timo", stall="stall-2", rated=False)
    # Timo charged on Ada's account then.
    conn.execute(update(schema.session).where(schema.session.c.session_id == "timos").values(account_id="acc-okafor"))
    add_unattributed(conn, JUNE_30, 7, "stall-3")
    found = slices_of(conn, JUNE_30 - timedelta(hours=1), JULY_1)
    assert {(one.party, one.energy_wh) for one in found} == {
        ("acc-weber", 100),
        ("acc-okafor", 200),
        ("stall:stall-3", 7),
    }


def test_whose_slices_are_is_known_to_the_end_of_a_month_of_thousands(conn):
    # Jana's session stays open all month; Ada's comes again at its end, after many slices of others.
    for session_id, who in (("janas", "jana"), ("adas", "ada")):
        add_session(conn, session_id, JUNE_30, [], resident=who, open_=True, rated=False)
    whose = ["adas"] * 10 + ["janas"] * 4500 + ["adas"] * 10
    conn.execute(insert(schema.slice_), [_slice(place, session_id) for place, session_id in enumerate(whose)])
    found = [one.party for one in slices_of(conn, JUNE_30 - timedelta(hours=1), JUNE_30 + timedelta(days=60))]
    assert found == ["acc-okafor"] * 10 + ["acc-weber"] * 4500 + ["acc-okafor"] * 10


def test_a_month_is_found_without_reading_the_years_before_it(conn):
    [plan] = plans(conn, lambda: list(slices_of(conn, JUNE_30, JULY_1)))
    assert plan[0] == "SEARCH slice USING INDEX ix_slice_ended (end_ms>? AND end_ms<?)"


def test_what_an_account_has_paid_is_found_without_reading_everybodys_statements(conn):
    payments, issued = plans(conn, lambda: in_favour_minor(conn, AccountId("acc-weber")))
    assert payments == ["SEARCH payment USING INDEX ix_payment_account (account_id=?)"]
    assert issued == ["SEARCH statement USING INDEX ix_statement_account (account_id=?)"]


def test_sessions_that_went_on_are_found_without_reading_all_slices(conn):
    [plan] = plans(conn, lambda: went_on(conn, JULY_1))
    assert "SEARCH slice USING INDEX ix_slice_session (session_id=?)" in plan
    assert not any("ix_slice_ended" in step or step.startswith("SCAN slice") for step in plan)


def test_whether_sessions_can_be_billed_is_asked_without_pricing_them(conn):
    # What the sun decides would have to be worked out from everybody's slices, for each session anew.
    sunny = to_ocpi(SolarFriendly(solar=Decimal("0.15"), grid=Decimal("0.35")), "EUR", MAY_1)
    version = add_version(conn, sunny, MAY_1, MAY_1).version_id
    for name, energy_wh in (("s1", 7_000), ("s2", 999), ("s3", 7_000)):
        add_session(conn, name, JUNE_30, [Cut(15, 1_000)] * 7, tariff_version=version, energy_wh=energy_wh)
    # One that went on over the month's end, too.
    add_session(conn, "s4", JUNE_30, [Cut(60, 1_000)] * 4, tariff_version=version, stall="stall-2", open_=True)
    reasons: list[Reason] = []
    asked = statements(conn, lambda: reasons.extend(reasons_against(conn, Month(2026, 6), JULY_1)))
    assert [one.values["problem"] for one in reasons] == ["its slices sum to 7000 Wh, the session says 999 Wh"]
    assert asked
    assert not [sql for sql, _ in asked if "building_slice" in sql or "slice_source" in sql]


def statements(conn: Connection, read: Callable[[], object]) -> list[tuple[str, Any]]:
    """What a function asks the database for."""
    asked = []

    def note(_conn, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    read()
    event.remove(conn, "before_cursor_execute", note)
    return asked


def plans(conn: Connection, read: Callable[[], object]) -> list[list[str]]:
    """How the database finds what a function asks it for, query by query."""
    return [
        [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
        for sql, values in statements(conn, read)
    ]


def _slice(place: int, session_id: str) -> dict[str, object]:
    start_ms = to_ms(JUNE_30) + place * QUARTER_MS
    return {
        "building_id": BUILDING,
        "session_id": session_id,
        "stall_id": "stall-1",
        "epoch": 1,
        "start_ms": start_ms,
        "end_ms": start_ms + QUARTER_MS,
        "register_start_wh": place,
        "register_end_wh": place + 1,
        "charging_s": 900,
        "suspended_s": 0,
        "limit_a": 16,
        "estimated": 0,
    }
