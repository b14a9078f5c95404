"""Amps for the admitted: leximin (max-min fair) in whole amperes, and nothing left over that anyone could use.

Leximin: among all ways to share, the one whose smallest share is largest; among those the one whose second smallest is
largest, and so on. All start at their minimum and the lowest are raised together, 1 A at a time. Where not all of the
lowest fit, as many as possible are raised and the others stay; if several choices are equally many, each is followed
to its end and the best taken, so the result is exact. That costs up to some milliseconds for ten stalls; above ten the
first choice is taken without looking ahead, which can miss by 1 A where stalls use different phases. The last tie is
broken by the order of the demands, so the odd ampere moves with the queue.

Facts: charging-control.md 2.1 to 2.3. One circuit, three phases; the sun is one number over all phases, as balancing
meters count it (3.3).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..model import MIN_CURRENT_A, ChargeMode, LimitReason, StallId

EXACT_UP_TO = 10


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A stall that wants amps: a running session, or an armed stall behind a contactor.

    ValueError for a range that no connector has or a phase that no supply has.
    """

    stall_id: StallId
    phases: tuple[int, ...]
    """Supply phases (1..3) it uses or may use: `StallConfig.phase_map`, or fewer once measured."""
    max_a: int
    min_a: int = MIN_CURRENT_A
    mode: ChargeMode = ChargeMode.FAST
    waiting_since_s: float = 0.0
    """Monotonic time from which it wants amps (plug-in or authorisation): the tie-break among equals."""
    energy_wh: int = 0
    """What its session got so far: rotation is fair in energy."""

    def __post_init__(self) -> None:
        if not MIN_CURRENT_A <= self.min_a <= self.max_a:
            raise ValueError(f"min_a, max_a: {self.min_a}, {self.max_a} came; accepted: 6 <= min_a <= max_a")
        if not self.phases or not set(self.phases) <= {1, 2, 3} or len(set(self.phases)) != len(self.phases):
            raise ValueError(f"phases: {self.phases} came; accepted are one to three different ones of 1, 2, 3")

    @property
    def solar(self) -> bool:
        """Whether it wants only sun."""
        return self.mode is ChargeMode.SOLAR_ONLY

    def power_w(self, amps: int, voltage_v: int) -> int:
        """What it draws at `amps` on all its phases."""
        return amps * len(self.phases) * voltage_v


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be given away: whole amps per supply phase, and watts of sun for sessions that want only sun."""

    amps: tuple[int, int, int]
    """For L1, L2, L3; 0 where the building has no such phase. Negative: nothing, as 0."""
    solar_w: float = 0.0
    """For all `SOLAR_ONLY` demands together."""
    voltage_v: int = 230


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Amps and the reason for each demand; 0 or at least its `min_a`."""

    amps: Mapping[StallId, int]
    reasons: Mapping[StallId, LimitReason]


def feasible(amps: Mapping[StallId, int], demands: Iterable[Demand], budget: Budget) -> bool:
    """Whether these amps fit the budget on every phase and in the sun. A demand without amps counts 0."""
    return not _exceeded(amps, tuple(demands), budget)


def allocate(demands: Sequence[Demand], budget: Budget) -> Allocation:
    """Admit in the given order whoever fits with their minimum (others behind may still fit), then share fairly."""
    amps = {demand.stall_id: 0 for demand in demands}
    admitted: list[Demand] = []
    for demand in demands:
        if feasible({**amps, demand.stall_id: demand.min_a}, demands, budget):
            amps[demand.stall_id] = demand.min_a
            admitted.append(demand)
    amps |= _fill(amps, admitted, tuple(admitted), budget)
    return Allocation(amps=amps, reasons={d.stall_id: _reason(amps, d, demands, budget) for d in demands})


def _fill(
    amps: Mapping[StallId, int], rising: Sequence[Demand], demands: Sequence[Demand], budget: Budget
) -> dict[StallId, int]:
    """Raise the lowest of the rising together until none can rise."""
    amps = dict(amps)
    while rising := [d for d in rising if amps[d.stall_id] < d.max_a and feasible(_raised(amps, [d]), demands, budget)]:
        lowest_a = min(amps[demand.stall_id] for demand in rising)
        lowest = [demand for demand in rising if amps[demand.stall_id] == lowest_a]
        if feasible(together := _raised(amps, lowest), demands, budget):
            amps = together
            continue
        choices = _choices(amps, lowest, demands, budget)
        if len(choices) > 1:
            ends = [_fill(_raised(amps, one), _without(rising, lowest, one), demands, budget) for one in choices]
            return max(ends, key=lambda end: sorted(end[demand.stall_id] for demand in demands))
        amps, rising = _raised(amps, choices[0]), _without(rising, lowest, choices[0])
    return amps


def _choices(
    amps: Mapping[StallId, int], lowest: Sequence[Demand], demands: Sequence[Demand], budget: Budget
) -> list[tuple[Demand, ...]]:
    """The largest sets among the lowest that can rise together; each rises alone, so there is one of 1 at least."""
    if len(demands) > EXACT_UP_TO:
        chosen: tuple[Demand, ...] = ()
        for demand in sorted(lowest, key=lambda demand: len(demand.phases)):
            if feasible(_raised(amps, (*chosen, demand)), demands, budget):
                chosen = (*chosen, demand)
        return [chosen]
    for size in range(len(lowest) - 1, 0, -1):
        fitting = [s for s in combinations(lowest, size) if feasible(_raised(amps, s), demands, budget)]
        if fitting:
            different: dict[object, tuple[Demand, ...]] = {}
            for choice in fitting:
                different.setdefault(_shape(choice), choice)
            return list(different.values())
    return [(lowest[0],)]


def _shape(choice: Sequence[Demand]) -> tuple[object, ...]:
    """What matters for how it ends: choices of one shape end with the same shares, so the first of them is enough."""
    return tuple(sorted((tuple(sorted(demand.phases)), demand.max_a, demand.solar) for demand in choice))


def _raised(amps: Mapping[StallId, int], risen: Iterable[Demand]) -> dict[StallId, int]:
    return {**amps, **{demand.stall_id: amps[demand.stall_id] + 1 for demand in risen}}


def _without(rising: Sequence[Demand], lowest: Sequence[Demand], chosen: Sequence[Demand]) -> list[Demand]:
    left = {demand.stall_id for demand in lowest} - {demand.stall_id for demand in chosen}
    return [demand for demand in rising if demand.stall_id not in left]


def _exceeded(amps: Mapping[StallId, int], demands: Sequence[Demand], budget: Budget) -> LimitReason | None:
    """Which limit these amps break: the circuit's, the sun's or none."""
    load_a = [0, 0, 0]
    sun_w = 0
    for demand in demands:
        given_a = amps.get(demand.stall_id, 0)
        for phase in demand.phases:
            load_a[phase - 1] += given_a
        if demand.solar:
            sun_w += demand.power_w(given_a, budget.voltage_v)
    if any(load > max(limit, 0) for load, limit in zip(load_a, budget.amps, strict=True)):
        return LimitReason.CIRCUIT
    return LimitReason.SOLAR if sun_w > max(budget.solar_w, 0.0) else None


def _reason(amps: Mapping[StallId, int], demand: Demand, demands: Sequence[Demand], budget: Budget) -> LimitReason:
    """What keeps this demand from more."""
    given_a = amps[demand.stall_id]
    if given_a == demand.max_a:
        return LimitReason.NONE
    more_a = given_a + 1 if given_a else demand.min_a
    return _exceeded({**amps, demand.stall_id: more_a}, demands, budget) or LimitReason.NONE
