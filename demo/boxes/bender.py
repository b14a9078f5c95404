"""Bender charge controllers (OMCCI register set): CC612/CC613 and ICC13xx (connectors.md 2.6; connectors.yaml
``bender_cc612``, ``bender_icc_4you``).

The CC61x answers any unit id; a second socket has its own port, the first one's plus one. Any request feeds the
communication timeout (132); when it runs out the safe current (131) takes the place of the limit and stays there until
a limit is written again. The ICC listens to unit 1 only, takes tenths of an ampere, and closes the connection when
registers 730 or 740 are touched.
"""

from collections.abc import Callable, Sequence

from demo.boxes.electronics import Electronics, SessionCard, Watchdog
from demo.boxes.faults import Faults
from demo.boxes.frames import HangUp
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, OptionValue, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.boxes.wires import ModbusLine, ModbusWire
from demo.car import MAINS_V, MWS_PER_WH
from demo.doors import PortHold
from demo.modbus import READ_HOLDING, RegisterUnit, text, unsigned32
from demo.physics import Outlet, whole_second
from demo.stalls import Place

CC612_UNIT, ICC_UNIT = 255, 1
BOOT_S = 45
NO_VALUE = 0xFFFFFFFF
_MIN_A, _MAX_A = 6, 32
_POWER = 220
_HANGS_UP = (730, 740)
_NO_POWER_LIMIT = 65_535
_ONE_PHASE_BELOW_W = 3 * _MIN_A * MAINS_V
"""A power limit under three times 6 A only fits one phase."""
_CABLE, _RELAY_OFF, _RELAY_THREE, _RELAY_ONE = {"A": 1, "B": 2, "C": 3}, 0, 1, 5
_CABLE_FAULT = 5


class PhaseEnergies:
    """Splits what the register counted over the phases; the parts always add up to it."""

    def __init__(self, outlet: Outlet) -> None:
        """Everything so far was drawn evenly."""
        self._outlet = outlet
        third_mws, rest_mws = divmod(outlet.register_mws, 3)
        self._parts_mws = [third_mws + rest_mws, third_mws, third_mws]
        self._three = True

    def follow(self) -> None:
        """Add what was counted since the last call."""
        counted_mws = self._outlet.register_mws - sum(self._parts_mws)
        if counted_mws < 0:
            self._parts_mws = [0, 0, 0]
            counted_mws = self._outlet.register_mws
        if any(self._outlet.currents_ma):
            self._three = self._outlet.currents_ma[1] > 0
        third_mws = counted_mws // 3 if self._three else 0
        self._parts_mws[0] += counted_mws - 2 * third_mws
        self._parts_mws[1] += third_mws
        self._parts_mws[2] += third_mws

    def wh(self) -> list[int]:
        """Registers of L1, L2, L3, whole Wh."""
        self.follow()
        return [part_mws // MWS_PER_WH for part_mws in self._parts_mws]


class Omcci(Electronics):
    """One socket of a CC61x."""

    def __init__(self, place: Place, options: Options, outlet: Outlet) -> None:
        """As configured in its web interface."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self._discloses = options.flag("disclose_uid")
        self._configured = options.number("failsafe_a"), options.number("failsafe_timeout_s")
        self._lowest_failsafe_a = _MIN_A if options.flag("refuses_failsafe_0") else 0
        self._card = SessionCard()
        self.energies = PhaseEnergies(outlet)
        self.forget()

    def forget(self) -> None:
        """Open until a limit is written; 131 and 132 as configured (no source says that a written value is stored)."""
        self.limit_a = float(self.rated_a)
        self.available = True
        self.failsafe_a, timeout_s = self._configured
        self._silence = Watchdog(timeout_s)
        self._card.end()

    def car_came(self) -> None:
        """The session begins, with a card that waited."""
        super().car_came()
        self._card.car_came()

    def car_left(self) -> None:
        """The session ends, and its idTag with it."""
        super().car_left()
        self._card.end()

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader."""
        self._card.show(uid.upper(), plugged=self.plugged)

    def heard(self) -> None:
        """Any request feeds the communication timeout."""
        self._silence.feed()

    def live(self, outlet: Outlet) -> None:
        """The silence, the card that waits, the energy of each phase."""
        self._card.second()
        self.energies.follow()
        if self._silence.second():
            self.limit_a = float(self.failsafe_a)

    def offer_ma(self) -> int:
        """What the limit says, while available."""
        return round(self.limit_a * 1000) if self.available else 0

    @property
    def id_tag(self) -> str:
        """Registers 720-729: hex text, when the box may disclose it."""
        return self._card.uid if self._discloses else ""

    def registers(self, outlet: Outlet) -> Points:
        """What every firmware has."""
        relay = _RELAY_OFF if outlet.pilot != "C" else _RELAY_ONE if self.phases == 1 else _RELAY_THREE
        phase_w = [current_ma * MAINS_V // 1000 for current_ma in outlet.currents_ma]
        return {
            100: text("5.33", 2),
            104: [1 if self.plugged else 0],
            120: text("0.9", 2),
            122: [_CABLE_FAULT if self.faulty else _CABLE[outlet.pilot], 0, 1 if self.available else 0],
            131: [self.failsafe_a, self._silence.timeout_s],
            140: [relay],
            200: [word for value in (*self.energies.wh(), *phase_w, *outlet.currents_ma) for word in unsigned32(value)],
            720: text(self.id_tag, 10),
            1000: [int(self.limit_a)],
        }

    def modern_registers(self, outlet: Outlet) -> Points:
        """What firmware has that is not of the ``legacy`` variant."""
        meter = (outlet.register_wh, outlet.power_mw // 1000, MAINS_V, MAINS_V, MAINS_V)
        return {
            **self.registers(outlet),
            142: text("CC613-ELM4PR-M", 10),
            218: [word for value in meter for word in unsigned32(value)],
            716: [*unsigned32(outlet.session_mws // MWS_PER_WH), *unsigned32(self.session_s)],
            730: [0],
            740: [1 if (ev_id := self.ev_id(outlet)) else 0, *text(ev_id, 6)],
        }

    def legacy_registers(self, outlet: Outlet) -> Points:
        """No total, no power: the sum over the phases, and the session in 16 bits [u]."""
        return {**self.registers(outlet), 705: [outlet.session_mws // MWS_PER_WH], 709: [self.session_s]}

    def commands(self) -> dict[int, Command]:
        """Function 16, one register each."""
        return {
            124: Command(take=self._set_availability),
            131: Command(take=self._set_failsafe),
            132: Command(take=self._set_timeout),
            1000: Command(take=self._set_limit),
        }

    def _set_availability(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1))
        self.available = values[0] == 1
        return values[0]

    def _set_failsafe(self, values: Sequence[int]) -> int:
        accept(when=values[0] >= self._lowest_failsafe_a and (values[0] == 0 or _MIN_A <= values[0] <= _MAX_A))
        self.failsafe_a = values[0]
        return values[0]

    def _set_timeout(self, values: Sequence[int]) -> int:
        self._silence.timeout_s = values[0]
        return values[0]

    def _set_limit(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 0 or _MIN_A <= values[0] <= _MAX_A)
        self.limit_a = float(values[0])
        return values[0]


class Icc(Omcci):
    """An ICC13xx under External Energy Management."""

    def forget(self) -> None:
        """Without a power limit too."""
        super().forget()
        self.power_limit_w = _NO_POWER_LIMIT

    @property
    def phases(self) -> int:
        """A power limit that only fits one phase leaves one."""
        return 1 if self.power_limit_w < _ONE_PHASE_BELOW_W else 3

    def offer_ma(self) -> int:
        """The lower of both limits."""
        if self.power_limit_w == _NO_POWER_LIMIT:
            return super().offer_ma()
        return min(super().offer_ma(), self.power_limit_w * 1000 // (self.phases * MAINS_V))

    def modern_registers(self, outlet: Outlet) -> Points:
        """Those of the CC61x and its own limits; 730 and 740 are for `IccUnit`."""
        kept = {first: value for first, value in super().modern_registers(outlet).items() if first not in _HANGS_UP}
        return {**kept, 1001: [round(self.limit_a * 10), self.power_limit_w]}

    def commands(self) -> dict[int, Command]:
        """1001 and 1002 instead of 1000, which can only be read."""
        others = {address: command for address, command in super().commands().items() if address != 1000}
        return {**others, 1001: Command(take=self._set_tenths), 1002: Command(take=self._set_power)}

    def _set_tenths(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 0 or _MIN_A * 10 <= values[0] <= _MAX_A * 10)
        self.limit_a = values[0] / 10
        return values[0]

    def _set_power(self, values: Sequence[int]) -> int:
        self.power_limit_w = values[0]
        return values[0]


class OmcciUnit(Tables):
    """The registers; now and then the power has no value for the moment."""

    def __init__(self, box: Omcci, outlet: Outlet, options: Options, points: Callable[[Outlet], Points]) -> None:
        readable = {READ_HOLDING: lambda: points(outlet)}
        super().__init__(box, readable=readable, commands=box.commands(), options=options)
        self._gap_every = options.number("gap_every")
        self._power_reads = 0

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """As the tables have it, but every so many reads of the power are 0xFFFFFFFF."""
        words = list(super().read(function, address, count))
        if address <= _POWER and address + count >= _POWER + 2:
            self._power_reads += 1
            if self._gap_every and self._power_reads % self._gap_every == 0:
                words[_POWER - address : _POWER - address + 2] = unsigned32(NO_VALUE)
        return words


class IccUnit(OmcciUnit):
    """The same, but it hangs up on a request for 730 or 740."""

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """As the tables have it."""
        if any(register in _HANGS_UP for register in range(address, address + count)):
            raise HangUp
        return super().read(function, address, count)


class SecondSocket:
    """The way in to the second socket of a box, on the port after the first one's."""

    def __init__(self, unit: RegisterUnit, port: int, site: Site) -> None:
        self._line = ModbusLine(
            framing=Kind.MODBUS_TCP.framing,
            units={CC612_UNIT: unit},
            manners=Manners(stranger=Stranger.ANSWERED),
            faults=Faults(),
            before=lambda: None,
            second=lambda: whole_second(site.now()),
        )
        self._wire = ModbusWire(self._line, port)

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self._wire.port

    async def open(self, before: Callable[[], None]) -> None:
        """Serve."""
        self._line.before = before
        self._wire.open()

    async def shut(self) -> None:
        """Stop serving."""
        self._wire.shut()

    def give_up(self) -> None:
        """Release the port."""
        self._wire.give_up()


def _neighbours() -> int:
    """The first of two ports in a row that nobody has."""
    for _ in range(100):
        first = PortHold()
        try:
            second = PortHold(first.port + 1)
        except OSError:
            continue
        else:
            second.release()
            return first.port
        finally:
            first.release()
    raise OSError("no two ports in a row are free")


def _build_cc612(site: Site) -> Box:
    legacy = site.options.flag("legacy")
    sockets = [Omcci(outlet.plan, site.options, outlet) for outlet in site.outlets]
    units = [
        OmcciUnit(socket, outlet, site.options, socket.legacy_registers if legacy else socket.modern_registers)
        for socket, outlet in zip(sockets, site.outlets, strict=True)
    ]
    box = Box(wallboxes=sockets, units={CC612_UNIT: units[0]}, manners=Manners(stranger=Stranger.ANSWERED))
    if len(units) > 1:
        box.port = _neighbours()
        box.side_doors = {"socket2": SecondSocket(units[1], box.port + 1, site)}
    return box


def _build_icc(site: Site) -> Box:
    (outlet,) = site.outlets
    icc = Icc(outlet.plan, site.options, outlet)
    unit = IccUnit(icc, outlet, site.options, icc.modern_registers)
    return Box(wallboxes=[icc], units={ICC_UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


_OPTIONS: dict[str, OptionValue] = {
    **HOLES,
    "disclose_uid": True,
    "failsafe_a": 6,
    "failsafe_timeout_s": 60,
    "refuses_failsafe_0": False,
    "gap_every": 5,
}
"""As delivered a box opens at 6 A after a minute of silence: what setup has to find and change."""

MODELS = (
    BoxModel(
        id="bender_cc612",
        name="Bender CC613 in a MENNEKES AMTRON Professional",
        kind=Kind.MODBUS_TCP,
        build=_build_cc612,
        serial="1360412010045",
        has_card=True,
        unit_id=CC612_UNIT,
        max_points=2,
        options={**_OPTIONS, "legacy": False},
    ),
    BoxModel(
        id="bender_icc_4you",
        name="Bender ICC1324 in a MENNEKES AMTRON 4You 500",
        kind=Kind.MODBUS_TCP,
        build=_build_icc,
        serial="1360512010067",
        has_card=True,
        unit_id=ICC_UNIT,
        options=_OPTIONS,
    ),
)
"""What can be stood up."""
