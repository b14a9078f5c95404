"""The building and its stalls in HA's device registry."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .const import DOMAIN

type EvshareConfigEntry = ConfigEntry[RunningBuilding]


@callback
def async_follow_devices(hass: HomeAssistant, entry: EvshareConfigEntry) -> CALLBACK_TYPE:
    """Keep the devices as the building is, from now on; returns what ends it.

    Begins before any entity exists, so that a new stall has its device before it has its entities.
    """
    running = entry.runtime_data
    registered: object = None

    @callback
    def look() -> None:
        nonlocal registered
        present = (running.building.name, [(stall.config, stall.identity) for stall in running.stalls.values()])
        if present != registered:
            registered = present
            _register(hass, entry)

    look()
    return running.subscribe(look)


@callback
def _register(hass: HomeAssistant, entry: EvshareConfigEntry) -> None:
    devices = dr.async_get(hass)
    running = entry.runtime_data
    building = devices.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, running.building.id)},
        entry_type=dr.DeviceEntryType.SERVICE,
        manufacturer="evshare",
        name=running.building.name,
    )
    for stall_id, stall in running.stalls.items():
        if stall_id not in entry.subentries:
            continue  # being taken out
        identity = stall.identity
        devices.async_get_or_create(
            config_entry_id=entry.entry_id,
            config_subentry_id=stall_id,
            identifiers={(DOMAIN, stall_id)},
            model=_model(stall),
            name=stall.config.name,
            serial_number=identity.serial if identity else None,
            sw_version=identity.firmware if identity else None,
            via_device_id=building.id,
        )


def _model(stall: RunningStall) -> str | None:
    """What hangs on the wall: as its profile calls it, else as it calls itself."""
    return stall.wiring.model or (stall.identity.model if stall.identity else None)
