"""What is shown before a month is closed: in words, with what to do, and whether it keeps the month open."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from evshare_app.books import schema
from evshare_app.books.access_tables import dispute
from evshare_app.model import to_ms
from evshare_app.statement.findings import findings
from evshare_app.statement.house_rules import set_rule
from tests.app.statement.costs import JULY_1, JUNE, JUNE_DAYS, add_plan, berlin, utility
from tests.app.statement.lindenhof import BUILDING, Cut, add_session, add_unattributed

MAY = datetime(2026, 5, 20, tzinfo=UTC)


def found(conn) -> list[tuple[bool, str]]:
    return [(one.blocks, one.what.text()) for one in findings(conn, JUNE, JULY_1)]


def test_a_month_in_order_has_none(conn):
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 7_000)])
    assert found(conn) == []


def test_energy_that_the_stall_cannot_have_given_is_a_meter_jump(conn):
    # 32 A of one phase are 7.36 kW: 1.84 kWh in a quarter hour, 2.116 with the margin, and 0.1 for coarse registers.
    conn.execute(update(schema.stall).values(phases=1))
    add_session(conn, "s1", berlin(3, 18), [Cut(15, 2_216)])
    assert found(conn) == []
    add_session(conn, "s2", berlin(4, 18), [Cut(15, 2_217)])
    [(blocks, said)] = found(conn)
    assert not blocks
    assert said == ("Meter jump: Stall 1 counted 2217 Wh from 2026-06-04 18:00 in 15 minutes, more than it can give.")


def test_only_some_of_many_are_named(conn):
    for day in range(1, 9):
        add_session(conn, f"s{day}", berlin(day, 18), [Cut(1, 9_000)])
    said = [text for _, text in found(conn)]
    assert len(said) == 6
    assert said[5] == "And 3 more of this kind."


def test_energy_between_two_records_is_a_gap(conn):
    add_session(conn, "s1", berlin(3, 18), [Cut(60, 5_000)])
    register = conn.scalar(select(schema.slice_.c.register_end_wh))
    start = berlin(3, 21)
    conn.execute(
        insert(schema.slice_).values(
            building_id=BUILDING,
            stall_id="stall-1",
            epoch=1,
            start_ms=to_ms(start),
            end_ms=to_ms(start + timedelta(minutes=15)),
            register_start_wh=register + 1_234,
            register_end_wh=register + 1_234,
            charging_s=0,
            suspended_s=0,
            limit_a=0,
            estimated=0,
        )
    )
    assert found(conn) == [
        (False, "Gap: 1234 Wh of Stall 1 between 2026-06-03 19:00 and 2026-06-03 21:00 are in no record.")
    ]


def test_energy_of_nobody_and_sessions_in_question_are_named(conn):
    add_unattributed(conn, berlin(3, 18), 321)
    add_session(conn, "s1", berlin(4, 18), [Cut(60, 1_000)])
    conn.execute(
        insert(dispute).values(
            building_id=BUILDING, session_id="s1", resident_id="jana", opened_ms=to_ms(JULY_1), text="", state="open"
        )
    )
    assert found(conn) == [
        (False, "Disputed session: the one at Stall 1 that began on 2026-06-04 18:00 is left out until it is decided."),
        (False, "321 Wh are nobody's."),
    ]


def test_actual_cost_without_a_bill_is_said_and_does_not_hold_up(conn):
    set_rule(conn, "energy", JUNE, {"method": "actual"}, "m", MAY)
    add_session(conn, "s1", berlin(4, 18), [Cut(60, 1_000)])
    assert found(conn) == [(False, "No bill of the utility ends in 2026-06.")]
    utility(conn, "R-1", 2_000, 100, JUNE_DAYS)
    assert found(conn) == []


def test_a_plan_without_a_tariff_is_named(conn):
    add_plan(conn, "night", family="night")
    assert found(conn) == [(False, "The plan Night names the tariff night, which does not exist.")]


def test_everything_says_what_to_do(conn):
    add_unattributed(conn, berlin(3, 18), 900)
    add_session(conn, "open", berlin(30, 22), [Cut(60, 1_000)], open_=True)
    add_session(conn, "s1", berlin(4, 18), [Cut(60, 7_000)], energy_wh=7_100, resident="ada", stall="stall-2")
    all_ = findings(conn, JUNE, JULY_1)
    assert [one.blocks for one in all_] == [True, True, False]
    assert all(one.do is not None for one in all_)
