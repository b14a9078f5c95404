"""The guided test at the end of adding or changing a stall: what it shows, and that it always ends locked."""

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from homeassistant.auth.models import User
from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from modbus_connection import IllegalDataValueError
from modbus_connection.mock import WriteEvent
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.evshare.const import DOMAIN

from .conftest import MakeEntry, device_id, make_user, resident, set_up, stall, state_of, wait_until
from .hardware import FakeKeba, ModbusNetwork
from .stall_dialogue import KEBA, QuickClock, begin, go_on, only_stall

ENABLE, DISABLE = (5014, 1), (5014, 0)
"""KEBA Modbus guide: register 5014 enables and disables the station."""


class ChargingKeba(FakeKeba):
    """A KEBA with a car that takes what it is offered (5004, in mA)."""

    limit_ma = 0
    deaf = False
    """It takes commands and does nothing."""

    def _written(self, event: WriteEvent) -> None:
        if self.deaf:
            return
        super()._written(event)
        if event.address == 5004:
            self.limit_ma = int(event.values[0])
        self._draw()

    def plug(self) -> None:
        super().plug()
        self._draw()

    def _draw(self) -> None:
        draws = self.plugged and self.enabled
        self.draw(self.limit_ma * 690 // 1000 if draws else 0)
        for address in (1008, 1010, 1012):
            self._put(address, self.limit_ma if draws else 0)


class HandClock(QuickClock):
    """Time that passes only when the test says so."""

    passes: asyncio.Event
    waits: asyncio.Event

    async def sleep(self, seconds: float) -> None:
        HandClock.waits.set()
        await HandClock.passes.wait()
        HandClock.passes.clear()
        await super().sleep(seconds)


@pytest.fixture
def quick() -> Iterator[None]:
    """Nobody waits for a connector to show what it was told."""
    with patch("custom_components.evshare.proving.LoopClock", QuickClock):
        yield


@pytest.fixture
def hand() -> Iterator[type[HandClock]]:
    """The test stands still whenever it waits for the connector."""
    HandClock.passes, HandClock.waits = asyncio.Event(), asyncio.Event()
    with patch("custom_components.evshare.proving.LoopClock", HandClock):
        yield HandClock


@pytest.fixture
def car(network: ModbusNetwork) -> ChargingKeba:
    """A KEBA at 10.0.0.11 with a car."""
    keba = ChargingKeba(network, "10.0.0.11", serial=17619300)
    keba.limit_ma = 16_000
    keba.plug()
    return keba


async def to_the_proof(hass: HomeAssistant, make_entry: MakeEntry) -> tuple[MockConfigEntry, SubentryFlowResult]:
    """Add a KEBA to a building that runs, as far as the page before the test."""
    entry = await set_up(hass, make_entry())
    result = await go_on(hass, await begin(hass, entry), **KEBA)
    result = await go_on(hass, result, next_step_id="proof")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "proof")
    return entry, result


def step_of(hass: HomeAssistant, result: SubentryFlowResult) -> str | None:
    """Which step of the test is shown now; None when it is over."""
    step = hass.config_entries.subentries._progress[result["flow_id"]].cur_step
    assert step is not None
    return step.get("progress_action")


@pytest.mark.usefixtures("quick")
async def test_a_keba_with_a_car_proves_itself_and_is_kept_locked(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    entry, result = await to_the_proof(hass, make_entry)
    assert result["description_placeholders"] == {
        "connector": "KEBA KeContact P30",
        "car": "A car is plugged in. It may charge during the test.",
        "current": "6 A",
    }
    result = await go_on(hass, result, unlock=True)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "proved")
    assert result["description_placeholders"] == {
        "verdict": "The stall is locked, and that was seen.",
        "findings": (
            "- **Lock:** worked. The hardware says so itself.\n"
            "- **Unlock:** worked. The car showed it.\n"
            "- **Current:** worked. The car showed it (6 A, 16 A).\n"
            "- **Lock again:** worked. The hardware says so itself."
        ),
    }
    assert entry.subentries == {}
    result = await go_on(hass, result, next_step_id="keep")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert only_stall(entry)[2] == "stall:17619300"


@pytest.mark.usefixtures("quick")
async def test_without_consent_it_is_locked_and_never_opened(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    result = await go_on(hass, result, unlock=False)
    assert result["description_placeholders"]["findings"] == "- **Lock:** worked. The hardware says so itself."
    assert ENABLE not in car.writes
    assert car.enabled is False


@pytest.mark.usefixtures("quick")
async def test_without_a_car_a_keba_says_what_cannot_be_seen(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    assert result["description_placeholders"]["car"].startswith("No car is plugged in.")
    result = await go_on(hass, result, unlock=True)
    words = result["description_placeholders"]
    assert words["verdict"].startswith("The stall was told to lock. Nothing shows whether it did")
    assert words["findings"].splitlines()[1] == (
        "- **Unlock:** not seen. This is not read back; only a plugged-in car would show it."
    )
    assert keba.enabled is False


@pytest.mark.usefixtures("quick")
async def test_a_stall_that_was_not_seen_to_lock_is_told_so_in_bold(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    car.deaf = True
    result = await go_on(hass, result, unlock=True)
    assert result["description_placeholders"]["verdict"].startswith("**The stall was not seen to lock.")
    assert result["menu_options"] == ["keep", "proof", "change"]


@pytest.mark.usefixtures("quick")
async def test_a_refused_command_is_told_with_its_reason_and_the_stall_locked(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    car.unit.fail_write(5004, IllegalDataValueError())
    result = await go_on(hass, result, unlock=True)
    lines = result["description_placeholders"]["findings"].splitlines()
    assert lines[1].startswith("- **Unlock:** refused. It was told, and refused (10.0.0.11 unit 255: ")
    assert lines[2] == "- **Lock again:** worked. The hardware says so itself."


@pytest.mark.usefixtures("quick")
async def test_it_can_be_tested_again_or_the_settings_changed(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    result = await go_on(hass, result, unlock=True)
    result = await go_on(hass, result, next_step_id="proof")
    result = await go_on(hass, result, unlock=False)
    assert len(result["description_placeholders"]["findings"].splitlines()) == 1
    result = await go_on(hass, result, next_step_id="change")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "connection")


@pytest.mark.usefixtures("quick")
async def test_a_building_without_current_to_spare_opens_nothing(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    """Its feeder has a meter that says nothing: then nobody knows what is left."""
    entry = await set_up(hass, make_entry(grid_power="sensor.grid"))
    result = await go_on(hass, await begin(hass, entry), **KEBA)
    result = await go_on(hass, result, next_step_id="proof")
    result = await go_on(hass, result, unlock=True)
    assert (result["step_id"], result["errors"]) == ("proof", {"unlock": "no_current"})
    assert car.writes == []
    result = await go_on(hass, result, unlock=False)
    assert result["step_id"] == "proved"


async def test_a_building_that_does_not_run_tests_nothing(
    hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba
) -> None:
    result = await go_on(hass, await begin(hass, make_entry()), **KEBA)
    result = await go_on(hass, result, next_step_id="proof")
    result = await go_on(hass, result, unlock=True)
    assert result["errors"] == {"base": "building_down"}
    assert car.writes == []


# --- on the way -----------------------------------------------------------------------------------------------------


async def test_the_step_it_is_at_is_shown(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hand: type[HandClock]
) -> None:
    """A KEBA without a car shows neither unlocking nor current: both are waited for, half a minute each."""
    _, result = await to_the_proof(hass, make_entry)
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], {"unlock": True})
    assert (result["type"], result["step_id"]) == (FlowResultType.SHOW_PROGRESS, "proving")
    shown: list[str] = []
    while (step := step_of(hass, result)) is not None:
        if step not in shown:
            shown.append(step)
        hand.passes.set()
        await asyncio.sleep(0)
    assert shown == ["proof_lock", "proof_unlock", "proof_limit"]


async def test_a_dialogue_that_is_closed_in_the_middle_leaves_the_stall_locked(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hand: type[HandClock]
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    await hass.config_entries.subentries.async_configure(result["flow_id"], {"unlock": True})
    await hand.waits.wait()
    assert keba.enabled
    hass.config_entries.subentries.async_abort(result["flow_id"])
    await hass.async_block_till_done()
    assert not keba.enabled
    assert keba.writes[-1] == DISABLE
    with pytest.raises(UnknownFlow):
        hass.config_entries.subentries.async_get(result["flow_id"])


async def test_a_home_assistant_that_stops_in_the_middle_locks_the_stall_first(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hand: type[HandClock]
) -> None:
    _, result = await to_the_proof(hass, make_entry)
    await hass.config_entries.subentries.async_configure(result["flow_id"], {"unlock": True})
    await hand.waits.wait()
    assert keba.enabled
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert not keba.enabled


# --- a stall that runs already --------------------------------------------------------------------------------------


@pytest.fixture
async def anna(hass: HomeAssistant) -> User:
    """A resident's HA user."""
    return await make_user(hass, "Anna")


@pytest.fixture
async def running(hass: HomeAssistant, make_entry: MakeEntry, car: ChargingKeba, quick_polls: None) -> MockConfigEntry:
    """A building with one stall and Anna; a car has just come."""
    car.unplug()
    entry = await set_up(hass, make_entry(stall(), resident(ha_user_id="user-of-anna")))
    car.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    return entry


async def changing(hass: HomeAssistant, entry: MockConfigEntry, **form: Any) -> SubentryFlowResult:
    """Change the stall and look at it again, as far as the page before the test."""
    result = await entry.start_subentry_reconfigure_flow(hass, "stall-1")
    result = await go_on(hass, result, **KEBA | form, look_again=True)
    return await go_on(hass, result, next_step_id="proof")


@pytest.mark.usefixtures("quick")
async def test_a_stall_that_runs_is_tested_and_goes_on(
    hass: HomeAssistant, running: MockConfigEntry, car: ChargingKeba
) -> None:
    result = await changing(hass, running)
    result = await go_on(hass, result, unlock=True)
    assert result["description_placeholders"]["verdict"] == "The stall is locked, and that was seen."
    result = await go_on(hass, result, next_step_id="keep")
    assert result["reason"] == "reconfigure_successful"
    await wait_until(hass, lambda: running.runtime_data.stalls["stall-1"].state.online)
    assert not car.enabled


@pytest.mark.usefixtures("quick")
async def test_a_stall_with_a_session_is_never_tested(
    hass: HomeAssistant, running: MockConfigEntry, car: ChargingKeba, anna: User
) -> None:
    await hass.services.async_call(
        DOMAIN, "authorise", {"device_id": device_id(hass)}, blocking=True, context=Context(user_id=anna.id)
    )
    await wait_until(hass, lambda: car.enabled)
    result = await changing(hass, running)
    car.writes.clear()
    result = await go_on(hass, result, unlock=True)
    assert (result["step_id"], result["errors"]) == ("proof", {"base": "in_session"})
    assert DISABLE not in car.writes
    assert car.enabled
    assert running.runtime_data.stalls["stall-1"].state.session is not None
