"""HA's backups hold a whole journal: it is made ready before, and told apart from its copy after."""

import asyncio

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .devices import EvshareConfigEntry
from .journal import Journal, JournalError


def _journals(hass: HomeAssistant) -> list[Journal]:
    entries: list[EvshareConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    return [entry.runtime_data.journal for entry in entries]


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Write every journal out; records made during the backup stay beside the file.

    Raises:
        HomeAssistantError: a journal could not be made ready, and HA does not make the backup.
    """
    try:
        await asyncio.gather(*(journal.async_pre_backup() for journal in _journals(hass)))
    except JournalError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="journal_failed") from error


async def async_post_backup(hass: HomeAssistant) -> None:
    """Take up normal work.

    Raises:
        HomeAssistantError: a journal could not be written.
    """
    try:
        await asyncio.gather(*(journal.async_post_backup() for journal in _journals(hass)))
    except JournalError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="journal_failed") from error
