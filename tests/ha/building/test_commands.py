"""What reaches the hardware, and what happens when it does not obey."""

from dataclasses import replace

from custom_components.evshare.model import StallStatus, StopReason

from .conftest import ANNA, ANNAS_CARD, STALL_1, MakeSite, Site
from .fake_connector import FakeConnector


async def _charging(site: Site) -> FakeConnector:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(20)
    return connector


async def test_a_stall_is_locked_before_anything_else(site: Site) -> None:
    assert site.connectors[STALL_1].log == ["prepare"]


async def test_a_stall_found_open_without_session_is_locked_again(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    connector.enabled, connector.limit_a = True, 16  # it rebooted, or somebody else opened it
    await site.clock.passes(5)
    assert connector.log[-1] == "disable"
    assert not connector.enabled
    await site.clock.passes(900)
    stolen_wh = sum(s["register_end_wh"] - s["register_start_wh"] for s in site.records("slice"))
    assert stolen_wh == connector.register_wh - 1_000_000 > 0
    assert site.building.unattributed_wh == stolen_wh
    assert site.building.stalls[STALL_1].unauthorised_wh == stolen_wh


async def test_a_gate_that_does_not_open_is_tried_again_and_then_given_up(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    opens_at: list[float] = []
    connector.refuses = {"enable"}
    connector.on_enable = lambda: opens_at.append(site.clock.mono_s)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(60)
    assert [round(at - opens_at[0]) for at in opens_at] == [0, 2, 7, 17]
    (ended,) = site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("start_failed", 0)
    await site.clock.passes(60)
    assert not connector.enabled
    assert connector.log[-1] == "disable"


async def test_unplugging_during_the_tries_locks_instead_of_trying_on(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    connector.refuses = {"enable"}
    await site.tap(ANNAS_CARD)
    await site.clock.passes(4)
    connector.refuses.clear()
    connector.log.clear()
    connector.unplug()
    await site.clock.passes(60)
    assert connector.log == ["disable"]


async def test_a_lock_that_fails_is_repeated_until_it_holds(site: Site) -> None:
    connector = await _charging(site)
    connector.refuses = {"disable"}
    await site.building.async_stop_session(STALL_1, StopReason.OFFICE)
    await site.clock.passes(60)
    assert connector.enabled
    assert site.building.stalls[STALL_1].state.lock_failed
    connector.refuses.clear()
    await site.clock.passes(60)
    assert not connector.enabled
    assert not site.building.stalls[STALL_1].state.lock_failed


async def test_the_watchdog_is_fed_in_time(make_site: MakeSite) -> None:
    site = await make_site()
    site.make_connector = lambda _wiring: FakeConnector(
        lambda: site.clock.now, lambda: site.clock.mono_s, heartbeat_s=20.0, poll_idle_s=5.0
    )
    await site.start()
    connector = site.connectors[STALL_1]
    before = connector.log.count("heartbeat")
    await site.clock.passes(600)
    assert connector.log.count("heartbeat") - before >= 24, "never later than 25 s"


async def test_every_stall_may_draw_its_share_of_the_fuse_when_left_alone(site: Site) -> None:
    assert {connector.failsafe_share_a for connector in site.connectors.values()} == {16}
    site.hass.config_entries.async_update_entry(site.entry, data={**site.entry.data, "fuse_a": 20})
    await site.building.async_apply(site.entry)
    assert {connector.failsafe_share_a for connector in site.connectors.values()} == {10}


async def test_a_lost_request_is_no_outage_and_a_silent_connector_ends_no_session(site: Site) -> None:
    connector = await _charging(site)
    states = []
    site.building.subscribe(lambda: states.append(site.building.stalls[STALL_1].state.status))
    connector.silent = True
    await site.clock.passes(2.5)
    connector.silent = False
    await site.clock.passes(10)
    assert StallStatus.UNAVAILABLE not in states

    connector.silent = True
    await site.clock.passes(1200)
    state = site.building.stalls[STALL_1].state
    assert state.status is StallStatus.UNAVAILABLE
    assert state.session is not None
    assert site.building.stalls[STALL_1].problem == "no answer"
    connector.silent = False
    await site.clock.passes(10)
    connector.unplug()
    await site.clock.passes(10)
    (ended,) = site.records("session_ended")
    assert ended["energy_wh"] == connector.register_wh - ended["register_start_wh"]
    assert any(s["estimated"] for s in site.records("slice")), "energy of the silence is exact, its time is not"


async def test_it_is_locked_and_set_up_anew_when_it_comes_back(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.silent = True
    await site.clock.passes(60)
    connector.silent = False
    connector.log.clear()
    await site.clock.passes(5)
    assert connector.log == ["prepare"]


async def test_pausing_offers_nothing_and_resuming_offers_again(site: Site) -> None:
    connector = await _charging(site)
    await site.building.async_set_paused(STALL_1, True)
    await site.clock.passes(60)
    assert (connector.limit_a, connector.enabled) == (0, True)
    await site.building.async_set_paused(STALL_1, False)
    await site.clock.passes(60)
    assert connector.limit_a == 16


async def test_a_limit_of_the_manager_holds_at_once_and_after_a_restart(site: Site) -> None:
    connector = await _charging(site)
    await site.building.async_set_max_current(STALL_1, 10)
    await site.clock.passes(5)
    assert connector.limit_a == 10
    await site.stop()
    await site.start()
    await site.clock.passes(60)
    assert connector.limit_a == 10
    await site.building.async_set_max_current(STALL_1, None)
    await site.clock.passes(60)
    assert connector.limit_a == 16


async def test_taps_at_the_connectors_own_reader_open_too(make_site: MakeSite) -> None:
    site = await make_site()
    site.make_connector = lambda _wiring: _with_reader(FakeConnector(lambda: site.clock.now, lambda: site.clock.mono_s))
    await site.start()
    await site.knows_card(ANNA, "04A2B3C4")
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    connector.card = "04A2B3C4"
    await site.clock.passes(5)
    assert connector.enabled
    connector.unplug()
    await site.clock.passes(5)
    connector.plug()
    await site.clock.passes(60)
    assert not connector.enabled, "the card of before still shows, nobody tapped"
    connector.card = None
    await site.clock.passes(5)
    connector.card = "04A2B3C4"
    await site.clock.passes(5)
    assert connector.enabled


def _with_reader(connector: FakeConnector) -> FakeConnector:
    connector.ports = replace(connector.ports, polled_identity=True)
    return connector
