"""A connector that cannot be used as it is set up. Its stall is unavailable, and the others are not disturbed."""

from typing import NoReturn

from ..connectors.ports import NO_PORTS, ConnectorRefused, Failsafe, Identity, Watcher
from ..model import MIN_CURRENT_A, Reading
from .poller import FAILURES_LOST

AT_ONCE_S = 0.1
SELDOM_S = 60.0


class SilentConnector:
    """Answers nothing (`connectors.ports.Connector`)."""

    ports = NO_PORTS
    failsafe: Failsafe | None = None
    min_a = MIN_CURRENT_A
    heartbeat_s: float | None = None

    def __init__(self, max_a: int, why: str) -> None:
        self.max_a = max_a
        self._why = why
        self._refused = 0

    @property
    def poll_charging_s(self) -> float:
        """Soon at first, so that its stall is offline at once; then seldom, as nothing will change."""
        return AT_ONCE_S if self._refused < FAILURES_LOST else SELDOM_S

    @property
    def poll_plugged_s(self) -> float:
        """As `poll_charging_s`."""
        return self.poll_charging_s

    @property
    def poll_idle_s(self) -> float:
        """As `poll_charging_s`."""
        return self.poll_charging_s

    def set_failsafe_share(self, limit_a: int) -> None:
        """There is nothing to remember it."""

    def watch(self, watcher: Watcher | None) -> None:
        """There is nothing to hear."""

    async def identify(self) -> Identity:
        """Raise `ConnectorRefused`, like everything here."""
        self._refuse()

    async def prepare(self) -> None:
        """Raise `ConnectorRefused`."""
        self._refuse()

    async def poll(self) -> Reading:
        """Raise `ConnectorRefused`."""
        self._refuse()

    async def enable(self, limit_a: int) -> None:
        """Raise `ConnectorRefused`."""
        self._refuse()

    async def set_limit(self, limit_a: int) -> None:
        """Raise `ConnectorRefused`."""
        self._refuse()

    async def disable(self) -> None:
        """Raise `ConnectorRefused`."""
        self._refuse()

    async def heartbeat(self) -> None:
        """Raise `ConnectorRefused`."""
        self._refuse()

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _refuse(self) -> NoReturn:
        self._refused += 1
        raise ConnectorRefused(self._why)
