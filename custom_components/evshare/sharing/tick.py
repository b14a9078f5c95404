"""The allocation tick: first the sun says who of its sessions may run, then the queue whose turn it is, then the
amps are shared among those. What keeps a demand from more is named beside its amps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..model import LimitReason, StallId
from .allocation import Allocation, Budget, Demand, allocate
from .rotation import Rotation, admit
from .solar import SolarFollower


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What one tick hands to the next. Kept in memory only."""

    rotation: Rotation = field(default_factory=Rotation)
    sun: SolarFollower = field(default_factory=SolarFollower)


def share(
    sharing: Sharing,
    demands: Sequence[Demand],
    amps: tuple[int, int, int],
    surplus_w: float | None,
    now_s: float,
    *,
    voltage_v: int = 230,
    held: Mapping[StallId, int] | None = None,
) -> tuple[Sharing, Allocation]:
    """Amps for every demand, with reasons.

    `amps` is the budget per supply phase, `surplus_w` from `solar.surplus_w` (None: nobody knows), `now_s` monotonic.
    `held` is given when the feeder meter is stale: what each stall is offered now, which then never increases.
    """
    solar = [demand for demand in demands if demand.solar]
    sun, lit, solar_w = sharing.sun.follow(solar, surplus_w, now_s, voltage_v)
    wanted = [*(demand for demand in demands if not demand.solar), *lit]
    frozen = set() if held is None else {d.stall_id for d in wanted if held.get(d.stall_id, 0) < d.max_a}
    if held is not None:
        wanted = [_at_most(demand, held.get(demand.stall_id, 0)) for demand in wanted if _held_runs(demand, held)]
    budget = Budget(amps=amps, solar_w=solar_w, voltage_v=voltage_v)
    rotation, admitted = admit(sharing.rotation, wanted, budget, now_s)
    given = allocate(admitted, budget)

    bright = {demand.stall_id for demand in lit}
    reasons: dict[StallId, LimitReason] = {}
    for demand in demands:
        reason = given.reasons.get(demand.stall_id, LimitReason.CIRCUIT)
        if demand.solar and demand.stall_id not in bright:
            reason = LimitReason.SOLAR
        elif demand.stall_id in frozen and (reason is LimitReason.NONE or demand.stall_id not in given.reasons):
            reason = LimitReason.FAILSAFE
        reasons[demand.stall_id] = reason
    shared = {demand.stall_id: given.amps.get(demand.stall_id, 0) for demand in demands}
    return replace(sharing, rotation=rotation, sun=sun), Allocation(amps=shared, reasons=reasons)


def _held_runs(demand: Demand, held: Mapping[StallId, int]) -> bool:
    return held.get(demand.stall_id, 0) >= demand.min_a


def _at_most(demand: Demand, limit_a: int) -> Demand:
    return replace(demand, max_a=min(demand.max_a, limit_a))
