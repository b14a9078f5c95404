"""A stall's wall connector that seems to have another address, where following it by itself would not be safe.

Whoever is asked at an address with a password that HTTP shows as it is has the password. A name or serial number in an
announcement is anybody's to say, so an admin is asked: by a repair issue, as long as the stall is out of reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey
import probatio

from .building.stall import RunningStall
from .const import DOMAIN, SUBENTRY_STALL
from .model import StallId

STALL_MOVED: Final = "stall_moved"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Where a stall's connector was seen."""

    before: str
    """The stall's address then."""
    host: str
    seen_as: Mapping[str, str]
    """What it is known by there (`discovery.Found.seen_as`)."""


_SEEN: HassKey[dict[StallId, Moved]] = HassKey("evshare_moved")


@callback
def async_seen_elsewhere(hass: HomeAssistant, stall_id: StallId, moved: Moved) -> None:
    """Keep where a stall's connector was seen, until somebody decides."""
    hass.data.setdefault(_SEEN, {})[stall_id] = moved


@callback
def moved_from(hass: HomeAssistant, stall: RunningStall) -> Moved | None:
    """Where a stall that is out of reach seems to have gone; None: nothing is to be asked."""
    moved = hass.data.get(_SEEN, {}).get(stall.config.id)
    if moved is None or stall.state.online or stall.wiring.settings.get(CONF_HOST) != moved.before:
        return None
    return moved


@callback
def async_follow(
    hass: HomeAssistant, entry: ConfigEntry, stall: ConfigSubentry, host: str, seen_as: Mapping[str, str]
) -> None:
    """Look for a stall's connector at another address from now on."""
    hass.data.get(_SEEN, {}).pop(StallId(stall.subentry_id), None)
    unique_id = _named(hass, stall.unique_id, stall.data[CONF_HOST], host)
    data = {**stall.data, **seen_as, CONF_HOST: host}
    hass.config_entries.async_update_subentry(entry, stall, data=data, unique_id=unique_id)


class FollowRepair(RepairsFlow):
    """Asks whether a stall's connector is to be looked for at its new address."""

    def __init__(self, entry_id: str, stall_id: StallId, moved: Moved | None) -> None:
        """`moved` is what was shown: what is seen meanwhile needs another question."""
        self._entry_id = entry_id
        self._stall_id = stall_id
        self._moved = moved

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Follow it, if the stall is still where it was."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        stall = None if entry is None else entry.subentries.get(self._stall_id)
        moved = self._moved
        if entry is None or stall is None or moved is None or stall.data.get(CONF_HOST) != moved.before:
            return self.async_abort(reason="not_asked_any_more")
        if user_input is None:
            return self.async_show_form(
                step_id="confirm",
                data_schema=probatio.Schema({}),
                description_placeholders={"stall": stall.title, "before": moved.before, "host": moved.host},
            )
        async_follow(self.hass, entry, stall, moved.host, moved.seen_as)
        return self.async_create_entry(data={})


@callback
def repair_of(hass: HomeAssistant, entry_id: str, stall_id: StallId) -> FollowRepair:
    """The dialogue about what is known now."""
    return FollowRepair(entry_id, stall_id, hass.data.get(_SEEN, {}).get(stall_id))


def _named(hass: HomeAssistant, unique_id: str | None, before: str, host: str) -> str | None:
    """The id of a stall that is named by its address, as long as nobody else is named by the new one."""
    if unique_id is None or not unique_id.startswith(f"stall:{before}:"):
        return unique_id
    moved = f"stall:{host}:{unique_id.removeprefix(f'stall:{before}:')}"
    taken = {
        stall.unique_id
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        for stall in entry.get_subentries_of_type(SUBENTRY_STALL)
    }
    return unique_id if moved in taken else moved
