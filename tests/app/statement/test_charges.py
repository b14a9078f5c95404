"""Charges of a month, with their arithmetic written out. June 2026 has 30 days; energy costs 0.30 per kWh."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from evshare_app.books import schema
from evshare_app.books.accounting_tables import charge, remainder, slice_source
from evshare_app.books.building import the_building
from evshare_app.ledger.accounts import BASE_FEE, COST_SHARE, ENERGY, receivable
from evshare_app.ledger.ledger import balance
from evshare_app.model import AccountId, Month, ResidentId, SessionId, to_ms
from evshare_app.resident.disputes import question, uphold
from evshare_app.resident.plans import add_unit, set_payer, set_share
from evshare_app.statement.charge import Charge
from evshare_app.statement.checks import run_checks
from evshare_app.statement.close import CloseRefused, preview_month
from evshare_app.statement.house_rules import set_rule
from evshare_app.statement.plan_charges import energy_billed
from evshare_app.statement.solar_charges import keep_sources
from evshare_app.tariff.store import add_version
from tests.app.statement.costs import (
    AUGUST_1,
    JULY,
    JULY_1,
    JUNE,
    JUNE_DAYS,
    NOVAK,
    OKAFOR,
    WEBER,
    YEAR,
    add_cost,
    add_household,
    add_plan,
    add_quarter_hour,
    assign,
    berlin,
    charged,
    details,
    hold,
    utility,
)
from tests.app.statement.lindenhof import Cut, add_session, end_session
from tests.app.statement.steps import close_month
from tests.app.tariff.examples import element, price, tariff

MAY = datetime(2026, 5, 20, tzinfo=UTC)


def kwh(conn, session_id, account, wh, at=None, **changes):
    """A session of an hour at stall 1 (Weber) or 2 (Okafor)."""
    resident, stall = {WEBER: ("jana", "stall-1"), OKAFOR: ("ada", "stall-2")}[account]
    start = berlin(3, 18) if at is None else at
    add_session(conn, session_id, start, [Cut(60, wh)], resident=resident, stall=stall, **changes)


def close_june(conn):
    return close_month(conn, JUNE, "m", JULY_1)


class TestBaseFees:
    def test_a_whole_month_costs_the_fee(self, conn):
        add_plan(conn, "comfort", base_fee_minor=1000, vat="19")
        assign(conn, "comfort", WEBER, MAY)
        close_june(conn)
        assert charged(conn) == {WEBER: 1000}
        # 19 % of 10.00 on top.
        assert balance(conn, receivable(AccountId(WEBER))) == 1190
        assert (balance(conn, BASE_FEE), balance(conn, "2300:19")) == (-1000, -190)

    def test_from_the_eleventh_on_it_is_twenty_days(self, conn):
        add_plan(conn, "comfort", base_fee_minor=1000)
        assign(conn, "comfort", WEBER, berlin(11))
        close_june(conn)
        assert charged(conn) == {WEBER: 667}  # 10.00 x 20/30 = 6.667

    def test_another_plan_in_mid_month_is_two_fees_by_days(self, conn):
        add_plan(conn, "small", base_fee_minor=1000)
        add_plan(conn, "large", base_fee_minor=2000)
        assign(conn, "small", WEBER, MAY, berlin(16))
        # In the afternoon: the day counts for what holds at its end.
        assign(conn, "large", WEBER, berlin(16, 15))
        close_june(conn)
        rows = conn.execute(select(charge).order_by(charge.c.net_minor)).all()
        assert [row.net_minor for row in rows] == [500, 1000]  # 15 of 30 days each

    def test_whoever_moves_out_on_the_eleventh_pays_ten_days_and_who_moves_in_then_twenty(self, conn):
        add_plan(conn, "house", base_fee_minor=1000, is_default=1)
        conn.execute(
            update(schema.resident)
            .where(schema.resident.c.resident_id == "ada")
            .values(moves_out_ms=to_ms(berlin(11, 12)))
        )
        add_household(conn, NOVAK, "petra", since=berlin(11, 12))
        close_june(conn)
        # 10.00 x 10/30 = 3.333 and x 20/30 = 6.667; the Webers were there all month.
        assert charged(conn) == {OKAFOR: 333, NOVAK: 667, WEBER: 1000}

    def test_a_household_of_two_pays_it_once(self, conn):
        add_plan(conn, "house", base_fee_minor=1000, is_default=1)
        close_june(conn)
        assert charged(conn) == {WEBER: 1000, OKAFOR: 1000}


class TestIncludedEnergy:
    def test_what_was_used_is_taken_off_and_the_rest_is_kept_for_a_month(self, conn):
        add_plan(conn, "flat", included_wh=100_000, rollover=1)
        assign(conn, "flat", WEBER, MAY)
        kwh(conn, "june", WEBER, 60_000)
        kwh(conn, "july", WEBER, 150_000, berlin(3, 18, month=7))
        close_june(conn)
        close_month(conn, JULY, "m", AUGUST_1)
        # June: 60 kWh x 0.30. July: 100 + the 40 kWh left in June, of 150 kWh.
        assert charged(conn) == {WEBER: -1800}
        assert charged(conn, JULY) == {WEBER: -4200}
        assert details(conn, WEBER, "included") == {
            "name": "Flat",
            "granted_wh": 100_000,
            "kept_wh": 0,
            "used_wh": 60_000,
            "left_wh": 40_000,
        }
        assert details(conn, WEBER, "included", JULY)["left_wh"] == 0
        # 150 kWh x 0.30 = 45.00 less 42.00.
        assert [
            row.gross_minor for row in conn.execute(select(schema.statement).order_by(schema.statement.c.number))
        ] == [0, 300]
        assert [check for check in run_checks(conn) if not check.ok] == []

    def test_what_is_kept_twice_is_lost(self, conn):
        add_plan(conn, "flat", included_wh=100_000, rollover=1)
        assign(conn, "flat", WEBER, MAY)
        kwh(conn, "july", WEBER, 10_000, berlin(3, 18, month=7))
        close_june(conn)
        close_month(conn, JULY, "m", AUGUST_1)
        # 200 kWh were there, 190 are left, of which only July's own 100 stay.
        assert details(conn, WEBER, "included", JULY)["left_wh"] == 100_000

    def test_what_is_taken_off_is_what_was_billed_also_where_prices_are_with_vat(self, conn):
        ocpi = tariff(element(price("ENERGY", 0.50, 19)), tax_included="YES")
        version = add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY).version_id
        add_plan(conn, "flat", included_wh=100_000)
        assign(conn, "flat", WEBER, MAY)
        kwh(conn, "s1", WEBER, 7_000, tariff_version=version)
        close_june(conn)
        # 3.50 with VAT is 2.94 net; all of it is included.
        assert charged(conn) == {WEBER: -294}
        assert balance(conn, receivable(AccountId(WEBER))) == 0
        assert (balance(conn, ENERGY), balance(conn, "2300:19")) == (0, 0)

    def test_no_more_is_taken_off_than_a_highest_price_let_the_energy_cost(self, conn):
        ocpi = tariff(element(price("ENERGY", 0.50, 19), price("FLAT", 1, 19)), max_price={"excl_vat": 4})
        version = add_version(conn, ocpi, datetime(2026, 6, 1, tzinfo=UTC), MAY).version_id
        add_plan(conn, "flat", included_wh=20_000)
        assign(conn, "flat", WEBER, MAY)
        kwh(conn, "s1", WEBER, 30_000, tariff_version=version)
        close_june(conn)
        # 15.00 and 1.00 were 4.00 at most: a quarter. 20 kWh of 15.00 are 10.00, a quarter of which is 2.50.
        assert charged(conn) == {WEBER: -250}

    def test_a_part_that_takes_back_a_price_has_only_what_is_left_of_it(self, conn):
        # 6.57 kWh were billed at 0.40 (2.63), and are 0.3573 now; 0.81 kWh more: 7.38 kWh are 2.64.
        lines = [
            {"type": "ENERGY", "price": 0.3573, "volume": 7_380, "vat": 19, "net_minor": 264},
            {"type": "ENERGY", "price": 0.4, "volume": -6_570, "vat": 19, "net_minor": -263},
        ]
        [one] = energy_billed(lines)
        assert (one.wh, one.net_per_wh * one.wh) == (810, 1)

    def test_a_late_session_uses_what_is_included_in_the_month_that_bills_it(self, conn):
        add_plan(conn, "flat", included_wh=10_000)
        assign(conn, "flat", WEBER, MAY)
        close_june(conn)
        kwh(conn, "late", WEBER, 4_000)
        close_month(conn, JULY, "m", AUGUST_1)
        assert charged(conn, JULY) == {WEBER: -120}


class TestDemand:
    # That its sun was estimated makes no estimate of what came from the grid.
    @pytest.mark.parametrize(
        ("estimated", "said"), [("", {}), ("pv battery_in", {}), ("export import", {"estimated": ["grid"]})]
    )
    def test_everyone_pays_their_power_in_the_houses_highest_quarter_hour(self, conn, estimated, said):
        add_plan(conn, "power", demand_minor=500, is_default=1)
        six = berlin(3, 18)
        add_quarter_hour(conn, six - timedelta(minutes=15), import_wh=4_000)
        add_quarter_hour(conn, six, import_wh=6_000, estimated=estimated)
        add_quarter_hour(conn, six + timedelta(minutes=15), import_wh=5_999)
        add_session(conn, "s1", six, [Cut(15, 2_750), Cut(15, 2_900)])
        add_session(conn, "s2", six, [Cut(15, 1_000)], resident="ada", stall="stall-2")
        close_june(conn)
        # 2.75 kWh in a quarter hour are 11 kW at 5.00 each; 1 kWh is 4 kW.
        assert charged(conn) == {WEBER: 5500, OKAFOR: 2000}
        assert details(conn, WEBER, "demand") == {"name": "Power", "kw": "11", "peak_ms": to_ms(six)} | said


class TestCosts:
    def test_equally_by_days_and_nobody_always_gets_the_odd_cent(self, conn):
        add_household(conn, NOVAK, "petra")
        add_cost(conn, "loan", "equal", 10_000)
        close_june(conn)
        close_month(conn, JULY, "m", AUGUST_1)
        close_month(conn, Month(2026, 8), "m", datetime(2026, 9, 1, tzinfo=UTC))
        # 100.00 / 3: whoever had the odd cent does not have it again before the others had it.
        months = [charged(conn, month) for month in (JUNE, JULY, Month(2026, 8))]
        assert [sum(month.values()) for month in months] == [10_000] * 3
        assert {who: sum(month[who] for month in months) for who in months[0]} == {
            WEBER: 10_000,
            OKAFOR: 10_000,
            NOVAK: 10_000,
        }
        rows = conn.execute(select(remainder).where(remainder.c.month == "2026-06")).all()
        # 33.333… less 33.34, and less 33.33 twice, in billionths of a cent; the odd billionth is the first account's.
        assert sorted(row.residual for row in rows) == [-666_666_666, 333_333_333, 333_333_333]

    def test_by_energy(self, conn):
        add_cost(conn, "grid", "kwh", 9_000, vat="19")
        kwh(conn, "s1", WEBER, 40_000)
        kwh(conn, "s2", OKAFOR, 20_000)
        close_june(conn)
        assert charged(conn) == {WEBER: 6000, OKAFOR: 3000}
        assert balance(conn, COST_SHARE) == -9000
        # 90.00 at 19 %: 11.40 and 5.70.
        assert balance(conn, "2300:19") == -1710
        assert details(conn, OKAFOR, "cost") == {
            "name": "Grid",
            "key": "kwh",
            "weight": "20000",
            "whole": "60000",
            "total_minor": 9000,
        }

    def test_by_stalls_and_by_capacity_of_whose_they_are(self, conn):
        conn.execute(update(schema.stall).where(schema.stall.c.stall_id == "stall-2").values(phases=3))
        hold(conn, "stall-1", WEBER)
        hold(conn, "stall-2", OKAFOR)
        hold(conn, "stall-3", OKAFOR)
        add_cost(conn, "lines", "stall", 3_000)
        add_cost(conn, "cable", "capacity", 5_000)
        close_june(conn)
        # One stall of three; 32 A of 32 + 96 + 32.
        assert charged(conn) == {WEBER: 1000 + 1000, OKAFOR: 2000 + 4000}

    def test_by_time_also_over_a_months_end(self, conn):
        add_cost(conn, "meter", "time", 4_000)
        kwh(conn, "s1", OKAFOR, 1_000)
        # Two hours in June, one in July.
        add_session(conn, "s2", berlin(30, 22), [Cut(120, 2_000), Cut(60, 500)], open_=True)
        close_june(conn)
        end_session(conn, "s2", JULY_1)
        close_month(conn, JULY, "m", AUGUST_1)
        # An hour and two in June: 40.00 / 3. In July from midnight to the end.
        assert charged(conn) == {OKAFOR: 1333, WEBER: 2667}
        assert charged(conn, JULY) == {WEBER: 4000}

    def test_by_ownership_shares_that_change_in_mid_month(self, conn):
        flats = [add_unit(conn, name, share, date(2026, 1, 1)) for name, share in (("1", 300), ("2", 100))]
        set_payer(conn, ResidentId("jana"), AccountId(WEBER), unit_id=flats[0], since=MAY, by="m")
        conn.execute(update(schema.resident).where(schema.resident.c.resident_id == "ada").values(unit_id=flats[1]))
        set_share(conn, flats[1], 300, date(2026, 6, 16))
        add_cost(conn, "loan", "ownership", 10_000)
        close_june(conn)
        # 30 days of 300, against 15 of 100 and 15 of 300: 9000 and 6000 of 15000.
        assert charged(conn) == {WEBER: 6000, OKAFOR: 4000}

    def test_as_agreed_and_only_among_members(self, conn):
        add_household(conn, NOVAK, "petra")
        add_cost(conn, "agreed", "custom", 4_000, weights={WEBER: 3, OKAFOR: 1, NOVAK: 0})
        add_cost(conn, "two", "equal", 1_000, members_json=f'["{OKAFOR}", "{NOVAK}"]')
        close_june(conn)
        assert charged(conn) == {WEBER: 3000, OKAFOR: 1000 + 500, NOVAK: 500}

    def test_a_yearly_cost_falls_on_a_month_by_its_days_and_ends_when_it_is_ended(self, conn):
        add_cost(conn, "insurance", "equal", 36_500, every="year", weights=None)
        add_cost(conn, "old", "equal", 6_000, ended_ms=to_ms(berlin(11, 9)))
        add_cost(conn, "over", "equal", 6_000, ended_ms=to_ms(MAY))
        close_june(conn)
        # 365.00 x 30/365 = 30.00, and 60.00 x 10/30 = 20.00: half each.
        assert charged(conn) == {WEBER: 2500, OKAFOR: 2500}

    def test_a_cost_that_nobody_can_bear_keeps_the_month_open_and_is_named(self, conn):
        add_cost(conn, "grid", "kwh", 9_000)
        preview = preview_month(conn, JUNE)
        assert preview.problem is not None
        with pytest.raises(CloseRefused, match="A cost of this month cannot be shared"):
            close_june(conn)

    def test_the_preview_says_it_before(self, conn):
        add_cost(conn, "loan", "equal", 10_000, vat="19")
        kwh(conn, "s1", WEBER, 10_000)
        before = preview_month(conn, JUNE)
        assert [(one.name, one.sessions, one.net_minor, one.gross_minor) for one in before.accounts] == [
            ("Ada Okafor", 0, 5000, 5950),
            ("Familie Weber", 1, 5300, 6250),
        ]
        close_june(conn)
        after = preview_month(conn, JUNE)
        assert after.accounts == before.accounts
        assert [
            one.gross_minor for one in conn.execute(select(schema.statement).order_by(schema.statement.c.number))
        ] == [5950, 6250]


SUN = {"rule": "first_come", "grid_price": "0.30", "solar_price": "0.10", "vat": None}


class TestSun:
    def a_noon(self, conn, estimated=""):
        """Weber uses 3 kWh and Okafor 1 kWh while the roof gives 4.4 kWh, of which the house takes 2 first."""
        noon = berlin(3, 12)
        add_quarter_hour(conn, noon, import_wh=1_600, export_wh=0, pv_wh=4_400, estimated=estimated)
        add_session(conn, "s1", noon, [Cut(15, 3_000)])
        add_session(conn, "s2", noon, [Cut(15, 1_000)], resident="ada", stall="stall-2")
        # In the evening, without sun.
        add_session(conn, "s3", berlin(3, 20), [Cut(15, 1_000)], resident="ada", stall="stall-2")

    def settled(self, conn, sharing, **changes):
        set_rule(conn, "solar", JUNE, SUN | {"sharing": sharing} | changes, "m", MAY)
        self.a_noon(conn)
        close_june(conn)
        return charged(conn)

    # Load is 1.6 + 4.4 = 6 kWh, 4 of it cars: so 4.4 - 2 = 2.4 kWh of sun are theirs; each kWh saves 0.20.
    def test_by_use_it_goes_where_it_flowed(self, conn):
        assert self.settled(conn, "by_use") == {WEBER: -36, OKAFOR: -12}  # 1.8 and 0.6 kWh
        assert details(conn, WEBER, "solar") == {
            "wh": 1800,
            "sharing": "by_use",
            "saved": "0.20",
            "estimated": [],
        }
        # Nobody recorded the evening, in which Okafor used energy: it counts as the grid's, and is called so.
        assert details(conn, OKAFOR, "solar")["estimated"] == ["missing"]

    def test_what_was_estimated_is_named_to_whom_it_concerns(self, conn):
        # At noon the sun's inverter told only watts; the battery's did at night, where it gave what Okafor used.
        add_quarter_hour(conn, berlin(3, 20), import_wh=0, battery_out_wh=1_000, pv_wh=0, estimated="battery_out")
        set_rule(conn, "solar", JUNE, SUN | {"sharing": "by_use"}, "m", MAY)
        self.a_noon(conn, estimated="pv")
        close_june(conn)
        assert details(conn, WEBER, "solar")["estimated"] == ["solar"]
        assert details(conn, OKAFOR, "solar")["estimated"] == ["solar"]
        keep_sources(conn, JUNE, the_building(conn))
        kept = conn.execute(select(slice_source).order_by(slice_source.c.slice_id)).all()
        assert [(one.solar_wh, one.battery_wh, one.solar_guessed, one.battery_guessed) for one in kept] == [
            (1_800, 0, "solar", ""),
            (600, 0, "solar", ""),
            (0, 1_000, "", "battery"),
        ]

    def test_equally(self, conn):
        assert self.settled(conn, "equal") == {WEBER: -24, OKAFOR: -24}  # 1.2 kWh each

    def test_by_ownership_nobody_more_than_was_used(self, conn):
        for resident, share in (("jana", 100), ("ada", 900)):
            unit = add_unit(conn, resident, share, date(2026, 1, 1))
            conn.execute(update(schema.resident).where(schema.resident.c.resident_id == resident).values(unit_id=unit))
        # Okafor's nine tenths are 2.16 kWh, but 2 were used: the rest, 0.4, is Weber's.
        assert self.settled(conn, "ownership") == {WEBER: -8, OKAFOR: -40}

    @pytest.mark.parametrize("sharing", ["ownership", "bank"])
    def test_without_shares_in_the_building_the_month_stays_open_and_says_why(self, conn, sharing):
        with pytest.raises(CloseRefused, match="The sun of this month cannot be shared: no account has a part"):
            self.settled(conn, sharing)

    def test_what_one_cannot_use_can_wait_in_the_bank(self, conn):
        for resident, share in (("jana", 100), ("ada", 900)):
            unit = add_unit(conn, resident, share, date(2026, 1, 1))
            conn.execute(update(schema.resident).where(schema.resident.c.resident_id == resident).values(unit_id=unit))
        # Weber 0.24 kWh, Okafor 2.16 of which 2 are used now and 0.16 in July.
        assert self.settled(conn, "bank") == {WEBER: -5, OKAFOR: -40}
        kwh(conn, "july", OKAFOR, 5_000, berlin(3, 20, month=7))
        close_month(conn, JULY, "m", AUGUST_1)
        assert charged(conn, JULY) == {OKAFOR: -3}  # 0.16 x 0.20 = 0.032


class TestBills:
    def a_june(self, conn):
        kwh(conn, "s1", WEBER, 60_000)
        kwh(conn, "s2", OKAFOR, 30_000)

    # The feeder counted 100 kWh for 40.00; 90 are in statements, 10 were lost: 4.00.
    @pytest.mark.parametrize(
        ("bearer", "borne"),
        [("common", {}), ("kwh", {WEBER: 267, OKAFOR: 133}), ("equal", {WEBER: 200, OKAFOR: 200})],
    )
    def test_losses_are_borne_by_whom_the_owners_chose(self, conn, bearer, borne):
        set_rule(conn, "energy", JUNE, {"method": "fixed", "bearer": bearer}, "m", MAY)
        self.a_june(conn)
        utility(conn, "R-1", 100_000, 4_000, JUNE_DAYS)
        close_june(conn)
        assert charged(conn) == borne

    def test_actual_cost_settles_what_tariffs_brought(self, conn):
        set_rule(conn, "energy", JUNE, {"method": "actual"}, "m", MAY)
        self.a_june(conn)
        utility(conn, "R-1", 100_000, 4_000, JUNE_DAYS)
        close_june(conn)
        # 40.00 by 60 : 30 kWh are 26.67 and 13.33; 18.00 and 9.00 were charged.
        assert charged(conn) == {WEBER: 867, OKAFOR: 433}
        assert details(conn, WEBER, "true_up") == {
            "numbers": ["R-1"],
            "wh": 60_000,
            "charged_minor": 1800,
            "share_minor": 2667,
            "cost_minor": 4000,
        }
        assert [
            one.gross_minor for one in conn.execute(select(schema.statement).order_by(schema.statement.c.number))
        ] == [900 + 433, 1800 + 867]

    def test_a_bill_that_comes_after_its_month_was_closed_is_settled_with_the_next(self, conn):
        set_rule(conn, "energy", JUNE, {"method": "actual"}, "m", MAY)
        self.a_june(conn)
        close_june(conn)
        utility(conn, "R-1", 100_000, 4_000, JUNE_DAYS)
        conn.execute(update(schema.metadata.tables["utility_bill"]).values(created_ms=to_ms(AUGUST_1)))
        close_month(conn, JULY, "m", AUGUST_1 + timedelta(days=1))
        assert (charged(conn), charged(conn, JULY)) == ({}, {WEBER: 867, OKAFOR: 433})

    def test_the_year_is_settled_with_december_and_a_credit_is_possible(self, conn):
        set_rule(conn, "energy", JUNE, {"method": "provisional"}, "m", MAY)
        self.a_june(conn)
        close_june(conn)
        for number in range(7, 12):
            close_month(conn, Month(2026, number), "m", datetime(2027, 1, 2, tzinfo=UTC))
        utility(conn, "2026", 90_000, 1_800, YEAR)
        december = Month(2026, 12)
        close_month(conn, december, "m", datetime(2027, 1, 2, tzinfo=UTC))
        # 18.00 by 60 : 30 are 12.00 and 6.00; 18.00 and 9.00 were charged: 6.00 and 3.00 back.
        assert charged(conn, december) == {WEBER: -600, OKAFOR: -300}
        assert balance(conn, receivable(AccountId(WEBER))) == 1800 - 600
        assert [check for check in run_checks(conn) if not check.ok] == []

    def test_what_was_found_not_to_be_theirs_is_the_houses_in_the_years_settlement_too(self, conn):
        set_rule(conn, "energy", JUNE, {"method": "provisional"}, "m", MAY)
        self.a_june(conn)
        add_session(conn, "other", berlin(20, 10), [Cut(60, 10_000)], resident="ada")
        question(conn, ResidentId("ada"), "other", "not my car", berlin(20, 12))
        uphold(conn, SessionId("other"), "", "m", berlin(21))
        close_june(conn)
        for number in range(7, 12):
            close_month(conn, Month(2026, number), "m", datetime(2027, 1, 2, tzinfo=UTC))
        # 10 of 100 kWh are nobody's, and 2.00 of 20.00: the rest is shared as if they had never been.
        utility(conn, "2026", 100_000, 2_000, YEAR)
        december = Month(2026, 12)
        close_month(conn, december, "m", datetime(2027, 1, 2, tzinfo=UTC))
        assert charged(conn, december) == {WEBER: -600, OKAFOR: -300}

    def test_december_waits_for_its_bills(self, conn):
        set_rule(conn, "energy", JUNE, {"method": "provisional"}, "m", MAY)
        with pytest.raises(CloseRefused, match="The utility's bills of 2026 do not reach to its end"):
            close_month(conn, Month(2026, 12), "m", datetime(2027, 1, 2, tzinfo=UTC))


def test_amounts_are_rounded_half_up_from_zero_with_their_vat():
    one = Charge(
        charge_id="c", account_id=AccountId(WEBER), month=JUNE, kind="cost", of="x", net_minor=-250, vat=Decimal(7)
    )
    assert (one.gross_minor, one.vat_minor) == (-268, -18)  # 17.5 cents of VAT
