"""A Modbus master of pymodbus, raw: registers out, exception codes out, nothing decoded by the code under test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

FUNCTION, ADDRESS, VALUE = 1, 2, 3
"""Exception codes: illegal function, data address, data value."""
GONE = -1
"""What comes back when the connection was closed, or nothing came."""
FLOAT32 = AsyncModbusTcpClient.DATATYPE.FLOAT32


class Master:
    """Speaks to one unit. A refused read or write gives the exception code where `code_of_…` asks for it."""

    def __init__(self, client: AsyncModbusTcpClient, unit: int) -> None:
        self.client = client
        self.unit = unit

    @property
    def connected(self) -> bool:
        return self.client.connected

    async def holdings(self, address: int, count: int = 1) -> list[int]:
        answer = await self.client.read_holding_registers(address, count=count, device_id=self.unit)
        assert not answer.isError(), answer
        return answer.registers

    async def inputs(self, address: int, count: int = 1) -> list[int]:
        answer = await self.client.read_input_registers(address, count=count, device_id=self.unit)
        assert not answer.isError(), answer
        return answer.registers

    async def holding_text(self, address: int, count: int) -> str:
        return as_text(await self.holdings(address, count))

    async def input_text(self, address: int, count: int) -> str:
        return as_text(await self.inputs(address, count))

    async def holding_float(self, address: int) -> float:
        return self._float(await self.holdings(address, 2))

    async def input_float(self, address: int) -> float:
        return self._float(await self.inputs(address, 2))

    def _float(self, words: list[int]) -> float:
        value = self.client.convert_from_registers(words, FLOAT32)
        assert isinstance(value, float)
        return value

    async def write(self, address: int, *words: int) -> None:
        """Function 16."""
        assert await self.code_of_write(address, *words) == 0

    async def write_one(self, address: int, word: int) -> None:
        """Function 6."""
        assert await self.code_of_write_one(address, word) == 0

    async def write_float(self, address: int, value: float) -> None:
        """Function 16, high word first."""
        await self.write(address, *self.client.convert_to_registers(value, FLOAT32))

    async def code_of_holdings(self, address: int, count: int = 1) -> int:
        return await _code(lambda: self.client.read_holding_registers(address, count=count, device_id=self.unit))

    async def code_of_inputs(self, address: int, count: int = 1) -> int:
        return await _code(lambda: self.client.read_input_registers(address, count=count, device_id=self.unit))

    async def code_of_write(self, address: int, *words: int) -> int:
        return await _code(lambda: self.client.write_registers(address, list(words), device_id=self.unit))

    async def code_of_write_one(self, address: int, word: int) -> int:
        return await _code(lambda: self.client.write_register(address, word, device_id=self.unit))


async def _code(request: Callable[[], Awaitable[ModbusPDU]]) -> int:
    """0 when it was taken, the exception code when refused, `GONE` without an answer."""
    try:
        answer = await request()
    except ModbusException:
        return GONE
    return answer.exception_code if answer.isError() else 0


def as_text(words: list[int]) -> str:
    return b"".join(word.to_bytes(2) for word in words).rstrip(b"\0").decode("ascii")


@asynccontextmanager
async def master(
    port: int, unit: int, *, framer: FramerType = FramerType.SOCKET, timeout_s: float = 2
) -> AsyncIterator[Master]:
    """A connected master that never asks twice."""
    client = AsyncModbusTcpClient(
        "127.0.0.1", port=port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0
    )
    await client.connect()
    try:
        yield Master(client, unit)
    finally:
        client.close()
