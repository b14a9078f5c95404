"""Home Assistant as the world of entity connectors: what is believed, how it is told, what is known of entities."""

from collections.abc import Callable, Iterator
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockModule, mock_integration

from custom_components.evshare.connectors.entities.hass import (
    HassEntities,
    async_entity_connector,
    async_is_cloud,
    entities_of,
    facts_of,
)
from custom_components.evshare.connectors.entities.slots import EntitySettings, Slot
from custom_components.evshare.connectors.entities.source import EntityState
from custom_components.evshare.connectors.ports import ConnectorRefused, ConnectorUnreachable

from ...unit.connectors.conftest import VirtualClock

STATUS = "sensor.status"


class LoopTime:
    """The event loop's clock of a test."""

    def __init__(self, now: float) -> None:
        self.now = now


@pytest.fixture
def loop_time(hass: HomeAssistant) -> Iterator[LoopTime]:
    """Loop time that passes by hand; timers are not needed here."""
    time = LoopTime(hass.loop.time())
    hass.loop.time = lambda: time.now  # type: ignore[method-assign]
    yield time
    del hass.loop.time


async def start(hass: HomeAssistant) -> None:
    """Home Assistant has started."""
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()


@pytest.mark.parametrize("state", ["unavailable", "unknown", None])
async def test_what_is_away_or_says_nothing_is_not_read(hass: HomeAssistant, state: str | None) -> None:
    if state is not None:
        hass.states.async_set(STATUS, state, {"options": ["a"]})
    entities = HassEntities(hass)
    assert entities.read(STATUS) is None
    assert entities.can_be_told(STATUS) is (state == "unknown")
    assert dict(entities.attributes(STATUS)) == ({} if state is None else {"options": ["a"]})


async def test_a_state_of_before_the_restart_is_not_believed(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, loop_time: LoopTime
) -> None:
    hass.set_state(CoreState.starting)
    hass.states.async_set(STATUS, "charging")
    entities = HassEntities(hass)
    assert entities.read(STATUS) is None
    assert entities.shown(STATUS) == EntityState(state="charging", attributes={})
    freezer.tick(10)
    await start(hass)
    assert entities.read(STATUS) is None
    freezer.tick(1)
    hass.states.async_set(STATUS, "charging")  # read again, unchanged
    assert entities.read(STATUS) == EntityState(state="charging", attributes={})


async def test_an_entity_that_seldom_speaks_is_believed_two_minutes_after_the_start(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, loop_time: LoopTime
) -> None:
    hass.set_state(CoreState.starting)
    hass.states.async_set(STATUS, "idle")
    entities = HassEntities(hass)
    freezer.tick(10)
    await start(hass)
    loop_time.now += 119
    assert entities.read(STATUS) is None
    loop_time.now += 1
    assert entities.read(STATUS) == EntityState(state="idle", attributes={})


async def test_a_helper_is_believed_at_once(hass: HomeAssistant) -> None:
    hass.set_state(CoreState.starting)
    hass.states.async_set("input_boolean.allowed", "off")
    assert HassEntities(hass).read("input_boolean.allowed") == EntityState(state="off", attributes={})


async def test_a_command_goes_to_the_service_of_its_domain(hass: HomeAssistant) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    async def note(call: ServiceCall) -> None:
        calls.append((f"{call.domain}.{call.service}", dict(call.data)))

    hass.services.async_register("number", "set_value", note)
    hass.services.async_register("easee", "set_charger_dynamic_limit", note)
    entities = HassEntities(hass)
    await entities.call("number.limit", "set_value", {"value": 10.0})
    await entities.act("easee.set_charger_dynamic_limit", {"device_id": "dev-1", "current": 10})
    assert calls == [
        ("number.set_value", {"entity_id": "number.limit", "value": 10.0}),
        ("easee.set_charger_dynamic_limit", {"device_id": "dev-1", "current": 10}),
    ]


@pytest.mark.parametrize("failure", [HomeAssistantError("offline"), RuntimeError("offline")])
async def test_whatever_a_service_raises_is_a_refusal(hass: HomeAssistant, failure: Exception) -> None:
    async def fail(_call: ServiceCall) -> None:
        raise failure

    hass.services.async_register("lock", "lock", fail)
    with pytest.raises(ConnectorRefused, match=r"lock.box: lock failed: offline"):
        await HassEntities(hass).call("lock.box", "lock")


async def test_a_service_that_takes_too_long_is_unreachable(hass: HomeAssistant) -> None:
    async def fail(_call: ServiceCall) -> None:
        raise TimeoutError

    hass.services.async_register("lock", "lock", fail)
    with pytest.raises(ConnectorUnreachable, match=r"lock.box: no answer to lock in 15 s"):
        await HassEntities(hass).call("lock.box", "lock")


async def test_a_script_gets_its_variables_and_is_waited_for(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "input_text", {"input_text": {"told": {}}})
    steps = [
        {"delay": 0},
        {
            "action": "input_text.set_value",
            "target": {"entity_id": "input_text.told"},
            "data": {"value": "{{ stall }} {{ action }} {{ current_a }}"},
        },
    ]
    assert await async_setup_component(hass, "script", {"script": {"charge": {"sequence": steps}}})
    renamed = er.async_get(hass).async_update_entity("script.charge", new_entity_id="script.laden")
    await hass.async_block_till_done()
    await HassEntities(hass).run(renamed.entity_id, {"stall": "Stall 1", "action": "enable", "current_a": 13})
    told = hass.states.get("input_text.told")
    assert told is not None
    assert told.state == "Stall 1 enable 13"


async def test_changes_are_told_as_they_are_until_it_ends(hass: HomeAssistant) -> None:
    told: list[tuple[str, str | None, str | None]] = []
    entities = HassEntities(hass)

    def note(entity_id: str, before: EntityState | None, now: EntityState | None) -> None:
        told.append((entity_id, before and before.state, now and now.state))

    unwatch = entities.watch([STATUS], note)
    for state in ("unavailable", "idle"):
        hass.states.async_set(STATUS, state)
    hass.states.async_set("sensor.other", "idle")
    hass.states.async_remove(STATUS)
    await hass.async_block_till_done()
    unwatch()
    hass.states.async_set(STATUS, "plugged")
    await hass.async_block_till_done()
    assert told == [(STATUS, None, "unavailable"), (STATUS, "unavailable", "idle"), (STATUS, "idle", None)]


# --- registers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state_class", "register_wh"),
    [("total_increasing", 12_345), ("total", 12_345), ("measurement", None), (None, None)],
)
async def test_only_a_sensor_that_counts_a_total_is_a_register(
    hass: HomeAssistant, state_class: str | None, register_wh: int | None
) -> None:
    attributes = {"unit_of_measurement": "kWh"} | ({} if state_class is None else {"state_class": state_class})
    hass.states.async_set("sensor.energy", "12.345", attributes)
    hass.states.async_set("sensor.session", "0.9995", {"unit_of_measurement": "kWh"})
    hass.states.async_set(STATUS, "idle")
    slots = {Slot.STATUS: STATUS, Slot.ENERGY_TOTAL: "sensor.energy", Slot.ENERGY_SESSION: "sensor.session"}
    connector = await async_entity_connector(hass, EntitySettings(name="", slots=slots), VirtualClock())
    reading = await connector.poll()
    assert (reading.register_wh, reading.session_wh) == (register_wh, 999)


# --- clouds -----------------------------------------------------------------------------------------------------------

type Register = Callable[..., str]


@pytest.fixture
def register(hass: HomeAssistant) -> Register:
    """Register an entity of an integration, on a device of its own; returns its entity id."""
    entry = MockConfigEntry(domain="acme")
    entry.add_to_hass(hass)

    def register(entity_id: str, platform: str = "acme", **facts: Any) -> str:
        domain, _, name = entity_id.partition(".")
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={("acme", "box")},
            name="Box",
            model="Model 3",
            serial_number="SN-1",
            sw_version="1.2.3",
        )
        registered = er.async_get(hass).async_get_or_create(
            domain, platform, facts.pop("unique_id", name), suggested_object_id=name, device_id=device.id, **facts
        )
        return registered.entity_id

    return register


@pytest.mark.parametrize(
    ("iot_class", "cloud"),
    [("cloud_push", True), ("cloud_polling", True), ("local_polling", False), ("calculated", False)],
)
async def test_a_cloud_is_known_by_what_the_integration_says_of_itself(
    hass: HomeAssistant, register: Register, iot_class: str, cloud: bool
) -> None:
    mock_integration(hass, MockModule("acme", partial_manifest={"iot_class": iot_class}))
    switch = register("switch.charge")
    settings = EntitySettings(name="", slots={Slot.STATUS: STATUS, Slot.ENABLE: switch})
    assert await async_is_cloud(hass, settings) is cloud
    connector = await async_entity_connector(hass, settings, VirtualClock())
    assert connector.heartbeat_s is None  # nothing is told a current
    only_read = EntitySettings(name="", slots={Slot.STATUS: register("sensor.status")})
    assert not await async_is_cloud(hass, only_read)


async def test_an_integration_that_is_gone_is_no_cloud(hass: HomeAssistant, register: Register) -> None:
    switch = register("switch.charge", platform="gone_with_the_wind")
    assert not await async_is_cloud(hass, EntitySettings(name="", slots={Slot.ENABLE: switch}))


# --- what is known of entities ----------------------------------------------------------------------------------------


async def test_the_facts_of_an_entity_come_from_its_state_and_the_registry(
    hass: HomeAssistant, register: Register
) -> None:
    entity_id = register(
        "number.limit",
        unique_id="SN-1_limit",
        translation_key="charging_limit",
        original_name="Charging limit",
        original_device_class="current",
        unit_of_measurement="A",
        capabilities={"min": 6, "max": 32},
    )
    facts = facts_of(hass, entity_id)
    assert facts is not None
    assert (facts.platform, facts.unique_id, facts.translation_key) == ("acme", "SN-1_limit", "charging_limit")
    assert (facts.device_class, facts.unit, facts.lowest, facts.highest, facts.state) == ("current", "A", 6, 32, None)
    hass.states.async_set(entity_id, "13", {"min": 8, "max": 20, "unit_of_measurement": "A"})
    shown = facts_of(hass, entity_id)
    assert shown is not None
    assert (shown.lowest, shown.highest, shown.state) == (8, 20, "13")
    hass.states.async_set("sensor.of_nobody", "unavailable", {"options": ["idle"]})
    unregistered = facts_of(hass, "sensor.of_nobody")
    assert unregistered is not None
    assert (unregistered.platform, unregistered.options, unregistered.state) == ("", ("idle",), None)


async def test_the_entities_of_a_device_are_those_that_are_switched_on(hass: HomeAssistant, register: Register) -> None:
    register("sensor.status")
    register("sensor.hidden", disabled_by=er.RegistryEntryDisabler.INTEGRATION)
    entry = er.async_get(hass).async_get("sensor.status")
    assert entry is not None
    assert entry.device_id is not None
    assert [each.entity_id for each in entities_of(hass, entry.device_id)] == ["sensor.status"]
    device = HassEntities(hass).device("sensor.status")
    assert device is not None
    assert (device.name, device.model, device.serial, device.firmware) == ("Box", "Model 3", "SN-1", "1.2.3")
    assert HassEntities(hass).device("sensor.of_nobody") is None
