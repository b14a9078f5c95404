"""KEBA KeContact P30 and P40 on a stand (connectors.md 2.1; connectors.yaml ``keba_p30``, ``keba_p40``, ``keba_udp``).

One Modbus client at a time. With the option ``udp`` the P30 also speaks its text interface, on port ``udp_port`` of
``udp_host`` (`Stand.ports["udp"]`); KEBA advises against using both at once.
"""

from typing import TypedDict

from demo.boxes.keba_udp import TextDoor, TextInterface
from demo.boxes.model import Box, BoxModel, Kind, Manners, Options, OptionValue, Site, Stranger
from demo.car import MWS_PER_WH
from demo.connectors.keba import ANY_CARD, MWS_PER_TENTH_WH, SWITCHED_BY_MODBUS, SWITCHED_BY_UDP, Keba, KebaUnit, Traits
from demo.doors import HOST

UNIT = 255
_TENTHS_SINCE = 10_201
"""P40 firmware 1.2.1, as it reports itself; before it the energies were in Wh."""
_PHASES_SINCE = 10_300
_P40_PRODUCT = 401_011
_P40_ONE_PHASE, _P40_THREE_PHASES = 1, 3

_CARDS: dict[str, OptionValue] = {
    # Its own authorisation: no energy before a card among `cards` ("*" any; else UIDs parted by commas).
    "authorisation": False,
    "cards": ANY_CARD,
}


class _CardTraits(TypedDict):
    authorisation: bool
    cards: str


def _modbus(keba: Keba, site: Site) -> Box:
    return Box(
        wallboxes=[keba],
        units={UNIT: KebaUnit(keba, site.outlets[0])},
        manners=Manners(stranger=Stranger.GATEWAY, max_clients=1),
    )


def _p30(site: Site) -> Box:
    options = site.options
    source = (SWITCHED_BY_UDP if options.flag("udp") else SWITCHED_BY_MODBUS) if options.flag("s10") else 0
    keba = Keba(site.outlets[0].plan, Traits(phase_source=source, **_card_traits(options)))
    box = _modbus(keba, site)
    if options.flag("udp"):
        interface = TextInterface(keba, site.outlets[0], site.now)
        door = TextDoor(interface, host=options.word("udp_host"), port=options.number("udp_port"))
        box.side_doors = {"udp": door}
        box.pulse = door.push
    return box


def _p40(site: Site) -> Box:
    options = site.options
    firmware = options.number("firmware")
    traits = Traits(
        product=_P40_PRODUCT,
        firmware=firmware,
        energy_unit_mws=MWS_PER_TENTH_WH if firmware >= _TENTHS_SINCE else MWS_PER_WH,
        gate=False,
        phase_source=SWITCHED_BY_MODBUS if firmware >= _PHASES_SINCE else 0,
        one_phase=_P40_ONE_PHASE,
        three_phases=_P40_THREE_PHASES,
        shows_cards=options.flag("rfid_over_modbus") and options.flag("authorisation"),
        **_card_traits(options),
    )
    return _modbus(Keba(site.outlets[0].plan, traits), site)


def _card_traits(options: Options) -> _CardTraits:
    return {"authorisation": options.flag("authorisation"), "cards": options.word("cards")}


MODELS = (
    BoxModel(
        id="keba_p30",
        name="KEBA KeContact P30",
        kind=Kind.MODBUS_TCP,
        build=_p30,
        serial="21000001",
        has_card=True,
        unit_id=UNIT,
        options={
            **_CARDS,
            # A KeContact S10 is fitted: phases can be switched (by UDP where that is on, else by Modbus).
            "s10": False,
            "udp": False,
            "udp_host": HOST,
            "udp_port": 0,
        },
    ),
    BoxModel(
        id="keba_p40",
        name="KEBA KeContact P40",
        kind=Kind.MODBUS_TCP,
        build=_p40,
        serial="24000001",
        has_card=True,
        unit_id=UNIT,
        options={
            **_CARDS,
            # As register 1018 says it: 10300 is 1.3.0, the first to switch phases; before 10201 energies are in Wh.
            "firmware": 10_300,
            # Switched on in its app; and cards are read only while its authorisation is on.
            "rfid_over_modbus": True,
        },
    ),
)
