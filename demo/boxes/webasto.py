"""Webasto / Ampure NEXT, TQ-DM100 register set (connectors.md 2.8; connectors.yaml ``webasto_next``).

Function 3 reads, 16 writes, one client. The master sets the life bit (6000), the box clears it within a second; without
it for the time in 2002 the failsafe current (2000, never less than 6 A) takes the place of the set current, which
opens a box that was stopped. The set current (5004) and the session command (5006) can only be written.
"""

from collections.abc import Sequence

from demo.boxes.electronics import Electronics, SessionCard, Watchdog
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import READ_HOLDING, text, unsigned32
from demo.physics import Outlet
from demo.stalls import Place

UNIT = 255
BOOT_S = 40
_MIN_A, _MAX_A = 6, 32
_MIN_TIMEOUT_S, _MAX_TIMEOUT_S = 6, 120
_START, _CANCEL = 1, 2
_NO_VEHICLE, _NO_PERMISSION, _CHARGING, _PAUSED, _ERROR = 0, 1, 3, 4, 7
_CABLE_NONE, _CABLE_LOCKED = 0, 3


class Next(Electronics):
    """The box's electronics."""

    def __init__(self, place: Place, options: Options) -> None:
        """As delivered."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.native_auth = options.flag("native_auth")
        self.has_life_bit = options.flag("life_bit")
        self._delivered = options.number("failsafe_a"), options.number("failsafe_timeout_s")
        self._card = SessionCard()
        self.forget()

    def forget(self) -> None:
        """Open at its rating until somebody sets a current; only its own authorisation would hold it back.

        The failsafe is as delivered (no source says that a written one is stored) [u].
        """
        self.set_a = self.rated_a
        self.failsafe_a, timeout_s = self._delivered
        self.life_bit = 0
        self._permitted = not self.native_auth
        self._life = Watchdog(timeout_s)
        self._card.end()

    def car_came(self) -> None:
        """A card that waited permits the session."""
        super().car_came()
        self._card.car_came()
        self._permitted = not self.native_auth or bool(self._card.uid)

    def car_left(self) -> None:
        """The session is over; the set current stays."""
        super().car_left()
        self._card.end()
        self._permitted = not self.native_auth

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader; it permits, where authorisation is on."""
        self._card.show(uid.upper(), plugged=self.plugged)
        if self.plugged:
            self._permitted = True

    def heard(self) -> None:
        """Firmware before 3.1 has no life bit: there any request counts."""
        if not self.has_life_bit:
            self._life.feed()

    def live(self, outlet: Outlet) -> None:
        """Clear the life bit; after too long a silence the failsafe current is what is set."""
        self._card.second()
        self.life_bit = 0
        if self._life.second():
            self.set_a = self.failsafe_a

    def offer_ma(self) -> int:
        """What is set, while the session is permitted."""
        return self.set_a * 1000 if self._permitted else 0

    def state(self, outlet: Outlet) -> int:
        """Register 1000."""
        if self.faulty:
            return _ERROR
        if not self.plugged:
            return _NO_VEHICLE
        if outlet.pilot == "C":
            return _CHARGING
        return _PAUSED if self._permitted else _NO_PERMISSION

    def registers(self, outlet: Outlet) -> Points:
        """Everything that can be read. Between them lie holes."""
        state = self.state(outlet)
        l1_ma, l2_ma, l3_ma = outlet.currents_ma
        l1_w, l2_w, l3_w = (current_ma * MAINS_V // 1000 for current_ma in outlet.currents_ma)
        points: dict[int, Sequence[int]] = {
            1000: [state, 1 if state == _CHARGING else 0, 2 if self.faulty else 1],
            1004: [_CABLE_LOCKED if self.plugged else _CABLE_NONE],
            1006: [1 if self.faulty else 0],
            1008: [l1_ma],
            1010: [l2_ma],
            1012: [l3_ma],
            1020: unsigned32(outlet.power_mw // 1000),
            1024: unsigned32(l1_w),
            1028: unsigned32(l2_w),
            1032: unsigned32(l3_w),
            1036: unsigned32(outlet.register_wh),
            1502: [outlet.session_mws // MWS_PER_WH],
            1508: unsigned32(self.session_s),
            1600: text(self._card.uid, 10),
            2000: [self.failsafe_a],
            2002: [self._life.timeout_s],
        }
        if self.has_life_bit:
            points[6000] = [self.life_bit]
        return points

    def commands(self) -> dict[int, Command]:
        """One register each."""
        commands = {
            2000: Command(take=self._set_failsafe),
            2002: Command(take=self._set_timeout),
            5004: Command(take=self._set_current),
            5006: Command(take=self._session),
        }
        if self.has_life_bit:
            commands[6000] = Command(take=self._live_on)
        return commands

    def _set_failsafe(self, values: Sequence[int]) -> int:
        accept(when=_MIN_A <= values[0] <= _MAX_A)
        self.failsafe_a = values[0]
        return values[0]

    def _set_timeout(self, values: Sequence[int]) -> int:
        accept(when=_MIN_TIMEOUT_S <= values[0] <= _MAX_TIMEOUT_S)
        self._life.timeout_s = values[0]
        return values[0]

    def _set_current(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 0 or _MIN_A <= values[0] <= _MAX_A)
        self.set_a = values[0]
        return values[0]

    def _session(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (_START, _CANCEL))
        self._permitted = values[0] == _START
        return values[0]

    def _live_on(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 1)
        self.life_bit = 1
        self._life.feed()
        return values[0]


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    box = Next(outlet.plan, site.options)
    unit = Tables(
        box,
        readable={READ_HOLDING: lambda: box.registers(outlet)},
        commands=box.commands(),
        options=site.options,
    )
    return Box(wallboxes=[box], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE, max_clients=1))


MODELS = (
    BoxModel(
        id="webasto_next",
        name="Webasto NEXT 22 kW",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="NEXT-WS1234567",
        has_card=True,
        unit_id=UNIT,
        options={**HOLES, "native_auth": False, "life_bit": True, "failsafe_a": 16, "failsafe_timeout_s": 60},
    ),
)
"""What can be stood up."""
