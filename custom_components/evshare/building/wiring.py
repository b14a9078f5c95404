"""How a building hangs on Home Assistant: its config entry, read into the words of `model.py`.

A subentry's id is the id of the stall or resident; `Wiring` holds what the model does not know: entities, network
addresses and tag readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant

from ..connectors.factory import stall_ports
from ..connectors.locks import lock_quality
from ..connectors.profile import load_profile
from ..const import (
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_CURRENCY,
    CONF_FUSE_A,
    CONF_GRID_POWER,
    CONF_HA_USER_ID,
    CONF_MAX_CURRENT_A,
    CONF_METER,
    CONF_PHASE_MAP,
    CONF_PHASES,
    CONF_PV_POWER,
    CONF_TAG_READER,
    PHASE_CURRENTS,
    SUBENTRY_RESIDENT,
    SUBENTRY_STALL,
)
from ..model import Building, GateKind, Resident, ResidentId, StallConfig, StallId

_CHANGED_IN_PLACE = frozenset({CONF_TAG_READER})
"""Stall settings that need no new connector."""


@dataclass(frozen=True, kw_only=True)
class MeterEntities:
    """HA sensors that measure the building; None where there is none."""

    grid_power: str | None = None
    currents: tuple[str, ...] | None = None
    """One per supply phase."""
    pv_power: str | None = None

    @property
    def entity_ids(self) -> list[str]:
        """All of them."""
        return [name for name in (self.grid_power, self.pv_power, *(self.currents or ())) if name is not None]


@dataclass(frozen=True, kw_only=True)
class StallWiring:
    """How one stall is reached."""

    config: StallConfig
    settings: Mapping[str, Any]
    """The subentry's data."""
    tag_reader: str | None
    """HA device id of the reader whose tags count here."""

    @property
    def connection(self) -> dict[str, Any]:
        """The settings that make a new connector necessary when they change."""
        return {key: value for key, value in self.settings.items() if key not in _CHANGED_IN_PLACE}


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """A config entry, read."""

    building: Building
    stalls: Mapping[StallId, StallWiring]
    meters: MeterEntities


async def async_read_wiring(hass: HomeAssistant, entry: ConfigEntry) -> Wiring:
    """Read a config entry. Raises `connectors.profile.ProfileError` for an unknown connector."""
    stalls = {
        StallId(subentry.subentry_id): await hass.async_add_executor_job(_stall, subentry)
        for subentry in entry.get_subentries_of_type(SUBENTRY_STALL)
    }
    currents = tuple(entry.data[key] for key in PHASE_CURRENTS[: entry.data[CONF_PHASES]] if entry.data.get(key))
    building = Building(
        id=entry.unique_id or entry.entry_id,
        name=entry.title,
        currency=entry.data[CONF_CURRENCY],
        time_zone=hass.config.time_zone,
        fuse_a=entry.data[CONF_FUSE_A],
        phases=entry.data[CONF_PHASES],
        stalls=tuple(wiring.config for wiring in stalls.values()),
        residents=tuple(
            Resident(
                id=ResidentId(subentry.subentry_id),
                name=subentry.title,
                ha_user_id=subentry.data.get(CONF_HA_USER_ID),
            )
            for subentry in entry.get_subentries_of_type(SUBENTRY_RESIDENT)
        ),
    )
    meters = MeterEntities(
        grid_power=entry.data.get(CONF_GRID_POWER),
        currents=currents if len(currents) == building.phases else None,
        pv_power=entry.data.get(CONF_PV_POWER),
    )
    return Wiring(building=building, stalls=stalls, meters=meters)


def _stall(subentry: ConfigSubentry) -> StallWiring:
    settings = subentry.data
    profile = load_profile(settings[CONF_CONNECTOR])
    gate = GateKind.CONTACTOR if settings.get(CONF_CONTACTOR) else GateKind.NATIVE
    ports = stall_ports(profile, contactor=gate is GateKind.CONTACTOR, meter=bool(settings.get(CONF_METER)))
    config = StallConfig(
        id=StallId(subentry.subentry_id),
        name=subentry.title,
        connector=settings[CONF_CONNECTOR],
        max_current_a=settings[CONF_MAX_CURRENT_A],
        phase_map=tuple(int(phase) for phase in settings[CONF_PHASE_MAP]),
        gate=gate,
        billable=ports.register,
        lock_quality=lock_quality(ports, gate),
    )
    return StallWiring(config=config, settings=settings, tag_reader=settings.get(CONF_TAG_READER))
