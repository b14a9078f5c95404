"""A resident's cards in the dialogue, for owners without the app; and the car that may speak for them."""

from typing import Any

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import MakeEntry, resident, set_up, stall, wait_until
from .hardware import FakeKeba
from .test_card_services import ANNAS_CARD, BENS_CARD, READER, STRANGERS_CARD, enrolled, show

pytestmark = pytest.mark.usefixtures("quick_polls")


@pytest.fixture
async def building(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> MockConfigEntry:
    """One stall with a reader; Anna has no card yet, Ben has one."""
    entry = await set_up(hass, make_entry(stall(tag_reader=READER), resident(), resident("ben", "Ben Neu")))
    await enrolled(entry, "ben", BENS_CARD, "Ben's")
    return entry


async def begin(hass: HomeAssistant, entry: MockConfigEntry, option: str | None = None) -> SubentryFlowResult:
    result = await entry.start_subentry_reconfigure_flow(hass, "anna")
    return result if option is None else await go_on(hass, result, next_step_id=option)


async def go_on(hass: HomeAssistant, result: SubentryFlowResult, **user_input: Any) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)


async def waited(hass: HomeAssistant, result: SubentryFlowResult) -> SubentryFlowResult:
    """The dialogue after its progress is over."""
    await hass.async_block_till_done()
    return await hass.config_entries.subentries.async_configure(result["flow_id"])


def annas(entry: MockConfigEntry) -> list[Any]:
    return [card for card in entry.runtime_data.cards.enrolled if card.resident_id == "anna"]


async def test_only_what_makes_sense_is_offered(hass: HomeAssistant, building: MockConfigEntry) -> None:
    result = await begin(hass, building)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "reconfigure")
    assert result["menu_options"] == ["settings", "car", "enrol"]
    assert result["description_placeholders"] == {"resident": "Anna Alt", "cards": "none yet"}
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: building.runtime_data.cards.unknown != [])
    await enrolled(building, "anna", ANNAS_CARD, "key ring")
    result = await begin(hass, building)
    assert result["menu_options"] == ["settings", "car", "enrol", "cards", "inbox"]
    assert result["description_placeholders"]["cards"].startswith("- key ring, never used, added 2")


async def test_a_building_that_does_not_run_offers_the_settings_only(
    hass: HomeAssistant, make_entry: MakeEntry
) -> None:
    result = await begin(hass, make_entry(resident()))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "settings")


async def test_a_card_is_learnt_by_tapping_it_and_shown_by_its_last_digits(
    hass: HomeAssistant, building: MockConfigEntry
) -> None:
    result = await begin(hass, building, "enrol")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "enrol")
    result = await go_on(hass, result, stall="stall-1", label="key ring")
    assert (result["type"], result["progress_action"]) == (FlowResultType.SHOW_PROGRESS, "tap")
    assert result["description_placeholders"] == {"stall": "Stall 1"}
    show(hass, ANNAS_CARD)
    await wait_until(hass, lambda: annas(building) != [])
    result = await waited(hass, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "learnt")
    assert result["description_placeholders"] == {"digits": "80", "resident": "Anna Alt"}
    result = await go_on(hass, result, next_step_id="keep")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "card_enrolled")
    (card,) = annas(building)
    assert (card.label, card.month_wh) == ("key ring", 250_000)


async def test_a_card_of_somebody_who_was_quicker_is_given_back(hass: HomeAssistant, building: MockConfigEntry) -> None:
    result = await go_on(hass, await begin(hass, building, "enrol"), stall="stall-1")
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: annas(building) != [])
    result = await go_on(hass, await waited(hass, result), next_step_id="not_it")
    assert result["reason"] == "card_removed"
    assert annas(building) == []


async def test_a_card_that_is_known_is_not_learnt_and_the_wait_ends(
    hass: HomeAssistant, building: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.evshare.card_steps.TAP_S", 0.05)
    result = await go_on(hass, await begin(hass, building, "enrol"), stall="stall-1")
    show(hass, BENS_CARD)
    result = await waited(hass, result)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_card")
    assert annas(building) == []
    assert building.runtime_data.enrolling == {}


async def test_a_closed_dialogue_learns_no_card(hass: HomeAssistant, building: MockConfigEntry) -> None:
    result = await go_on(hass, await begin(hass, building, "enrol"), stall="stall-1")
    assert building.runtime_data.enrolling == {"stall-1": "anna"}
    hass.config_entries.subentries.async_abort(result["flow_id"])
    assert building.runtime_data.enrolling == {}
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: building.runtime_data.cards.unknown != [])
    assert annas(building) == []


async def test_while_anothers_card_is_waited_for_there_it_has_to_wait(
    hass: HomeAssistant, building: MockConfigEntry
) -> None:
    await building.runtime_data.async_enrol_card("ben", "stall-1")
    result = await go_on(hass, await begin(hass, building, "enrol"), stall="stall-1")
    assert result["errors"] == {"stall": "enrolment_waits"}
    assert building.runtime_data.enrolling == {"stall-1": "ben"}


async def test_a_card_is_renamed_blocked_and_limited(hass: HomeAssistant, building: MockConfigEntry) -> None:
    await enrolled(building, "anna", ANNAS_CARD, "key ring")
    result = await begin(hass, building, "cards")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "card")
    limits = {"month_kwh": 40, "quiet_from": "22:00:00", "quiet_to": "06:00:00"}
    result = await go_on(hass, result, label=" spare ", blocked=True, remove=False, **limits)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "card_changed")
    (card,) = annas(building)
    assert (card.label, card.blocked, card.month_wh) == ("spare", True, 40_000)
    assert (card.quiet.start.hour, card.quiet.end.hour) == (22, 6)
    result = await begin(hass, building, "cards")
    assert result["description_placeholders"]["card"].startswith("spare, blocked")
    result = await go_on(hass, result, label="spare", blocked=False, remove=False)
    (card,) = annas(building)
    assert (card.blocked, card.month_wh, card.quiet) == (False, None, None)


async def test_what_the_app_told_of_its_money_is_shown_and_stays(
    hass: HomeAssistant, building: MockConfigEntry
) -> None:
    await enrolled(building, "anna", ANNAS_CARD, "key ring")
    (card,) = annas(building)
    told = {"label": "key ring", "blocked": False, "month_wh": None, "quiet": None}
    await building.runtime_data.cards.change(card.id, **told, money_month_wh=40_520)
    result = await begin(hass, building, "cards")
    assert "its money of this month is good for 40.5 kWh" in result["description_placeholders"]["card"]
    await go_on(hass, result, label="key ring", blocked=False, remove=False, month_kwh=30)
    (card,) = annas(building)
    assert (card.month_wh, card.money_month_wh) == (30_000, 40_520)


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"label": "x" * 61}, {"label": "label_wrong"}),
        ({"quiet_from": "22:00:00"}, {"quiet_to": "quiet_half"}),
        ({"quiet_to": "22:00:00"}, {"quiet_from": "quiet_half"}),
    ],
)
async def test_a_wrong_setting_of_a_card_is_named_and_changes_nothing(
    hass: HomeAssistant, building: MockConfigEntry, typed: dict[str, Any], errors: dict[str, str]
) -> None:
    await enrolled(building, "anna", ANNAS_CARD, "key ring")
    result = await go_on(hass, await begin(hass, building, "cards"), blocked=True, remove=False, **typed)
    assert result["errors"] == errors
    (card,) = annas(building)
    assert (card.label, card.blocked) == ("key ring", False)


async def test_of_several_cards_one_is_chosen_and_removed(hass: HomeAssistant, building: MockConfigEntry) -> None:
    await enrolled(building, "anna", ANNAS_CARD, "key ring")
    spare = await enrolled(building, "anna", STRANGERS_CARD, "spare")
    result = await begin(hass, building, "cards")
    assert result["step_id"] == "cards"
    options = result["data_schema"].schema["card"].config["options"]
    assert [option["label"].partition(",")[0] for option in options] == ["key ring", "spare"]
    result = await go_on(hass, await go_on(hass, result, card=spare), blocked=False, remove=True)
    assert result["reason"] == "card_removed"
    assert [card.label for card in annas(building)] == ["key ring"]


async def test_an_unknown_card_is_given_to_the_resident(hass: HomeAssistant, building: MockConfigEntry) -> None:
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: building.runtime_data.cards.unknown != [])
    result = await begin(hass, building, "inbox")
    (option,) = result["data_schema"].schema["unknown_card"].config["options"]
    assert option["label"].startswith("…7F: Stall 1, ")
    result = await go_on(hass, result, unknown_card=option["value"], label="blue")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "card_assigned")
    assert [card.label for card in annas(building)] == ["blue"]


# --- the car ------------------------------------------------------------------------------------------------------


async def test_a_car_may_speak_for_its_resident_and_be_silenced_again(
    hass: HomeAssistant, building: MockConfigEntry
) -> None:
    hass.states.async_set("binary_sensor.car", "off")
    result = await go_on(hass, await begin(hass, building, "car"), car_entity="binary_sensor.car")
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert dict(building.subentries["anna"].data) == {"ha_user_id": None, "car_entity": "binary_sensor.car"}
    assert {car.resident_id for car in building.runtime_data.rules.cars} == {"anna"}
    result = await go_on(hass, await begin(hass, building, "settings"), name="Anna Neu")
    assert building.subentries["anna"].data["car_entity"] == "binary_sensor.car"
    await go_on(hass, await begin(hass, building, "car"))
    await hass.async_block_till_done()
    assert dict(building.subentries["anna"].data) == {"ha_user_id": None}
    assert building.runtime_data.rules.cars == frozenset()


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"car_entity": "binary_sensor.nowhere"}, {"car_entity": "entity_unknown"}),
        ({"car_entity": "binary_sensor.stall_1_plugged_in"}, {"car_entity": "car_is_stall"}),
        ({"car_entity": "sensor.car"}, {"car_states": "car_states_missing"}),
        ({"car_entity": "binary_sensor.bens_car"}, {"car_entity": "car_taken"}),
    ],
)
async def test_a_car_that_cannot_speak_for_its_resident_is_named(
    hass: HomeAssistant, building: MockConfigEntry, typed: dict[str, Any], errors: dict[str, str]
) -> None:
    for entity_id in ("sensor.car", "binary_sensor.bens_car"):
        hass.states.async_set(entity_id, "off")
    ben = building.subentries["ben"]
    hass.config_entries.async_update_subentry(building, ben, data={**ben.data, "car_entity": "binary_sensor.bens_car"})
    await hass.async_block_till_done()
    result = await go_on(hass, await begin(hass, building, "car"), **typed)
    assert result["errors"] == errors
    assert dict(building.subentries["anna"].data) == {"ha_user_id": None}
