"""Dividing an amount among parties so that nothing is lost and nobody always gets the odd unit.

Largest remainder, with a memory: what a party's exact share and what it was given differ by is its *residual*. It is
carried into the next month's split of the same thing, per item and party, in billionths of a unit, so that it can
be kept as an integer. The residuals of an item always sum to zero, those of parties that have left included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
import heapq
from math import floor

BILLION = 10**9
"""Residuals are counted in billionths of a unit (`_n`)."""


class NothingToShareBy(ValueError):
    """An amount is to be divided, but every weight is zero."""


@dataclass(frozen=True, kw_only=True)
class Settled[K: str]:
    """What each party was given, and the residuals to carry into the next split of the same thing."""

    given: Mapping[K, int]
    residual_n: Mapping[K, int]
    """Billionths of a unit owed to the party; negative: it had too much. A party not in this split keeps its own."""


def share[K: str](
    total: int,
    weights: Mapping[K, int | Decimal | Fraction],
    carried_n: Mapping[K, int] | None = None,
    *,
    what: str = "weights",
) -> Settled[K]:
    """Divide an integer by weights. See `settle` for what holds.

    A weight of zero gets zero. Raises `NothingToShareBy` when all weights are zero and the total is not, ValueError
    for a negative weight; both name `what`.
    """
    for key, weight in weights.items():
        if weight < 0:
            msg = f"{what}: got {weight} for {key}, accepted are numbers >= 0"
            raise ValueError(msg)
    whole = sum((Fraction(weight) for weight in weights.values()), Fraction(0))
    if not total:
        return settle({key: Fraction(0) for key in weights}, carried_n)
    if not whole:
        msg = f"{what}: all weights are zero, accepted is at least one above zero to divide {total}"
        raise NothingToShareBy(msg)
    return settle({key: total * Fraction(weight) / whole for key, weight in weights.items()}, carried_n)


def settle[K: str](
    exact: Mapping[K, Fraction], carried_n: Mapping[K, int] | None = None, most: Mapping[K, int] | None = None
) -> Settled[K]:
    """Turn exact shares that sum to an integer into integers that sum to it.

    A party gets what its exact share and its carried residual come to, rounded down or up; missing units go to whoever
    is owed most, ties to the larger share, then to the lower id. Nobody's share changes its sign, nobody without a
    share gets any, and nobody gets more than `most`: where one of these forbids it, the residual stays. A negative
    total is split like the positive one. Raises ValueError when the shares or the residuals do not add up.

    While the parties stay the same and each one's exact share is a unit or more, what a party was given in all stays
    within a unit of its exact shares in all (to a billionth per split).
    """
    carried = {} if carried_n is None else carried_n
    total = sum(exact.values(), Fraction(0))
    if total.denominator != 1:
        msg = f"exact: got shares that sum to {total}, accepted is an integer sum"
        raise ValueError(msg)
    if sum(carried.values()):
        msg = f"carried_n: got residuals that sum to {sum(carried.values())}, accepted is 0"
        raise ValueError(msg)
    if total < 0:
        mirrored = settle({key: -part for key, part in exact.items()}, {key: -one for key, one in carried.items()})
        return Settled(
            given={key: -part for key, part in mirrored.given.items()},
            residual_n={key: -one for key, one in mirrored.residual_n.items()},
        )
    wishes = {key: part + Fraction(carried.get(key, 0), BILLION) for key, part in exact.items()}
    limits = {key: _limits(part, None if most is None else most[key]) for key, part in exact.items()}
    given = {key: _within(floor(wish), limits[key]) for key, wish in wishes.items()}
    _hand_out(int(total) - sum(given.values()), given, wishes, exact, limits)
    in_billionths = _billionths(exact, int(total))
    residual_n = dict(carried)
    for key, part in in_billionths.items():
        residual_n[key] = carried.get(key, 0) + part - given[key] * BILLION
    return Settled(given=given, residual_n=residual_n)


type _Limits = tuple[int | None, int | None]


def _limits(part: Fraction, most: int | None) -> _Limits:
    if not part:
        return 0, 0
    return (0, most) if part > 0 else (None, 0)


def _within(amount: int, limits: _Limits) -> int:
    least, most = limits
    if least is not None and amount < least:
        return least
    return most if most is not None and amount > most else amount


def _hand_out[K: str](
    missing: int,
    given: dict[K, int],
    wishes: Mapping[K, Fraction],
    exact: Mapping[K, Fraction],
    limits: Mapping[K, _Limits],
) -> None:
    """Give `missing` units one by one to whoever is owed most; take them, when negative, from whoever has most."""
    step = 1 if missing >= 0 else -1
    queue: list[tuple[Fraction, Fraction, K]] = [
        (step * (given[key] - wishes[key]), -exact[key], key) for key in given if _may(given[key], step, limits[key])
    ]
    heapq.heapify(queue)
    for _ in range(abs(missing)):
        if not queue:
            msg = f"most: got {given} as all that may be given, accepted are limits that leave room for the total"
            raise ValueError(msg)
        owed, size, key = queue[0]
        given[key] += step
        if _may(given[key], step, limits[key]):
            heapq.heapreplace(queue, (owed + 1, size, key))
        else:
            heapq.heappop(queue)


def _may(amount: int, step: int, limits: _Limits) -> bool:
    return amount != limits[1 if step > 0 else 0]


def _billionths[K: str](exact: Mapping[K, Fraction], total: int) -> dict[K, int]:
    """Return the shares in whole billionths that sum to the total, so that residuals sum to zero exactly."""
    parts = {key: floor(part * BILLION) for key, part in exact.items()}
    missing = total * BILLION - sum(parts.values())
    fractions = sorted(exact, key=lambda key: (parts[key] - exact[key] * BILLION, key))
    for key in fractions[:missing]:
        parts[key] += 1
    return parts
