"""Contactors as a building really has them: switches, scripts and sensors of Home Assistant, and what is kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.evshare import async_remove_entry
from custom_components.evshare.building.running import RunningBuilding
from custom_components.evshare.building.wiring import async_read_wiring
from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.contactor_parts import ContactorLife
from custom_components.evshare.connectors.warned import Warned, warnings
from custom_components.evshare.const import DOMAIN
from custom_components.evshare.model import GateKind, LockQuality, StallId, StopReason
from custom_components.evshare.repairs import ContactorRepaired, async_create_fix_flow, async_watch

from ..conftest import stall
from .conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, STALL_1, STALL_2, MakeSite, Site
from .passing_time import Clock

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Switchboard:
    """The relays of the building, and a script that keeps one of them closed."""

    def __init__(self, hass: HomeAssistant, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[tuple[str, str, float]] = []
        self.kept_alive: list[float] = []
        self._hass = hass
        for name in ("one", "two"):
            self.show(f"switch.{name}", "off")
            self.meter(name, 5000)
        for service in ("turn_on", "turn_off"):
            hass.services.async_register("switch", service, self._switch)
        hass.services.async_register("script", "keep_alive", self._keep_alive)

    def show(self, entity_id: str, state: str, **attributes: Any) -> None:
        self._hass.states.async_set(entity_id, state, attributes, timestamp=self.clock.now.timestamp())

    def meter(self, name: str, energy_wh: int) -> None:
        self.show(f"sensor.{name}", str(energy_wh), unit_of_measurement="Wh")

    def closings(self) -> list[float]:
        return [at for service, _, at in self.calls if service == "turn_on"]

    async def _switch(self, call: ServiceCall) -> None:
        self.calls.append((call.service, call.data["entity_id"], self.clock.mono_s))
        self.show(call.data["entity_id"], call.service.removeprefix("turn_"))

    async def _keep_alive(self, _call: ServiceCall) -> None:
        self.kept_alive.append(self.clock.mono_s)


@pytest.fixture
def board(hass: HomeAssistant, clock: Clock) -> Switchboard:
    return Switchboard(hass, clock)


class RealSite:
    """A building that builds its connectors itself. Nobody is at home at their addresses."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.clock = site.clock
        self.building: RunningBuilding | None = None

    async def start(self) -> RunningBuilding:
        self.building = self.site._building = await RunningBuilding.async_open(self.site.hass, self.site.entry)
        await self.building.async_start()
        await self.clock.passes(2)
        return self.building

    async def stop(self) -> None:
        assert self.building is not None
        await self.building.async_stop()

    def gate(self, stall_id: StallId = STALL_1) -> ContactorGate:
        assert self.building is not None
        gate = self.building.stalls[stall_id].connector
        assert isinstance(gate, ContactorGate)
        return gate


def behind(name: str, stall_id: str, **changes: Any) -> Any:
    return stall(
        stall_id,
        stall_id.replace("stall-", "Stall "),
        connector="tesla_twc3",
        host="127.0.0.1",
        port=1,
        unit_id=None,
        serial=stall_id,
        contactor=f"switch.{name}",
        meter=f"sensor.{name}",
        tag_reader=stall_id.replace("stall", "reader"),
        **changes,
    )


@pytest.fixture
async def real(make_site: MakeSite, board: Switchboard) -> AsyncIterator[RealSite]:
    site = await make_site(stalls=[behind("one", "stall-1"), behind("two", "stall-2")])
    real = RealSite(site)
    await real.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.knows_card(BEN, BENS_CARD)
    await site.clock.passes(120)
    board.calls.clear()
    return real


async def test_all_contactors_of_a_building_take_turns(real: RealSite, board: Switchboard) -> None:
    await real.site.tap(ANNAS_CARD, STALL_1)
    await real.site.tap(BENS_CARD, STALL_2)
    await real.clock.passes(30)
    first, second = board.closings()
    assert 7 <= second - first <= 8


async def test_an_open_switch_that_was_never_touched_is_known_to_have_rested(
    make_site: MakeSite, board: Switchboard
) -> None:
    site = await make_site(stalls=[behind("one", "stall-1")])
    await site.clock.passes(60)
    real = RealSite(site)
    await real.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.tap(ANNAS_CARD, STALL_1)
    await real.clock.passes(2)
    assert len(board.closings()) == 1


async def test_a_relay_is_kept_alive_while_somebody_is_let_in_and_no_longer(
    make_site: MakeSite, board: Switchboard
) -> None:
    kept = {"contactor_refresh": "script.keep_alive", "contactor_refresh_s": 30}
    site = await make_site(stalls=[behind("one", "stall-1", **kept)])
    real = RealSite(site)
    building = await real.start()
    config = building.stalls[STALL_1].config
    assert (config.lock_quality, config.gate) == (LockQuality.ENFORCED, GateKind.CONTACTOR)
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.clock.passes(120)
    assert board.kept_alive == []
    await site.tap(ANNAS_CARD, STALL_1)
    await site.clock.passes(200)
    gaps = [later - at for at, later in zip(board.kept_alive, board.kept_alive[1:], strict=False)]
    assert board.kept_alive[0] - board.closings()[0] <= 1
    assert len(gaps) >= 5
    assert max(gaps) <= 35, "never later than a poll after it is due"
    await building.async_stop_session(STALL_1, StopReason.OFFICE)
    await site.clock.passes(5)
    board.kept_alive.clear()
    await site.clock.passes(300)
    assert board.kept_alive == []


async def test_without_a_keep_alive_a_contactor_only_holds(real: RealSite) -> None:
    assert real.building is not None
    assert real.building.stalls[STALL_1].config.lock_quality is LockQuality.HELD


async def test_an_authorisation_waits_longer_for_a_connector_that_has_to_boot(real: RealSite) -> None:
    assert real.building is not None
    assert real.building.stalls[STALL_1].config.presence_after_s == 300


# --- what is kept ----------------------------------------------------------------------------------------------------


async def weld(real: RealSite, board: Switchboard) -> None:
    await real.clock.passes(70)
    board.meter("one", 5011)
    await real.clock.passes(20)


async def test_a_weld_outlives_a_restart_and_ends_when_somebody_says_it_is_repaired(
    real: RealSite, board: Switchboard, hass: HomeAssistant
) -> None:
    await weld(real, board)
    assert warnings(real.gate()) == {Warned.CONTACTOR_WELDED}
    assert warnings(real.gate(STALL_2)) == frozenset()
    await real.clock.passes(15)
    await real.stop()
    building = await real.start()
    real.site.entry.runtime_data = building
    unwatch = async_watch(hass, real.site.entry)
    assert warnings(real.gate()) == {Warned.CONTACTOR_WELDED}
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "contactor_welded_stall-1")
    assert issue is not None
    assert (issue.is_fixable, issue.severity) == (True, ir.IssueSeverity.ERROR)
    assert issue.translation_placeholders == {"stall": "Stall 1"}

    await real.site.tap(ANNAS_CARD, STALL_1)
    await real.clock.passes(60)
    assert board.closings() == []

    real.site.entry.mock_state(hass, ConfigEntryState.LOADED)
    flow = await async_create_fix_flow(hass, issue.issue_id, issue.data)
    assert isinstance(flow, ContactorRepaired)
    flow.hass = hass
    await flow.async_step_confirm({})
    await real.clock.passes(20)
    assert warnings(real.gate()) == frozenset()
    assert ir.async_get(hass).async_get_issue(DOMAIN, "contactor_welded_stall-1") is None
    unwatch()


async def test_what_is_not_confirmed_stays(real: RealSite, board: Switchboard, hass: HomeAssistant) -> None:
    await weld(real, board)
    flow = ContactorRepaired(real.site.entry.entry_id, STALL_1)
    flow.hass, flow.handler, flow.context = hass, DOMAIN, {"issue_id": "contactor_welded_stall-1"}
    real.site.entry.mock_state(hass, ConfigEntryState.LOADED)
    real.site.entry.runtime_data = real.building
    await flow.async_step_confirm(None)
    assert warnings(real.gate()) == {Warned.CONTACTOR_WELDED}


async def test_cycles_are_counted_over_restarts(real: RealSite, board: Switchboard) -> None:
    await real.site.tap(ANNAS_CARD, STALL_1)
    await real.clock.passes(30)
    await real.stop()
    await real.clock.passes(30)
    await real.start()
    assert real.gate().life == ContactorLife(closings=1)


async def test_another_contactor_begins_a_life_of_its_own(
    real: RealSite, board: Switchboard, hass: HomeAssistant
) -> None:
    await weld(real, board)
    await real.stop()
    entry = real.site.entry
    subentry = entry.subentries["stall-1"]
    board.show("switch.three", "off")
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "contactor": "switch.three"})
    await real.start()
    assert real.gate().life == ContactorLife()


async def test_a_removed_building_leaves_nothing_of_its_contactors(
    real: RealSite, board: Switchboard, hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    await weld(real, board)
    await real.clock.passes(15)
    await real.stop()
    key = f"evshare.contactors.{real.site.entry.entry_id}"
    assert hass_storage[key]["data"]["stall-1"]["welded"] is True
    await async_remove_entry(hass, real.site.entry)
    assert key not in hass_storage
    assert not Path(hass.config.path(".storage", key)).exists()


# --- the emulated meter ----------------------------------------------------------------------------------------------


async def test_a_stall_with_an_emulated_meter_is_planned_from_six_amperes_on(
    make_site: MakeSite, board: Switchboard
) -> None:
    meter = {"twc_meter_port": 15020, "twc_meter_limit_a": 25, "max_current_a": 32}
    site = await make_site(stalls=[behind("one", "stall-1", **meter), behind("two", "stall-2")])
    real = RealSite(site)
    building = await real.start()
    throttled, bare = building.stalls[STALL_1], building.stalls[STALL_2]
    assert (throttled.min_current_a, throttled.max_current_a) == (6, 25)
    assert (bare.min_current_a, bare.max_current_a) == (16, 16)
    assert throttled.config.lock_quality is bare.config.lock_quality is LockQuality.HELD
    wiring = await async_read_wiring(site.hass, site.entry)
    assert wiring.stalls[STALL_1].config.billable
