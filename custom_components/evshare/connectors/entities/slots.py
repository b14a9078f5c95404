"""The slots of an entity connector: which entity tells or does what, and which ports that fills.

The slots and their domains are those of the connector reference (section 4 and `ha_entities`); `limit_now` is ours,
the read-back of a limit that is told by a script or an action. Phases are numbered as the charger numbers them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ...const import CONF_MAX_CURRENT_A, CONF_PHASE_MAP, CONF_SERIAL, CONF_SLOTS, CONF_STATES
from ...model import GateKind, OnLoss, Pilot
from ..ports import Ports
from ..profile_values import ProfileError


class Slot(StrEnum):
    """What an entity may be used for. Values are keys of the stall's settings."""

    STATUS = "status"
    PLUGGED = "plugged"
    CHARGING = "charging"
    ENABLE = "enable"
    DISABLE = "disable"
    AUTHORISE = "authorise"
    MAX_CURRENT = "max_current"
    LIMIT_NOW = "limit_now"
    PHASES = "phases"
    POWER = "power"
    ENERGY_TOTAL = "energy_total"
    ENERGY_SESSION = "energy_session"
    CURRENT_L1 = "current_l1"
    CURRENT_L2 = "current_l2"
    CURRENT_L3 = "current_l3"
    VOLTAGE_L1 = "voltage_l1"
    VOLTAGE_L2 = "voltage_l2"
    VOLTAGE_L3 = "voltage_l3"
    RFID = "rfid"


CURRENTS = (Slot.CURRENT_L1, Slot.CURRENT_L2, Slot.CURRENT_L3)
VOLTAGES = (Slot.VOLTAGE_L1, Slot.VOLTAGE_L2, Slot.VOLTAGE_L3)

ON_OFF = frozenset({"switch", "input_boolean"})
LOCKS = frozenset({"lock"})
CHOICES = frozenset({"select", "input_select"})
TWO_WAY = ON_OFF | LOCKS | CHOICES
"""Domains that open and close, and say which of both they are."""
BUTTONS = frozenset({"button", "input_button"})
SCRIPTS = frozenset({"script"})
NUMBERS = frozenset({"number", "input_number"})

_MEASURED = frozenset({"sensor"})
DOMAINS: Mapping[Slot, frozenset[str]] = {
    Slot.STATUS: frozenset({"sensor", "binary_sensor", "select", "input_select"}),
    Slot.PLUGGED: frozenset({"binary_sensor", "input_boolean"}),
    Slot.CHARGING: frozenset({"binary_sensor", "input_boolean"}),
    Slot.ENABLE: TWO_WAY | BUTTONS | SCRIPTS,
    Slot.DISABLE: BUTTONS | SCRIPTS,
    Slot.AUTHORISE: ON_OFF | LOCKS | BUTTONS | SCRIPTS,
    Slot.MAX_CURRENT: NUMBERS | CHOICES | SCRIPTS,
    Slot.LIMIT_NOW: _MEASURED,
    Slot.PHASES: NUMBERS | CHOICES | ON_OFF | _MEASURED,
    Slot.POWER: _MEASURED,
    Slot.ENERGY_TOTAL: _MEASURED,
    Slot.ENERGY_SESSION: _MEASURED,
    **dict.fromkeys((*CURRENTS, *VOLTAGES), _MEASURED),
    Slot.RFID: frozenset({"sensor", "event", "input_text"}),
}
INVERTIBLE = (Slot.PLUGGED, Slot.CHARGING, Slot.ENABLE, Slot.AUTHORISE, Slot.PHASES)
"""Slots whose entity may mean the opposite: *paused*, *blocked*, *locked*."""

CONF_INVERTED = "inverted"
CONF_OPEN_OPTION = "open_option"
CONF_CLOSED_OPTION = "closed_option"
CONF_CARD_ATTRIBUTE = "card_attribute"
CONF_ZERO_PAUSES = "zero_pauses"
CONF_LIMIT_ACTION = "limit_action"
"""Keys of a stall's settings besides those of ``const.py``; all of these may be missing."""


class SettingsError(ProfileError):
    """Settings of an entity connector that cannot be used; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class LimitAction:
    """An action of another integration that sets the current of a charger (Easee has no number entity for it)."""

    action: str
    """``domain.service``."""
    parameter: str
    """Which of its fields takes the amperes."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Its other fields, mostly the device."""


@dataclass(frozen=True, kw_only=True)
class EntitySettings:
    """How one stall uses the entities of others."""

    name: str
    """The stall's name, told to scripts."""
    slots: Mapping[Slot, str]
    """Entity ids."""
    states: Mapping[str, Pilot] = field(default_factory=dict)
    """What a raw status means; what is not in it means X."""
    inverted: frozenset[Slot] = frozenset()
    open_option: str | None = None
    closed_option: str | None = None
    """What the `enable` slot's choice has to be, when it is a select."""
    card_attribute: str | None = None
    """The attribute of the `rfid` slot's event that holds the card."""
    zero_pauses: bool = False
    """0 A is a limit that can be told, and stops the car."""
    limit_action: LimitAction | None = None
    max_current_a: int = 16
    phases: int = 3
    """How many phases the stall is wired with."""
    serial: str | None = None
    """Serial number of the device, as seen at set-up."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> EntitySettings:
        """Read the settings of a stall, as its subentry keeps them.

        Raises:
            SettingsError: A slot, state or option that is not known.
        """
        action = data.get(CONF_LIMIT_ACTION)
        return cls(
            name=data.get("name", ""),
            slots={_slot(CONF_SLOTS, key): entity_id for key, entity_id in data[CONF_SLOTS].items()},
            states={raw: _letter(raw, letter) for raw, letter in data.get(CONF_STATES, {}).items()},
            inverted=frozenset(_slot(CONF_INVERTED, key) for key in data.get(CONF_INVERTED, ())),
            open_option=data.get(CONF_OPEN_OPTION),
            closed_option=data.get(CONF_CLOSED_OPTION),
            card_attribute=data.get(CONF_CARD_ATTRIBUTE),
            zero_pauses=bool(data.get(CONF_ZERO_PAUSES)),
            limit_action=None if action is None else LimitAction(**action),
            max_current_a=data[CONF_MAX_CURRENT_A],
            phases=len(data[CONF_PHASE_MAP]),
            serial=data.get(CONF_SERIAL),
        )

    def domain(self, slot: Slot) -> str | None:
        """The domain of the entity in a slot; None for an empty one."""
        entity_id = self.slots.get(slot)
        return None if entity_id is None else entity_id.partition(".")[0]

    @property
    def tells_limit(self) -> bool:
        """Whether there is something to tell a current to."""
        return Slot.MAX_CURRENT in self.slots or self.limit_action is not None

    @property
    def sees_plug(self) -> bool:
        """Whether an unplugged car can be told from one that does not charge."""
        by_status = Slot.STATUS in self.slots and Pilot.A in self.states.values()
        return by_status or Slot.PLUGGED in self.slots

    @property
    def key_slots(self) -> tuple[Slot, ...]:
        """The slots that say what the car does; without any of them nobody knows anything."""
        telling = tuple(slot for slot in (Slot.STATUS, Slot.PLUGGED, Slot.CHARGING) if slot in self.slots)
        return telling or tuple(slot for slot in (Slot.POWER, *CURRENTS) if slot in self.slots)

    @property
    def gate_slots(self) -> tuple[Slot, ...]:
        """The slots that make a gate together, empty when they cannot both open and close."""
        used = tuple(slot for slot in (Slot.AUTHORISE, Slot.ENABLE, Slot.DISABLE) if slot in self.slots)
        opens = any(slot is not Slot.DISABLE for slot in used)
        closes = any(slot is Slot.DISABLE or self.domain(slot) in TWO_WAY | SCRIPTS for slot in used)
        return used if opens and closes else ()

    @property
    def zero_is_gate(self) -> bool:
        """A current of 0 A is the only way to stop a car here."""
        return not self.gate_slots and self.tells_limit and self.zero_pauses

    @property
    def shows_gate(self) -> bool:
        """The gate says by itself whether it is open."""
        if self.zero_is_gate:
            return self.limit_action is None and self.domain(Slot.MAX_CURRENT) not in SCRIPTS
        return any(self.domain(slot) in TWO_WAY for slot in self.gate_slots)


def entity_ports(settings: EntitySettings) -> Ports:
    """The ports a stall will have, and what happens when it is left alone.

    What Home Assistant's entities switch is another program's affair, so the answers are at best *holds*. A setting
    of the charger that keeps cars out (`authorise`: a lock, a switch) is believed to outlive its reboot; a pause is
    not. A button that stops one car does not keep out the next one.
    """
    gate = bool(settings.gate_slots) or settings.zero_is_gate
    kept = gate and any(settings.domain(slot) in TWO_WAY for slot in settings.gate_slots)
    return Ports(
        plug=settings.sees_plug,
        limit=settings.tells_limit,
        gate=gate,
        register=Slot.ENERGY_TOTAL in settings.slots,
        identity=Slot.RFID in settings.slots,
        on_silence=OnLoss.HOLDS if gate else OnLoss.OPENS,
        on_reboot=OnLoss.HOLDS if gate and settings.domain(Slot.AUTHORISE) in TWO_WAY else OnLoss.OPENS,
        on_unplug=OnLoss.HOLDS if kept or settings.zero_is_gate else OnLoss.OPENS,
    )


def entity_gate(settings: EntitySettings) -> GateKind:
    """What kind of gate a stall of entities has.

    Where no plug is seen, a car shows itself only by drawing, so the gate opens while its car is waited for: that is
    how a contactor is treated.
    """
    ports = entity_ports(settings)
    return GateKind.CONTACTOR if ports.gate and not ports.plug else GateKind.NATIVE


def _slot(where: str, key: str) -> Slot:
    if key not in Slot:
        raise SettingsError(f"{where}: got {key!r}; accepted: {', '.join(Slot)}")
    return Slot(key)


def _letter(raw: str, letter: str) -> Pilot:
    if letter not in Pilot:
        raise SettingsError(f"states: {raw}: got {letter!r}; accepted: {', '.join(Pilot)}")
    return Pilot(letter)
