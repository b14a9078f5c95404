"""A meter of its own for a stall whose connector has no register to bill from, with or without a contactor."""

from dataclasses import replace
from typing import Protocol

from ..model import Reading
from .ports import Connector, Identity, Ports


class MeterSource(Protocol):
    """An energy meter that counts this stall and nothing else."""

    @property
    def serial(self) -> str:
        """What names this meter, so that another one in its place begins a new epoch."""

    def register_wh(self) -> int | None:
        """Cumulative import in whole Wh, rounded down; None while it is silent."""


def with_meter(reading: Reading, meter: MeterSource) -> Reading:
    """The reading with the meter's register; the serial number is then the meter's, as it belongs to the register."""
    return replace(reading, register_wh=meter.register_wh(), serial=meter.serial)


class MeteredConnector:
    """A connector whose register is an external meter's; all else is the connector's."""

    def __init__(self, inner: Connector, meter: MeterSource) -> None:
        """Put `meter` beside `inner`."""
        self._inner = inner
        self._meter = meter

    @property
    def ports(self) -> Ports:
        """The connector's ports, with a register."""
        return replace(self._inner.ports, register=True)

    @property
    def poll_active_s(self) -> float:
        """As the connector."""
        return self._inner.poll_active_s

    @property
    def poll_idle_s(self) -> float:
        """As the connector."""
        return self._inner.poll_idle_s

    @property
    def min_a(self) -> int:
        """As the connector."""
        return self._inner.min_a

    @property
    def max_a(self) -> int:
        """As the connector."""
        return self._inner.max_a

    @property
    def heartbeat_s(self) -> float | None:
        """As the connector."""
        return self._inner.heartbeat_s

    def set_failsafe_share(self, limit_a: int) -> None:
        """As the connector."""
        self._inner.set_failsafe_share(limit_a)

    async def identify(self) -> Identity:
        """As the connector."""
        return await self._inner.identify()

    async def prepare(self) -> None:
        """As the connector."""
        await self._inner.prepare()

    async def poll(self) -> Reading:
        """The connector's reading with the meter's register."""
        return with_meter(await self._inner.poll(), self._meter)

    async def enable(self, limit_a: int) -> None:
        """As the connector."""
        await self._inner.enable(limit_a)

    async def set_limit(self, limit_a: int) -> None:
        """As the connector."""
        await self._inner.set_limit(limit_a)

    async def disable(self) -> None:
        """As the connector."""
        await self._inner.disable()

    async def heartbeat(self) -> None:
        """As the connector."""
        await self._inner.heartbeat()

    async def close(self) -> None:
        """As the connector."""
        await self._inner.close()
