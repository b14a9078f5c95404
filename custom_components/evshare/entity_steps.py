"""Adding a stall whose charger Home Assistant already has: its device, which entity is what, and what they mean.

A device is picked, its entities are proposed for the slots (``connectors/entities/suggest.py``), everything can be
changed, and what the choice amounts to at this moment is shown above the stall's form.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentry, SubentryFlowResult
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import DeviceSelector
from homeassistant.util import dt as dt_util
import probatio

from .connectors.clock import LoopClock
from .connectors.entities.connector import EntityConnector
from .connectors.entities.hass import async_entity_connector, async_is_cloud, entities_of, facts_of
from .connectors.entities.presets import load_presets
from .connectors.entities.slots import CONF_LIMIT_ACTION, EntitySettings, Slot
from .connectors.entities.suggest import Proposal, propose, states_of, takes_zero
from .connectors.locks import lock_quality
from .connectors.ports import ConnectorError, Ports
from .const import (
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_MAX_CURRENT_A,
    CONF_PHASE_MAP,
    CONF_PHASES,
    CONF_SERIAL,
    CONNECTOR_ENTITIES,
    DOMAIN,
    SUBENTRY_STALL,
)
from .entity_form import (
    CONF_CHOOSE_AGAIN,
    CONF_LIMIT_BY_ACTION,
    TELLING,
    TOLD,
    chosen,
    entity_data,
    entity_errors,
    gate_errors,
    meaning_errors,
    meaning_fields,
    proposal_of,
    shown_meaning,
    shown_slots,
    slot_fields,
    used_entities,
)
from .model import Reading
from .stall_form import MAX_UNCONTROLLED_A
from .stall_steps import StallSteps, Way
from .words import Words, async_words

FORM_STEP: Final = "ha_entities_stall"
NOTHING_YET: Final = ""


class EntitySteps(StallSteps):
    """The steps of a charger that Home Assistant already has."""

    def __init__(self) -> None:
        super().__init__()
        self._proposal = Proposal()
        self._slots: dict[Slot, str] = {}
        """What was chosen so far."""
        self._action: dict[str, Any] | None = None
        """The action that sets the current where no entity does, as the subentry keeps it."""
        self._meant_for: str | None = NOTHING_YET
        """The status whose states the form shows the meaning of."""

    # --- which entities ------------------------------------------------------------------------------------------

    async def async_step_ha_entities(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which device it is; without one the entities are chosen one by one."""
        errors: dict[str, str] = {}
        if user_input is not None:
            device_id = user_input.get(CONF_DEVICE_ID)
            if device_id is None:
                return await self.async_step_ha_entities_car()
            if not self._is_own(device_id):
                await self._async_propose(device_id)
                return await self.async_step_ha_entities_car()
            errors[CONF_DEVICE_ID] = "own_entity"
        return self.async_show_form(
            step_id="ha_entities",
            data_schema=probatio.Schema({probatio.Optional(CONF_DEVICE_ID): DeviceSelector()}),
            errors=errors,
            last_step=False,
        )

    async def _async_change_entities(self, stall: ConfigSubentry) -> SubentryFlowResult:
        """Begin to change a stall of entities."""
        self._proposal = proposal_of(stall.data)
        self._slots = dict(self._proposal.slots)
        self._action = stall.data.get(CONF_LIMIT_ACTION)
        self._meant_for = self._slots.get(Slot.STATUS)
        self._typed = {**self._typed, **shown_meaning(self._proposal), CONF_LIMIT_BY_ACTION: self._action is not None}
        return await self.async_step_ha_entities_car()

    async def async_step_ha_entities_car(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which entities tell of the car and count its energy."""
        errors: dict[str, str] = {}
        if user_input is not None:
            told = {slot: entity_id for slot, entity_id in self._slots.items() if slot in TOLD}
            telling = chosen(user_input)
            self._slots = telling | told
            errors = entity_errors(self.hass, telling, self._used)
            if not errors and not _settings(self._slots).key_slots:
                errors["base"] = "nothing_seen"
            if not errors:
                return await self.async_step_ha_entities_control()
        return self._show_slots("ha_entities_car", TELLING, errors)

    async def async_step_ha_entities_control(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which entities lock it and set its current."""
        errors: dict[str, str] = {}
        if user_input is not None:
            telling = {slot: entity_id for slot, entity_id in self._slots.items() if slot not in TOLD}
            self._slots = telling | chosen(user_input)
            errors = entity_errors(self.hass, self._slots, self._used) or gate_errors(_settings(self._slots))
            if not errors:
                self._take_slots()
                return await self.async_step_ha_entities_stall()
        return self._show_slots("ha_entities_control", TOLD, errors)

    def _show_slots(self, step_id: str, names: tuple[str, ...], errors: Mapping[str, str]) -> SubentryFlowResult:
        schema = probatio.Schema(slot_fields(self.hass, names))
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown_slots(self._slots)),
            errors=dict(errors),
            last_step=False,
        )

    async def _async_propose(self, device_id: str) -> None:
        """Propose slots and meanings for the entities of a device."""
        presets = await self.hass.async_add_executor_job(load_presets)
        services = self.hass.services.async_services()
        actions = {f"{domain}.{service}" for domain, names in services.items() for service in names}
        self._proposal = propose(entities_of(self.hass, device_id), presets, actions)
        self._slots = dict(self._proposal.slots)
        if self._proposal.limit_action is not None:
            self._action = {
                "action": self._proposal.limit_action,
                "parameter": self._proposal.limit_parameter,
                "data": {CONF_DEVICE_ID: device_id},
            }
            self._typed = {**self._typed, CONF_LIMIT_BY_ACTION: True}

    def _take_slots(self) -> None:
        """Say what the chosen entities most likely mean, unless that was said of this status before."""
        status, limit = (facts_of(self.hass, self._slots.get(slot)) for slot in (Slot.STATUS, Slot.MAX_CURRENT))
        if self._meant_for != self._slots.get(Slot.STATUS):
            self._meant_for = self._slots.get(Slot.STATUS)
            if self._meant_for != self._proposal.slots.get(Slot.STATUS):
                self._proposal = replace(self._proposal, states=states_of(status))
            alone = not _settings(self._slots).gate_slots and takes_zero(limit)
            self._proposal = replace(self._proposal, zero_pauses=self._proposal.zero_pauses or alone)
            self._typed = {**self._typed, **shown_meaning(self._proposal)}

    # --- what they mean, and the stall itself ----------------------------------------------------------------------

    async def async_step_ha_entities_stall(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show what the choice amounts to now; ask what the states mean, and for the rest of the stall."""
        if user_input is not None:
            if user_input[CONF_CHOOSE_AGAIN]:
                self._typed = {key: value for key, value in user_input.items() if key != CONF_CHOOSE_AGAIN}
                return await self.async_step_ha_entities_car()
            own = entity_data(self._slots, user_input, self._action)
            errors = meaning_errors(self._slots, user_input) | await self._async_connector_errors(own, user_input)
            if result := await self._async_filled(user_input, own, address=self._key_entity, errors=errors):
                return result
        connector, settings = await self._async_connector(entity_data(self._slots, self._typed, self._action))
        self._way = Way(form_step=FORM_STEP, label=self._label, highest_a=connector.max_a)
        return self._show_form(
            meaning_fields(self.hass, self._slots, self._proposal),
            {
                "preview": await self._async_preview(connector, settings),
                "action": "-" if self._action is None else self._action["action"],
            },
        )

    async def _async_connector_errors(self, own: Mapping[str, Any], user_input: Mapping[str, Any]) -> dict[str, str]:
        """Field -> error key, for what the connector of these settings says before it is looked at."""
        connector, _ = await self._async_connector(own)
        if connector.min_a > user_input[CONF_MAX_CURRENT_A]:
            return {CONF_MAX_CURRENT_A: "below_minimum"}
        serial = (await connector.identify()).serial
        if serial is not None and serial in self._serials_by_other_ways():
            return {"base": "same_charger"}
        if not user_input.get(CONF_CONTACTOR):  # behind an open contactor they may well be dark
            try:
                await connector.poll()
            except ConnectorError:
                return {"base": "entities_silent"}
        return {}

    async def _async_connector(self, own: Mapping[str, Any]) -> tuple[EntityConnector, EntitySettings]:
        """The connector of these settings, at whatever current its entities take."""
        phases = self._get_entry().data[CONF_PHASES]
        shared = {CONF_MAX_CURRENT_A: MAX_UNCONTROLLED_A, CONF_PHASE_MAP: list(range(1, phases + 1))}
        settings = EntitySettings.from_data({**shared, **own})
        return await async_entity_connector(self.hass, settings, LoopClock(dt_util.utcnow)), settings

    async def _async_preview(self, connector: EntityConnector, settings: EntitySettings) -> str:
        """What this amounts to at this moment, in words."""
        words = await async_words(self.hass)
        try:
            seen = _seen(await connector.poll(), words)
        except ConnectorError:
            seen = [words("entity_preview", "silent")]
        quality = words("lock_quality", lock_quality(connector.ports).value)
        parts = [
            _bullets(seen),
            words("entity_preview", "filled"),
            _bullets(self._filled(connector.ports, settings, words)),
            f"{words('entity_preview', 'lock')} {quality}",
        ]
        if await async_is_cloud(self.hass, settings):
            parts.append(words("entity_preview", "cloud"))
        return "\n\n".join(parts)

    def _filled(self, ports: Ports, settings: EntitySettings, words: Words) -> list[str]:
        """What each port is filled with."""
        filling = {
            "plug": (ports.plug, (Slot.STATUS, Slot.PLUGGED, Slot.CHARGING)),
            "gate": (ports.gate, settings.gate_slots or (Slot.MAX_CURRENT,)),
            "limit": (ports.limit, (Slot.MAX_CURRENT,)),
            "register": (ports.register, (Slot.ENERGY_TOTAL,)),
            "identity": (ports.identity, (Slot.RFID,)),
        }
        lines = []
        for port, (filled, slots) in filling.items():
            names = [self._name_of(settings.slots[slot]) for slot in slots if slot in settings.slots]
            if not names and settings.limit_action is not None:
                names = [settings.limit_action.action]
            said = ", ".join(names) if filled else words("entity_preview", "nothing")
            lines.append(f"{words('entity_preview', port)}: {said}")
        return lines

    # --- about the entities ----------------------------------------------------------------------------------------

    @property
    def _used(self) -> set[str]:
        present = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        return set(used_entities(self.hass, present))

    @property
    def _key_entity(self) -> str:
        """What names the charger: the lasting id of the entity that tells of its car."""
        entity_id = self._slots[_settings(self._slots).key_slots[0]]
        entry = er.async_get(self.hass).async_get(entity_id)
        return f"{CONNECTOR_ENTITIES}:{entity_id if entry is None else entry.id}"

    @property
    def _label(self) -> str:
        """The device of its entities, or the entity that tells of its car."""
        entity_id = self._slots[_settings(self._slots).key_slots[0]]
        entry = er.async_get(self.hass).async_get(entity_id)
        device_id = None if entry is None else entry.device_id
        device = None if device_id is None else dr.async_get(self.hass).async_get(device_id)
        name = None if device is None else device.name_by_user or device.name
        return name or self._name_of(entity_id)

    def _unique_id(self, serial: str | None) -> str:
        """By its entity: a box with two connectors may be one device with one serial number."""
        if self._data.get(CONF_CONNECTOR) != CONNECTOR_ENTITIES:
            return super()._unique_id(serial)
        return f"stall:{self._address}"

    def _serials_by_other_ways(self) -> set[str | None]:
        """Serial numbers of stalls that are reached without entities."""
        return {
            stall.data.get(CONF_SERIAL)
            for entry in self.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
            for stall in entry.get_subentries_of_type(SUBENTRY_STALL)
            if stall.data[CONF_CONNECTOR] != CONNECTOR_ENTITIES
        }

    def _is_own(self, device_id: str) -> bool:
        device = dr.async_get(self.hass).async_get(device_id)
        return device is not None and any(identifier[0] == DOMAIN for identifier in device.identifiers)

    def _name_of(self, entity_id: str) -> str:
        state = self.hass.states.get(entity_id)
        return entity_id if state is None else state.name


def _settings(slots: Mapping[Slot, str]) -> EntitySettings:
    """What follows from the slots alone."""
    return EntitySettings(name="", slots=slots)


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _seen(reading: Reading, words: Words) -> list[str]:
    """What the entities say now."""
    unknown = words("seen", "unknown")
    values = {
        "car": words("pilot", reading.pilot.value.lower()),
        "power": unknown if reading.power_w is None else f"{reading.power_w:.0f} W",
        "energy": unknown if reading.register_wh is None else f"{words.number(reading.register_wh / 1000, '.3f')} kWh",
        "current": unknown if reading.limit_a is None else f"{words.number(reading.limit_a)} A",
    }
    return [f"{words('entity_preview', key)}: {value}" for key, value in values.items()]
