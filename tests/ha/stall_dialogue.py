"""How tests walk through the dialogue that adds or changes a stall."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

KEBA = {
    "name": "Stall 1",
    "host": "10.0.0.11",
    "port": 502,
    "unit_id": 255,
    "max_current_a": 16,
    "phase_map": "123",
}


async def begin(hass: HomeAssistant, entry: MockConfigEntry, connector: str = "keba_p30") -> SubentryFlowResult:
    """Choose a model of the list; its form is open then."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "stall"), context={"source": SOURCE_USER})
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "user")
    result = await go_on(hass, result, next_step_id="from_list")
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "from_list")
    result = await go_on(hass, result, connector=connector)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "connection")
    return result


async def go_on(hass: HomeAssistant, result: SubentryFlowResult, **user_input: Any) -> SubentryFlowResult:
    """Answer a form, and wait for the look if one begins."""
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)
    if result["type"] is FlowResultType.SHOW_PROGRESS:
        await hass.async_block_till_done()
        result = await hass.config_entries.subentries.async_configure(result["flow_id"])
    return result


async def keep(hass: HomeAssistant, result: SubentryFlowResult) -> SubentryFlowResult:
    """Keep what was seen."""
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "confirm")
    return await go_on(hass, result, next_step_id="keep")


def only_stall(entry: MockConfigEntry) -> tuple[str, dict[str, Any], str | None]:
    """Title, settings and unique id of the one stall there is."""
    (subentry,) = entry.subentries.values()
    return subentry.title, dict(subentry.data), subentry.unique_id


class QuickClock:
    """Time that passes only while somebody sleeps, and then at once."""

    def __init__(self, utcnow: Callable[[], datetime]) -> None:
        self.utcnow = utcnow
        self._mono_s = 0.0

    def monotonic(self) -> float:
        return self._mono_s

    async def sleep(self, seconds: float) -> None:
        self._mono_s += seconds
