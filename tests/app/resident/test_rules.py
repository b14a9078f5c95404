"""Rules as the integration is told them: what a resident's money of this month is still good for, in Wh."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert, update

from evshare_app.books.access_tables import dispute, guest_pass
from evshare_app.books.payers import Plan, PlanKind
from evshare_app.books.schema import resident, session
from evshare_app.ledger.accounts import BANK
from evshare_app.link.messages import frame, tell_rules
from evshare_app.model import AccountId, ResidentId, to_ms
from evshare_app.payment.prepaid import top_up
from evshare_app.resident.passes import pinned_account
from evshare_app.resident.plans import add_plan, assign_plan
from evshare_app.resident.rules import Hours, Rule, rule_of, rules_told, set_rule, used_this_month
from evshare_app.tariff.store import add_version, flat_tariff
from tests.app.statement.lindenhof import BUILDING, Cut, add_session
from tests.app.tariff.examples import element, price, tariff

BERLIN = ZoneInfo("Europe/Berlin")
JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)
NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
JANA = ResidentId("jana")
WEBER = AccountId("acc-weber")
GOLDEN = Path(__file__).parents[2] / "golden" / "link"


def set_money(conn: Connection, minor: int) -> None:
    set_rule(conn, JANA, Rule(month_minor=minor), "office:u1", NOW)


def left(conn: Connection, now: datetime = NOW) -> object:
    (told,) = rules_told(conn, now, BERLIN)
    return told["left_wh"]


def priced(conn: Connection, *elements: dict[str, Any], **fields: Any) -> None:
    add_version(conn, tariff(*elements, **fields), NOW, NOW)


def test_who_has_no_rule_is_not_told(conn: Connection) -> None:
    assert rules_told(conn, NOW, BERLIN) == []
    assert rule_of(conn, JANA) == Rule(stall_ids=None, hours=(), sessions=1, month_wh=None, month_minor=None)


def test_rules_are_told_as_the_golden_message_has_them(conn: Connection) -> None:
    golden = json.loads((GOLDEN / "tell_rules.json").read_text())["body"]["residents"]
    for name in ("res-1", "res-2"):
        conn.execute(insert(resident).values(building_id=BUILDING, resident_id=name, name=name, account_id="acc-weber"))
    set_rule(
        conn,
        ResidentId("res-1"),
        Rule(
            stall_ids=("stall-1",),
            hours=(
                Hours(days=(1, 2, 3, 4, 5), start="20:00", end="06:00"),
                Hours(days=(6, 7), start="00:00", end="00:00"),
            ),
            sessions=2,
            month_wh=300_000,
            month_minor=1260,  # at 0.30 per kWh
        ),
        "office:u1",
        NOW,
    )
    set_rule(conn, ResidentId("res-2"), Rule(), "office:u1", NOW)
    assert rules_told(conn, NOW, BERLIN, 2) == golden


def test_a_rule_is_read_as_it_was_set_and_the_last_one_holds(conn: Connection) -> None:
    rule = Rule(stall_ids=("stall-2",), hours=(Hours(days=(7,), start="08:00", end="12:00"),), sessions=3, month_wh=1)
    set_money(conn, 100)
    set_rule(conn, JANA, rule, "office:u1", NOW)
    assert rule_of(conn, JANA) == rule


def test_who_is_no_longer_in_the_integration_is_not_told(conn: Connection) -> None:
    set_money(conn, 100)
    conn.execute(update(resident).where(resident.c.resident_id == "jana").values(removed_ms=to_ms(NOW)))
    assert rules_told(conn, NOW, BERLIN) == []


def test_money_is_told_as_energy_at_the_price_in_force_rounded_down(conn: Connection) -> None:
    set_money(conn, 1000)
    assert left(conn) == 33_333  # 10.00 / 0.30


def test_the_price_is_with_vat(conn: Connection) -> None:
    set_money(conn, 1000)
    add_version(conn, flat_tariff("EUR", Decimal("0.40"), Decimal(25), NOW), NOW, NOW)
    assert left(conn) == 20_000


def test_the_highest_price_counts_whenever_it_holds(conn: Connection) -> None:
    set_money(conn, 1000)
    priced(
        conn,
        element(price("ENERGY", 0.20), start_time="22:00", end_time="06:00"),
        element(price("ENERGY", 0.50), start_time="17:00", end_time="20:00"),
        element(price("ENERGY", 0.25)),
    )
    assert left(conn) == 20_000


def test_a_price_that_does_not_hold_yet_does_not_count(conn: Connection) -> None:
    set_money(conn, 1000)
    add_version(conn, flat_tariff("EUR", Decimal("1.00"), None, NOW), NOW + timedelta(hours=1), NOW)
    assert left(conn) == 33_333
    assert left(conn, NOW + timedelta(hours=1)) == 10_000


def test_a_sessions_fee_is_set_aside_first(conn: Connection) -> None:
    set_money(conn, 1000)
    priced(conn, element(price("FLAT", 0.50, 20), price("ENERGY", 0.25, 20)))
    # 10.00 less 0.60, at 0.30.
    assert left(conn) == 31_333


def test_money_that_does_not_cover_the_fee_is_good_for_nothing(conn: Connection) -> None:
    set_money(conn, 60)
    priced(conn, element(price("FLAT", 0.50, 20), price("ENERGY", 0.25, 20)))
    assert left(conn) == 0


def test_where_energy_costs_nothing_nothing_limits_it_until_the_money_is_spent(conn: Connection) -> None:
    set_money(conn, 300)
    priced(conn, element(price("TIME", 1.00)))
    assert left(conn) is None
    add_session(conn, "s1", NOW - timedelta(hours=5), [Cut(60, 10_000)])  # 3.00, under the tariff before
    assert left(conn) == 0


def test_what_was_charged_this_month_is_off(conn: Connection) -> None:
    set_money(conn, 1000)
    add_session(conn, "s1", NOW - timedelta(days=2), [Cut(60, 10_000)])
    add_session(conn, "s2", NOW - timedelta(days=1), [Cut(60, 10_000)], resident="timo")
    assert left(conn) == 23_333  # 7.00 / 0.30


def test_what_was_charged_last_month_is_not(conn: Connection) -> None:
    set_money(conn, 1000)
    add_session(conn, "s1", JUNE, [Cut(60, 10_000)])
    assert left(conn) == 33_333


@pytest.mark.parametrize(
    ("ended", "wh"),
    [
        # The month is the house's: in Berlin July begins at 22:00 UTC.
        (datetime(2026, 6, 30, 21, 59, tzinfo=UTC), 33_333),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), 23_333),
    ],
)
def test_a_session_counts_in_the_month_in_which_it_ends(conn: Connection, ended: datetime, wh: int) -> None:
    set_money(conn, 1000)
    add_session(conn, "s1", ended - timedelta(hours=1), [Cut(60, 10_000)])
    assert left(conn) == wh


def test_more_than_all_is_nothing(conn: Connection) -> None:
    set_money(conn, 299)
    add_session(conn, "s1", NOW - timedelta(hours=5), [Cut(60, 10_000)])
    assert left(conn) == 0


def test_what_is_open_is_left_to_the_integration_and_shown_in_the_office(conn: Connection) -> None:
    set_money(conn, 1000)
    add_session(conn, "s1", NOW - timedelta(minutes=70), [Cut(60, 5_000)], open_=True)
    assert left(conn) == 33_333
    used = used_this_month(conn, JANA, NOW, BERLIN, {"s1": 6_000})
    assert (used.energy_wh, used.cost.minor, used.running.minor) == (6_000, 0, 180)


@pytest.mark.parametrize(("payer", "wh"), [("host", 23_333), ("building", 33_333)])
def test_guests_count_where_their_host_pays(conn: Connection, payer: str, wh: int) -> None:
    set_money(conn, 1000)
    conn.execute(
        insert(guest_pass).values(
            building_id=BUILDING,
            pass_id="pass-1",
            token_hash="0" * 64,
            label="Oma",
            made_by="resident:jana",
            resident_id="jana",
            payer=payer,
            uses=1,
            created_ms=0,
            expires_ms=to_ms(NOW),
        )
    )
    add_session(conn, "s1", NOW - timedelta(hours=5), [Cut(60, 10_000)])
    pinned = pinned_account(conn, "pass", "pass-1")
    conn.execute(update(session).values(credential_kind="pass", credential_id="pass-1", account_id=pinned))
    assert left(conn) == wh


@pytest.mark.parametrize(("state", "wh"), [("open", 23_333), ("upheld", 33_333), ("rejected", 23_333)])
def test_what_was_found_not_to_be_theirs_does_not_count(conn: Connection, state: str, wh: int) -> None:
    set_money(conn, 1000)
    add_session(conn, "s1", NOW - timedelta(hours=5), [Cut(60, 10_000)])
    conn.execute(
        insert(dispute).values(
            building_id=BUILDING, session_id="s1", resident_id="jana", opened_ms=0, text="", state=state
        )
    )
    assert left(conn) == wh


# --- money that several residents draw on --------------------------------------------------------------------------


def pay_in_advance(conn: Connection, minor: int) -> None:
    """Jana's and Timo's household pays in advance."""
    plan = Plan(plan_id="", name="In advance", kind=PlanKind.PREPAID, family="house")
    assign_plan(conn, add_plan(conn, plan, "office:u1", JUNE), account_id=WEBER, since=JUNE, by="office:u1")
    top_up(conn, WEBER, amount_minor=minor, into=BANK, entry="B-1", at=JUNE, actor="office:u1", now=JUNE)


def told_of(conn: Connection, *names: str, version: int = 3) -> list[dict[str, object]]:
    """What is told of some residents."""
    return [one for one in rules_told(conn, NOW, BERLIN, version) if one["resident_id"] in names]


def pots(conn: Connection) -> list[object]:
    return [one["pot"] for one in told_of(conn, "jana", "timo")]


def test_everyone_of_an_account_is_told_of_the_same_pot_whoever_charges(conn: Connection) -> None:
    pay_in_advance(conn, 3_000)
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 100_000}] * 2  # 30.00 / 0.30
    # What they use now the integration takes off; at 0.30 the 5 kWh are 1.50.
    add_session(conn, "s1", NOW - timedelta(minutes=70), [Cut(60, 5_000)], open_=True)
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 100_000}] * 2
    conn.execute(update(session).where(session.c.session_id == "s1").values(account_id=WEBER, resident_id="ada"))
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 95_000}] * 2, "of somebody who left the household"


def test_pots_are_told_as_the_golden_message_has_them(conn: Connection) -> None:
    golden = json.loads((GOLDEN / "tell_rules_3.json").read_text())
    for name, account_id in (("res-1", "acc-weber"), ("res-2", "acc-weber"), ("res-3", "acc-okafor")):
        conn.execute(insert(resident).values(building_id=BUILDING, resident_id=name, name=name, account_id=account_id))
    conn.execute(update(resident).where(resident.c.resident_id.in_(["jana", "timo"])).values(removed_ms=to_ms(NOW)))
    priced(conn, element(price("FLAT", 0.45), price("ENERGY", 0.30)))
    pay_in_advance(conn, 1_995)  # less the fee, at 0.30
    strict = Rule(
        stall_ids=("stall-1",),
        hours=(
            Hours(days=(1, 2, 3, 4, 5), start="20:00", end="06:00"),
            Hours(days=(6, 7), start="00:00", end="00:00"),
        ),
        sessions=2,
        month_wh=300_000,
        month_minor=1305,
    )
    set_rule(conn, ResidentId("res-1"), strict, "office:u1", NOW)
    set_rule(conn, ResidentId("res-3"), Rule(), "office:u1", NOW)
    assert frame(tell_rules(rules_told(conn, NOW, BERLIN), 41), 3) == golden


def test_what_was_charged_by_either_is_off_the_pot(conn: Connection) -> None:
    pay_in_advance(conn, 3_000)
    add_session(conn, "s1", NOW - timedelta(days=2), [Cut(60, 10_000)])
    add_session(conn, "s2", NOW - timedelta(days=1), [Cut(60, 20_000)], resident="timo")
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 70_000}] * 2


def test_the_money_of_a_month_and_the_pot_are_told_apart(conn: Connection) -> None:
    pay_in_advance(conn, 3_000)
    set_money(conn, 600)
    (jana, timo) = told_of(conn, "jana", "timo")
    assert (jana["left_wh"], timo["left_wh"]) == (20_000, None)
    assert jana["pot"] == timo["pot"] == {"pot_id": "acc-weber", "left_wh": 100_000}


def test_an_earlier_integration_is_told_the_smaller_with_what_the_others_use_off(conn: Connection) -> None:
    pay_in_advance(conn, 3_000)
    set_money(conn, 2_400)
    add_session(conn, "s1", NOW - timedelta(minutes=70), [Cut(60, 10_000)], open_=True)
    (jana, timo) = told_of(conn, "jana", "timo", version=2)
    assert (jana["left_wh"], timo["left_wh"]) == (80_000, 90_000)
    assert jana.keys() == timo.keys() == {"resident_id", "stall_ids", "hours", "sessions", "month_wh", "left_wh"}


def test_a_start_costs_what_its_fee_comes_to_in_energy(conn: Connection) -> None:
    pay_in_advance(conn, 3_000)
    assert [one["start_wh"] for one in told_of(conn, "jana", "timo")] == [0, 0]
    priced(conn, element(price("FLAT", 0.50, 20), price("ENERGY", 0.25, 20)))
    (jana, timo) = told_of(conn, "jana", "timo")
    # 30.00 less 0.60, at 0.30; 0.60 at 0.30 are 2 kWh.
    assert jana["pot"] == timo["pot"] == {"pot_id": "acc-weber", "left_wh": 98_000}
    assert (jana["start_wh"], timo["start_wh"]) == (2_000, 2_000)


def test_while_somebody_charges_at_a_higher_price_of_before_that_one_counts(conn: Connection) -> None:
    pay_in_advance(conn, 3_000)
    add_session(conn, "s1", NOW - timedelta(minutes=70), [Cut(60, 5_000)], open_=True)
    add_version(conn, flat_tariff("EUR", Decimal("0.15"), None, NOW), NOW, NOW)
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 100_000}] * 2
    conn.execute(update(session).where(session.c.session_id == "s1").values(ended_ms=to_ms(NOW)))
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 200_000}] * 2


def test_where_energy_costs_nothing_there_is_no_pot_until_the_money_is_spent(conn: Connection) -> None:
    pay_in_advance(conn, 300)
    priced(conn, element(price("TIME", 1.00)))
    assert [(one["pot"], one["start_wh"]) for one in told_of(conn, "jana", "timo")] == [(None, 0)] * 2
    add_session(conn, "s1", NOW - timedelta(hours=5), [Cut(60, 10_000)])
    assert pots(conn) == [{"pot_id": "acc-weber", "left_wh": 0}] * 2
