"""Alfen Eve Single: Modbus TCP, Active Load Balancing licence (connectors.md 2.3; connectors.yaml ``alfen_eve``).

Unit 1 is the socket, unit 200 the station. FC3 reads, FC16 writes, floats high word first. A set point that nobody
refreshes runs out and gives way to the safe current, which opens the box. No card is readable over Modbus.
"""

from collections.abc import Callable, Sequence
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
from demo.stalls import StallPlan

BOOT_S = 30
VALIDITY_S = 60
"""How long a set point holds (register 1208 counts it down); the installer may set 10-300."""
_SETPOINT, _PHASES = 1210, 1215
_METER_FIRST, _METER_WORDS = 300, 126
_CONTROL_FIRST = 1200
_STATION_FIRST, _STATION_WORDS = 100, 68


class Alfen:
    """The socket's electronics."""

    def __init__(self, plan: StallPlan) -> None:
        """As installed: no set point yet, so the safe current applies."""
        self.commanded: CommandListener = nobody_listens
        self._rated_a = plan.rated_a
        self._safe_a = plan.safe_current_a
        self._boot = Boot(BOOT_S)
        self._plugged = False
        self.setpoint_a = 0.0
        self.valid_s = 0

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self._boot.left_s

    @property
    def phases(self) -> int:
        """The licence for phase switching is missing, so always three."""
        return 3

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self._boot.left_s == 0

    @property
    def applied_a(self) -> float:
        """Register 1206: the set point while it is valid, then the safe current."""
        wanted_a = self.setpoint_a if self.valid_s else float(self._safe_a)
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
        self.setpoint_a, self.valid_s = 0.0, 0

    def second(self, outlet: Outlet) -> int:
        """One second of the validity countdown; returns the mA offered. Below 6 A it pauses."""
        if not self._boot.second():
            return 0
        self.valid_s = max(self.valid_s - 1, 0)
        offered_ma = int(self.applied_a * 1000)
        return offered_ma if self._plugged and offered_ma >= MIN_OFFER_MA else 0

    def mode3(self, outlet: Outlet) -> str:
        """Register 1201: E without a cable; B1/C1 without, B2/C2 with a PWM signal."""
        if not self._plugged:
            return "E"
        return outlet.pilot + ("2" if outlet.offered_ma else "1")

    def set_setpoint(self, value_a: float) -> None:
        """Register 1210; raises `Refusal` (3) for less than 0 or not a number, clamps at the station's maximum."""
        if not math.isfinite(value_a) or value_a < 0:
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        self.setpoint_a = value_a
        self.valid_s = VALIDITY_S
        self.commanded(str(_SETPOINT), value_a)

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
            words += float32(value)
        for energy in (nan, nan, nan, energy_wh, nan, nan, nan, 0.0):
            words += float64(energy)
        return words + [0] * (_METER_WORDS - len(words))

    def control_registers(self, outlet: Outlet) -> list[int]:
        """Registers 1200-1215."""
        return [
            1,
            *text(self.mode3(outlet), 5),
            *float32(self.applied_a),
            *unsigned32(self.valid_s),
            *float32(self.setpoint_a),
            *float32(self._safe_a),
            1 if self.valid_s else 0,
            3,
        ]


class _Socket:
    """Unit 1."""

    def __init__(self, alfen: Alfen, outlet: Outlet) -> None:
        self._alfen = alfen
        self._outlet = outlet

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        if function != READ_HOLDING:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        if address >= _CONTROL_FIRST:
            return _part(self._alfen.control_registers(self._outlet), _CONTROL_FIRST, address, count)
        return _part(self._alfen.meter_registers(self._outlet), _METER_FIRST, address, count)

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """Only the set point may be written; the phases answer exception 3, as without a licence."""
        if function != WRITE_REGISTERS:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        if address == _PHASES:
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        if address != _SETPOINT or len(values) != 2:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        self._alfen.set_setpoint(as_float32(values))


class _Station:
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
        if function != READ_HOLDING:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        return _part(self._words, _STATION_FIRST, address, count)

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
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
        register_device(1, _Socket(alfen, outlet), before, first=_METER_FIRST, last=1215),
        register_device(200, _Station(outlet.plan.serial), before, first=_STATION_FIRST, last=station_last),
        nobody_else(),
    ]
