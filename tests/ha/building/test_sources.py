"""The building's meters as HA's sensors tell them."""

from datetime import timedelta

from homeassistant.core import CoreState, HomeAssistant
import pytest

from custom_components.evshare.building.sources import BuildingSources
from custom_components.evshare.building.wiring import MeterEntities
from custom_components.evshare.model import Building, BuildingReading, Moment

from .passing_time import START

BUILDING = Building(id="b", name="Lindenhof", currency="EUR", time_zone="Europe/Berlin", fuse_a=63)
METERS = MeterEntities(grid_power="sensor.grid", currents=("sensor.l1", "sensor.l2", "sensor.l3"), pv_power="sensor.pv")


def _says(hass: HomeAssistant, entity_id: str, state: str, unit: str | None, age_s: float = 0) -> None:
    at = START - timedelta(seconds=age_s)
    hass.states.async_set(entity_id, state, {"unit_of_measurement": unit} if unit else {}, timestamp=at.timestamp())


def _read(hass: HomeAssistant, meters: MeterEntities = METERS) -> BuildingReading:
    reading = BuildingSources(hass, meters, BUILDING).read(Moment(at=START, mono_s=1.0))
    assert reading is not None
    return reading


async def test_any_unit_of_power_and_current_is_understood(hass: HomeAssistant) -> None:
    _says(hass, "sensor.grid", "-1.5", "kW")
    _says(hass, "sensor.pv", "2500", "W")
    for phase, state, unit in (("l1", "6500", "mA"), ("l2", "7", "A"), ("l3", "8.5", "A")):
        _says(hass, f"sensor.{phase}", state, unit)
    reading = _read(hass)
    assert (reading.grid_w, reading.pv_w, reading.currents_a) == (-1500.0, 2500.0, (6.5, 7.0, 8.5))


@pytest.mark.parametrize(
    ("state", "unit"),
    [
        ("unavailable", "W"),
        ("unknown", "W"),
        ("a lot", "W"),
        ("nan", "W"),
        ("inf", "W"),
        ("5", "kWh"),
        ("5", None),
        ("999999", "kW"),
    ],
)
async def test_what_no_feeder_can_carry_is_silence(hass: HomeAssistant, state: str, unit: str | None) -> None:
    _says(hass, "sensor.grid", state, unit)
    assert _read(hass).grid_w is None


async def test_a_value_not_reported_for_half_a_minute_is_silence(hass: HomeAssistant) -> None:
    _says(hass, "sensor.grid", "100", "W", age_s=29)
    assert _read(hass).grid_w == 100
    _says(hass, "sensor.pv", "100", "W", age_s=31)
    assert _read(hass).pv_w is None


async def test_a_constant_value_that_is_still_reported_is_fresh(hass: HomeAssistant) -> None:
    _says(hass, "sensor.grid", "100", "W", age_s=600)
    _says(hass, "sensor.grid", "100", "W", age_s=5)
    assert _read(hass).grid_w == 100


async def test_one_silent_phase_silences_all(hass: HomeAssistant) -> None:
    _says(hass, "sensor.l1", "6", "A")
    _says(hass, "sensor.l2", "6", "A")
    assert _read(hass).currents_a is None


async def test_inverters_draw_no_sun_at_night(hass: HomeAssistant) -> None:
    _says(hass, "sensor.pv", "-12", "W")
    assert _read(hass).pv_w == 0


async def test_a_register_is_read_with_the_time_it_was_reported(hass: HomeAssistant) -> None:
    registers = {"import": "sensor.in", "pv": "sensor.sun", "export": "sensor.out"}
    sources = BuildingSources(hass, MeterEntities(registers=registers), BUILDING)
    _says(hass, "sensor.in", "4321.0987", "kWh", age_s=600)
    _says(hass, "sensor.sun", "-1", "kWh")
    _says(hass, "sensor.out", "5", "kW")
    seen = sources.seen(Moment(at=START, mono_s=1.0), None)
    assert seen.registers == {"import": (START - timedelta(seconds=600), 4_321_098)}


async def test_a_register_of_before_the_start_of_home_assistant_is_not_believed(hass: HomeAssistant) -> None:
    hass.set_state(CoreState.starting)
    sources = BuildingSources(hass, MeterEntities(registers={"import": "sensor.in"}), BUILDING)
    _says(hass, "sensor.in", "4321", "kWh")
    assert sources.seen(Moment(at=START, mono_s=1.0), None).registers == {}


@pytest.mark.parametrize(
    ("gives", "takes", "watts"),
    [("-800", None, -800.0), ("1500", "0", 1500.0), ("0", "900", -900.0), ("0", "-900", 0.0), ("0", "unknown", None)],
)
async def test_a_battery_has_one_signed_power_or_two(
    hass: HomeAssistant, gives: str, takes: str | None, watts: float | None
) -> None:
    charging = None if takes is None else "sensor.charging"
    meters = MeterEntities(battery_power="sensor.battery", battery_charge_power=charging)
    _says(hass, "sensor.battery", gives, "W")
    _says(hass, "sensor.charging", takes or "0", "W")
    seen = BuildingSources(hass, meters, BUILDING).seen(Moment(at=START, mono_s=1.0), None)
    assert seen.powers_w.get("battery") == watts


async def test_a_building_without_meters_has_no_reading(hass: HomeAssistant) -> None:
    assert BuildingSources(hass, MeterEntities(), BUILDING).read(Moment(at=START, mono_s=1.0)) is None
