"""Three ways to settle energy (payments reference 9.3): a fixed tariff, actual cost, provisional with yearly true-up.

With a fixed tariff the building keeps or covers the difference (its reserve). With actual cost the price follows from
what the feeder cost, so that losses spread by kWh. Provisional amounts are charged through the year and settled
against the real cost at its end.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from enum import StrEnum
from fractions import Fraction

from ..model import AccountId
from ..money import Money
from .remainder import NothingToShareBy, settle, share


class Method(StrEnum):
    """How income and real cost meet."""

    FIXED = "fixed"
    ACTUAL = "actual"
    PROVISIONAL = "provisional"


PRICE_STEP = Decimal("0.0001")
"""Prices per kWh are proposed and shown to this step."""


@dataclass(frozen=True, kw_only=True)
class FixedOutcome:
    """What a fixed tariff brought against what the energy cost."""

    surplus: Money
    """To the reserve; negative: taken from it."""
    reserve: Money
    """Afterwards."""
    proposed_price: Decimal | None
    """Net per kWh: with the same use and cost it brings the reserve to zero, or just above. None: nothing was used."""


@dataclass(frozen=True, kw_only=True)
class ActualCost:
    """What the energy cost, divided by what each account used. The shares sum to the cost, the residuals to zero."""

    total_minor: int
    prices: Mapping[str, Decimal]
    """Per slot class, per kWh, rounded to `PRICE_STEP` to be shown; the shares come from the exact one."""
    shares_minor: Mapping[AccountId, int]
    residual_n: Mapping[AccountId, int]


@dataclass(frozen=True, kw_only=True)
class TrueUpLine:
    """One account's year: charged provisionally, its share of the real cost, and what remains."""

    account_id: AccountId
    charged_minor: int
    share_minor: int

    @property
    def due_minor(self) -> int:
        """To pay; negative: a credit."""
        return self.share_minor - self.charged_minor


@dataclass(frozen=True, kw_only=True)
class TrueUp:
    """A year settled. What is due sums to the real cost less what was charged."""

    cost_minor: int
    charged_minor: int
    lines: tuple[TrueUpLine, ...]
    residual_n: Mapping[AccountId, int]


def fixed_outcome(*, income: Money, cost: Money, used_wh: int, reserve: Money) -> FixedOutcome:
    """Compare the income of a fixed tariff (net) with the real cost. `reserve` is what the building had before."""
    surplus = income - cost
    after = reserve + surplus
    return FixedOutcome(surplus=surplus, reserve=after, proposed_price=_price_to_cover(cost - after, used_wh))


def actual_cost(
    cost_minor: Mapping[str, int],
    used_wh: Mapping[str, Mapping[AccountId, int]],
    currency: str,
    carried_n: Mapping[AccountId, int] | None = None,
) -> ActualCost:
    """Divide the feeder's energy cost by kWh, per slot class (day and night, or one class for all).

    Raises `NothingToShareBy` naming a class that cost something while nobody used anything, ValueError for use in a
    class without a cost.
    """
    if unpriced := used_wh.keys() - cost_minor.keys():
        msg = f"used_wh: got the classes {sorted(unpriced)}, accepted are those with a cost: {sorted(cost_minor)}"
        raise ValueError(msg)
    exact: dict[AccountId, Fraction] = defaultdict(Fraction)
    prices: dict[str, Decimal] = {}
    for name, cost in cost_minor.items():
        used = used_wh.get(name, {})
        total_wh = sum(used.values())
        if cost and not total_wh:
            msg = f"class {name!r}: it cost {cost} and nobody used it, accepted is a cost of used energy"
            raise NothingToShareBy(msg)
        for account_id, wh in used.items():
            exact[account_id] += Fraction(cost * wh, total_wh) if total_wh else 0
        if total_wh:
            per_kwh = Money(cost, currency).to_decimal() * 1000 / total_wh
            prices[name] = per_kwh.quantize(PRICE_STEP, rounding=ROUND_HALF_UP)
    settled = settle(exact, carried_n)
    return ActualCost(
        total_minor=sum(cost_minor.values()), prices=prices, shares_minor=settled.given, residual_n=settled.residual_n
    )


def true_up(
    charged_minor: Mapping[AccountId, int],
    cost_minor: int,
    weights: Mapping[AccountId, int | Decimal | Fraction],
    carried_n: Mapping[AccountId, int] | None = None,
) -> TrueUp:
    """Settle what was charged provisionally over a year against each account's share of the real cost.

    `weights` are the year's (`keys.weights_by` with `Window.of_year`). An account without weight gets back what it was
    charged. Raises `NothingToShareBy` when there is a cost and no weight is above zero.
    """
    settled = share(
        cost_minor, dict.fromkeys(charged_minor, 0) | dict(weights), carried_n, what="weights of the true-up"
    )
    lines = tuple(
        TrueUpLine(account_id=one, charged_minor=charged_minor.get(one, 0), share_minor=settled.given[one])
        for one in sorted(settled.given)
    )
    return TrueUp(
        cost_minor=cost_minor,
        charged_minor=sum(charged_minor.values()),
        lines=lines,
        residual_n=settled.residual_n,
    )


def _price_to_cover(cost: Money, used_wh: int) -> Decimal | None:
    if not used_wh:
        return None
    per_kwh = max(cost.to_decimal(), Decimal(0)) * 1000 / used_wh
    return per_kwh.quantize(PRICE_STEP, rounding=ROUND_UP)
