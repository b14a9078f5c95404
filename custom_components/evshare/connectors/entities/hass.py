"""Home Assistant as the world an entity connector lives in; the only module of this package that knows it."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from homeassistant.components.sensor import ATTR_OPTIONS, ATTR_STATE_CLASS
from homeassistant.const import ATTR_DEVICE_CLASS, ATTR_ENTITY_ID, ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.loader import IntegrationNotFound, async_get_integration

from ..clock import Clock
from ..hass_ports import HassMeter, SinceStart, async_command
from .connector import EntityConnector
from .slots import EntitySettings, Slot
from .source import UNAVAILABLE, UNKNOWN, Changed, Device, EntityState
from .suggest import EntityFacts

RESTORED_S = 120.0
"""So long after Home Assistant has started only what was said since then is believed. Later an entity that is there
is live: many say nothing again until something changes. Even then what was only brought back ends no session
(`EntityConnector`) and spares no command (``gate.py``, ``limit.py``)."""


class HassEntities:
    """The entities of this Home Assistant (`source.Entities`)."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Nothing is watched yet."""
        self._hass = hass
        self._since_start = SinceStart(hass)

    def read(self, entity_id: str) -> EntityState | None:
        """What it says, if that can be believed to be so now."""
        state = self._hass.states.get(entity_id)
        if state is None or state.state in (UNAVAILABLE, UNKNOWN) or not self._is_live(state):
            return None
        return _as_is(state)

    def said_since_start(self, entity_id: str) -> bool:
        """Whether it was written since, changed or not."""
        state = self._hass.states.get(entity_id)
        return state is not None and self._is_news(state)

    def shown(self, entity_id: str) -> EntityState | None:
        """What it shows, as it is."""
        return _as_is(self._hass.states.get(entity_id))

    def attributes(self, entity_id: str) -> Mapping[str, Any]:
        """Its attributes, none when it is not there."""
        state = self._hass.states.get(entity_id)
        return {} if state is None else state.attributes

    def can_be_told(self, entity_id: str) -> bool:
        """Home Assistant drops calls for an unavailable entity without an error."""
        state = self._hass.states.get(entity_id)
        return state is not None and state.state != UNAVAILABLE

    async def call(self, entity_id: str, service: str, data: Mapping[str, Any] | None = None) -> None:
        """Call a service of its domain, within 15 s."""
        domain = entity_id.partition(".")[0]
        await async_command(self._hass, entity_id, domain, service, {ATTR_ENTITY_ID: entity_id, **(data or {})})

    async def run(self, script: str, variables: Mapping[str, Any]) -> None:
        """Call the script's own service, which keeps the name it was made with."""
        entry = er.async_get(self._hass).async_get(script)
        domain, _, name = script.partition(".")
        await async_command(self._hass, script, domain, name if entry is None else entry.unique_id, variables)

    async def act(self, action: str, data: Mapping[str, Any]) -> None:
        """Call a service that has no entity."""
        domain, _, service = action.partition(".")
        await async_command(self._hass, action, domain, service, data)

    def watch(self, entity_ids: Iterable[str], changed: Changed) -> Callable[[], None]:
        """Have every change told from now on."""

        @callback
        def told(event: Event[EventStateChangedData]) -> None:
            data = event.data
            changed(data["entity_id"], _as_is(data["old_state"]), _as_is(data["new_state"]))

        return async_track_state_change_event(self._hass, list(entity_ids), told)

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Do something in the background."""
        self._hass.async_create_task(work, name)

    def device(self, entity_id: str) -> Device | None:
        """The device in the registry that it belongs to."""
        entry = er.async_get(self._hass).async_get(entity_id)
        devices = dr.async_get(self._hass)
        device = None if entry is None or entry.device_id is None else devices.async_get(entry.device_id)
        if isinstance(device, dr.ChildDeviceEntry):  # an outlet of a box
            device = devices.async_get(device.parent_device_id)
        if device is None or isinstance(device, dr.ChildDeviceEntry):
            return None
        return Device(
            name=device.name_by_user or device.name,
            model=device.model,
            serial=device.serial_number,
            firmware=device.sw_version,
        )

    def _is_news(self, state: State) -> bool:
        # The state of an input is its truth, and brought back with it.
        return state.domain.startswith("input_") or self._since_start.believes(state)

    def _is_live(self, state: State) -> bool:
        since = self._since_start
        if self._is_news(state):
            return True
        return since.started_mono_s is not None and self._hass.loop.time() - since.started_mono_s >= RESTORED_S


async def async_entity_connector(hass: HomeAssistant, settings: EntitySettings, clock: Clock) -> EntityConnector:
    """The connector of a stall whose hardware is entities. Nothing is told yet."""
    register, session = (settings.slots.get(slot) for slot in (Slot.ENERGY_TOTAL, Slot.ENERGY_SESSION))
    return EntityConnector(
        HassEntities(hass),
        settings,
        clock,
        register=None if register is None else HassMeter(hass, register, cumulative=True),
        session=None if session is None else HassMeter(hass, session),
        cloud=await async_is_cloud(hass, settings),
    )


async def async_is_cloud(hass: HomeAssistant, settings: EntitySettings) -> bool:
    """Whether anything that is told goes over a vendor's cloud, by what the integrations say of themselves."""
    told = (*settings.gate_slots, *((Slot.MAX_CURRENT,) if Slot.MAX_CURRENT in settings.slots else ()))
    registry = er.async_get(hass)
    entries = [registry.async_get(settings.slots[slot]) for slot in told]
    domains = {entry.platform for entry in entries if entry is not None}
    if settings.limit_action is not None:
        domains.add(settings.limit_action.action.partition(".")[0])
    for domain in domains:
        try:
            integration = await async_get_integration(hass, domain)
        except IntegrationNotFound:
            continue
        if (integration.iot_class or "").startswith("cloud"):
            return True
    return False


@callback
def entities_of(hass: HomeAssistant, device_id: str) -> list[EntityFacts]:
    """What is known of each entity of a device that is switched on."""
    entries = er.async_entries_for_device(er.async_get(hass), device_id)
    return [_facts(hass, entry.entity_id, entry) for entry in entries]


@callback
def facts_of(hass: HomeAssistant, entity_id: str | None) -> EntityFacts | None:
    """What is known of an entity, in the registry or not; None for none."""
    return None if entity_id is None else _facts(hass, entity_id, er.async_get(hass).async_get(entity_id))


def _facts(hass: HomeAssistant, entity_id: str, entry: er.RegistryEntry | None) -> EntityFacts:
    state = hass.states.get(entity_id)
    shown: Mapping[str, Any] = {} if state is None else state.attributes
    known: Mapping[str, Any] = {} if entry is None else entry.capabilities or {}

    def fact(key: str) -> Any:
        return shown.get(key, known.get(key))

    return EntityFacts(
        entity_id=entity_id,
        platform="" if entry is None else entry.platform,
        unique_id="" if entry is None else str(entry.unique_id),
        translation_key=None if entry is None else entry.translation_key,
        name=None if entry is None else entry.original_name,
        device_class=shown.get(ATTR_DEVICE_CLASS) or _class_of(entry),
        state_class=fact(ATTR_STATE_CLASS),
        unit=shown.get(ATTR_UNIT_OF_MEASUREMENT) or (None if entry is None else entry.unit_of_measurement),
        options=tuple(str(option) for option in fact(ATTR_OPTIONS) or ()),
        lowest=fact("min"),
        highest=fact("max"),
        state=None if state is None or state.state in (UNAVAILABLE, UNKNOWN) else state.state,
    )


def _class_of(entry: er.RegistryEntry | None) -> str | None:
    return None if entry is None else entry.device_class or entry.original_device_class


def _as_is(state: State | None) -> EntityState | None:
    return None if state is None else EntityState(state=state.state, attributes=state.attributes)
