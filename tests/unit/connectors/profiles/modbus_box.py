"""A wall connector of fake registers with the real driver on it.

Each test writes the registers by hand from the facts it quotes; nothing here knows a profile. Writes change the fake
registers as they would the real ones, so what can be read back is read back.
"""

import struct

from modbus_connection.mock import CoilSpec, MockModbusConnection, MockModbusUnit, RegisterSpec

from custom_components.evshare.connectors.factory import build_connector, load_profile, modbus_unit_ids
from custom_components.evshare.connectors.ports import Ports
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Reading

from ..conftest import VirtualClock, record_writes

FC5, FC6, FC16 = 5, 6, 16

type Write = tuple[int, int, list[int]]
"""Function code, address, values."""
type Asked = tuple[str, int, int]
"""Table, first address, count."""


class Box:
    """The driver of one model and the registers it talks to."""

    def __init__(
        self, profile_id: str, *, max_current_a: int = 32, point: int = 1, phases: int = 3, serial: str | None = None
    ) -> None:
        self.clock = VirtualClock()
        profile = load_profile(profile_id)
        settings = ConnectorSettings(
            host="192.0.2.7", max_current_a=max_current_a, point=point, phases=phases, serial=serial
        )
        link = MockModbusConnection()
        self.units: dict[int, MockModbusUnit] = {
            unit_id: link.for_unit(unit_id) for unit_id in modbus_unit_ids(profile, settings)
        }
        self.unit_id, self.unit = next(iter(self.units.items()))
        self.writes: list[Write] = record_writes(self.unit)
        self.connector = build_connector(profile, settings, clock=self.clock, unit=self.unit, other_units=self.units)

    def holding(self, registers: dict[int, RegisterSpec]) -> None:
        """Set holding registers."""
        self.unit.holding |= registers

    def input(self, registers: dict[int, RegisterSpec]) -> None:
        """Set input registers."""
        self.unit.input |= registers

    def coil(self, coils: dict[int, CoilSpec]) -> None:
        """Set coils."""
        self.unit.coil |= coils

    async def poll(self) -> Reading:
        """One poll, 5 s after the last."""
        self.clock.mono_s += 5
        return await self.connector.poll()

    async def asked(self) -> list[Asked]:
        """The requests of one more poll, when nothing changed since the last two."""
        await self.poll()
        await self.poll()
        self.unit.read_events.clear()
        await self.poll()
        return [(read.register_type, read.address, read.count) for read in self.unit.read_events]

    def written(self) -> list[Write]:
        """What was written since the last call."""
        writes, self.writes[:] = list(self.writes), []
        return writes

    @property
    def losses(self) -> str:
        """What it does on silence, reboot and unplug."""
        ports: Ports = self.connector.ports
        return f"{ports.on_silence} {ports.on_reboot} {ports.on_unplug}"


def u32(value: int) -> list[int]:
    """High word first."""
    return [value >> 16 & 0xFFFF, value & 0xFFFF]


def u64(value: int) -> list[int]:
    """High word first."""
    return [*u32(value >> 32), *u32(value & 0xFFFFFFFF)]


def f32(value: float) -> list[int]:
    """IEEE 754, high word first."""
    return list(struct.unpack(">2H", struct.pack(">f", value)))


def f64(value: float) -> list[int]:
    """IEEE 754, high word first."""
    return list(struct.unpack(">4H", struct.pack(">d", value)))


def low_first(words: list[int]) -> list[int]:
    """The same value with its low word first."""
    return words[::-1]


def text(value: str, words: int, *, encoding: str = "ascii") -> list[int]:
    """Two bytes in a register, the rest zeros."""
    content = value.encode(encoding).ljust(2 * words, b"\0")
    return list(struct.unpack(f">{words}H", content))
