from datetime import UTC, date, datetime, time
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.tariff.holiday_dates import holiday_dates
from evshare_app.tariff.objects import Holidays, TariffError
from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.presets import DayNight, Extras, Flat, SolarFriendly, SpotPriced, recognise, to_ocpi
from tests.app.tariff.examples import COMPLEX_ELEMENTS, SUPERMARKET, element, price, tariff

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
D = Decimal


def test_a_flat_price_is_one_element() -> None:
    assert to_ocpi(Flat(price=D("0.3")), "EUR", NOW, Extras(vat=D(19)))["elements"] == [
        {"price_components": [{"type": "ENERGY", "price": D("0.3"), "vat": 19, "step_size": 1}]}
    ]


def test_night_comes_before_day() -> None:
    made = to_ocpi(DayNight(day=D("0.4"), night=D("0.2"), weekend_is_night=True), "EUR", NOW)
    assert [one.get("restrictions") for one in made["elements"]] == [
        {"day_of_week": ["SATURDAY", "SUNDAY"]},
        {"start_time": "22:00", "end_time": "06:00"},
        None,
    ]
    assert [one["price_components"][0]["price"] for one in made["elements"]] == [D("0.2"), D("0.2"), D("0.4")]


def test_solar_energy_has_a_price_of_its_own() -> None:
    made = to_ocpi(SolarFriendly(solar=D("0.15"), grid=D("0.35")), "EUR", NOW)
    assert made["elements"][0]["restrictions"] == {"x_evshare": {"energy_source": "solar"}}


def test_a_spot_price_has_its_formula_and_the_fees_beside_it() -> None:
    preset = SpotPriced(series="sensor.spot", fallback=D("0.4"), adder=D("0.18"))
    made = to_ocpi(preset, "EUR", NOW, Extras(session_fee=D("0.5"), idle_fee=D(3), idle_grace_s=1800, vat=D(19)))
    assert [one["type"] for one in made["elements"][0]["price_components"]] == ["FLAT", "PARKING_TIME"]
    assert made["x_evshare"] == {
        "spot": {"series": "sensor.spot", "fallback": D("0.4"), "adder": D("0.18"), "vat": 19},
        "idle_grace_s": 1800,
    }


amounts = st.integers(0, 20_000).map(lambda one: (D(one) / 10_000).normalize())
times = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30])).map(lambda one: time(*one))
presets = st.one_of(
    st.builds(Flat, price=amounts),
    st.builds(
        DayNight,
        day=amounts,
        night=amounts,
        night_from=times,
        night_until=times,
        weekend_is_night=st.booleans(),
        holidays=st.none() | st.just(Holidays(country="DE", subdivision="BE")),
    ),
    st.builds(SolarFriendly, solar=amounts, grid=amounts, battery=st.none() | amounts),
    st.builds(SpotPriced, series=st.just("sensor.spot"), fallback=amounts, adder=amounts, slot_minutes=st.just(15)),
)
extras = st.builds(
    Extras,
    vat=st.sampled_from([None, D(19), D("7.7")]),
    tax_included=st.booleans(),
    session_fee=amounts,
    idle_fee=amounts,
    idle_grace_s=st.sampled_from([0, 900]),
    idle_only_if_queue=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(presets, extras)
def test_a_preset_is_recognised_with_the_numbers_it_was_made_from(preset, more) -> None:
    assert recognise(parse_tariff(to_ocpi(preset, "EUR", NOW, more))) == (preset, more)


@pytest.mark.parametrize(
    "ocpi",
    [
        SUPERMARKET,
        tariff(*COMPLEX_ELEMENTS),
        tariff(element(price("ENERGY", 0.3, step=500))),
        tariff(element(price("ENERGY", 0.3)), max_price={"excl_vat": 10}),
        tariff(element(price("ENERGY", 0.3, 19), price("FLAT", 1, 7))),
        tariff(element(price("TIME", 1))),
    ],
)
def test_what_is_no_preset_is_not_taken_for_one(ocpi) -> None:
    assert recognise(parse_tariff(ocpi)) is None


def test_a_number_that_is_not_usable_is_refused() -> None:
    with pytest.raises(TariffError, match="price: got -1, accepted is a number from 0"):
        to_ocpi(Flat(price=D(-1)), "EUR", NOW)


def test_public_holidays_are_those_of_the_place() -> None:
    # 8 March is a holiday in Berlin and not in Bavaria.
    assert date(2026, 3, 8) in holiday_dates(Holidays(country="DE", subdivision="BE"), [2026])
    assert date(2026, 3, 8) not in holiday_dates(Holidays(country="DE", subdivision="BY"), [2026])
    with pytest.raises(TariffError, match="holidays: got DE-QQ, accepted is a country and subdivision"):
        holiday_dates(Holidays(country="DE", subdivision="QQ"), [2026])
