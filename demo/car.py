"""Cars: what one wants, draws and leaves with. Pure; one call is one second.

A car follows the offered current with a lag of a few seconds (IEC 61851-1 gives it 5 s), needs a moment to close its
contactor, sleeps when nothing is offered for long, tapers near the end and stops when full. All in integer
milliamperes and milliwatt-seconds, so that what it drew is exact.
"""

from dataclasses import dataclass, field

MWS_PER_WH = 3_600_000
MAINS_V = 230
MIN_OFFER_MA = 6_000
"""Below 6 A the pilot can only say nothing (connectors.md 5)."""

_WAKE_S = 3
_DEEP_WAKE_S = 20
_ASLEEP_AFTER_S = 600
_RISE_MA_PER_S = 3_000
_FALL_MA_PER_S = 11_000
"""A car has about 3 s to drop its current after a pause (connectors.md 5)."""


@dataclass(kw_only=True)
class Car:
    """A car with its wish; it keeps its battery when it leaves and comes back."""

    name: str
    need_wh: int
    """Energy until it is full, as measured at the stall."""
    max_a: int = 16
    phases: int = 3
    taper_wh: int = 2_000
    """Over this last part of the need the current falls towards 6 A."""
    ev_id: str = ""
    """What it tells wall connectors that speak ISO 15118: its EVCCID, a MAC address. Empty: it tells nothing."""
    drawn_mws: int = field(default=0, init=False)
    current_ma: int = field(default=0, init=False)
    """Drawn now on each of its phases."""
    _offered_s: int = field(default=0, init=False, repr=False)
    _paused_s: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a car that no stall could charge."""
        if self.need_wh < 0:
            raise ValueError(f"need_wh: {self.need_wh} is negative; give the Wh until the car is full")
        if self.max_a < 6:
            raise ValueError(f"max_a: {self.max_a} is less than 6, the lowest current a pilot can offer")
        if self.phases not in (1, 3):
            raise ValueError(f"phases: {self.phases} is not 1 or 3")

    @property
    def full(self) -> bool:
        """Whether it got all it came for."""
        return self.drawn_mws >= self.need_wh * MWS_PER_WH

    @property
    def ready(self) -> bool:
        """Whether its contactor is closed (pilot state C)."""
        return not self.full and self._offered_s > self._wake_s

    @property
    def _wake_s(self) -> int:
        return _DEEP_WAKE_S if self._paused_s >= _ASLEEP_AFTER_S else _WAKE_S

    def second(self, offered_ma: int, phases: int) -> int:
        """Live one second under an offer of `offered_ma` on `phases` phases; returns the mA drawn per phase."""
        if offered_ma >= MIN_OFFER_MA:
            self._offered_s += 1
            if self._offered_s > self._wake_s:
                self._paused_s = 0
        else:
            self._offered_s = 0
            self._paused_s += 1
        target_ma = min(offered_ma, self.max_a * 1000, self._taper_ma()) if self.ready else 0
        step_ma = target_ma - self.current_ma
        self.current_ma += max(-_FALL_MA_PER_S, min(_RISE_MA_PER_S, step_ma))
        self.drawn_mws += self.current_ma * MAINS_V * self.wired_phases(phases)
        return self.current_ma

    def wired_phases(self, phases: int) -> int:
        """On how many phases it draws when `phases` are offered."""
        return min(self.phases, phases)

    def cut_off(self) -> None:
        """The supply is gone from one moment to the next: unplugged, or a contactor opened."""
        self.current_ma = 0
        self._offered_s = 0

    def _taper_ma(self) -> int:
        left_mws = self.need_wh * MWS_PER_WH - self.drawn_mws
        taper_mws = self.taper_wh * MWS_PER_WH
        if left_mws >= taper_mws:
            return self.max_a * 1000
        return MIN_OFFER_MA + (self.max_a * 1000 - MIN_OFFER_MA) * max(left_mws, 0) // taper_mws
