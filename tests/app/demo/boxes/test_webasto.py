"""Webasto NEXT on the wire (connectors.md 2.8; connectors.yaml ``webasto_next``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

CARD = "04A1B2C3D4E5F6"
FAILSAFE, TIMEOUT, CURRENT, SESSION, LIFE = 2000, 2002, 5004, 5006, 6000


@asynccontextmanager
async def next_stand(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("webasto_next", clock, options=options) as stand, master(stand.port, 255) as speaker:
        yield stand, speaker


@pytest.fixture
async def next_(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with next_stand(clock) as both:
        yield both


async def live_for(speaker: Master, clock: Hands, seconds: int) -> None:
    for _ in range(seconds // 10):
        await speaker.write(LIFE, 1)
        clock.forward(10)


async def test_a_charging_box_shows_what_flows(next_: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = next_
    assert await speaker.holdings(1000, 3) == [0, 0, 1]
    await speaker.write(CURRENT, 10)
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holdings(1000) == [4]
    clock.forward(30)
    assert await speaker.holdings(1000, 2) == [3, 1]
    assert await speaker.holdings(1004) == [3]
    assert [await speaker.holdings(register) for register in (1008, 1010, 1012)] == [[10_000]] * 3
    assert await speaker.holdings(1020, 2) == [0, 6900]
    assert [await speaker.holdings(register, 2) for register in (1024, 1028, 1032)] == [[0, 2300]] * 3
    total_wh = stand.true_register_wh()
    assert await speaker.holdings(1036, 2) == [total_wh >> 16, total_wh & 0xFFFF]
    assert await speaker.holdings(1502) == [total_wh - 137_000]
    assert await speaker.holdings(1508, 2) == [0, 30]


async def test_the_session_energy_has_16_bits(next_: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = next_
    stand.plug(Car(name="a", need_wh=90_000, max_a=32))
    await live_for(speaker, clock, 3 * 3600)
    flowed_wh = stand.delivered_wh_since(0)
    assert 65_536 < flowed_wh < 131_072
    assert await speaker.holdings(1502) == [flowed_wh - 65_536]


async def test_the_box_clears_the_life_bit_within_a_second(next_: tuple[Stand, Master], clock: Hands) -> None:
    _, speaker = next_
    assert await speaker.holdings(LIFE) == [0]
    await speaker.write(LIFE, 1)
    assert await speaker.holdings(LIFE) == [1]
    clock.forward(1)
    assert await speaker.holdings(LIFE) == [0]
    assert await speaker.code_of_write(LIFE, 0) == VALUE


async def test_without_the_life_bit_a_stopped_box_opens(next_: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = next_
    await speaker.write(FAILSAFE, 6)
    await speaker.write(TIMEOUT, 20)
    await speaker.write(CURRENT, 0)
    await speaker.write(LIFE, 1)
    stand.plug(Car(name="a", need_wh=20_000))
    for _ in range(3):
        clock.forward(6)
        assert await speaker.holdings(1000) == [4]
        assert stand.offered_a == 0
    clock.forward(3)
    assert stand.offered_a == 6
    await live_for(speaker, clock, 60)
    assert stand.offered_a == 6
    await speaker.write(CURRENT, 0)
    await live_for(speaker, clock, 60)
    assert stand.offered_a == 0


async def test_with_the_life_bit_a_stopped_box_stays_stopped(next_: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = next_
    await speaker.write(CURRENT, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    await live_for(speaker, clock, 600)
    assert stand.mark() == 0


async def test_the_failsafe_can_neither_be_zero_nor_off(next_: tuple[Stand, Master]) -> None:
    stand, speaker = next_
    # failsafe current 6-32 A, timeout 6-120 s
    for current_a in (0, 5, 33):
        assert await speaker.code_of_write(FAILSAFE, current_a) == VALUE
    for timeout_s in (0, 5, 121):
        assert await speaker.code_of_write(TIMEOUT, timeout_s) == VALUE
    assert await speaker.holdings(FAILSAFE) == [16]
    assert await speaker.holdings(TIMEOUT) == [60]
    await speaker.write(FAILSAFE, 32)
    await speaker.write(TIMEOUT, 120)
    assert stand.commands == [("2000", 32), ("2002", 120)]


async def test_current_and_session_command_can_only_be_written(next_: tuple[Stand, Master]) -> None:
    _, speaker = next_
    for register in (CURRENT, SESSION):
        assert await speaker.code_of_holdings(register) == ADDRESS
    assert await speaker.code_of_write(CURRENT, 5) == VALUE
    assert await speaker.code_of_write(SESSION, 3) == VALUE


async def test_a_cancelled_session_resumes_when_started(next_: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = next_
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(20)
    await speaker.write(SESSION, 2)
    await live_for(speaker, clock, 20)
    assert stand.power_w == 0
    assert await speaker.holdings(1000) == [1]
    await speaker.write(SESSION, 1)
    await live_for(speaker, clock, 20)
    assert stand.power_w == 11_040


async def test_with_native_authorisation_a_card_or_a_start_is_needed(clock: Hands) -> None:
    async with next_stand(clock, native_auth=True) as (stand, speaker):
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert await speaker.holdings(1000) == [1]
        assert stand.power_w == 0
        stand.show_card(CARD)
        clock.forward(20)
        assert await speaker.holdings(1000) == [3]
        stand.unplug()
        stand.plug(Car(name="b", need_wh=20_000))
        assert await speaker.holdings(1000) == [1]
        await speaker.write(SESSION, 1)
        clock.forward(20)
        assert await speaker.holdings(1000) == [3]


async def test_the_card_is_text_as_long_as_the_session(next_: tuple[Stand, Master]) -> None:
    stand, speaker = next_
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holding_text(1600, 10) == ""
    stand.show_card(CARD.lower())
    assert await speaker.holding_text(1600, 10) == CARD
    stand.unplug()
    assert await speaker.holding_text(1600, 10) == ""


async def test_one_client_only(next_: tuple[Stand, Master]) -> None:
    stand, speaker = next_
    async with master(stand.port, 255, timeout_s=0.3) as second:
        assert await second.code_of_holdings(1000) == GONE
    assert await speaker.holdings(1000) == [0]


async def test_functions_other_than_3_and_16_are_refused(next_: tuple[Stand, Master]) -> None:
    stand, speaker = next_
    assert await speaker.code_of_inputs(1000) == FUNCTION
    assert await speaker.code_of_write_one(CURRENT, 10) == FUNCTION
    assert stand.commands == []


async def test_the_wide_blocks_are_refused_unless_the_firmware_fills_them(clock: Hands) -> None:
    async with next_stand(clock) as (_, speaker):
        assert await speaker.code_of_holdings(1000, 38) == ADDRESS
        assert await speaker.code_of_holdings(1502, 8) == ADDRESS
        assert len(await speaker.holdings(1600, 10)) == 10
    async with next_stand(clock, holes="zero") as (_, speaker):
        assert len(await speaker.holdings(1000, 38)) == 38


async def test_firmware_without_a_life_bit_counts_any_request(clock: Hands) -> None:
    async with next_stand(clock, life_bit=False) as (stand, speaker):
        assert await speaker.code_of_write(LIFE, 1) == ADDRESS
        await speaker.write(CURRENT, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        for _ in range(10):
            clock.forward(20)
            assert await speaker.holdings(1000) == [4]
        clock.forward(70)
        assert stand.offered_a == 16


@pytest.mark.parametrize(("native_auth", "power_w"), [(False, 11_040), (True, 0)])
async def test_a_restart_opens_it_unless_it_authorises_itself(clock: Hands, native_auth: bool, power_w: int) -> None:
    async with next_stand(clock, native_auth=native_auth) as (stand, speaker):
        await speaker.write(FAILSAFE, 6)
        await speaker.write(CURRENT, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        await stand.reboot()
        clock.forward(70)
        await stand.tick()
        assert stand.power_w == power_w
        async with master(stand.port, 255) as again:
            assert await again.holdings(FAILSAFE) == [16]


async def test_a_fault_is_state_7_with_a_code(next_: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = next_
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(15)
    assert stand.power_w > 0
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    clock.forward(2)
    assert [await speaker.holdings(register) for register in (1000, 1006)] == [[7], [1]]
    assert stand.power_w == 0
