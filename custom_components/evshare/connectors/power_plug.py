"""A car behind a gate that shows nothing but power: a relay with a meter, a plain socket.

Drawing says that a car is there. A gate through which nothing flows for long has no car any more: it may be full, or
another one may come to its plug, and nobody may charge on somebody else's session.
"""

from decimal import Decimal

from ..model import Pilot
from .profile_model import PowerPlug

GAP_S = 60.0
"""Looks further apart than this are a silence, not an idle car."""


class PowerPlugWatch:
    """What the power of one stall says of its plug."""

    def __init__(self, rules: PowerPlug) -> None:
        """Nobody was seen yet."""
        self._rules = rules
        self._drew = False
        self._idle_mono_s: float | None = None
        """Since when nothing flows through the open gate."""
        self._seen_mono_s = float("-inf")

    def seen(self, power_w: Decimal | None, mono_s: float, *, closed: bool) -> Pilot:
        """The pilot state this power amounts to; X behind a closed gate, and until something was drawn."""
        unseen_s, self._seen_mono_s = mono_s - self._seen_mono_s, mono_s
        if closed:
            self._drew, self._idle_mono_s = False, None
            return Pilot.X
        if power_w is not None and power_w > self._rules.above_w:
            self._drew, self._idle_mono_s = True, None
            return Pilot.C
        if self._idle_mono_s is None or unseen_s > GAP_S:
            self._idle_mono_s = mono_s  # what happened while nobody looked says nothing
        if mono_s - self._idle_mono_s >= self._rules.gone_after_s:
            return Pilot.A
        return Pilot.B if self._drew else Pilot.X
