"""How fast a box may talk. One that has much to tell is read slowly, so that it cannot crowd out the others."""

from ..clock import Clock

BURST = 100
PER_SECOND = 20.0


class Pace:
    """A bucket of messages that fills again with time."""

    def __init__(self, clock: Clock) -> None:
        """Full."""
        self._clock = clock
        self._left = float(BURST)
        self._counted_mono_s = clock.monotonic()

    async def keep(self) -> None:
        """Take one message out; wait until there is one."""
        now_mono_s = self._clock.monotonic()
        self._left = min(BURST, self._left + (now_mono_s - self._counted_mono_s) * PER_SECOND)
        self._counted_mono_s = now_mono_s
        if self._left < 1:
            await self._clock.sleep((1 - self._left) / PER_SECOND)
        self._left -= 1
