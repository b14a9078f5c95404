"""Charts as plain shapes, for SVG that is stretched to its frame: texts stand beside it, so they keep their size.

Coordinates: x from 0 to `WIDTH`, y from 0 (top) to `HEIGHT`. Every chart has its numbers in a table beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH = 1000
HEIGHT = 100
_GAP = 0.25
"""Part of a bar's place that stays free."""
_LEAST = 1.5
"""So that a small bar is seen."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar that stands on the ground."""

    x: float
    y: float
    width: float
    height: float
    empty: bool


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of time with a steady value."""

    start: datetime
    end: datetime
    value: float


def bars(values: Sequence[int]) -> tuple[Bar, ...]:
    """Return a bar per value, the largest one as high as the chart."""
    if not values:
        return ()
    place, most = WIDTH / len(values), max(values)
    made = []
    for number, value in enumerate(values):
        height = max(_LEAST, HEIGHT * value / most) if most and value else _LEAST
        made.append(
            Bar(
                x=round(place * (number + _GAP / 2), 1),
                y=round(HEIGHT - height, 1),
                width=round(place * (1 - _GAP), 1),
                height=round(height, 1),
                empty=not value,
            )
        )
    return tuple(made)


def steps(stretches: Sequence[Stretch]) -> str:
    """Return the outline of values over time as an SVG path, closed along the ground; empty where there is nothing.

    Stretches come in order. Between two that do not join the value is 0.
    """
    if not stretches or stretches[-1].end <= stretches[0].start:
        return ""
    begin, length = stretches[0].start, stretches[-1].end - stretches[0].start
    most = max(one.value for one in stretches) or 1

    def across(at: datetime) -> str:
        return f"{WIDTH * ((at - begin) / length):.1f}"

    path, last_end = [f"M0 {HEIGHT}"], begin
    for one in stretches:
        if one.start > last_end:
            path.append(f"V{HEIGHT}H{across(one.start)}")
        path.append(f"V{HEIGHT - HEIGHT * one.value / most:.1f}H{across(one.end)}")
        last_end = max(last_end, one.end)
    path.append(f"V{HEIGHT}Z")
    return "".join(path)
