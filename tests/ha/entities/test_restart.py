"""Home Assistant restarts while somebody charges at a charger of another integration.

Until that integration has read its device again, its entities show what they showed before, or nothing. Taken for
now, an old *idle* would end a running session, and an old count would turn the true one into a jump.
"""

from collections.abc import Iterator
from unittest.mock import patch

from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
import pytest

from custom_components.evshare.model import StallStatus

from ..building.conftest import ANNAS_CARD, STRANGERS_CARD
from ..building.passing_time import Clock
from .box import SLOTS, Box
from .conftest import EntitySite, OpenSite

STATUS, ENERGY, CARD = "sensor.other_status", "sensor.other_energy", "event.other_card"
COUNTS = {"unit_of_measurement": "kWh", "state_class": "total_increasing"}
SLOTS_HERE = SLOTS | {"status": STATUS, "energy_total": ENERGY, "enable": "input_boolean.box_allowed"}
del SLOTS_HERE["power"], SLOTS_HERE["max_current"]


@pytest.fixture(autouse=True)
def _one_clock(clock: Clock) -> Iterator[None]:
    """States carry the time of the test's clock."""
    with patch("homeassistant.core.time.time", lambda: clock.now.timestamp()):  # noqa: PLW0108  # each time another now
        yield


class Restart:
    """A session that runs, and Home Assistant on its way down and up again."""

    def __init__(self, hass: HomeAssistant, box: Box, site: EntitySite) -> None:
        self.hass = hass
        self.box = box
        self.site = site

    def says(self, status: str, register_kwh: str) -> None:
        """What the integration shows."""
        self.hass.states.async_set(STATUS, status)
        self.hass.states.async_set(ENERGY, register_kwh, COUNTS)

    async def begins(self) -> None:
        """Somebody charges, 1 kWh so far."""
        clock = self.site.clock
        self.says("plugged", "100.0")
        await clock.passes(10)
        await self.site.tap(ANNAS_CARD)
        await clock.passes(10)
        assert self.box.allowed
        self.says("charging", "100.0")
        await clock.passes(600)
        self.says("charging", "101.0")
        await clock.passes(10)

    async def goes_down_and_comes_back(self, status: str, register_kwh: str) -> None:
        """Restart with what was stored long before."""
        await self.site.stop()
        self.hass.states.async_remove(STATUS)
        self.hass.states.async_remove(ENERGY)
        self.hass.set_state(CoreState.starting)
        self.says(status, register_kwh)
        await self.site.start()
        await self.site.clock.passes(30)

    async def has_started(self) -> None:
        """Home Assistant is up."""
        self.hass.set_state(CoreState.running)
        self.hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
        await self.site.clock.passes(10)


@pytest.fixture
async def restart(hass: HomeAssistant, box: Box, open_site: OpenSite) -> Restart:
    hass.states.async_set(STATUS, "idle")
    hass.states.async_set(ENERGY, "100.0", COUNTS)
    return Restart(hass, box, await open_site(slots=SLOTS_HERE))


async def test_a_session_goes_on_over_a_restart_whatever_old_states_say(restart: Restart, clock: Clock) -> None:
    await restart.begins()
    await restart.goes_down_and_comes_back("idle", "99.0")
    assert restart.site.stall.state.session is not None
    assert not restart.site.stall.state.online
    await restart.has_started()
    assert restart.site.stall.state.session is not None
    assert restart.box.allowed  # nobody took the current away
    restart.says("charging", "101.2")
    await clock.passes(10)
    assert restart.site.stall.state.online
    await clock.passes(600)
    restart.says("charging", "102.2")
    await clock.passes(62)
    restart.says("idle", "102.3")
    await clock.passes(10)
    (ended,) = restart.site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("unplugged", 2_300)
    assert [epoch["reason"] for epoch in restart.site.records("epoch")] == ["first"]
    assert not restart.box.allowed


async def test_a_car_that_left_meanwhile_ends_the_session_when_that_is_read(restart: Restart, clock: Clock) -> None:
    await restart.begins()
    await restart.goes_down_and_comes_back("charging", "101.0")
    await clock.passes(300)
    await restart.has_started()
    assert restart.site.stall.state.session is not None
    restart.says("idle", "101.4")
    await clock.passes(20)
    (ended,) = restart.site.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("gap", 1_000)
    await clock.passes(900)  # slices are written at each quarter of an hour
    unattributed = [each for each in restart.site.records("slice") if each["session_id"] is None]
    assert sum(each["register_end_wh"] - each["register_start_wh"] for each in unattributed) == 400
    assert not restart.box.allowed


async def test_an_integration_that_does_not_come_back_ends_nothing(restart: Restart, clock: Clock) -> None:
    await restart.begins()
    await restart.goes_down_and_comes_back("unavailable", "unavailable")
    await restart.has_started()
    await clock.passes(600)
    assert restart.site.stall.state.session is not None
    assert not restart.site.stall.state.online
    assert restart.site.records("session_ended") == []


async def test_an_old_state_that_stays_for_ever_ends_nothing_until_it_is_said_anew(
    restart: Restart, clock: Clock
) -> None:
    """After a crash Home Assistant brings back states of up to 15 minutes ago: from before the session."""
    await restart.begins()
    await restart.goes_down_and_comes_back("idle", "101.0")
    await restart.has_started()
    await clock.passes(600)
    assert restart.site.stall.state.online  # it is believed to be there by now
    assert restart.site.stall.state.session is not None
    assert restart.box.allowed
    assert restart.site.records("session_ended") == []
    restart.hass.states.async_set(ENERGY, "101.5", COUNTS)
    restart.hass.states.async_set(STATUS, "idle")  # the same, but said
    await clock.passes(62)
    (ended,) = restart.site.records("session_ended")
    assert ended["stop_reason"] == "unplugged"
    assert not restart.box.allowed


async def test_a_free_stall_whose_charger_says_nothing_new_is_free(restart: Restart, clock: Clock) -> None:
    await restart.goes_down_and_comes_back("idle", "100.0")
    await restart.has_started()
    await clock.passes(600)
    assert restart.site.stall.state.online
    assert restart.site.stall.state.status is StallStatus.AVAILABLE


async def test_a_stranger_gets_nothing_while_it_comes_back(restart: Restart, clock: Clock) -> None:
    await restart.goes_down_and_comes_back("plugged", "100.0")
    await restart.site.tap(STRANGERS_CARD)
    await restart.has_started()
    await restart.site.tap(STRANGERS_CARD)
    restart.says("plugged", "100.0")
    await clock.passes(60)
    assert not restart.box.allowed
    assert restart.site.records("session_authorised") == []
