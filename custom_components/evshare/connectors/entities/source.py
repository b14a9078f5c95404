"""What an entity connector asks of the world its entities live in. ``hass.py`` answers for Home Assistant."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

UNAVAILABLE = "unavailable"
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class EntityState:
    """What an entity says."""

    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Device:
    """What is known of the device an entity belongs to."""

    name: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None


type Changed = Callable[[str, EntityState | None, EntityState | None], None]
"""Called with entity id, what it said before and what it says now; None: it was not there. States are as they are,
*unknown* and *unavailable* too."""


class Entities(Protocol):
    """Entities of other integrations. Nothing here waits for a device but `call`, `run` and `act`."""

    def read(self, entity_id: str) -> EntityState | None:
        """What it says; None when it is missing, unavailable, unknown, or only says what it said before a restart."""

    def said_since_start(self, entity_id: str) -> bool:
        """Whether what it says was said since Home Assistant has started, not only brought back and left so."""

    def shown(self, entity_id: str) -> EntityState | None:
        """What it shows as it is, *unknown* and *unavailable* too; None when it is not there."""

    def attributes(self, entity_id: str) -> Mapping[str, Any]:
        """Its attributes, also while its state is unknown: what a number accepts, what a choice offers."""

    def can_be_told(self, entity_id: str) -> bool:
        """Whether a command would reach it. What is unavailable swallows commands without a word."""

    async def call(self, entity_id: str, service: str, data: Mapping[str, Any] | None = None) -> None:
        """Call a service of the entity's domain and wait until it is done. Raises `ConnectorError`."""

    async def run(self, script: str, variables: Mapping[str, Any]) -> None:
        """Run a script and wait for its end, since one that runs on could undo what comes next."""

    async def act(self, action: str, data: Mapping[str, Any]) -> None:
        """Do an action that has no entity. Raises `ConnectorError`."""

    def watch(self, entity_ids: Iterable[str], changed: Changed) -> Callable[[], None]:
        """Have every change told from now on; returns what ends it."""

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Do something in the background."""

    def device(self, entity_id: str) -> Device | None:
        """The device it belongs to; None when it has none."""
