"""How often a contactor moves: counted, kept over restarts, and told when it is too often. Pure but for the memory.

Section 5 of the connectors reference: at most 6 cycles an hour and 30 a session. More is said, and nothing else: what
opens a contactor is safety, and what closes it is somebody's session.
"""

from dataclasses import replace

from .contactor_parts import ContactorMemory

MOST_PER_HOUR = 6
MOST_PER_SESSION = 30
HOUR_S = 3600.0


class Wear:
    """The cycles of one contactor."""

    def __init__(self, memory: ContactorMemory) -> None:
        """Go on with the life that `memory` recalls."""
        self._memory = memory
        self.life = memory.recall()
        self._closings_s: list[float] = []
        """The closings of the last hour."""
        self._in_session = 0

    def session_began(self) -> None:
        """Somebody else's cycles are counted from here on."""
        self._in_session = 0

    def closed(self, now_mono_s: float) -> None:
        """It closed."""
        self._closings_s = [at_s for at_s in self._closings_s if now_mono_s - at_s < HOUR_S]
        self._closings_s.append(now_mono_s)
        self._in_session += 1
        self._keep(closings=self.life.closings + 1)

    def opened(self, *, loaded: bool) -> None:
        """It opened, perhaps with a car drawing."""
        if loaded:
            self._keep(loaded_openings=self.life.loaded_openings + 1)

    def weld(self, welded: bool) -> None:
        """It is welded, or was looked at."""
        if welded is not self.life.welded:
            self._keep(welded=welded)

    def too_often(self, now_mono_s: float) -> bool:
        """Whether it moves more often than is good for it."""
        lately = sum(now_mono_s - at_s < HOUR_S for at_s in self._closings_s)
        return lately > MOST_PER_HOUR or self._in_session > MOST_PER_SESSION

    def _keep(self, **changes: int | bool) -> None:
        self.life = replace(self.life, **changes)  # type: ignore[arg-type]  # mypy cannot see which field is which
        self._memory.keep(self.life)
