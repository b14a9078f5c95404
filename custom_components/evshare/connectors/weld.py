"""Finding a contactor that is welded or bypassed: commanded open, and energy flows all the same. Pure.

Three witnesses, whichever there are (connectors reference 5): its auxiliary contact, the current that the connector
behind it measures, and the external meter. Each has its own patience, since a contact chatters, a reading may be old,
and a meter delivers late and creeps.
"""

from ..model import Reading
from .contactor_parts import DRAWING_W, ContactorTimes

FLOWS_A = 0.5
"""More than the noise of a wall connector's own measurement (0.4 A, reference 1.3)."""


class WeldWatch:
    """Looks at one contactor while it is commanded open."""

    def __init__(self, times: ContactorTimes) -> None:
        """Nothing was seen yet."""
        self._times = times
        self._open_mono_s: float | None = None
        """Since when it is commanded open."""
        self._stuck_mono_s: float | None = None
        self._flows_mono_s: float | None = None
        self._metered: tuple[float, int] | None = None
        """When the meter was last looked at as settled, and what it said."""

    def commanded(self, *, closed: bool, now_mono_s: float) -> None:
        """What the coil is told now; an opening begins the watch."""
        if closed:
            self._open_mono_s = self._stuck_mono_s = self._flows_mono_s = self._metered = None
        elif self._open_mono_s is None:
            self._open_mono_s = now_mono_s

    def stuck(self, *, closed: bool | None, now_mono_s: float) -> bool:
        """Whether the auxiliary contact has been closed too long for a contactor that was told to open."""
        if self._open_mono_s is None or not closed:
            self._stuck_mono_s = None
            return False
        if self._stuck_mono_s is None:
            self._stuck_mono_s = now_mono_s
        return now_mono_s - self._stuck_mono_s >= self._times.weld_s

    def flows(self, reading: Reading) -> bool:
        """Whether the connector behind has measured a current for too long."""
        now_mono_s = reading.mono_s
        fresh = self._open_mono_s is not None and now_mono_s - self._open_mono_s >= self._times.lag_s
        if not fresh or not _carries(reading):
            self._flows_mono_s = None
            return False
        if self._flows_mono_s is None:
            self._flows_mono_s = now_mono_s
        return now_mono_s - self._flows_mono_s >= self._times.weld_s

    def counts(self, register_wh: int | None, now_mono_s: float) -> bool:
        """Whether the external meter counts behind it."""
        if self._open_mono_s is None or register_wh is None:
            return False
        if now_mono_s - self._open_mono_s < self._times.settle_s:
            return False
        since_mono_s, since_wh = self._metered or (now_mono_s, register_wh)
        if self._metered is None or now_mono_s - since_mono_s >= self._times.weld_window_s:
            self._metered = (now_mono_s, register_wh)
        return register_wh - since_wh > self._times.weld_wh


def _carries(reading: Reading) -> bool:
    if reading.currents_a is not None:
        return max(reading.currents_a) > FLOWS_A
    return reading.power_w is not None and reading.power_w >= DRAWING_W
