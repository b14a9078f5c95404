"""What a least or highest price changes is shared among the VAT rates, so that each rate's VAT is of its own base."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.part import amounts, less
from tests.app.tariff.examples import charging, element, parked, price, rated, tariff

TWO_RATES = (element(price("ENERGY", 0.50, 19), price("PARKING_TIME", 5.00, 7)),)


def billed(limits, *stretches, final=True):
    ocpi = tariff(*TWO_RATES, **limits)
    return amounts(rated(ocpi, *stretches, final=final), parse_tariff(ocpi), "EUR")


def base(of, percent):
    return sum(line.net_minor for line in of.lines if line.vat == percent)


def test_a_highest_price_takes_off_each_rate_its_share():
    # 20 kWh are 10.00 at 19 %, two hours' parking 10.00 at 7 %: of 20.00 each bears half of the 6.00 that remain.
    of = billed({"max_price": {"excl_vat": 6}}, charging(60, 20_000), parked(120))
    assert [(line.type, line.vat, line.net_minor) for line in of.lines] == [
        ("ENERGY", 19, 1000),
        ("PARKING_TIME", 7, 1000),
        ("MAX_PRICE", 19, -700),
        ("MAX_PRICE", 7, -700),
    ]
    # 19 % of 3.00 and 7 % of 3.00.
    assert dict(of.vat) == {19: 57, 7: 21}


def test_a_least_price_adds_to_each_rate_its_share():
    # 1 kWh is 0.50 and six minutes are 0.50: 4.00 in all are 2.00 at each rate, with 0.38 and 0.14 of VAT.
    of = billed({"min_price": {"excl_vat": 4}}, charging(60, 1_000), parked(6))
    assert (base(of, 19), base(of, 7), dict(of.vat)) == (200, 200, {19: 38, 7: 14})


def test_a_least_price_of_what_was_free_has_the_tariffs_first_rate():
    of = billed({"min_price": {"excl_vat": 1}}, charging(60))
    assert ([(line.type, line.vat, line.net_minor) for line in of.lines], dict(of.vat)) == (
        [("MIN_PRICE", 19, 100)],
        {19: 19},
    )


@settings(max_examples=40)
@given(
    energy=st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)),
    minutes=st.tuples(st.integers(0, 300), st.integers(0, 300)),
    limits=st.sampled_from([{}, {"max_price": {"excl_vat": 6}}, {"min_price": {"excl_vat": 4}}]),
)
def test_each_rates_vat_is_of_its_own_base_for_the_whole_and_for_each_part(energy, minutes, limits):
    first = charging(60, energy[0]), parked(minutes[0])
    until_now = billed(limits, *first, final=False)
    whole = billed(limits, *first, charging(60, energy[1]), parked(minutes[1]))
    for of in (until_now, whole, less(whole, [until_now], "EUR")):
        assert sum(line.net_minor for line in of.lines) == of.net_minor
        assert sum(minor for _, minor in of.vat) == of.gross_minor - of.net_minor
        for percent, minor in of.vat:
            # A part is the difference of two rounded sums, each at most a unit off in base and VAT.
            assert abs(minor - base(of, percent) * percent / 100) <= Decimal(3)


def test_each_line_is_its_own_amount_though_a_part_takes_back_what_was_billed_before():
    """The price of the last 6.57 kWh became known after they were billed at 0.40: 2.63 less, 2.35 more."""
    earlier = tariff(element(price("ENERGY", 0.40)))
    later = tariff(element(price("ENERGY", 0.3573)))
    before = amounts(rated(earlier, charging(60, 6_570)), parse_tariff(earlier), "EUR")
    until_now = amounts(rated(later, charging(60, 6_570), charging(60, 810)), parse_tariff(later), "EUR")
    part = less(until_now, [before], "EUR")
    # 7.38 kWh x 0.3573 = 2.636874; 6.57 kWh x 0.40 = 2.628.
    assert [(line.price, line.volume, line.net_minor) for line in part.lines] == [
        (Decimal("0.3573"), 7_380, 264),
        (Decimal("0.4"), -6_570, -263),
    ]
    assert part.net_minor == 1


def test_no_line_is_a_unit_off_its_price_times_its_quantity():
    # 88.00972, 0.84333 and 0.333 are 89.18605 in all: 89.19.
    ocpi = tariff(element(price("ENERGY", 0.2713), price("PARKING_TIME", 1.1), price("FLAT", 0.333)))
    of = amounts(rated(ocpi, charging(60, 324_400), parked(46)), parse_tariff(ocpi), "EUR")
    assert {line.type: line.net_minor for line in of.lines} == {"ENERGY": 8801, "PARKING_TIME": 85, "FLAT": 33}
