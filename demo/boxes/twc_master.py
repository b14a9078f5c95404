"""A Tesla Wall Connector Gen 3 as the master of its RS485 line: it asks an energy meter and offers what that leaves.

Facts: connectors.md 1.5 (b) and connectors.yaml ``tesla_twc3_meter_emulation``. It asks unit 1 with function 3 about
once a second, wants to know the meter first, and looks at nothing but the current of the most loaded phase. Less than
6 A is a pause; a value that is never steady makes it jump between 0, 6 A and all it has; a meter that is silent for
10 s is lost.

What the sources leave open is played as it is hardest for whoever plays the meter: it rounds what is left up to the
next whole ampere (so 0.01 A too much is an ampere too much), without a meter it goes on with 6 A, and `counts_itself`
is the firmware from 26.2 on, of which owners say that it ignores the meter while a car charges: it takes its own
current for part of what the meter shows.
"""

import asyncio
from collections.abc import Sequence
import math
import os
import struct
import tty
from typing import Protocol

from demo.connectors.tesla import Tesla
from demo.physics import Outlet
from demo.stalls import Place

UNIT, READ_HOLDING = 1, 3
LOST_S = 10
FALLBACK_A = 6
LOWEST_A = 6
ANSWER_S = 1.0
"""It waits no longer for an answer: it asks once a second."""
SMALL_A = 1.0
RESTLESS_AFTER = 3
"""So many small changes in a row make it jump."""
_IDENTITY = (1, 55)
_MAKER = (40_002, 6)
_POWERS = (0x88, 20)
_CURRENTS = (0xF4, 10)
_RESERVED = (0x92, 2)
"""Nothing is known to be there; a meter answers 0 all the same."""


class MeterSilent(Exception):
    """No answer, or none that can be used; the text says which."""


class Wire(Protocol):
    """The RS485 line as the wall connector sees it."""

    async def exchange(self, request: bytes, length: int) -> bytes:
        """Send bytes, wait for `length` bytes. Raises `MeterSilent`."""


class TcpWire:
    """The line behind an adapter that carries its bytes to a TCP port."""

    def __init__(self, host: str, port: int) -> None:
        """Connect when first used, and again whenever the connection was lost."""
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, request: bytes, length: int) -> bytes:
        """Send bytes, wait for `length` bytes."""
        try:
            async with asyncio.timeout(ANSWER_S):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self._host, self._port)
                reader, writer = self._streams
                writer.write(request)
                return await reader.readexactly(length)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            self.hang_up()
            raise MeterSilent(f"no answer: {error!r}") from error

    def hang_up(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class PtyWire:
    """The line as a pseudo terminal: `path` is the serial device of whoever plays the meter."""

    def __init__(self) -> None:
        """Open both ends."""
        self._own, self._other = os.openpty()
        tty.setraw(self._own)
        tty.setraw(self._other)
        os.set_blocking(self._own, False)
        self.path = os.ttyname(self._other)

    async def exchange(self, request: bytes, length: int) -> bytes:
        """Send bytes, wait for `length` bytes."""
        arrived = bytearray()
        complete = asyncio.Event()

        def read() -> None:
            arrived.extend(os.read(self._own, 512))
            if len(arrived) >= length:
                complete.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(self._own, read)
        try:
            os.write(self._own, request)
            async with asyncio.timeout(ANSWER_S):
                await complete.wait()
        except (TimeoutError, OSError) as error:
            raise MeterSilent(f"no answer: {bytes(arrived).hex()}") from error
        finally:
            loop.remove_reader(self._own)
        return bytes(arrived)

    def close(self) -> None:
        """Close both ends."""
        os.close(self._own)
        os.close(self._other)


def crc(frame: bytes) -> bytes:
    """CRC-16 of "MODBUS over Serial Line", low byte first."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


class TwcMaster:
    """What steers the car: call `ask` once a second."""

    def __init__(self, wire: Wire, *, conductor_limit_a: int, output_a: int = 32, counts_itself: bool = False) -> None:
        """`conductor_limit_a` and `output_a` are what the installer set in Tesla One."""
        self.offered_a = 0
        """What the pilot offers now."""
        self.shown_a: tuple[float, float, float] | None = None
        """Currents in the last answer."""
        self.identity: bytes | None = None
        """Registers 1 to 55 of the meter it knows; None while it knows none."""
        self._wire = wire
        self._limit_a = conductor_limit_a
        self._output_a = output_a
        self._counts_itself = counts_itself
        self._silent_s = 0
        self._known_a: float | None = None
        self._changes = 0

    @property
    def lost(self) -> bool:
        """Whether the meter has been silent for too long."""
        return self._silent_s > LOST_S

    def dark(self) -> None:
        """Its supply is gone: it knows nothing any more."""
        self.offered_a, self.shown_a, self.identity = 0, None, None
        self._silent_s, self._known_a, self._changes = 0, None, 0

    async def ask(self, drawn_a: float) -> None:
        """Ask the meter once, while the car draws `drawn_a`, and set what is offered."""
        try:
            shown_a = await self._read()
        except MeterSilent:
            self._silent_s += 1
            if self.lost:
                self.offered_a, self.identity = FALLBACK_A, None
            return
        self._silent_s = 0
        self.shown_a = shown_a
        self._steer(max(shown_a), drawn_a)

    async def _read(self) -> tuple[float, float, float]:
        if self.identity is None:
            maker = await self._registers(*_MAKER)
            if maker[4:] != b"Generac\0":
                raise MeterSilent(f"not a meter it knows: {maker!r}")
            self.identity = await self._registers(*_IDENTITY)
        await self._registers(*_POWERS)
        if any(await self._registers(*_RESERVED)):
            raise MeterSilent("a register that does not exist is not 0")
        l1, l2, l3, _ct4, _total = struct.unpack(">5f", await self._registers(*_CURRENTS))
        return l1, l2, l3

    async def _registers(self, address: int, count: int) -> bytes:
        head = struct.pack(">BBHH", UNIT, READ_HOLDING, address, count)
        answer = await self._wire.exchange(head + crc(head), 5 + 2 * count)
        content, check = answer[:-2], answer[-2:]
        if check != crc(content) or content[:3] != bytes((UNIT, READ_HOLDING, 2 * count)):
            raise MeterSilent(f"not an answer to {address}: {answer.hex()}")
        return content[3:]

    def _steer(self, loaded_a: float, drawn_a: float) -> None:
        if self._known_a is not None and 0 < abs(loaded_a - self._known_a) < SMALL_A:
            self._changes += 1
        else:
            self._changes = 0
        self._known_a = loaded_a
        if self._changes >= RESTLESS_AFTER:
            jumps: Sequence[int] = (0, LOWEST_A, self._output_a)
            self.offered_a = jumps[self._changes % len(jumps)]
            return
        left_a = self._limit_a - loaded_a + (drawn_a if self._counts_itself else 0.0)
        whole_a = math.floor(left_a) + 1
        self.offered_a = min(whole_a, self._output_a) if whole_a >= LOWEST_A else 0


class MeteredTesla(Tesla):
    """The wall connector with a meter on its line; `live` instead of the building's seconds."""

    def __init__(self, place: Place, master: TwcMaster, *, contactor: bool) -> None:
        """Wired straight to the mains, or behind a contactor that begins open."""
        super().__init__(place, 1, contactor=contactor)
        self.master = master

    async def live(self, outlet: Outlet) -> None:
        """One second: ask the meter while there is supply, then let the car have what is offered."""
        if self.supplied:
            await self.master.ask(max(outlet.currents_ma) / 1000)
        else:
            self.master.dark()
        outlet.second(self)

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered: what it has, or less if the meter leaves less."""
        return min(super().second(outlet), self.master.offered_a * 1000)
