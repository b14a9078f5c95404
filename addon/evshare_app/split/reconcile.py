"""The utility's bill against the meters: feeder = billed + common + unattributed + standby + losses, to the Wh.

Losses are what the feeder counted and no stall's register did, less the standby that is known. They are shown in kWh,
money and percent, an alarm says when they are too large or negative (a meter error, or clocks apart), and the owners
choose who bears them. They are never hidden in a price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction

from ..model import AccountId, StallId
from .remainder import Settled, settle, share


class Bearer(StrEnum):
    """Who bears the losses."""

    KWH = "kwh"
    EQUAL = "equal"
    COMMON = "common"


class LossAlarm(StrEnum):
    """Why the losses want a look."""

    NEGATIVE = "negative"
    LARGE = "large"


@dataclass(frozen=True, kw_only=True)
class LossLimits:
    """Losses above the larger of the two raise an alarm."""

    percent: Decimal = Decimal(3)
    wh: int = 2000


@dataclass(frozen=True, kw_only=True)
class SubMeter:
    """A stall's register over the period (all its epochs), and what the books made of it."""

    stall_id: StallId
    register_wh: int
    billed_wh: int
    """In CDRs."""
    common_wh: int = 0
    """Used by the building itself."""

    def __post_init__(self) -> None:
        if min(self.billed_wh, self.common_wh, self.unattributed_wh) < 0:
            msg = (
                f"stall {self.stall_id}: got {self.billed_wh} Wh billed and {self.common_wh} Wh common, "
                f"accepted are amounts >= 0 within the {self.register_wh} Wh its register counted"
            )
            raise ValueError(msg)

    @property
    def unattributed_wh(self) -> int:
        """What the register counted and no one can be billed for."""
        return self.register_wh - self.billed_wh - self.common_wh


@dataclass(frozen=True, kw_only=True)
class Position:
    """One part of the bill."""

    wh: int
    minor: int


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The bill's energy and money, divided into what became of it. Both sum exactly."""

    feeder: Position
    billed: Position
    common: Position
    unattributed: Position
    standby: Position
    losses: Position
    """Negative when the stalls' registers counted more than the feeder."""
    losses_percent: Decimal | None
    """Of the feeder's energy, two decimals; None: the feeder counted nothing."""
    alarm: LossAlarm | None

    def __post_init__(self) -> None:
        parts = (self.billed, self.common, self.unattributed, self.standby, self.losses)
        assert sum(part.wh for part in parts) == self.feeder.wh
        assert sum(part.minor for part in parts) == self.feeder.minor


def reconcile(
    *,
    feeder_wh: int,
    energy_minor: int,
    meters: Sequence[SubMeter],
    standby_wh: int = 0,
    limits: LossLimits | None = None,
) -> Reconciliation:
    """Account for every Wh of a feeder's bill. `energy_minor`: what its energy cost; fixed fees are cost items.

    Raises ValueError when the feeder counted nothing and yet its energy cost something.
    """
    if min(feeder_wh, standby_wh) < 0:
        msg = f"feeder_wh, standby_wh: got {feeder_wh} and {standby_wh}, accepted are numbers >= 0"
        raise ValueError(msg)
    if energy_minor and not feeder_wh:
        msg = f"energy_minor: got {energy_minor} for 0 Wh, accepted is 0 (a fixed fee is a cost item)"
        raise ValueError(msg)
    wh = {
        "billed": sum(meter.billed_wh for meter in meters),
        "common": sum(meter.common_wh for meter in meters),
        "unattributed": sum(meter.unattributed_wh for meter in meters),
        "standby": standby_wh,
    }
    wh["losses"] = feeder_wh - sum(wh.values())
    exact = {name: Fraction(energy_minor * part, feeder_wh) if feeder_wh else Fraction(0) for name, part in wh.items()}
    minor = settle(exact).given
    return Reconciliation(
        feeder=Position(wh=feeder_wh, minor=energy_minor),
        **{name: Position(wh=part, minor=minor[name]) for name, part in wh.items()},
        losses_percent=_percent(wh["losses"], feeder_wh),
        alarm=_alarm(wh["losses"], feeder_wh, limits or LossLimits()),
    )


def bear_losses(
    losses: Position,
    bearer: Bearer,
    billed_wh: Mapping[AccountId, int],
    common_account: AccountId,
    carried_n: Mapping[AccountId, int] | None = None,
) -> Settled[AccountId]:
    """Divide the losses' money among the accounts in `billed_wh`, or give it to the building's own account.

    Negative losses are a meter's error, not a credit: they stay with the building's account until the meter is right.
    Raises `NothingToShareBy` when nobody has used anything and the losses are to be borne by kWh.
    """
    if bearer is Bearer.COMMON or losses.wh < 0:
        return share(losses.minor, dict.fromkeys(billed_wh, 0) | {common_account: 1}, carried_n, what="losses")
    weights = billed_wh if bearer is Bearer.KWH else dict.fromkeys(billed_wh, 1)
    return share(losses.minor, weights, carried_n, what=f"losses by {bearer}")


def _percent(losses_wh: int, feeder_wh: int) -> Decimal | None:
    if not feeder_wh:
        return None
    return (Decimal(losses_wh) * 100 / feeder_wh).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _alarm(losses_wh: int, feeder_wh: int, limits: LossLimits) -> LossAlarm | None:
    if losses_wh < 0:
        return LossAlarm.NEGATIVE
    limit_wh = max(feeder_wh * limits.percent / 100, Decimal(limits.wh))
    return LossAlarm.LARGE if losses_wh > limit_wh else None
