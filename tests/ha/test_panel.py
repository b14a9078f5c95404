"""Admins find the office in Home Assistant's sidebar."""

from collections.abc import Callable
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components import frontend, websocket_api
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_PANELS_UPDATED
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.evshare.const import DOMAIN

from .conftest import MakeEntry, set_up

type PanelsOf = Callable[[str], Any]


@pytest.fixture
async def panels_of(hass: HomeAssistant, hass_ws_client: Any) -> PanelsOf:
    """Home Assistant with a frontend, as far as its pages need no building of their own; what a user is shown."""
    hass.config.components.add("frontend")
    hass.data[frontend.DATA_PANELS_CONFIG] = {}
    hass.data[frontend.DATA_PANELS] = {}
    assert await async_setup_component(hass, "http", {})
    websocket_api.async_register_command(hass, frontend.websocket_get_panels)

    async def panels(access_token: str) -> dict[str, Any]:
        client = await hass_ws_client(hass, access_token)
        await client.send_json_auto_id({"type": "get_panels"})
        shown: dict[str, Any] = (await client.receive_json())["result"]
        return shown

    return panels


async def test_admins_see_the_panel_and_nobody_else(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    panels_of: PanelsOf,
    hass_access_token: str,
    hass_read_only_access_token: str,
) -> None:
    await set_up(hass, make_entry())
    panel = (await panels_of(hass_access_token))["evshare"]
    assert (panel["title"], panel["icon"]) == ("evshare", "mdi:ev-station")
    assert panel["config"]["_panel_custom"]["name"] == "evshare-panel"
    assert panel["config_panel_domain"] is None
    assert "evshare" not in await panels_of(hass_read_only_access_token)


async def test_the_panels_module_is_served_as_a_script_that_defines_its_element(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    panels_of: PanelsOf,
    hass_access_token: str,
    hass_client_no_auth: Callable[[], Any],
) -> None:
    await set_up(hass, make_entry())
    panel = (await panels_of(hass_access_token))["evshare"]["config"]["_panel_custom"]
    browser: TestClient[Any, Any] = await hass_client_no_auth()
    answer = await browser.get(panel["module_url"])
    assert answer.status == 200
    assert answer.content_type == "text/javascript"
    assert f'customElements.define("{panel["name"]}"' in await answer.text()


async def test_several_buildings_share_one_panel_that_goes_with_the_last(
    hass: HomeAssistant, make_entry: MakeEntry, panels_of: PanelsOf, hass_access_token: str
) -> None:
    first = await set_up(hass, make_entry())
    second = await set_up(hass, make_entry(unique_id="c" * 32, name="Lindenhof Süd"))
    await hass.config_entries.async_remove(first.entry_id)
    assert "evshare" in await panels_of(hass_access_token)
    await hass.config_entries.async_remove(second.entry_id)
    assert "evshare" not in await panels_of(hass_access_token)


async def test_a_reload_leaves_the_panel_to_whoever_looks_at_it(
    hass: HomeAssistant, make_entry: MakeEntry, panels_of: PanelsOf
) -> None:
    entry = await set_up(hass, make_entry())
    changes: list[Any] = []
    hass.bus.async_listen(EVENT_PANELS_UPDATED, changes.append)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert changes == []


async def test_a_disabled_building_has_no_panel_until_it_is_enabled_again(
    hass: HomeAssistant, make_entry: MakeEntry, panels_of: PanelsOf, hass_access_token: str
) -> None:
    entry = await set_up(hass, make_entry())
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert "evshare" not in await panels_of(hass_access_token)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    assert "evshare" in await panels_of(hass_access_token)


async def test_without_a_frontend_a_building_lives_and_goes_without_a_panel(
    hass: HomeAssistant, make_entry: MakeEntry, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, make_entry())
    assert not frontend.async_panel_exists(hass, DOMAIN)
    await hass.config_entries.async_remove(entry.entry_id)
    assert "panel" not in caplog.text
