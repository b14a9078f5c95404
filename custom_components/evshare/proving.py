"""The guided test of set-up inside Home Assistant: the stall is borrowed from its building, tried, and given back."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .connectors.clock import LoopClock
from .connectors.proof import Finding, ProofPlan, ProofStep, prove
from .const import CONF_CONTACTOR, CONF_MAX_CURRENT_A, CONF_PHASE_MAP
from .devices import EvshareConfigEntry
from .model import StallId
from .sighting import BOOT_PATIENCE_S, async_reach


class NoCurrent(Exception):
    """The building has no current to spare for a test."""


async def async_prove(
    hass: HomeAssistant,
    entry: EvshareConfigEntry,
    data: Mapping[str, Any],
    began: Callable[[ProofStep], None],
    *,
    stall_id: StallId | None,
    unlock: bool,
) -> tuple[Finding, ...]:
    """Try the lock of a stall with these settings, and with `unlock` its current too.

    Args:
        hass: Home Assistant.
        entry: The building, loaded.
        data: The stall's settings, as its subentry keeps them.
        began: Hears of each step as it begins.
        stall_id: The stall, if it is one of the building's already.
        unlock: Somebody agreed that it is opened for a moment.

    Raises:
        InSession: a session is open at the stall.
        NoCurrent: nothing was tried.
        CannotLook: the settings cannot be used.
    """
    clock = LoopClock(dt_util.utcnow)
    wanted_a = data[CONF_MAX_CURRENT_A] if unlock else 0
    on_trial = entry.runtime_data.trials.on_trial(data[CONF_PHASE_MAP], stall_id, wanted_a)
    async with on_trial as highest_a, async_reach(hass, entry, data, clock) as connector:
        if unlock and highest_a < (connector.min_a if connector.ports.limit else connector.max_a):
            raise NoCurrent
        boot_s = BOOT_PATIENCE_S if data[CONF_CONTACTOR] else 0.0
        plan = ProofPlan(unlock=unlock, highest_a=highest_a, boot_s=boot_s)
        return await prove(connector, clock, plan, began)
