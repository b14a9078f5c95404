"""Who drew how much at the building's peak: the quarter hour that sets the utility's demand charge.

An account's demand is its kW in the quarter hour in which the building took most from the grid, so four times the kWh
of its slices there. What a plan asks per kW, or an item of kind demand divides, follows from it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from .sources import SLOT_MS, Slot, UsedSlice, pieces_of

_WH_TO_W = 4
"""A Wh in a quarter hour is four W on the mean."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The building's quarter hour of highest load in a window."""

    start_ms: int
    wh: int
    estimated: bool

    @property
    def kw(self) -> Decimal:
        """Mean power in it."""
        return kw(self.wh)


def building_peak(slots: Iterable[Slot]) -> Peak | None:
    """Return the quarter hour with the highest import, the earliest of several. None: the feeder has no meter."""
    return max(
        (
            Peak(start_ms=slot.start_ms, wh=slot.import_wh, estimated="import" in slot.estimated)
            for slot in slots
            if slot.import_wh is not None
        ),
        key=lambda peak: (peak.wh, -peak.start_ms),
        default=None,
    )


def stalls_peak(slices: Iterable[UsedSlice]) -> Peak | None:
    """Return the quarter hour in which the stalls used most: what stands in where the feeder has no meter."""
    wh_at: dict[int, int] = defaultdict(int)
    for used in slices:
        for start_ms, wh in pieces_of(used):
            wh_at[start_ms] += wh
    if not wh_at:
        return None
    wh, earliest = max((wh, -start_ms) for start_ms, wh in wh_at.items())
    return Peak(start_ms=-earliest, wh=wh, estimated=True)


def demand_wh(slices: Iterable[UsedSlice], peak: Peak) -> dict[str, int]:
    """Return what each party used in the peak quarter hour, in Wh. Slices elsewhere do no harm."""
    found: dict[str, int] = defaultdict(int)
    for used in slices:
        if used.start_ms >= peak.start_ms + SLOT_MS or used.end_ms < peak.start_ms:
            continue
        for start_ms, wh in pieces_of(used):
            if start_ms == peak.start_ms:
                found[used.party] += wh
    return dict(found)


def demand_minor(wh: Mapping[str, int], minor_per_kw: int) -> dict[str, int]:
    """Return what each party's demand costs at a price per kW, half up."""
    return {one: floor(Fraction(used * _WH_TO_W * minor_per_kw, 1000) + Fraction(1, 2)) for one, used in wh.items()}


def kw(wh: int) -> Decimal:
    """Return the mean power of a quarter hour's energy."""
    return Decimal(wh * _WH_TO_W) / 1000
