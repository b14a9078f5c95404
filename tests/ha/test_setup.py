"""A building comes to life in Home Assistant, changes in place, and goes."""

from typing import Any
from unittest.mock import patch

from homeassistant.components.modbus import async_get_unit
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from modbus_connection import ModbusTcpParams
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.evshare.const import DOMAIN

from .conftest import MakeEntry, device_id, resident, set_up, stall, wait_until
from .hardware import FakeKeba, ModbusNetwork

pytestmark = pytest.mark.usefixtures("keba", "quick_polls")


def device_names(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str | None]:
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {next(iter(device.identifiers))[1]: device.name for device in devices}


def entity_ids(hass: HomeAssistant, subentry_id: str | None) -> set[str]:
    return {
        entity.unique_id
        for entity in er.async_get(hass).entities.values()
        if entity.platform == DOMAIN and entity.config_subentry_id == subentry_id
    }


async def test_a_stall_is_a_device_of_its_building(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = await set_up(hass, make_entry(stall()))
    assert entry.state is ConfigEntryState.LOADED
    assert device_names(hass, entry) == {"b" * 32: "Lindenhof", "stall-1": "Stall 1"}
    devices = dr.async_get(hass)
    building = devices.async_get_device_by_identifier((DOMAIN, "b" * 32), entry.entry_id)
    await wait_until(hass, lambda: _stall_device(hass, entry).serial_number is not None)
    device = _stall_device(hass, entry)
    assert building is not None
    assert device.via_device_id == building.id
    assert device.config_subentry_id == "stall-1"
    assert (device.model, device.serial_number, device.sw_version) == ("KEBA KeContact P30", "17619300", "3.10.42")


def _stall_device(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "stall-1"), entry.entry_id)
    assert isinstance(device, dr.DeviceEntry)
    return device


async def test_a_silent_connector_does_not_keep_the_building_from_living(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    keba.silent()
    entry = await set_up(hass, make_entry(stall()))
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get("sensor.stall_1_status").state == "offline"
    assert hass.states.get("sensor.stall_1_power").state == "unavailable"


async def test_a_building_without_stalls_lives(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = await set_up(hass, make_entry())
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get("sensor.lindenhof_allocated_current").state == "0"


async def test_a_damaged_journal_keeps_the_building_from_living(
    hass: HomeAssistant, make_entry: MakeEntry, tmp_path: Any
) -> None:
    entry = make_entry(stall())
    (tmp_path / "evshare").mkdir()
    (tmp_path / "evshare" / f"{entry.entry_id}.db").write_bytes(
        b"not a database, but long enough to look like one" * 99
    )
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "journal_failed"


async def test_unloading_locks_nobody_in_or_out_and_loading_again_works(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert hass.states.get("sensor.stall_1_status").state == "unavailable"
    await set_up(hass, entry)
    assert hass.states.get("sensor.stall_1_status").state == "available"


async def test_a_new_stall_appears_without_a_reload(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeKeba(network, "10.0.0.12", serial=17619301)
    entry = await set_up(hass, make_entry(stall()))
    building = entry.runtime_data
    added = stall("stall-2", "Stall 2", host="10.0.0.12", serial="17619301")
    hass.config_entries.async_add_subentry(entry, _subentry(added))
    await hass.async_block_till_done()
    assert entry.runtime_data is building
    assert device_names(hass, entry)["stall-2"] == "Stall 2"
    assert {unique_id.replace("stall-2", "stall-1") for unique_id in entity_ids(hass, "stall-2")} == entity_ids(
        hass, "stall-1"
    )
    await wait_until(hass, lambda: hass.states.get("sensor.stall_2_status").state == "available")


async def test_a_removed_stall_goes_with_device_and_entities(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = await set_up(hass, make_entry(stall()))
    assert entity_ids(hass, "stall-1")
    hass.config_entries.async_remove_subentry(entry, "stall-1")
    await hass.async_block_till_done()
    assert entity_ids(hass, "stall-1") == set()
    assert "stall-1" not in device_names(hass, entry)
    assert entry.runtime_data.stalls == {}


async def test_a_renamed_stall_renames_its_device_and_keeps_its_connector(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    connector = entry.runtime_data.stalls["stall-1"].connector
    hass.config_entries.async_update_subentry(entry, entry.subentries["stall-1"], title="Stall A")
    await hass.async_block_till_done()
    assert device_names(hass, entry)["stall-1"] == "Stall A"
    assert entry.runtime_data.stalls["stall-1"].config.name == "Stall A"
    connector_after = entry.runtime_data.stalls["stall-1"].connector
    assert connector_after is connector


async def test_a_new_resident_is_known_at_once_and_reloads_nothing(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = await set_up(hass, make_entry(stall()))
    building = entry.runtime_data
    hass.config_entries.async_add_subentry(entry, _subentry(resident()))
    await hass.async_block_till_done()
    assert entry.runtime_data is building
    assert [someone.name for someone in building.residents.values()] == ["Anna Alt"]


async def test_a_renamed_building_renames_its_device(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = await set_up(hass, make_entry())
    hass.config_entries.async_update_entry(entry, title="Lindenhof Süd", data={**entry.data, "fuse_a": 80})
    await hass.async_block_till_done()
    assert device_names(hass, entry)["b" * 32] == "Lindenhof Süd"
    assert entry.runtime_data.building.fuse_a == 80


async def test_only_a_device_that_is_no_stall_any_more_can_be_removed_by_hand(
    hass: HomeAssistant, make_entry: MakeEntry, hass_ws_client: Any
) -> None:
    from custom_components.evshare import async_remove_config_entry_device

    entry = await set_up(hass, make_entry(stall()))
    assert not await async_remove_config_entry_device(hass, entry, _stall_device(hass, entry))
    stray = dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={(DOMAIN, "gone")})
    assert await async_remove_config_entry_device(hass, entry, stray)


async def test_a_stall_whose_connector_nobody_knows_is_offline_alone(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    unknown = stall("stall-2", "Stall 2", connector="perpetuum_mobile", host="10.0.0.12", serial="17619301")
    entry = make_entry(stall(), unknown)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    await wait_until(hass, lambda: hass.states.get("sensor.stall_1_status").state == "available")
    assert hass.states.get("sensor.stall_2_status").state == "offline"


async def test_a_stall_whose_address_another_integration_holds_is_offline_alone(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork
) -> None:
    FakeKeba(network, "10.0.0.12", serial=17619301)
    entry = make_entry(stall(), stall("stall-2", "Stall 2", host="10.0.0.12", serial="17619301"))

    def hold(hass: HomeAssistant, entry: MockConfigEntry, params: ModbusTcpParams, unit_id: int) -> Any:
        if params.host == "10.0.0.11":
            raise HomeAssistantError("in use with other settings")
        return async_get_unit(hass, entry, params, unit_id)

    with patch("custom_components.evshare.building.connect.async_get_unit", hold):
        await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    await wait_until(hass, lambda: hass.states.get("sensor.stall_2_status").state == "available")
    assert hass.states.get("sensor.stall_1_status").state == "offline"


async def test_another_app_is_taken_over_by_a_reload_that_ends_no_session(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hass_admin_user: MockUser, socket_enabled: None
) -> None:
    entry = await set_up(hass, make_entry(stall(), resident()))
    keba.plug()
    await wait_until(hass, lambda: hass.states.get("binary_sensor.stall_1_plugged_in").state == "on")
    await hass.services.async_call(
        DOMAIN,
        "authorise",
        {"device_id": device_id(hass), "resident": "anna"},
        blocking=True,
        context=Context(user_id=hass_admin_user.id),
    )
    await wait_until(hass, lambda: keba.enabled)
    building = entry.runtime_data
    session = building.stalls["stall-1"].state.session
    data = {**entry.data, "app_url": "http://127.0.0.1:1", "app_token": "secret"}
    keba.writes.clear()
    hass.config_entries.async_update_entry(entry, data=data)
    await wait_until(hass, lambda: entry.state is ConfigEntryState.LOADED and entry.runtime_data is not building)
    assert entry.runtime_data.stalls["stall-1"].state.session.id == session.id
    assert entry.runtime_data.link_state == "disconnected"
    await wait_until(hass, lambda: entry.runtime_data.stalls["stall-1"].state.online)
    assert (5014, 0) not in keba.writes
    assert keba.enabled
    await hass.config_entries.async_unload(entry.entry_id)


async def test_home_assistant_stops_and_the_journal_is_closed(
    hass: HomeAssistant, make_entry: MakeEntry, tmp_path: Any
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    journal = tmp_path / "evshare" / f"{entry.entry_id}.db"
    assert await hass.async_add_executor_job(lambda: [path.name for path in journal.parent.iterdir()]) == [journal.name]


def _subentry(data: Any) -> ConfigSubentry:
    from types import MappingProxyType

    return ConfigSubentry(
        data=MappingProxyType(data["data"]),
        subentry_type=data["subentry_type"],
        title=data["title"],
        unique_id=data["unique_id"],
        subentry_id=data["subentry_id"],
    )
