"""What is remembered of the stalls' connectors over restarts: how they may be read, and what their owner put up with.

Kept in Home Assistant's storage, since nobody is billed from it. What was learnt of one connector says nothing of
another: it is forgotten when a stall gets one. An address may change meanwhile, as long as the serial number says that
it is the same connector.
"""

import hashlib
import json
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_TOKEN, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from ..connectors.reading_plan import Cuts
from ..const import CONF_MAX_CURRENT_A, CONF_METER, CONF_PHASE_MAP, CONF_SERIAL, CONF_SERIAL_PORT, DOMAIN
from .wiring import CHANGED_IN_PLACE, StallWiring

VERSION: Final = 1

_NOT_WHICH: Final = CHANGED_IN_PLACE | {
    CONF_MAX_CURRENT_A,
    CONF_METER,
    CONF_PASSWORD,
    CONF_PHASE_MAP,
    CONF_TOKEN,
    CONF_USERNAME,
}
"""Settings of a stall that do not say which connector it is."""
_WHERE: Final = {CONF_HOST, CONF_PORT, CONF_SERIAL_PORT}
"""These do, as long as no serial number does."""


class Remembered:
    """All of one building."""

    def __init__(self, hass: HomeAssistant, store: Store[dict[str, Any]], kept: dict[str, Any]) -> None:
        """Use `async_load`."""
        self._hass = hass
        self._store = store
        self._kept = kept

    @classmethod
    async def async_load(cls, hass: HomeAssistant, entry: ConfigEntry) -> Self:
        """Read what was kept; of stalls that are gone nothing is."""
        store = _store(hass, entry.entry_id)
        kept = await store.async_load() or {}
        return cls(hass, store, {stall_id: kept[stall_id] for stall_id in kept.keys() & entry.subentries.keys()})

    def cuts(self, wiring: StallWiring) -> Cuts:
        """Where a stall's connector is not read across; what it learns is kept at once."""

        @callback
        def learnt(cuts: tuple[str, ...]) -> None:
            self._set(wiring, "cuts", list(cuts))
            self._hass.async_create_task(self._store.async_save(self._kept), "evshare remembers")

        return Cuts(self._of(wiring).get("cuts", ()), learnt)

    def risk_accepted(self, wiring: StallWiring) -> bool:
        """Whether somebody put up with what this connector does when it hears nothing."""
        return bool(self._of(wiring).get("risk_accepted", False))

    async def async_accept_risk(self, wiring: StallWiring) -> None:
        """Somebody puts up with it; returns when that is stored."""
        self._set(wiring, "risk_accepted", True)
        await self._store.async_save(self._kept)

    def _of(self, wiring: StallWiring) -> dict[str, Any]:
        kept: dict[str, Any] = self._kept.get(wiring.config.id, {})
        return kept if kept.get("connector") == _which(wiring) else {}

    def _set(self, wiring: StallWiring, key: str, value: object) -> None:
        self._kept[wiring.config.id] = {**self._of(wiring), "connector": _which(wiring), key: value}


async def async_forget_remembered(hass: HomeAssistant, entry_id: str) -> None:
    """Take away what was kept, when the building itself is removed."""
    await _store(hass, entry_id).async_remove()


def _which(wiring: StallWiring) -> str:
    """Names the connector of a stall, without saying what it is."""
    settings = wiring.settings
    passed = _NOT_WHICH | (_WHERE if settings.get(CONF_SERIAL) else set())
    which = {key: value for key, value in settings.items() if key not in passed and value is not None}
    return hashlib.sha256(json.dumps(which, sort_keys=True, default=str).encode()).hexdigest()


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{DOMAIN}.connectors.{entry_id}")
