"""Tinkerforge WARP Charger over Modbus TCP (connectors.md 2.11; connectors.yaml ``warp_modbus``).

Register table "WARP Charger", version 3. Inputs by function 4, the limit and the phases as holdings, the enabling as
coil 1000. The last tag is there as hex text with its age in milliseconds, so the same tag held again shows. What it was
told holds until it restarts.
"""

from collections.abc import Sequence
import struct

from pymodbus.constants import ExcCodes

from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.car import MWS_PER_WH
from demo.modbus import READ_COILS, READ_HOLDING, READ_INPUT, Refusal, float32, text, unsigned32
from demo.physics import Outlet
from demo.stalls import Place

UNIT = 1
BOOT_S = 15
TABLE_VERSION = 3
NO_USER = 0xFFFFFFFF
_MIN_MA, _MAX_MA = 6_000, 32_000
_ENABLE = 1000
_NOT_CONNECTED, _WAITING, _READY, _CHARGING, _ERROR = range(5)
_PILOTS, _PILOT_FAULT = {"A": 0, "B": 1, "C": 2}, 4
_INJECTED_WORDS = 14
_MWS_PER_KWH = 1000 * MWS_PER_WH


class Warp(Electronics):
    """The charger's electronics, as Modbus shows them."""

    def __init__(self, place: Place, options: Options) -> None:
        """As delivered, with Modbus allowed to write."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.has_phase_switch = options.flag("phase_switch")
        order = options.word("word_order")
        if order not in ("big", "little"):
            raise ValueError(f"options: word_order is {order!r}; accepted are 'big' and 'little'")
        self._low_first = order == "little"
        self.forget()

    def forget(self) -> None:
        """Open (``on_reboot: open_u``), and no tag was seen."""
        self.enabled, self.current_ma, self.chosen_phases = True, _MAX_MA, 3
        self.tag = ""
        self._tag_age_s = 0

    @property
    def phases(self) -> int:
        """As chosen."""
        return self.chosen_phases

    def show_card(self, uid: str) -> None:
        """Hold a tag before the reader."""
        self.tag, self._tag_age_s = uid.upper(), 0

    def live(self, outlet: Outlet) -> None:
        """The tag grows older."""
        self._tag_age_s += 1

    def offer_ma(self) -> int:
        """The minimum over what is allowed."""
        return min(self.current_ma, self.rated_a * 1000) if self.enabled else 0

    def state(self, outlet: Outlet) -> int:
        """1002: 1 waits for its release."""
        if self.faulty:
            return _ERROR
        if not self.plugged:
            return _NOT_CONNECTED
        if outlet.pilot == "C":
            return _CHARGING
        return _READY if self.offer_ma() else _WAITING

    def input_registers(self, outlet: Outlet) -> Points:
        """Everything function 4 reads. An age without a tag is 0 [u]."""
        pilot = _PILOT_FAULT if self.faulty else _PILOTS[outlet.pilot]
        evse = (pilot, self.state(outlet), 0 if self.plugged else NO_USER, 0, self.session_s, self.offer_ma())
        energies = (outlet.register_mws, outlet.register_mws, outlet.session_mws)
        meter = (outlet.power_mw / 1000, *(energy_mws / _MWS_PER_KWH for energy_mws in energies))
        points: dict[int, Sequence[int]] = {
            0: self._long(TABLE_VERSION),
            12: self._long(self.uptime_s),
            1000: [word for value in evse for word in self._long(value)],
            2002: [word for value in meter for word in self._ordered(float32(value))],
            4000: [
                *text(self.tag, 10),
                *self._long(self._tag_age_s * 1000),
                *text("0000" if len(self.tag) == 8 else "0002" if self.tag else "", 2),
            ],
        }
        if self.has_phase_switch:
            points[3100] = [*self._long(self.chosen_phases), *self._long(0)]
        return points

    def holding_registers(self) -> Points:
        """What was told, to be read back."""
        points: dict[int, Sequence[int]] = {1002: self._long(self.current_ma)}
        if self.has_phase_switch:
            points[3100] = self._long(self.chosen_phases)
        return points

    def commands(self) -> dict[int, Command]:
        """Function 16; a value in all its registers at once."""
        commands = {
            1002: Command(take=self._set_current, words=2),
            4000: Command(take=self._inject_tag, words=_INJECTED_WORDS),
        }
        if self.has_phase_switch:
            commands[3100] = Command(take=self._set_phases, words=2)
        return commands

    def _ordered(self, words: list[int]) -> list[int]:
        return words[::-1] if self._low_first else words

    def _long(self, value: int) -> list[int]:
        return self._ordered(unsigned32(value))

    def _value(self, words: Sequence[int]) -> int:
        high, low = self._ordered(list(words))
        return high << 16 | low

    def _set_current(self, values: Sequence[int]) -> int:
        current_ma = self._value(values)
        accept(when=current_ma == 0 or _MIN_MA <= current_ma <= _MAX_MA)
        self.current_ma = current_ma
        return current_ma

    def _set_phases(self, values: Sequence[int]) -> int:
        phases = self._value(values)
        accept(when=phases in (1, 3))
        self.chosen_phases = phases
        return phases

    def _inject_tag(self, values: Sequence[int]) -> str:
        """4000-4009 UID, 4010-4011 what it may do, 4012-4013 its type. No users are managed: it releases nothing."""
        given = struct.pack(f">{_INJECTED_WORDS}H", *values)
        uid, action, kind = (part.rstrip(b"\0") for part in (given[:20], given[20:24], given[24:]))
        accept(when=bool(uid) and action.isdigit() and kind.isdigit())
        try:
            return bytes.fromhex(uid.decode("ascii")).hex()
        except ValueError as error:
            raise Refusal(ExcCodes.ILLEGAL_VALUE) from error


class WarpUnit(Tables):
    """The registers, and one coil."""

    def __init__(self, warp: Warp, outlet: Outlet, options: Options) -> None:
        super().__init__(
            warp,
            readable={READ_INPUT: lambda: warp.input_registers(outlet), READ_HOLDING: warp.holding_registers},
            commands=warp.commands(),
            options=options,
        )
        self._warp = warp

    def read_bits(self, function: int, address: int, count: int) -> Sequence[bool]:
        """Coil 1000; there are no discrete inputs."""
        if function != READ_COILS or (address, count) != (_ENABLE, 1):
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        return [self._warp.enabled]

    def write_bits(self, function: int, address: int, values: Sequence[bool]) -> None:
        """Enable or disable."""
        if (address, len(values)) != (_ENABLE, 1):
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        self._warp.enabled = values[0]
        self._warp.commanded(str(_ENABLE), values[0])


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    warp = Warp(outlet.plan, site.options)
    unit = WarpUnit(warp, outlet, site.options)
    return Box(wallboxes=[warp], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="warp_modbus",
        name="Tinkerforge WARP3 Charger Pro (Modbus)",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="XyZ2",
        has_card=True,
        unit_id=UNIT,
        options={**HOLES, "phase_switch": True, "word_order": "big"},
    ),
)
"""What can be stood up."""
