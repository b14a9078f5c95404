"""Sessions over a month's end and slices that come late: what was closed stays, and parts sum to the whole."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from evshare_app.books import schema
from evshare_app.books.accounting_tables import cdr_slice
from evshare_app.books.close_tables import close_cdr
from evshare_app.model import Month, SessionId, to_ms
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import preview_month, reasons_against
from evshare_app.statement.corrections import Doing, credit
from evshare_app.statement.files import HTML, kept_file
from evshare_app.statement.parts import rated_session
from evshare_app.tariff.cdr import add_part, rate_ended_session
from evshare_app.tariff.store import add_version
from tests.app.statement.costs import AUGUST_1, JULY, JULY_1, JUNE, add_quarter_hour, berlin
from tests.app.statement.lindenhof import BUILDING, Cut, add_cut, add_session, end_session
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

MAY = datetime(2026, 5, 20, tzinfo=UTC)


def cdrs(conn):
    rows = conn.execute(select(schema.cdr).order_by(schema.cdr.c.session_id, schema.cdr.c.part)).all()
    return [(row.cdr_id, row.kind, row.energy_wh, row.net_minor) for row in rows]


def issued(conn):
    rows = conn.execute(select(schema.statement).order_by(schema.statement.c.number)).all()
    return [(row.month, row.gross_minor) for row in rows]


def holds(conn):
    return [check for check in run_checks(conn) if not check.ok] == []


def test_a_session_that_is_open_at_the_close_is_cut_at_midnight(conn):
    # Slices end at the quarter hours, one of them exactly at midnight.
    add_session(conn, "s1", berlin(30, 23), [Cut(30, 5_000), Cut(30, 4_000), Cut(15, 1_000)], open_=True)
    close_month(conn, JUNE, "m", JULY_1)
    assert cdrs(conn) == [("s1", "normal", 9_000, 270)]
    assert holds(conn)
    add_cut(conn, "s1", berlin(1, 0, month=7) + timedelta(minutes=15), Cut(15, 2_000))
    end_session(conn, "s1", berlin(1, 1, month=7))
    assert cdrs(conn)[1] == ("s1.2", "normal", 3_000, 90)
    close_month(conn, JULY, "m", AUGUST_1)
    assert issued(conn) == [("2026-06", 270), ("2026-07", 90)]
    assert holds(conn)


def test_the_statements_say_when_each_part_began_and_ended(conn):
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 9_000), Cut(60, 1_000)], open_=True)
    [june] = close_month(conn, JUNE, "m", JULY_1)
    end_session(conn, "s1", berlin(1, 1, month=7))
    [july] = close_month(conn, JULY, "m", AUGUST_1)
    june_page, july_page = (kept_file(conn, one, HTML).decode() for one in (june, july))
    assert "2026-06-30 21:00:00" in june_page
    assert "2026-06-30 22:00:00" in june_page
    assert "2026-06-30 22:00:00" in july_page
    assert "2026-06-30 23:00:00" in july_page


def test_slices_that_come_after_their_month_was_closed_are_an_adjustment_in_the_open_one(conn):
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 9_000)])
    close_month(conn, JUNE, "m", JULY_1)
    before = preview_month(conn, JUNE), issued(conn), cdrs(conn)
    add_cut(conn, "s1", berlin(3, 19), Cut(15, 1_111))
    conn.execute(update(schema.session).values(energy_wh=10_111))
    assert rate_ended_session(conn, SessionId("s1"), JULY_1) == "s1.2"
    assert (preview_month(conn, JUNE), issued(conn), cdrs(conn)[:1]) == before
    # 10.111 kWh x 0.30 = 3.0333 in all, of which 2.70 are billed.
    assert cdrs(conn)[1] == ("s1.2", "adjustment", 1_111, 33)
    close_month(conn, JULY, "m", AUGUST_1)
    assert issued(conn) == [("2026-06", 270), ("2026-07", 33)]
    assert preview_month(conn, JUNE) == before[0]
    assert holds(conn)


def test_a_part_that_is_not_proven_keeps_the_month_open(conn):
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 9_000), Cut(60, 1_000)], open_=True)
    close_month(conn, JUNE, "m", JULY_1)
    # It says it used more than its slices show: only the part in July is in doubt.
    ended = int(berlin(1, 1, month=7).timestamp() * 1000)
    conn.execute(update(schema.session).values(ended_ms=ended, energy_wh=12_000))
    assert rate_ended_session(conn, SessionId("s1"), JULY_1) is None
    [reason] = reasons_against(conn, JULY, AUGUST_1)
    assert "cannot be billed" in reason.text()


cuts = st.lists(st.builds(Cut, st.integers(15, 600), st.integers(0, 9_000), st.booleans()), min_size=2, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=cuts, start=st.integers(0, 900))
def test_however_a_session_is_cut_its_parts_are_the_whole(conn, made, start):
    """The same session, once billed whole and once cut by the close of June, costs the same to the cent."""
    savepoint = conn.begin_nested()
    ocpi = tariff(
        element(price("ENERGY", 0.2713, 19, step=100), price("PARKING_TIME", 1.1, 7, step=60), price("FLAT", 0.333)),
        max_price={"excl_vat": 6},
        min_price={"excl_vat": 1},
    )
    version = add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY).version_id
    begin = berlin(30, 23) - timedelta(minutes=start)
    add_session(conn, "cut", begin, made, tariff_version=version, open_=True)
    add_session(conn, "whole", begin, made, tariff_version=version, resident="ada", stall="stall-2", open_=True)
    end = max(begin + timedelta(minutes=sum(one.minutes for one in made)), berlin(1, 0, month=7))
    if end > berlin(1, 0, month=7):
        conn.execute(update(schema.session).where(schema.session.c.session_id == "whole").values(started_ms=None))
        close_month(conn, JUNE, "m", JULY_1 + timedelta(days=3))
        conn.execute(
            update(schema.session)
            .where(schema.session.c.session_id == "whole")
            .values(started_ms=int(begin.timestamp() * 1000))
        )
    end_session(conn, "cut", end)
    end_session(conn, "whole", end)
    sums = {}
    for row in conn.execute(select(schema.cdr)):
        for name in ("energy_wh", "net_minor", "vat_minor", "gross_minor"):
            sums[row.session_id, name] = sums.get((row.session_id, name), 0) + getattr(row, name)
    for name in ("energy_wh", "net_minor", "vat_minor", "gross_minor"):
        assert sums.get(("cut", name)) == sums.get(("whole", name))
    slices = conn.scalars(select(cdr_slice.c.slice_id)).all()
    assert len(slices) == len(set(slices))
    savepoint.rollback()


def test_months_in_which_a_long_session_only_stood_bill_it_too(conn):
    add_session(conn, "s1", berlin(20, 12), [Cut(60, 9_000)], open_=True)
    add_cut(conn, "s1", berlin(2, 12, month=8), Cut(60, 1_000))
    close_month(conn, JUNE, "m", JULY_1)
    close_month(conn, JULY, "m", AUGUST_1 + timedelta(days=2))
    end_session(conn, "s1", berlin(3, 12, month=8))
    close_month(conn, Month(2026, 8), "m", datetime(2026, 9, 1, tzinfo=UTC))
    assert issued(conn) == [("2026-06", 270), ("2026-08", 30)]
    assert holds(conn)


def test_a_session_in_two_parts_has_one_receipt(conn):
    # 3 kWh in June and 1 kWh in July at 0.30, one meter: 0.90 and 0.30.
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 3_000), Cut(60, 1_000)], rated=False)
    add_part(conn, SessionId("s1"), JULY_1, until=berlin(1, month=7))
    add_part(conn, SessionId("s1"), JULY_1)
    whole = rated_session(conn, "s1")
    assert whole is not None
    assert (whole.session.energy_wh, whole.gross_minor) == (4_000, 120)
    assert [(one.volume, one.net_minor) for one in whole.session.lines] == [(4_000, 120)]
    assert [one.end_wh - one.start_wh for one in whole.session.meters] == [4_000]


def by_sun(conn):
    ocpi = tariff(element(price("ENERGY", 0.10), x_evshare={"energy_source": "solar"}), element(price("ENERGY", 0.40)))
    return add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY).version_id


def test_what_of_a_session_waits_for_the_next_close_since_the_sun_decides_is_no_breach(conn):
    # 5 kWh before midnight, 4 kWh after it; it ends in July, whose sun is settled when July is closed.
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 5_000), Cut(60, 4_000)], tariff_version=by_sun(conn), open_=True)
    close_month(conn, JUNE, "m", JULY_1)
    end_session(conn, "s1", berlin(1, 1, month=7))
    assert cdrs(conn) == [("s1", "normal", 5_000, 200)]
    assert holds(conn)
    close_month(conn, JULY, "m", AUGUST_1)
    assert cdrs(conn)[1] == ("s1.2", "normal", 4_000, 160)
    assert holds(conn)


def test_what_comes_after_its_month_was_closed_is_rated_at_once_whatever_decides_its_price(conn):
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 9_000)], tariff_version=by_sun(conn))
    close_month(conn, JUNE, "m", JULY_1)
    add_cut(conn, "s1", berlin(3, 19), Cut(15, 1_000))
    conn.execute(update(schema.session).values(energy_wh=10_000))
    assert rate_ended_session(conn, SessionId("s1"), JULY_1) == "s1.2"
    assert cdrs(conn) == [("s1", "normal", 9_000, 360), ("s1.2", "adjustment", 1_000, 40)]
    assert holds(conn)


def said_between(first: str, then: str, page: str) -> bool:
    """Whether both are rows of the page, one after the other."""
    return -1 < page.find(f">{first}<") < page.find(f">{then}<")


def test_each_statement_says_where_the_energy_of_its_part_came_from(conn):
    # Each quarter hour 2.5 kWh are used, 0.25 kWh of them by the house: of 1 kWh of sun 0.75 kWh are left for the car.
    for quarter in range(8):
        add_quarter_hour(conn, berlin(30, 23) + timedelta(minutes=15 * quarter), pv_wh=1_000, import_wh=1_500)
    version = by_sun(conn)
    add_session(conn, "s1", berlin(30, 23), [Cut(60, 9_000), Cut(60, 9_000)], tariff_version=version, open_=True)
    [june] = close_month(conn, JUNE, "m", JULY_1)
    end_session(conn, "s1", berlin(1, 1, month=7))
    [july] = close_month(conn, JULY, "m", AUGUST_1)
    # 3 kWh x 0.10 + 6 kWh x 0.40, in each month.
    assert issued(conn) == [("2026-06", 270), ("2026-07", 270)]
    for statement_id in (june, july):
        page = kept_file(conn, statement_id, HTML).decode().replace("\N{NO-BREAK SPACE}", " ")
        assert said_between("3,000 kWh from the sun", "6,000 kWh from the grid", page)
    note = credit(conn, july, Doing(actor="m", now=AUGUST_1, reason="Not theirs."))
    page = kept_file(conn, note, HTML).decode().replace("\N{NO-BREAK SPACE}", " ")
    assert said_between("-3,000 kWh from the sun", "-6,000 kWh from the grid", page)
    assert holds(conn)


def closed_june(conn):
    """All that says what June came to."""
    rows = (
        select(schema.statement).where(schema.statement.c.month == str(JUNE)).order_by(schema.statement.c.number),
        select(schema.cdr)
        .join(close_cdr, close_cdr.c.cdr_id == schema.cdr.c.cdr_id)
        .where(close_cdr.c.month == str(JUNE))
        .order_by(schema.cdr.c.cdr_id),
        select(cdr_slice)
        .join(close_cdr, close_cdr.c.cdr_id == cdr_slice.c.cdr_id)
        .where(close_cdr.c.month == str(JUNE))
        .order_by(cdr_slice.c.slice_id),
    )
    return preview_month(conn, JUNE), [[tuple(row) for row in conn.execute(one)] for one in rows]


late = st.lists(st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 9_000)), min_size=1, max_size=5)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slices=late, price_of_sun=st.booleans())
def test_whatever_comes_late_a_closed_month_stays_as_it_was_closed(conn, slices, price_of_sun):
    savepoint = conn.begin_nested()
    version = by_sun(conn) if price_of_sun else "default"
    for place, (resident, minutes) in enumerate((("jana", 60), ("ada", 60), ("timo", 200)), 1):
        start = berlin(30, 22) if place == 3 else berlin(2 + place, 18)
        cuts_ = [Cut(60, 4_000), Cut(minutes, 3_333)]
        place_of_car = {"stall": "stall-2"} if place == 2 else {}
        add_session(conn, f"s{place}", start, cuts_, resident=resident, tariff_version=version, **place_of_car)
    # The third one went on into July.
    close_month(conn, JUNE, "m", JULY_1)
    before = closed_june(conn)
    at = berlin(1, 6, month=7)
    for session_id, energy_wh in slices:
        # What a stall had kept to itself comes with another meter's register, hours later.
        conn.execute(
            insert(schema.slice_).values(
                building_id=BUILDING,
                session_id=session_id,
                stall_id="stall-2" if session_id == "s2" else "stall-1",
                epoch=2 + int(at.timestamp()),
                start_ms=to_ms(at) - 60_000_000,
                end_ms=to_ms(at) - 59_000_000,
                register_start_wh=0,
                register_end_wh=energy_wh,
                charging_s=1_000,
                suspended_s=0,
                limit_a=16,
                estimated=1,
            )
        )
        conn.execute(
            update(schema.session)
            .where(schema.session.c.session_id == session_id)
            .values(energy_wh=schema.session.c.energy_wh + energy_wh)
        )
        rate_ended_session(conn, SessionId(session_id), at)
        at += timedelta(minutes=1)
    assert closed_june(conn) == before
    close_month(conn, JULY, "m", AUGUST_1)
    assert closed_june(conn) == before
    assert holds(conn)
    billed = conn.scalar(select(func.sum(schema.cdr.c.energy_wh)))
    assert billed == 3 * 7_333 + sum(energy_wh for _, energy_wh in slices)
    savepoint.rollback()
