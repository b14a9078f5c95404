"""Which entities of a charger's device belong into which slot. Proposals only: set-up shows them, people decide.

A known integration has a preset. For any other the device class says most, and words in the entity's name decide
between those of one class.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
import re

from ...model import Pilot
from .presets import Preset
from .slots import BUTTONS, CURRENTS, DOMAINS, NUMBERS, VOLTAGES, Slot
from .states import meaning, snake
from .units import AMPERES, finite

TOTALS = ("total", "total_increasing")


@dataclass(frozen=True, kw_only=True)
class EntityFacts:
    """What is known of an entity before anybody says what it is for."""

    entity_id: str
    platform: str
    """The domain of its integration."""
    unique_id: str = ""
    translation_key: str | None = None
    name: str | None = None
    """As the integration calls it, in whatever language."""
    device_class: str | None = None
    state_class: str | None = None
    unit: str | None = None
    options: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    """What a number accepts."""
    state: str | None = None
    """What it says now, if anything."""

    @property
    def domain(self) -> str:
        """The domain of the entity itself."""
        return self.entity_id.partition(".")[0]

    @property
    def words(self) -> str:
        """What it is called, as a key."""
        return snake(self.translation_key or self.name or self.entity_id.partition(".")[2])


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """How a device could be used."""

    slots: Mapping[Slot, str] = field(default_factory=dict)
    states: Mapping[str, Pilot] = field(default_factory=dict)
    inverted: frozenset[Slot] = frozenset()
    open_option: str | None = None
    closed_option: str | None = None
    card_attribute: str | None = None
    zero_pauses: bool = False
    limit_action: str | None = None
    limit_parameter: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Look:
    """By what an entity of an unknown integration is recognised."""

    wanted: tuple[str, ...]
    """Words of which its name must have one; the earlier are better."""
    unwanted: str = "(?!)"
    classes: Collection[str] = ()
    """Device classes, "" for none; empty: any."""


_LOOKS: Mapping[Slot, _Look] = {
    Slot.STATUS: _Look(
        wanted=(
            r"charg\w*_(status|state|mode)",
            "operation_mode|cp_state|ev_?status",
            "^(status|state)$",
            "stat|activity",
        ),
        unwanted="code|wifi|network|firmware|error|lock|limit|override|smart|solar|ocpp|cable|cloud|connection|of_charge",
    ),
    Slot.PLUGGED: _Look(
        wanted=("plug", "vehicle|(^|_)(car|ev)(_|$)", "connected", "cable"),
        unwanted="wifi|cloud|ethernet|mqtt|ocpp|lock|server|gsm|modem|grid",
        classes=("plug", "connectivity", ""),
    ),
    Slot.CHARGING: _Look(wanted=("charging", "contactor"), unwanted="enabled|permitted|allowed|schedul|smart"),
    Slot.AUTHORISE: _Look(wanted=("authenti|authori", "lock"), unwanted="cable|socket|plug|button|deauth|permanent"),
    Slot.ENABLE: _Look(
        wanted=(
            r"charg\w*_(enable|control|allow|permit)|enable_charg",
            "^(charge|charging|enabled?|is_enabled)$",
            "start_charg|charge_start|resume",
            "pause",
        ),
        unwanted="schedul|smart|solar|dynamic|idle|timer|price|boost|stop",
    ),
    Slot.DISABLE: _Look(wanted=("stop_charg|charge_stop", "stop")),
    Slot.MAX_CURRENT: _Look(
        wanted=(
            r"charg\w*_(current|rate|limit)|current_set|max\w*_charg",
            "current_limit|dynamic|intensity",
            r"max\w*_current|current|amp",
        ),
        unwanted="min|fuse|icp|main|install|grid|circuit|house|phase_switch|voltage|offline|fallback|brightness",
        classes=("current", ""),
    ),
    Slot.POWER: _Look(
        wanted=("total|charg", "power"),
        unwanted="l[123]|phase|house|home|grid|solar|pv|fv|battery|reactive|apparent|factor|offered|peak|limit|max",
        classes=("power",),
    ),
    Slot.ENERGY_TOTAL: _Look(
        wanted=("lifetime|total", "import_register|meter", "energy"),
        unwanted="session|added|da(y|ily)|week|month|year|hour|last|completed|green|export|cost|price|limit|charge_energy",
        classes=("energy",),
    ),
    Slot.ENERGY_SESSION: _Look(
        wanted=("session", "added|charge_energy"), unwanted="completed|last", classes=("energy",)
    ),
    Slot.RFID: _Look(wanted=("rfid|nfc|id_tag|session_auth", "card|token"), unwanted="count|number|slot|cable"),
}
_PHASE = r"(?:^|_)(?:l|phase_?){number}(?:_|$)|(?:^|_)phase_?{letter}(?:_|$)|_{number}$"


def propose(entities: Sequence[EntityFacts], presets: Mapping[str, Preset], actions: Collection[str] = ()) -> Proposal:
    """How a device with these entities could be used.

    Args:
        entities: Those of the device that are switched on.
        presets: Known integrations.
        actions: Services that are there (``domain.service``), for integrations that set the current by one.
    """
    preset = next((presets[each.platform] for each in entities if each.platform in presets), None)
    if preset is not None:
        return _known(entities, preset, actions)
    slots = _guessed(entities)
    by_id = {each.entity_id: each for each in entities}
    enable = by_id.get(slots.get(Slot.ENABLE, ""))
    limit = by_id.get(slots.get(Slot.MAX_CURRENT, ""))
    inverted = {Slot.ENABLE} if enable is not None and "pause" in enable.words and enable.domain == "switch" else set()
    return Proposal(
        slots=slots,
        states=states_of(by_id.get(slots.get(Slot.STATUS, ""))),
        inverted=frozenset(inverted),
        zero_pauses=Slot.ENABLE not in slots and takes_zero(limit),
    )


def states_of(status: EntityFacts | None) -> dict[str, Pilot]:
    """What the states of a status entity most likely mean: those it may have, or the one it has."""
    if status is None:
        return {}
    raws = status.options or ((status.state,) if status.state else ())
    return {raw: meaning(raw) for raw in raws}


def takes_zero(limit: EntityFacts | None) -> bool:
    """Whether a number accepts 0 A."""
    return limit is not None and limit.domain in NUMBERS and limit.lowest is not None and limit.lowest <= 0


def _known(entities: Sequence[EntityFacts], preset: Preset, actions: Collection[str]) -> Proposal:
    slots: dict[Slot, str] = {}
    for slot, names in preset.slots.items():
        found = (each.entity_id for name in names for each in entities if _is_called(each, name))
        if (entity_id := next(found, None)) is not None:
            slots[slot] = entity_id
    by_id = {each.entity_id: each for each in entities}
    guessed = states_of(by_id.get(slots.get(Slot.STATUS, "")))
    states = {**guessed, **preset.states} if Slot.STATUS in slots else {}
    has_action = preset.limit_action in actions and Slot.MAX_CURRENT not in slots
    return Proposal(
        slots=slots,
        states=states,
        inverted=preset.inverted & slots.keys(),
        open_option=preset.open_option,
        closed_option=preset.closed_option,
        card_attribute=preset.card_attribute,
        zero_pauses=preset.zero_pauses,
        limit_action=preset.limit_action if has_action else None,
        limit_parameter=preset.limit_parameter if has_action else None,
    )


def _is_called(entity: EntityFacts, name: str) -> bool:
    """Whether an entity is the one a preset names. Its own name and unique id count only without translation key."""
    domain, _, key = name.partition(".")
    if entity.domain != domain:
        return False
    if entity.translation_key is not None:
        return entity.translation_key == key
    unique_id = entity.unique_id.lower()
    return (
        (entity.name is not None and snake(entity.name) == key)
        or key in unique_id.split(".")
        or re.search(rf"(?:^|[_\-.]){re.escape(key)}$", unique_id) is not None
    )


def _guessed(entities: Sequence[EntityFacts]) -> dict[Slot, str]:
    slots: dict[Slot, str] = {}
    for slot, look in _LOOKS.items():
        ranked = sorted(
            (rank, index)
            for index, each in enumerate(entities)
            if _fits(slot, each, look) and (rank := _rank(each, look)) is not None
        )
        if ranked:
            slots[slot] = entities[ranked[0][1]].entity_id
    for group, kind in ((CURRENTS, "current"), (VOLTAGES, "voltage")):
        for slot, number, letter in zip(group, "123", "abc", strict=True):
            pattern = re.compile(_PHASE.format(number=number, letter=letter))
            found = (
                each.entity_id
                for each in entities
                if each.domain == "sensor" and each.device_class == kind and pattern.search(each.words)
            )
            if (entity_id := next(found, None)) is not None:
                slots[slot] = entity_id
    if Slot.ENABLE not in slots or slots[Slot.ENABLE].partition(".")[0] not in BUTTONS:
        slots.pop(Slot.DISABLE, None)  # a button to stop is only needed where one starts
    return slots


def _fits(slot: Slot, entity: EntityFacts, look: _Look) -> bool:
    if entity.domain not in DOMAINS[slot] - {"select", "input_select", "script"}:
        return False
    if look.classes and (entity.device_class or "") not in look.classes:
        return False
    match slot:
        case Slot.STATUS:
            letters = set(states_of(entity).values())
            return entity.domain == "sensor" and entity.unit is None and bool(letters & {Pilot.A, Pilot.B, Pilot.C})
        case Slot.MAX_CURRENT:
            highest = finite(entity.highest)
            return (entity.unit or "A") in AMPERES and (highest is None or highest >= 6)
        case Slot.ENERGY_TOTAL:
            return entity.state_class in TOTALS
        case _:
            return True


def _rank(entity: EntityFacts, look: _Look) -> int | None:
    """How well its name fits, 0 best; None: not at all."""
    words = entity.words
    if re.search(look.unwanted, words):
        return None
    return next((rank for rank, each in enumerate(look.wanted) if re.search(each, words)), None)
