"""go-e Charger on a stand, over HTTP or Modbus TCP (connectors.md 2.2; ``goe_http_v2``, ``goe_modbus``; modbus-en).

Modbus: unit 1; FC3 and FC4 read everything alike, but from 332 on, where FC3 has settings and FC4 the energies of the
cards; FC16 writes one value. What is not in the table is not there.
"""

from collections.abc import Mapping, Sequence
import math
import struct

from demo.boxes.model import Box, BoxModel, Kind, Manners, OptionValue, Site, Stranger
from demo.boxes.tables import HOLES, Command, Points, Tables, accept
from demo.car import MAINS_V, MWS_PER_WH
from demo.connectors.goe import DEFECT, ERROR, MIN_A, NO_GROUND, GoE, http_handler
from demo.modbus import READ_HOLDING, READ_INPUT, float64, text, unsigned32
from demo.physics import Outlet

UNIT = 1
_MWS_PER_DECAWATT_SECOND = 10_000
_CARDS_FIRST, _CARDS = 332, 10
_CARD_BYTES = 10
_NO_LIMIT = math.inf
_STORED_AMP = 300
_MAX_ACCESS = 3

_CARD_OPTIONS: Mapping[str, OptionValue] = {
    # UIDs it was taught, parted by commas, for its own access control.
    "cards": "",
    # Whether forcing it on overrides its access control; the reference does not say.
    "force_on_opens_access": False,
}


def _charger(site: Site, *, sends_cards: bool) -> GoE:
    return GoE(
        site.outlets[0].plan,
        sends_cards=sends_cards,
        cards=[card.strip() for card in site.options.word("cards").split(",") if card.strip()],
        force_on_opens_access=site.options.flag("force_on_opens_access"),
    )


def _http(site: Site) -> Box:
    goe = _charger(site, sends_cards=site.options.flag("rde"))
    return Box(wallboxes=[goe], handler=http_handler(goe, site.outlets[0], _already_now))


def _already_now() -> None:
    """The wire has brought the box up to now."""


class _Registers:
    """The register map of one charger."""

    def __init__(self, goe: GoE, outlet: Outlet) -> None:
        self._goe = goe
        self._outlet = outlet

    def common(self) -> Points:
        """Below 332, the same for FC3 and FC4."""
        goe, outlet = self._goe, self._outlet
        car = goe.car_state(outlet)
        closed = (1 << goe.phases) - 1 if outlet.pilot == "C" else 0
        return {
            100: [DEFECT if car == ERROR else car],
            101: [32 if goe.plugged else 0],
            105: text("60.4", 2),
            107: [NO_GROUND if goe.faulty else 0],
            108: [*unsigned32(MAINS_V), *unsigned32(MAINS_V), *unsigned32(MAINS_V)],
            114: [word for current_ma in outlet.currents_ma for word in unsigned32(current_ma // 100)],
            120: unsigned32(outlet.power_mw // 10_000),
            128: unsigned32(outlet.register_wh // 100),
            132: unsigned32(outlet.session_mws // _MWS_PER_DECAWATT_SECOND),
            144: unsigned32(0),
            146: [word for current_ma in outlet.currents_ma for word in unsigned32(current_ma * MAINS_V // 100_000)],
            152: [word for factor in (100, 100, 100, 0) for word in unsigned32(factor)],
            200: [int(goe.allowed)],
            201: [goe.acs],
            202: [0],
            203: [goe.trx or 0],
            204: [0],
            205: [0b111000 | closed],
            211: [goe.rated_a],
            299: [goe.amp],
            300: [goe.stored_amp],
            301: [0x98ED, 0x5C00, 0x0001],
            304: text(outlet.plan.serial, 6),
            327: list(struct.unpack(">5H", bytes.fromhex(goe.last_card).ljust(_CARD_BYTES, b"\0")[:_CARD_BYTES])),
        }

    def settings(self) -> Points:
        """What FC3 has from 332 on."""
        goe = self._goe
        return {
            **self.common(),
            332: [goe.psm],
            333: float64(_NO_LIMIT if goe.dwo is None else goe.dwo),
            337: [goe.frc],
        }

    def energies(self) -> Points:
        """What FC4 has from 332 on: the energy of each card, a double."""
        energies_wh = [float(card_mws // MWS_PER_WH) for card_mws in self._goe.card_mws[:_CARDS]]
        return {**self.common(), _CARDS_FIRST: [word for energy_wh in energies_wh for word in float64(energy_wh)]}


def _commands(goe: GoE) -> dict[int, Command]:
    def take_access(values: Sequence[int]) -> int:
        accept(when=values[0] <= _MAX_ACCESS)
        (goe.acs,) = values
        return goe.acs

    def take_volatile(values: Sequence[int]) -> int:
        accept(when=MIN_A <= values[0] <= goe.rated_a)
        (goe.amp,) = values
        return goe.amp

    def take_stored(values: Sequence[int]) -> int:
        accept(when=MIN_A <= values[0] <= goe.rated_a)
        goe.store_amp(values[0])
        return goe.amp

    def take_phases(values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1, 2))
        (goe.psm,) = values
        return goe.psm

    def take_limit(values: Sequence[int]) -> float:
        (limit_wh,) = struct.unpack(">d", struct.pack(">4H", *values))
        accept(when=limit_wh >= 0)
        goe.dwo = None if math.isinf(limit_wh) else limit_wh
        return float(limit_wh)

    def take_force(values: Sequence[int]) -> int:
        accept(when=values[0] in (0, 1, 2))
        (goe.frc,) = values
        return goe.frc

    return {
        201: Command(take=take_access),
        299: Command(take=take_volatile),
        _STORED_AMP: Command(take=take_stored),
        332: Command(take=take_phases),
        333: Command(take=take_limit, words=4),
        337: Command(take=take_force),
    }


class _Listening:
    """Nothing in this charger waits for a sign of life."""

    def __init__(self, goe: GoE) -> None:
        self._goe = goe

    def commanded(self, what: str, value: object) -> None:
        self._goe.commanded(what, value)

    def heard(self) -> None:
        """No watchdog."""


def _modbus(site: Site) -> Box:
    (outlet,) = site.outlets
    goe = _charger(site, sends_cards=True)
    registers = _Registers(goe, outlet)
    unit = Tables(
        _Listening(goe),
        readable={READ_HOLDING: registers.settings, READ_INPUT: registers.energies},
        commands=_commands(goe),
        options=site.options,
    )
    return Box(wallboxes=[goe], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="goe_http_v2",
        name="go-e Charger Gemini (HTTP)",
        kind=Kind.HTTP,
        build=_http,
        serial="200001",
        has_card=True,
        options={
            **_CARD_OPTIONS,
            # "Send RFID": the last card is in the status as `lri`.
            "rde": True,
        },
    ),
    BoxModel(
        id="goe_modbus",
        name="go-e Charger Gemini (Modbus TCP)",
        kind=Kind.MODBUS_TCP,
        build=_modbus,
        serial="200001",
        has_card=True,
        unit_id=UNIT,
        options={**HOLES, **_CARD_OPTIONS},
    ),
)
