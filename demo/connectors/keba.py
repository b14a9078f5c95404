"""KEBA KeContact P30 and P40: Modbus TCP and their own card reader (connectors.md 2.1; ``keba_p30``, ``keba_p40``).

Unit 255 only; FC3 reads exactly one documented 32-bit value, FC6 writes one 16-bit register, everything else is
refused. The electronics are pure and live by `Keba.second`; nothing here knows a socket or a clock. The text interface
over UDP drives the same electronics (``demo/boxes/keba_udp.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.simulator import SimDevice

from demo.car import MAINS_V, MWS_PER_WH
from demo.connectors.boot import Boot
from demo.modbus import READ_HOLDING, WRITE_REGISTER, Refusal, nobody_else, register_device, unsigned32
from demo.physics import CommandListener, Outlet, nobody_listens
from demo.stalls import Place

BOOT_S = 20
CARD_HELD_S = 60
"""How long a card that opened nothing stays readable [u]."""
PHASE_SWITCH_PAUSE_S = 300
"""Between two phase switches (keba-kecontact waits as long)."""
MWS_PER_TENTH_WH = MWS_PER_WH // 10
ANY_CARD = "*"
SWITCHED_BY_MODBUS, SWITCHED_BY_UDP = 3, 4
_MIN_MA, _MAX_MA = 6_000, 63_000
_MIN_TIMEOUT_S, _MAX_TIMEOUT_S = 10, 600
_STARTING, _NOT_READY, _READY, _CHARGING, _ERROR, _SUSPENDED = 0, 1, 2, 3, 4, 5
_PLUGGED_AND_LOCKED, _PLUGGED_UNLOCKED, _NO_CABLE = 7, 5, 0
_A_FAULT = 0x0000_8021


@dataclass(frozen=True, kw_only=True)
class Traits:
    """In what one KEBA differs from another."""

    product: int = 301_011
    """Six digits, leading 3; the fifth is not 0: has a meter; the sixth is 1: has a card reader."""
    firmware: int = 0x03_0A_2A_00
    """P30: 3.10.42 in bytes 3, 2, 1."""
    energy_unit_mws: int = MWS_PER_TENTH_WH
    """What one step of the energy registers is worth."""
    gate: bool = True
    """Has register 5014; without it a current of 0 is what stops (P40)."""
    phase_source: int = 0
    """Who may switch phases (register 1550): 0 nobody, `SWITCHED_BY_MODBUS`, `SWITCHED_BY_UDP`."""
    one_phase: int = 0
    """Register 1552 while it runs on one phase."""
    three_phases: int = 1
    """Register 1552 while it runs on three."""
    authorisation: bool = False
    """Its own authorisation is on: no energy before a card it accepts, and only such a card can be read."""
    cards: str = ANY_CARD
    """UIDs it accepts, parted by commas."""
    shows_cards: bool = True
    """Cards can be read over Modbus at all."""


P30 = Traits()


class Keba:
    """The box's electronics: what is enabled, what is offered, when the failsafe trips."""

    def __init__(self, plan: Place, traits: Traits = P30) -> None:
        """As delivered: enabled at the rated current, failsafe off, no card."""
        self.commanded: CommandListener = nobody_listens
        self.traits = traits
        self.persisted = 0
        """How often the failsafe was written to EEPROM."""
        self.switched_under_load = 0
        """How often the phases were switched while a car drew current; what a good controller avoids."""
        self._rated_ma = plan.rated_a * 1000
        self._boot = Boot(BOOT_S)
        self._stored_failsafe = (0, 0)
        self._stored_current_ma = self._rated_ma
        self._start()

    def _start(self) -> None:
        """What a start-up leaves: open, unless a stored failsafe closes it again later (``on_reboot`` [u])."""
        self.enabled = True
        self.current_ma = self._stored_current_ma
        self.failsafe_ma, self.failsafe_timeout_s = self._stored_failsafe
        self.energy_limit_mws = 0
        """After so much in one session it stops; 0 never does."""
        self.faulty = False
        self.on_one_phase = False
        self.authorised = False
        self.uid = ""
        """The card that can be read now, in full."""
        self._silent_s = 0
        self._tripped = False
        self._charged = False
        self._unlocked = False
        self._card_age_s = 0
        self._since_switch_s = PHASE_SWITCH_PAUSE_S
        self._plugged = False
        self._drawn_ma = 0

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self._boot.left_s

    @property
    def uptime_s(self) -> int:
        """Seconds since its start."""
        return self._boot.uptime_s

    @property
    def rated_ma(self) -> int:
        """What the installer set."""
        return self._rated_ma

    @property
    def phases(self) -> int:
        """Three, unless it can switch and was told to."""
        return 1 if self.on_one_phase else 3

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self._boot.left_s == 0

    @property
    def released(self) -> bool:
        """Enabled, and authorised where it asks for that."""
        return self.enabled and self.current_ma > 0 and (self.authorised or not self.traits.authorisation)

    def car_came(self) -> None:
        """A car was plugged in."""
        self._plugged, self._charged, self._unlocked = True, False, False

    def car_left(self) -> None:
        """The card belongs to the plug-in and goes with it."""
        self._plugged, self._charged, self._unlocked = False, False, False
        self.deauthorise()

    def reboot(self) -> None:
        """Lose everything that 5020 did not store."""
        plugged = self._plugged
        self._boot.restart()
        self._start()
        self._plugged = plugged

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader; over Modbus only the first four bytes of its UID are readable (1500).

        A level, not an edge: it stays while the box is enabled with a car, else for `CARD_HELD_S`. With authorisation
        on a card that is not accepted leaves no trace.
        """
        if self.traits.authorisation:
            accepted = [card.strip().upper() for card in self.traits.cards.split(",")]
            if ANY_CARD not in accepted and uid.upper() not in accepted:
                return
        self.authorise(uid)

    def authorise(self, uid: str) -> None:
        """Let this card charge; without its own authorisation the card can just be read."""
        self.authorised, self.uid, self._card_age_s = True, uid, 0

    def deauthorise(self) -> None:
        """End what a card began."""
        self.authorised, self.uid = False, ""

    def second(self, outlet: Outlet) -> int:
        """One second: failsafe, card, energy limit; returns the mA offered."""
        if not self._boot.second():
            return 0
        self._watch_silence()
        self._since_switch_s += 1
        self._card_age_s += 1
        self._drawn_ma = max(outlet.currents_ma)
        if self._card_age_s > CARD_HELD_S and not (self._plugged and self.released):
            self.uid = ""
            self.authorised = self.authorised and self._plugged
        if self.faulty or not (self._plugged and self.released) or self._limit_reached(outlet):
            return 0
        self._charged = self._charged or outlet.pilot == "C"
        self._unlocked = False
        return min(self.current_ma, self._rated_ma)

    def _watch_silence(self) -> None:
        """Failsafe: 0 mA disables; anything else *enables* at that current, even a box that was stopped.

        Both current and enable must be written again after a trip to 0 (connectors.md 0.2 and 2.1).
        """
        self._silent_s += 1
        if self._tripped or not self.failsafe_timeout_s or self._silent_s < self.failsafe_timeout_s:
            return
        self._tripped = True
        self.enabled = self.failsafe_ma > 0 or not self.traits.gate
        self.current_ma = self.failsafe_ma

    def _limit_reached(self, outlet: Outlet) -> bool:
        return 0 < self.energy_limit_mws <= outlet.session_mws

    def state(self, outlet: Outlet) -> int:
        """Register 1000; a disabled box shows 5 after charging, else 1."""
        if self._boot.left_s:
            return _STARTING
        if self.faulty:
            return _ERROR
        if not self._plugged:
            return _NOT_READY
        if outlet.offered_ma and outlet.pilot == "C":
            return _CHARGING
        if self.released and not self._limit_reached(outlet):
            return _READY
        return _SUSPENDED if self._charged else _NOT_READY

    @property
    def cable(self) -> int:
        """Register 1004: 1 plug in the station, 2 locked, 4 plugged at the car."""
        return (_PLUGGED_UNLOCKED if self._unlocked else _PLUGGED_AND_LOCKED) if self._plugged else _NO_CABLE

    def registers(self, outlet: Outlet) -> Mapping[int, int]:
        """Every readable 32-bit value by its address."""
        l1_ma, l2_ma, l3_ma = outlet.currents_ma
        card = bytes.fromhex(self.uid)[:4].ljust(4, b"\0") if self.traits.shows_cards else bytes(4)
        return {
            1000: self.state(outlet),
            1004: self.cable,
            1006: _A_FAULT if self.faulty else 0,
            1008: l1_ma,
            1010: l2_ma,
            1012: l3_ma,
            1014: int(outlet.plan.serial),
            1016: self.traits.product,
            1018: self.traits.firmware,
            1020: outlet.power_mw,
            1036: outlet.register_mws // self.traits.energy_unit_mws,
            1040: MAINS_V,
            1042: MAINS_V,
            1044: MAINS_V,
            1500: int.from_bytes(card),
            1502: outlet.session_mws // self.traits.energy_unit_mws,
            1550: self.traits.phase_source,
            1552: self.traits.one_phase if self.on_one_phase else self.traits.three_phases,
            1600: self.failsafe_ma,
            1602: self.failsafe_timeout_s,
        }

    def feed(self) -> None:
        """Somebody in charge spoke."""
        self._silent_s, self._tripped = 0, False

    def set_current(self, current_ma: int, *, stored: bool = False) -> None:
        """A new limit, if `stored` for the next start too; raises `Refusal` (3)."""
        if not (_MIN_MA <= current_ma <= _MAX_MA or (current_ma == 0 and not self.traits.gate)):
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        self.current_ma = current_ma
        if stored:
            self._stored_current_ma = current_ma

    def set_failsafe(self, *, timeout_s: int | None = None, current_ma: int | None = None) -> None:
        """Timeout 0 or 10-600 s, current 0 or 6-63 A; raises `Refusal` (3)."""
        if timeout_s is not None:
            if timeout_s and not _MIN_TIMEOUT_S <= timeout_s <= _MAX_TIMEOUT_S:
                raise Refusal(ExcCodes.ILLEGAL_VALUE)
            self.failsafe_timeout_s = timeout_s
        if current_ma is not None:
            if current_ma and not _MIN_MA <= current_ma <= _MAX_MA:
                raise Refusal(ExcCodes.ILLEGAL_VALUE)
            self.failsafe_ma = current_ma

    def persist_failsafe(self) -> None:
        """Keep the failsafe through a restart; a write to EEPROM."""
        self._stored_failsafe = (self.failsafe_ma, self.failsafe_timeout_s)
        self.persisted += 1

    def unlock_plug(self, outlet: Outlet) -> None:
        """Only while suspended; raises `Refusal` (3)."""
        if self.state(outlet) != _SUSPENDED:
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        self._unlocked = True

    def switch_phases(self, *, three: bool, by: int) -> None:
        """Needs the contactor for it and the right to use it (2), and a pause since the last switch (6)."""
        if self.traits.phase_source != by:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        if self._since_switch_s < PHASE_SWITCH_PAUSE_S:
            raise Refusal(ExcCodes.DEVICE_BUSY)
        if self.on_one_phase == three:
            self.switched_under_load += self._drawn_ma > 0
            self.on_one_phase, self._since_switch_s = not three, 0

    def write(self, address: int, value: int, outlet: Outlet) -> None:
        """Take a command; raises `Refusal`: 2 for an unknown address, 3 for a value out of range.

        5004, 5014 and 5018 feed the failsafe timer.
        """
        match address:
            case 5004:
                self.set_current(value)
            case 5010:
                self.energy_limit_mws = value * 10 * MWS_PER_WH
            case 5012:
                _accept(when=value == 0)
                self.unlock_plug(outlet)
            case 5014 if self.traits.gate:
                _accept(when=value in (0, 1))
                self.enabled = value == 1
            case 5016:
                self.set_failsafe(current_ma=value)
            case 5018:
                self.set_failsafe(timeout_s=value)
            case 5020:
                _accept(when=value == 1)
                self.persist_failsafe()
            case 5052:
                _accept(when=value in (0, 1))
                self.switch_phases(three=value == 1, by=SWITCHED_BY_MODBUS)
            case _:
                raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        if address in (5004, 5014, 5018):
            self.feed()
        self.commanded(str(address), value)


def _accept(*, when: bool) -> None:
    if not when:
        raise Refusal(ExcCodes.ILLEGAL_VALUE)


class KebaUnit:
    """Unit 255."""

    def __init__(self, keba: Keba, outlet: Outlet) -> None:
        self._keba = keba
        self._outlet = outlet

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """One value of two registers; block reads are not supported."""
        if function != READ_HOLDING:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        values = self._keba.registers(self._outlet)
        if count != 2 or address not in values:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        return unsigned32(values[address])

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """One register by FC6."""
        if function != WRITE_REGISTER:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        self._keba.write(address, values[0], self._outlet)


def modbus_devices(keba: Keba, outlet: Outlet, before: Callable[[], None]) -> list[SimDevice]:
    """What answers on the KEBA's socket."""
    return [register_device(255, KebaUnit(keba, outlet), before, first=1000, last=5060), nobody_else()]
