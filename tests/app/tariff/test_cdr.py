from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest
from sqlalchemy import insert, select

from evshare_app.books import schema
from evshare_app.model import SessionId
from evshare_app.tariff.cdr import NotEnded, cdr_extension, rate_ended_session
from evshare_app.tariff.ocpi import load
from evshare_app.tariff.store import add_version
from tests.app.statement.lindenhof import BUILDING, Cut, add_session
from tests.app.tariff.examples import STEPS, element, price, tariff

START = datetime(2026, 6, 2, 16, 5, tzinfo=UTC)
MAY = datetime(2026, 5, 20, tzinfo=UTC)


def the_cdr(conn, session_id: str = "s1"):
    return conn.execute(select(schema.cdr).where(schema.cdr.c.session_id == session_id)).one()


def cdr_count(conn) -> int:
    return len(conn.execute(select(schema.cdr)).all())


def use(conn, ocpi) -> str:
    return add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY).version_id


def test_a_session_becomes_a_cdr_of_its_household(conn):
    add_session(conn, "s1", START, [Cut(10, 1_000), Cut(15, 2_341)])
    row = the_cdr(conn)
    assert (row.account_id, row.energy_wh, row.currency) == ("acc-weber", 3_341, "EUR")
    assert (row.net_minor, row.vat_minor, row.gross_minor) == (100, 0, 100)  # 3.341 kWh x 0.30 = 1.0023


def test_the_cdr_is_an_ocpi_object_whose_parts_sum(conn):
    add_session(conn, "s1", START, [Cut(10, 1_000), Cut(15, 2_341), Cut(20, 0, suspended=True)])
    cdr = load(the_cdr(conn).ocpi_json)
    assert cdr["start_date_time"] == "2026-06-02T16:05:00Z"
    assert cdr["end_date_time"] == "2026-06-02T16:50:00Z"
    assert cdr["total_energy"] == Decimal("3.341")
    assert cdr["total_cost"] == {"excl_vat": 1, "incl_vat": 1}
    assert cdr["total_energy_cost"] == {"excl_vat": 1}
    assert cdr["total_time"] == Decimal("0.75")
    assert cdr["total_parking_time"] == Decimal("0.3333")
    assert cdr["meter_id"] == "17510001"
    assert (cdr["auth_method"], cdr["cdr_token"]["type"]) == ("WHITELIST", "RFID")
    assert len(cdr["id"]) <= 36
    assert cdr["tariffs"][0]["elements"][0]["price_components"][0]["price"] == Decimal("0.3")


def test_rating_a_session_again_gives_the_same_cdr(conn):
    add_session(conn, "s1", START, [Cut(10, 1_000)])
    assert rate_ended_session(conn, SessionId("s1"), START + timedelta(days=1)) == "s1"
    assert cdr_count(conn) == 1


def test_a_session_keeps_the_tariff_it_was_authorised_under(conn):
    version = use(conn, tariff(element(price("ENERGY", 1.00, 19))))
    add_session(conn, "s1", START, [Cut(10, 1_000)])
    add_session(conn, "s2", START + timedelta(hours=1), [Cut(10, 1_000)], tariff_version=version)
    assert the_cdr(conn, "s1").gross_minor == 30
    assert (the_cdr(conn, "s2").net_minor, the_cdr(conn, "s2").vat_minor) == (100, 19)


def test_waiting_for_current_we_do_not_offer_is_not_parking(conn):
    """OCPI 2.2.1: parking is time in which the vehicle is not requesting power."""
    version = use(conn, tariff(element(price("ENERGY", 0.30), price("PARKING_TIME", 2.00))))
    add_session(
        conn,
        "s1",
        START,
        [Cut(30, 10_000), Cut(60, 0, suspended=True, limit_a=0), Cut(30, 0, suspended=True, limit_a=16)],
        tariff_version=version,
    )
    assert the_cdr(conn).net_minor == 300 + 100


def test_net_and_gross_are_rounded_once_each_and_the_lines_sum_to_the_net(conn):
    version = use(conn, tariff(element(price("ENERGY", 0.2521, 19), price("FLAT", 0.333, 7))))
    add_session(conn, "s1", START, [Cut(60, 18_623)], tariff_version=version)
    row = the_cdr(conn)
    # 4.6948583 + 0.333 = 5.0278583 net; x 1.19 and x 1.07: 5.5868814 + 0.35631 = 5.9431914 gross.
    assert (row.net_minor, row.gross_minor, row.vat_minor) == (503, 594, 91)
    extension = cdr_extension(row.ocpi_json)
    assert [(one["type"], one["net_minor"]) for one in extension["lines"]] == [("ENERGY", 470), ("FLAT", 33)]
    # VAT of 0.8920231 and 0.02331 of together 0.91: 88.68 and 2.32 cents.
    assert {one["percent"]: one["minor"] for one in extension["vat"]} == {19: 89, 7: 2}


def test_what_a_limit_changes_is_a_line_of_its_own(conn):
    version = use(conn, tariff(element(price("ENERGY", 0.50, 20)), max_price={"excl_vat": 5, "incl_vat": 6}))
    add_session(conn, "s1", START, [Cut(60, 18_623)], tariff_version=version)
    row = the_cdr(conn)
    assert (row.net_minor, row.gross_minor) == (500, 600)
    lines = cdr_extension(row.ocpi_json)["lines"]
    assert [(one["type"], one["net_minor"]) for one in lines] == [("ENERGY", 931), ("MAX_PRICE", -431)]


def test_a_meter_that_was_reset_in_mid_session_is_billed_epoch_by_epoch(conn):
    conn.execute(
        insert(schema.meter_epoch).values(
            building_id=BUILDING,
            stall_id="stall-1",
            number=2,
            started_ms=0,
            register_wh=0,
            reason="swapped",
            serial="NEW",
        )
    )
    add_session(conn, "s1", START, [Cut(10, 1_000), Cut(15, 2_000, epoch=2)])
    registers = cdr_extension(the_cdr(conn).ocpi_json)["registers"]
    assert [(one["serial"], one["end_wh"] - one["start_wh"]) for one in registers] == [
        ("17510001", 1_000),
        ("NEW", 2_000),
    ]


@pytest.mark.parametrize(
    "session",
    [
        {"cuts": [Cut(10, 0)]},  # plugged in, took nothing, costs nothing
        {"cuts": [Cut(10, 5_000)], "stall": "stall-3"},  # no trustworthy register
    ],
)
def test_where_there_is_nothing_to_bill_there_is_no_cdr(conn, session):
    add_session(conn, "s1", START, **session)
    assert cdr_count(conn) == 0


def test_energy_that_is_free_still_gets_its_cdr(conn):
    version = use(conn, tariff(element(price("FLAT", 0))))
    add_session(conn, "s1", START, [Cut(10, 5_000)], tariff_version=version)
    assert (the_cdr(conn).energy_wh, the_cdr(conn).gross_minor) == (5_000, 0)


def test_a_session_whose_slices_do_not_sum_is_not_billed(conn, caplog):
    add_session(conn, "s1", START, [Cut(10, 5_000)], energy_wh=5_001)
    assert cdr_count(conn) == 0
    assert "its slices sum to 5000 Wh, the session says 5001 Wh" in caplog.text


def test_a_session_with_a_hole_in_its_slices_is_not_billed(conn, caplog):
    add_session(conn, "s1", START, [Cut(10, 5_000), Cut(5, 700)], rated=False)
    conn.execute(
        insert(schema.slice_).values(
            building_id=BUILDING,
            session_id="s1",
            stall_id="stall-1",
            epoch=1,
            start_ms=2**41,
            end_ms=2**41,
            register_start_wh=9_000_000,
            register_end_wh=9_000_000,
            charging_s=0,
            suspended_s=0,
            limit_a=0,
            estimated=0,
        )
    )
    assert rate_ended_session(conn, SessionId("s1"), START) is None
    assert "its slices do not join in epoch 1" in caplog.text


@pytest.mark.parametrize("session_id", ["open", "unknown"])
def test_only_an_ended_session_can_be_rated(conn, session_id):
    add_session(conn, "open", START, [Cut(10, 5_000)], open_=True)
    with pytest.raises(NotEnded, match=session_id):
        rate_ended_session(conn, SessionId(session_id), START)


cuts = st.lists(
    st.builds(Cut, st.integers(1, 200), st.integers(0, 30_000), st.booleans(), st.sampled_from([0, 6, 16])), max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=cuts,
    limits=st.sampled_from([{}, {"max_price": {"excl_vat": 3}}, {"min_price": {"excl_vat": 1, "incl_vat": 1.5}}]),
)
def test_the_parts_of_a_cdr_always_sum(conn, cuts, limits):
    savepoint = conn.begin_nested()
    version = use(conn, STEPS | limits | {"elements": [*STEPS["elements"], element(price("ENERGY", 0.2713, 19))]})
    add_session(conn, "s1", START, cuts, tariff_version=version)
    for row in conn.execute(select(schema.cdr)):
        cdr = load(row.ocpi_json)
        extension = cdr["x_evshare"]
        assert row.net_minor + row.vat_minor == row.gross_minor
        assert row.vat_minor >= 0
        assert sum(one["net_minor"] for one in extension["lines"]) == row.net_minor
        assert sum(one["minor"] for one in extension["vat"]) == row.vat_minor
        volumes = [(one["type"], one["volume"]) for period in cdr["charging_periods"] for one in period["dimensions"]]
        assert sum(volume for kind, volume in volumes if kind == "ENERGY") == cdr["total_energy"]
        assert sum(volume for kind, volume in volumes if kind != "ENERGY") == cdr["total_time"]
        assert sum(one["end_wh"] - one["start_wh"] for one in extension["registers"]) == row.energy_wh
    savepoint.rollback()
