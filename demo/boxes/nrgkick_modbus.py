"""NRGkick Gen2 over Modbus TCP (connectors.md 2.11; connectors.yaml ``nrgkick_gen2_modbus``).

Unit 1, function 3 reads, 6 writes, low word first. A pause is its own register (195); the current can not be 0. The
number of phases is refused unless switching was allowed in the app. It holds what it was told. No card.
"""

from collections.abc import Sequence

from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept, low_first, signed32, text_swapped
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import READ_HOLDING, WRITE_REGISTER, unsigned32, unsigned64
from demo.physics import Outlet
from demo.stalls import Place

UNIT = 1
BOOT_S = 15
_MIN_DA, _MAX_DA = 60, 320
_STANDBY, _CONNECTED, _CHARGING, _ERROR, _WAKING = 1, 2, 3, 6, 7
_WAKING_S = 5
"""How long it shows that it wakes a car after a pause [u]."""
_RELAY_N, _RELAYS_ALL = 0b0001, {1: 0b0011, 3: 0b1111}


class NrgKick(Electronics):
    """The unit's electronics."""

    def __init__(self, place: Place, options: Options) -> None:
        """As delivered."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.may_switch_phases = options.flag("phase_switch")
        self.forget()

    def forget(self) -> None:
        """Open at its rating (no source says that a pause is stored; this is the worst)."""
        self.current_da = min(self.rated_a * 10, _MAX_DA)
        self.paused = False
        self.chosen_phases = 3
        self._waking_s = 0

    @property
    def phases(self) -> int:
        """As chosen."""
        return self.chosen_phases

    def live(self, outlet: Outlet) -> None:
        """The moment it needs to wake a car."""
        self._waking_s = max(self._waking_s - 1, 0)

    def offer_ma(self) -> int:
        """The current, unless paused."""
        return 0 if self.paused else self.current_da * 100

    def state(self, outlet: Outlet) -> int:
        """Register 251."""
        if self.faulty:
            return _ERROR
        if not self.plugged:
            return _STANDBY
        if outlet.pilot == "C":
            return _CHARGING
        return _WAKING if self._waking_s and not self.paused else _CONNECTED

    def registers(self, outlet: Outlet) -> Points:
        """Everything that can be read. Between them lie holes."""
        return {
            0: text_swapped(outlet.plan.serial, 11),
            36: [3],
            194: [self.current_da, 1 if self.paused else 0],
            198: [self.chosen_phases],
            199: low_first(unsigned64(outlet.register_wh)),
            203: low_first(unsigned32(outlet.session_mws // MWS_PER_WH)),
            210: low_first(signed32(outlet.power_mw)),
            217: [MAINS_V * 100] * 3,
            220: list(outlet.currents_ma),
            251: [self.state(outlet)],
            253: [_RELAYS_ALL[self.phases] if outlet.pilot == "C" else _RELAY_N],
            255: [0, 0, 1 if self.faulty else 0],
        }

    def commands(self) -> dict[int, Command]:
        """One register each, function 6."""
        takes = {194: self._set_current, 195: self._pause, 198: self._set_phases}
        return {address: Command(take=take, functions=(WRITE_REGISTER,)) for address, take in takes.items()}

    def _set_current(self, values: Sequence[int]) -> int:
        accept(when=_MIN_DA <= values[0] <= _MAX_DA)
        self.current_da = values[0]
        return values[0]

    def _pause(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1))
        if self.paused and values[0] == 0:
            self._waking_s = _WAKING_S
        self.paused = values[0] == 1
        return values[0]

    def _set_phases(self, values: Sequence[int]) -> int:
        accept(when=self.may_switch_phases and values[0] in (1, 3))
        self.chosen_phases = values[0]
        return values[0]


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    nrgkick = NrgKick(outlet.plan, site.options)
    unit = Tables(
        nrgkick,
        readable={READ_HOLDING: lambda: nrgkick.registers(outlet)},
        commands=nrgkick.commands(),
        options=site.options,
    )
    return Box(wallboxes=[nrgkick], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="nrgkick_gen2_modbus",
        name="NRGkick Gen2 (Modbus)",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="NG2-22A0012345",
        unit_id=UNIT,
        options={**HOLES, "phase_switch": True},
    ),
)
"""What can be stood up."""
