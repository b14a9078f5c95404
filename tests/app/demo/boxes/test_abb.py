"""ABB Terra AC on the wire (connectors.md 2.4; connectors.yaml ``abb_terra_ac``)."""

from collections.abc import AsyncIterator

from pymodbus import FramerType
import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

FIRST, WORDS = 0x4000, 33
LIMIT, LOCK, SESSION, TIMEOUT = 0x4100, 0x4103, 0x4105, 0x4106


@pytest.fixture
async def stand(clock: Hands) -> AsyncIterator[Stand]:
    async with Stand("abb_terra_ac", clock, serial="3220230C00010203") as stand:
        yield stand


@pytest.fixture
async def abb(stand: Stand) -> AsyncIterator[Master]:
    async with master(stand.port, 1) as speaker:
        yield speaker


class Block:
    """The 33 registers of one read."""

    def __init__(self, words: list[int]) -> None:
        self.words = words

    def value(self, address: int) -> int:
        at = address - FIRST
        return self.words[at] << 16 | self.words[at + 1]

    @property
    def state(self) -> int:
        """Reference: "State = bits 8-14 of the second word"."""
        return self.words[0x400D - FIRST] >> 8 & 0x7F


async def block(abb: Master) -> Block:
    return Block(await abb.holdings(FIRST, WORDS))


async def limit(abb: Master, current_ma: int) -> None:
    await abb.write(LIMIT, current_ma >> 16, current_ma & 0xFFFF)


async def keep_alive(abb: Master, clock: Hands, seconds: int) -> Block:
    """Poll every 30 s, as the vendor recommends at least."""
    for _ in range(seconds // 30):
        clock.forward(30)
        await abb.holdings(FIRST, 1)
    clock.forward(seconds % 30)
    return await block(abb)


async def test_one_read_of_33_registers_tells_everything(stand: Stand, abb: Master, clock: Hands) -> None:
    """Reference: "One read of 33 registers at 0x4000 covers everything"."""
    stand.plug(Car(name="a", need_wh=20_000))
    await limit(abb, 10_000)
    clock.forward(30)
    read = await block(abb)
    assert [f"{word:04X}" for word in read.words[:4]] == ["3220", "230C", "0001", "0203"]
    assert read.value(0x4004) == 0x01081500  # byte3.byte2.byte1 is 1.8.21
    assert read.value(0x4006) == 32_000
    assert read.value(0x4008) == 0
    assert read.state == 4
    assert read.value(0x400E) == 10_000
    assert [read.value(address) for address in (0x4010, 0x4012, 0x4014)] == [10_000, 10_000, 10_000]
    assert [read.value(address) for address in (0x4016, 0x4018, 0x401A)] == [2300, 2300, 2300]
    assert read.value(0x401C) == 6_900
    assert read.words[0x20] == 60


async def test_it_counts_the_energy_of_a_session_only(stand: Stand, abb: Master, clock: Hands) -> None:
    """Reference: "Energy is per session only"; "no lifetime energy register"."""
    stand.plug(Car(name="a", need_wh=20_000))
    mark = stand.mark()
    read = await keep_alive(abb, clock, 3600)
    assert read.value(0x401E) == pytest.approx(stand.delivered_wh_since(mark), abs=1)
    assert read.value(0x401E) > 10_000
    stand.unplug()
    assert (await block(abb)).value(0x401E) > 10_000
    stand.plug(Car(name="b", need_wh=20_000))
    assert (await block(abb)).value(0x401E) == 0


async def test_the_state_follows_the_car(stand: Stand, abb: Master, clock: Hands) -> None:
    """Reference: "0: A, 1: B1 pending, 2: B2 ready, 3: C1 no PWM, 4: C2 charging"; ">= 0x0101 = cable plugged"."""
    assert (await block(abb)).state == 0
    assert (await block(abb)).value(0x400A) < 0x0101
    await limit(abb, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(10)
    assert (await block(abb)).state == 1
    assert (await block(abb)).value(0x400A) >= 0x0101
    await limit(abb, 16_000)
    clock.forward(1)
    assert (await block(abb)).state == 2
    clock.forward(10)
    assert (await block(abb)).state == 4
    await limit(abb, 0)
    clock.forward(10)
    assert (await block(abb)).state == 3
    assert stand.power_w == 0


async def test_a_stopped_session_says_so_even_after_the_car_has_left(stand: Stand, abb: Master, clock: Hands) -> None:
    """Reference: "5: session_stopped", which is A without and B with a cable; 0x4105: 0 start, 1 stop."""
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    await abb.write(SESSION, 1)
    clock.forward(10)
    assert ((await block(abb)).state, stand.power_w) == (5, 0)
    await abb.write(SESSION, 0)
    clock.forward(30)
    assert stand.power_w > 0
    await abb.write(SESSION, 1)
    stand.unplug()
    assert (await block(abb)).state == 5
    assert (await block(abb)).value(0x400A) < 0x0101
    stand.plug(Car(name="b", need_wh=20_000))
    clock.forward(20)
    assert (await block(abb)).state == 4


async def test_which_value_stops_a_session_may_be_the_other(clock: Hands) -> None:
    """Reference: "polarity unverified"."""
    options = {"one_stops_session": False}
    async with Stand("abb_terra_ac", clock, options=options) as stand, master(stand.port, 1) as abb:
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        await abb.write(SESSION, 1)
        clock.forward(10)
        assert stand.power_w > 0
        await abb.write(SESSION, 0)
        clock.forward(10)
        assert stand.power_w == 0


@pytest.mark.parametrize("current_ma", [1, 5_999, 32_001, 70_000])
async def test_a_limit_is_0_or_6_to_32_amperes(current_ma: int, stand: Stand, abb: Master) -> None:
    """Reference: "min_a: 6, max_a: 32, zero: pause"."""
    assert await abb.code_of_write(LIMIT, current_ma >> 16, current_ma & 0xFFFF) == VALUE
    assert stand.commands == []
    await limit(abb, 6_000)
    assert (await block(abb)).value(0x400E) == 6_000


async def test_it_shows_no_more_than_its_rating(clock: Hands) -> None:
    async with Stand("abb_terra_ac", clock, rated_a=16) as stand, master(stand.port, 1) as abb:
        await limit(abb, 32_000)
        assert (await block(abb)).value(0x400E) == 16_000
        assert (await block(abb)).value(0x4006) == 16_000


async def test_silence_stops_it_with_an_error_until_a_limit_is_written(stand: Stand, abb: Master, clock: Hands) -> None:
    """Reference: "Communication supervision counts any read; when unhealthy it may go to error and stop"."""
    stand.plug(Car(name="a", need_wh=20_000))
    await limit(abb, 16_000)
    assert (await keep_alive(abb, clock, 300)).state == 4
    clock.forward(59)
    assert stand.power_w > 0
    clock.forward(10)
    assert stand.power_w == 0
    read = await block(abb)
    assert (read.value(0x4008) != 0, read.value(0x400E)) == (True, 0)
    read = await keep_alive(abb, clock, 60)
    assert (read.value(0x4008) != 0, stand.power_w) == (True, 0)
    await limit(abb, 16_000)
    clock.forward(20)
    assert ((await block(abb)).value(0x4008), stand.power_w) == (0, 11_040)


async def test_a_write_is_no_sign_of_life(stand: Stand, abb: Master, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    for _ in range(3):
        await abb.write(LOCK, 1)
        clock.forward(30)
    assert stand.power_w == 0


async def test_how_long_silence_may_last_can_be_set(stand: Stand, abb: Master, clock: Hands) -> None:
    """Reference: "0x4106 timeout"."""
    await abb.write(TIMEOUT, 20)
    stand.plug(Car(name="a", need_wh=20_000))
    assert (await block(abb)).words[0x20] == 20
    clock.forward(19)
    assert stand.power_w > 0
    clock.forward(10)
    assert stand.power_w == 0


async def test_a_restart_loses_limit_and_session_and_opens(stand: Stand, abb: Master, clock: Hands) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    await limit(abb, 6_000)
    clock.forward(30)
    await stand.reboot()
    clock.forward(50)
    await stand.tick()
    async with master(stand.port, 1) as again:
        read = await block(again)
        assert (read.value(0x400E), read.state) == (32_000, 4)
        assert read.value(0x401E) < 80  # of 25 s at 11 kW, nothing from before


async def test_other_functions_addresses_and_units_are_refused(stand: Stand, abb: Master) -> None:
    """Reference: "read_fc: [3], write_fc: 16"."""
    assert await abb.code_of_inputs(FIRST, 2) == FUNCTION
    assert await abb.code_of_write_one(LOCK, 1) == FUNCTION
    assert await abb.code_of_holdings(FIRST, WORDS + 1) == ADDRESS
    assert await abb.code_of_holdings(LIMIT, 2) == ADDRESS
    assert await abb.code_of_write(LIMIT, 1) == ADDRESS
    assert await abb.code_of_write(LOCK, 2) == VALUE
    async with master(stand.port, 2, timeout_s=0.2) as stranger:
        assert await stranger.code_of_holdings(FIRST) == GONE


async def test_the_same_over_rtu(clock: Hands) -> None:
    """Reference: "kind: [modbus_tcp, modbus_rtu]"."""
    async with Stand("abb_terra_ac", clock, options={"rtu": True}) as stand:
        assert stand.serial_device is not None
        async with master(stand.port, 1, framer=FramerType.RTU) as abb:
            assert (await block(abb)).value(0x4006) == 32_000
