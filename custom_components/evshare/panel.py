"""The panel in Home Assistant's sidebar that lets admins into the office; what it shows is in ``frontend/``.

Only where there is a frontend to show it: Home Assistant also runs without one.
"""

from pathlib import Path
from typing import Final

from homeassistant.components import frontend, panel_custom
from homeassistant.components.http import StaticPathConfig
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_loaded_integration

from .const import DOMAIN

PANEL_PATH: Final = "evshare"
ELEMENT: Final = "evshare-panel"
# Beside the panel's own path: everything under that one belongs to Home Assistant's single-page frontend.
MODULE_PATH: Final = "/evshare_frontend/evshare-panel.js"
_MODULE: Final = Path(__file__).parent / "frontend" / "evshare-panel.js"


async def async_serve_panel(hass: HomeAssistant) -> None:
    """Serve the panel's module. Once per run: a static path cannot be taken back."""
    if frontend.DOMAIN in hass.config.components:
        await hass.http.async_register_static_paths([StaticPathConfig(MODULE_PATH, str(_MODULE))])


async def async_show_panel(hass: HomeAssistant) -> None:
    """Put the panel into the sidebar of admins, once for all buildings."""
    if frontend.DOMAIN not in hass.config.components or frontend.async_panel_exists(hass, PANEL_PATH):
        return
    # Browsers keep the module for a month; another version is another address.
    version = async_get_loaded_integration(hass, DOMAIN).version
    await panel_custom.async_register_panel(
        hass,
        PANEL_PATH,
        ELEMENT,
        sidebar_title="evshare",
        sidebar_icon="mdi:ev-station",
        module_url=f"{MODULE_PATH}?v={version}",
        require_admin=True,
    )


@callback
def async_hide_panel(hass: HomeAssistant) -> None:
    """Take the panel away when no building is left that could have an office; a reload leaves it where it is."""
    if not hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False):
        frontend.async_remove_panel(hass, PANEL_PATH, warn_if_unknown=False)
