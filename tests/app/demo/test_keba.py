"""The KEBA on the wire, spoken to by an independent Modbus client (connectors.md 2.1)."""

from collections.abc import AsyncIterator

from pymodbus.client import AsyncModbusTcpClient
import pytest

from demo.building import RunningBuilding, RunningStall
from demo.car import Car

from .conftest import Hands

FUNCTION, ADDRESS, VALUE = 1, 2, 3


class Master:
    """Reads and writes like the vendor's guide says."""

    def __init__(self, client: AsyncModbusTcpClient) -> None:
        self.client = client

    async def value(self, address: int) -> int:
        answer = await self.client.read_holding_registers(address, count=2, device_id=255)
        assert not answer.isError(), answer
        return answer.registers[0] << 16 | answer.registers[1]

    async def write(self, address: int, value: int) -> None:
        answer = await self.client.write_register(address, value, device_id=255)
        assert not answer.isError(), answer


@pytest.fixture
async def keba(building: RunningBuilding) -> AsyncIterator[Master]:
    client = AsyncModbusTcpClient("127.0.0.1", port=building.stall("stall-1").port)
    await client.connect()
    yield Master(client)
    client.close()


@pytest.fixture
def stall(building: RunningBuilding) -> RunningStall:
    return building.stall("stall-1")


async def test_it_says_who_it_is(keba: Master) -> None:
    assert await keba.value(1014) == 21000001
    assert await keba.value(1016) == 301011
    firmware = await keba.value(1018)
    assert (firmware >> 24, firmware >> 16 & 0xFF, firmware >> 8 & 0xFF) == (3, 10, 42)


async def test_an_idle_box_counts_nothing(keba: Master, clock: Hands) -> None:
    clock.forward(3600)
    assert await keba.value(1000) == 1
    assert await keba.value(1004) == 0
    assert await keba.value(1020) == 0
    assert await keba.value(1036) == 1_370_000  # 137 000 Wh in 0.1 Wh


async def test_a_charging_box_shows_what_flows(keba: Master, stall: RunningStall, clock: Hands) -> None:
    await keba.write(5004, 10_000)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(60)
    assert await keba.value(1000) == 3
    assert await keba.value(1004) == 7
    assert await keba.value(1008) == 10_000
    assert await keba.value(1020) == 6_900_000  # 3 x 10 A x 230 V in mW
    before = await keba.value(1036)
    clock.forward(360)
    assert await keba.value(1036) - before == 6_900  # a tenth of an hour in 0.1 Wh
    assert await keba.value(1036) // 10 == stall.true_register_wh()
    assert await keba.value(1502) == await keba.value(1036) - 1_370_000


async def test_a_disabled_box_shows_suspended_after_charging_and_not_ready_before(
    keba: Master, stall: RunningStall, clock: Hands
) -> None:
    await keba.write(5014, 0)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert await keba.value(1000) == 1
    assert stall.power_w == 0
    await keba.write(5014, 1)
    clock.forward(30)
    assert await keba.value(1000) == 3
    await keba.write(5014, 0)
    clock.forward(5)
    assert await keba.value(1000) == 5
    assert await keba.value(1020) == 0


async def test_a_full_car_leaves_the_box_ready(keba: Master, stall: RunningStall, clock: Hands) -> None:
    stall.plug(Car(name="a", need_wh=100))
    clock.forward(600)
    assert await keba.value(1000) == 2
    assert await keba.value(1502) >= 1_000


@pytest.mark.parametrize(
    ("address", "count"),
    [(1000, 1), (1000, 4), (1001, 2), (1022, 2), (5004, 2), (900, 2)],
    ids=["half a value", "a block", "between values", "undocumented", "write-only", "below"],
)
async def test_only_whole_documented_values_can_be_read(keba: Master, address: int, count: int) -> None:
    answer = await keba.client.read_holding_registers(address, count=count, device_id=255)
    assert answer.exception_code == ADDRESS


async def test_other_functions_are_refused(keba: Master) -> None:
    assert (await keba.client.read_input_registers(1000, count=2, device_id=255)).exception_code == FUNCTION
    assert (await keba.client.write_registers(5004, [10_000], device_id=255)).exception_code == FUNCTION


async def test_another_unit_id_is_not_there(keba: Master) -> None:
    answer = await keba.client.read_holding_registers(1000, count=2, device_id=1)
    assert answer.exception_code == 0x0B


@pytest.mark.parametrize(
    ("address", "value"), [(5004, 5_999), (5004, 63_001), (5014, 2), (5016, 5_000), (5018, 9), (5018, 601), (5020, 0)]
)
async def test_values_out_of_range_are_refused_and_change_nothing(
    keba: Master, stall: RunningStall, clock: Hands, address: int, value: int
) -> None:
    await keba.write(5004, 8_000)
    assert (await keba.client.write_register(address, value, device_id=255)).exception_code == VALUE
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(700)
    assert stall.offered_a == 8
    assert await keba.value(1600) == 0
    assert await keba.value(1602) == 0


async def test_the_failsafe_timeout_cannot_be_written_where_it_is_read(keba: Master) -> None:
    assert (await keba.client.write_register(1602, 60, device_id=255)).exception_code == ADDRESS


async def test_silence_with_failsafe_zero_disables_until_current_and_enable_are_written(
    keba: Master, stall: RunningStall, clock: Hands
) -> None:
    await keba.write(5016, 0)
    await keba.write(5018, 60)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(59)
    assert stall.power_w > 0
    clock.forward(5)
    assert stall.power_w == 0
    await keba.write(5014, 1)
    clock.forward(20)
    assert stall.power_w == 0
    await keba.write(5004, 6_000)
    clock.forward(20)
    assert stall.power_w == 4140


async def test_silence_with_a_failsafe_current_opens_a_stopped_box(
    keba: Master, stall: RunningStall, clock: Hands
) -> None:
    await keba.write(5016, 6_000)
    await keba.write(5018, 600)
    await keba.write(5014, 0)
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(590)
    assert stall.power_w == 0
    clock.forward(40)
    assert stall.power_w == 4140


@pytest.mark.parametrize(("address", "value"), [(5018, 60), (5004, 16_000), (5014, 1)])
async def test_commands_feed_the_failsafe_timer(
    keba: Master, stall: RunningStall, clock: Hands, address: int, value: int
) -> None:
    await keba.write(5018, 60)
    stall.plug(Car(name="a", need_wh=20_000))
    for _ in range(10):
        clock.forward(30)
        await keba.write(address, value)
    assert stall.power_w > 0


async def test_reading_does_not_feed_the_failsafe_timer(keba: Master, stall: RunningStall, clock: Hands) -> None:
    await keba.write(5018, 60)
    stall.plug(Car(name="a", need_wh=20_000))
    for _ in range(8):
        clock.forward(10)
        await keba.value(1000)
    assert stall.power_w == 0


async def test_the_energy_limit_ends_the_session_at_its_value(keba: Master, stall: RunningStall, clock: Hands) -> None:
    await keba.write(5010, 100)  # 1000 Wh
    stall.plug(Car(name="a", need_wh=20_000))
    clock.forward(3600)
    assert stall.power_w == 0
    assert 10_000 <= await keba.value(1502) < 10_200


async def test_a_restart_opens_what_was_not_stored(
    keba: Master, building: RunningBuilding, stall: RunningStall, clock: Hands
) -> None:
    await keba.write(5014, 0)
    await keba.write(5018, 60)
    stall.plug(Car(name="a", need_wh=20_000))
    await stall.reboot()
    clock.forward(19)
    assert stall.power_w == 0
    clock.forward(81)
    await building.tick()
    assert stall.power_w > 0


async def test_a_stored_failsafe_closes_the_restarted_box_again(
    keba: Master, stall: RunningStall, clock: Hands
) -> None:
    await keba.write(5016, 0)
    await keba.write(5018, 60)
    await keba.write(5020, 1)
    stall.plug(Car(name="a", need_wh=20_000))
    await stall.reboot()
    clock.forward(20 + 60 + 5)
    assert stall.power_w == 0


async def test_only_four_bytes_of_a_card_are_readable(keba: Master, stall: RunningStall) -> None:
    await stall.tap("04a2241b5c6780")
    assert await keba.value(1500) == 0x04A2241B


async def test_a_card_that_opened_nothing_fades_after_a_minute(keba: Master, stall: RunningStall, clock: Hands) -> None:
    await keba.write(5014, 0)
    await stall.tap("04A2241B")
    clock.forward(60)
    assert await keba.value(1500) == 0x04A2241B
    clock.forward(1)
    assert await keba.value(1500) == 0


async def test_the_card_of_a_session_stays_until_the_car_leaves(
    keba: Master, stall: RunningStall, clock: Hands
) -> None:
    stall.plug(Car(name="a", need_wh=20_000))
    await stall.tap("04A2241B")
    clock.forward(900)
    assert await keba.value(1500) == 0x04A2241B
    stall.unplug()
    assert await keba.value(1500) == 0


async def test_a_malformed_card_is_refused(stall: RunningStall) -> None:
    with pytest.raises(ValueError, match="not 4 to 10 bytes in hex"):
        await stall.tap("04:A2")
