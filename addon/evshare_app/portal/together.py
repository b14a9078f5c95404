"""Cars that came to two stalls at almost the same time: whoever starts says which of them is theirs (EVS-Auth/1).

A fresh plug is what shows that somebody is there; two of them show it for both, and one scan of the neighbour's sticker
would charge the neighbour's car.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ..link.messages import LiveStall
from .presence import PLUG_FRESH

TOGETHER = timedelta(seconds=60)
"""Plugs further apart than this are told apart by people without help."""


def came_together(stall: LiveStall | None, stalls: Iterable[LiveStall], now: datetime) -> list[LiveStall]:
    """Return the stalls at which a car came as good as together with the one at `stall`, and nobody charges yet.

    It is among them; without another one the list is empty.
    """
    if stall is None or not _is_fresh(stall, now):
        return []
    others = [one for one in stalls if one.stall_id != stall.stall_id and _is_fresh(one, now) and _is_near(one, stall)]
    return [stall, *others] if others else []


def _is_fresh(stall: LiveStall, now: datetime) -> bool:
    # A car that charged already and still stands there waits for nobody to start it.
    if stall.status != "preparing" or stall.session is not None or stall.plugged_at is None:
        return False
    return now - stall.plugged_at <= PLUG_FRESH


def _is_near(one: LiveStall, other: LiveStall) -> bool:
    assert one.plugged_at is not None
    assert other.plugged_at is not None
    return abs(one.plugged_at - other.plugged_at) <= TOGETHER
