"""Energy per quarter hour from a cumulative register of the building: differences, and nothing else.

A register is read when its sensor reports, hardly ever at the quarter hour itself. Between two readings it is taken
to have moved evenly: over a short time that is a reading, over a longer one the energy is exact but in which quarter
it flowed is *estimated*. What breaks the count (a lower value, or a jump higher than the building can carry) begins
it anew, once a second reading goes on from there; what happened in between is nobody's, never invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .power_series import QUARTER_MS

ESTIMATED_MS = 120_000
"""Readings further apart do not tell in which quarter hour the energy between them flowed."""
PATIENCE_MS = 1_200_000
"""Many inverters are asked once in a quarter hour. Who says nothing for longer is taken to stand still."""
BRIDGED_MS = 7 * 86_400_000
"""A register that is back after a longer time begins anew."""
CLOCK_BACK_MS = 900_000
"""A reading that is older than the last by more than this comes after the clock was set back."""
COARSE_WH = 2_000
"""The coarsest registers count in whole kWh; a step may come at any time, and one may have been missed."""
_MARGIN_PERCENT = 120
_HOUR_MS = 3_600_000

type _Reading = tuple[int, int]
"""When (ms), and Wh."""


@dataclass
class _Quarter:
    covered_ms: int = 0
    energy_wh: int = 0
    estimated: bool = False


class RegisterSeries:
    """One register's readings, as energy per quarter hour."""

    patience_ms = PATIENCE_MS
    """So long after the end of a quarter a reading that covers it is waited for."""

    def __init__(self, most_w: int) -> None:
        """`most_w` is more than can flow there."""
        self._most_w = most_w
        self._last: _Reading | None = None
        self._standing = False
        """Nothing was reported at `_last`: the register was taken to stand still."""
        self._suspect: _Reading | None = None
        """A reading that does not go on from the last one, waiting for a second one."""
        self._quarters: dict[int, _Quarter] = {}

    def observe(self, now_ms: int, reported_ms: int, register_wh: int) -> None:
        """The register's sensor shows this value now, and reported it last at `reported_ms`."""
        standing = now_ms - reported_ms > PATIENCE_MS
        reading = (now_ms if standing else reported_ms, register_wh)
        last, newest = self._last, self._suspect or self._last
        if last is None or newest is None or reading[0] < newest[0] - CLOCK_BACK_MS:
            self._begin(reading)
        elif reading[0] <= newest[0]:
            return
        elif reading[0] - last[0] > BRIDGED_MS:
            self._begin(reading)
        elif self._goes_on(last, reading):
            self._count(last, reading, estimated=standing or (self._standing and reading[1] > last[1]))
            self._last, self._suspect = reading, None
        elif self._suspect is not None and self._goes_on(self._suspect, reading):
            self._begin_at(last, self._suspect, reading)
        else:
            self._suspect = reading
        self._standing = standing

    def reaches(self, at_ms: int) -> bool:
        """Whether it has a reading of then or later, so that nothing of before is still to come."""
        return self._last is not None and self._last[0] >= at_ms

    def take(self, start_ms: int) -> tuple[int, bool] | None:
        """Close a quarter hour: Wh, and whether estimated. None when it is not covered."""
        quarter = self._quarters.pop(start_ms, _Quarter())
        for older in [start for start in self._quarters if start < start_ms]:
            del self._quarters[older]
        return (quarter.energy_wh, quarter.estimated) if quarter.covered_ms == QUARTER_MS else None

    def snapshot(self) -> dict[str, Any]:
        """Return what `restore` needs, as JSON."""
        return {
            "last": None if self._last is None else list(self._last),
            "standing": self._standing,
            "quarters": {
                str(start): [quarter.covered_ms, quarter.energy_wh, quarter.estimated]
                for start, quarter in self._quarters.items()
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where a snapshot was made."""
        last = snapshot["last"]
        self._last = None if last is None else (last[0], last[1])
        self._standing = snapshot["standing"]
        self._quarters = {int(start): _Quarter(*values) for start, values in snapshot["quarters"].items()}

    def _begin(self, reading: _Reading) -> None:
        self._last, self._suspect = reading, None

    def _begin_at(self, last: _Reading, first: _Reading, second: _Reading) -> None:
        """Another count began; the moment between the two counts is not worth a whole quarter hour."""
        if first[0] - last[0] <= ESTIMATED_MS:
            self._count((last[0], first[1]), first, estimated=True)
        self._count(first, second, estimated=True)
        self._begin(second)

    def _goes_on(self, before: _Reading, after: _Reading) -> bool:
        flowing_wh = self._most_w * (after[0] - before[0]) * _MARGIN_PERCENT // (100 * _HOUR_MS)
        return 0 <= after[1] - before[1] <= flowing_wh + COARSE_WH

    def _count(self, before: _Reading, after: _Reading, *, estimated: bool) -> None:
        (from_ms, from_wh), (to_ms, to_wh) = before, after
        within_one = from_ms // QUARTER_MS == (to_ms - 1) // QUARTER_MS
        estimated |= to_wh > from_wh and not within_one and to_ms - from_ms > ESTIMATED_MS
        at_ms, at_wh = from_ms, from_wh
        while at_ms < to_ms:
            start_ms = at_ms - at_ms % QUARTER_MS
            end_ms = min(to_ms, start_ms + QUARTER_MS)
            end_wh = from_wh + (to_wh - from_wh) * (end_ms - from_ms) // (to_ms - from_ms)
            quarter = self._quarters.setdefault(start_ms, _Quarter())
            quarter.covered_ms += end_ms - at_ms
            quarter.energy_wh += end_wh - at_wh
            quarter.estimated |= estimated
            at_ms, at_wh = end_ms, end_wh
