"""HA entities as contactor and meter."""

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.evshare.connectors.hass_ports import HassMeter, HassSwitch
from custom_components.evshare.connectors.ports import ConnectorRefused

METER = "sensor.stall_4_energy"
SWITCH = "switch.stall_4_contactor"


@pytest.mark.parametrize(
    ("state", "unit", "energy_wh"),
    [
        ("5000", "Wh", 5000),
        ("5000.9", "Wh", 5000),
        ("12.345", "kWh", 12345),
        ("1.1", "kWh", 1100),
        ("0.29", "kWh", 290),  # 0.29 * 1000 is 289.99… as a float
        ("12.3456789", "MWh", 12345678),
        ("unavailable", "kWh", None),
        ("unknown", "kWh", None),
        ("nan", "kWh", None),
        ("-1", "kWh", None),
        ("5", "m³", None),
        ("5", None, None),
    ],
)
async def test_a_meter_reads_whole_watt_hours(
    hass: HomeAssistant, state: str, unit: str | None, energy_wh: int | None
) -> None:
    hass.states.async_set(METER, state, {} if unit is None else {"unit_of_measurement": unit})
    assert HassMeter(hass, METER).register_wh() == energy_wh


async def test_a_meter_that_is_gone_reads_nothing(hass: HomeAssistant) -> None:
    assert HassMeter(hass, METER).register_wh() is None


async def test_a_renamed_meter_is_still_the_same_meter(hass: HomeAssistant) -> None:
    registry = er.async_get(hass)
    entry = registry.async_get_or_create("sensor", "modbus", "energy-4", suggested_object_id="stall_4_energy")
    before = HassMeter(hass, entry.entity_id).serial
    renamed = registry.async_update_entity(entry.entity_id, new_entity_id="sensor.garage_left")
    assert HassMeter(hass, renamed.entity_id).serial == before
    assert HassMeter(hass, "sensor.another").serial == "sensor.another"


@pytest.mark.parametrize(
    ("state", "is_on"), [("on", True), ("off", False), ("unavailable", None), ("unknown", None), (None, None)]
)
async def test_a_switch_says_whether_it_is_on(hass: HomeAssistant, state: str | None, is_on: bool | None) -> None:
    if state is not None:
        hass.states.async_set(SWITCH, state)
    assert HassSwitch(hass, SWITCH).is_on() is is_on


async def test_a_switch_is_switched_by_its_service(hass: HomeAssistant) -> None:
    calls: list[tuple[str, object]] = []

    async def note(call: ServiceCall) -> None:
        calls.append((call.service, call.data["entity_id"]))

    hass.services.async_register("switch", "turn_on", note)
    hass.services.async_register("switch", "turn_off", note)
    switch = HassSwitch(hass, SWITCH)
    await switch.turn_on()
    await switch.turn_off()
    assert calls == [("turn_on", SWITCH), ("turn_off", SWITCH)]


async def test_a_failing_or_missing_service_is_a_refusal(hass: HomeAssistant) -> None:
    with pytest.raises(ConnectorRefused, match=r"switch.stall_4_contactor: turn_on failed"):
        await HassSwitch(hass, SWITCH).turn_on()

    async def fail(_call: ServiceCall) -> None:
        raise HomeAssistantError("relay offline")

    hass.services.async_register("switch", "turn_off", fail)
    with pytest.raises(ConnectorRefused, match="turn_off failed: relay offline"):
        await HassSwitch(hass, SWITCH).turn_off()


@pytest.mark.parametrize("seconds_to_start", [10, 0])  # 0: a clock too coarse to tell
async def test_a_value_from_before_the_restart_is_no_measurement(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds_to_start: int
) -> None:
    hass.set_state(CoreState.starting)
    meter = HassMeter(hass, METER)
    hass.states.async_set(METER, "5000", {"unit_of_measurement": "Wh"})  # restored
    assert meter.register_wh() is None
    freezer.tick(seconds_to_start)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()
    assert meter.register_wh() is None
    freezer.tick(5)
    hass.states.async_set(METER, "5000", {"unit_of_measurement": "Wh"})  # read again, unchanged
    assert meter.register_wh() == 5000
