"""A car behind a gate that shows nothing but power: a relay with a meter, a plain socket.

Drawing says that a car is there. A car that draws nothing for long counts as gone: it may be full, or another one may
come to its plug, and nobody may charge on somebody else's session.
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
        self._drew_mono_s: float | None = None
        self._seen_mono_s = float("-inf")

    def seen(self, power_w: Decimal | None, mono_s: float, *, closed: bool) -> Pilot:
        """The pilot state this power amounts to; X behind a closed gate, and before anything was drawn."""
        unseen_s, self._seen_mono_s = mono_s - self._seen_mono_s, mono_s
        if closed:
            self._drew_mono_s = None
            return Pilot.X
        if unseen_s > GAP_S and self._drew_mono_s is not None:
            self._drew_mono_s = mono_s  # what it did while nobody looked says nothing
        if power_w is not None and power_w > self._rules.above_w:
            self._drew_mono_s = mono_s
            return Pilot.C
        if self._drew_mono_s is None:
            return Pilot.X
        return Pilot.B if mono_s - self._drew_mono_s < self._rules.gone_after_s else Pilot.A
