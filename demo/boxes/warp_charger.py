"""A WARP Charger's electronics: slots, reader, charge tracker (docs.warp-charger.com, API reference: evse, nfc,
charge_tracker). Its web server is in ``warp.py``.

What may flow is the minimum over the active *slots*; the external slot is the controller's. `external_current` and
`external_clear_on_disconnect` live in RAM and are taken from `external_defaults` at every start; `external_enabled` and
`external_defaults` are stored, each write wearing the flash. Energies are kWh as 32-bit floats.
"""

from dataclasses import dataclass, field
import struct

from demo.boxes.electronics import Electronics
from demo.boxes.model import Options
from demo.car import MAINS_V
from demo.physics import Outlet

BOOT_S = 15
SEEN_TAGS = 8
FULL_MA = 32_000
SLOTS = 15
VALUE_IDS = (1, 2, 3, 13, 17, 21, 39, 48, 57, 74, 364, 209, 211)
"""Voltages, currents and powers of L1-L3, total power, frequency, energy imported and exported."""
_CABLE_IN, _CABLE_OUT, _BUTTON, _GLOBAL, _USER, _EXTERNAL = 0, 1, 4, 5, 6, 8
_ACTIVE_AS_DELIVERED = (_CABLE_IN, _CABLE_OUT, _BUTTON, _GLOBAL, 13)
"""Positions in `evse/slots`."""
_NOT_CONNECTED, _WAITING, _READY, _CHARGING = 0, 1, 2, 3
_BY_CABLE, _TYPE_LOST, _BY_TAG, _BY_INJECTED_TAG = 0, 1, 2, 3
_MIFARE_CLASSIC, _TYPE_2 = 0, 2


@dataclass(kw_only=True)
class Slot:
    """One current limit among many; only active ones count."""

    max_ma: int = FULL_MA
    active: bool = False
    clear_on_disconnect: bool = False


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag as the reader remembers it."""

    kind: int
    uid: str
    seen_at_s: int


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What the charge tracker writes down at the start."""

    meter_start_kwh: float | None
    uptime_s: int
    authorization: int
    tag: Tag | None = None


@dataclass(kw_only=True)
class Stored:
    """What survives a restart, and how often it was written."""

    external_enabled: bool = False
    external_ma: int = FULL_MA
    external_clear: bool = False
    user_enabled: bool = False
    global_ma: int = FULL_MA
    phase_auto_switch: bool = True
    authorized: dict[str, int] = field(default_factory=dict)
    """User id by tag."""
    writes: int = 0


class Warp(Electronics):
    """The charger's electronics."""

    def __init__(self, outlet: Outlet, options: Options) -> None:
        """As delivered: external slot not active, user authorisation off."""
        super().__init__(rated_a=outlet.plan.rated_a, boot_s=BOOT_S)
        self.name = options.word("type")
        self.serial = outlet.plan.serial
        self.has_meter = options.flag("meter")
        self.has_nfc = options.flag("nfc")
        self.stored = Stored()
        self.age_s = 0
        """Seconds since it was made; runs through restarts."""
        self.charge: Charge | None = None
        self._phases = 3
        self._outlet = outlet
        self.forget()

    def forget(self) -> None:
        """Slots begin from their defaults; tags, and how the charge was released, are lost."""
        self.slots = [Slot(active=number in _ACTIVE_AS_DELIVERED) for number in range(SLOTS)]
        self.slots[_CABLE_IN].max_ma = self.slots[_CABLE_OUT].max_ma = self.rated_a * 1000
        self.slots[_GLOBAL].max_ma = self.stored.global_ma
        self.slots[_USER] = Slot(max_ma=0, active=self.stored.user_enabled, clear_on_disconnect=True)
        self.slots[_EXTERNAL] = Slot(
            max_ma=self.stored.external_ma,
            active=self.stored.external_enabled,
            clear_on_disconnect=self.stored.external_clear,
        )
        self.tags: list[Tag] = []
        self.injected: Tag | None = None
        self.phases_wanted = 3
        if self.charge is not None:
            start_kwh = self.charge.meter_start_kwh
            self.charge = Charge(meter_start_kwh=start_kwh, uptime_s=0, authorization=_TYPE_LOST)

    @property
    def phases(self) -> int:
        """Changed only while nothing flows."""
        return self._phases

    @property
    def allowed_ma(self) -> int:
        """The minimum over all active slots."""
        return min(slot.max_ma for slot in self.slots if slot.active)

    @property
    def external(self) -> Slot:
        """The controller's slot."""
        return self.slots[_EXTERNAL]

    def offer_ma(self) -> int:
        """What the slots allow."""
        return self.allowed_ma

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered."""
        self.age_s += 1
        return super().second(outlet)

    def live(self, outlet: Outlet) -> None:
        """Phases follow the wish while no current flows, unless the box switches them by itself."""
        if not any(outlet.currents_ma):
            self._phases = 3 if self.stored.phase_auto_switch else self.phases_wanted

    def car_came(self) -> None:
        """Without user authorisation the tracker starts with the plug."""
        super().car_came()
        if not self.stored.user_enabled:
            self._begin(_BY_CABLE, None)

    def car_left(self) -> None:
        """Slots that say so block now; the charge ends."""
        super().car_left()
        self.charge = None
        for slot in self.slots:
            if slot.clear_on_disconnect:
                slot.max_ma = 0

    def show_card(self, uid: str) -> None:
        """A tag is held before the reader: it comes first in the list, and moves the user slot where it may."""
        if not self.has_nfc:
            raise ValueError("this charger was bought without an NFC reader")
        kind = _MIFARE_CLASSIC if len(uid) == 8 else _TYPE_2
        tag = Tag(kind=kind, uid=_with_colons(uid), seen_at_s=self.age_s)
        self.tags = [tag, *(other for other in self.tags if other.uid != tag.uid)][:SEEN_TAGS]
        self._present(tag, _BY_TAG, starts=True, stops=True)

    def inject(self, kind: int, uid: str, *, starts: bool, stops: bool) -> None:
        """A tag is pretended over the API."""
        self.injected = Tag(kind=kind, uid=uid, seen_at_s=self.age_s)
        self._present(self.injected, _BY_INJECTED_TAG, starts=starts, stops=stops)

    def _present(self, tag: Tag, how: int, *, starts: bool, stops: bool) -> None:
        user = self.slots[_USER]
        if not self.stored.user_enabled or tag.uid not in self.stored.authorized:
            return
        if starts and user.max_ma == 0:
            user.max_ma = FULL_MA
            if self.plugged:
                self._begin(how, tag)
        elif stops and user.max_ma:
            user.max_ma, self.charge = 0, None

    def _begin(self, how: int, tag: Tag | None) -> None:
        start_kwh = energy_kwh(self._outlet.register_wh) if self.has_meter else None
        self.charge = Charge(meter_start_kwh=start_kwh, uptime_s=self.uptime_s, authorization=how, tag=tag)

    def set_external(self, current_ma: int) -> None:
        """Not stored; without effect while the slot is not active."""
        self.external.max_ma = current_ma

    def set_external_clear(self, clear: bool) -> None:
        """Not stored."""
        self.external.clear_on_disconnect = clear

    def enable_external(self, enabled: bool) -> None:
        """Stored; the slot's current is what it was."""
        self.stored.writes += 1
        self.stored.external_enabled = self.external.active = enabled

    def set_external_defaults(self, current_ma: int, clear: bool) -> None:
        """Stored, for the next start only."""
        self.stored.writes += 1
        self.stored.external_ma, self.stored.external_clear = current_ma, clear

    def set_global(self, current_ma: int) -> None:
        """Stored."""
        self.stored.writes += 1
        self.stored.global_ma = self.slots[_GLOBAL].max_ma = current_ma

    def enable_user(self, enabled: bool) -> None:
        """Stored; the user slot blocks until a known tag comes."""
        self.stored.writes += 1
        self.stored.user_enabled = enabled
        self.slots[_USER] = Slot(max_ma=0, active=enabled, clear_on_disconnect=True)

    def authorize(self, users: dict[str, int]) -> None:
        """Stored: which tags the user slot knows."""
        self.stored.writes += 1
        self.stored.authorized = users

    def switch_phases_itself(self, enabled: bool) -> None:
        """Stored; while it does, wishes for phases have no effect."""
        self.stored.writes += 1
        self.stored.phase_auto_switch = enabled

    def press_button(self, go: bool) -> None:
        """`evse/start_charging` and `evse/stop_charging` work on the button's slot."""
        self.slots[_BUTTON].max_ma = FULL_MA if go else 0

    def state(self) -> dict[str, object]:
        """`evse/state`."""
        pilot = self._outlet.pilot
        charger_state = _NOT_CONNECTED
        if self.plugged:
            charger_state = _CHARGING if pilot == "C" else _READY if self.allowed_ma else _WAITING
        return {
            "iec61851_state": {"A": 0, "B": 1, "C": 2}[pilot],
            "charger_state": charger_state,
            "contactor_state": 3 if pilot == "C" else 1,
            "contactor_error": 0,
            "allowed_charging_current": self.allowed_ma,
            "error_state": 0,
            "lock_state": 0,
            "dc_fault_current_state": 0,
        }

    def meter_values(self) -> list[float]:
        """`meters/0/values`, in the order of `VALUE_IDS`."""
        outlet = self._outlet
        amps = [float32(current_ma / 1000) for current_ma in outlet.currents_ma]
        watts = [float32(current_ma * MAINS_V / 1000) for current_ma in outlet.currents_ma]
        total_w = float32(outlet.power_mw / 1000)
        return [MAINS_V, MAINS_V, MAINS_V, *amps, *watts, total_w, 50, energy_kwh(outlet.register_wh), 0]


def float32(value: float) -> float:
    """The nearest 32-bit float, as the firmware holds its values."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


def energy_kwh(energy_wh: int) -> float:
    """An energy as the meter reports it: above 16 777 kWh no longer to the Wh."""
    return float32(energy_wh / 1000)


def _with_colons(uid: str) -> str:
    return ":".join(uid[at : at + 2] for at in range(0, len(uid), 2)).upper()
