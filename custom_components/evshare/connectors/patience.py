"""A connector for callers who rather wait than ask again: set-up's looks and tests."""

from collections.abc import Awaitable, Callable
from typing import override

from .clock import Clock
from .ports import Connector, NotYet
from .wrapped import WrappedConnector


class PatientConnector(WrappedConnector):
    """Commands return when they are carried out, however long a contactor rests or waits before."""

    def __init__(self, inner: Connector, clock: Clock) -> None:
        """Wait on `clock` for what `inner` does not do yet."""
        super().__init__(inner)
        self._clock = clock

    @override
    async def prepare(self) -> None:
        """As the connector inside, after waiting."""
        await self._patiently(self._inner.prepare)

    @override
    async def enable(self, limit_a: int) -> None:
        """As the connector inside, after waiting."""
        await self._patiently(lambda: self._inner.enable(limit_a))

    @override
    async def set_limit(self, limit_a: int) -> None:
        """As the connector inside, after waiting."""
        await self._patiently(lambda: self._inner.set_limit(limit_a))

    @override
    async def disable(self) -> None:
        """As the connector inside, after waiting."""
        await self._patiently(self._inner.disable)

    async def _patiently(self, command: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await command()
            except NotYet as wait:
                await self._clock.sleep(wait.after_s)
            else:
                return
