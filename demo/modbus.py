"""Modbus devices on pymodbus 3.13's `SimDevice`: one action per unit decides every request.

The action is pymodbus's documented hook: it sees function code, address, count and values before its own register
memory does, may fill that memory for the answer, or answers with an exception code. So each device here says for
itself which functions, addresses and values it takes, as the real one does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import struct
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
_WRITES = (WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS)
_BITS = (READ_COILS, READ_DISCRETE, WRITE_COIL)
_COILS_IN_WORD = 16


class Refusal(Exception):
    """The device answers with a Modbus exception."""

    def __init__(self, code: ExcCodes) -> None:
        super().__init__(code.name)
        self.code = code


class RegisterUnit(Protocol):
    """A Modbus unit that speaks registers. Both methods raise `Refusal`."""

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """The `count` registers from `address`."""

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """Take new values."""


class CoilUnit(RegisterUnit, Protocol):
    """A unit that has up to 16 coils and discrete inputs as well, at bit addresses 0..15."""

    def bits(self, function: int) -> Sequence[bool]:
        """All 16 coils or discrete inputs."""

    def set_coil(self, address: int, closed: bool) -> None:
        """Switch one coil."""


def unsigned32(value: int) -> list[int]:
    """Two registers, high word first."""
    return [value >> 16 & 0xFFFF, value & 0xFFFF]


def unsigned64(value: int) -> list[int]:
    """Four registers, high word first."""
    return [value >> shift & 0xFFFF for shift in (48, 32, 16, 0)]


def float32(value: float) -> list[int]:
    """Two registers, high word first."""
    return list(struct.unpack(">2H", struct.pack(">f", value)))


def float64(value: float) -> list[int]:
    """Four registers, high word first."""
    return list(struct.unpack(">4H", struct.pack(">d", value)))


def as_float32(registers: Sequence[int]) -> float:
    """What two registers, high word first, say."""
    (value,) = struct.unpack(">f", struct.pack(">2H", *registers))
    return float(value)


def text(value: str, words: int) -> list[int]:
    """ASCII in `words` registers, padded with NUL."""
    return list(struct.unpack(f">{words}H", value.encode("ascii").ljust(words * 2, b"\0")))


def _words(first: int, count: int) -> list[SimData]:
    return [SimData(first, count=count, values=0, datatype=DataType.REGISTERS)]


@dataclass(frozen=True, kw_only=True)
class _Action:
    """Lets one unit answer; `before` brings the building up to now."""

    unit: RegisterUnit
    before: Callable[[], None]

    async def registers(  # noqa: PLR0917  # the signature is pymodbus's
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        memory: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Answer a request for registers (see `SimDevice.action` for the parameters)."""
        self.before()
        try:
            if values is not None:
                self.unit.write(function, address, [int(value) for value in values])
            elif function not in _WRITES:  # pymodbus reads a written register back for its echo
                memory[address - start : address - start + count] = self.unit.read(function, address, count)
        except Refusal as refusal:
            return refusal.code
        return None


@dataclass(frozen=True, kw_only=True)
class _CoilAction(_Action):
    """The same for a unit with coils; pymodbus hands its bits packed in words, lowest bit first."""

    unit: CoilUnit

    async def any(  # noqa: PLR0917  # the signature is pymodbus's
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        memory: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Answer a request for bits or registers."""
        if function not in _BITS:
            return await self.registers(function, start, address, count, memory, values)
        self.before()
        if address >= _COILS_IN_WORD:
            return ExcCodes.ILLEGAL_ADDRESS
        try:
            if values is not None:
                self.unit.set_coil(address, bool(values[0]))
            memory[0] = sum(1 << bit for bit, closed in enumerate(self.unit.bits(function)) if closed)
        except Refusal as refusal:
            return refusal.code
        return None


async def _nobody(*_request: object) -> ExcCodes:
    return ExcCodes.GATEWAY_NO_RESPONSE


def nobody_else() -> SimDevice:
    """Answers every other unit id of the same socket, as a gateway does for a device that is not there."""
    return SimDevice(0, _words(0, 0x10000), action=_nobody)


def register_device(
    unit_id: int, unit: RegisterUnit, before: Callable[[], None], *, first: int, last: int
) -> SimDevice:
    """A unit with registers `first`..`last`; what lies outside gets exception 2."""
    return SimDevice(unit_id, _words(first, last - first + 1), action=_Action(unit=unit, before=before).registers)


def coil_device(unit_id: int, unit: CoilUnit, before: Callable[[], None], *, last: int) -> SimDevice:
    """A unit with 16 coils and discrete inputs, and holding and input registers 0..`last`."""
    bits = [SimData(0, values=[False] * _COILS_IN_WORD, datatype=DataType.BITS)]
    return SimDevice(
        unit_id,
        (bits, [*bits], _words(0, last + 1), _words(0, last + 1)),
        action=_CoilAction(unit=unit, before=before).any,
    )
