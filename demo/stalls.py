"""The demo building on paper: which wall connector stands where, who reads the cards, how it is wired.

Plans only, frozen; what runs is in ``building.py``, what flows in ``physics.py``. Models are named by the ids of the
connector reference (``connectors.yaml``), so that a profile of that id fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Model(StrEnum):
    """The wall connectors the demo can stand up."""

    KEBA_P30 = "keba_p30"
    ALFEN_EVE = "alfen_eve"
    GOE_HTTP_V2 = "goe_http_v2"
    TESLA_TWC3 = "tesla_twc3"


class CardReader(StrEnum):
    """Who sees a card shown at the stall."""

    OWN = "own"
    """The wall connector itself, over its own protocol."""
    HOME_ASSISTANT = "home_assistant"
    """A reader that Home Assistant knows as a device."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place where a wall connector hangs, whatever its model."""

    id: str
    name: str
    serial: str
    rated_a: int = 32
    """What installer and cable allow per phase."""
    phase_map: tuple[int, int, int] = (1, 2, 3)
    """Supply phase (1..3) on the connector's L1, L2, L3."""
    register_start_wh: int = 0
    """What the billing register shows in the beginning."""


@dataclass(frozen=True, kw_only=True)
class StallPlan(Place):
    """One parking place of the demo building with its wall connector."""

    model: Model
    safe_current_a: int = 6
    """Alfen only: what it offers when nobody refreshes the set point; 0 fails closed."""

    @property
    def reader(self) -> CardReader:
        """Only the KEBA reads cards itself; the others have a reader on the wall beside them."""
        return CardReader.OWN if self.model is Model.KEBA_P30 else CardReader.HOME_ASSISTANT

    @property
    def behind_contactor(self) -> bool:
        """A Tesla Wall Connector cannot be controlled, so a contactor and a meter stand in front of it."""
        return self.model is Model.TESLA_TWC3

    @property
    def unit_id(self) -> int | None:
        """Modbus unit that answers for the stall; None for HTTP models."""
        return {Model.KEBA_P30: 255, Model.ALFEN_EVE: 1}.get(self.model)


@dataclass(frozen=True, kw_only=True)
class BuildingPlan:
    """The whole building: supply, sun, stalls, and the seed that makes a run repeat."""

    name: str = "Lindenhof"
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"
    latitude: float = 52.5
    longitude: float = 13.4
    fuse_a: int = 63
    pv_peak_w: int = 30_000
    cloudiness: float = 0.4
    """0 is a clear sky, 1 a day of thick clouds."""
    house_w: int = 4_000
    """Average load of everything but the stalls."""
    battery_wh: int = 0
    """What the house's battery holds; 0: there is none."""
    battery_w: int = 5_000
    seed: int = 1
    stalls: tuple[StallPlan, ...]

    def __post_init__(self) -> None:
        """Refuse a plan with two stalls of one id or one serial number."""
        for what, values in (("id", [s.id for s in self.stalls]), ("serial", [s.serial for s in self.stalls])):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"stalls: {what} must be unique, but {', '.join(twice)} is there twice")

    def stall(self, stall_id: str) -> StallPlan:
        """The plan of one stall; KeyError names the known ids."""
        for stall in self.stalls:
            if stall.id == stall_id:
                return stall
        raise KeyError(f"no stall {stall_id!r}; the building has {', '.join(s.id for s in self.stalls)}")


_SERIALS = {
    Model.KEBA_P30: "2100{:04d}",
    Model.ALFEN_EVE: "ACE02{:05d}",
    Model.GOE_HTTP_V2: "2{:05d}",
    Model.TESLA_TWC3: "PGT{:011d}",
}
_ROTATIONS = ((1, 2, 3), (2, 3, 1), (3, 1, 2))
"""Electricians turn the phases from stall to stall, so that single-phase cars spread over the supply."""


def stalls_of(models: Sequence[Model]) -> tuple[StallPlan, ...]:
    """Stalls ``stall-1``, ``stall-2``… with the given models, phases turned from one to the next."""
    return tuple(
        StallPlan(
            id=f"stall-{number}",
            name=f"Stall {number}",
            model=model,
            serial=_SERIALS[model].format(number),
            rated_a=16 if model is Model.TESLA_TWC3 else 32,
            phase_map=_ROTATIONS[(number - 1) % 3],
            register_start_wh=137_000 * number,
        )
        for number, model in enumerate(models, start=1)
    )


LINDENHOF = BuildingPlan(
    battery_wh=12_000,
    stalls=stalls_of([Model.KEBA_P30, Model.ALFEN_EVE, Model.GOE_HTTP_V2, Model.TESLA_TWC3, Model.KEBA_P30]),
)
"""The building of the demo: five stalls on 3 x 63 A under 30 kWp of sun, with a battery of 12 kWh."""
