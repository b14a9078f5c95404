"""ABB Terra AC (connectors.md 2.4; connectors.yaml ``abb_terra_ac``; ABB 10M1003 as quoted there).

Unit 1; FC3 reads 33 registers from 0x4000 without a hole, FC16 writes; the same over RTU (option ``rtu``). It counts
the energy of a session only and shows no card. Silence is answered with a stop: any read is a sign of life.
"""

from collections.abc import Sequence

from demo.boxes.electronics import Electronics, Watchdog
from demo.boxes.model import Box, BoxModel, Kind, Manners, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import READ_HOLDING, unsigned32, unsigned64
from demo.physics import Outlet

UNIT = 1
BOOT_S = 25
COMMUNICATION_S = 60
"""As delivered [u]: the reference names no default, only that a read every 30 s keeps it."""
_MIN_MA, _MAX_MA = 6_000, 32_000
_SERIAL_DIGITS = 16
_NO_VEHICLE, _VEHICLE, _VEHICLE_LOCKED = 0x0011, 0x0101, 0x0111
_FIRMWARE = 0x01_08_15_00
"""1.8.21 in bytes 3, 2, 1."""
_COMMUNICATION_LOST, _HARDWARE = 0x0002, 0x0010
_IDLE, _PENDING, _READY, _NO_PWM, _CHARGING, _STOPPED = 0, 1, 2, 3, 4, 5
_BESIDE_STATE = 0x80
"""Set beside the state in bits 8 to 14 of the word; nobody may take these for part of it."""


class Abb(Electronics):
    """The wallbox."""

    def __init__(self, site: Site) -> None:
        """As delivered: open at its rating, its communication supervised."""
        super().__init__(rated_a=site.outlets[0].plan.rated_a, boot_s=BOOT_S)
        self._serial = _serial(site.serial)
        self._stop_value = 1 if site.options.flag("one_stops_session") else 0
        self._communication = Watchdog(COMMUNICATION_S)
        self.cable_locked = True
        self._session_began_mws = 0
        self.forget()

    def forget(self) -> None:
        """A start loses limit and session; that it comes up open is the harder case (the reference is silent)."""
        self.limit_ma = min(self.rated_a * 1000, _MAX_MA)
        self.stopped = False
        self.silenced = False
        self._charged = False
        self._session_lost = True
        self._communication.feed()

    def car_came(self) -> None:
        """A new session counts from 0."""
        super().car_came()
        self.stopped, self._charged = False, False
        self._session_began_mws = 0

    def read_came(self) -> None:
        """Any read is a sign of life; what was stopped for silence stays so until a limit is written."""
        self._communication.feed()

    def live(self, outlet: Outlet) -> None:
        """Supervise the communication; follow the session."""
        if self._session_lost:
            self._session_lost, self._session_began_mws = False, outlet.session_mws
        if self._communication.second():
            self.limit_ma, self.silenced = 0, True
        self._charged = self._charged or outlet.pilot == "C"

    def offer_ma(self) -> int:
        """What the limit says, while the session is not stopped."""
        return 0 if self.stopped or self.faulty else self.limit_ma

    def state(self, outlet: Outlet) -> int:
        """Bits 8 to 14 of the second word at 0x400C. A stopped session still says so after the car has left."""
        if self.stopped:
            return _STOPPED
        if not self.plugged:
            return _IDLE
        if outlet.pilot == "C":
            return _CHARGING
        if outlet.offered_ma:
            return _READY
        return _NO_PWM if self._charged else _PENDING

    def registers(self, outlet: Outlet) -> Points:
        """Registers 0x4000 to 0x4020."""
        volts = [unsigned32(MAINS_V * 10)] * 3
        lock = _NO_VEHICLE if not self.plugged else _VEHICLE_LOCKED if self.cable_locked else _VEHICLE
        error = _HARDWARE if self.faulty else _COMMUNICATION_LOST if self.silenced else 0
        session_wh = max(outlet.session_mws - self._session_began_mws, 0) // MWS_PER_WH
        return {
            0x4000: unsigned64(self._serial),
            0x4004: unsigned32(_FIRMWARE),
            0x4006: unsigned32(self.rated_a * 1000),
            0x4008: unsigned32(error),
            0x400A: unsigned32(lock),
            0x400C: unsigned32(self.state(outlet) << 8 | _BESIDE_STATE),
            0x400E: unsigned32(self.limit_ma),
            0x4010: [word for current_ma in outlet.currents_ma for word in unsigned32(current_ma)],
            0x4016: [word for volt in volts for word in volt],
            0x401C: unsigned32(outlet.power_mw // 1000),
            0x401E: unsigned32(session_wh),
            0x4020: [self._communication.timeout_s],
        }

    def commands(self) -> dict[int, Command]:
        """What may be written."""
        return {
            0x4100: Command(take=self._take_limit, words=2),
            0x4103: Command(take=self._take_lock),
            0x4105: Command(take=self._take_session),
            0x4106: Command(take=self._take_timeout),
        }

    def _take_limit(self, values: Sequence[int]) -> int:
        wanted_ma = values[0] << 16 | values[1]
        accept(when=wanted_ma == 0 or _MIN_MA <= wanted_ma <= _MAX_MA)
        self.limit_ma, self.silenced = min(wanted_ma, self.rated_a * 1000), False
        return wanted_ma

    def _take_lock(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1))
        self.cable_locked = values[0] == 1
        return values[0]

    def _take_session(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1))
        self.stopped = self.plugged and values[0] == self._stop_value
        return values[0]

    def _take_timeout(self, values: Sequence[int]) -> int:
        (self._communication.timeout_s,) = values
        return values[0]


class _Unit(Tables):
    """Its registers; every read is noticed, even one that is refused."""

    def __init__(self, box: Abb, outlet: Outlet, site: Site) -> None:
        super().__init__(
            box,
            readable={READ_HOLDING: lambda: box.registers(outlet)},
            commands=box.commands(),
            options=site.options,
        )
        self._abb = box

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        self._abb.read_came()
        return super().read(function, address, count)


def _serial(serial: str) -> int:
    """Four registers hold it, so it is sixteen hex digits."""
    try:
        value = int(serial, 16)
    except ValueError:
        value = -1
    if value < 0 or len(serial) != _SERIAL_DIGITS:
        raise ValueError(f"serial: {serial!r} is not {_SERIAL_DIGITS} hex digits, as an ABB Terra AC has")
    return value


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    abb = Abb(site)
    return Box(
        wallboxes=[abb],
        units={UNIT: _Unit(abb, outlet, site)},
        kind=Kind.MODBUS_RTU if site.options.flag("rtu") else None,
        manners=Manners(stranger=Stranger.SILENCE),
    )


MODELS = (
    BoxModel(
        id="abb_terra_ac",
        name="ABB Terra AC",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="3220230C00010203",
        unit_id=UNIT,
        options={
            **HOLES,
            "rtu": False,
            # 0x4105: that 1 stops and 0 starts is "commonly quoted", not verified.
            "one_stops_session": True,
        },
    ),
)
