"""Vestel EVC04 / EVC10, Webasto and Ampure Unite (connectors.md 2.8; connectors.yaml ``vestel_evc04``; Vestel EVC04
Modbus TCP specification 1.8; evcc pull 5936).

Inputs by function 4, holdings by 3, writes by 6; strings are UTF-16BE; exactly one master. Without the life bit (6000)
for the time in 2002 the box applies the failsafe current (2000) and closes the connection. However a connection ended,
for that time no other is accepted.
"""

from collections.abc import Callable, Sequence

from demo.boxes.electronics import Electronics, Watchdog
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept, utf16
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import READ_HOLDING, READ_INPUT, WRITE_REGISTER, unsigned32
from demo.physics import Outlet
from demo.stalls import Place

UNIT = 255
BOOT_S = 60
_MIN_A, _MAX_A = 6, 32
_RFID_FROM, _PHASE_SWITCH_FROM = (3, 156, 0), (3, 187, 0)
_AVAILABLE, _PREPARING, _CHARGING, _SUSPENDED_BY_BOX, _SUSPENDED_BY_CAR, _FAULTED = 0, 1, 2, 3, 4, 8
_CABLE_NONE, _CABLE_LOCKED_AT_CAR = 0, 3
_MWS_PER_HUNDRED_WH = 100 * MWS_PER_WH


class Evc04(Electronics):
    """The box's electronics."""

    def __init__(self, place: Place, options: Options, hang_up: Callable[[], None]) -> None:
        """As delivered; `hang_up` ends every connection."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self._hang_up = hang_up
        self.firmware = options.word("firmware")
        version = tuple(int(part) for part in self.firmware.split("."))
        self.reads_cards = version >= _RFID_FROM
        self.switches_phases = version >= _PHASE_SWITCH_FROM and options.flag("phase_switch")
        self._delivered = options.number("failsafe_a"), options.number("failsafe_timeout_s")
        self._lowest_failsafe_a = _MIN_A if options.flag("refuses_failsafe_0") else 0
        self.rfid = ""
        """1516: the last card, until another comes (no source says that it goes) [u]."""
        self.three_phases = True
        self.shut_s = 0
        """How long no connection is accepted."""
        self.forget()

    def forget(self) -> None:
        """Open at its rating; the failsafe is as delivered (no source says that a written one is stored) [u]."""
        self.limit_a = self.rated_a
        self.failsafe_a, timeout_s = self._delivered
        self._life = Watchdog(timeout_s)
        self.shut_s = 0

    @property
    def phases(self) -> int:
        """As the master chose."""
        return 3 if self.three_phases else 1

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader."""
        self.rfid = uid.upper()

    def admits(self) -> bool:
        """Whether it accepts a connection."""
        return self.shut_s == 0

    def left(self) -> None:
        """A connection ended: accept no other until the failsafe timeout is over. A restart forgets it."""
        if self.supplied:
            self.shut_s = self._life.timeout_s

    def live(self, outlet: Outlet) -> None:
        """Without the life bit for too long: failsafe current, and the connection is closed."""
        self.shut_s = max(self.shut_s - 1, 0)
        if self._life.second():
            self.limit_a = self.failsafe_a
            self._hang_up()

    def offer_ma(self) -> int:
        """What the limit says; 0 pauses."""
        return self.limit_a * 1000

    def state(self, outlet: Outlet) -> int:
        """Input 1000, after OCPP."""
        if self.faulty:
            return _FAULTED
        if not self.plugged:
            return _AVAILABLE
        if outlet.pilot == "C":
            return _CHARGING
        if not self.offer_ma():
            return _SUSPENDED_BY_BOX
        return _SUSPENDED_BY_CAR if outlet.session_mws else _PREPARING

    def input_registers(self, outlet: Outlet) -> Points:
        """Everything function 4 reads. Between them lie holes."""
        l1_ma, l2_ma, l3_ma = outlet.currents_ma
        points: dict[int, Sequence[int]] = {
            100: utf16(outlet.plan.serial, 25),
            190: utf16("Webasto", 10),
            210: utf16("Unite", 5),
            230: utf16(self.firmware, 50),
            404: [1],
            1000: [self.state(outlet), 1 if outlet.pilot == "C" else 0],
            1004: [_CABLE_LOCKED_AT_CAR if self.plugged else _CABLE_NONE],
            1006: unsigned32(1 if self.faulty else 0),
            1008: [l1_ma],
            1010: [l2_ma],
            1012: [l3_ma],
            1014: [MAINS_V],
            1016: [MAINS_V],
            1018: [MAINS_V],
            1020: unsigned32(outlet.power_mw // 1000),
            1036: unsigned32(outlet.register_mws // _MWS_PER_HUNDRED_WH),
            1502: unsigned32(outlet.session_mws // MWS_PER_WH),
            1508: unsigned32(self.session_s),
        }
        if self.reads_cards:
            points[1516] = utf16(self.rfid, 15)
        return points

    def holding_registers(self) -> Points:
        """Everything function 3 reads."""
        points: dict[int, Sequence[int]] = {
            2000: [self.failsafe_a],
            2002: [self._life.timeout_s],
            5004: [self.limit_a],
        }
        if self.switches_phases:
            points[405] = [1 if self.three_phases else 0]
        return points

    def commands(self) -> dict[int, Command]:
        """One register each, function 6."""
        takes = {
            2000: self._set_failsafe,
            2002: self._set_timeout,
            5004: self._set_limit,
            6000: self._live_on,
        }
        if self.switches_phases:
            takes[405] = self._set_phases
        return {address: Command(take=take, functions=(WRITE_REGISTER,)) for address, take in takes.items()}

    def _set_failsafe(self, values: Sequence[int]) -> int:
        accept(when=values[0] >= self._lowest_failsafe_a and (values[0] == 0 or _MIN_A <= values[0] <= _MAX_A))
        self.failsafe_a = values[0]
        return values[0]

    def _set_timeout(self, values: Sequence[int]) -> int:
        """It can not be switched off [u]."""
        accept(when=values[0] > 0)
        self._life.timeout_s = values[0]
        return values[0]

    def _set_limit(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 0 or _MIN_A <= values[0] <= _MAX_A)
        self.limit_a = values[0]
        return values[0]

    def _live_on(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 1)
        self._life.feed()
        return values[0]

    def _set_phases(self, values: Sequence[int]) -> int:
        """Holding 405: 0 one phase, 1 three."""
        accept(when=values[0] in (0, 1))
        self.three_phases = values[0] == 1
        return values[0]


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    box = Evc04(outlet.plan, site.options, site.hang_up)
    unit = Tables(
        box,
        readable={READ_INPUT: lambda: box.input_registers(outlet), READ_HOLDING: box.holding_registers},
        commands=box.commands(),
        options=site.options,
    )
    manners = Manners(stranger=Stranger.SILENCE, max_clients=1, admits=box.admits, left=box.left)
    return Box(wallboxes=[box], units={UNIT: unit}, manners=manners)


MODELS = (
    BoxModel(
        id="vestel_evc04",
        name="Webasto Unite (Vestel EVC04)",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="7003421600012",
        has_card=True,
        unit_id=UNIT,
        options={
            **HOLES,
            "firmware": "3.187.0",
            "phase_switch": True,
            "failsafe_a": 10,
            "failsafe_timeout_s": 20,
            "refuses_failsafe_0": False,
        },
    ),
)
"""What can be stood up."""
