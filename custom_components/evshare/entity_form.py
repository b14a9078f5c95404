"""The forms of a stall made of other integrations' entities: their fields, and what can be wrong with a choice."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from homeassistant.components.sensor import ATTR_STATE_CLASS
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, CONF_NAME
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio

from .connectors.entities.slots import (
    CHOICES,
    CONF_CARD_ATTRIBUTE,
    CONF_CLOSED_OPTION,
    CONF_INVERTED,
    CONF_LIMIT_ACTION,
    CONF_OPEN_OPTION,
    CONF_ZERO_PAUSES,
    CURRENTS,
    DOMAINS,
    INVERTIBLE,
    LOCKS,
    NUMBERS,
    ON_OFF,
    SCRIPTS,
    VOLTAGES,
    EntitySettings,
    Slot,
)
from .connectors.entities.suggest import Proposal
from .connectors.entities.units import AMPERES, VOLTS, WATTS, finite, leading_number
from .connectors.hass_ports import TOTALS, WATT_HOURS
from .const import (
    CONF_CONNECTOR,
    CONF_CONTACTOR,
    CONF_METER,
    CONF_SLOTS,
    CONF_STATES,
    CONNECTOR_ENTITIES,
    DOMAIN,
    SUBENTRY_STALL,
)
from .model import MIN_CURRENT_A, Pilot
from .stall_form import Fields

CONF_CURRENTS: Final = "currents"
CONF_VOLTAGES: Final = "voltages"
CONF_LIMIT_BY_ACTION: Final = "limit_by_action"
CONF_CHOOSE_AGAIN: Final = "choose_again"

TELLING: Final = (
    Slot.STATUS,
    Slot.PLUGGED,
    Slot.CHARGING,
    Slot.POWER,
    Slot.ENERGY_TOTAL,
    Slot.ENERGY_SESSION,
    CONF_CURRENTS,
    CONF_VOLTAGES,
    Slot.PHASES,
    Slot.RFID,
)
"""Fields of the page about what the charger tells…"""
TOLD: Final = (Slot.AUTHORISE, Slot.ENABLE, Slot.DISABLE, Slot.MAX_CURRENT, Slot.LIMIT_NOW)
"""…and of the page about what it is told."""

STATE_FIELDS: Final = {f"state_{letter.value.lower()}": letter for letter in Pilot if letter is not Pilot.X}
"""A field for the raw states that mean a letter; what is in none of them means X."""

_GROUPS: Final[Mapping[str, tuple[Slot, ...]]] = {CONF_CURRENTS: CURRENTS, CONF_VOLTAGES: VOLTAGES}
_CLASSES: Final[Mapping[str, str]] = {
    Slot.POWER: "power",
    Slot.ENERGY_TOTAL: "energy",
    Slot.ENERGY_SESSION: "energy",
    CONF_CURRENTS: "current",
    CONF_VOLTAGES: "voltage",
}
_UNITS: Final[Mapping[Slot, tuple[Collection[str], str]]] = {
    Slot.POWER: (WATTS, "not_power"),
    Slot.ENERGY_TOTAL: (WATT_HOURS, "not_energy"),
    Slot.ENERGY_SESSION: (WATT_HOURS, "not_energy"),
    **dict.fromkeys((*CURRENTS, Slot.LIMIT_NOW), (AMPERES, "not_current")),
    **dict.fromkeys(VOLTAGES, (VOLTS, "not_voltage")),
}


# --- fields ---------------------------------------------------------------------------------------------------------


def slot_fields(hass: HomeAssistant, names: Iterable[str]) -> Fields:
    """A field for the entity, or the entities by phase, of each of these."""
    own = [entry.entity_id for entry in er.async_get(hass).entities.values() if entry.platform == DOMAIN]
    return {probatio.Optional(str(name)): _entity_field(name, own) for name in names}


def _entity_field(name: str, own: list[str]) -> EntitySelector:
    group = _GROUPS.get(name)
    domains = DOMAINS[Slot(name) if group is None else group[0]]
    match = EntityWithDeviceFilterSelectorConfig(domain=sorted(domains))
    if name in _CLASSES:
        match["device_class"] = _CLASSES[name]
    return EntitySelector(EntitySelectorConfig(filter=match, multiple=group is not None, exclude_entities=own))


def meaning_fields(hass: HomeAssistant, slots: Mapping[Slot, str], proposal: Proposal) -> Fields:
    """Fields for what the chosen entities mean: only those that the choice needs."""
    fields: Fields = {}
    if (status := slots.get(Slot.STATUS)) is not None:
        raws = list(dict.fromkeys((*proposal.states, *_options(hass, status), *_said(hass, status))))
        fields |= {probatio.Optional(name): _choice(raws, multiple=True) for name in STATE_FIELDS}
    invertible = [slot.value for slot in INVERTIBLE if _is_invertible(slots.get(slot))]
    if invertible:
        fields[probatio.Optional(CONF_INVERTED)] = SelectSelector(
            SelectSelectorConfig(
                options=invertible, multiple=True, mode=SelectSelectorMode.LIST, translation_key="entity_slot"
            )
        )
    enable, limit, card = (slots.get(slot) for slot in (Slot.ENABLE, Slot.MAX_CURRENT, Slot.RFID))
    if enable is not None and _domain(enable) in CHOICES:
        options = _choice(_options(hass, enable))
        fields |= {probatio.Required(CONF_OPEN_OPTION): options, probatio.Required(CONF_CLOSED_OPTION): options}
    if limit is None and proposal.limit_action is not None:
        fields[probatio.Required(CONF_LIMIT_BY_ACTION, default=True)] = BooleanSelector()
    if limit is not None or proposal.limit_action is not None:
        fields[probatio.Required(CONF_ZERO_PAUSES, default=False)] = BooleanSelector()
    if card is not None and _domain(card) == "event":
        state = hass.states.get(card)
        attributes = [proposal.card_attribute or "", *(state.attributes if state is not None else ())]
        fields[probatio.Required(CONF_CARD_ATTRIBUTE)] = _choice(list(dict.fromkeys(filter(None, attributes))))
    fields[probatio.Required(CONF_CHOOSE_AGAIN, default=False)] = BooleanSelector()
    return fields


def _choice(options: list[str], *, multiple: bool = False) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=options, multiple=multiple, custom_value=True, mode=SelectSelectorMode.DROPDOWN, sort=False
        )
    )


def _is_invertible(entity_id: str | None) -> bool:
    return entity_id is not None and _domain(entity_id) in ON_OFF | LOCKS | {"binary_sensor"}


# --- between the forms and the settings -------------------------------------------------------------------------------


def chosen(user_input: Mapping[str, Any]) -> dict[Slot, str]:
    """The slots that a filled page of entities fills."""
    slots = {slot: user_input[slot] for slot in Slot if user_input.get(slot)}
    for name, group in _GROUPS.items():
        slots |= zip(group, user_input.get(name) or (), strict=False)
    return slots


def shown_slots(slots: Mapping[Slot, str]) -> dict[str, Any]:
    """Slots as the pages of entities show them."""
    groups = {name: [slots[slot] for slot in group if slot in slots] for name, group in _GROUPS.items()}
    grouped = {slot for group in _GROUPS.values() for slot in group}
    return {slot.value: entity_id for slot, entity_id in slots.items() if slot not in grouped} | groups


def proposal_of(data: Mapping[str, Any]) -> Proposal:
    """What a stall uses now, as a proposal for its change."""
    settings = EntitySettings.from_data(data)
    action = settings.limit_action
    return Proposal(
        slots=settings.slots,
        states=settings.states,
        inverted=settings.inverted,
        open_option=settings.open_option,
        closed_option=settings.closed_option,
        card_attribute=settings.card_attribute,
        zero_pauses=settings.zero_pauses,
        limit_action=None if action is None else action.action,
        limit_parameter=None if action is None else action.parameter,
    )


def shown_meaning(proposal: Proposal) -> dict[str, Any]:
    """What a proposal says of meanings, as the form shows it."""
    letters = {
        name: [raw for raw, meant in proposal.states.items() if meant is letter]
        for name, letter in STATE_FIELDS.items()
    }
    return {
        **letters,
        CONF_INVERTED: [slot.value for slot in INVERTIBLE if slot in proposal.inverted],
        CONF_OPEN_OPTION: proposal.open_option,
        CONF_CLOSED_OPTION: proposal.closed_option,
        CONF_CARD_ATTRIBUTE: proposal.card_attribute,
        CONF_ZERO_PAUSES: proposal.zero_pauses,
    }


def entity_data(
    slots: Mapping[Slot, str], user_input: Mapping[str, Any], action: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A stall's own settings, as the subentry keeps them; what is empty is not kept."""
    inverted = [slot.value for slot in INVERTIBLE if slot in slots and slot in user_input.get(CONF_INVERTED, ())]
    states = {raw: letter.value for name, letter in STATE_FIELDS.items() for raw in user_input.get(name) or ()}
    optional = {
        CONF_STATES: states,
        CONF_INVERTED: inverted,
        CONF_OPEN_OPTION: user_input.get(CONF_OPEN_OPTION),
        CONF_CLOSED_OPTION: user_input.get(CONF_CLOSED_OPTION),
        CONF_CARD_ATTRIBUTE: user_input.get(CONF_CARD_ATTRIBUTE),
        CONF_ZERO_PAUSES: user_input.get(CONF_ZERO_PAUSES),
        CONF_LIMIT_ACTION: action if user_input.get(CONF_LIMIT_BY_ACTION) else None,
    }
    return {
        CONF_CONNECTOR: CONNECTOR_ENTITIES,
        CONF_NAME: user_input.get(CONF_NAME, "").strip(),
        CONF_SLOTS: {slot.value: entity_id for slot, entity_id in slots.items()},
        **{key: value for key, value in optional.items() if value},
    }


# --- what can be wrong ------------------------------------------------------------------------------------------------


def entity_errors(hass: HomeAssistant, slots: Mapping[Slot, str], used: Iterable[str]) -> dict[str, str]:
    """Field -> error key, for entities that cannot be what they were chosen for. `used`: by other stalls."""
    errors: dict[str, str] = {}
    taken, seen = set(used), set()
    for slot, entity_id in slots.items():
        error = _wrong_entity(hass, slot, entity_id)
        if error is None and _domain(entity_id) not in SCRIPTS:  # a script is told for whom it runs
            error = "used_elsewhere" if entity_id in taken else "chosen_twice" if entity_id in seen else None
        seen.add(entity_id)
        if error is not None:
            errors[_field(slot)] = error
    return errors


def gate_errors(settings: EntitySettings) -> dict[str, str]:
    """Field -> error key, for a gate that could be opened but not closed, or closed but not opened."""
    used = [slot for slot in (Slot.AUTHORISE, Slot.ENABLE, Slot.DISABLE) if slot in settings.slots]
    if not used or settings.gate_slots:
        return {}
    return {Slot.DISABLE.value: "enable_missing"} if used == [Slot.DISABLE] else {used[0].value: "disable_missing"}


def meaning_errors(slots: Mapping[Slot, str], user_input: Mapping[str, Any]) -> dict[str, str]:
    """Field -> error key, for meanings that contradict each other or are missing."""
    errors: dict[str, str] = {}
    said: set[str] = set()
    for name in STATE_FIELDS:
        raws = set(user_input.get(name) or ())
        if raws & said:
            errors[name] = "state_twice"
        said |= raws
    if Slot.STATUS in slots and not said:
        errors["state_c"] = "states_missing"
    opened, closed = user_input.get(CONF_OPEN_OPTION), user_input.get(CONF_CLOSED_OPTION)
    if opened is not None and opened == closed:
        errors[CONF_CLOSED_OPTION] = "same_option"
    errors |= {
        key: "chosen_twice"
        for key in (CONF_CONTACTOR, CONF_METER)
        if user_input.get(key) and user_input[key] in slots.values()
    }
    return errors


def used_entities(hass: HomeAssistant, present: object) -> Iterator[str]:
    """Entities that stalls of any building use, but for the one that is being changed."""
    for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        for stall in entry.get_subentries_of_type(SUBENTRY_STALL):
            if stall is not present:
                yield from stall.data.get(CONF_SLOTS, {}).values()
                yield from filter(None, (stall.data.get(CONF_CONTACTOR), stall.data.get(CONF_METER)))


def _wrong_entity(hass: HomeAssistant, slot: Slot, entity_id: str) -> str | None:
    entry, state = er.async_get(hass).async_get(entity_id), hass.states.get(entity_id)
    if _domain(entity_id) not in DOMAINS[slot]:
        return "wrong_entity"
    if entry is not None and entry.disabled:
        return "entity_disabled"
    if state is None:
        # Not there at the moment, but known: its integration may be starting.
        return None if entry is not None else "entity_unknown"
    return _wrong_measure(slot, state)


def _wrong_measure(slot: Slot, state: State) -> str | None:
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if slot in _UNITS and unit not in _UNITS[slot][0]:
        return _UNITS[slot][1]
    if slot is Slot.ENERGY_TOTAL and state.attributes.get(ATTR_STATE_CLASS) not in TOTALS:
        return "not_total"
    if slot is Slot.MAX_CURRENT and state.domain in NUMBERS:
        highest = finite(state.attributes.get("max"))
        too_low = highest is not None and 0 < highest * AMPERES.get(unit or "A", 0.0) < MIN_CURRENT_A
        return "not_current" if too_low or (unit or "A") not in AMPERES else None
    if slot is Slot.MAX_CURRENT and state.domain in CHOICES:
        numbers = [leading_number(str(option)) for option in state.attributes.get("options", ())]
        return None if any(number is not None for number in numbers) else "not_current"
    return None


def _field(slot: Slot) -> str:
    return next((name for name, group in _GROUPS.items() if slot in group), slot.value)


def _domain(entity_id: str) -> str:
    return entity_id.partition(".")[0]


def _options(hass: HomeAssistant, entity_id: str) -> list[str]:
    """What an entity may say, as far as it tells."""
    if _domain(entity_id) == "binary_sensor":
        return ["on", "off"]
    state, entry = hass.states.get(entity_id), er.async_get(hass).async_get(entity_id)
    told = state.attributes.get("options") if state is not None else None
    return [
        str(option) for option in told or (entry.capabilities or {} if entry is not None else {}).get("options", ())
    ]


def _said(hass: HomeAssistant, entity_id: str) -> list[str]:
    state = hass.states.get(entity_id)
    return [] if state is None or state.state in ("unavailable", "unknown") else [state.state]
