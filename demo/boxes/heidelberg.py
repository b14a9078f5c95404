"""Heidelberg Energy Control on RS485 (connectors.md 2.9; connectors.yaml ``heidelberg_ec``).

A follower on the bus (19200 8E1, unit 1): FC4 reads inputs 4-18, FC3 the holding registers, FC16 writes one of them,
and nobody answers for another unit. Any request feeds the watchdog. Powers and energies are apparent (VA, VAh).
"""

from collections.abc import Sequence

from demo.boxes.electronics import Electronics, Watchdog
from demo.boxes.frames import NoAnswer
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import READ_HOLDING, READ_INPUT, unsigned32
from demo.physics import Outlet

UNIT = 1
BOOT_S = 10
TRIP_SHOWN_S = 10
"""After the watchdog ran out it shows an error for about so long and takes no commands."""
_WATCHDOG_MS = 15_000
_AWAKE = 4
"""In register 258: no standby."""
_MIN_TENTHS, _MAX_TENTHS = 60, 160
_RATED_A = 16
_LAYOUT = 0x108
_A1, _A2, _B1, _B2, _C1, _C2, _DERATING, _ERROR, _LOCKED, _FAULT = 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
_RESUMES, _WAITS = "resume", "wait"


class Heidelberg(Electronics):
    """The wallbox. Failsafe current and watchdog time are stored; limit, lock and standby are not [u]."""

    def __init__(self, site: Site) -> None:
        """As delivered: the failsafe lets 6 A through, standby is on, nobody has written a limit."""
        options = site.options
        super().__init__(rated_a=min(site.outlets[0].plan.rated_a, _RATED_A), boot_s=BOOT_S)
        self._standby_after_s = options.number("standby_after_s")
        self._va_percent = options.number("va_percent")
        self._asks_without_release = options.flag("asks_without_release")
        self._after_trip = _after_trip(options)
        self._watchdog = Watchdog(_WATCHDOG_MS // 1000)
        self.watchdog_ms = _WATCHDOG_MS
        self.failsafe_tenths = _MIN_TENTHS
        self.derating = False
        """Too warm: status 8 while charging."""
        self._powered_on_mws = site.outlets[0].register_mws
        self.forget()

    def forget(self) -> None:
        """Until somebody writes a limit the failsafe current holds."""
        self._watchdog.feed()
        self._limit_tenths = self.failsafe_tenths
        self._tripped_limit_tenths: int | None = None
        self._error_s = 0
        self._idle_s = 0
        self.unlocked = True
        self.standby_register = 0
        self._rebooted = True

    @property
    def asleep(self) -> bool:
        """In standby: no answers. Requests do not wake it, a car does."""
        return self.standby_register != _AWAKE and self._idle_s >= self._standby_after_s

    @property
    def limit_tenths(self) -> int:
        """Register 261 in 0.1 A: the limit that holds."""
        return self._limit_tenths

    def car_came(self) -> None:
        """A car wakes it."""
        super().car_came()
        self._idle_s = 0

    def heard(self) -> None:
        """Any request feeds the watchdog, unless nobody is awake to hear it."""
        if self.asleep:
            raise NoAnswer
        self._watchdog.feed()
        if self._after_trip == _RESUMES and self._tripped_limit_tenths is not None:
            self._limit_tenths, self._tripped_limit_tenths = self._tripped_limit_tenths, None

    def live(self, outlet: Outlet) -> None:
        """Watchdog, error after its trip, standby (4 to 12 min without a car)."""
        if self._rebooted:
            self._rebooted, self._powered_on_mws = False, outlet.register_mws
        self._error_s = max(self._error_s - 1, 0)
        self._idle_s = 0 if self.plugged else self._idle_s + 1
        if self._watchdog.second():
            self._error_s = TRIP_SHOWN_S
            self._tripped_limit_tenths, self._limit_tenths = self._limit_tenths, self.failsafe_tenths

    def offer_ma(self) -> int:
        """What the limit says, unless it is locked or shows an error."""
        return 0 if self._error_s or not self.unlocked or self.faulty else self._limit_tenths * 100

    def status(self, outlet: Outlet) -> int:
        """Input 5: odd where current may flow, even where it may not; 8 to 11 something is the matter."""
        if self.faulty:
            return _FAULT
        if self._error_s:
            return _ERROR
        if not self.unlocked:
            return _LOCKED
        released = self.offer_ma() > 0
        if not self.plugged:
            return _A2 if released else _A1
        if outlet.pilot == "C":
            return _DERATING if self.derating else _C2
        wants = outlet.car is not None and not outlet.car.full
        asks = any(outlet.currents_ma) or (self._asks_without_release and wants)
        if not released and asks:
            return _C1
        return _B2 if released else _B1

    def inputs(self, outlet: Outlet) -> Points:
        """Registers 4 to 18, without a hole."""
        power_va = outlet.power_mw * self._va_percent // 100_000
        since_power_on_mws = max(outlet.register_mws - self._powered_on_mws, 0)
        return {
            4: [_LAYOUT],
            5: [self.status(outlet)],
            6: [current_ma // 100 for current_ma in outlet.currents_ma],
            9: [254],
            10: [MAINS_V, MAINS_V, MAINS_V],
            13: [1],
            14: [power_va],
            15: unsigned32(since_power_on_mws * self._va_percent // (100 * MWS_PER_WH)),
            17: unsigned32(outlet.register_mws * self._va_percent // (100 * MWS_PER_WH)),
        }

    def holdings(self) -> Points:
        """Registers 257 to 262; there is no 260."""
        return {
            257: [self.watchdog_ms],
            258: [self.standby_register],
            259: [int(self.unlocked)],
            261: [self._limit_tenths],
            262: [self.failsafe_tenths],
        }

    def commands(self) -> dict[int, Command]:
        """What may be written."""
        return {
            257: Command(take=self._take_watchdog),
            258: Command(take=self._take_standby),
            259: Command(take=self._take_lock),
            261: Command(take=self._take_limit),
            262: Command(take=self._take_failsafe),
        }

    def _take_watchdog(self, values: Sequence[int]) -> int | None:
        if self._error_s:
            return None
        (self.watchdog_ms,) = values
        self._watchdog.timeout_s = -(-self.watchdog_ms // 1000)
        return self.watchdog_ms

    def _take_standby(self, values: Sequence[int]) -> int | None:
        accept(when=values[0] in (0, _AWAKE))
        if self._error_s:
            return None
        (self.standby_register,) = values
        return self.standby_register

    def _take_lock(self, values: Sequence[int]) -> int | None:
        accept(when=values[0] in (0, 1))
        if self._error_s:
            return None
        self.unlocked = values[0] == 1
        return values[0]

    def _take_limit(self, values: Sequence[int]) -> int | None:
        accept(when=_is_current(values[0]))
        if self._error_s:
            return None
        (self._limit_tenths,) = values
        self._tripped_limit_tenths = None
        return self._limit_tenths

    def _take_failsafe(self, values: Sequence[int]) -> int | None:
        accept(when=_is_current(values[0]))
        if self._error_s:
            return None
        (self.failsafe_tenths,) = values
        return self.failsafe_tenths


def _is_current(tenths: int) -> bool:
    return tenths == 0 or _MIN_TENTHS <= tenths <= _MAX_TENTHS


def _after_trip(options: Options) -> str:
    word = options.word("after_trip")
    if word not in (_RESUMES, _WAITS):
        raise ValueError(f"options: after_trip is {word!r}; accepted are {_RESUMES!r} and {_WAITS!r}")
    return word


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    box = Heidelberg(site)
    unit = Tables(
        box,
        readable={READ_INPUT: lambda: box.inputs(outlet), READ_HOLDING: box.holdings},
        commands=box.commands(),
        options=site.options,
    )
    return Box(wallboxes=[box], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="heidelberg_ec",
        name="Heidelberg Energy Control",
        kind=Kind.MODBUS_RTU,
        build=_build,
        serial="none",
        unit_id=UNIT,
        max_a=_RATED_A,
        options={
            **HOLES,
            "standby_after_s": 240,
            # How much more VA it counts than W; the difference is 1 to 5 %.
            "va_percent": 103,
            # After a trip: "wait" for a new limit (the harder one for a driver), or "resume" the old one once heard.
            "after_trip": _WAITS,
            # A car that keeps asking for current shows status 6 without a release.
            "asks_without_release": False,
        },
    ),
)
