"""Which stall a resident's own car was plugged in at, when all that says so is an entity of the car.

Such an entity knows no place, and whoever can write it is believed only as far as this: it counts only together with
a plug-in that a stall saw itself at the same moment, and only where that leaves exactly one stall and one resident.
Stalls and cars are asked at intervals, so a plug-in lies somewhere between the last look without a car and the first
with one, and others of the same moment may be seen a little later: those are waited for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..model import ResidentId, StallId
from .presence import CAR_FRESH_S

WINDOW_S = 60.0
"""A car's word and a plug-in this far apart may be one event."""
SETTLE_S = 30.0
"""How long after both are known a plug-in elsewhere is waited for: idle connectors are looked at every few seconds,
those in a maker's cloud tell later."""


@dataclass(frozen=True, kw_only=True)
class PlugEdge:
    """A stall saw a car come."""

    stall_id: StallId
    plug_epoch: int
    came_mono_s: float | None
    """The earliest it can have been; None: it may have stood there for long, nobody looked."""
    seen_mono_s: float


@dataclass(frozen=True, kw_only=True)
class CarWord:
    """A resident's car said that it was plugged in, just now."""

    resident_id: ResidentId
    mono_s: float


@dataclass(frozen=True, kw_only=True)
class CarMatch:
    """What a car's word comes to, at `due_mono_s` and not sooner."""

    edges: tuple[PlugEdge, ...]
    """Where it may be plugged in."""
    due_mono_s: float
    sure: bool
    """Only one stall, and nobody else's car, comes into question."""


def matched(word: CarWord, words: Iterable[CarWord], edges: Iterable[PlugEdge]) -> CarMatch | None:
    """Where the car stands that gave its word, of all words and plug-ins known by now; None: at no stall so far."""
    possible = tuple(edge for edge in edges if _possible(word, edge))
    if not possible:
        return None
    others = any(
        other.resident_id != word.resident_id and any(_possible(other, edge) for edge in possible) for other in words
    )
    due_mono_s = max(word.mono_s, *(edge.seen_mono_s for edge in possible)) + SETTLE_S
    if len(possible) > 1 or others:
        return CarMatch(edges=possible, due_mono_s=due_mono_s, sure=False)
    came_mono_s = possible[0].came_mono_s
    if came_mono_s is not None:
        # Later it would be refused as too old.
        due_mono_s = min(due_mono_s, came_mono_s + CAR_FRESH_S - 1.0)
    return CarMatch(edges=possible, due_mono_s=due_mono_s, sure=came_mono_s is not None)


def _possible(word: CarWord, edge: PlugEdge) -> bool:
    came_mono_s = float("-inf") if edge.came_mono_s is None else edge.came_mono_s
    return came_mono_s - WINDOW_S <= word.mono_s <= edge.seen_mono_s + WINDOW_S
