"""Modbus units as tables: which registers can be read with which function, which can be written and how.

A read that touches a register the model does not have gets exception 2; with the option ``holes: zero`` such registers
read as 0, as some firmware does (connectors.yaml marks such blocks ``probe``). A register that is only written counts
as one that is not there. A function the model is not known to take gets exception 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import struct
from typing import Protocol

from pymodbus.constants import ExcCodes

from demo.boxes.model import Options, OptionValue
from demo.modbus import WRITE_REGISTERS, Refusal
from demo.physics import CommandListener

REFUSE, ZERO = "refuse", "zero"
HOLES: Mapping[str, OptionValue] = {"holes": REFUSE}
"""The option every model with holes has."""

type Points = Mapping[int, Sequence[int]]
"""Values by the address of their first register."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A register that may be written."""

    take: Callable[[Sequence[int]], object]
    """Acts on the words and returns what to record; None where the device ignores it. Raises `Refusal`."""
    words: int = 1
    """How many registers one write must have."""
    functions: tuple[int, ...] = (WRITE_REGISTERS,)


class Listening(Protocol):
    """What a unit tells its electronics."""

    @property
    def commanded(self) -> CommandListener:
        """Told of every accepted write."""

    def heard(self) -> None:
        """A request has come in."""


class Tables:
    """A unit that is nothing but registers."""

    def __init__(
        self,
        box: Listening,
        *,
        readable: Mapping[int, Callable[[], Points]],
        commands: Mapping[int, Command],
        options: Options,
    ) -> None:
        """`readable` gives the registers by read function, `commands` those to write by address."""
        holes = options.word("holes")
        if holes not in (REFUSE, ZERO):
            raise ValueError(f"options: holes is {holes!r}; accepted are {REFUSE!r} and {ZERO!r}")
        self._box = box
        self._readable = readable
        self._commands = commands
        self._holes_are_zero = holes == ZERO

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """The `count` registers from `address`."""
        self._box.heard()
        if function not in self._readable:
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        words = {
            first + at: word & 0xFFFF
            for first, value in self._readable[function]().items()
            for at, word in enumerate(value)
        }
        wanted = range(address, address + count)
        if not self._holes_are_zero and any(register not in words for register in wanted):
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        return [words.get(register, 0) for register in wanted]

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        """Take a command."""
        self._box.heard()
        if not any(function in command.functions for command in self._commands.values()):
            raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
        command = self._commands.get(address)
        if command is None or function not in command.functions or len(values) != command.words:
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        taken = command.take(values)
        if taken is not None:
            self._box.commanded(str(address), taken)


def accept(*, when: bool) -> None:
    """Refuse a value (exception 3) that is not acceptable."""
    if not when:
        raise Refusal(ExcCodes.ILLEGAL_VALUE)


def low_first(words: Sequence[int]) -> list[int]:
    """A value whose low word comes first."""
    return list(reversed(words))


def signed32(value: int) -> list[int]:
    """Two registers, high word first."""
    return list(struct.unpack(">2H", struct.pack(">i", value)))


def text_swapped(value: str, words: int) -> list[int]:
    """ASCII whose two characters in each register have changed places, padded with NUL."""
    return list(struct.unpack(f"<{words}H", value.encode("ascii").ljust(words * 2, b"\0")))


def utf16(value: str, words: int) -> list[int]:
    """UTF-16BE, one character in a register, cut off or padded with NUL."""
    return list(struct.unpack(f">{words}H", value.encode("utf-16-be")[: words * 2].ljust(words * 2, b"\0")))
