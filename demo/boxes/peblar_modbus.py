"""Peblar Home, Home Plus, Business over Modbus TCP (connectors.md 2.10; connectors.yaml ``peblar_modbus``).

Inputs by function 4, holdings by 3. It has no watchdog that a source describes and holds its limit when nobody speaks.
No card is readable here (the session's is in the web API).
"""

from collections.abc import Sequence

from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.car import MAINS_V
from demo.modbus import READ_HOLDING, READ_INPUT, WRITE_REGISTER, text, unsigned32, unsigned64
from demo.physics import Outlet
from demo.stalls import Place

UNIT = 255
BOOT_S = 30
_MIN_MA, _MAX_MA = 6_000, 32_000
_BY_INSTALLATION, _BY_MODBUS = 1, 3
"""Who limits (30112); the numbers are ours, the reference gives none."""


class Peblar(Electronics):
    """The box's electronics."""

    def __init__(self, place: Place, options: Options) -> None:
        """As delivered."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.independent_relays = options.flag("independent_relays")
        self.forget()

    def forget(self) -> None:
        """Open at its rating on three phases (no source says what it does; this is the worst)."""
        self.limit_ma = self.rated_a * 1000
        self.one_phase = False

    @property
    def phases(self) -> int:
        """One when forced to."""
        return 1 if self.one_phase else 3

    def offer_ma(self) -> int:
        """What the limit says; 0 pauses."""
        return self.limit_ma

    def state(self, outlet: Outlet) -> str:
        """Register 30110, in its low byte."""
        return "F" if self.faulty else outlet.pilot

    def input_registers(self, outlet: Outlet) -> Points:
        """Everything function 4 reads. Between them lie holes."""
        phases_w = [current_ma * MAINS_V // 1000 for current_ma in outlet.currents_ma]
        watts = [*phases_w, outlet.power_mw // 1000]
        meter = [*watts, MAINS_V, MAINS_V, MAINS_V, *outlet.currents_ma]
        actual_ma = min(self.limit_ma, self.rated_a * 1000)
        return {
            30000: unsigned64(outlet.register_wh),
            30008: [word for value in meter for word in unsigned32(value)],
            30050: text(outlet.plan.serial, 12),
            30062: text("6004-2300-8002", 12),
            30074: text("1.6.1+1+WL-1", 12),
            30092: [3, 1 if self.independent_relays else 0],
            30110: [ord(self.state(outlet))],
            30112: [_BY_MODBUS if self.limit_ma < self.rated_a * 1000 else _BY_INSTALLATION, actual_ma],
        }

    def holding_registers(self) -> Points:
        """The limit, and the phase where it can be switched."""
        points: dict[int, Sequence[int]] = {40000: unsigned32(self.limit_ma)}
        if self.independent_relays:
            points[40002] = [1 if self.one_phase else 0]
        return points

    def commands(self) -> dict[int, Command]:
        """The limit by function 16, the phases by function 6."""
        commands = {40000: Command(take=self._set_limit, words=2)}
        if self.independent_relays:
            commands[40002] = Command(take=self._force_one_phase, functions=(WRITE_REGISTER,))
        return commands

    def _set_limit(self, values: Sequence[int]) -> int:
        limit_ma = values[0] << 16 | values[1]
        accept(when=limit_ma == 0 or _MIN_MA <= limit_ma <= _MAX_MA)
        self.limit_ma = limit_ma
        return limit_ma

    def _force_one_phase(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1))
        self.one_phase = values[0] == 1
        return values[0]


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    peblar = Peblar(outlet.plan, site.options)
    unit = Tables(
        peblar,
        readable={READ_INPUT: lambda: peblar.input_registers(outlet), READ_HOLDING: peblar.holding_registers},
        commands=peblar.commands(),
        options=site.options,
    )
    return Box(wallboxes=[peblar], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="peblar_modbus",
        name="Peblar Home Plus (Modbus)",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="23-45-A4O-MOF",
        unit_id=UNIT,
        options={**HOLES, "independent_relays": True},
    ),
)
"""What can be stood up."""
