"""Adding and changing residents."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from .conftest import MakeEntry, resident


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, "resident"), context={"source": SOURCE_USER}
    )


async def go_on(hass: HomeAssistant, result: SubentryFlowResult, **user_input: Any) -> SubentryFlowResult:
    return await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)


async def test_a_resident_is_a_name_and_perhaps_a_user(
    hass: HomeAssistant, make_entry: MakeEntry, hass_admin_user: MockUser
) -> None:
    entry = make_entry()
    result = await go_on(hass, await begin(hass, entry), name=" Anna Alt ", ha_user_id=hass_admin_user.id)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await go_on(hass, await begin(hass, entry), name="Ben Neu")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    anna, ben = entry.subentries.values()
    assert (anna.title, dict(anna.data)) == ("Anna Alt", {"ha_user_id": hass_admin_user.id})
    assert (ben.title, dict(ben.data)) == ("Ben Neu", {"ha_user_id": None})
    assert anna.unique_id is not None
    assert anna.unique_id.startswith("resident:")
    assert anna.unique_id != ben.unique_id


async def test_only_people_can_be_chosen_as_users(
    hass: HomeAssistant, make_entry: MakeEntry, hass_admin_user: MockUser, hass_supervisor_user: MockUser
) -> None:
    gone = MockUser(name="Gone", is_active=False)
    gone.add_to_hass(hass)
    result = await begin(hass, make_entry())
    (selector,) = (field for key, field in result["data_schema"].schema.items() if key == "ha_user_id")
    assert [option["value"] for option in selector.config["options"]] == [hass_admin_user.id]


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"name": " "}, {"name": "name_missing"}),
        ({"name": "anna alt"}, {"name": "name_taken"}),
        ({"name": "x" * 61}, {"name": "name_too_long"}),
        ({"name": "Ben", "ha_user_id": "user-of-anna"}, {"ha_user_id": "user_taken"}),
    ],
)
async def test_a_wrong_resident_is_named_and_nothing_changes(
    hass: HomeAssistant, make_entry: MakeEntry, typed: dict[str, str], errors: dict[str, str]
) -> None:
    MockUser(id="user-of-anna", name="Anna").add_to_hass(hass)
    entry = make_entry(resident(ha_user_id="user-of-anna"))
    result = await go_on(hass, await begin(hass, entry), **typed)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)
    assert list(entry.subentries) == ["anna"]


async def test_a_resident_can_be_renamed_and_stays_the_same(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry(resident())
    result = await entry.start_subentry_reconfigure_flow(hass, "anna")
    result = await go_on(hass, result, name="Anna Neu")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    anna = entry.subentries["anna"]
    assert (anna.title, anna.unique_id) == ("Anna Neu", "resident:anna")


async def test_a_resident_keeps_their_own_name_and_user(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    MockUser(id="user-of-anna", name="Anna").add_to_hass(hass)
    entry = make_entry(resident(ha_user_id="user-of-anna"))
    result = await entry.start_subentry_reconfigure_flow(hass, "anna")
    result = await go_on(hass, result, name="Anna Alt", ha_user_id="user-of-anna")
    assert result["reason"] == "reconfigure_successful"


async def test_a_user_can_be_taken_away_from_a_resident(hass: HomeAssistant, make_entry: MakeEntry) -> None:
    entry = make_entry(resident(ha_user_id="somebody"))
    result = await entry.start_subentry_reconfigure_flow(hass, "anna")
    await go_on(hass, result, name="Anna Alt")
    assert entry.subentries["anna"].data["ha_user_id"] is None
