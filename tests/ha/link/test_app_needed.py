"""While the app cannot be heard cards go on working, unless the owner chose otherwise (DESIGN rule 2)."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.evshare.access import UserAsk

from ..building.conftest import ANNA, ANNAS_CARD, BENS_CARD, STALL_1, STALL_2
from .conftest import LinkedSite


def need_the_app(linked: LinkedSite) -> None:
    linked.site.hass.config_entries.async_update_entry(linked.site.entry, options={"app_needed": True})


async def app_is_gone(linked: LinkedSite) -> None:
    await linked.app.stop()
    await linked.site.clock.passes(1)


@pytest.fixture
async def plugged(linked: LinkedSite) -> LinkedSite:
    """A car at each stall, none of which takes anything yet."""
    for stall_id in (STALL_1, STALL_2):
        linked.site.connectors[stall_id].plug()
    await linked.site.clock.passes(5)
    return linked


async def test_without_that_choice_cards_work_while_the_app_is_away(plugged: LinkedSite) -> None:
    await app_is_gone(plugged)
    await plugged.site.tap(ANNAS_CARD, STALL_1)
    assert len(plugged.site.records("session_authorised")) == 1


async def test_with_it_nobody_begins_then_and_what_runs_is_still_its_holders_to_end(plugged: LinkedSite) -> None:
    need_the_app(plugged)
    site, register_wh = plugged.site, plugged.site.connectors[STALL_2].register_wh
    await site.tap(ANNAS_CARD, STALL_1)
    assert len(site.records("session_authorised")) == 1
    await app_is_gone(plugged)
    await site.tap(BENS_CARD, STALL_2)
    await site.clock.passes(60)
    assert [(one["stall_id"], one["reason"]) for one in site.records("denied")] == [("stall-2", "app_away")]
    assert site.connectors[STALL_2].register_wh == register_wh
    assert site.records("session_ended") == []
    await site.tap(ANNAS_CARD, STALL_1)
    await site.clock.passes(10)
    assert [one["stop_reason"] for one in site.records("session_ended")] == ["person"]
    # An admin stands there and knows whom they let in.
    await plugged.building.async_authorise(STALL_2, UserAsk(user_id="admin", is_admin=True, resident_id=ANNA))
    assert len(site.records("session_authorised")) == 2


async def test_it_is_chosen_in_the_buildings_options_and_needs_an_app(linked: LinkedSite, hass: HomeAssistant) -> None:
    for data, chosen in ((dict(linked.site.entry.data), {"app_needed": True}), ({"currency": "EUR"}, {})):
        hass.config_entries.async_update_entry(linked.site.entry, data=data, options={})
        flow = await hass.config_entries.options.async_init(linked.site.entry.entry_id)
        assert "app" in flow["menu_options"]
        flow = await hass.config_entries.options.async_configure(flow["flow_id"], {"next_step_id": "app"})
        done = await hass.config_entries.options.async_configure(flow["flow_id"], {"app_needed": True})
        assert dict(linked.site.entry.options) == chosen
        assert done["type"] is (FlowResultType.CREATE_ENTRY if chosen else FlowResultType.FORM)
        assert done.get("errors") == (None if chosen else {"app_needed": "no_app"})
