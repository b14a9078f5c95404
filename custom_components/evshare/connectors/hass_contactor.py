"""Home Assistant entities around a contactor, and a stall's equipment as its settings say it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from ..const import (
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_CONTACTOR_FEEDBACK,
    CONF_CONTACTOR_REFRESH,
    CONF_CONTACTOR_REFRESH_S,
    CONF_METER,
    CONF_PHASE_MAP,
    CONF_SOFT_STOP,
    CONF_TWC_METER_DEVICE,
    CONF_TWC_METER_LIMIT_A,
    CONF_TWC_METER_PORT,
    CONNECTOR_ENTITIES,
)
from .clock import Clock
from .contactor_parts import ContactorAids, ContactorMemory, ContactorTimes
from .equipment import Equipment
from .hass_ports import HassMeter, HassSwitch, async_command
from .stagger import Stagger
from .twc_meter.line import Line, SerialLine, TcpLine
from .twc_meter.meter import EmulatedMeter

REFRESH_S: Final = 60
ENTITIES_LAG_S: Final = 60.0
"""Integrations that poll show a last value for so long after their device went dark."""
LOOK_TIMES: Final = ContactorTimes(grace_s=ContactorTimes.open_wait_s, pause_s=ContactorTimes.open_wait_s)
"""For set-up: what flows during a look is on nobody's session."""


class HassFeedback:
    """A binary sensor that is on while the contactor is closed."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        """Nothing is read yet."""
        self._hass = hass
        self._entity_id = entity_id

    def is_closed(self) -> bool | None:
        """What the entity says; None while it is unavailable or unknown."""
        state = self._hass.states.get(self._entity_id)
        return None if state is None else {STATE_ON: True, STATE_OFF: False}.get(state.state)


class HassRefresh:
    """A script, button or switch that keeps a dead-man relay closed."""

    def __init__(self, hass: HomeAssistant, entity_id: str, every_s: float) -> None:
        """Nothing is done yet."""
        self._hass = hass
        self._entity_id = entity_id
        self.every_s = every_s

    async def refresh(self) -> None:
        """Run it, press it, or turn it on again."""
        await _async_act(self._hass, self._entity_id, SERVICE_TURN_ON, {})


class HassSoftStop:
    """A car's charge switch, a button that stops it, or a script that is told ``action``: ``stop`` or ``start``."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        """Nothing is told yet."""
        self._hass = hass
        self._entity_id = entity_id

    async def stop(self) -> None:
        """Turn it off, press it, or run it with ``stop``."""
        await _async_act(self._hass, self._entity_id, SERVICE_TURN_OFF, {"action": "stop"})

    async def start(self) -> None:
        """Turn it on, or run it with ``start``; a button only stops."""
        if not self._entity_id.startswith(("button.", "input_button.")):
            await _async_act(self._hass, self._entity_id, SERVICE_TURN_ON, {"action": "start"})


async def _async_act(hass: HomeAssistant, entity_id: str, turn: str, variables: Mapping[str, Any]) -> None:
    """Do what an entity of this domain does. A script is waited for: one that runs on could undo what comes next."""
    domain, _, name = entity_id.partition(".")
    match domain:
        case "script":
            entry = er.async_get(hass).async_get(entity_id)  # its own service keeps the name it was made with
            await async_command(hass, entity_id, domain, name if entry is None else entry.unique_id, variables)
        case "button" | "input_button":
            await async_command(hass, entity_id, domain, "press", {ATTR_ENTITY_ID: entity_id})
        case _:
            await async_command(hass, entity_id, domain, turn, {ATTR_ENTITY_ID: entity_id})


def stall_equipment(
    hass: HomeAssistant,
    settings: Mapping[str, Any],
    clock: Clock,
    *,
    stagger: Stagger | None = None,
    memory: ContactorMemory | None = None,
) -> Equipment:
    """What a stall in use has around its connector.

    Raises:
        ValueError: a setting that cannot be used; the message begins with its name.
    """
    equipment = look_equipment(hass, settings)
    times = ContactorTimes(lag_s=equipment.times.lag_s)
    aids = replace(equipment.aids, memory=memory)
    return replace(equipment, times=times, aids=aids, stagger=stagger, throttle=_throttle(settings, clock))


def look_equipment(hass: HomeAssistant, settings: Mapping[str, Any]) -> Equipment:
    """The same for a look during set-up: without the emulated meter, whose line the stall in use may hold."""
    contactor, meter = settings.get(CONF_CONTACTOR), settings.get(CONF_METER)
    lag_s = ENTITIES_LAG_S if settings[CONF_CONNECTOR] == CONNECTOR_ENTITIES else 0.0
    return Equipment(
        contactor=HassSwitch(hass, contactor) if contactor else None,
        aids=_aids(hass, settings) if contactor else ContactorAids(),
        times=replace(LOOK_TIMES, lag_s=lag_s),
        meter=HassMeter(hass, meter) if meter else None,
    )


def _aids(hass: HomeAssistant, settings: Mapping[str, Any]) -> ContactorAids:
    feedback, refresh = settings.get(CONF_CONTACTOR_FEEDBACK), settings.get(CONF_CONTACTOR_REFRESH)
    every_s = settings.get(CONF_CONTACTOR_REFRESH_S) or REFRESH_S
    soft_stop = settings.get(CONF_SOFT_STOP)
    return ContactorAids(
        feedback=HassFeedback(hass, feedback) if feedback else None,
        refresh=HassRefresh(hass, refresh, every_s) if refresh else None,
        soft_stop=HassSoftStop(hass, soft_stop) if soft_stop else None,
        open_since=_open_since(hass, settings[CONF_CONTACTOR]),
    )


def _open_since(hass: HomeAssistant, switch: str) -> datetime | None:
    state = hass.states.get(switch)
    return state.last_changed if state is not None and state.state == STATE_OFF else None


def _throttle(settings: Mapping[str, Any], clock: Clock) -> EmulatedMeter | None:
    line: Line
    if path := settings.get(CONF_TWC_METER_DEVICE):
        line = SerialLine(path)
    elif port := settings.get(CONF_TWC_METER_PORT):
        line = TcpLine(port)
    else:
        return None
    limit_a = settings.get(CONF_TWC_METER_LIMIT_A)
    if limit_a is None:
        raise ValueError(f"{CONF_TWC_METER_LIMIT_A}: got none; accepted: the conductor limit set in Tesla One")
    return EmulatedMeter(line, clock, conductor_limit_a=limit_a, phases=len(settings[CONF_PHASE_MAP]))
