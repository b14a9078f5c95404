"""What somebody who is about to start is told: prices now, when they change, and what some energy comes to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from evshare_app.model import from_ms
from evshare_app.money import Money
from evshare_app.tariff.circumstances import Circumstances, PriceSlot
from evshare_app.tariff.now import Expected, expected, expected_power_w, highest_price, price_now
from evshare_app.tariff.ocpi import Dimension, EnergySource, Tariff, load, parse_tariff
from evshare_app.tariff.store import TariffVersion

BERLIN = ZoneInfo("Europe/Berlin")
SINCE_EVER = from_ms(0)
NINE_PM = datetime(2026, 7, 2, 19, 0, tzinfo=UTC)  # Thursday, 21:00 in Berlin


def tariff(*elements: dict[str, Any]) -> Tariff:
    return parse_tariff(
        {
            "country_code": "XX",
            "party_id": "EVS",
            "id": "t",
            "currency": "EUR",
            "elements": list(elements),
            "last_updated": "2026-07-01T00:00:00Z",
        }
    )


def element(kind: str, price: float, vat: float | None = None, **only: Any) -> dict[str, Any]:
    component: dict[str, Any] = {"type": kind, "price": price, "step_size": 1}
    if vat is not None:
        component["vat"] = vat
    return {"price_components": [component]} | ({"restrictions": only} if only else {})


def version(of: Tariff, valid_from: datetime = SINCE_EVER) -> TariffVersion:
    return TariffVersion(version_id=str(valid_from), valid_from=valid_from, tariff=of)


DAY_AND_NIGHT = tariff(
    element("ENERGY", 0.40, start_time="06:00", end_time="22:00"),
    element("ENERGY", 0.20),
)


def test_an_amount_costs_its_energy_with_vat_and_takes_its_time() -> None:
    # 10 kWh x 0.30 = 3.00, plus 19 % = 3.57; 10 kWh at 10 kW are an hour.
    assert expected(tariff(element("ENERGY", 0.30, 19)), [10_000], 10_000, NINE_PM, BERLIN) == (
        Expected(energy_wh=10_000, takes=timedelta(hours=1), cost=Money(357, "EUR")),
    )


def test_what_a_later_hour_costs_is_in_it() -> None:
    # 21:00 to 22:00 ten kWh at 0.40, then ten at 0.20: 4.00 + 2.00.
    (twenty,) = expected(DAY_AND_NIGHT, [20_000], 10_000, NINE_PM, BERLIN)
    assert twenty.cost == Money(600, "EUR")


def test_charging_time_and_a_session_fee_are_in_it_and_parking_is_not() -> None:
    dear = tariff(element("ENERGY", 0.30), element("TIME", 1.20), element("FLAT", 0.50), element("PARKING_TIME", 9))
    # One hour: 3.00 + 1.20 + 0.50.
    assert expected(dear, [10_000], 10_000, NINE_PM, BERLIN)[0].cost == Money(470, "EUR")


def test_a_start_between_quarter_hours_loses_no_energy() -> None:
    odd = datetime(2026, 7, 2, 19, 7, 31, tzinfo=UTC)
    for power_w in (1_380, 3_333, 11_040):
        (one,) = expected(tariff(element("ENERGY", 1)), [10_000], power_w, odd, BERLIN)
        assert one.cost == Money(1000, "EUR"), power_w


def test_what_would_take_days_is_not_told() -> None:
    # 40 kWh at 500 W are 80 hours.
    told = expected(tariff(element("ENERGY", 0.30)), [10_000, 40_000], 500, NINE_PM, BERLIN)
    assert [one.energy_wh for one in told] == [10_000]
    assert expected(tariff(element("ENERGY", 0.30)), [10_000], 0, NINE_PM, BERLIN) == ()


def test_the_price_now_says_when_it_changes_and_to_what() -> None:
    now = price_now([version(DAY_AND_NIGHT)], NINE_PM, BERLIN)
    assert [one.price for one in now.components] == [Decimal("0.4")]
    assert now.changes_at == datetime(2026, 7, 2, 20, 0, tzinfo=UTC)  # 22:00 in Berlin
    assert [one.price for one in now.then] == [Decimal("0.2")]


def test_a_weekend_price_is_seen_coming() -> None:
    weekend = tariff(element("ENERGY", 0.10, day_of_week=["SATURDAY", "SUNDAY"]), element("ENERGY", 0.30))
    now = price_now([version(weekend)], NINE_PM, BERLIN)
    assert now.changes_at == datetime(2026, 7, 3, 22, 0, tzinfo=UTC)  # Saturday, 00:00 in Berlin


def test_the_next_version_of_the_tariff_is_seen_coming() -> None:
    august = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
    flat, dearer = tariff(element("ENERGY", 0.30)), tariff(element("ENERGY", 0.35))
    now = price_now([version(flat), version(dearer, august)], NINE_PM, BERLIN)
    assert now.changes_at == august
    assert [one.price for one in now.then] == [Decimal("0.35")]


def test_a_version_that_changes_nothing_at_the_time_is_no_change() -> None:
    august = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
    same = tariff(element("ENERGY", 0.30))
    assert price_now([version(same), version(same, august)], NINE_PM, BERLIN).changes_at is None


def test_parts_are_told_in_one_order_and_free_ones_not_at_all() -> None:
    parts = tariff(element("PARKING_TIME", 1), element("TIME", 0), element("FLAT", 2), element("ENERGY", 0.3))
    now = price_now([version(parts)], NINE_PM, BERLIN)
    assert [one.type for one in now.components] == [Dimension.ENERGY, Dimension.FLAT, Dimension.PARKING_TIME]
    assert now.changes_at is None


def test_the_power_is_what_stall_house_and_car_allow() -> None:
    # 16 A on three phases of 230 V: 11,040 W.
    assert expected_power_w(max_current_a=16, phases=3, free_a=None, typical_w=None) == 11_040
    assert expected_power_w(max_current_a=16, phases=3, free_a=10, typical_w=None) == 6_900
    assert expected_power_w(max_current_a=16, phases=3, free_a=10, typical_w=3_600) == 3_600
    # Below the least a connector can offer, one waits and then gets that: 6 A.
    assert expected_power_w(max_current_a=16, phases=1, free_a=2, typical_w=None) == 1_380


def market(*prices: str) -> Circumstances:
    """Prices per hour from 21:00 in Berlin on."""
    hour = timedelta(hours=1)
    slots = [
        PriceSlot(start=NINE_PM + hour * n, end=NINE_PM + hour * (n + 1), price=Decimal(one))
        for n, one in enumerate(prices)
    ]
    return Circumstances(prices={"spot": slots})


def extended(*elements: dict[str, Any], **extensions: Any) -> Tariff:
    ocpi = tariff(*elements)
    return parse_tariff({**load(ocpi.to_json()), "x_evshare": extensions})


SPOT = extended(element("FLAT", 0), spot={"series": "spot", "fallback": 0.5, "vat": 19})
SUNNY = tariff(element("ENERGY", 0.15, x_evshare={"energy_source": "solar"}), element("ENERGY", 0.35))


def test_a_spot_price_is_that_of_the_hour_and_changes_with_the_market() -> None:
    now = price_now([version(SPOT)], NINE_PM, BERLIN, circumstances=market("0.2", "0.2", "0.3"))
    assert [(one.price, one.vat) for one in now.components] == [(Decimal("0.2"), Decimal(19))]
    assert now.changes_at == NINE_PM + timedelta(hours=2)
    assert [one.price for one in now.then] == [Decimal("0.3")]
    assert not now.estimated


def test_where_the_market_is_not_known_the_price_is_called_a_guess_and_no_change_is_told() -> None:
    now = price_now([version(SPOT)], NINE_PM, BERLIN)
    assert [one.price for one in now.components] == [Decimal("0.5")]
    assert now.estimated
    assert now.changes_at is None
    assert price_now([version(SPOT)], NINE_PM, BERLIN, circumstances=market("0.2")).changes_at is None


def test_what_energy_will_cost_follows_the_known_hours_and_says_when_it_guesses() -> None:
    # 20 kWh at 10 kW are two hours: 10 x 0.2 + 10 x 0.3 = 5.00, plus 19 %.
    known = market("0.2", "0.3")
    (twenty,) = expected(SPOT, [20_000], 10_000, NINE_PM, BERLIN, circumstances=known)
    assert (twenty.cost, twenty.estimated) == (Money(595, "EUR"), False)
    (thirty,) = expected(SPOT, [30_000], 10_000, NINE_PM, BERLIN, circumstances=known)
    # The third hour is not known: the last price again, 8.00 plus 19 %.
    assert (thirty.cost, thirty.estimated) == (Money(952, "EUR"), True)


def test_each_source_has_its_price_and_the_current_one_is_shown() -> None:
    now = price_now([version(SUNNY)], NINE_PM, BERLIN, source=EnergySource.SOLAR)
    assert [one.price for one in now.components] == [Decimal("0.15")]
    assert [(source, one and one.price) for source, one in now.by_source] == [
        (EnergySource.SOLAR, Decimal("0.15")),
        (EnergySource.BATTERY, Decimal("0.35")),
        (EnergySource.GRID, Decimal("0.35")),
    ]
    assert price_now([version(DAY_AND_NIGHT)], NINE_PM, BERLIN).by_source == ()


def test_what_energy_will_cost_takes_the_sun_as_it_shines_now_and_calls_it_a_guess() -> None:
    # Half of 10 kWh at 0.15, half at 0.35: 2.50. Of the grid's alone: 3.50.
    shares = {EnergySource.SOLAR: 1, EnergySource.GRID: 1}
    (ten,) = expected(SUNNY, [10_000], 10_000, NINE_PM, BERLIN, shares=shares)
    assert (ten.cost, ten.estimated) == (Money(250, "EUR"), True)
    assert expected(SUNNY, [10_000], 10_000, NINE_PM, BERLIN)[0].cost == Money(350, "EUR")


def test_the_highest_price_is_with_vat_and_the_markets_cap_counts() -> None:
    assert highest_price(tariff(element("ENERGY", 0.2, 19), element("ENERGY", 0.1)), Dimension.ENERGY) == Decimal(
        "0.238"
    )
    assert highest_price(DAY_AND_NIGHT, Dimension.FLAT) == 0
    assert highest_price(SPOT, Dimension.ENERGY) == Decimal("0.595")  # the fallback, 0.50 plus 19 %
    capped = extended(element("FLAT", 0), spot={"series": "spot", "fallback": 0.5, "max": 0.8})
    assert highest_price(capped, Dimension.ENERGY) == Decimal("0.8")
