"""MENNEKES AMTRON: Compact 2.0s on RS485, Xtra and Premium (HCC3) over TCP (connectors.md 2.5; connectors.yaml
``mennekes_compact``, ``mennekes_hcc3``).

The Compact obeys only a master whose heartbeat it hears: limit and release fall with it. The HCC3 has no watchdog,
keeps its limit, counts only the energy of the session, and puts the low word first. Neither shows a card.
"""

from collections.abc import Sequence
import math

from demo.boxes.electronics import Electronics, Watchdog
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept, low_first, text_swapped
from demo.car import MAINS_V, MWS_PER_WH
from demo.modbus import (
    READ_HOLDING,
    READ_INPUT,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    as_float32,
    float32,
    text,
    unsigned32,
)
from demo.physics import Outlet
from demo.stalls import Place

COMPACT_UNIT, HCC3_UNIT = 50, 255
BOOT_S = 20
HEARTBEAT = 0x55AA
HEARTBEAT_TIMEOUT_S = 7
"""A beat every 5 s keeps it, one every 10 s does not (evcc issue 11068); in between the reference is silent."""
_MIN_A, _MAX_A = 6, 32
_IDLE, _CONNECTED, _RELEASED, _OFFERING, _CHARGING, _FAULT = 1, 2, 3, 4, 5, 6
_MWS_PER_KWH = 1000 * MWS_PER_WH


class Compact(Electronics):
    """A Compact as satellite: closed until a heartbeat, a limit and a release have come."""

    def __init__(self, place: Place, options: Options) -> None:
        """As after its first start."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self._timeout_s = options.number("heartbeat_timeout_s")
        self.can_switch_phases = options.flag("phase_switching")
        self._one_phase = False
        self.forget()

    def forget(self) -> None:
        """After a start nobody has been heard, so it is closed."""
        self._heartbeat = Watchdog(self._timeout_s, fed=False)
        self._close()

    def _close(self) -> None:
        self.limit_a, self.released, self._acknowledged = 0.0, False, False

    @property
    def phases(self) -> int:
        """As the master chose, where there is a second contactor."""
        return 1 if self._one_phase else 3

    def live(self, outlet: Outlet) -> None:
        """Limit and release are worth nothing without a heartbeat, even when they were written after it ended."""
        self._heartbeat.second()
        if self._heartbeat.ran_out:
            self._close()

    def offer_ma(self) -> int:
        """What the limit says, when released."""
        return round(self.limit_a * 1000) if self.released else 0

    def state(self, outlet: Outlet) -> int:
        """Register 0x0100: 1 no car, 2 to 4 plugged, 5 charging, 6 fault."""
        if self.faulty:
            return _FAULT
        if not self.plugged:
            return _IDLE
        if outlet.pilot == "C":
            return _CHARGING
        if outlet.offered_ma:
            return _OFFERING
        return _RELEASED if self.released else _CONNECTED

    def registers(self, outlet: Outlet) -> Points:
        """Everything function 3 reads. Limit and phases are only written; limit and release have no common block."""
        l1_a, l2_a, l3_a = (current_ma / 1000 for current_ma in outlet.currents_ma)
        session_kwh, total_kwh = outlet.session_mws / _MWS_PER_KWH, outlet.register_mws / _MWS_PER_KWH
        points: dict[int, Sequence[int]] = {
            0x0001: text("2.1.17", 8),
            0x0013: text(outlet.plan.serial, 8),
            0x0100: [self.state(outlet)],
            0x0101: [1 if self.released else 0],
            0x0108: [{"A": 1, "B": 2, "C": 3}[outlet.pilot]],
            0x030C: [2 if self.can_switch_phases else 1],
            0x0500: [word for value in (l1_a, l2_a, l3_a, *[float(MAINS_V)] * 3) for word in float32(value)],
            0x0512: float32(outlet.power_mw / 1000),
            0x0B02: [*float32(session_kwh), *unsigned32(self.session_s)],
            0x0D05: [1 if self.released else 0],
            0x1000: float32(total_kwh),
        }
        return points

    def commands(self) -> dict[int, Command]:
        """A float takes function 16, a single register function 6 (``write_fc``)."""
        commands = {
            0x0302: Command(take=self._set_limit, words=2, functions=(WRITE_REGISTERS,)),
            0x0D00: Command(take=self._beat, functions=(WRITE_REGISTER,)),
            0x0D05: Command(take=self._set_release, functions=(WRITE_REGISTER,)),
        }
        if self.can_switch_phases:
            commands[0x0D04] = Command(take=self._set_phases, functions=(WRITE_REGISTER,))
        return commands

    def _beat(self, values: Sequence[int]) -> int:
        accept(when=values[0] == HEARTBEAT)
        self._heartbeat.feed()
        return values[0]

    def _set_limit(self, values: Sequence[int]) -> float:
        limit_a = as_float32(values)
        accept(when=math.isfinite(limit_a) and (limit_a == 0 or _MIN_A <= limit_a <= _MAX_A))
        self.limit_a = limit_a
        self._acknowledged = self.faulty and limit_a == 0
        return limit_a

    def _set_release(self, values: Sequence[int]) -> int:
        """Release 1 after limit 0 ends the fault (connectors.md 2.5)."""
        accept(when=values[0] in (0, 1))
        self.released = values[0] == 1
        if self.released and self._acknowledged:
            self.faulty = False
        return values[0]

    def _set_phases(self, values: Sequence[int]) -> int:
        """0x0D04: 1 is one phase, 0 all of them."""
        accept(when=values[0] in (0, 1))
        self._one_phase = values[0] == 1
        return values[0]


class Hcc3(Electronics):
    """An Xtra or Premium: a limit that stays, and nothing that watches the master."""

    def __init__(self, place: Place) -> None:
        """As delivered: open at its rating."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.forget()

    def forget(self) -> None:
        """The limit is gone, so it is open (no source says what it does; this is the worst)."""
        self.limit_a = self.rated_a

    def offer_ma(self) -> int:
        """What the limit says; 0 pauses."""
        return self.limit_a * 1000

    def state(self, outlet: Outlet) -> int:
        """Input 0x0302: A1, A2, B1, B2, C1, C2 as 1 to 6; the second of each when current is offered [u]."""
        drawing = outlet.pilot == "C" or any(outlet.currents_ma)
        letter = 5 if drawing else 3 if self.plugged else 1
        return letter + (1 if self.offer_ma() else 0)

    def input_registers(self, outlet: Outlet) -> Points:
        """0x0302 and on, low word first."""
        return {
            0x0302: [self.state(outlet)],
            0x0308: [self.phases],
            0x030B: low_first(unsigned32(int(outlet.plan.serial))),
            0x030D: low_first(unsigned32(outlet.session_mws // MWS_PER_WH)),
            0x030F: low_first(unsigned32(outlet.power_mw // 1000)),
            0x0311: text_swapped("AMTRON Premium", 11),
        }

    def holding_registers(self) -> Points:
        """Only the limit."""
        return {0x0400: [self.limit_a]}

    def commands(self) -> dict[int, Command]:
        """The limit in whole amperes."""
        return {0x0400: Command(take=self._set_limit, functions=(WRITE_REGISTER,))}

    def _set_limit(self, values: Sequence[int]) -> int:
        accept(when=values[0] == 0 or _MIN_A <= values[0] <= _MAX_A)
        self.limit_a = values[0]
        return values[0]


def _build_compact(site: Site) -> Box:
    (outlet,) = site.outlets
    compact = Compact(outlet.plan, site.options)
    unit = Tables(
        compact,
        readable={READ_HOLDING: lambda: compact.registers(outlet)},
        commands=compact.commands(),
        options=site.options,
    )
    return Box(wallboxes=[compact], units={COMPACT_UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


def _build_hcc3(site: Site) -> Box:
    (outlet,) = site.outlets
    hcc3 = Hcc3(outlet.plan)
    unit = Tables(
        hcc3,
        readable={READ_INPUT: lambda: hcc3.input_registers(outlet), READ_HOLDING: hcc3.holding_registers},
        commands=hcc3.commands(),
        options=site.options,
    )
    return Box(wallboxes=[hcc3], units={HCC3_UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="mennekes_compact",
        name="MENNEKES AMTRON Compact 2.0s 11 C2",
        kind=Kind.MODBUS_RTU,
        build=_build_compact,
        serial="1384202.00123",
        unit_id=COMPACT_UNIT,
        options={**HOLES, "heartbeat_timeout_s": HEARTBEAT_TIMEOUT_S, "phase_switching": True},
    ),
    BoxModel(
        id="mennekes_hcc3",
        name="MENNEKES AMTRON Premium",
        kind=Kind.MODBUS_TCP,
        build=_build_hcc3,
        serial="35001234",
        unit_id=HCC3_UNIT,
        options=HOLES,
    ),
)
"""What can be stood up."""
