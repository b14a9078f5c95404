"""The parking places of the play, and what the sources say of each: by hand, never asked of the product.

Facts are from the connector reference: 1.4, 1.5 and 2.0 to 2.12 (what silence, a restart and an unplug do to each
box). What a place *gives* is what a car gets there while Home Assistant is dead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from demo import meters
from demo.stalls import BuildingPlan, Model, stalls_of

type Pages = Mapping[str, Mapping[str, object]]

MAX_A = 16
FUSE_A = 200
"""Enough for all places at once: what a car gets is decided by its box alone."""


class Lock(StrEnum):
    """The qualities of a lock, from best to worst."""

    ENFORCED = "enforced"
    HELD = "held"
    DETECT_AND_BILL = "detect_and_bill"
    MONITOR = "monitor"


class Alone(StrEnum):
    """What becomes of a running charge while nobody talks to the box."""

    GOES_ON = "goes on"
    CUT = "is cut by the box"


class Wire(StrEnum):
    """How Home Assistant comes to know of a place."""

    OWN = "own"
    """The box's own protocol, on a stand of its own."""
    BOARD = "board"
    """A Tesla behind a contactor and a meter that Home Assistant has as entities, on the building's board."""
    METER_ONLY = "meter only"
    """A box that Home Assistant knows nothing of but its meter."""


@dataclass(frozen=True, kw_only=True)
class Parking:
    """One place."""

    name: str
    model: str
    """Of the simulated box, and of the profile it is set up with."""
    lock: Lock
    """What it must be called once it is set up."""
    alone: Alone
    next_gets: bool
    """Whether a stranger who takes a resident's place while Home Assistant is dead gets energy."""
    free_gets: bool
    """The same at a place that was free and locked."""
    counts: bool
    """It counts the energy of each plug-in by itself, so another car that came unseen is told from the first."""
    wire: Wire = Wire.OWN
    options: Mapping[str, object] = field(default_factory=dict)
    """Of the simulated box."""
    serial: str | None = None
    """Of the simulated box, where its model hangs here more than once."""
    unit_id: int | None = None
    reach: Mapping[str, object] | None = None
    """What is answered where the set-up asks by which way, or which connector of the box."""
    contactor: bool = False
    """Home Assistant switches a contactor in front of it."""
    meter: bool = False
    """It is billed from a meter that Home Assistant has as an entity."""
    sees_plug: bool = True
    """It tells when a car is unplugged."""
    gate: bool = True
    """It can be locked at all."""

    @property
    def billable(self) -> bool:
        """Whether there is a register to bill from."""
        return self.wire is not Wire.OWN or self.model != Model.TESLA_TWC3

    @property
    def told_apart(self) -> bool:
        """Whether one car can be told from the next: where nobody tells of a plug, only a person ends a session."""
        return self.wire is not Wire.METER_ONLY

    @property
    def lag_s(self) -> int:
        """How old the register may be that is read: a meter of Home Assistant is looked at now and then."""
        return meters.SCAN_INTERVAL_S + 5 if self.meter or self.wire is Wire.METER_ONLY else 0


PLACES = (
    # 2.2: access control waits for a transaction, and the plug ends it: nobody after the resident is let in.
    Parking(
        name="go-e",
        model="goe_http_v2",
        lock=Lock.ENFORCED,
        alone=Alone.GOES_ON,
        next_gets=False,
        free_gets=False,
        counts=True,
    ),
    # 2.11: the slot is cleared when the car leaves, and begins at 0.
    Parking(
        name="WARP",
        model="warp_http",
        lock=Lock.ENFORCED,
        alone=Alone.GOES_ON,
        next_gets=False,
        free_gets=False,
        counts=False,
    ),
    # 1.5, 2.12: the relay opens by itself 180 s after it was last told to stay closed.
    Parking(
        name="Shelly relay",
        model="shelly_gen2_contactor",
        lock=Lock.ENFORCED,
        alone=Alone.CUT,
        next_gets=False,
        free_gets=False,
        counts=False,
        sees_plug=False,
    ),
    # 2.1: in a session the failsafe is the safe share, for whoever is plugged in; else 0.
    Parking(
        name="KEBA P30",
        model="keba_p30",
        unit_id=255,
        lock=Lock.HELD,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=False,
        counts=True,
    ),
    # 2.3: without a fresh set point it offers its safe current, which the installer set to 0.
    Parking(
        name="Alfen, safe current 0",
        model="alfen_eve",
        options={"safe_current_a": 0},
        unit_id=1,
        reach={"point": 1},
        lock=Lock.HELD,
        alone=Alone.CUT,
        next_gets=False,
        free_gets=False,
        counts=False,
    ),
    # 1.5: a contactor stays as it is.
    Parking(
        name="Tesla behind a contactor",
        model="tesla_twc3",
        wire=Wire.BOARD,
        contactor=True,
        meter=True,
        lock=Lock.HELD,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=False,
        counts=False,
    ),
    # 2.3: as delivered, the safe current is 6 A.
    Parking(
        name="Alfen, safe current 6",
        model="alfen_eve",
        options={"safe_current_a": 6},
        serial="ACE0200002",
        unit_id=1,
        reach={"point": 1},
        lock=Lock.DETECT_AND_BILL,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=True,
        counts=False,
    ),
    # 2.8: the failsafe current is never less than 6 A.
    Parking(
        name="Webasto NEXT",
        model="webasto_next",
        unit_id=255,
        lock=Lock.DETECT_AND_BILL,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=True,
        counts=True,
    ),
    # 1.1: it cannot be stopped by anybody; with a meter of its own it can be billed.
    Parking(
        name="Tesla with a meter",
        model="tesla_twc3",
        wire=Wire.BOARD,
        meter=True,
        lock=Lock.DETECT_AND_BILL,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=True,
        counts=False,
        gate=False,
    ),
    # 1.4: its own counters cannot be billed from.
    Parking(
        name="Tesla alone",
        model="tesla_twc3",
        serial="PGT00000000101",
        lock=Lock.MONITOR,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=True,
        counts=False,
        gate=False,
    ),
    # Section 4: power and energy, and no word of a plug.
    Parking(
        name="a meter and nothing else",
        model="tesla_twc3",
        wire=Wire.METER_ONLY,
        lock=Lock.MONITOR,
        alone=Alone.GOES_ON,
        next_gets=True,
        free_gets=True,
        counts=False,
        sees_plug=False,
        gate=False,
    ),
)

ON_THE_BOARD = tuple(place for place in PLACES if place.wire is not Wire.OWN)
BOARD = BuildingPlan(name="Lindenhof", stalls=stalls_of([Model.TESLA_TWC3] * len(ON_THE_BOARD)))
"""The part of the building whose meters and contactors Home Assistant has as entities."""


def pages(place: Parking, host: str, port: int) -> Pages:
    """What is answered on each page of the set-up of this place, whose box is served at `host` and `port`."""
    shared: dict[str, object] = {"name": place.name, "max_current_a": MAX_A, "phase_map": "123"}
    if place.wire is Wire.METER_ONLY:
        plan = BOARD.stalls[ON_THE_BOARD.index(place)]
        energy = meters.meter_entity(BOARD, plan)
        return {
            "user": {"next_step_id": "ha_entities"},
            "ha_entities": {},
            "ha_entities_car": {"energy_total": energy, "power": energy.replace("_energy", "_power")},
            "ha_entities_control": {},
            "ha_entities_stall": {**shared, "choose_again": False},
            "confirm": {"next_step_id": "keep"},
        }
    fields: dict[str, object] = {**shared, "host": host, "port": port}
    if place.unit_id is not None:
        fields["unit_id"] = place.unit_id
    if place.wire is Wire.BOARD:
        plan = BOARD.stalls[ON_THE_BOARD.index(place)]
        if place.contactor:
            fields["contactor"] = meters.contactor_entity(BOARD, plan)
        fields["meter"] = meters.meter_entity(BOARD, plan)
    return {
        "user": {"next_step_id": "from_list"},
        "from_list": {"connector": place.model},
        "reach": place.reach or {},
        "connection": fields,
        "confirm": {"next_step_id": "keep"},
        "confirm_unbilled": {"without_billing": True},
    }
