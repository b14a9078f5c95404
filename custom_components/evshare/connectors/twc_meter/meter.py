"""The emulated meter itself: what it shows, who asked when.

It says nothing before it was told something: after a restart of Home Assistant in mid-session the wall connector meets
no meter rather than one that denies. Once told, it shows that until told otherwise, whatever else fails.
"""

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from ...model import MIN_CURRENT_A
from ..clock import Clock
from ..ports import ConnectorUnreachable
from .line import Line, Served
from .registers import ALL_ADDRESSES, READ_HOLDING, UNIT_ID, Registers, reported_a

ANY_OTHER = 0
"""pymodbus's word for every unit that is not named."""
_UNUSED = SimData(0, count=ALL_ADDRESSES, values=0, datatype=DataType.REGISTERS)
"""Memory that pymodbus wants to have; answers come from `Registers`."""
OPEN_AGAIN_S = 30.0
"""A line that could not be opened, or fell silent with its adapter, is opened anew this often."""


class EmulatedMeter:
    """A meter on a line. All times are the loop's."""

    def __init__(
        self, line: Line, clock: Clock, *, conductor_limit_a: int, phases: int = 3, voltage_v: float = 230.0
    ) -> None:
        """Nothing is opened yet. `conductor_limit_a` is what the installer set in Tesla One.

        Raises:
            ValueError: a limit no car could charge under.
        """
        if conductor_limit_a < MIN_CURRENT_A:
            raise ValueError(f"twc_meter_limit_a: got {conductor_limit_a}; accepted: {MIN_CURRENT_A} or more")
        self.conductor_limit_a = conductor_limit_a
        self.problem: str | None = None
        """Why its line cannot be opened."""
        self.asked_mono_s: float | None = None
        """When it was last asked."""
        self.served_a: int | None = None
        """The target in the last answer; None before the first."""
        self.opened_mono_s: float | None = None
        """Since when it can be asked."""
        self.line = line
        self._clock = clock
        self._registers = Registers(phases, voltage_v)
        self._target_a = 0
        self._served: Served | None = None
        self._tried_mono_s = float("-inf")

    @property
    def heard_mono_s(self) -> float:
        """When it was last asked, or opened if that is later."""
        return self._tried_mono_s if self.asked_mono_s is None else max(self.asked_mono_s, self._tried_mono_s)

    async def show(self, target_a: int) -> None:
        """Leave `target_a` to the wall connector from now on; less than 6 A pauses it."""
        self._target_a = target_a
        self._registers.show(reported_a(self.conductor_limit_a, target_a))
        if self._served is None:
            await self._open()

    async def look_after_line(self) -> None:
        """Try again to open what could not be opened, and a serial line on which nobody asks any more."""
        silent = self.opened_mono_s is not None and self.line.wears_off
        if self.problem is None and not silent:
            return
        if self._clock.monotonic() - self.heard_mono_s >= OPEN_AGAIN_S:
            await self.close()
            await self._open()

    async def close(self) -> None:
        """Fall silent and let go of the line."""
        served, self._served = self._served, None
        self.opened_mono_s = None
        if served is not None:
            await served.end()

    async def _open(self) -> None:
        self._tried_mono_s = self._clock.monotonic()
        try:
            self._served = await self.line.serve(
                [SimDevice(UNIT_ID, _UNUSED, action=self._answer), SimDevice(ANY_OTHER, _UNUSED, action=_nobody)]
            )
        except ConnectorUnreachable as error:
            self.problem = str(error)
        else:
            self.problem = None
            self.opened_mono_s = self._tried_mono_s

    async def _answer(  # noqa: PLR0917  # the signature is pymodbus's
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        memory: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Answer one request from what is ready (see `SimDevice.action` for the parameters)."""
        if function != READ_HOLDING or values is not None:
            return ExcCodes.ILLEGAL_FUNCTION
        memory[address - start : address - start + count] = self._registers.read(address, count)
        self.asked_mono_s = self._clock.monotonic()
        self.served_a = self._target_a
        return None


async def _nobody(*_request: object) -> ExcCodes:
    return ExcCodes.GATEWAY_NO_RESPONSE
