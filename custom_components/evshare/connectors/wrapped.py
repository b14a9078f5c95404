"""A connector around another one: whatever it does not change itself, it passes on."""

from ..model import Reading
from .ports import Connector, Failsafe, Identity, Ports, Watcher
from .warned import Warned, warnings


class WrappedConnector:
    """Passes everything on to the connector inside; what is different is its heirs' affair."""

    def __init__(self, inner: Connector) -> None:
        """Wrap `inner`."""
        self._inner = inner

    @property
    def ports(self) -> Ports:
        """As the connector inside."""
        return self._inner.ports

    @property
    def failsafe(self) -> Failsafe | None:
        """As the connector inside."""
        return self._inner.failsafe

    @property
    def warnings(self) -> frozenset[Warned]:
        """As the connector inside."""
        return warnings(self._inner)

    @property
    def poll_charging_s(self) -> float:
        """As the connector inside."""
        return self._inner.poll_charging_s

    @property
    def poll_plugged_s(self) -> float:
        """As the connector inside."""
        return self._inner.poll_plugged_s

    @property
    def poll_idle_s(self) -> float:
        """As the connector inside."""
        return self._inner.poll_idle_s

    @property
    def min_a(self) -> int:
        """As the connector inside."""
        return self._inner.min_a

    @property
    def max_a(self) -> int:
        """As the connector inside."""
        return self._inner.max_a

    @property
    def heartbeat_s(self) -> float | None:
        """As the connector inside."""
        return self._inner.heartbeat_s

    def set_failsafe_share(self, limit_a: int) -> None:
        """As the connector inside."""
        self._inner.set_failsafe_share(limit_a)

    def watch(self, watcher: Watcher | None) -> None:
        """As the connector inside."""
        self._inner.watch(watcher)

    async def identify(self) -> Identity:
        """As the connector inside."""
        return await self._inner.identify()

    async def prepare(self) -> None:
        """As the connector inside."""
        await self._inner.prepare()

    async def poll(self) -> Reading:
        """As the connector inside."""
        return await self._inner.poll()

    async def enable(self, limit_a: int) -> None:
        """As the connector inside."""
        await self._inner.enable(limit_a)

    async def set_limit(self, limit_a: int) -> None:
        """As the connector inside."""
        await self._inner.set_limit(limit_a)

    async def disable(self) -> None:
        """As the connector inside."""
        await self._inner.disable()

    async def heartbeat(self) -> None:
        """As the connector inside."""
        await self._inner.heartbeat()

    async def close(self) -> None:
        """As the connector inside."""
        await self._inner.close()
