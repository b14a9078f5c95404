"""NRGkick Gen2 over Modbus on the wire (connectors.md 2.11; connectors.yaml ``nrgkick_gen2_modbus``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

CURRENT, PAUSE, PHASES, STATE = 194, 195, 198, 251


@asynccontextmanager
async def kick_stand(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("nrgkick_gen2_modbus", clock, options=options) as stand, master(stand.port, 1) as speaker:
        yield stand, speaker


@pytest.fixture
async def kick(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with kick_stand(clock) as both:
        yield both


async def test_the_serial_has_its_characters_swapped(clock: Hands) -> None:
    async with Stand("nrgkick_gen2_modbus", clock, serial="NG2-0042") as stand, master(stand.port, 1) as speaker:
        # "NG" as 0x4E47 turned to 0x474E
        assert (await speaker.holdings(0, 11))[:5] == [0x474E, 0x2D32, 0x3030, 0x3234, 0]
        assert await speaker.holdings(36) == [3]


async def test_a_charging_unit_shows_what_flows_low_word_first(kick: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = kick
    assert await speaker.holdings(STATE) == [1]
    await speaker.write_one(CURRENT, 100)
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holdings(STATE) == [2]
    clock.forward(30)
    assert await speaker.holdings(STATE) == [3]
    total_wh = stand.true_register_wh()
    assert await speaker.holdings(199, 4) == [total_wh & 0xFFFF, total_wh >> 16, 0, 0]
    assert await speaker.holdings(203, 2) == [total_wh - 137_000, 0]
    # 6 900 000 mW is 0x00694920
    assert await speaker.holdings(210, 2) == [0x4920, 0x0069]
    assert await speaker.holdings(217, 6) == [23_000, 23_000, 23_000, 10_000, 10_000, 10_000]
    # bit 0 N, bits 1 to 3 L1 to L3
    assert await speaker.holdings(253) == [0b1111]


async def test_a_pause_is_its_own_register(kick: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = kick
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    await speaker.write_one(PAUSE, 1)
    clock.forward(15)
    assert stand.power_w == 0
    assert await speaker.holdings(STATE) == [2]
    assert await speaker.holdings(CURRENT, 2) == [320, 1]
    await speaker.write_one(PAUSE, 0)
    clock.forward(1)
    assert await speaker.holdings(STATE) == [7]
    clock.forward(20)
    assert await speaker.holdings(STATE) == [3]
    assert stand.power_w == 11_040


async def test_the_current_is_6_to_32_amperes_in_tenths_and_never_0(kick: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = kick
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write_one(CURRENT, 67)
    clock.forward(5)
    assert stand.offered_a == 6.7
    for current_da in (0, 59, 321):
        assert await speaker.code_of_write_one(CURRENT, current_da) == VALUE
    assert stand.commands == [("194", 67)]


async def test_the_phases_are_refused_unless_the_app_allows_it(clock: Hands) -> None:
    async with kick_stand(clock) as (stand, speaker):
        await speaker.write_one(PHASES, 1)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert stand.power_w == 3680
        assert await speaker.holdings(253) == [0b0011]
        assert await speaker.code_of_write_one(PHASES, 2) == VALUE
    async with kick_stand(clock, phase_switch=False) as (_, speaker):
        assert await speaker.code_of_write_one(PHASES, 1) == VALUE


async def test_only_unit_1_and_functions_3_and_6(kick: tuple[Stand, Master]) -> None:
    stand, speaker = kick
    assert await speaker.code_of_inputs(STATE) == FUNCTION
    assert await speaker.code_of_write(CURRENT, 100) == FUNCTION
    async with master(stand.port, 255, timeout_s=0.1) as stranger:
        assert await stranger.code_of_holdings(STATE) == GONE


async def test_the_wide_blocks_are_refused_unless_the_firmware_fills_them(clock: Hands) -> None:
    async with kick_stand(clock) as (_, speaker):
        assert await speaker.code_of_holdings(194, 29) == ADDRESS
        assert await speaker.code_of_holdings(251, 7) == ADDRESS
    async with kick_stand(clock, holes="zero") as (_, speaker):
        assert len(await speaker.holdings(194, 64)) == 64


async def test_it_holds_in_silence_and_opens_when_restarted(kick: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = kick
    await speaker.write_one(PAUSE, 1)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(3 * 3600)
    assert stand.mark() == 0
    await stand.reboot()
    clock.forward(60)
    await stand.tick()
    assert stand.power_w == 11_040


async def test_a_fault_is_state_6(kick: tuple[Stand, Master]) -> None:
    stand, speaker = kick
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    assert await speaker.holdings(STATE) == [6]
