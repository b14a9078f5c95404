"""Peblar over Modbus on the wire (connectors.md 2.10; connectors.yaml ``peblar_modbus``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

LIMIT, FORCE_ONE, STATE = 40_000, 40_002, 30_110


@asynccontextmanager
async def peblar_stand(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with (
        Stand("peblar_modbus", clock, serial="23-45-A4O-XYZ", options=options) as stand,
        master(stand.port, 255) as speaker,
    ):
        yield stand, speaker


@pytest.fixture
async def peblar(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with peblar_stand(clock) as both:
        yield both


async def test_it_says_who_it_is_at_unit_255(peblar: tuple[Stand, Master]) -> None:
    stand, speaker = peblar
    assert await speaker.input_text(30_050, 12) == "23-45-A4O-XYZ"
    assert (await speaker.input_text(30_074, 12)).startswith("1.6")
    assert await speaker.inputs(30_092, 2) == [3, 1]
    async with master(stand.port, 1, timeout_s=0.1) as stranger:
        assert await stranger.code_of_inputs(STATE) == GONE


async def test_a_charging_box_shows_what_flows(peblar: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = peblar
    assert await speaker.inputs(STATE) == [ord("A")]
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.inputs(STATE) == [ord("B")]
    await speaker.write(LIMIT, 0, 10_000)
    clock.forward(30)
    assert await speaker.inputs(STATE) == [ord("C")]
    # W of L1-L3 and in all, V, mA: 32 bit each
    assert await speaker.inputs(30_008, 8) == [0, 2300, 0, 2300, 0, 2300, 0, 6900]
    assert await speaker.inputs(30_016, 6) == [0, 230] * 3
    assert await speaker.inputs(30_022, 6) == [0, 10_000] * 3
    total_wh = stand.true_register_wh()
    assert await speaker.inputs(30_000, 4) == [0, 0, total_wh >> 16, total_wh & 0xFFFF]
    assert await speaker.inputs(30_113) == [10_000]


async def test_the_limit_is_32_bits_of_milliamperes(peblar: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = peblar
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write(LIMIT, 0, 6_001)
    clock.forward(10)
    assert stand.offered_a == 6.001
    assert await speaker.holdings(LIMIT, 2) == [0, 6_001]
    # 5999, 32001 and 6000 with its words changed
    for words in ((0, 5_999), (0, 32_001), (6_000, 0)):
        assert await speaker.code_of_write(LIMIT, *words) == VALUE
    assert await speaker.code_of_write(LIMIT, 6_000) == ADDRESS
    await speaker.write(LIMIT, 0, 0)
    clock.forward(10)
    assert stand.offered_a == 0
    assert stand.commands == [("40000", 6001), ("40000", 0)]


async def test_one_phase_by_function_6_where_the_relays_are_independent(clock: Hands) -> None:
    async with peblar_stand(clock) as (stand, speaker):
        stand.plug(Car(name="a", need_wh=20_000))
        assert await speaker.code_of_write(FORCE_ONE, 1) == ADDRESS
        await speaker.write_one(FORCE_ONE, 1)
        clock.forward(30)
        assert await speaker.inputs(30_014, 2) == [0, 3680]
        await speaker.write_one(FORCE_ONE, 0)
        clock.forward(30)
        assert await speaker.inputs(30_014, 2) == [0, 11_040]
    async with peblar_stand(clock, independent_relays=False) as (_, speaker):
        assert await speaker.inputs(30_093) == [0]
        assert await speaker.code_of_write_one(FORCE_ONE, 1) != 0


async def test_it_holds_in_silence_and_opens_when_restarted(peblar: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = peblar
    await speaker.write(LIMIT, 0, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(3 * 3600)
    assert stand.mark() == 0
    await stand.reboot()
    clock.forward(60)
    await stand.tick()
    assert stand.power_w == 11_040


async def test_the_wide_blocks_are_refused_unless_the_firmware_fills_them(clock: Hands) -> None:
    async with peblar_stand(clock) as (_, speaker):
        assert await speaker.code_of_inputs(30_000, 28) == ADDRESS
        assert await speaker.code_of_inputs(30_092, 22) == ADDRESS
        assert len(await speaker.inputs(30_008, 20)) == 20
    async with peblar_stand(clock, holes="zero") as (_, speaker):
        assert len(await speaker.inputs(30_000, 28)) == 28
        assert len(await speaker.inputs(30_092, 22)) == 22


async def test_inputs_and_holdings_are_apart(peblar: tuple[Stand, Master]) -> None:
    _, speaker = peblar
    assert await speaker.code_of_holdings(STATE) == ADDRESS
    assert await speaker.code_of_inputs(LIMIT, 2) == ADDRESS


async def test_it_has_no_card_reader_here(peblar: tuple[Stand, Master]) -> None:
    stand, _ = peblar
    with pytest.raises(ValueError, match="no card reader"):
        stand.show_card("04A1B2C3")


async def test_a_fault_shows_as_f(peblar: tuple[Stand, Master]) -> None:
    stand, speaker = peblar
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    assert await speaker.inputs(STATE) == [ord("F")]


async def test_a_function_it_does_not_have_is_refused(peblar: tuple[Stand, Master]) -> None:
    _, speaker = peblar
    answer = await speaker.client.read_coils(0, count=1, device_id=255)
    assert answer.exception_code == FUNCTION
