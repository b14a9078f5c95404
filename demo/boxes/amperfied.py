"""Amperfied connect.home and connect.business (connectors.md 2.9; connectors.yaml ``amperfied_connect``).

The register set of the Heidelberg Energy Control over TCP at unit 255, with a card reader and switchable phases.
"""

from collections.abc import Sequence

from demo.boxes import heidelberg
from demo.boxes.heidelberg import Heidelberg
from demo.boxes.model import Box, BoxModel, Kind, Manners, Site, Stranger
from demo.boxes.tables import Command, Points, Tables, accept
from demo.modbus import READ_HOLDING, READ_INPUT
from demo.physics import Outlet

UNIT = 255
_CARD_BYTES = 12


class Connect(Heidelberg):
    """The box's electronics."""

    def __init__(self, site: Site) -> None:
        """As delivered, on three phases."""
        self._phases = 3
        self._card = b""
        super().__init__(site)

    def forget(self) -> None:
        """The choice of phases is gone [u], the last card too."""
        super().forget()
        self._phases, self._card = 3, b""

    @property
    def phases(self) -> int:
        """As chosen."""
        return self._phases

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader; it stays readable until another comes (no source says that it goes) [u]."""
        self._card = bytes.fromhex(uid)

    def inputs(self, outlet: Outlet) -> Points:
        """The Heidelberg's, the card's bytes, and the phases."""
        card = self._card.ljust(_CARD_BYTES, b"\0")
        return {
            **super().inputs(outlet),
            2002: [int.from_bytes(card[at : at + 2]) for at in range(0, _CARD_BYTES, 2)],
            5001: [self._phases],
        }

    def commands(self) -> dict[int, Command]:
        """The Heidelberg's, and the phases."""
        return {**super().commands(), 501: Command(take=self._take_phases)}

    def _take_phases(self, values: Sequence[int]) -> int:
        accept(when=values[0] in (1, 3))
        self._phases = values[0]
        return values[0]


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    box = Connect(site)
    unit = Tables(
        box,
        readable={READ_INPUT: lambda: box.inputs(outlet), READ_HOLDING: box.holdings},
        commands=box.commands(),
        options=site.options,
    )
    return Box(wallboxes=[box], units={UNIT: unit}, manners=Manners(stranger=Stranger.SILENCE))


MODELS = (
    BoxModel(
        id="amperfied_connect",
        name="Amperfied connect.home",
        kind=Kind.MODBUS_TCP,
        build=_build,
        serial="AMP-22-0001234",
        has_card=True,
        unit_id=UNIT,
        max_a=heidelberg.MODELS[0].max_a,
        options=heidelberg.MODELS[0].options,
    ),
)
"""What can be stood up."""
