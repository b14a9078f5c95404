"""What somebody who is about to start is told: prices now, when they change, and what some energy comes to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from evshare_app.model import from_ms
from evshare_app.money import Money
from evshare_app.tariff.now import Expected, expected, expected_power_w, price_now
from evshare_app.tariff.ocpi import Dimension, Tariff, parse_tariff
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
