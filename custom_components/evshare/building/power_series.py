"""Energy per quarter hour from power samples, of a meter that tells no energy.

Trapezoids in integers (milliwatts and milliseconds), cut exactly at each quarter hour and where power changes its
sign. What does not make a whole Wh is carried into the next quarter. A quarter that was not covered by samples is
unknown, never zero. Whatever comes out of here is an estimate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUARTER_MS = 900_000
UNKNOWN_MS = 900_000
"""Samples further apart say nothing about what was between them."""
_DOUBLE_WH = 2 * 3_600_000_000
"""One Wh in half milliwatt-milliseconds, the unit trapezoids are added up in."""


@dataclass
class _Quarter:
    covered_ms: int = 0
    positive: int = 0
    negative: int = 0


class PowerSeries:
    """One power meter's samples, integrated per quarter hour; positive and negative power apart."""

    patience_ms = UNKNOWN_MS
    """So long after the end of a quarter the next sample can still cover it."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._quarters: dict[int, _Quarter] = {}

    def observe(self, at_ms: int, power_mw: int) -> None:
        """Add a sample; one that is a little older than the last is ignored, a clock set back begins anew."""
        if self._last is not None:
            last_ms, last_mw = self._last
            if last_ms - UNKNOWN_MS <= at_ms <= last_ms:
                return
            if last_ms < at_ms <= last_ms + UNKNOWN_MS:
                self._integrate(last_ms, last_mw, at_ms, power_mw)
        self._last = (at_ms, power_mw)

    def reaches(self, at_ms: int) -> bool:
        """Whether it has a reading of then or later, so that nothing of before is still to come."""
        return self._last is not None and self._last[0] >= at_ms

    def take(self, start_ms: int) -> tuple[int, int] | None:
        """Close a quarter hour: positive Wh, negative Wh. None when it is not covered."""
        quarter = self._quarters.pop(start_ms, _Quarter())
        for older in [start for start in self._quarters if start < start_ms]:
            del self._quarters[older]
        if quarter.covered_ms < QUARTER_MS:
            return None
        positive_wh, positive_rest = divmod(quarter.positive, _DOUBLE_WH)
        negative_wh, negative_rest = divmod(quarter.negative, _DOUBLE_WH)
        following = self._quarters.setdefault(start_ms + QUARTER_MS, _Quarter())
        following.positive += positive_rest
        following.negative += negative_rest
        return positive_wh, negative_wh

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs, as JSON."""
        return {
            "last": None if self._last is None else list(self._last),
            "quarters": {
                str(start): [quarter.covered_ms, quarter.positive, quarter.negative]
                for start, quarter in self._quarters.items()
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where a snapshot was made; in those of earlier versions a quarter has a fourth value."""
        last = snapshot["last"]
        self._last = None if last is None else (last[0], last[1])
        self._quarters = {int(start): _Quarter(*values[:3]) for start, values in snapshot["quarters"].items()}

    def _integrate(self, from_ms: int, from_mw: int, to_ms: int, to_mw: int) -> None:
        at_ms, at_mw = from_ms, from_mw
        while at_ms < to_ms:
            start_ms = at_ms - at_ms % QUARTER_MS
            end_ms = min(to_ms, start_ms + QUARTER_MS)
            end_mw = from_mw + (to_mw - from_mw) * (end_ms - from_ms) // (to_ms - from_ms)
            quarter = self._quarters.setdefault(start_ms, _Quarter())
            positive, negative = _areas(at_mw, end_mw, end_ms - at_ms)
            quarter.covered_ms += end_ms - at_ms
            quarter.positive += positive
            quarter.negative += negative
            at_ms, at_mw = end_ms, end_mw


def _areas(from_mw: int, to_mw: int, duration_ms: int) -> tuple[int, int]:
    """Return twice the area above and below zero of a straight line."""
    if from_mw >= 0 and to_mw >= 0:
        return (from_mw + to_mw) * duration_ms, 0
    if from_mw <= 0 and to_mw <= 0:
        return 0, -(from_mw + to_mw) * duration_ms
    crossing_ms = duration_ms * abs(from_mw) // abs(to_mw - from_mw)
    first, second = abs(from_mw) * crossing_ms, abs(to_mw) * (duration_ms - crossing_ms)
    return (first, second) if from_mw > 0 else (second, first)
