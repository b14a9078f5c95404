"""What the supply can still give, per phase. Pure.

Without a meter the fuse is shared among the stalls alone. With one, what the rest of the building draws is taken
off: measured current less what the stalls draw of it, and one ampere of margin (charging-control reference 2.1). A
connector that is silent in mid-session counts with what it was last offered, since nobody knows better.
"""

from collections.abc import Iterable
from dataclasses import dataclass
import math

from ..charging import StallState
from ..model import Building, BuildingReading

MARGIN_A = 1.0
UNEVEN = 2.0
"""A meter that tells only total power hides its phases: the fullest is taken to carry twice its even share."""

type PhaseAmps = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Load:
    """The supply at one moment."""

    budget_a: tuple[int, int, int]
    """Whole amperes per phase that the stalls may share."""
    headroom_a: tuple[float, ...] | None
    """Fuse less measured current, per phase of the building; None when no meter tells."""
    stale: bool
    """A feeder meter exists but is silent."""

    @property
    def overloaded(self) -> bool:
        """Whether more flows than the fuse allows."""
        return self.headroom_a is not None and min(self.headroom_a) < 0


def drawn_a(state: StallState, voltage_v: int) -> PhaseAmps:
    """Return what a stall draws on each supply phase: by currents, else by power spread evenly."""
    drawn = [0.0, 0.0, 0.0]
    reading, phases = state.reading, state.config.phase_map
    if state.online and reading is not None:
        if reading.currents_a is not None:
            for phase, current_a in zip(phases, reading.currents_a, strict=False):
                drawn[phase - 1] += max(0.0, current_a)
        elif reading.power_w is not None:
            for phase in phases:
                drawn[phase - 1] += max(0.0, reading.power_w) / (voltage_v * len(phases))
        elif state.drawing:
            for phase in phases:
                drawn[phase - 1] += float(state.offered_a)
    return drawn[0], drawn[1], drawn[2]


def fullest_phase_a(state: StallState) -> float | None:
    """Return what the car draws on its fullest phase, None where it is not known: power alone hides the phases."""
    reading = state.reading
    if not state.online or reading is None:
        return None
    if reading.currents_a is not None:
        return max(reading.currents_a)
    return 0.0 if reading.power_w is not None and not state.drawing else None


def silent_a(state: StallState) -> PhaseAmps:
    """Return what a stall whose connector is silent may draw: what its open session was last offered."""
    if state.online or state.dark or not state.energised:
        return 0.0, 0.0, 0.0
    drawn = [float(state.offered_a) if phase in state.config.phase_map else 0.0 for phase in (1, 2, 3)]
    return drawn[0], drawn[1], drawn[2]


def load(
    building: Building,
    reading: BuildingReading | None,
    stalls: Iterable[StallState],
    *,
    feeder_configured: bool,
    lent_a: PhaseAmps = (0.0, 0.0, 0.0),
) -> Load:
    """Return what the stalls may share now, less what is lent to a test."""
    states = list(stalls)
    sharing = [drawn_a(state, building.voltage_v) for state in states if state.wants_current]
    leaving = [drawn_a(state, building.voltage_v) for state in states if not state.wants_current]
    silent = [silent_a(state) for state in states]
    measured = _measured(building, reading, [*sharing, *leaving])
    others = [0.0, 0.0, 0.0]
    for phase in range(3):
        if measured is None:
            # Nobody measures: a car that was told to stop counts until it has.
            others[phase] = sum(drawn[phase] for drawn in leaving)
        else:
            others[phase] = max(0.0, measured[phase] - sum(drawn[phase] for drawn in sharing)) + MARGIN_A
        others[phase] += sum(drawn[phase] for drawn in silent) + lent_a[phase]
    budget = [
        max(0, math.floor(building.fuse_a - others[phase])) if phase < building.phases else 0 for phase in range(3)
    ]
    headroom = None if measured is None else tuple(building.fuse_a - amps for amps in measured[: building.phases])
    return Load(
        budget_a=(budget[0], budget[1], budget[2]),
        headroom_a=headroom,
        stale=feeder_configured and measured is None,
    )


def spare_a(supply: Load, states: Iterable[StallState], phases: Iterable[int]) -> int:
    """Return what is left on these phases when every session takes what it is offered; 0 while the meter is silent."""
    if supply.stale:
        return 0
    offered = [(state.config.phase_map, state.offered_a) for state in states if state.wants_current]
    left = [
        supply.budget_a[phase - 1] - sum(limit_a for phase_map, limit_a in offered if phase in phase_map)
        for phase in phases
    ]
    return max(0, min(left))


def _measured(building: Building, reading: BuildingReading | None, drawn: list[PhaseAmps]) -> PhaseAmps | None:
    if reading is None:
        return None
    if reading.currents_a is not None:
        return reading.currents_a
    if reading.grid_w is None:
        return None
    stalls = [sum(amps[phase] for amps in drawn) for phase in range(3)]
    rest_w = reading.grid_w - sum(stalls) * building.voltage_v
    even_a = max(0.0, rest_w) / (building.voltage_v * building.phases)
    rest_a = even_a * (UNEVEN if building.phases > 1 else 1.0)
    return stalls[0] + rest_a, stalls[1] + rest_a, stalls[2] + rest_a
