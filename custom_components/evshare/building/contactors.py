"""What the contactors of a building share: their turns to close, and the place where their lives are kept.

Kept in Home Assistant's storage, not in the journal: it is about hardware, nobody is billed from it, and it may lag a
little behind. A stall that is set up with another contactor begins a new life.
"""

from typing import Any, Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from ..connectors.contactor_parts import ContactorLife
from ..connectors.stagger import Stagger
from ..const import CONF_CONTACTOR, DOMAIN
from .wiring import StallWiring

VERSION = 1
WRITTEN_WITHIN_S = 10.0


class Contactors:
    """All contactors of one building."""

    def __init__(self, store: Store[dict[str, Any]], kept: dict[str, Any]) -> None:
        """Use `async_load`."""
        self.stagger = Stagger()
        self._store = store
        self._kept = kept

    @classmethod
    async def async_load(cls, hass: HomeAssistant, entry_id: str) -> Self:
        """Read what was kept of the contactors of a building."""
        store = _store(hass, entry_id)
        return cls(store, await store.async_load() or {})

    def memory(self, wiring: StallWiring) -> KeptLife:
        """Where the life of a stall's contactor is kept."""
        return KeptLife(self, wiring.config.id, wiring.settings[CONF_CONTACTOR])

    def recall(self, stall_id: str, switch: str) -> ContactorLife:
        """What was kept of the contactor that this switch moves."""
        kept = self._kept.get(stall_id)
        if kept is None or kept["switch"] != switch:
            return ContactorLife()
        return ContactorLife(closings=kept["closings"], loaded_openings=kept["loaded_openings"], welded=kept["welded"])

    @callback
    def keep(self, stall_id: str, switch: str, life: ContactorLife) -> None:
        """Write it down soon, also when Home Assistant stops before."""
        self._kept[stall_id] = {
            "switch": switch,
            "closings": life.closings,
            "loaded_openings": life.loaded_openings,
            "welded": life.welded,
        }
        self._store.async_delay_save(lambda: self._kept, WRITTEN_WITHIN_S)


class KeptLife:
    """The life of one contactor (`connectors.contactor_parts.ContactorMemory`)."""

    def __init__(self, contactors: Contactors, stall_id: str, switch: str) -> None:
        """Use `Contactors.memory`."""
        self._contactors = contactors
        self._stall_id = stall_id
        self._switch = switch

    def recall(self) -> ContactorLife:
        """What was kept last; a new life if nothing was."""
        return self._contactors.recall(self._stall_id, self._switch)

    def keep(self, life: ContactorLife) -> None:
        """Keep it."""
        self._contactors.keep(self._stall_id, self._switch, life)


async def async_forget_contactors(hass: HomeAssistant, entry_id: str) -> None:
    """Take away what was kept, when the building itself is removed."""
    await _store(hass, entry_id).async_remove()


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{DOMAIN}.contactors.{entry_id}")
