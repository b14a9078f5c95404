"""Whose turn it is when not all can have their minimum.

Time is cut into slots. Within a slot those who charge go on; at its edge the turns are dealt anew: first those who
waited `max_wait_slots` or more, the longest wait first, then the others by *credit*, the energy they got less than the
average of all who wanted. Walking down that order, everyone is admitted whose minimum still fits; who does not fit is
passed over, and a smaller one behind may get in (backfill). If every stall fits alone, none waits longer than
`max_wait_slots` + n - 1 slots. Slots are long, because each change of turn switches contactors.

In the middle of a slot only this happens: who no longer fits drops out, the least entitled first; a newcomer gets in
if there is room; room that lasts goes to who waits.

Facts: charging-control.md 2.4. Ordering the overdue by credit instead of by wait would break the bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..model import StallId
from .allocation import Budget, Demand, feasible


@dataclass(frozen=True, kw_only=True)
class RotationSettings:
    """Slots and patience."""

    slot_s: float = 1800.0
    max_wait_slots: int = 1
    """After so many slots without current a stall goes first."""
    settle_s: float = 120.0
    """Room that appears within a slot goes to a waiting stall only when it lasts this long."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One stall's place in the queue."""

    admitted: bool = False
    newcomer: bool = True
    """Not yet looked at since it came."""
    waited_slots: int = 0
    credit_wh: float = 0.0
    """Energy it got less than the average, since it came; at most what it could have taken in a slot."""
    energy_wh: int = 0
    """Its `Demand.energy_wh` when the slot began."""
    fits_since_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """The queue. Kept in memory only; a restart starts it anew."""

    turns: Mapping[StallId, Turn] = field(default_factory=dict)
    slot_began_s: float | None = None
    settings: RotationSettings = RotationSettings()


def admit(
    rotation: Rotation, demands: Sequence[Demand], budget: Budget, now_s: float
) -> tuple[Rotation, tuple[Demand, ...]]:
    """The demands to serve now, most entitled first; all of their minima fit the budget together."""
    settings = rotation.settings
    turns = {demand.stall_id: _turn(rotation, demand) for demand in demands}
    began_s = rotation.slot_began_s
    edge = began_s is not None and now_s - began_s >= settings.slot_s
    if edge:
        turns = _dealt(turns, demands, budget, settings)
    order = sorted(demands, key=lambda demand: _rank(demand, turns[demand.stall_id], settings, edge=edge))

    taken: dict[StallId, int] = {}
    admitted: list[Demand] = []
    for demand in order:
        turn = turns[demand.stall_id]
        fits = feasible({**taken, demand.stall_id: demand.min_a}, demands, budget)
        since_s = now_s if turn.fits_since_s is None else turn.fits_since_s
        now_in = fits and (edge or turn.admitted or turn.newcomer or now_s - since_s >= settings.settle_s)
        if fits:
            taken[demand.stall_id] = demand.min_a
        if now_in:
            admitted.append(demand)
        turns[demand.stall_id] = replace(
            turn, admitted=now_in, newcomer=False, fits_since_s=since_s if fits and not now_in else None
        )
    slot_began_s = now_s if edge or began_s is None else began_s
    return replace(rotation, turns=turns, slot_began_s=slot_began_s), tuple(admitted)


def _turn(rotation: Rotation, demand: Demand) -> Turn:
    turn = rotation.turns.get(demand.stall_id)
    another_session = turn is not None and demand.energy_wh < turn.energy_wh
    return Turn(energy_wh=demand.energy_wh) if turn is None or another_session else turn


def _dealt(
    turns: Mapping[StallId, Turn], demands: Sequence[Demand], budget: Budget, settings: RotationSettings
) -> dict[StallId, Turn]:
    """The turns after a slot: who waited, and who got how much less than the average."""
    gained_wh = {demand.stall_id: demand.energy_wh - turns[demand.stall_id].energy_wh for demand in demands}
    average_wh = sum(gained_wh.values()) / len(demands) if demands else 0.0
    dealt = {}
    for demand in demands:
        turn = turns[demand.stall_id]
        bound_wh = demand.power_w(demand.max_a, budget.voltage_v) * settings.slot_s / 3600
        credit_wh = turn.credit_wh + average_wh - gained_wh[demand.stall_id]
        dealt[demand.stall_id] = replace(
            turn,
            waited_slots=0 if turn.admitted or turn.newcomer else turn.waited_slots + 1,
            credit_wh=min(max(credit_wh, -bound_wh), bound_wh),
            energy_wh=demand.energy_wh,
        )
    return dealt


def _rank(demand: Demand, turn: Turn, settings: RotationSettings, *, edge: bool) -> tuple[object, ...]:
    """Smaller is more entitled. Within a slot, who charges comes before who waits, and who waits before newcomers."""
    overdue = turn.waited_slots >= settings.max_wait_slots
    stands = 0 if edge or turn.admitted else 2 if turn.newcomer else 1
    waited = -turn.waited_slots if overdue else 0
    return (stands, waited, -turn.credit_wh, not turn.admitted, demand.waiting_since_s, demand.stall_id)
