"""The building and its stalls in HA's device registry."""

from collections.abc import Sequence

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_MAC
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .const import DOMAIN
from .model import StallId

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
        stalls = [(stall.config, stall.identity, _mac(stall)) for stall in running.stalls.values()]
        present = (running.building.name, stalls)
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
    present: dict[StallId, dr.DeviceEntry] = {}
    for stall_id, stall in running.stalls.items():
        if stall_id not in entry.subentries:
            continue  # being taken out
        identity = stall.identity
        present[stall_id] = devices.async_get_or_create(
            config_entry_id=entry.entry_id,
            config_subentry_id=stall_id,
            identifiers={(DOMAIN, stall_id)},
            model=_model(stall),
            name=stall.config.name,
            serial_number=identity.serial if identity else None,
            sw_version=identity.firmware if identity else None,
            via_device_id=building.id,
        )
    _mark_cards(devices, [(device, _mac(running.stalls[stall_id])) for stall_id, device in present.items()])


def _mark_cards(devices: dr.DeviceRegistry, stalls: Sequence[tuple[dr.DeviceEntry, str | None]]) -> None:
    """Keep the network cards (MAC) of stalls: by them Home Assistant tells of a known box that got another address.

    A card belongs to one device; a box with several connectors has one. Those that went are taken away before those
    that came are put in.
    """
    holders = {mac: device.id for device, mac in reversed(stalls) if mac is not None}
    wanted = {device_id: {(dr.CONNECTION_NETWORK_MAC, mac)} for mac, device_id in holders.items()}
    for device, _ in stalls:
        devices.async_update_device(device.id, new_connections=device.connections & wanted.get(device.id, set()))
    for device_id, connections in wanted.items():
        devices.async_update_device(device_id, new_connections=connections)


def _mac(stall: RunningStall) -> str | None:
    return stall.wiring.settings.get(CONF_MAC)


def _model(stall: RunningStall) -> str | None:
    """What hangs on the wall: as its profile calls it, else as it calls itself."""
    return stall.wiring.model or (stall.identity.model if stall.identity else None)
