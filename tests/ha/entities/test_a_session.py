"""Charging at a charger of another integration, from the card to the journal."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.evshare.model import LockQuality, StallStatus

from ..building.conftest import ANNAS_CARD, STRANGERS_CARD
from ..building.passing_time import Clock
from .box import Box
from .conftest import OpenSite


async def test_a_whole_session_is_in_the_journal_to_the_watt_hour(box: Box, clock: Clock, open_site: OpenSite) -> None:
    site = await open_site()
    assert not box.allowed  # it was locked at once
    assert site.stall.config.lock_quality is LockQuality.HELD
    await box.plug()
    await clock.passes(1)
    assert site.stall.state.status is StallStatus.PREPARING
    assert not box.charges

    await site.tap(ANNAS_CARD)
    await clock.passes(15)
    assert box.charges
    assert box.limit_a == 16
    assert site.stall.state.status is StallStatus.CHARGING
    await clock.passes(360)  # 11.04 kW: 1104 Wh
    await box.counts(1_101)
    await clock.passes(900)
    await box.counts(2_245)
    await clock.passes(15)
    await box.unplug()
    await clock.passes(15)

    assert not box.allowed
    (ended,) = site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("unplugged", 3_346)
    assert (ended["register_start_wh"], ended["register_end_wh"]) == (1_234_567, 1_237_913)
    slices = [each for each in site.records("slice") if each["session_id"] == ended["session_id"]]
    assert sum(each["register_end_wh"] - each["register_start_wh"] for each in slices) == 3_346


async def test_a_stranger_gets_nothing(box: Box, clock: Clock, open_site: OpenSite) -> None:
    site = await open_site()
    await box.plug()
    await clock.passes(5)
    await site.tap(STRANGERS_CARD)
    for _ in range(60):
        await clock.passes(10)
        assert not box.charges
    assert site.records("session_authorised") == []
    (denied,) = site.records("denied")
    assert denied["reason"] == "unknown_card"


async def test_a_charger_that_is_opened_by_its_own_app_is_locked_again(
    box: Box, clock: Clock, open_site: OpenSite
) -> None:
    await open_site()
    await box.plug()
    await clock.passes(30)
    await box.allow()
    await clock.passes(1)  # its switch is watched
    assert not box.charges


async def test_what_flowed_without_anybody_is_nobodys(box: Box, clock: Clock, open_site: OpenSite) -> None:
    site = await open_site()
    await clock.passes(600)
    await box.counts(700)
    await clock.passes(20)
    await box.plug()
    await clock.passes(20)
    await site.tap(ANNAS_CARD)
    await clock.passes(120)
    await box.counts(300)
    await clock.passes(15)
    await box.unplug()
    await clock.passes(20)
    (ended,) = site.records("session_ended")
    assert ended["energy_wh"] == 300
    unattributed = [each for each in site.records("slice") if each["session_id"] is None]
    assert sum(each["register_end_wh"] - each["register_start_wh"] for each in unattributed) == 700


async def test_the_same_card_stops_the_session_with_the_car_still_there(
    box: Box, clock: Clock, open_site: OpenSite
) -> None:
    site = await open_site()
    await box.plug()
    await clock.passes(5)
    await site.tap(ANNAS_CARD)
    await clock.passes(60)
    assert box.charges
    await site.tap(ANNAS_CARD)
    await clock.passes(20)
    assert not box.charges
    assert [each["stop_reason"] for each in site.records("session_ended")] == ["person"]


async def test_a_pause_and_a_lower_limit_reach_the_charger(box: Box, clock: Clock, open_site: OpenSite) -> None:
    site = await open_site()
    await box.plug()
    await clock.passes(5)
    await site.tap(ANNAS_CARD)
    await clock.passes(15)
    await site.building.async_set_max_current(site.stall.config.id, 10)
    await clock.passes(20)
    assert box.limit_a == 10
    await site.building.async_set_paused(site.stall.config.id, True)
    await clock.passes(20)
    assert not box.charges
    assert site.stall.state.status is StallStatus.SUSPENDED_EVSE
    await site.building.async_set_paused(site.stall.config.id, False)
    await clock.passes(20)
    assert box.charges
    assert box.limit_a == 10
    assert site.records("session_ended") == []


async def test_a_charger_that_falls_silent_ends_no_session(
    hass: HomeAssistant, box: Box, clock: Clock, open_site: OpenSite
) -> None:
    site = await open_site()
    await box.plug()
    await clock.passes(5)
    await site.tap(ANNAS_CARD)
    await clock.passes(20)
    status = hass.states.get("sensor.box_status")
    assert status is not None
    hass.states.async_set("sensor.box_status", "unavailable")
    await clock.passes(200)
    assert not site.stall.state.online
    assert site.stall.state.session is not None
    await box.counts(555)
    hass.states.async_set("sensor.box_status", "charging", status.attributes)
    await clock.passes(30)
    await box.unplug()
    await clock.passes(20)
    (ended,) = site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("unplugged", 555)


async def test_trouble_of_the_charger_is_shown(box: Box, clock: Clock, open_site: OpenSite) -> None:
    site = await open_site()
    await box.breaks()
    await clock.passes(1)
    assert (site.stall.state.status, site.stall.state.fault) == (StallStatus.FAULTED, "error")


@pytest.mark.parametrize("metered", [True, False])
async def test_without_a_gate_a_stall_detects_and_bills_or_only_watches(
    box: Box, clock: Clock, open_site: OpenSite, metered: bool
) -> None:
    slots = {"status": "sensor.box_status"} | ({"energy_total": "sensor.box_energy"} if metered else {})
    site = await open_site(slots=slots)
    assert site.stall.config.lock_quality is (LockQuality.DETECT_AND_BILL if metered else LockQuality.MONITOR)
    assert site.stall.config.billable is metered
    await box.plug()
    await clock.passes(20)
    assert box.charges  # nothing could keep it from that
