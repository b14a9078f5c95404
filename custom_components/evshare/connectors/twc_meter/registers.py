"""What the wall connector reads of its meter: the law by which it is steered, and the registers that say it. Pure.

Facts from the connectors reference 1.5 (b) and ``connectors.yaml`` (``tesla_twc3_meter_emulation``): unit 1, function
3, float32 with the high word first, 0 where nothing is.
"""

import struct

from ...model import MIN_CURRENT_A

UNIT_ID = 1
READ_HOLDING = 3
SHORT_A = 0.01
"""So much less than a whole ampere is left, so that the wall connector rounds to that ampere and not to the next."""
FREQUENCY_HZ = 50.0
ALL_ADDRESSES = 0x10000

_MEASURED = 0x88
_MEASURED_END = 0xFE

_IDENTITY: dict[int, bytes] = {
    1: b"0x000004714B056861\0\0",
    11: b"1.6.1-Tesla\0",
    17: b"\xff" * 8,
    21: b"012.00020A.H\0\0",
    28: b"\xff" * 2,
    29: b"90954\0",
    32: b"VAH4810AB0231\0",
    39: b"\xff" * 16,
    47: b"04:71:4B:05:68:61\0",
    40002: b"\x00\x01\x00\x42Generac\0"[:12],
}
"""Serial number, firmware, part, code, second serial number, MAC address; 1, 66 and the maker's name."""


def reported_a(conductor_limit_a: float, target_a: float) -> float:
    """The current to show on every phase, so that the wall connector offers `target_a`; below 6 A, that it pauses."""
    if target_a < MIN_CURRENT_A:
        return conductor_limit_a
    return conductor_limit_a - (min(target_a, conductor_limit_a) - SHORT_A)


class Registers:
    """All 65536 of them, ready to be sent; only `show` computes anything."""

    def __init__(self, phases: int, voltage_v: float) -> None:
        """A meter of a house with `phases` phases of `voltage_v`, that shows 0 A."""
        self._phases = phases
        self._voltage_v = voltage_v
        self._words = [0] * ALL_ADDRESSES
        for address, text in _IDENTITY.items():
            self._put(address, text)
        self.show(0.0)

    def show(self, current_a: float) -> None:
        """Show the same current on each phase, at once in all registers that depend on it."""
        currents_a = [current_a if phase < self._phases else 0.0 for phase in range(3)]
        powers_w = [amps * self._voltage_v for amps in currents_a]
        image = bytearray(2 * (_MEASURED_END - _MEASURED))
        values = {
            0x88: powers_w[0],
            0x8A: powers_w[1],
            0x8C: powers_w[2],
            0x90: sum(powers_w),
            0x94: self._voltage_v,
            0x96: self._voltage_v,
            0x98: self._voltage_v,
            0x9A: FREQUENCY_HZ,
            0xF4: currents_a[0],
            0xF6: currents_a[1],
            0xF8: currents_a[2],
            0xFC: sum(currents_a),
        }
        for address, value in values.items():
            struct.pack_into(">f", image, 2 * (address - _MEASURED), value)
        self._put(_MEASURED, bytes(image))

    def read(self, address: int, count: int) -> list[int]:
        """The `count` words from `address`."""
        return self._words[address : address + count]

    def _put(self, address: int, content: bytes) -> None:
        words = struct.unpack(f">{len(content) // 2}H", content)
        self._words[address : address + len(words)] = words
