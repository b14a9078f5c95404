"""How tests walk through the dialogue that makes a stall of another integration's entities."""

from typing import Any

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

from ..stall_dialogue import go_on

STALL = {"name": "Stall 1", "max_current_a": 16, "phase_map": "123", "choose_again": False, "contactor_more": {}}


async def begin(hass: HomeAssistant, entry: MockConfigEntry, device_id: str | None = None) -> SubentryFlowResult:
    """Choose the way and the device; returns the page about what it tells."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "stall"), context={"source": SOURCE_USER})
    result = await go_on(hass, result, next_step_id="ha_entities")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "ha_entities")
    return await go_on(hass, result, **({} if device_id is None else {"device_id": device_id}))


def proposed(result: SubentryFlowResult) -> dict[str, Any]:
    """What a form shows filled in."""
    schema = result["data_schema"]
    assert schema is not None
    fields = {str(field): (field.description or {}).get("suggested_value") for field in schema.schema}
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


async def to_the_stall(hass: HomeAssistant, result: SubentryFlowResult, **changes: Any) -> SubentryFlowResult:
    """Take the proposals over, with changes to the pages of entities; returns the stall's own form."""
    for step in ("ha_entities_car", "ha_entities_control"):
        assert (result["step_id"], result["errors"]) == (step, {})
        names = {str(field) for field in result["data_schema"].schema}  # type: ignore[union-attr]
        filled = proposed(result) | {key: value for key, value in changes.items() if key in names}
        result = await go_on(hass, result, **{key: value for key, value in filled.items() if value is not None})
    assert result["step_id"] == "ha_entities_stall"
    return result


async def keep(hass: HomeAssistant, result: SubentryFlowResult, **changes: Any) -> SubentryFlowResult:
    """Fill in the stall's form with what it proposes, look, and keep it."""
    filled = {key: value for key, value in proposed(result).items() if key != "name"} | STALL | changes
    result = await go_on(hass, result, **filled)
    if result["step_id"] == "confirm_unbilled":
        result = await go_on(hass, result, without_billing=True)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "confirm"), result
    return await go_on(hass, result, next_step_id="keep")
