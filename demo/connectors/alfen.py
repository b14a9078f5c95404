"""Alfen Eve: Modbus TCP, Active Load Balancing licence (connectors.md 2.3; connectors.yaml ``alfen_eve``).

Unit 1 is the socket (2 the second one of an Eve Double), unit 200 the station. FC3 reads, FC16 writes, floats high word
first. A set point that nobody refreshes runs out and gives way to the safe current, which opens the box. No card is
readable over Modbus.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math

from pymodbus.constants import ExcCodes
from pymodbus.simulator import SimDevice

from demo.car import MAINS_V, MIN_OFFER_MA
from demo.connectors.boot import Boot
from demo.modbus import (
    READ_HOLDING,
    WRITE_REGISTERS,
    Refusal,
    as_float32,
    float32,
    float64,
    nobody_else,
    register_device,
    text,
    unsigned32,
)
from demo.physics import CommandListener, Outlet, nobody_listens
from demo.stalls import Place

BOOT_S = 30
VALIDITY_S = 60
"""How long a set point holds (register 1208 counts it down); the installer may set 10-300."""
STATION_UNIT = 200
_AVAILABILITY, _SETPOINT, _PHASES = 1200, 1210, 1215
_METER_FIRST, _METER_WORDS = 300, 126
_CONTROL_FIRST = 1200
_STATION_FIRST, _STATION_WORDS = 100, 68


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the installer chose, and what the firmware is like."""

    safe_current_a: int = 6
    """What it offers when nobody refreshes the set point; 0 fails closed."""
    validity_s: int = VALIDITY_S
    phase_switching: bool = False
    """Register 1215 takes 1 and 3; else it answers exception 3."""
    availability_writable: bool = False
    """Register 1200 can be written (unverified in the reference)."""
    low_word_first: bool = False
    """32-bit values as the manual of 05/2025 has them."""
    low_word_first_64: bool = False
    """64-bit values too. A bus trace shows the energy high word first, so they are apart."""


class Alfen:
    """One socket's electronics."""

    def __init__(self, plan: Place, settings: Settings | None = None) -> None:
        """As installed: no set point yet, so the safe current applies."""
        self.commanded: CommandListener = nobody_listens
        self.settings = settings or Settings()
        self.faulty = False
        """Set by a test: Mode 3 state F, nothing is offered."""
        self._rated_a = plan.rated_a
        self._boot = Boot(BOOT_S)
        self._plugged = False
        self.operative = True
        self.setpoint_a = 0.0
        self.valid_s = 0
        self.on_phases = 3

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self._boot.left_s

    @property
    def phases(self) -> int:
        """Three, unless the licence for phase switching is there and one was chosen."""
        return self.on_phases

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self._boot.left_s == 0

    @property
    def applied_a(self) -> float:
        """Register 1206: the set point while it is valid, then the safe current."""
        wanted_a = self.setpoint_a if self.valid_s else float(self.settings.safe_current_a)
        return min(wanted_a, float(self._rated_a))

    def car_came(self) -> None:
        """A car was plugged in."""
        self._plugged = True

    def car_left(self) -> None:
        """Unplugging closes nothing (``on_unplug: manual``)."""
        self._plugged = False

    def reboot(self) -> None:
        """Forget the set point; the safe current is stored."""
        self._boot.restart()
        self.faulty = False
        self.setpoint_a, self.valid_s, self.on_phases = 0.0, 0, 3

    def second(self, outlet: Outlet) -> int:
        """One second of the validity countdown; returns the mA offered. Below 6 A it pauses."""
        if not self._boot.second():
            return 0
        self.valid_s = max(self.valid_s - 1, 0)
        offered_ma = int(self.applied_a * 1000)
        ready = self._plugged and self.operative and not self.faulty
        return offered_ma if ready and offered_ma >= MIN_OFFER_MA else 0

    def mode3(self, outlet: Outlet) -> str:
        """Register 1201: E without a cable; B1/C1 without, B2/C2 with a PWM signal; F out of order."""
        if self.faulty or not self.operative:
            return "F"
        if not self._plugged:
            return "E"
        return outlet.pilot + ("2" if outlet.offered_ma else "1")

    def set_setpoint(self, value_a: float) -> None:
        """Register 1210; raises `Refusal` (3) for less than 0 or not a number, clamps at the station's maximum."""
        if not math.isfinite(value_a) or value_a < 0:
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        self.setpoint_a = value_a
        self.valid_s = self.settings.validity_s
        self.commanded(str(_SETPOINT), value_a)

    def set_phases(self, phases: int) -> None:
        """Register 1215; raises `Refusal` (3) without a licence, or for anything but 1 and 3."""
        if not self.settings.phase_switching or phases not in (1, 3):
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        self.on_phases = phases
        self.commanded(str(_PHASES), phases)

    def set_availability(self, operative: int) -> None:
        """Register 1200; raises `Refusal` (2) where it is read-only, (3) for anything but 0 and 1."""
        if not self.settings.availability_writable:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        if operative not in (0, 1):
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        self.operative = operative == 1
        self.commanded(str(_AVAILABILITY), operative)

    def meter_registers(self, outlet: Outlet) -> list[int]:
        """Registers 300-425; a value the meter does not offer is NaN."""
        l1_a, l2_a, l3_a = (current_ma / 1000 for current_ma in outlet.currents_ma)
        phase_w = [current_ma * MAINS_V / 1000 for current_ma in outlet.currents_ma]
        energy_wh = float(outlet.register_wh)
        nan = math.nan
        words = [3, *[0] * 4, 0]  # state, time stamp, type
        for value in (
            *(MAINS_V, MAINS_V, MAINS_V, 398.4, 398.4, 398.4),
            *(0.0, l1_a, l2_a, l3_a, l1_a + l2_a + l3_a),
            *(1.0, 1.0, 1.0, 1.0, 50.0),
            *(*phase_w, sum(phase_w), *phase_w, sum(phase_w), nan, nan, nan, nan),
        ):
            words += self._ordered(float32(value))
        for energy in (nan, nan, nan, energy_wh, nan, nan, nan, 0.0):
            words += self._ordered(float64(energy))
        return words + [0] * (_METER_WORDS - len(words))

    def control_registers(self, outlet: Outlet) -> list[int]:
        """Registers 1200-1215."""
        return [
            int(self.operative),
            *text(self.mode3(outlet), 5),
            *self._ordered(float32(self.applied_a)),
            *self._ordered(unsigned32(self.valid_s)),
            *self._ordered(float32(self.setpoint_a)),
            *self._ordered(float32(self.settings.safe_current_a)),
            1 if self.valid_s else 0,
            self.on_phases,
        ]

    def setpoint_of(self, words: Sequence[int]) -> float:
        """What the two registers of a set point say."""
        return as_float32(self._ordered(words))

    def _ordered(self, words: Sequence[int]) -> list[int]:
        turned = self.settings.low_word_first if len(words) == 2 else self.settings.low_word_first_64
        return list(reversed(words)) if turned else list(words)


class SocketUnit:
    """Unit 1 or 2."""

    def __init__(self, alfen: Alfen, outlet: Outlet) -> None:
        self._alfen = alfen
        self._outlet = outlet

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """Meter and control registers, each as one block."""
        if function != READ_HOLDING:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        if address >= _CONTROL_FIRST:
            return _part(self._alfen.control_registers(self._outlet), _CONTROL_FIRST, address, count)
        return _part(self._alfen.meter_registers(self._outlet), _METER_FIRST, address, count)

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """Set point, phases and availability, each by a write of its own."""
        if function != WRITE_REGISTERS:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        match address, len(values):
            case 1210, 2:
                self._alfen.set_setpoint(self._alfen.setpoint_of(values))
            case 1215, 1:
                self._alfen.set_phases(values[0])
            case 1200, 1:
                self._alfen.set_availability(values[0])
            case _:
                raise Refusal(ExcCodes.ILLEGAL_ADDRESS)


class StationUnit:
    """Unit 200: name plate, read-only."""

    def __init__(self, serial: str) -> None:
        self._words = [
            *text("ALF_1000", 17),
            *text("Alfen NV", 5),
            2,
            *text("6.4.0-4210", 17),
            *text("NG910", 17),
            *text(serial, 11),
        ]

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """Its texts, as one block."""
        if function != READ_HOLDING:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        return _part(self._words, _STATION_FIRST, address, count)

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """Nothing can be written."""
        raise Refusal(ExcCodes.ILLEGAL_ADDRESS if function == WRITE_REGISTERS else ExcCodes.ILLEGAL_FUNCTION)


def _part(words: Sequence[int], first: int, address: int, count: int) -> Sequence[int]:
    start = address - first
    if start < 0 or start + count > len(words):
        raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
    return words[start : start + count]


def modbus_devices(alfen: Alfen, outlet: Outlet, before: Callable[[], None]) -> list[SimDevice]:
    """What answers on the Alfen's socket."""
    station_last = _STATION_FIRST + _STATION_WORDS - 1
    return [
        register_device(1, SocketUnit(alfen, outlet), before, first=_METER_FIRST, last=1215),
        register_device(STATION_UNIT, StationUnit(outlet.plan.serial), before, first=_STATION_FIRST, last=station_last),
        nobody_else(),
    ]
