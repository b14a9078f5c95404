"""The Alfen on the wire, spoken to by an independent Modbus client (connectors.md 2.3)."""

from collections.abc import AsyncIterator

from pymodbus.client import AsyncModbusTcpClient
import pytest

from demo.building import RunningBuilding, RunningStall
from demo.car import Car

from .conftest import Hands

FUNCTION, ADDRESS, VALUE = 1, 2, 3
FLOAT32 = AsyncModbusTcpClient.DATATYPE.FLOAT32
FLOAT64 = AsyncModbusTcpClient.DATATYPE.FLOAT64


class Master:
    """Speaks to the socket; floats high word first."""

    def __init__(self, client: AsyncModbusTcpClient) -> None:
        self.client = client

    async def words(self, address: int, count: int, unit: int = 1) -> list[int]:
        answer = await self.client.read_holding_registers(address, count=count, device_id=unit)
        assert not answer.isError(), answer
        return answer.registers

    async def float32(self, address: int) -> float:
        value = self.client.convert_from_registers(await self.words(address, 2), FLOAT32)
        assert isinstance(value, float)
        return value

    async def float64(self, address: int) -> float:
        value = self.client.convert_from_registers(await self.words(address, 4), FLOAT64)
        assert isinstance(value, float)
        return value

    async def text(self, address: int, count: int, unit: int = 1) -> str:
        words = await self.words(address, count, unit)
        return b"".join(word.to_bytes(2) for word in words).rstrip(b"\0").decode()

    async def set_current(self, current_a: float) -> None:
        words = self.client.convert_to_registers(current_a, FLOAT32)
        assert not (await self.client.write_registers(1210, words, device_id=1)).isError()


@pytest.fixture
async def alfen(building: RunningBuilding) -> AsyncIterator[Master]:
    client = AsyncModbusTcpClient("127.0.0.1", port=building.stall("stall-2").port)
    await client.connect()
    yield Master(client)
    client.close()


@pytest.fixture
def stall(building: RunningBuilding) -> RunningStall:
    return building.stall("stall-2")


async def test_the_station_answers_at_unit_200(alfen: Master) -> None:
    assert await alfen.text(157, 11, unit=200) == "ACE0200002"
    assert await alfen.text(123, 17, unit=200) == "6.4.0-4210"
    assert await alfen.text(117, 5, unit=200) == "Alfen NV"


async def test_without_a_cable_it_says_e(alfen: Master) -> None:
    assert await alfen.text(1201, 5) == "E"


async def test_the_documented_blocks_are_read_in_one_go(alfen: Master) -> None:
    assert len(await alfen.words(306, 72)) == 72
    assert len(await alfen.words(1200, 16)) == 16


async def test_a_charging_socket_shows_what_flows(alfen: Master, stall: RunningStall, clock: Hands) -> None:
    await alfen.set_current(10)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert await alfen.text(1201, 5) == "C2"
    assert await alfen.float32(306) == 230
    assert await alfen.float32(320) == 10
    assert await alfen.float32(344) == 6900
    assert await alfen.float32(1206) == 10
    assert await alfen.float64(374) == stall.true_register_wh() > 274_000


async def test_mode_3_says_whether_current_is_offered(alfen: Master, stall: RunningStall, clock: Hands) -> None:
    await alfen.set_current(0)
    stall.plug(Car(name="a", need_wh=100))
    clock.forward(10)
    assert await alfen.text(1201, 5) == "B1"
    await alfen.set_current(16)
    clock.forward(1)
    assert await alfen.text(1201, 5) == "B2"


async def test_a_set_point_nobody_refreshes_gives_way_to_the_safe_current(
    alfen: Master, stall: RunningStall, clock: Hands
) -> None:
    await alfen.set_current(0)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(20)
    assert await alfen.words(1208, 2) == [0, 40]
    assert await alfen.words(1214, 1) == [1]
    clock.forward(39)
    assert stall.power_w == 0
    clock.forward(30)
    assert await alfen.float32(1206) == await alfen.float32(1212) == 6
    assert await alfen.words(1214, 1) == [0]
    assert stall.power_w == 4140


async def test_less_than_six_amperes_is_a_pause(alfen: Master, stall: RunningStall, clock: Hands) -> None:
    await alfen.set_current(5.9)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert stall.offered_a == 0


async def test_more_than_the_rating_is_clamped(alfen: Master, stall: RunningStall) -> None:
    await alfen.set_current(63)
    assert await alfen.float32(1210) == 63
    assert await alfen.float32(1206) == 32


@pytest.mark.parametrize("words", [[0x7FC0, 0], [0xC0C0, 0]], ids=["not a number", "-6 A"])
async def test_impossible_set_points_are_refused(alfen: Master, words: list[int]) -> None:
    await alfen.set_current(7)
    assert (await alfen.client.write_registers(1210, words, device_id=1)).exception_code == VALUE
    assert await alfen.float32(1210) == 7


async def test_phases_are_not_licensed_and_the_safe_current_is_the_installers(alfen: Master) -> None:
    assert (await alfen.client.write_registers(1215, [1], device_id=1)).exception_code == VALUE
    assert (await alfen.client.write_registers(1212, [0, 0], device_id=1)).exception_code == ADDRESS
    assert (await alfen.client.write_registers(100, [0, 0], device_id=200)).exception_code == ADDRESS


async def test_other_functions_units_and_addresses_are_refused(alfen: Master) -> None:
    assert (await alfen.client.write_register(1210, 6, device_id=1)).exception_code == FUNCTION
    assert (await alfen.client.read_input_registers(306, count=2, device_id=1)).exception_code == FUNCTION
    assert (await alfen.client.read_holding_registers(306, count=2, device_id=2)).exception_code == 0x0B
    assert (await alfen.client.read_holding_registers(700, count=2, device_id=1)).exception_code == ADDRESS
    assert (await alfen.client.read_holding_registers(1214, count=4, device_id=1)).exception_code == ADDRESS


async def test_a_restart_forgets_the_set_point_and_opens(alfen: Master, stall: RunningStall, clock: Hands) -> None:
    await alfen.set_current(0)
    stall.plug(Car(name="a", need_wh=20_000))
    await stall.reboot()
    clock.forward(29)
    assert stall.power_w == 0
    clock.forward(20)
    assert stall.power_w == 4140
