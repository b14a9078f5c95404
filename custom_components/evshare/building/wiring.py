"""How a building hangs on Home Assistant: its config entry, read into the words of `model.py`.

A subentry's id is the id of the stall or resident; `Wiring` holds what the model does not know: entities, network
addresses and tag readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import (
    CONF_HOST,
    CONF_MAC,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TOKEN,
    CONF_USERNAME,
    STATE_ON,
)
from homeassistant.core import HomeAssistant

from ..connectors.entities.slots import EntitySettings, entity_gate, entity_ports
from ..connectors.locks import equipped_ports, lock_quality
from ..connectors.ocpp import OCPP_PORTS
from ..connectors.ports import NO_PORTS, Ports
from ..connectors.profile import ProfileError, load_profile
from ..connectors.settings import ConnectorSettings
from ..const import (
    CONF_BATTERY_CHARGE_POWER,
    CONF_BATTERY_IN_ENERGY,
    CONF_BATTERY_OUT_ENERGY,
    CONF_BATTERY_POWER,
    CONF_BELONGS_TO,
    CONF_CAR_ENTITY,
    CONF_CAR_STATES,
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_CONTACTOR_REFRESH,
    CONF_CURRENCY,
    CONF_EV_IDS,
    CONF_EXPORT_ENERGY,
    CONF_FUSE_A,
    CONF_GRID_POWER,
    CONF_HA_USER_ID,
    CONF_IMPORT_ENERGY,
    CONF_MAX_CURRENT_A,
    CONF_MDNS,
    CONF_METER,
    CONF_PHASE_MAP,
    CONF_PHASES,
    CONF_POINT,
    CONF_PRICE_SENSOR,
    CONF_PRICES,
    CONF_PV_ENERGY,
    CONF_PV_POWER,
    CONF_READER_SIGNAL,
    CONF_SERIAL,
    CONF_SERIAL_PORT,
    CONF_TAG_READER,
    CONF_TRANSPORT,
    CONF_TWC_METER_DEVICE,
    CONF_TWC_METER_PORT,
    CONF_UNIT_ID,
    CONNECTOR_ENTITIES,
    CONNECTOR_OCPP,
    PHASE_CURRENTS,
    SUBENTRY_RESIDENT,
    SUBENTRY_STALL,
)
from ..model import Building, GateKind, Resident, ResidentId, StallConfig, StallId
from .series import BATTERY_IN, BATTERY_OUT, EXPORT, IMPORT, PV

PRESENCE_S = {GateKind.NATIVE: 180, GateKind.CONTACTOR: 300}
"""How long an authorisation waits for the plug. A contactor may have to rest, and the connector behind it boots first
(connectors reference 1.5 a)."""

CHANGED_IN_PLACE = frozenset({CONF_MAC, CONF_MDNS, CONF_TAG_READER, CONF_READER_SIGNAL, CONF_BELONGS_TO})
"""Stall settings that need no new connector."""


REGISTERS = {
    IMPORT: CONF_IMPORT_ENERGY,
    EXPORT: CONF_EXPORT_ENERGY,
    PV: CONF_PV_ENERGY,
    BATTERY_IN: CONF_BATTERY_IN_ENERGY,
    BATTERY_OUT: CONF_BATTERY_OUT_ENERGY,
}
"""The options that name the building's registers, by what they count."""


@dataclass(frozen=True, kw_only=True)
class MeterEntities:
    """HA sensors that measure the building; None where there is none."""

    grid_power: str | None = None
    currents: tuple[str, ...] | None = None
    """One per supply phase."""
    pv_power: str | None = None
    registers: Mapping[str, str] = field(default_factory=dict)
    """Cumulative energies of the building series, by what they count."""
    battery_power: str | None = None
    """What the battery gives; without `battery_charge_power` negative while it charges."""
    battery_charge_power: str | None = None
    """What it takes, where a sensor of its own says so."""
    prices: Mapping[str, str] = field(default_factory=dict)
    """What tells a price, by the name of its series."""

    @property
    def entity_ids(self) -> list[str]:
        """Those that current is shared by: a change of theirs is looked at at once."""
        return [name for name in (self.grid_power, self.pv_power, *(self.currents or ())) if name is not None]


@dataclass(frozen=True, kw_only=True)
class StallWiring:
    """How one stall is reached."""

    config: StallConfig
    settings: Mapping[str, Any]
    """The subentry's data."""
    tag_reader: str | None
    """HA device id of the reader whose tags count here."""
    reader_signal: str | None = None
    """The entity that shows there what came of a card."""
    belongs_to: ResidentId | None = None
    """Whoever plugs in here charges as this resident."""
    model: str | None = None
    """As its profile calls it; None where only the connector itself knows."""
    unusable: str | None = None
    """Why its connector cannot be used as it is set up."""

    @property
    def connection(self) -> dict[str, Any]:
        """The settings that make a new connector necessary when they change."""
        return {key: value for key, value in self.settings.items() if key not in CHANGED_IN_PLACE}


@dataclass(frozen=True, kw_only=True)
class CarEntity:
    """What a resident's own car says in HA."""

    entity_id: str
    plugged_states: frozenset[str]
    """The states that mean it is plugged in."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """A config entry, read."""

    building: Building
    stalls: Mapping[StallId, StallWiring]
    meters: MeterEntities
    cars: Mapping[ResidentId, CarEntity]
    """Of the residents who let their car speak for them."""
    ev_ids: frozenset[ResidentId] = frozenset()
    """The residents whose cars may let themselves in by the identifier they tell."""


def own_profiles_folder(hass: HomeAssistant) -> Path:
    """Where an owner's own connector profiles lie."""
    return Path(hass.config.path("evshare", "connectors"))


async def async_read_wiring(hass: HomeAssistant, entry: ConfigEntry) -> Wiring:
    """Read a config entry."""
    stalls = {
        StallId(subentry.subentry_id): await hass.async_add_executor_job(_stall, subentry, own_profiles_folder(hass))
        for subentry in entry.get_subentries_of_type(SUBENTRY_STALL)
    }
    currents = tuple(entry.data[key] for key in PHASE_CURRENTS[: entry.data[CONF_PHASES]] if entry.data.get(key))
    prices = {one[CONF_NAME]: one[CONF_PRICE_SENSOR] for one in entry.options.get(CONF_PRICES, ())}
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
        price_series=tuple(prices),
    )
    meters = MeterEntities(
        grid_power=entry.data.get(CONF_GRID_POWER),
        currents=currents if len(currents) == building.phases else None,
        pv_power=entry.data.get(CONF_PV_POWER),
        registers={value: entry.options[key] for value, key in REGISTERS.items() if entry.options.get(key)},
        battery_power=entry.options.get(CONF_BATTERY_POWER),
        battery_charge_power=entry.options.get(CONF_BATTERY_CHARGE_POWER),
        prices=prices,
    )
    cars = {
        ResidentId(subentry.subentry_id): CarEntity(
            entity_id=entity_id, plugged_states=frozenset(subentry.data.get(CONF_CAR_STATES) or (STATE_ON,))
        )
        for subentry in entry.get_subentries_of_type(SUBENTRY_RESIDENT)
        if (entity_id := subentry.data.get(CONF_CAR_ENTITY))
    }
    ev_ids = frozenset(
        ResidentId(subentry.subentry_id)
        for subentry in entry.get_subentries_of_type(SUBENTRY_RESIDENT)
        if subentry.data.get(CONF_EV_IDS)
    )
    return Wiring(building=building, stalls=stalls, meters=meters, cars=cars, ev_ids=ev_ids)


def planned_ports(settings: Mapping[str, Any], own: Path | None = None) -> Ports:
    """The ports a stall of these settings has once it is prepared. Reads the disk: call it in an executor.

    `own` is the folder of the owner's own profiles.

    Raises:
        ProfileError: for an unknown connector.
    """
    match settings[CONF_CONNECTOR]:
        case connector if connector == CONNECTOR_ENTITIES:
            ports = entity_ports(EntitySettings.from_data(settings))
        case connector if connector == CONNECTOR_OCPP:
            ports = OCPP_PORTS
        case profile_id:
            ports = load_profile(profile_id, own).ports
    return equipped_ports(
        ports,
        contactor=bool(settings.get(CONF_CONTACTOR)),
        meter=bool(settings.get(CONF_METER)),
        refreshed=bool(settings.get(CONF_CONTACTOR_REFRESH)),
        throttled=bool(settings.get(CONF_TWC_METER_DEVICE) or settings.get(CONF_TWC_METER_PORT)),
    )


def gate_kind(settings: Mapping[str, Any], own: Path | None = None) -> GateKind:
    """What lets energy flow at a stall of these settings: a relay of the list is a contactor itself.

    Reads the disk like `planned_ports`. Raises `ProfileError` for an unknown connector.
    """
    if settings.get(CONF_CONTACTOR):
        return GateKind.CONTACTOR
    match settings[CONF_CONNECTOR]:
        case connector if connector == CONNECTOR_ENTITIES:
            return entity_gate(EntitySettings.from_data(settings))
        case connector if connector == CONNECTOR_OCPP:
            return GateKind.NATIVE
        case profile_id:
            return GateKind.CONTACTOR if load_profile(profile_id, own).contactor else GateKind.NATIVE


def connector_settings(settings: Mapping[str, Any]) -> ConnectorSettings:
    """A stall's settings in the words of the drivers; what is not there is the profile's."""
    return ConnectorSettings(
        host=settings.get(CONF_HOST) or "",
        port=settings.get(CONF_PORT),
        unit_id=settings.get(CONF_UNIT_ID),
        transport=settings.get(CONF_TRANSPORT),
        serial_port=settings.get(CONF_SERIAL_PORT),
        point=settings.get(CONF_POINT) or 1,
        username=settings.get(CONF_USERNAME),
        password=settings.get(CONF_PASSWORD),
        token=settings.get(CONF_TOKEN),
        max_current_a=settings[CONF_MAX_CURRENT_A],
        phases=len(settings[CONF_PHASE_MAP]),
        serial=settings.get(CONF_SERIAL),
    )


def _stall(subentry: ConfigSubentry, own: Path) -> StallWiring:
    """A stall whose connector nobody knows, or whose profile is broken, locks and bills nothing; the others go on."""
    settings, unusable = subentry.data, None
    try:
        gate, ports, model = gate_kind(settings, own), planned_ports(settings, own), _model(settings, own)
    except ProfileError as error:
        gate = GateKind.CONTACTOR if settings.get(CONF_CONTACTOR) else GateKind.NATIVE
        ports, model, unusable = NO_PORTS, None, str(error)
    config = StallConfig(
        id=StallId(subentry.subentry_id),
        name=subentry.title,
        connector=settings[CONF_CONNECTOR],
        max_current_a=settings[CONF_MAX_CURRENT_A],
        phase_map=tuple(int(phase) for phase in settings[CONF_PHASE_MAP]),
        gate=gate,
        billable=ports.register,
        lock_quality=lock_quality(ports),
        presence_after_s=PRESENCE_S[gate],
    )
    return StallWiring(
        config=config,
        settings=settings,
        tag_reader=settings.get(CONF_TAG_READER),
        reader_signal=settings.get(CONF_READER_SIGNAL),
        belongs_to=settings.get(CONF_BELONGS_TO),
        model=model,
        unusable=unusable,
    )


def _model(settings: Mapping[str, Any], own: Path) -> str | None:
    connector = settings[CONF_CONNECTOR]
    return None if connector in (CONNECTOR_ENTITIES, CONNECTOR_OCPP) else load_profile(connector, own).name
