"""What keeps a building in order: repair issues, diagnostics, backups."""

import json
from pathlib import Path
import sqlite3
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.components.repairs import ConfirmRepairFlow
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from modbus_connection import IllegalDataValueError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.evshare.backup import async_post_backup, async_pre_backup
from custom_components.evshare.const import DOMAIN
from custom_components.evshare.diagnostics import async_get_config_entry_diagnostics, async_get_device_diagnostics
from custom_components.evshare.journal import JournalError
from custom_components.evshare.repairs import async_create_fix_flow

from .conftest import MakeEntry, device_id, resident, set_up, stall, state_of, wait_until
from .hardware import FakeKeba
from .texts import TEXTS

pytestmark = pytest.mark.usefixtures("quick_polls")


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """The issues of evshare by their key."""
    found = {
        issue.translation_key: issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active and issue.translation_key
    }
    for issue in found.values():
        for texts in TEXTS.values():
            texts["issues"][issue.translation_key]["title"].format(**issue.translation_placeholders or {})
    return found


async def act(hass: HomeAssistant, user: MockUser, service: str, **data: Any) -> None:
    data |= {"device_id": device_id(hass)}
    await hass.services.async_call(DOMAIN, service, data, blocking=True, context=Context(user_id=user.id))


# --- repairs ------------------------------------------------------------------------------------------------------


async def test_a_sound_building_has_no_issues(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    await set_up(hass, make_entry(stall(), resident()))
    assert issues(hass) == {}


async def test_energy_without_authorisation_stays_an_issue_until_somebody_looked(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    keba.count(40)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_energy") == "1234.607")
    assert issues(hass) == {}
    keba.count(20)
    await wait_until(hass, lambda: "unauthorised_energy" in issues(hass))
    issue = issues(hass)["unauthorised_energy"]
    assert issue.is_fixable
    assert issue.translation_placeholders == {"stall": "Stall 1"}
    assert isinstance(await async_create_fix_flow(hass, issue.issue_id, None), ConfirmRepairFlow)
    await hass.config_entries.async_unload(entry.entry_id)
    assert "unauthorised_energy" in issues(hass)


async def test_a_removed_building_takes_its_incidents_along(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    keba.count(60)
    await wait_until(hass, lambda: "unauthorised_energy" in issues(hass))
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == {}


async def test_a_removed_stall_takes_its_incident_along(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    keba.count(60)
    await wait_until(hass, lambda: "unauthorised_energy" in issues(hass))
    hass.config_entries.async_remove_subentry(entry, "stall-1")
    await hass.async_block_till_done()
    await wait_until(hass, lambda: issues(hass) == {})


async def test_a_connector_whose_failsafe_opens_is_named(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    """An Alfen falls back to its safe current when it hears nothing (connector reference 2.3)."""
    entry = make_entry(stall(connector="alfen_eve", host="10.0.0.77", unit_id=1, serial="ACE0001"))
    await set_up(hass, entry)
    assert issues(hass)["failsafe_opens"].translation_placeholders == {"stall": "Stall 1"}
    await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == {}


async def test_a_journal_that_cannot_be_written_is_an_issue_until_it_can(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    journal = entry.runtime_data.journal
    with patch.object(journal, "commit", side_effect=JournalError("disk full")):
        keba.plug()
        await wait_until(hass, lambda: "journal_failed" in issues(hass))
    keba.unplug()
    await wait_until(hass, lambda: "journal_failed" not in issues(hass))


async def test_a_stall_that_does_not_lock_is_an_issue_until_it_does(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    keba: FakeKeba,
    hass_admin_user: MockUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.evshare.building.hand.RETRIES_S", ())
    await set_up(hass, make_entry(stall(), resident()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    await act(hass, hass_admin_user, "authorise", resident="anna")
    await wait_until(hass, lambda: keba.enabled)
    keba.unit.fail_write(5014, IllegalDataValueError())
    await act(hass, hass_admin_user, "stop")
    await wait_until(hass, lambda: "stall_unlocked" in issues(hass))
    assert state_of(hass, "binary_sensor.stall_1_problem") == "on"
    keba.unit.fail_write(5014, None)
    keba.unplug()
    await wait_until(hass, lambda: "stall_unlocked" not in issues(hass))


async def test_a_refused_pairing_token_is_an_issue_at_once(
    hass: HomeAssistant, make_entry: MakeEntry, socket_enabled: None
) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        raise web.HTTPForbidden

    application = web.Application()
    application.router.add_get("/link/v1", refuse)
    server = TestServer(application)
    await server.start_server()
    entry = await set_up(hass, make_entry(app_url=f"http://127.0.0.1:{server.port}", app_token="old"))
    await wait_until(hass, lambda: "app_pairing_refused" in issues(hass))
    assert "app_unreachable" not in issues(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == {}
    await server.close()


async def test_an_app_out_of_reach_is_an_issue_only_after_a_while(
    hass: HomeAssistant, make_entry: MakeEntry, socket_enabled: None
) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    url = f"http://127.0.0.1:{server.port}"
    await server.close()
    later: list[Any] = []
    call_later = hass.loop.call_later

    def remember(delay: float, callback: Any, *args: Any) -> Any:
        if delay == 15 * 60:
            later.append(callback)
        return call_later(delay, callback, *args)

    with patch.object(hass.loop, "call_later", remember):
        entry = await set_up(hass, make_entry(app_url=url, app_token="secret"))
    assert issues(hass) == {}
    (patience_over,) = later
    patience_over()
    assert set(issues(hass)) == {"app_unreachable"}
    await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == {}


# --- diagnostics --------------------------------------------------------------------------------------------------


async def test_diagnostics_tell_much_of_the_building_and_nothing_of_anybody(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hass_admin_user: MockUser, socket_enabled: None
) -> None:
    entry = await set_up(
        hass,
        make_entry(
            stall(),
            resident(ha_user_id=hass_admin_user.id),
            app_url="http://127.0.0.1:1",
            app_token="pairing-secret",
            office_url="http://office.lindenhof.example",
        ),
    )
    keba.plug()
    keba.show_card("04A2B3C4")
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    await act(hass, hass_admin_user, "authorise")
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    (stall_1,) = diagnostics["stalls"]
    assert diagnostics["residents"] == 1
    assert diagnostics["settings"]["fuse_a"] == 63
    assert stall_1["plugged"]
    assert stall_1["session"]["credential_kind"] == "ha_user"
    assert stall_1["firmware"] == "3.10.42"
    assert stall_1["reading"]["card_present"]
    assert (stall_1["lock_quality"], stall_1["lock_quality_planned"]) == ("held", "held")
    assert stall_1["failsafe"] == {"current_a": 0.0, "timeout_s": 60.0}
    text = json.dumps(diagnostics).casefold()
    for secret in (
        "Anna",
        hass_admin_user.id,
        "pairing-secret",
        "lindenhof",
        "10.0.0.11",
        "127.0.0.1",
        "17619300",
        "04A2B3C4",
    ):
        assert secret.casefold() not in text
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_diagnostics_of_a_device_are_those_of_its_stall(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    whole = await async_get_config_entry_diagnostics(hass, entry)
    devices = _devices(hass, entry)
    assert (await async_get_device_diagnostics(hass, entry, devices["stall-1"])).keys() == whole["stalls"][0].keys()
    assert (await async_get_device_diagnostics(hass, entry, devices["b" * 32])).keys() == whole.keys()


def _devices(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    from homeassistant.helpers import device_registry as dr

    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {next(iter(device.identifiers))[1]: device for device in devices}


# --- backups ------------------------------------------------------------------------------------------------------


async def test_a_backup_finds_the_journal_whole_in_one_file(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, tmp_path: Path
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    await async_pre_backup(hass)
    copy = tmp_path / "copy.db"
    journal = tmp_path / "evshare" / f"{entry.entry_id}.db"
    await hass.async_add_executor_job(lambda: copy.write_bytes(journal.read_bytes()))
    await async_post_backup(hass)

    def kinds() -> list[str]:
        with sqlite3.connect(copy) as connection:
            return [row[0] for row in connection.execute("SELECT kind FROM record ORDER BY seq")]

    assert await hass.async_add_executor_job(kinds) == ["epoch"]


async def test_a_journal_that_cannot_be_made_ready_stops_the_backup(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    entry = await set_up(hass, make_entry(stall()))
    for prepare, what in ((async_pre_backup, "async_pre_backup"), (async_post_backup, "async_post_backup")):
        with (
            patch.object(entry.runtime_data.journal, what, side_effect=JournalError("disk")),
            pytest.raises(HomeAssistantError) as failed,
        ):
            await prepare(hass)
        assert failed.value.translation_key == "journal_failed"


async def test_without_buildings_a_backup_has_nothing_to_wait_for(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    await async_pre_backup(hass)
    await async_post_backup(hass)
