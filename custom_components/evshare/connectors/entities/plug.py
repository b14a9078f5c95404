"""Whether a car is there and whether it charges, out of whatever entities tell of it."""

from ...model import Pilot

DRAWS_W = 100.0
DRAWS_AFTER_S = 10.0
"""More than this for so long is a car that charges…"""
RESTS_W = 50.0
RESTS_AFTER_S = 60.0
"""…and less than this for so long one that does not (connector reference, section 4)."""


class PowerWatch:
    """A car that shows itself by its power alone."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.draws: bool | None = None
        """Whether it charges; None until one was seen to."""
        self._above_mono_s: float | None = None
        self._below_mono_s: float | None = None

    def see(self, power_w: float | None, mono_s: float) -> None:
        """Take a measurement into account. One that is missing says nothing, and what was going on begins anew."""
        self._above_mono_s = _since(self._above_mono_s, mono_s, power_w is not None and power_w > DRAWS_W)
        self._below_mono_s = _since(self._below_mono_s, mono_s, power_w is not None and power_w < RESTS_W)
        if self._above_mono_s is not None and mono_s - self._above_mono_s >= DRAWS_AFTER_S:
            self.draws = True
        elif self.draws and self._below_mono_s is not None and mono_s - self._below_mono_s >= RESTS_AFTER_S:
            self.draws = False

    def forget(self) -> None:
        """Behind a closed gate nothing is drawn, and the car may have been changed."""
        self.draws = self._above_mono_s = self._below_mono_s = None


def pilot(status: Pilot | None, plugged: bool | None, charging: bool | None, draws: bool | None) -> Pilot:
    """The pilot state. None: not told, by an empty slot or by one that cannot be read.

    Trouble goes first, then whatever says that energy may flow. The slot that only tells of the plug knows better
    than a status, which in many chargers hides the plug while it is locked or asleep. `draws` (`PowerWatch`) is for
    chargers that tell by power only: it knows that a car was there, but never that none is.
    """
    if status in (Pilot.E, Pilot.F):
        return status
    if status is Pilot.C or charging or draws:
        return Pilot.C
    if plugged is not None:
        return Pilot.B if plugged else Pilot.A
    if status in (Pilot.A, Pilot.B):
        return status
    return Pilot.X if draws is None else Pilot.B


def _since(before_mono_s: float | None, mono_s: float, true: bool) -> float | None:
    if not true:
        return None
    return mono_s if before_mono_s is None else before_mono_s
