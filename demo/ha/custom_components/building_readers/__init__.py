"""Card readers of the simulated building as Home Assistant devices, and its electricity price (demo only).

``building_readers:`` in configuration.yaml lists readers (id, name, webhook_id). Each becomes one device; a card posted
to its webhook as ``{"uid": "04A2…"}`` becomes a ``tag_scanned`` event with that device's id, as from a real reader.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web
from homeassistant.components import tag, webhook
from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .const import CONF_READERS, DOMAIN

READER_SCHEMA = vol.Schema(
    {
        vol.Required("id"): cv.string,
        vol.Required("name"): cv.string,
        vol.Required("webhook_id"): vol.All(cv.string, vol.Length(min=32)),
    }
)
CONFIG_SCHEMA = vol.Schema({DOMAIN: vol.All(cv.ensure_list, [READER_SCHEMA])}, extra=vol.ALLOW_EXTRA)
CARD_SCHEMA = vol.Schema({vol.Required("uid"): vol.All(cv.string, vol.Match(r"^(?:[0-9A-F]{2}){4,10}$"))})


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Turn the YAML list into the one config entry."""
    if DOMAIN in config:
        hass.async_create_task(
            hass.config_entries.flow.async_init(
                DOMAIN, context={"source": SOURCE_IMPORT}, data={CONF_READERS: config[DOMAIN]}
            )
        )
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Register every reader's device and webhook."""
    devices = dr.async_get(hass)
    for reader in entry.data[CONF_READERS]:
        device = devices.async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={(DOMAIN, reader["id"])}, name=reader["name"]
        )
        webhook_id = reader["webhook_id"]
        webhook.async_register(hass, DOMAIN, reader["name"], webhook_id, _card_posted(device.id), local_only=True)
        entry.async_on_unload(partial(webhook.async_unregister, hass, webhook_id))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Webhooks go with the entry; the devices stay."""
    return True


def _card_posted(device_id: str) -> Callable[[HomeAssistant, str, web.Request], Awaitable[web.Response]]:
    """Answer a reader: 202 when the card was passed on, 400 when it is no card."""

    async def handle(hass: HomeAssistant, _webhook_id: str, request: web.Request) -> web.Response:
        try:
            card = CARD_SCHEMA(await request.json())
        except ValueError, vol.Invalid:
            return web.Response(status=400, text='expected {"uid": "<4 to 10 bytes in upper-case hex>"}')
        await tag.async_scan_tag(hass, card["uid"], device_id)
        return web.Response(status=202)

    return handle
