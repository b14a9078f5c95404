"""Phoenix Contact CHARX SEC-3xxx (connectors.md 2.7; connectors.yaml ``phoenix_charx``).

Charging point n of the group has its registers at n * 1000; the controller's own lie below 1000. Release (300) and
limit (301) act only while the point's release mode is Modbus. What silence does is set in the web interface: hold, or
a current after a time.
"""

from collections.abc import Sequence

from demo.boxes.electronics import Electronics, Watchdog
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, OptionValue, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept, signed32
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import READ_HOLDING, READ_INPUT, text, unsigned32, unsigned64
from demo.physics import CommandListener, Outlet
from demo.stalls import Place

UNIT, OTHER_UNIT = 1, 255
BOOT_S = 60
RELEASE_MODES = ("modbus", "local", "ocpp")
MOST_POINTS = 48
_MIN_A, _MAX_A = 6, 80
_CAR_LETS_GO_S = 3
"""How long a car keeps asking (C1) after the offer ended (connectors.md 5: it has about 3 s)."""


class ChargingPoint(Electronics):
    """One charging controller of the group."""

    def __init__(self, place: Place, options: Options) -> None:
        """As configured in the web interface."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        mode = options.word("release_mode")
        if mode not in RELEASE_MODES:
            raise ValueError(f"options: release_mode is {mode!r}; accepted are {', '.join(RELEASE_MODES)}")
        self._obeys = mode == "modbus"
        self._boots_released = options.flag("boots_released")
        self._timeout_s, self._silence_a = options.number("silence_timeout_s"), options.number("silence_a")
        self._keeps_evid = options.flag("keeps_evid")
        self.evid = ""
        """265-274: what the car told; where it `keeps_evid`, until another car tells one."""
        self.rfid = ""
        """275-284: the last card, until another comes (no source says that it goes) [u]."""
        self._asks_still_s = 0
        self.forget()

    def forget(self) -> None:
        """Released at its rating, where configured so (no source says how it starts; this is the worst)."""
        self.released, self.limit_a = self._boots_released, self.rated_a
        self._silence = Watchdog(self._timeout_s)

    def car_left(self) -> None:
        """Release and limit stay."""
        super().car_left()
        self._asks_still_s = 0

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader."""
        self.rfid = uid.upper()

    def heard(self) -> None:
        """Any request feeds the watchdog."""
        self._silence.feed()

    def live(self, outlet: Outlet) -> None:
        """The silence, what the car told, and how long it asks on after the offer has ended."""
        self._asks_still_s = _CAR_LETS_GO_S if outlet.pilot == "C" else max(self._asks_still_s - 1, 0)
        self.evid = self.ev_id(outlet) or (self.evid if self._keeps_evid else "")
        if self._silence.second():
            self.released, self.limit_a = self._silence_a > 0, self._silence_a

    def offer_ma(self) -> int:
        """In another release mode than Modbus its registers have no effect, and it charges by itself."""
        if not self._obeys:
            return self.rated_a * 1000
        return self.limit_a * 1000 if self.released else 0

    def state(self, outlet: Outlet) -> str:
        """Register 299: two characters, the second 2 while a PWM signal is offered."""
        if self.faulty:
            return "F0"
        if outlet.pilot == "A":
            return "A1"
        asks = outlet.pilot == "C" or self._asks_still_s > 0
        return ("C" if asks else "B") + ("2" if outlet.offered_ma else "1")

    def registers(self, outlet: Outlet) -> dict[int, Sequence[int]]:
        """Those of one point, without its offset."""
        return {
            112: [1],
            232: [word for _phase in range(3) for word in signed32(MAINS_V * 1000)],
            238: [word for current_ma in outlet.currents_ma for word in signed32(current_ma)],
            244: signed32(outlet.power_mw),
            250: unsigned64(outlet.register_wh),
            264: [0],
            265: text(self.evid, 10),
            275: text(self.rfid, 10),
            285: [*unsigned32(self.session_s), *unsigned32(self.session_s)],
            289: unsigned32(outlet.session_mws // MWS_PER_WH),
            299: [*text(self.state(outlet), 1), 1 if self.released else 0, self.limit_a],
        }

    def set_release(self, values: Sequence[int]) -> int:
        """Register 300."""
        accept(when=values[0] in (0, 1))
        self.released = values[0] == 1
        return values[0]

    def set_limit(self, values: Sequence[int]) -> int:
        """Register 301."""
        accept(when=values[0] == 0 or _MIN_A <= values[0] <= _MAX_A)
        self.limit_a = values[0]
        return values[0]


class Group:
    """The first controller, which answers for all of them."""

    def __init__(self, points: Sequence[ChargingPoint], outlets: Sequence[Outlet]) -> None:
        self._points = dict(enumerate(points, start=1))
        self._outlets = outlets

    @property
    def commanded(self) -> CommandListener:
        """Commands are told by the first point, whichever they are for; the address says it."""
        return self._points[1].commanded

    def heard(self) -> None:
        """A request feeds every point's watchdog."""
        for point in self._points.values():
            point.heard()

    def registers(self) -> Points:
        """Its own and those of every point. Both read functions show the same."""
        own: dict[int, Sequence[int]] = {
            100: text("CHARX SEC-3150", 10),
            110: text("1.7.3", 4),
            114: [len(self._points)],
        }
        for (number, point), outlet in zip(self._points.items(), self._outlets, strict=True):
            own |= {number * 1000 + first: value for first, value in point.registers(outlet).items()}
        return own

    def commands(self) -> dict[int, Command]:
        """Release and limit of every point."""
        return {
            number * 1000 + register: Command(take=take)
            for number, point in self._points.items()
            for register, take in ((300, point.set_release), (301, point.set_limit))
        }


def _build(site: Site) -> Box:
    points = [ChargingPoint(outlet.plan, site.options) for outlet in site.outlets]
    group = Group(points, site.outlets)
    unit = Tables(
        group,
        readable=dict.fromkeys((READ_HOLDING, READ_INPUT), group.registers),
        commands=group.commands(),
        options=site.options,
    )
    return Box(
        wallboxes=points, units=dict.fromkeys((UNIT, OTHER_UNIT), unit), manners=Manners(stranger=Stranger.SILENCE)
    )


_OPTIONS: dict[str, OptionValue] = {
    **HOLES,
    "release_mode": "modbus",
    "boots_released": True,
    "silence_timeout_s": 0,
    "silence_a": 0,
    "keeps_evid": False,
}

MODELS = (
    BoxModel(
        id="phoenix_charx",
        name="Phoenix Contact CHARX SEC-3150",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="1360000123",
        has_card=True,
        unit_id=UNIT,
        max_points=MOST_POINTS,
        max_a=80,
        options=_OPTIONS,
    ),
)
"""What can be stood up."""
