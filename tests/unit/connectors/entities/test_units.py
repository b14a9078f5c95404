"""Units of other integrations' sensors."""

import pytest

from custom_components.evshare.connectors.entities.source import EntityState
from custom_components.evshare.connectors.entities.units import AMPERES, VOLTS, WATTS, amperes, leading_number, measured


def said(state: str, unit: str | None) -> EntityState:
    return EntityState(state=state, attributes={} if unit is None else {"unit_of_measurement": unit})


@pytest.mark.parametrize(
    ("state", "unit", "power_w"),
    [
        ("7360", "W", 7360),
        ("11.04", "kW", 11040),
        ("7360000", "mW", 7360),
        ("-3", "W", -3),
        ("7360", None, None),
        ("7360", "VA", None),
        ("nan", "W", None),
        ("inf", "W", None),
        ("charging", "W", None),
    ],
)
def test_power_is_in_watts_or_not_read(state: str, unit: str | None, power_w: float | None) -> None:
    assert measured(said(state, unit), WATTS) == (None if power_w is None else pytest.approx(power_w))


def test_currents_and_voltages_too() -> None:
    assert measured(said("15800", "mA"), AMPERES) == pytest.approx(15.8)
    assert measured(said("15.8", "A"), AMPERES) == pytest.approx(15.8)
    assert measured(said("231.2", "V"), VOLTS) == pytest.approx(231.2)
    assert measured(said("0.2312", "kV"), VOLTS) == pytest.approx(231.2)
    assert measured(None, VOLTS) is None


@pytest.mark.parametrize(
    ("state", "unit", "limit_a"),
    [
        ("16", "A", 16),
        ("16000", "mA", 16),
        ("16", None, 16),  # Wallbox's number has no unit
        ("10 A", None, 10),
        ("13,5 A", None, 13.5),
        ("11", "kW", None),
        ("auto", None, None),
    ],
)
def test_a_limit_is_in_amperes_or_not_read(state: str, unit: str | None, limit_a: float | None) -> None:
    assert amperes(said(state, unit)) == limit_a


def test_the_number_a_choice_begins_with() -> None:
    assert [leading_number(text) for text in ("16 A", " 6A", "32", "max")] == [16, 6, 32, None]
