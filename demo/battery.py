"""The house's battery: it takes sun that nobody wants, and gives it back in the evening. Integers: mW, mWs, seconds.

Like many, it is set to let cars go first: it leaves `spared_w` of what would be exported, enough for a car that charges
on sun only to begin, and takes what is beyond. A part of what it takes is lost.
"""

from dataclasses import dataclass

from demo.car import MWS_PER_WH

EVENING = range(18, 24)
"""Local hours in which it gives."""
_KEPT_PERCENT = 92


@dataclass(kw_only=True)
class Battery:
    """What it holds, and what it takes (negative) or gives now."""

    capacity_wh: int
    power_w: int
    """Takes and gives at most so much."""
    spared_w: int
    held_mws: int = 0
    lost_mws: int = 0
    power_mw: int = 0

    def second(self, *, surplus_mw: int, hour: int) -> int:
        """Live one second of a local hour in which sun less house and cars is `surplus_mw`; returns `power_mw`."""
        wanted_mw = min(self.power_w * 1000, abs(surplus_mw))
        if surplus_mw > self.spared_w * 1000:
            taken_mw = min(wanted_mw, surplus_mw - self.spared_w * 1000)
            kept_mw = taken_mw * _KEPT_PERCENT // 100
            if self.held_mws + kept_mw > self.capacity_wh * MWS_PER_WH:
                taken_mw = kept_mw = 0
            self.held_mws += kept_mw
            self.lost_mws += taken_mw - kept_mw
            self.power_mw = -taken_mw
        elif surplus_mw < 0 and hour in EVENING:
            self.power_mw = min(wanted_mw, self.held_mws)
            self.held_mws -= self.power_mw
        else:
            self.power_mw = 0
        return self.power_mw
