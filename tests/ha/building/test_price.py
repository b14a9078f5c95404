"""What a price sensor says, per kWh in the building's currency."""

from decimal import Decimal

import pytest

from custom_components.evshare.building.price import price_per_kwh, price_text


@pytest.mark.parametrize(
    ("state", "unit", "currency", "price"),
    [
        ("0.2814", "EUR/kWh", "EUR", "0.2814"),
        ("0.2814", "€/kWh", "EUR", "0.2814"),
        ("28.14", "ct/kWh", "EUR", "0.2814"),
        ("28.14", "Cent/kWh", "EUR", "0.2814"),
        ("91.53", "EUR/MWh", "EUR", "0.09153"),
        ("0.0002814", "EUR/Wh", "EUR", "0.2814"),
        ("-0.5", "ct/kWh", "EUR", "-0.005"),
        ("0", "EUR/kWh", "EUR", "0"),
        ("-0.0", "EUR/kWh", "EUR", "0"),
        ("1e1", "EUR/kWh", "EUR", "10"),
        ("0.28140000000000004", "EUR/kWh", "EUR", "0.2814"),
        ("0.00000049", "EUR/kWh", "EUR", "0"),
        ("2.91", "SEK/kWh", "SEK", "2.91"),
        ("2.91", "kr/kWh", "NOK", "2.91"),
        ("291", "öre/kWh", "SEK", "2.91"),
        ("291", "øre/kWh", "DKK", "2.91"),
        ("24.5", "p/kWh", "GBP", "0.245"),
        ("27", "Rp./kWh", "CHF", "0.27"),
        ("31", "JPY/kWh", "JPY", "31"),
        ("0.12", "$/kWh", "AUD", "0.12"),
    ],
)
def test_any_unit_of_the_buildings_money_is_understood(state: str, unit: str, currency: str, price: str) -> None:
    said = price_per_kwh(state, unit, currency)
    assert said is not None
    assert price_text(said) == price


@pytest.mark.parametrize(
    ("state", "unit"),
    [
        ("0.28", "SEK/kWh"),
        ("0.28", "kr/kWh"),
        ("0.28", "øre/kWh"),
        ("0.28", "EUR"),
        ("0.28", "kWh"),
        ("0.28", "EUR/mWh"),
        ("0.28", "EUR/h"),
        ("0.28", None),
        ("unavailable", "EUR/kWh"),
        ("nan", "EUR/kWh"),
        ("inf", "EUR/kWh"),
        ("1000000", "EUR/kWh"),
        ("999999", "EUR/Wh"),
        ("1e999999", "EUR/kWh"),
    ],
)
def test_another_currency_and_no_price_are_none(state: str, unit: str | None) -> None:
    assert price_per_kwh(state, unit, "EUR") is None


def test_a_price_fits_the_books() -> None:
    """`price_slot.price` has 24 characters."""
    said = price_per_kwh("-999999.9999994", "EUR/kWh", "EUR")
    assert said == Decimal("-999999.999999")
    assert len(price_text(said)) <= 24
