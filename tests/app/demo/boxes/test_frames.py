"""Modbus frames against published examples ("MODBUS over Serial Line" 1.02, "MODBUS Application Protocol" 1.1b3)."""

from collections.abc import Sequence

from pymodbus.constants import ExcCodes
import pytest

from demo.boxes.frames import Frame, Framing, HangUp, Splitter, answer, crc, wrapped
from demo.modbus import Refusal


class Registers:
    """A unit with the registers 107 to 109 of the specification's example, and one that takes values."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int, list[int]]] = []

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        if range(address, address + count) != range(107, 110):
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        return [0x022B, 0x0000, 0x0064]

    def write(self, function: int, address: int, values: Sequence[int]) -> None:
        self.taken.append((function, address, list(values)))


class Coils(Registers):
    def read_bits(self, function: int, address: int, count: int) -> Sequence[bool]:
        # 6.1 of the application protocol: coils 20-38 are CD 6B 05.
        bits = "1011001111010110101"
        return [bit == "1" for bit in bits[:count]]

    def write_bits(self, function: int, address: int, values: Sequence[bool]) -> None:
        self.taken.append((function, address, [int(value) for value in values]))


def asked(pdu: str, unit: Registers | None = None) -> str:
    return answer(unit or Registers(), Frame(unit=1, pdu=bytes.fromhex(pdu))).pdu.hex()


@pytest.mark.parametrize(("frame", "check"), [("1103006b0003", "7687"), ("010300000001", "840a")])
def test_the_check_of_a_serial_frame_is_that_of_published_frames(frame: str, check: str) -> None:
    assert crc(bytes.fromhex(frame)).hex() == check


@pytest.mark.parametrize("framing", list(Framing))
def test_a_frame_may_come_byte_by_byte_and_two_may_come_at_once(framing: Framing) -> None:
    requests = {
        Framing.MBAP: bytes.fromhex("0001 0000 0006 11 03006b0003"),
        Framing.RTU: bytes.fromhex("11 03006b0003 7687"),
        Framing.ASCII: b":1103006B00037E\r\n",
    }
    splitter, request = Splitter(framing), requests[framing]
    for byte in request[:-1]:
        assert splitter.feed(bytes([byte])) == []
    (frame,) = splitter.feed(request[-1:])
    assert (frame.unit, frame.pdu.hex(), frame.addresses) == (0x11, "03006b0003", range(107, 110))
    assert wrapped(framing, frame) == request
    assert len(splitter.feed(request * 2)) == 2


def test_a_write_of_several_registers_is_as_long_as_it_says() -> None:
    body = bytes.fromhex("01 10 0001 0002 04 000a 0102")
    (frame,) = Splitter(Framing.RTU).feed(body + crc(body))
    assert frame.pdu.hex() == "100001000204000a0102"


@pytest.mark.parametrize(
    ("framing", "wrong"), [(Framing.RTU, "11 03006b0003 7688"), (Framing.ASCII, b":1103006B00037F\r\n".hex())]
)
def test_a_serial_frame_with_a_wrong_check_is_as_if_it_had_not_come(framing: Framing, wrong: str) -> None:
    splitter = Splitter(framing)
    assert splitter.feed(bytes.fromhex(wrong)) == []
    good = {Framing.RTU: bytes.fromhex("11 03006b0003 7687"), Framing.ASCII: b":1103006B00037E\r\n"}[framing]
    assert len(splitter.feed(good)) == 1


def test_what_is_not_modbus_ends_a_tcp_connection() -> None:
    with pytest.raises(HangUp):
        Splitter(Framing.MBAP).feed(b"GET / HTTP/1.1\r\n\r\n")


def test_reads_and_writes_are_answered_as_in_the_specification() -> None:
    assert asked("03006b0003") == "0306022b00000064"
    unit = Registers()
    assert asked("0600010003", unit) == "0600010003"
    assert asked("100001000204000a0102", unit) == "1000010002"
    assert unit.taken == [(6, 1, [3]), (16, 1, [0x000A, 0x0102])]


def test_coils_are_packed_lowest_bit_first() -> None:
    unit = Coils()
    assert asked("0100130013", unit) == "0103cd6b05"
    assert asked("0500acff00", unit) == "0500acff00"
    assert asked("0f0013000a02cd01", unit) == "0f0013000a"
    assert unit.taken == [(5, 172, [1]), (15, 19, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0])]


@pytest.mark.parametrize(
    ("request_pdu", "code"),
    [
        ("0300000001", 2),
        ("03006b0000", 3),
        ("03006b007e", 3),
        ("2b0e0100", 1),
        ("0100130013", 1),
        ("100001000203000a01", 3),
        ("1700010001", 1),
    ],
    ids=[
        "unknown address",
        "no registers",
        "126 registers",
        "device identification",
        "coils where there are none",
        "a byte count that is wrong",
        "read and write",
    ],
)
def test_what_it_cannot_do_is_an_exception(request_pdu: str, code: int) -> None:
    assert asked(request_pdu) == f"{int(request_pdu[:2], 16) | 0x80:02x}{code:02x}"


@pytest.mark.parametrize("pdu", ["05001312 34".replace(" ", ""), "0f0013000a01cd"])
def test_a_coil_is_on_or_off(pdu: str) -> None:
    assert asked(pdu, Coils()).endswith("03")
