"""The blueprints that are shipped load, and do what they say."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
import shutil
from typing import Any

from homeassistant.components import automation
from homeassistant.components.blueprint import Blueprint
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

SHIPPED = Path(__file__).parents[2] / "blueprints" / "automation" / "evshare"

type Use = Callable[..., Any]


@pytest.fixture
async def use(hass: HomeAssistant, tmp_path: Path) -> AsyncIterator[Use]:
    """Make an automation of a shipped blueprint, as an owner who imported it does."""

    async def use(name: str, **inputs: Any) -> None:
        folder = tmp_path / "blueprints" / "automation" / "evshare"
        await hass.async_add_executor_job(lambda: shutil.copytree(SHIPPED, folder))
        config = {"use_blueprint": {"path": f"evshare/{name}.yaml", "input": inputs}}
        assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
        await hass.async_block_till_done()
        assert hass.states.async_entity_ids("automation")

    yield use
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


def session(hass: HomeAssistant, at: str, event_type: str, **attributes: Any) -> None:
    hass.states.async_set("event.stall_1_session", at, {"event_type": event_type, **attributes})


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
async def test_a_shipped_blueprint_is_one(hass: HomeAssistant, path: Path) -> None:
    loaded = await hass.async_add_executor_job(load_yaml_dict, str(path))
    blueprint = Blueprint(loaded, expected_domain="automation", schema=automation.config.AUTOMATION_BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None
    assert blueprint.metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert "authorise" not in str(loaded["actions"])  # cards are read by the stall, never by an automation


async def test_whoever_wants_to_know_is_told_when_a_session_ended(hass: HomeAssistant, use: Use) -> None:
    told = async_mock_service(hass, "notify", "send_message")
    session(hass, "2026-06-15T18:00:00+00:00", "started")
    await use("session_ended", session="event.stall_1_session", target="notify.phone")
    session(hass, "2026-06-15T19:00:00+00:00", "paused")
    await hass.async_block_till_done()
    assert told == []
    session(hass, "2026-06-15T20:00:00+00:00", "ended", energy_wh=12_345, reason="unplugged")
    await hass.async_block_till_done()
    (message,) = told
    assert message.data["entity_id"] == ["notify.phone"]
    assert message.data["message"] == "12.3 kWh (unplugged)"


async def test_a_session_waits_for_a_sunny_tomorrow(hass: HomeAssistant, use: Use) -> None:
    chosen = async_mock_service(hass, "select", "select_option")
    hass.states.async_set("select.stall_1_mode", "fast")
    hass.states.async_set("sensor.forecast", "35")
    session(hass, "2026-06-15T18:00:00+00:00", "ended")
    await use(
        "sunny_tomorrow",
        session="event.stall_1_session",
        mode="select.stall_1_mode",
        forecast="sensor.forecast",
        enough=30,
    )
    session(hass, "2026-06-15T19:00:00+00:00", "started")
    await hass.async_block_till_done()
    assert [(call.data["entity_id"], call.data["option"]) for call in chosen] == [
        (["select.stall_1_mode"], "solar_only")
    ]
    hass.states.async_set("sensor.forecast", "25")
    session(hass, "2026-06-16T19:00:00+00:00", "started")
    await hass.async_block_till_done()
    assert len(chosen) == 1


async def test_stalls_pause_while_the_signal_is_on(hass: HomeAssistant, use: Use) -> None:
    calls: list[ServiceCall] = []
    for service in ("turn_on", "turn_off"):
        hass.services.async_register("switch", service, calls.append)
    hass.states.async_set("binary_sensor.dim", "off")
    await use("pause_while_busy", signal="binary_sensor.dim", stalls=["switch.stall_1_pause", "switch.stall_2_pause"])
    for state in ("on", "off"):
        hass.states.async_set("binary_sensor.dim", state)
        await hass.async_block_till_done()
    assert [call.service for call in calls] == ["turn_on", "turn_off"]
    assert calls[0].data["entity_id"] == ["switch.stall_1_pause", "switch.stall_2_pause"]


async def test_whoever_waits_is_told_when_a_stall_is_free(hass: HomeAssistant, use: Use) -> None:
    told = async_mock_service(hass, "notify", "send_message")
    hass.states.async_set("sensor.stall_1_status", "charging")
    await use("stall_free", status="sensor.stall_1_status", target="notify.phone")
    for state in ("reserved", "offline", "available", "unavailable", "available"):
        hass.states.async_set("sensor.stall_1_status", state)
        await hass.async_block_till_done()
    assert told == [], "a wall connector that is back is no news"
    for state in ("finishing", "available"):
        hass.states.async_set("sensor.stall_1_status", state)
        await hass.async_block_till_done()
    (message,) = told
    assert message.data["entity_id"] == ["notify.phone"]
