"""Demands and budgets for tests, and the judge: exhaustive search for the fairest shares."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from hypothesis import strategies as st

from custom_components.evshare.model import ChargeMode, StallId
from custom_components.evshare.sharing import Budget, Demand

PHASES = [(1,), (2,), (3,), (1, 2), (2, 3), (3, 1), (1, 2, 3), (2, 3, 1), (3, 1, 2)]


def demand(
    name: str,
    phases: tuple[int, ...] = (1, 2, 3),
    max_a: int = 16,
    *,
    min_a: int = 6,
    mode: ChargeMode = ChargeMode.FAST,
    since_s: float = 0.0,
    energy_wh: int = 0,
) -> Demand:
    return Demand(
        stall_id=StallId(name),
        phases=phases,
        max_a=max_a,
        min_a=min_a,
        mode=mode,
        waiting_since_s=since_s,
        energy_wh=energy_wh,
    )


@st.composite
def some_demands(draw: st.DrawFn, most: int = 4, spread_a: int = 5) -> list[Demand]:
    count = draw(st.integers(1, most))
    found = []
    for number in range(count):
        min_a = draw(st.sampled_from([6, 6, 6, 8]))
        found.append(
            demand(
                f"s{number}",
                draw(st.sampled_from(PHASES)),
                min_a + draw(st.integers(0, spread_a)),
                min_a=min_a,
                mode=draw(st.sampled_from([ChargeMode.FAST, ChargeMode.FAST, ChargeMode.SOLAR_ONLY])),
            )
        )
    return found


some_budgets = st.builds(
    lambda amps, solar_w: Budget(amps=amps, solar_w=float(solar_w)),
    st.tuples(*[st.integers(-2, 40)] * 3),
    st.integers(0, 20_000),
)


def fits(amps: Mapping[StallId, int], demands: Iterable[Demand], budget: Budget) -> bool:
    """Written from charging-control.md 2.2 and 3.3 once more, not by calling what is judged."""
    demands = list(demands)
    for phase in (1, 2, 3):
        if sum(amps[d.stall_id] for d in demands if phase in d.phases) > max(budget.amps[phase - 1], 0):
            return False
    sun = [d for d in demands if d.mode is ChargeMode.SOLAR_ONLY]
    return sum(230 * len(d.phases) * amps[d.stall_id] for d in sun) <= budget.solar_w


def fairest(demands: Sequence[Demand], budget: Budget) -> list[int]:
    """The lexicographically largest ascending vector of shares, by trying all."""
    best: list[int] = []
    for shares in product(*[range(d.min_a, d.max_a + 1) for d in demands]):
        amps = {d.stall_id: share for d, share in zip(demands, shares, strict=True)}
        if fits(amps, demands, budget):
            best = max(best, sorted(shares))
    return best
