"""Sampled values into watt-hours, watts and amperes. Facts: reference ocpi-ocpp.md 10.3."""

from datetime import UTC, datetime

import pytest

from custom_components.evshare.connectors.ocpp.meter_values import SampledValue, sample

AT = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
REGISTER, POWER = "Energy.Active.Import.Register", "Power.Active.Import"
CURRENT, OFFERED = "Current.Import", "Current.Offered"


def register(*values: SampledValue) -> int | None:
    return sample(AT, values).register_wh


def test_what_is_not_said_means_imported_wh_at_the_outlet() -> None:
    """Defaults when absent: measurand Energy.Active.Import.Register, unit Wh, location Outlet, format Raw."""
    assert register(SampledValue(text="137042")) == 137_042


@pytest.mark.parametrize(
    ("text", "unit", "wh"),
    [
        ("137042", "Wh", 137_042),
        ("137042.9", "Wh", 137_042),
        ("137.042", "kWh", 137_042),
        ("137.0429", "kWh", 137_042),
        ("0.1", "kWh", 100),
        ("8.29", "kWh", 8290),  # 8.29 * 1000 is 8289.999… in floats
        ("1.37042E5", "Wh", 137_042),
        (" 12 ", "Wh", 12),
        ("0", "Wh", 0),
    ],
)
def test_a_register_is_rounded_down_to_whole_wh_and_never_through_floats(text: str, unit: str, wh: int) -> None:
    assert register(SampledValue(text=text, unit=unit)) == wh


@pytest.mark.parametrize(
    "value",
    [
        SampledValue(text="12", unit="varh"),
        SampledValue(text="12", unit="Celcius"),
        SampledValue(text="twelve"),
        SampledValue(text=""),
        SampledValue(text="NaN"),
        SampledValue(text="Infinity"),
        SampledValue(text="-1"),
        SampledValue(text="1e999999999"),
        SampledValue(text="9" * 1000),
        SampledValue(text="12", phase="N"),
        SampledValue(text="12", phase="L1-L2"),
        SampledValue(text="12", place="EV"),
        SampledValue(text="12", place="Cable"),
        SampledValue(text="12", signed=True),
        SampledValue(text="12", measurand="Energy.Active.Import.Interval"),
        SampledValue(text="12", measurand="Energy.Active.Export.Register"),
    ],
    ids=lambda value: f"{value.text[:12]} {value.unit} {value.phase} {value.place} {value.measurand}",
)
def test_what_is_no_imported_register_is_left_out(value: SampledValue) -> None:
    assert register(value) is None


def test_phases_are_summed_before_they_are_rounded() -> None:
    phases = (SampledValue(text="0.4", unit="Wh", phase=phase) for phase in ("L1", "L2", "L3"))
    assert register(*phases) == 1


def test_a_total_counts_before_the_sum_of_phases() -> None:
    phases = [SampledValue(text="100", phase=phase) for phase in ("L1", "L2", "L3")]
    assert register(*phases, SampledValue(text="299")) == 299


def test_the_inlet_counts_only_where_the_outlet_says_nothing() -> None:
    inlet, outlet = SampledValue(text="500", place="Inlet"), SampledValue(text="400")
    assert (register(inlet), register(inlet, outlet)) == (500, 400)


def test_power_is_in_watts_whatever_its_unit() -> None:
    values = [SampledValue(text="3.68", measurand=POWER, unit="kW", phase=phase) for phase in ("L1-N", "L2-N", "L3-N")]
    assert sample(AT, values).power_w == 11_040.0
    assert sample(AT, [SampledValue(text="11040", measurand=POWER, unit="W")]).power_w == 11_040.0


def test_currents_are_by_phase_and_a_phase_that_is_not_said_carries_nothing() -> None:
    one = [SampledValue(text="15.9", measurand=CURRENT, unit="A", phase="L2")]
    assert sample(AT, one).currents_a == (0.0, 15.9, 0.0)


def test_a_current_without_a_phase_says_nothing_of_any() -> None:
    assert sample(AT, [SampledValue(text="16", measurand=CURRENT, unit="A")]).currents_a is None


def test_what_is_offered_is_no_sum() -> None:
    values = [SampledValue(text="16.0", measurand=OFFERED, unit="A", phase=phase) for phase in ("L1", "L2", "L3")]
    assert sample(AT, values).offered_a == 16.0


def test_the_register_of_one_unit_is_not_the_power_of_another() -> None:
    assert sample(AT, [SampledValue(text="12", measurand=POWER, unit="Wh")]).power_w is None
