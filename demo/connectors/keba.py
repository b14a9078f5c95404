"""KEBA KeContact P30: Modbus TCP and its own card reader (connectors.md 2.1; connectors.yaml ``keba_p30``).

Unit 255 only; FC3 reads exactly one documented 32-bit value, FC6 writes one 16-bit register, everything else is
refused. The electronics are pure and live by `Keba.second`; nothing here knows a socket or a clock.
"""

from collections.abc import Callable, Mapping, Sequence

from pymodbus.constants import ExcCodes
from pymodbus.simulator import SimDevice

from demo.car import MAINS_V
from demo.connectors.boot import Boot
from demo.modbus import READ_HOLDING, WRITE_REGISTER, Refusal, nobody_else, register_device, unsigned32
from demo.physics import CommandListener, Outlet, nobody_listens
from demo.stalls import StallPlan

BOOT_S = 20
CARD_HELD_S = 60
"""How long a card that opened nothing stays readable [u]."""
MWS_PER_TENTH_WH = 360_000
_MIN_MA, _MAX_MA = 6_000, 63_000
_MIN_TIMEOUT_S, _MAX_TIMEOUT_S = 10, 600
_STARTING, _NOT_READY, _READY, _CHARGING, _SUSPENDED = 0, 1, 2, 3, 5
_PLUGGED_AND_LOCKED, _NO_CABLE = 7, 0
_PRODUCT = 301_011
"""Six digits, leading 3; the fifth is not 0: has a meter; the sixth is 1: has a card reader."""
_FIRMWARE = 0x03_0A_2A_00
"""3.10.42 in bytes 3, 2, 1."""


class Keba:
    """The box's electronics: what is enabled, what is offered, when the failsafe trips."""

    def __init__(self, plan: StallPlan) -> None:
        """As delivered: enabled at the rated current, failsafe off, no card."""
        self.commanded: CommandListener = nobody_listens
        self._rated_ma = plan.rated_a * 1000
        self._boot = Boot(BOOT_S)
        self._stored_failsafe = (0, 0)
        self._start()

    def _start(self) -> None:
        """What a start-up leaves: open, unless a stored failsafe closes it again later (``on_reboot`` [u])."""
        self.enabled = True
        self.current_ma = self._rated_ma
        self.failsafe_ma, self.failsafe_timeout_s = self._stored_failsafe
        self.energy_limit_10wh = 0
        self._silent_s = 0
        self._tripped = False
        self._charged = False
        self._card = bytes(4)
        self._card_age_s = 0
        self._plugged = False

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self._boot.left_s

    @property
    def phases(self) -> int:
        """No KeContact S10 is fitted, so always three."""
        return 3

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self._boot.left_s == 0

    def car_came(self) -> None:
        """A car was plugged in."""
        self._plugged, self._charged = True, False

    def car_left(self) -> None:
        """The card belongs to the plug-in and goes with it."""
        self._plugged, self._charged = False, False
        self._card = bytes(4)

    def reboot(self) -> None:
        """Lose everything that 5020 did not store."""
        plugged = self._plugged
        self._boot.restart()
        self._start()
        self._plugged = plugged

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader; only the first four bytes of its UID stay readable (register 1500).

        A level, not an edge: it stays while the box is enabled with a car, else for `CARD_HELD_S`.
        """
        self._card = bytes.fromhex(uid)[:4].ljust(4, b"\0")
        self._card_age_s = 0

    def second(self, outlet: Outlet) -> int:
        """One second: failsafe, card, energy limit; returns the mA offered."""
        if not self._boot.second():
            return 0
        self._watch_silence()
        self._card_age_s += 1
        if self._card_age_s > CARD_HELD_S and not (self._plugged and self.enabled):
            self._card = bytes(4)
        if not (self._plugged and self.enabled) or self._limit_reached(outlet):
            return 0
        self._charged = self._charged or outlet.pilot == "C"
        return min(self.current_ma, self._rated_ma)

    def _watch_silence(self) -> None:
        """Failsafe: 0 mA disables; anything else *enables* at that current, even a box that was stopped.

        Both current and enable must be written again after a trip to 0 (connectors.md 0.2 and 2.1).
        """
        self._silent_s += 1
        if self._tripped or not self.failsafe_timeout_s or self._silent_s < self.failsafe_timeout_s:
            return
        self._tripped = True
        self.enabled = self.failsafe_ma > 0
        self.current_ma = self.failsafe_ma

    def _limit_reached(self, outlet: Outlet) -> bool:
        limit_mws = self.energy_limit_10wh * 100 * MWS_PER_TENTH_WH
        return 0 < limit_mws <= outlet.session_mws

    def _state(self, outlet: Outlet) -> int:
        """Register 1000; a disabled box shows 5 after charging, else 1."""
        if self._boot.left_s:
            return _STARTING
        if not self._plugged:
            return _NOT_READY
        if outlet.offered_ma and outlet.pilot == "C":
            return _CHARGING
        if self.enabled and self.current_ma and not self._limit_reached(outlet):
            return _READY
        return _SUSPENDED if self._charged else _NOT_READY

    def registers(self, outlet: Outlet) -> Mapping[int, int]:
        """Every readable 32-bit value by its address."""
        l1_ma, l2_ma, l3_ma = outlet.currents_ma
        return {
            1000: self._state(outlet),
            1004: _PLUGGED_AND_LOCKED if self._plugged else _NO_CABLE,
            1006: 0,
            1008: l1_ma,
            1010: l2_ma,
            1012: l3_ma,
            1014: int(outlet.plan.serial),
            1016: _PRODUCT,
            1018: _FIRMWARE,
            1020: outlet.power_mw,
            1036: outlet.register_mws // MWS_PER_TENTH_WH,
            1040: MAINS_V,
            1042: MAINS_V,
            1044: MAINS_V,
            1500: int.from_bytes(self._card),
            1502: outlet.session_mws // MWS_PER_TENTH_WH,
            1550: 0,
            1552: 1,
            1600: self.failsafe_ma,
            1602: self.failsafe_timeout_s,
        }

    def write(self, address: int, value: int) -> None:
        """Take a command; raises `Refusal` for an unknown address (2) or a value out of range (3).

        5004, 5014 and 5018 feed the failsafe timer.
        """
        accepted: Mapping[int, bool] = {
            5004: _MIN_MA <= value <= _MAX_MA,
            5010: True,
            5014: value in (0, 1),
            5016: value == 0 or _MIN_MA <= value <= _MAX_MA,
            5018: value == 0 or _MIN_TIMEOUT_S <= value <= _MAX_TIMEOUT_S,
            5020: value == 1,
        }
        if address not in accepted:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        if not accepted[address]:
            raise Refusal(ExcCodes.ILLEGAL_VALUE)
        if address in (5004, 5014, 5018):
            self._silent_s, self._tripped = 0, False
        match address:
            case 5004:
                self.current_ma = value
            case 5010:
                self.energy_limit_10wh = value
            case 5014:
                self.enabled = value == 1
            case 5016:
                self.failsafe_ma = value
            case 5018:
                self.failsafe_timeout_s = value
            case _:
                self._stored_failsafe = (self.failsafe_ma, self.failsafe_timeout_s)
        self.commanded(str(address), value)


class _Wire:
    """Unit 255."""

    def __init__(self, keba: Keba, outlet: Outlet) -> None:
        self._keba = keba
        self._outlet = outlet

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        if function != READ_HOLDING:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        values = self._keba.registers(self._outlet)
        if count != 2 or address not in values:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        return unsigned32(values[address])

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        if function != WRITE_REGISTER:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        self._keba.write(address, values[0])


def modbus_devices(keba: Keba, outlet: Outlet, before: Callable[[], None]) -> list[SimDevice]:
    """What answers on the KEBA's socket."""
    return [register_device(255, _Wire(keba, outlet), before, first=1000, last=5060), nobody_else()]
