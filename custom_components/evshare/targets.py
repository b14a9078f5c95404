"""What a service call is for: a building, or a stall of one."""

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import ServiceCall
from homeassistant.helpers.service import async_get_config_entry, async_get_device_and_config_entry

from .building.running import RunningBuilding
from .building.stall import RunningStall
from .callers import refusal
from .const import DOMAIN
from .devices import EvshareConfigEntry
from .model import StallId


def building_of(call: ServiceCall) -> RunningBuilding:
    """The building a call names; the only one where it names none."""
    entry: EvshareConfigEntry = async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
    return entry.runtime_data


def stall_of(call: ServiceCall) -> tuple[RunningBuilding, RunningStall]:
    """The stall whose device a call names, and its building.

    Raises:
        ServiceValidationError: the device is no stall's.
    """
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, call.data[ATTR_DEVICE_ID])
    building: RunningBuilding = entry.runtime_data
    stall = building.stalls.get(StallId(device.config_subentry_id or ""))
    if stall is None:
        raise refusal("not_a_stall", device=device.name_by_user or device.name or device.id)
    return building, stall
