"""Home Assistant entities around a contactor, and a stall's equipment as its settings say it."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.evshare.connectors.contactor_parts import ContactorLife, Forgetful
from custom_components.evshare.connectors.hass_contactor import (
    HassFeedback,
    HassRefresh,
    HassSoftStop,
    look_equipment,
    stall_equipment,
)
from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.connectors.stagger import Stagger
from custom_components.evshare.connectors.twc_meter.line import SerialLine, TcpLine

from ..conftest import VirtualClock

CONTACTOR = {"connector": "tesla_twc3", "phase_map": [1, 2, 3], "contactor": "switch.contactor", "meter": None}


@pytest.fixture
def calls(hass: HomeAssistant) -> list[tuple[str, dict[str, Any]]]:
    """Every service call there was."""
    calls: list[tuple[str, dict[str, Any]]] = []

    async def note(call: ServiceCall) -> None:
        calls.append((f"{call.domain}.{call.service}", dict(call.data)))

    for domain in ("switch", "input_boolean"):
        for service in ("turn_on", "turn_off"):
            hass.services.async_register(domain, service, note)
    for domain in ("button", "input_button"):
        hass.services.async_register(domain, "press", note)
    for script in ("keep_alive", "stop_car"):
        hass.services.async_register("script", script, note)
    return calls


@pytest.mark.parametrize(
    ("state", "is_closed"), [("on", True), ("off", False), ("unavailable", None), ("unknown", None), (None, None)]
)
def test_an_auxiliary_contact_says_whether_it_is_closed(
    hass: HomeAssistant, state: str | None, is_closed: bool | None
) -> None:
    if state is not None:
        hass.states.async_set("binary_sensor.contact", state)
    assert HassFeedback(hass, "binary_sensor.contact").is_closed() is is_closed


@pytest.mark.parametrize(
    ("entity_id", "call"),
    [
        ("script.keep_alive", ("script.keep_alive", {})),
        ("button.keep_alive", ("button.press", {"entity_id": "button.keep_alive"})),
        ("input_button.keep_alive", ("input_button.press", {"entity_id": "input_button.keep_alive"})),
        ("switch.contactor", ("switch.turn_on", {"entity_id": "switch.contactor"})),
    ],
)
async def test_a_keep_alive_is_run_pressed_or_turned_on_again(
    hass: HomeAssistant, calls: list[Any], entity_id: str, call: tuple[str, dict[str, str]]
) -> None:
    await HassRefresh(hass, entity_id, 60).refresh()
    assert calls == [call]


@pytest.mark.parametrize(
    ("entity_id", "expected"),
    [
        ("script.stop_car", [("script.stop_car", {"action": "stop"}), ("script.stop_car", {"action": "start"})]),
        (
            "switch.car",
            [("switch.turn_off", {"entity_id": "switch.car"}), ("switch.turn_on", {"entity_id": "switch.car"})],
        ),
        (
            "input_boolean.car",
            [
                ("input_boolean.turn_off", {"entity_id": "input_boolean.car"}),
                ("input_boolean.turn_on", {"entity_id": "input_boolean.car"}),
            ],
        ),
        ("button.stop", [("button.press", {"entity_id": "button.stop"})]),  # there is nothing to let it go on with
        ("input_button.stop", [("input_button.press", {"entity_id": "input_button.stop"})]),
    ],
)
async def test_a_car_is_stopped_and_let_go_on(
    hass: HomeAssistant, calls: list[Any], entity_id: str, expected: list[tuple[str, dict[str, str]]]
) -> None:
    soft_stop = HassSoftStop(hass, entity_id)
    await soft_stop.stop()
    await soft_stop.start()
    assert calls == expected


async def test_a_renamed_script_is_run_by_the_name_it_was_made_with(hass: HomeAssistant, calls: list[Any]) -> None:
    registry = er.async_get(hass)
    entry = registry.async_get_or_create("script", "script", "keep_alive")
    renamed = registry.async_update_entity(entry.entity_id, new_entity_id="script.garage_left")
    await HassRefresh(hass, renamed.entity_id, 60).refresh()
    assert calls == [("script.keep_alive", {})]


async def test_a_script_that_fails_or_is_gone_is_a_refusal(hass: HomeAssistant) -> None:
    with pytest.raises(ConnectorRefused, match=r"script\.gone: gone failed"):
        await HassRefresh(hass, "script.gone", 60).refresh()

    async def fail(_call: ServiceCall) -> None:
        raise HomeAssistantError("relay offline")

    hass.services.async_register("script", "broken", fail)
    with pytest.raises(ConnectorRefused, match="relay offline"):
        await HassSoftStop(hass, "script.broken").stop()


# --- settings --------------------------------------------------------------------------------------------------------


def test_an_old_stall_has_only_its_contactor(hass: HomeAssistant, clock: VirtualClock) -> None:
    equipment = stall_equipment(hass, CONTACTOR, clock)
    assert equipment.contactor is not None
    aids = equipment.aids
    assert (aids.feedback, aids.refresh, aids.soft_stop) == (None, None, None)
    assert (equipment.throttle, equipment.meter) == (None, None)
    assert (equipment.times.grace_s, equipment.times.reclose_after_s, equipment.times.lag_s) == (60, 60, 0)


def test_a_stall_without_contactor_has_nothing_around_it(hass: HomeAssistant, clock: VirtualClock) -> None:
    equipment = stall_equipment(hass, CONTACTOR | {"contactor": None, "soft_stop": "switch.car"}, clock)
    assert (equipment.contactor, equipment.aids.soft_stop) == (None, None)


def test_everything_around_a_contactor_is_put_there(hass: HomeAssistant, clock: VirtualClock) -> None:
    settings = CONTACTOR | {
        "contactor_feedback": "binary_sensor.contact",
        "contactor_refresh": "script.keep_alive",
        "soft_stop": "switch.car",
    }
    stagger, memory = Stagger(), Forgetful(ContactorLife(closings=3))
    equipment = stall_equipment(hass, settings, clock, stagger=stagger, memory=memory)
    aids = equipment.aids
    assert isinstance(aids.feedback, HassFeedback)
    assert isinstance(aids.soft_stop, HassSoftStop)
    assert aids.refresh is not None
    assert aids.refresh.every_s == 60  # unless it says otherwise
    assert (equipment.stagger, aids.memory) == (stagger, memory)
    faster = stall_equipment(hass, settings | {"contactor_refresh_s": 20}, clock)
    assert faster.aids.refresh is not None
    assert faster.aids.refresh.every_s == 20


def test_entities_may_be_a_minute_late(hass: HomeAssistant, clock: VirtualClock) -> None:
    assert stall_equipment(hass, CONTACTOR | {"connector": "ha_entities"}, clock).times.lag_s == 60


@pytest.mark.parametrize(("state", "known"), [("off", True), ("on", False), ("unavailable", False), (None, False)])
def test_how_long_a_switch_has_been_off_is_known(hass: HomeAssistant, state: str | None, known: bool) -> None:
    at = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
    if state is not None:
        hass.states.async_set("switch.contactor", state, timestamp=at.timestamp())
    assert look_equipment(hass, CONTACTOR).aids.open_since == (at if known else None)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"twc_meter_device": "/dev/ttyUSB0"}, SerialLine("/dev/ttyUSB0")),
        ({"twc_meter_port": 15020}, TcpLine(15020)),
        ({"twc_meter_device": "", "twc_meter_port": 15020}, TcpLine(15020)),
    ],
)
def test_an_emulated_meter_is_on_a_serial_line_or_a_port(
    hass: HomeAssistant, clock: VirtualClock, settings: dict[str, Any], line: SerialLine | TcpLine
) -> None:
    throttle = stall_equipment(hass, CONTACTOR | settings | {"twc_meter_limit_a": 25}, clock).throttle
    assert throttle is not None
    assert (throttle.line, throttle.conductor_limit_a) == (line, 25)


@pytest.mark.parametrize(
    ("limit_a", "said"), [(None, "got none; accepted: the conductor limit"), (5, "got 5; accepted: 6")]
)
def test_an_emulated_meter_needs_the_conductor_limit(
    hass: HomeAssistant, clock: VirtualClock, limit_a: int | None, said: str
) -> None:
    with pytest.raises(ValueError, match=f"twc_meter_limit_a: {said}"):
        stall_equipment(hass, CONTACTOR | {"twc_meter_port": 15020, "twc_meter_limit_a": limit_a}, clock)


def test_a_look_leaves_the_emulated_meter_alone_and_gives_nobody_grace(hass: HomeAssistant) -> None:
    equipment = look_equipment(hass, CONTACTOR | {"twc_meter_port": 15020, "twc_meter_limit_a": 25})
    assert equipment.throttle is None
    assert (equipment.times.grace_s, equipment.times.pause_s, equipment.times.reclose_after_s) == (10, 10, 60)
