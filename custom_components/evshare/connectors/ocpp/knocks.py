"""Who was turned away at the door: said in the log, but not as often as somebody knocks."""

import logging

from ..clock import Clock

PAUSE_S = 300.0

_LOGGER = logging.getLogger(__name__)


class Knocks:
    """Remembers when something was last said. Holds a name only if a stall claims it."""

    def __init__(self, clock: Clock) -> None:
        """Nothing was said."""
        self._clock = clock
        self._said_mono_s: dict[str, float] = {}

    def unknown(self) -> None:
        """A box nobody knows."""
        if self._due(""):
            _LOGGER.warning("An OCPP box called whose name no stall has; it was turned away")

    def wrong_password(self, identity: str) -> None:
        """A known box, or somebody who says so."""
        if self._due(identity):
            _LOGGER.warning("%s called with another user name or password than its stall's; turned away", identity)

    def wrong_version(self, identity: str) -> None:
        """It let nobody choose OCPP 1.6."""
        if self._due(identity):
            _LOGGER.warning("%s called, but does not offer OCPP 1.6 as its protocol; turned away", identity)

    def _due(self, key: str) -> bool:
        now_mono_s = self._clock.monotonic()
        if now_mono_s - self._said_mono_s.get(key, float("-inf")) < PAUSE_S:
            return False
        self._said_mono_s[key] = now_mono_s
        return True
