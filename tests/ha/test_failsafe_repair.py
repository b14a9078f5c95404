"""A stall that its own failsafe can open is named, and a dialogue mends it or puts up with it."""

from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component
from modbus_connection import IllegalDataValueError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.evshare.const import DOMAIN

from .conftest import MakeEntry, device_id, resident, set_up, stall, state_of, wait_until
from .hardware import FakeKeba
from .test_care import issues
from .texts import TEXTS

pytestmark = pytest.mark.usefixtures("quick_polls")

OUTCOMES = TEXTS["en"]["issues"]["failsafe_opens"]["fix_flow"]["create_entry"]


class Dialogue:
    """A repair dialogue, as the frontend leads it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._flow_id = ""

    async def begin(self, issue_id: str) -> dict[str, Any]:
        answer = await self._client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
        return await self._told(answer)

    async def choose(self, option: str) -> dict[str, Any]:
        return await self._answer({"next_step_id": option})

    async def confirm(self) -> dict[str, Any]:
        return await self._answer({})

    async def _answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        return await self._told(await self._client.post(f"/api/repairs/issues/fix/{self._flow_id}", json=answer))

    async def _told(self, response: Any) -> dict[str, Any]:
        assert response.status == 200, await response.text()
        told: dict[str, Any] = await response.json()
        self._flow_id = told["flow_id"]
        return told


@pytest.fixture
async def dialogue(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Dialogue:
    """Home Assistant's repairs, over its own interface."""
    assert await async_setup_component(hass, "repairs", {})
    return Dialogue(await hass_client())


@pytest.fixture
async def opening(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> MockConfigEntry:
    """A KEBA whose failsafe was set to 6 A at the box: silence opens it (connector reference 0, fact 2)."""
    keba.failsafe_fixed = True
    entry = await set_up(hass, make_entry(stall(), resident()))
    await wait_until(hass, lambda: "failsafe_opens" in issues(hass))
    return entry


def issue_id(hass: HomeAssistant) -> str:
    return issues(hass)["failsafe_opens"].issue_id


async def test_a_failsafe_that_follows_is_no_issue(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> None:
    await set_up(hass, make_entry(stall()))
    assert issues(hass) == {}
    assert state_of(hass, "sensor.stall_1_lock_quality") == "held"  # a KEBA is open after a reboot
    attributes = hass.states.get("sensor.stall_1_lock_quality").attributes
    assert (attributes["failsafe_current"], attributes["failsafe_timeout"]) == (0, 60)


async def test_a_failsafe_that_opens_is_named_and_the_lock_is_called_what_it_is(
    hass: HomeAssistant, opening: MockConfigEntry
) -> None:
    issue = issues(hass)["failsafe_opens"]
    assert (issue.is_fixable, issue.severity) == (True, "warning")
    assert state_of(hass, "sensor.stall_1_lock_quality") == "detect_and_bill"
    attributes = hass.states.get("sensor.stall_1_lock_quality").attributes
    assert (attributes["failsafe_current"], attributes["failsafe_timeout"]) == (6, 600)


async def test_a_stall_that_was_never_lockable_is_no_failsafe_issue(
    hass: HomeAssistant, make_entry: MakeEntry, socket_enabled: None
) -> None:
    """A Tesla without a contactor has no gate: its lock quality was confirmed at set-up."""
    tesla = stall(connector="tesla_twc3", host="127.0.0.1", port=1, unit_id=None, serial="B7S23100J01234")
    await set_up(hass, make_entry(tesla))
    assert issues(hass) == {}


async def test_the_dialogue_says_what_was_read_and_what_has_to_be_set(
    hass: HomeAssistant, opening: MockConfigEntry, dialogue: Dialogue
) -> None:
    told = await dialogue.begin(issue_id(hass))
    assert (told["type"], told["step_id"], told["menu_options"]) == ("menu", "init", ["program", "accept"])
    said = told["description_placeholders"]
    assert said["failsafe"] == "6 A, after 600 s"
    assert "- Nothing else talks to it by UDP or Modbus." in said["requires"]


async def test_once_it_follows_it_is_programmed_and_the_issue_is_over(
    hass: HomeAssistant, opening: MockConfigEntry, keba: FakeKeba, dialogue: Dialogue
) -> None:
    keba.failsafe_fixed = False
    await dialogue.begin(issue_id(hass))
    told = await dialogue.choose("program")
    assert (told["type"], told["description"]) == ("create_entry", "fixed")
    assert told["description_placeholders"]["failsafe"] == "0 A, after 60 s"
    assert told["description"] in OUTCOMES
    assert issues(hass) == {}
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_lock_quality") == "held")


async def test_one_that_cannot_be_programmed_says_so_and_stays_an_issue(
    hass: HomeAssistant, opening: MockConfigEntry, dialogue: Dialogue
) -> None:
    await dialogue.begin(issue_id(hass))
    told = await dialogue.choose("program")
    assert (told["type"], told["step_id"]) == ("menu", "still_opens")
    assert told["description_placeholders"]["failsafe"] == "6 A, after 600 s"
    told = await dialogue.choose("program")
    assert told["step_id"] == "still_opens"
    assert "failsafe_opens" in issues(hass)


async def test_a_refusal_is_told_in_the_hardwares_words(
    hass: HomeAssistant, opening: MockConfigEntry, keba: FakeKeba, dialogue: Dialogue
) -> None:
    keba.unit.fail_write(5016, IllegalDataValueError())
    await dialogue.begin(issue_id(hass))
    told = await dialogue.choose("program")
    assert (told["type"], told["reason"]) == ("abort", "not_programmed")
    assert "writing register 5016" in told["description_placeholders"]["why"]
    assert "failsafe_opens" in issues(hass)


async def test_nobody_who_charges_is_cut_off_by_it(
    hass: HomeAssistant, opening: MockConfigEntry, keba: FakeKeba, dialogue: Dialogue, hass_admin_user: MockUser
) -> None:
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    data = {"device_id": device_id(hass), "resident": "anna"}
    context = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(DOMAIN, "authorise", data, blocking=True, context=context)
    await wait_until(hass, lambda: keba.enabled)
    keba.writes.clear()
    await dialogue.begin(issue_id(hass))
    told = await dialogue.choose("program")
    assert (told["type"], told["reason"]) == ("abort", "in_session")
    assert (5014, 0) not in keba.writes
    assert keba.enabled


async def test_a_risk_that_somebody_takes_is_not_asked_about_again_but_goes_on_being_said(
    hass: HomeAssistant, opening: MockConfigEntry, dialogue: Dialogue
) -> None:
    await dialogue.begin(issue_id(hass))
    told = await dialogue.choose("accept")
    assert (told["type"], told["step_id"]) == ("form", "accept")
    assert "failsafe_opens" in issues(hass)
    told = await dialogue.confirm()
    assert (told["type"], told["description"]) == ("create_entry", "accepted")
    assert told["description"] in OUTCOMES
    assert issues(hass) == {}
    assert state_of(hass, "sensor.stall_1_lock_quality") == "detect_and_bill"


async def test_a_risk_that_was_taken_is_remembered_over_a_restart_until_the_connector_is_another(
    hass: HomeAssistant, opening: MockConfigEntry, dialogue: Dialogue
) -> None:
    await dialogue.begin(issue_id(hass))
    await dialogue.choose("accept")
    await dialogue.confirm()
    await hass.config_entries.async_reload(opening.entry_id)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_lock_quality") == "detect_and_bill")
    assert issues(hass) == {}
    settings = dict(opening.subentries["stall-1"].data)
    _change(hass, opening, settings | {"max_current_a": 10})
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_lock_quality") == "detect_and_bill")
    assert issues(hass) == {}
    _change(hass, opening, settings | {"serial": None})
    await wait_until(hass, lambda: "failsafe_opens" in issues(hass))


async def test_a_dialogue_left_open_while_the_building_is_gone_does_nothing(
    hass: HomeAssistant, opening: MockConfigEntry, keba: FakeKeba, dialogue: Dialogue
) -> None:
    await dialogue.begin(issue_id(hass))
    await hass.config_entries.async_unload(opening.entry_id)
    keba.writes.clear()
    told = await dialogue.choose("program")
    assert (told["type"], told["reason"]) == ("abort", "stall_gone")
    assert keba.writes == []


def _change(hass: HomeAssistant, entry: MockConfigEntry, settings: dict[str, Any]) -> None:
    hass.config_entries.async_update_subentry(entry, entry.subentries["stall-1"], data=settings)


# --- found open ---------------------------------------------------------------------------------------------------


async def test_a_wall_connector_that_comes_back_open_is_an_incident(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    """A KEBA forgets over a reboot that it was disabled (connector reference 2.1): seen with a car."""
    entry = await set_up(hass, make_entry(stall()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    assert not keba.enabled
    await _reboots(hass, keba)
    await wait_until(hass, lambda: "found_open" in issues(hass))
    assert not keba.enabled
    issue = issues(hass)["found_open"]
    assert (issue.is_fixable, issue.is_persistent) == (True, True)
    await hass.config_entries.async_unload(entry.entry_id)
    assert "found_open" in issues(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == {}


async def test_a_wall_connector_that_comes_back_locked_is_none(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    await set_up(hass, make_entry(stall()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    keba.silent()
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "offline")
    keba.silent(False)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "preparing")
    assert issues(hass) == {}


async def test_one_that_was_never_locked_here_is_none(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba
) -> None:
    """Out of the box it charges whoever comes."""
    keba.plug()
    keba.silent()
    await set_up(hass, make_entry(stall()))
    keba.silent(False)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "preparing")
    assert not keba.enabled
    assert issues(hass) == {}


async def test_the_open_gate_of_a_session_is_none(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hass_admin_user: MockUser
) -> None:
    await set_up(hass, make_entry(stall(), resident()))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    data = {"device_id": device_id(hass), "resident": "anna"}
    context = Context(user_id=hass_admin_user.id)
    await hass.services.async_call(DOMAIN, "authorise", data, blocking=True, context=context)
    await wait_until(hass, lambda: keba.enabled)
    await _reboots(hass, keba)
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") != "offline")
    await hass.services.async_call(DOMAIN, "stop", {"device_id": device_id(hass)}, blocking=True, context=context)
    await wait_until(hass, lambda: not keba.enabled)
    assert issues(hass) == {}


async def _reboots(hass: HomeAssistant, keba: FakeKeba) -> None:
    keba.silent()
    await wait_until(hass, lambda: state_of(hass, "sensor.stall_1_status") == "offline")
    keba.reboot()
    keba.silent(False)
