"""evshare: shared EV charging for small condominiums.

This room wires a building to Home Assistant. What the building does is in ``building/``; what a stall decides is in
``charging/``, ``access/`` and ``sharing/``.
"""

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .building.contactors import async_forget_contactors
from .building.remembered import async_forget_remembered
from .building.running import RunningBuilding
from .const import CONF_APP_TOKEN, CONF_APP_URL, DOMAIN, PLATFORMS
from .devices import EvshareConfigEntry, async_follow_devices
from .discovery import async_follow_cards
from .journal import JournalError
from .link.client import LinkClient
from .panel import async_hide_panel, async_serve_panel, async_show_panel
from .relay import RelayView
from .repairs import async_forget, async_watch
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the services, serve the panel, and stand ready to relay the portal, once for all buildings."""
    async_setup_services(hass)
    await async_serve_panel(hass)
    if "http" in hass.config.components:
        hass.http.register_view(RelayView())
    return True


async def async_setup_entry(hass: HomeAssistant, entry: EvshareConfigEntry) -> bool:
    """Bring a building to life. A silent connector or app is no reason not to: the others go on.

    Raises:
        ConfigEntryError: its journal cannot be used, so nothing could be recorded.
    """
    try:
        building = await RunningBuilding.async_open(hass, entry)
    except JournalError as error:
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key="journal_failed") from error
    entry.runtime_data = building
    app = _app(entry)
    if app is not None:
        building.attach_link(LinkClient(building, async_get_clientsession(hass), *app))
    try:
        await building.async_start()
        entry.async_on_unload(async_follow_devices(hass, entry))
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException:
        await building.async_stop()
        raise
    entry.async_on_unload(async_watch(hass, entry))
    entry.async_on_unload(async_follow_cards(hass, entry))

    async def changed(hass: HomeAssistant, entry: EvshareConfigEntry) -> None:
        """Take over changed settings in place; only another app is worth a reload, which ends no session either."""
        if _app(entry) != app:
            hass.config_entries.async_schedule_reload(entry.entry_id)
            return
        await building.async_apply(entry)

    async def stop(_: Event) -> None:
        await building.async_stop()

    entry.async_on_unload(entry.add_update_listener(changed))
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    await async_show_panel(hass)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: EvshareConfigEntry) -> bool:
    """Stop a building; sessions stay open in the journal and at the connectors."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    await entry.runtime_data.async_stop()
    async_hide_panel(hass)
    return True


async def async_remove_entry(hass: HomeAssistant, entry: EvshareConfigEntry) -> None:
    """Take its issues away. The journal stays in the configuration folder: it may hold what is not billed yet."""
    async_forget(hass, entry)
    await async_forget_contactors(hass, entry.entry_id)
    await async_forget_remembered(hass, entry.entry_id)
    async_hide_panel(hass)


async def async_remove_config_entry_device(hass: HomeAssistant, entry: EvshareConfigEntry, device: DeviceEntry) -> bool:
    """A stall's device goes with its stall; only what is left over may be removed by hand."""
    building = entry.runtime_data
    own = {(DOMAIN, building.building.id), *((DOMAIN, stall_id) for stall_id in building.stalls)}
    return not own & device.identifiers


def _app(entry: EvshareConfigEntry) -> tuple[str, str] | None:
    """Address and pairing token of the app, None without one."""
    url, token = entry.data.get(CONF_APP_URL), entry.data.get(CONF_APP_TOKEN)
    return (url, token) if url and token else None
