"""How much of its offer a car really takes. Pure.

A full battery, an old on-board charger or a car set to 10 A leaves amps unused that a neighbour could have. After a
minute of drawing clearly less than offered, the car is taken to want only that, and one ampere more to show that it
would take more; when it does, the cap is gone. A car that draws nothing keeps the offer's minimum, so that it can
wake (charging-control reference 1.3 and 2.4).
"""

from dataclasses import dataclass, replace
import math

SURE_AFTER_S = 60.0
LEAVES_A = 1.0
"""Meters and cars are not exact: only a difference of more than this counts as leaving something."""


@dataclass(frozen=True, kw_only=True)
class Appetite:
    """What is known of one session's car."""

    less_since_s: float | None = None
    """Since when it leaves something of its offer (monotonic)."""
    cap_a: int | None = None
    """The most it is taken to want; None: whatever it can get."""


def watch(appetite: Appetite, *, offered_a: int, drawn_a: float | None, min_a: int, now_s: float) -> Appetite:
    """Look at the car once more. `drawn_a` is its fullest phase; None where nobody measures currents."""
    if drawn_a is None or offered_a < min_a:
        return replace(appetite, less_since_s=None)
    if drawn_a > offered_a - LEAVES_A:
        return Appetite()
    since_s = now_s if appetite.less_since_s is None else appetite.less_since_s
    if now_s - since_s < SURE_AFTER_S:
        return replace(appetite, less_since_s=since_s)
    wanted_a = max(min_a, math.ceil(drawn_a + LEAVES_A))
    if appetite.cap_a is not None and wanted_a <= appetite.cap_a <= wanted_a + 1:
        wanted_a = appetite.cap_a  # a car that wavers by an ampere is no news
    return Appetite(less_since_s=since_s, cap_a=wanted_a)
