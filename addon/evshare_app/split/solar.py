"""How the owners share the sun of a month among accounts, and what that is worth.

*By use*: each account has what its own slices got (`sources.py`). *By weight*: the month's sun is divided by weights
(equal days, ownership shares), nobody beyond what it used; what one cannot use goes to the others. *Bank*: as by
weight, but what an account cannot use is kept for it, and drawn, oldest first, until its validity ends. Credited Wh
never exceed the sun there was. A rule is a choice of the close; nothing here is stored.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from ..model import AccountId, Month
from ..money import Money
from .remainder import NothingToShareBy, settle, share


class SolarSharing(StrEnum):
    """The owners' rule."""

    BY_USE = "by_use"
    EQUAL = "equal"
    OWNERSHIP = "ownership"
    BANK = "bank"


class NobodyToShareSun(NothingToShareBy):
    """There is sun to divide, and no account has a weight above zero."""


class SolarDearerThanGrid(ValueError):
    """Own solar power must not cost more than grid power (Swiss rule for self-consumption communities)."""


@dataclass(frozen=True, kw_only=True)
class SolarShares:
    """A month's sun by account. Credited and unshared Wh sum to what was available, the residuals to zero."""

    credited_wh: Mapping[AccountId, int]
    unshared_wh: int
    """What nobody could use."""
    residual_n: Mapping[AccountId, int]


@dataclass(frozen=True, kw_only=True)
class Banked:
    """Sun an account did not use in a month and may still draw."""

    account_id: AccountId
    earned: Month
    wh: int
    last: Month
    """The last month in which it may be drawn."""


@dataclass(frozen=True, kw_only=True)
class BankMonth:
    """A month of the bank: available + banked before = credited + banked after + expired, exactly."""

    credited_wh: Mapping[AccountId, int]
    drawn_wh: Mapping[AccountId, int]
    """The part of it that came from earlier months."""
    banked: tuple[Banked, ...]
    expired_wh: Mapping[AccountId, int]
    residual_n: Mapping[AccountId, int]


def share_by_use(own_solar_wh: Mapping[AccountId, int], used_wh: Mapping[AccountId, int]) -> SolarShares:
    """Credit each account the sun of its own slices. Raises ValueError where that is more than it used."""
    for account_id, wh in own_solar_wh.items():
        if not 0 <= wh <= used_wh.get(account_id, 0):
            msg = f"own_solar_wh: got {wh} for {account_id}, accepted are 0 to the {used_wh.get(account_id, 0)} it used"
            raise ValueError(msg)
    return SolarShares(credited_wh=dict(own_solar_wh), unshared_wh=0, residual_n={})


def share_by_weight(
    available_wh: int,
    weights: Mapping[AccountId, int | Decimal | Fraction],
    used_wh: Mapping[AccountId, int],
    carried_n: Mapping[AccountId, int] | None = None,
) -> SolarShares:
    """Divide a month's sun by weights, nobody beyond what it used; the rest is divided among those with room.

    `weights` are those of `keys.weights_by` (`Key.EQUAL` or `Key.OWNERSHIP`). Raises `NobodyToShareSun` when there is
    sun and no weight is above zero.
    """
    if available_wh and not any(weights.values()):
        raise _nobody(available_wh)
    exact = _filled(available_wh, {one: Fraction(weight) for one, weight in weights.items()}, used_wh)
    settled = settle(exact, carried_n, most={one: used_wh.get(one, 0) for one in exact})
    return SolarShares(
        credited_wh=settled.given,
        unshared_wh=available_wh - sum(settled.given.values()),
        residual_n=settled.residual_n,
    )


def share_by_bank(
    month: Month,
    available_wh: int,
    weights: Mapping[AccountId, int | Decimal | Fraction],
    used_wh: Mapping[AccountId, int],
    banked: Sequence[Banked] = (),
    *,
    valid_months: int = 12,
    carried_n: Mapping[AccountId, int] | None = None,
) -> BankMonth:
    """Divide a month's sun by weights and let each account use it now or within `valid_months` more months.

    What would expire first is drawn first. Raises `NobodyToShareSun` when there is sun and no weight is above zero.
    """
    if available_wh and not any(weights.values()):
        raise _nobody(available_wh)
    earned = share(available_wh, weights, carried_n, what="weights of the sun")
    new = [
        Banked(account_id=one, earned=month, wh=wh, last=_later(month, valid_months))
        for one, wh in earned.given.items()
        if wh
    ]
    credited: dict[AccountId, int] = dict.fromkeys(used_wh, 0) | dict.fromkeys(weights, 0)
    drawn = dict(credited)
    expired: dict[AccountId, int] = defaultdict(int)
    kept = []
    for one in sorted((*banked, *new), key=lambda each: (each.last, each.earned, each.account_id)):
        if one.last < month:
            expired[one.account_id] += one.wh
            continue
        taken_wh = min(one.wh, used_wh.get(one.account_id, 0) - credited.get(one.account_id, 0))
        if taken_wh:
            credited[one.account_id] += taken_wh
            drawn[one.account_id] += taken_wh if one.earned < month else 0
        if one.wh > taken_wh:
            kept.append(replace(one, wh=one.wh - taken_wh))
    return BankMonth(
        credited_wh=credited,
        drawn_wh=drawn,
        banked=tuple(kept),
        expired_wh=dict(expired),
        residual_n=earned.residual_n,
    )


def solar_credit(
    credited_wh: Mapping[AccountId, int], *, grid_price: Decimal, solar_price: Decimal, currency: str
) -> dict[AccountId, Money]:
    """Return what the credited sun saves each account: Wh × (grid price − solar price), prices per kWh.

    Raises `SolarDearerThanGrid` when solar power would cost more than grid power.
    """
    if solar_price > grid_price:
        msg = f"solar_price: got {solar_price} per kWh, accepted is at most the grid's price of {grid_price}"
        raise SolarDearerThanGrid(msg)
    return {
        account_id: Money.from_decimal((grid_price - solar_price) * wh / 1000, currency)
        for account_id, wh in credited_wh.items()
    }


def _nobody(available_wh: int) -> NobodyToShareSun:
    return NobodyToShareSun(
        f"weights of the sun: all are zero, accepted is at least one above zero to divide {available_wh} Wh"
    )


def _filled(
    available_wh: int, weights: Mapping[AccountId, Fraction], used_wh: Mapping[AccountId, int]
) -> dict[AccountId, Fraction]:
    """Return exact shares by weight, none above its use: those who are full leave the rest to the others."""
    exact = dict.fromkeys(weights, Fraction(0))
    sharing = [one for one, weight in weights.items() if weight]
    left_wh, left_weight = Fraction(available_wh), sum((weights[one] for one in sharing), Fraction(0))
    # Who is full soonest comes first; from the first who is not, nobody is.
    for one in sorted(sharing, key=lambda each: (used_wh.get(each, 0) / weights[each], each)):
        exact[one] = min(left_wh * weights[one] / left_weight, Fraction(used_wh.get(one, 0)))
        left_wh -= exact[one]
        left_weight -= weights[one]
    return exact


def _later(month: Month, months: int) -> Month:
    passed = month.year * 12 + month.month - 1 + months
    return Month(passed // 12, passed % 12 + 1)
