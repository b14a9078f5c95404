"""Entities of other integrations at the edge of the tests: what they say, and what they were told."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from custom_components.evshare.connectors.entities.source import Changed, Device, EntityState
from custom_components.evshare.connectors.ports import ConnectorRefused

SHOWS = {"turn_on": "on", "turn_off": "off", "lock": "locked", "unlock": "unlocked"}


class FakeEntities:
    """Says what it was set to; obeys at once unless an entity `sticks`."""

    def __init__(self) -> None:
        self.states: dict[str, EntityState] = {}
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        """Entity, service and data of every command."""
        self.acted: list[tuple[str, dict[str, Any]]] = []
        self.sticks: set[str] = set()
        self.refuses: set[str] = set()
        self.restored: set[str] = set()
        """Entities that show only what they said before a restart, which is not believed yet."""
        self.unsaid: set[str] = set()
        """Entities that show only what they said before a restart a while ago."""
        self.devices: dict[str, Device] = {}
        self.on_call: Callable[[], None] = lambda: None
        self.spawned: list[Coroutine[Any, Any, object]] = []
        self._changed: Changed | None = None
        self._watched: set[str] = set()

    def say(self, entity_id: str, state: str | None, **attributes: Any) -> None:
        """Let an entity say something; attributes it had before stay. None: it goes away."""
        before = self.states.get(entity_id)
        self.unsaid.discard(entity_id)
        if state is None:
            self.states.pop(entity_id, None)
        else:
            kept = before.attributes if before is not None else {}
            self.states[entity_id] = EntityState(state=state, attributes={**kept, **attributes})
        if self._changed is not None and entity_id in self._watched:
            self._changed(entity_id, before, self.states.get(entity_id))

    def commands(self, *, clear: bool = False) -> list[str]:
        """What was told, as `entity service value`."""
        said = [
            " ".join([entity, service, *(str(value) for value in data.values())]) for entity, service, data in self.told
        ]
        if clear:
            self.told.clear()
        return said

    def read(self, entity_id: str) -> EntityState | None:
        state = self.states.get(entity_id)
        hidden = state is None or state.state in ("unknown", "unavailable") or entity_id in self.restored
        return None if hidden else state

    def said_since_start(self, entity_id: str) -> bool:
        return entity_id in self.states and entity_id not in self.unsaid | self.restored

    def shown(self, entity_id: str) -> EntityState | None:
        return self.states.get(entity_id)

    def attributes(self, entity_id: str) -> Mapping[str, Any]:
        state = self.states.get(entity_id)
        return {} if state is None else state.attributes

    def can_be_told(self, entity_id: str) -> bool:
        state = self.states.get(entity_id)
        return state is not None and state.state != "unavailable"

    async def call(self, entity_id: str, service: str, data: Mapping[str, Any] | None = None) -> None:
        self.told.append((entity_id, service, dict(data or {})))
        self.on_call()
        if entity_id in self.refuses:
            raise ConnectorRefused(f"{entity_id}: {service} failed: no")
        if entity_id in self.sticks:
            return
        value = next(iter((data or {}).values()), None)
        if service in SHOWS and entity_id.partition(".")[0] in ("switch", "input_boolean", "lock"):
            self.say(entity_id, SHOWS[service])
        elif service in ("set_value", "select_option"):
            self.say(entity_id, str(value))

    async def run(self, script: str, variables: Mapping[str, Any]) -> None:
        self.told.append((script, "run", dict(variables)))

    async def act(self, action: str, data: Mapping[str, Any]) -> None:
        self.acted.append((action, dict(data)))

    def watch(self, entity_ids: Iterable[str], changed: Changed) -> Callable[[], None]:
        self._watched, self._changed = set(entity_ids), changed

        def unwatch() -> None:
            self._changed = None

        return unwatch

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        self.spawned.append(work)

    def device(self, entity_id: str) -> Device | None:
        return self.devices.get(entity_id)


class FakeMeter:
    """An energy counter."""

    serial = "meter-1"

    def __init__(self, register_wh: int | None = 0) -> None:
        self.wh = register_wh

    def register_wh(self) -> int | None:
        return self.wh
