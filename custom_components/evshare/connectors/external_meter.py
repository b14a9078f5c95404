"""A meter of its own for a stall whose connector has no register to bill from, with or without a contactor."""

from dataclasses import replace
from typing import Protocol, override

from ..model import Reading
from .ports import Connector, Ports
from .wrapped import WrappedConnector


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


class MeteredConnector(WrappedConnector):
    """A connector whose register is an external meter's; all else is the connector's."""

    def __init__(self, inner: Connector, meter: MeterSource) -> None:
        """Put `meter` beside `inner`."""
        super().__init__(inner)
        self._meter = meter

    @property
    @override
    def ports(self) -> Ports:
        """The connector's ports, with a register."""
        return replace(self._inner.ports, register=True)

    @override
    async def poll(self) -> Reading:
        """The connector's reading with the meter's register."""
        return with_meter(await self._inner.poll(), self._meter)
