"""The building series: energy of feeder and PV per quarter hour, from power samples.

Trapezoids in integers (milliwatts and milliseconds), cut exactly at each quarter hour and, for the feeder, where
import turns into export. What does not make a whole Wh is carried into the next quarter. A quarter that was not
covered by samples is unknown, never zero. Used where no energy counter is configured; only the division of solar
energy depends on it, no register does (DESIGN rule 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

QUARTER_MS = 900_000
ESTIMATED_MS = 120_000
"""Samples further apart make the energy between them an estimate."""
UNKNOWN_MS = 900_000
"""Samples further apart say nothing about what was between them."""
_DOUBLE_WH = 2 * 3_600_000_000
"""One Wh in half milliwatt-milliseconds, the unit trapezoids are added up in."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class BuildingSlice:
    """Energy of the building in one quarter hour; None where it is not known."""

    start: datetime
    end: datetime
    import_wh: int | None
    export_wh: int | None
    pv_wh: int | None
    estimated: bool


@dataclass
class _Quarter:
    covered_ms: int = 0
    positive: int = 0
    negative: int = 0
    estimated: bool = False


class PowerSeries:
    """One power meter's samples, integrated per quarter hour; positive and negative power apart."""

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

    def covers(self, start_ms: int) -> bool:
        """Whether samples reach over the whole quarter hour."""
        quarter = self._quarters.get(start_ms)
        return quarter is not None and quarter.covered_ms == QUARTER_MS

    def take(self, start_ms: int) -> tuple[int, int, bool] | None:
        """Close a quarter hour: positive Wh, negative Wh, whether estimated. None when it is not covered."""
        complete = self.covers(start_ms)
        quarter = self._quarters.pop(start_ms, _Quarter())
        for older in [start for start in self._quarters if start < start_ms]:
            del self._quarters[older]
        if not complete:
            return None
        positive_wh, positive_rest = divmod(quarter.positive, _DOUBLE_WH)
        negative_wh, negative_rest = divmod(quarter.negative, _DOUBLE_WH)
        following = self._quarters.setdefault(start_ms + QUARTER_MS, _Quarter())
        following.positive += positive_rest
        following.negative += negative_rest
        return positive_wh, negative_wh, quarter.estimated

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs, as JSON."""
        return {
            "last": None if self._last is None else list(self._last),
            "quarters": {
                str(start): [quarter.covered_ms, quarter.positive, quarter.negative, quarter.estimated]
                for start, quarter in self._quarters.items()
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where a snapshot was made."""
        last = snapshot["last"]
        self._last = None if last is None else (last[0], last[1])
        self._quarters = {int(start): _Quarter(*values) for start, values in snapshot["quarters"].items()}

    def _integrate(self, from_ms: int, from_mw: int, to_ms: int, to_mw: int) -> None:
        estimated = to_ms - from_ms > ESTIMATED_MS
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
            quarter.estimated |= estimated
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


class BuildingSeries:
    """Feeder and PV together, on the grid of the quarter hours."""

    def __init__(self, *, grid: bool, pv: bool, snapshot: Mapping[str, Any] | None) -> None:
        """Integrate the meters that exist, going on from `snapshot` if there is one."""
        self._meters = {name: PowerSeries() for name, exists in (("grid", grid), ("pv", pv)) if exists}
        self._next_ms: int | None = None
        if snapshot is not None:
            self._next_ms = snapshot["next_ms"]
            for name, series in self._meters.items():
                if name in snapshot["meters"]:
                    series.restore(snapshot["meters"][name])

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON."""
        meters = {name: series.snapshot() for name, series in self._meters.items()}
        return {"next_ms": self._next_ms, "meters": meters}

    def observe(self, at: datetime, *, grid_w: float | None, pv_w: float | None) -> list[BuildingSlice]:
        """Add samples (None: not known now) and return the quarter hours that are complete by now, oldest first."""
        if not self._meters:
            return []
        at_ms = (at - _EPOCH) // timedelta(milliseconds=1)
        for name, power_w in (("grid", grid_w), ("pv", pv_w)):
            if power_w is not None and name in self._meters:
                self._meters[name].observe(at_ms, round(power_w * 1000))
        if self._next_ms is None or abs(at_ms - self._next_ms) > 2 * (QUARTER_MS + UNKNOWN_MS):
            self._next_ms = at_ms - at_ms % QUARTER_MS
        closed = []
        while self._may_close(self._next_ms, at_ms):
            if (done := self._close(self._next_ms)) is not None:
                closed.append(done)
            self._next_ms += QUARTER_MS
        return closed

    def _may_close(self, start_ms: int, at_ms: int) -> bool:
        end_ms = start_ms + QUARTER_MS
        if at_ms < end_ms:
            return False
        # A meter that is silent now may still bridge the gap with its next sample.
        return at_ms > end_ms + UNKNOWN_MS or all(series.covers(start_ms) for series in self._meters.values())

    def _close(self, start_ms: int) -> BuildingSlice | None:
        taken = {name: series.take(start_ms) for name, series in self._meters.items()}
        known = [values for values in taken.values() if values is not None]
        if not known:
            return None
        grid, pv = taken.get("grid"), taken.get("pv")
        return BuildingSlice(
            start=_EPOCH + timedelta(milliseconds=start_ms),
            end=_EPOCH + timedelta(milliseconds=start_ms + QUARTER_MS),
            import_wh=None if grid is None else grid[0],
            export_wh=None if grid is None else grid[1],
            pv_wh=None if pv is None else pv[0],
            estimated=any(values[2] for values in known),
        )
