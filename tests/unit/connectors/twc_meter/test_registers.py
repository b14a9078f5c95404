"""What the emulated meter shows, word by word as in connectors.yaml ``tesla_twc3_meter_emulation``."""

import struct

import pytest

from custom_components.evshare.connectors.twc_meter.registers import Registers, reported_a

# fmt: off
IDENTITY = {
    1: [0x3078, 0x3030, 0x3030, 0x3034, 0x3731, 0x3442, 0x3035, 0x3638, 0x3631, 0x0000],
    11: [0x312E, 0x362E, 0x312D, 0x5465, 0x736C, 0x6100],
    17: [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF],
    21: [0x3031, 0x322E, 0x3030, 0x3032, 0x3041, 0x2E48, 0x0000],
    28: [0xFFFF],
    29: [0x3930, 0x3935, 0x3400],
    32: [0x5641, 0x4834, 0x3831, 0x3041, 0x4230, 0x3233, 0x3100],
    39: [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF],
    47: [0x3034, 0x3A37, 0x313A, 0x3442, 0x3A30, 0x353A, 0x3638, 0x3A36, 0x3100],
    40002: [0x0001, 0x0042, 0x4765, 0x6E65, 0x7261, 0x6300],
}
# fmt: on


@pytest.mark.parametrize("address", IDENTITY)
def test_it_says_who_it_is(address: int) -> None:
    words = IDENTITY[address]
    assert Registers(3, 230.0).read(address, len(words)) == words


def test_everything_else_is_zero() -> None:
    """Unknown registers are answered with 0."""
    registers = Registers(3, 230.0)
    known = {start + offset for start, words in IDENTITY.items() for offset in range(len(words))}
    known |= set(range(0x88, 0x9C)) | set(range(0xF4, 0xFE))
    words = registers.read(0, 0x10000)
    assert len(words) == 0x10000
    assert [address for address, word in enumerate(words) if word and address not in known] == []


def floats(registers: Registers, address: int, count: int) -> list[float]:
    """float32, high word first."""
    words = registers.read(address, 2 * count)
    return [round(value, 2) for value in struct.unpack(f">{count}f", struct.pack(f">{2 * count}H", *words))]


def test_currents_powers_and_voltages_belong_together() -> None:
    registers = Registers(3, 230.0)
    registers.show(22.01)
    assert floats(registers, 0xF4, 5) == [22.01, 22.01, 22.01, 0.0, 66.03]
    assert floats(registers, 0x88, 5) == [5062.3, 5062.3, 5062.3, 0.0, 15186.9]
    assert floats(registers, 0x94, 4) == [230.0, 230.0, 230.0, 50.0]


def test_a_single_phase_stall_shows_one_loaded_phase() -> None:
    registers = Registers(1, 230.0)
    registers.show(10.0)
    assert floats(registers, 0xF4, 5) == [10.0, 0.0, 0.0, 0.0, 10.0]


@pytest.mark.parametrize(
    ("target_a", "shown_a"),
    [
        (16, 16.01),  # 32 - (16 - 0.01)
        (6, 26.01),
        (5, 32.0),  # below 6 A: the conductor limit, so that it pauses
        (0, 32.0),
        (32, 0.01),
        (40, 0.01),  # never more than the conductor
    ],
)
def test_the_law(target_a: float, shown_a: float) -> None:
    assert reported_a(32, target_a) == pytest.approx(shown_a)
