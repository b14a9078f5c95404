"""What all tests inside Home Assistant share: a clean configuration folder, and hardware at the outermost edge."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowManager
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

import custom_components  # noqa: F401  # before HA's loader, or the plugin's own test package shadows ours
from custom_components.evshare.const import DOMAIN, SUBENTRY_RESIDENT, SUBENTRY_STALL

from .hardware import FakeKeba, ModbusNetwork
from .texts import OWN_FLOWS, issue_key, missing

type MakeEntry = Callable[..., MockConfigEntry]

BUILDING = {
    "name": "Lindenhof",
    "currency": "EUR",
    "fuse_a": 63,
    "phases": 3,
    "grid_power": None,
    "current_l1": None,
    "current_l2": None,
    "current_l3": None,
    "pv_power": None,
    "app_url": None,
    "app_token": None,
    "office_url": None,
}


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """Journals and keys of a test stay in its own folder."""
    return str(tmp_path)


@pytest.fixture(autouse=True)
def _our_integration(enable_custom_integrations: None) -> None:
    """Let HA find evshare."""


@pytest.fixture(autouse=True)
def _every_step_has_its_texts() -> Iterator[None]:
    """Whatever dialogue a test walks through, each step of it is written in every language."""
    handle_step = FlowManager._async_handle_step

    async def checked(manager: Any, flow: Any, *args: Any, **kwargs: Any) -> Any:
        result = await handle_step(manager, flow, *args, **kwargs)
        handler = result["handler"]
        if handler == DOMAIN or (isinstance(handler, tuple) and handler[1] in OWN_FLOWS):
            assert missing(result, issue_key(flow.context.get("issue_id"))) == []
        return result

    with patch.object(FlowManager, "_async_handle_step", checked):
        yield


@pytest.fixture
def network() -> Iterator[ModbusNetwork]:
    """Every Modbus device that can be reached; HA's own sharing of links runs on top of it."""
    network = ModbusNetwork()
    with patch("homeassistant.components.modbus.connection.ModbusConnection", network.connection):
        yield network


@pytest.fixture
def quick_polls() -> Iterator[None]:
    """Connectors are polled without the pauses real ones need, and all of them each time."""
    driver = "custom_components.evshare.connectors.driver.ProfileConnector"
    with ExitStack() as stack:
        for pace in ("poll_charging_s", "poll_plugged_s", "poll_idle_s", "_slow_s"):
            stack.enter_context(patch(f"{driver}.{pace}", 0.005))
        yield


@pytest.fixture
def keba(network: ModbusNetwork) -> FakeKeba:
    """A wall connector at 10.0.0.11."""
    return FakeKeba(network, "10.0.0.11", serial=17619300)


def stall_data(**changes: Any) -> dict[str, Any]:
    """The settings of a KEBA at 10.0.0.11."""
    return {
        "connector": "keba_p30",
        "host": "10.0.0.11",
        "port": 502,
        "unit_id": 255,
        "max_current_a": 16,
        "phase_map": [1, 2, 3],
        "contactor": None,
        "meter": None,
        "tag_reader": None,
        "serial": "17619300",
    } | changes


def stall(subentry_id: str = "stall-1", title: str = "Stall 1", **changes: Any) -> ConfigSubentryDataWithId:
    """A stall as HA stores it."""
    data = stall_data(**changes)
    return ConfigSubentryDataWithId(
        data=data,
        subentry_type=SUBENTRY_STALL,
        title=title,
        unique_id=f"stall:{data['serial']}",
        subentry_id=subentry_id,
    )


def resident(
    subentry_id: str = "anna", title: str = "Anna Alt", ha_user_id: str | None = None
) -> ConfigSubentryDataWithId:
    """A resident as HA stores them."""
    return ConfigSubentryDataWithId(
        data={"ha_user_id": ha_user_id},
        subentry_type=SUBENTRY_RESIDENT,
        title=title,
        unique_id=f"resident:{subentry_id}",
        subentry_id=subentry_id,
    )


@pytest.fixture
def make_entry(hass: HomeAssistant) -> MakeEntry:
    """Add a building to HA without setting it up."""

    def make(*subentries: ConfigSubentryDataWithId, unique_id: str = "b" * 32, **changes: Any) -> MockConfigEntry:
        data = BUILDING | changes
        entry = MockConfigEntry(
            domain=DOMAIN, title=data["name"], data=data, unique_id=unique_id, subentries_data=subentries
        )
        entry.add_to_hass(hass)
        return entry

    return make


def measure(hass: HomeAssistant, entity_id: str, value: float, unit: str) -> None:
    """Let a sensor of another integration say something."""
    hass.states.async_set(entity_id, str(value), {"unit_of_measurement": unit})


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Bring a building to life and wait until every connector was read, or is known to be silent."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    stalls = entry.runtime_data.stalls.values()
    await wait_until(hass, lambda: all(stall.state.online or stall.problem is not None for stall in stalls))
    return entry


async def wait_until(hass: HomeAssistant, true: Callable[[], bool]) -> None:
    """Let the event loop run until something is true; the test's own time-out says when it never is."""
    while not true():  # noqa: ASYNC110  # what is waited for is anybody's state, not an event of ours
        await asyncio.sleep(0.001)
    await hass.async_block_till_done()


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """The state of an entity that must exist."""
    state = hass.states.get(entity_id)
    assert state is not None, f"no {entity_id}; there are {hass.states.async_entity_ids()}"
    return state.state


def device_id(hass: HomeAssistant, identifier: str = "stall-1") -> str:
    """HA's id of a stall's device."""
    registry = dr.async_get(hass)
    (device,) = (
        device
        for entry in hass.config_entries.async_entries(DOMAIN)
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id)
        if (DOMAIN, identifier) in device.identifiers
    )
    return device.id


async def make_user(hass: HomeAssistant, name: str) -> MockUser:
    """An HA user who is no admin, as residents are."""
    group = await hass.auth.async_get_group(GROUP_ID_USER)
    user = MockUser(id=f"user-of-{name.lower()}", name=name, groups=[group])
    return user.add_to_hass(hass)
