"""Modbus on the wire: where one frame ends and the next begins, and what a unit answers to a PDU.

MBAP (Modbus TCP), RTU and ASCII framing after "MODBUS over Serial Line" 1.02 and "MODBUS Messaging on TCP/IP" 1.0b. The
server side only: bytes of requests in, bytes of answers out. No socket, no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from pymodbus.constants import ExcCodes

from demo.modbus import (
    READ_COILS,
    WRITE_COIL,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Refusal,
    RegisterUnit,
)

WRITE_COILS = 15
MAX_READ_WORDS, MAX_WRITE_WORDS, MAX_READ_BITS, MAX_WRITE_BITS = 125, 123, 2000, 1968
_MBAP_BYTES = 7
_MAX_PDU = 253
_COIL_ON, _COIL_OFF = 0xFF00, 0x0000
_CRC_BYTES = 2
_FIXED_REQUEST = 8
"""Unit, function, two words and CRC: what functions 1 to 6 need over RTU."""
_COUNTED_AT = {WRITE_COILS: 6, WRITE_REGISTERS: 6, 23: 10}
"""Where these functions say how many bytes of values follow."""


class NoAnswer(Exception):
    """The unit stays silent: nothing goes back, as from a device in standby."""


class HangUp(Exception):
    """The device closes the connection instead of answering."""


class Framing(StrEnum):
    """How a frame is told from the next."""

    MBAP = "mbap"
    RTU = "rtu"
    ASCII = "ascii"


class BitUnit(RegisterUnit, Protocol):
    """A unit that has coils or discrete inputs too. All methods raise `Refusal`."""

    def read_bits(self, function: int, address: int, count: int) -> Sequence[bool]:
        """The `count` coils or discrete inputs from `address`."""

    def write_bits(self, function: int, address: int, values: Sequence[bool]) -> None:
        """Switch coils."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One request or answer: the unit it is for or from, and the PDU."""

    unit: int
    pdu: bytes
    transaction: bytes = b""
    """MBAP only: repeated in the answer."""

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]

    @property
    def addresses(self) -> range:
        """Which registers or bits a request touches."""
        first = int.from_bytes(self.pdu[1:3])
        alone = self.function in (WRITE_COIL, WRITE_REGISTER)
        return range(first, first + (1 if alone else int.from_bytes(self.pdu[3:5])))

    def answered(self, pdu: bytes) -> Frame:
        """The answer to this request."""
        return replace(self, pdu=pdu)

    def excepted(self, code: int) -> Frame:
        """The exception that answers this request."""
        return replace(self, pdu=bytes([self.function | 0x80, code]))


def crc(data: bytes) -> bytes:
    """CRC-16 of a serial line, low byte first."""
    rest = 0xFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0xA001 if rest & 1 else 0)
    return rest.to_bytes(2, "little")


def wrapped(framing: Framing, frame: Frame) -> bytes:
    """The bytes of `frame`."""
    body = bytes([frame.unit]) + frame.pdu
    match framing:
        case Framing.MBAP:
            return frame.transaction + b"\0\0" + len(body).to_bytes(2) + body
        case Framing.RTU:
            return body + crc(body)
        case Framing.ASCII:
            return b":" + (body + bytes([-sum(body) & 0xFF])).hex().upper().encode() + b"\r\n"


class Splitter:
    """Cuts what arrives on one connection into requests. What is no frame is thrown away, as a device does."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._held = b""

    def forget(self) -> None:
        """Drop an unfinished request (a pause on the line ends it)."""
        self._held = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Every request that `data` completes; raises HangUp when it cannot be Modbus TCP."""
        self._held += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        match self._framing:
            case Framing.MBAP:
                return self._next_mbap()
            case Framing.RTU:
                return self._next_rtu()
            case Framing.ASCII:
                return self._next_ascii()

    def _next_mbap(self) -> Frame | None:
        if len(self._held) < _MBAP_BYTES:
            return None
        length = int.from_bytes(self._held[4:6])
        if self._held[2:4] != b"\0\0" or not 2 <= length <= _MAX_PDU + 1:
            raise HangUp
        end = 6 + length
        if len(self._held) < end:
            return None
        frame = Frame(unit=self._held[6], pdu=self._held[7:end], transaction=self._held[:2])
        self._held = self._held[end:]
        return frame

    def _next_rtu(self) -> Frame | None:
        """Nothing marks where a frame begins, so bytes that are none are skipped one by one."""
        while (needed := _rtu_bytes(self._held)) is not None and len(self._held) >= needed:
            body, check = self._held[: needed - _CRC_BYTES], self._held[needed - _CRC_BYTES : needed]
            if crc(body) == check:
                self._held = self._held[needed:]
                return Frame(unit=body[0], pdu=body[1:])
            self._held = self._held[1:]
        return None

    def _next_ascii(self) -> Frame | None:
        line, end, rest = self._held.partition(b"\r\n")
        if not end:
            return None
        self._held = rest
        try:
            body = bytes.fromhex(line.decode("ascii").rpartition(":")[2])
        except ValueError:
            return self._next_ascii()
        if len(body) < 3 or sum(body) & 0xFF:
            return self._next_ascii()
        return Frame(unit=body[0], pdu=body[1:-1])


def _rtu_bytes(held: bytes) -> int | None:
    """How long the request at the beginning of `held` is; None while that cannot be told."""
    if len(held) < 4:
        return None
    function = held[1]
    if READ_COILS <= function <= WRITE_REGISTER:
        return _FIXED_REQUEST
    if function in _COUNTED_AT:
        count_at = _COUNTED_AT[function]
        return count_at + 1 + held[count_at] + _CRC_BYTES if len(held) > count_at else None
    return len(held)


def answer(unit: RegisterUnit, request: Frame) -> Frame:
    """What `unit` answers; raises NoAnswer or HangUp where the unit does."""
    try:
        return request.answered(_answer_pdu(unit, request))
    except Refusal as refusal:
        return request.excepted(refusal.code)


def _answer_pdu(unit: RegisterUnit, request: Frame) -> bytes:
    pdu, function = request.pdu, request.function
    if len(pdu) < 5:
        raise Refusal(ExcCodes.ILLEGAL_FUNCTION if function > WRITE_REGISTER else ExcCodes.ILLEGAL_VALUE)
    address, number = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
    head = pdu[:5]
    match function:
        case 3 | 4:
            _within(number, MAX_READ_WORDS)
            words = unit.read(function, address, number)
            if len(words) != number:
                raise AssertionError(f"{type(unit).__name__}.read gave {len(words)} registers for {number}")
            return bytes([function, 2 * number]) + b"".join(word.to_bytes(2) for word in words)
        case 6:
            unit.write(function, address, [number])
            return head
        case 16:
            values = _counted(pdu, 2 * number)
            _within(number, MAX_WRITE_WORDS)
            unit.write(function, address, [int.from_bytes(values[at : at + 2]) for at in range(0, len(values), 2)])
            return head
    if not hasattr(unit, "read_bits"):
        raise Refusal(ExcCodes.ILLEGAL_FUNCTION)
    return _answer_bits(unit, request, address, number)  # type: ignore[arg-type]  # it has read_bits


def _answer_bits(unit: BitUnit, request: Frame, address: int, number: int) -> bytes:
    pdu, function = request.pdu, request.function
    match function:
        case 1 | 2:
            _within(number, MAX_READ_BITS)
            bits = unit.read_bits(function, address, number)
            return bytes([function, (number + 7) // 8]) + _packed(bits)
        case 5:
            if number not in (_COIL_ON, _COIL_OFF):
                raise Refusal(ExcCodes.ILLEGAL_VALUE)
            unit.write_bits(function, address, [number == _COIL_ON])
            return pdu[:5]
        case 15:
            values = _counted(pdu, (number + 7) // 8)
            _within(number, MAX_WRITE_BITS)
            unit.write_bits(function, address, [bool(values[at // 8] >> at % 8 & 1) for at in range(number)])
            return pdu[:5]
    raise Refusal(ExcCodes.ILLEGAL_FUNCTION)


def _within(number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise Refusal(ExcCodes.ILLEGAL_VALUE)


def _counted(pdu: bytes, expected: int) -> bytes:
    """The values of a write, when their count is what the request says."""
    if len(pdu) != 6 + expected or pdu[5] != expected:
        raise Refusal(ExcCodes.ILLEGAL_VALUE)
    return pdu[6:]


def _packed(bits: Sequence[bool]) -> bytes:
    return bytes(
        sum(1 << at for at, on in enumerate(bits[first : first + 8]) if on) for first in range(0, len(bits), 8)
    )
