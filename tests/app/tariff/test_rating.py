"""The worked examples of OCPI 2.2.1 (`mod_tariffs.asciidoc`; `mod_cdrs.asciidoc` on step_size), and laws."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.rating import RatedInput, RatedSlice, rate
from tests.app.tariff.examples import (
    BERLIN,
    COMPLEX_ELEMENTS,
    SATURDAY_1330,
    START_AND_ENERGY,
    STEPS,
    SUPERMARKET,
    bill,
    charging,
    element,
    parked,
    price,
    rated,
    tariff,
)


def assert_costs(rating, net: str, gross: str | None = None) -> None:
    assert rating.net == Decimal(net)
    assert rating.gross == Decimal(gross or net)


class TestExamplesOfTheTariffModule:
    def test_a_quarter_euro_per_kwh(self):
        assert_costs(rated(tariff(element(price("ENERGY", 0.25, 10))), charging(120, 20_000)), "5.00", "5.50")

    def test_with_a_start_fee_of_another_vat_rate(self):
        assert_costs(rated(tariff(START_AND_ENERGY), charging(120, 20_000)), "5.50", "6.10")

    @pytest.mark.parametrize(("energy_wh", "net", "gross"), [(20_000, "5.00", "5.50"), (1_999, "0.50", "0.55")])
    def test_a_minimum_price(self, energy_wh, net, gross):
        ocpi = tariff(element(price("ENERGY", 0.25, 10)), min_price={"excl_vat": 0.50, "incl_vat": 0.55})
        assert_costs(rated(ocpi, charging(60, energy_wh)), net, gross)

    @pytest.mark.parametrize(("energy_wh", "net", "gross"), [(50_000, "10.00", "11.00"), (30_000, "8.00", "8.85")])
    def test_a_maximum_price(self, energy_wh, net, gross):
        ocpi = tariff(START_AND_ENERGY, max_price={"excl_vat": 10.0, "incl_vat": 11.0})
        assert_costs(rated(ocpi, charging(300, energy_wh)), net, gross)

    def test_parking_is_billed_in_steps_of_a_quarter_hour(self):
        ocpi = tariff(
            element(price("FLAT", 0.50, 20), price("ENERGY", 0.25, 10), price("PARKING_TIME", 2.00, 20, step=900))
        )
        rating = rated(ocpi, charging(120, 20_000), parked(40))
        assert_costs(rating, "7.00", "7.90")
        assert ("PARKING_TIME", 45 * 60) in bill(rating)

    def test_time_alone_is_billed_while_charging_only(self):
        ocpi = tariff(element(price("TIME", 2.00, 10, step=60)))
        assert_costs(rated(ocpi, charging(150, 20_000), parked(60)), "5.00", "5.50")

    def test_charging_time_and_dearer_parking_time(self):
        ocpi = tariff(element(price("TIME", 3.00, 10, step=60), price("PARKING_TIME", 5.00, 20, step=300)))
        assert_costs(rated(ocpi, charging(150, 20_000), parked(42)), "11.25", "12.75")

    def test_energy_is_billed_in_steps_of_a_tenth_of_a_kwh(self):
        rating = rated(tariff(element(price("ENERGY", 0.25, 10, step=100))), charging(120, 20_450))
        assert bill(rating) == [("ENERGY", 20_500)]
        assert_costs(rating, "5.125", "5.6375")  # printed as 5.13 and 5.64

    def test_power_tiers(self):
        ocpi = tariff(
            element(price("ENERGY", 0.20), max_power=16.0),
            element(price("ENERGY", 0.35), max_power=32.0),
            element(price("ENERGY", 0.50)),
        )
        # 1 kWh at 6 kW takes 10 minutes, 40 kWh at 48 kW 50 minutes, 0.5 kWh at 4 kW 7.5 minutes.
        assert_costs(rated(ocpi, charging(10, 1_000), charging(50, 40_000), charging(7.5, 500)), "20.30")

    @pytest.mark.parametrize(("energy_wh", "net"), [(7_359, "1"), (7_360, "2"), (22_079, "2"), (22_080, "3")])
    def test_currents_are_summed_over_the_phases_at_230_volts(self, energy_wh, net):
        # An hour at 32 A on one phase is 7.36 kWh, at 32 A on three (96 A) 22.08 kWh.
        ocpi = tariff(
            element(price("TIME", 1), max_current=32),
            element(price("TIME", 2), min_current=32, max_current=96),
            element(price("TIME", 3)),
        )
        assert_costs(rated(ocpi, charging(60, energy_wh)), net)

    def test_what_reservations_cost_is_in_no_session(self):
        # Of the specification's tariff with a fee for reservations: 5.00 an hour, and 0.25 per kWh.
        ocpi = tariff(
            element(price("TIME", 5.00, 20, step=60), reservation="RESERVATION"),
            element(price("FLAT", 4.00, 20), reservation="RESERVATION_EXPIRES"),
            element(price("ENERGY", 0.25, 20)),
        )
        assert_costs(rated(ocpi, charging(60, 20_000)), "5.00", "6.00")

    def test_the_first_half_hour_is_free(self):
        assert_costs(rated(SUPERMARKET, charging(30, 5_000), charging(10, 1_200)), "0.30", "0.36")

    def test_the_first_half_hour_is_free_also_when_the_register_was_not_read_at_its_end(self):
        # 40 minutes at an even power: 30 of them free, 10 of 40 minutes' 6.2 kWh at 0.25.
        assert_costs(rated(SUPERMARKET, charging(40, 6_200)), "0.3875", "0.465")

    def test_free_of_charge(self):
        assert_costs(rated(tariff(element(price("FLAT", 0.00))), charging(60, 11_000)), "0")


COMPLEX = tariff(*COMPLEX_ELEMENTS)


class TestTheComplexExample:
    def test_on_a_monday_morning(self):
        rating = rated(COMPLEX, charging(165, 10_000), parked(42))
        assert bill(rating) == [("FLAT", 1), ("TIME", 165 * 60), ("PARKING_TIME", 45 * 60)]
        assert_costs(rating, "9.00", "10.30")

    def test_on_a_saturday_afternoon(self):
        """The specification prints 2.28 for 114 minutes at 1.25 per hour; they are 2.375 (2.28 is at 1.20)."""
        rating = rated(COMPLEX, charging(114, 60_000), parked(71), started=SATURDAY_1330)
        assert bill(rating) == [("FLAT", 1), ("TIME", 114 * 60), ("PARKING_TIME", 75 * 60)]
        assert_costs(rating, "12.375", "13.975")

    def test_on_a_saturday_afternoon_at_the_price_its_printed_result_was_computed_with(self):
        at_120 = tariff(*(COMPLEX["elements"][place] for place in (0, 1, 2, 4, 5)))
        saturday = element(price("TIME", 1.20, 20, step=600), min_current=32, day_of_week=["SATURDAY"])
        at_120["elements"].insert(3, saturday)
        rating = rated(at_120, charging(114, 60_000), parked(71), started=SATURDAY_1330)
        assert_costs(rating, "12.28", "13.861")


class TestOcpi23:
    """Examples of 2.3.0's `mod_tariffs.asciidoc`, where they differ from 2.2.1's, and what follows from its text."""

    def test_taxes_of_which_nothing_is_known_beforehand(self):
        ocpi = tariff(element(price("TIME", 2.00)), currency="CAD", tax_included="NO")
        assert_costs(rated(ocpi, charging(150, 20_000)), "5.00")

    def test_prices_with_taxes(self):
        ocpi = tariff(element(price("TIME", 2.10)), currency="CAD", tax_included="YES")
        assert rated(ocpi, charging(150, 20_000)).gross == Decimal("5.25")

    def test_a_rate_of_a_fifth_of_a_percent(self):
        ocpi = tariff(element(price("TIME", 1.90, 5.2, step=300)), tax_included="NO")
        rating = rated(ocpi, charging(150, 20_000))
        assert_costs(rating, "4.75", "4.997")
        assert rating.minor("EUR") == (475, 500)

    def test_a_price_with_vat_is_taken_apart(self):
        # 10 kWh at 0.357 with 19 % are 3.57, of which 3.00 are without.
        rating = rated(tariff(element(price("ENERGY", 0.357, 19)), tax_included="YES"), charging(60, 10_000))
        assert_costs(rating, "3.00", "3.57")
        assert (rating.lines[0].net, rating.lines[0].vat) == (Decimal("3"), Decimal("0.57"))

    def test_an_amount_that_no_decimal_can_say_is_still_rounded_from_its_exact_value(self):
        # 0.10 with 19 % is 0.084033613... without.
        rating = rated(tariff(element(price("FLAT", 0.10, 19)), tax_included="YES"), charging(60, 10_000))
        assert rating.exact[0] * 119 == 10
        assert rating.minor("EUR") == (8, 10)

    @pytest.mark.parametrize(("energy_wh", "net", "gross"), [(50_000, "10.00", "11.00"), (30_000, "8.00", "8.85")])
    def test_a_maximum_price(self, energy_wh, net, gross):
        limit = {"before_taxes": 10.0, "after_taxes": 11.0}
        ocpi = tariff(START_AND_ENERGY, max_price=limit, tax_included="NO")
        assert_costs(rated(ocpi, charging(300, energy_wh)), net, gross)

    def test_each_limit_holds_by_itself(self):
        # 20 % on 9.50 are 11.40: the limit after taxes is reached before the one before them.
        ocpi = tariff(
            element(price("ENERGY", 0.19, 20)), max_price={"before_taxes": 10, "after_taxes": 11}, tax_included="NO"
        )
        assert_costs(rated(ocpi, charging(300, 50_000)), "9.50", "11")


class TestASessionThatGoesOn:
    def test_is_not_rounded_up_to_steps(self):
        ocpi = tariff(element(price("ENERGY", 0.25, step=500), price("TIME", 1, step=3600)))
        going_on = rated(ocpi, charging(30, 1_100), final=False)
        assert bill(going_on) == [("ENERGY", 1_100), ("TIME", 1800)]
        assert_costs(going_on, "0.775")

    def test_is_not_brought_up_to_the_least_price_but_kept_below_the_most(self):
        ocpi = tariff(element(price("ENERGY", 0.25)), min_price={"excl_vat": 5}, max_price={"excl_vat": 6})
        assert_costs(rated(ocpi, charging(30, 4_000), final=False), "1")
        assert_costs(rated(ocpi, charging(30, 40_000), final=False), "6")
        assert_costs(rated(ocpi, charging(30, 4_000)), "5")


class TestStepSize:
    @pytest.mark.parametrize(("step", "net"), [(1, "0.029"), (25, "0.03125"), (500, "0.125")])
    def test_116_wh_in_steps(self, step, net):
        """The specification prints 0.031 for 125 Wh at 0.25; the meter here counts whole Wh, so its 115.2 are 116."""
        assert_costs(rated(tariff(element(price("ENERGY", 0.25, step=step))), charging(10, 116)), net)

    def test_energy_is_rounded_once_and_billed_at_the_last_price(self):
        ocpi = tariff(
            element(price("ENERGY", 0.20, step=500), end_time="17:00"), element(price("ENERGY", 0.27, step=500))
        )
        rating = rated(ocpi, charging(30, 4_300), charging(30, 1_100), started=at(16, 30))
        assert bill(rating) == [("ENERGY", 4_300), ("ENERGY", 1_200)]
        assert_costs(rating, "1.184")  # 0.86 + 0.324

    def test_time_is_rounded_once_and_billed_at_the_last_price(self):
        ocpi = tariff(element(price("TIME", 5, step=600), end_time="17:00"), element(price("TIME", 7, step=600)))
        assert bill(rated(ocpi, charging(28, 5_000), started=at(16, 54))) == [("TIME", 6 * 60), ("TIME", 24 * 60)]

    def test_charging_time_is_not_rounded_when_parking_follows(self):
        ocpi = tariff(element(price("TIME", 1, step=600), price("PARKING_TIME", 2, step=600)))
        assert bill(rated(ocpi, charging(21, 3_000), parked(16))) == [("TIME", 21 * 60), ("PARKING_TIME", 20 * 60)]

    def test_two_minutes_of_parking_cost_a_quarter_hour(self):
        rating = rated(STEPS, charging(10, 1_000), parked(2), started=at(16, 55))
        assert bill(rating) == [("TIME", 300), ("TIME", 300), ("PARKING_TIME", 900)]
        assert rating.net == Decimal("0.55")

    def test_35_minutes_of_charging_cost_45(self):
        rating = rated(STEPS, charging(35, 5_000), started=at(16, 35))
        assert bill(rating) == [("TIME", 25 * 60), ("TIME", 20 * 60)]
        assert rating.net == Decimal("1.30")

    def test_parking_that_becomes_free_is_rounded_in_its_last_billed_period(self):
        rating = rated(STEPS, charging(12, 1_000), parked(20), started=at(19, 40))
        assert bill(rating) == [("TIME", 12 * 60), ("PARKING_TIME", 15 * 60)]
        assert rating.net == Decimal("0.73")

    def test_a_step_of_one_adds_nothing(self):
        assert bill(rated(tariff(element(price("ENERGY", 1))), charging(7, 1_234))) == [("ENERGY", 1_234)]


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=BERLIN)


class TestRestrictions:
    def test_the_first_matching_element_of_a_dimension_wins_and_others_may_come_from_elsewhere(self):
        ocpi = tariff(
            element(price("ENERGY", 0.10), day_of_week=["SUNDAY"]),
            element(price("ENERGY", 0.20)),
            element(price("ENERGY", 0.30), price("FLAT", 1)),
        )
        assert_costs(rated(ocpi, charging(60, 10_000)), "3")

    def test_a_dimension_that_no_element_prices_is_free(self):
        assert_costs(rated(tariff(element(price("ENERGY", 0.30), day_of_week=["SUNDAY"])), charging(60, 10_000)), "0")

    def test_a_night_price_wraps_around_midnight(self):
        ocpi = tariff(
            element(price("ENERGY", 0.10), start_time="22:00", end_time="06:00"), element(price("ENERGY", 0.50))
        )
        # 21:00 to 07:00 at 1 kW: one hour, eight hours of night, one hour.
        assert_costs(rated(ocpi, charging(600, 10_000), started=at(21)), "1.8")

    def test_a_weekday_ends_at_local_midnight(self):
        ocpi = tariff(element(price("ENERGY", 1), day_of_week=["SUNDAY"]), element(price("ENERGY", 0)))
        assert_costs(rated(ocpi, charging(120, 2_000), started=at(23, 0, day=6)), "1")

    def test_dates_include_the_first_and_exclude_the_last(self):
        ocpi = tariff(element(price("ENERGY", 1), start_date="2026-06-02", end_date="2026-06-03"))
        assert_costs(rated(ocpi, charging(48 * 60, 48_000), started=at(12, 0, day=1)), "24")

    def test_a_price_that_begins_after_an_amount_of_energy(self):
        ocpi = tariff(element(price("ENERGY", 0), max_kwh=1), element(price("ENERGY", 0.20)))
        assert_costs(rated(ocpi, charging(60, 700), charging(60, 19_300)), "3.8")

    def test_a_flat_fee_is_charged_once_also_when_it_begins_late(self):
        overstay = tariff(element(price("FLAT", 5), min_duration=3600), element(price("ENERGY", 0.30)))
        assert_costs(rated(overstay, charging(59, 10_000)), "3")
        assert_costs(rated(overstay, charging(61, 10_000), parked(600)), "8")

    def test_a_time_of_day_is_the_buildings_when_clocks_go_back(self):
        # 25 October 2026: 02:00-03:00 comes twice in Berlin. 01:00 to 04:00 is four hours at 1 kW.
        ocpi = tariff(element(price("ENERGY", 1), start_time="02:00", end_time="03:00"))
        started = datetime(2026, 10, 25, 1, tzinfo=BERLIN)
        quarters = [charging(15, 250)] * 16
        assert_costs(rated(ocpi, *quarters, started=started), "2")

    def test_the_same_instant_is_another_time_of_day_elsewhere(self):
        ocpi = tariff(element(price("ENERGY", 1), start_time="22:00", end_time="06:00"))
        started = datetime(2026, 6, 1, 21, tzinfo=UTC)
        assert_costs(rated(ocpi, charging(60, 1_000), started=started), "1")
        assert_costs(rated(ocpi, charging(60, 1_000), started=started, zone=ZoneInfo("UTC")), "0")


class TestLimits:
    def test_without_a_gross_limit_vat_keeps_its_share(self):
        ocpi = tariff(element(price("ENERGY", 1, 20)), max_price={"excl_vat": 10})
        assert_costs(rated(ocpi, charging(60, 40_000)), "10", "12")

    def test_the_most_price_comes_after_the_least_and_holds_to_the_cent(self):
        # 0.10 is raised to 3.00, and that lowered to 1.00 and, with its 42 %, from 4.26 to 1.25.
        ocpi = tariff(
            element(price("ENERGY", 0.1, 42)), min_price={"excl_vat": 3}, max_price={"excl_vat": 1, "incl_vat": 1.25}
        )
        assert_costs(rated(ocpi, charging(60, 1_000)), "1", "1.25")

    def test_a_minimum_for_a_session_without_energy_bears_the_first_rate(self):
        ocpi = tariff(element(price("ENERGY", 1, 20)), min_price={"excl_vat": 1})
        assert_costs(rated(ocpi), "1", "1.2")

    def test_a_session_without_slices_owes_its_flat_fee(self):
        assert_costs(rated(tariff(START_AND_ENERGY)), "0.5", "0.6")


# Seconds of a year, so that months, weekdays and both changes of the clocks come up.
instants = st.integers(0, 365 * 86_400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
slices = st.lists(
    st.tuples(st.integers(0, 120), st.integers(0, 30_000), st.integers(0, 7200), st.integers(0, 7200)), max_size=12
)
TARIFFS = [SUPERMARKET, STEPS, COMPLEX, tariff(element(price("ENERGY", 0.3), max_kwh=3.3337), START_AND_ENERGY)]


def session_of(parts, started: datetime) -> RatedInput:
    made, now = [], started
    for minutes, energy_wh, charging_s, parking_s in parts:
        end = now + timedelta(minutes=minutes)
        made.append(RatedSlice(start=now, end=end, energy_wh=energy_wh, charging_s=charging_s, parking_s=parking_s))
        now = end
    return RatedInput(started=started, slices=made)


@given(st.sampled_from(TARIFFS), slices, instants)
def test_however_a_session_is_cut_nothing_of_it_is_lost(ocpi, parts, started):
    rating = rate(parse_tariff(ocpi), session_of(parts, started), BERLIN)
    assert sum(period.energy_wh for period in rating.periods) == sum(part[1] for part in parts)
    assert sum(period.charging_s for period in rating.periods) == sum(part[2] for part in parts)
    assert sum(period.parking_s for period in rating.periods) == sum(part[3] for part in parts)
    starts = [period.start for period in rating.periods]
    assert starts == sorted(starts)
    assert rating.net <= rating.gross


@given(slices, instants)
def test_a_flat_price_depends_on_the_energy_alone(parts, started):
    ocpi = tariff(element(price("ENERGY", 0.3)))
    rating = rate(parse_tariff(ocpi), session_of(parts, started), BERLIN)
    assert rating.net == Decimal("0.3") * sum(part[1] for part in parts) / 1000
