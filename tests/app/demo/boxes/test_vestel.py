"""Vestel EVC04 / Webasto Unite on the wire (connectors.md 2.8; connectors.yaml ``vestel_evc04``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

CARD = "04A1B2C3D4E5F6"
FAILSAFE, TIMEOUT, LIMIT, PHASES, LIFE = 2000, 2002, 5004, 405, 6000


@asynccontextmanager
async def unite_stand(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with (
        Stand("vestel_evc04", clock, serial="7003421600777", options=options) as stand,
        master(stand.port, 255, timeout_s=0.3) as speaker,
    ):
        yield stand, speaker


@pytest.fixture
async def unite(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with unite_stand(clock) as both:
        yield both


async def live_for(speaker: Master, clock: Hands, seconds: int) -> None:
    """A quarter of the 20 s."""
    for _ in range(seconds // 5):
        await speaker.write_one(LIFE, 1)
        clock.forward(5)


async def accepted(stand: Stand) -> bool:
    """Whether a new connection is taken and answered."""
    async with master(stand.port, 255, timeout_s=0.3) as client:
        return await client.code_of_inputs(1000) == 0


def utf16(words: list[int]) -> str:
    return b"".join(word.to_bytes(2) for word in words).decode("utf-16-be").rstrip("\0")


async def test_strings_are_utf_16(unite: tuple[Stand, Master]) -> None:
    _, speaker = unite
    # "7" is U+0037, "0" is U+0030
    assert (await speaker.inputs(100, 3)) == [0x0037, 0x0030, 0x0030]
    assert utf16(await speaker.inputs(100, 25)) == "7003421600777"
    assert utf16(await speaker.inputs(190, 10)) == "Webasto"
    assert utf16(await speaker.inputs(230, 50)) == "3.187.0"
    assert await speaker.inputs(404) == [1]


async def test_a_charging_box_shows_what_flows(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    assert await speaker.inputs(1004) == [0]
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write_one(LIMIT, 10)
    assert await speaker.inputs(1004) == [3]
    assert await speaker.inputs(1001) == [0]
    await live_for(speaker, clock, 360)
    assert await speaker.inputs(1001) == [1]
    assert [await speaker.inputs(register) for register in (1008, 1010, 1012)] == [[10_000]] * 3
    assert [await speaker.inputs(register) for register in (1014, 1016, 1018)] == [[230]] * 3
    assert await speaker.inputs(1020, 2) == [0, 6900]
    assert await speaker.inputs(1502, 2) == [0, stand.true_register_wh() - 137_000]
    assert await speaker.inputs(1508, 2) == [0, 360]
    assert await speaker.holdings(LIMIT) == [10]


async def test_the_total_counts_tenths_of_a_kwh(unite: tuple[Stand, Master]) -> None:
    stand, speaker = unite
    for register_wh, shown in ((137_000, 1370), (137_099, 1370), (137_100, 1371)):
        stand.set_register_wh(register_wh)
        assert await speaker.inputs(1036, 2) == [0, shown]


async def test_zero_pauses(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    stand.plug(Car(name="a", need_wh=20_000))
    await live_for(speaker, clock, 30)
    assert stand.power_w == 11_040
    await speaker.write_one(LIMIT, 0)
    await live_for(speaker, clock, 10)
    assert stand.power_w == 0
    assert await speaker.inputs(1000, 2) == [3, 0]


async def test_inputs_and_holdings_are_apart_and_writes_are_function_6(unite: tuple[Stand, Master]) -> None:
    stand, speaker = unite
    assert await speaker.code_of_holdings(1000) == ADDRESS
    assert await speaker.code_of_inputs(LIMIT) == ADDRESS
    assert await speaker.code_of_write(LIMIT, 10) == FUNCTION
    for limit_a in (5, 33):
        assert await speaker.code_of_write_one(LIMIT, limit_a) == VALUE
    assert stand.commands == []


async def test_silence_closes_the_connection_and_applies_the_failsafe(
    unite: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = unite
    assert await speaker.holdings(FAILSAFE) == [10]
    assert await speaker.holdings(TIMEOUT) == [20]
    await speaker.write_one(LIMIT, 0)
    await speaker.write_one(LIFE, 1)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(19)
    assert await speaker.inputs(1004) == [3]
    assert stand.offered_a == 0
    clock.forward(1)
    assert stand.offered_a == 10
    assert await speaker.code_of_inputs(1004) == GONE
    assert not speaker.connected


async def test_reading_does_not_count_as_a_sign_of_life(unite: tuple[Stand, Master], clock: Hands) -> None:
    _, speaker = unite
    for _ in range(3):
        clock.forward(6)
        await speaker.inputs(1000)
    clock.forward(6)
    assert await speaker.code_of_inputs(1000) == GONE


async def test_after_silence_new_connections_wait_for_the_timeout(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    await speaker.write_one(LIFE, 1)
    clock.forward(20)
    assert await speaker.code_of_inputs(1000) == GONE
    clock.forward(19)
    assert not await accepted(stand)
    clock.forward(1)
    assert await accepted(stand)


async def test_a_dropped_connection_blocks_the_next_one_too(clock: Hands) -> None:
    async with Stand("vestel_evc04", clock) as stand:
        assert await accepted(stand)
        assert not await accepted(stand)
        clock.forward(19)
        assert not await accepted(stand)
        clock.forward(1)
        assert await accepted(stand)


async def test_a_limit_written_before_the_silence_has_to_be_written_again(clock: Hands) -> None:
    async with Stand("vestel_evc04", clock) as stand:
        async with master(stand.port, 255) as speaker:
            await speaker.write_one(FAILSAFE, 0)
            await speaker.write_one(LIMIT, 16)
            stand.plug(Car(name="a", need_wh=20_000))
            await live_for(speaker, clock, 30)
            assert stand.power_w == 11_040
        assert not await accepted(stand)
        clock.forward(40)
        assert stand.power_w == 0
        async with master(stand.port, 255) as speaker:
            assert await speaker.holdings(LIMIT) == [0]
            await live_for(speaker, clock, 30)
            assert stand.power_w == 0
            await speaker.write_one(LIMIT, 16)
            await live_for(speaker, clock, 30)
            assert stand.power_w == 11_040


async def test_exactly_one_master(unite: tuple[Stand, Master]) -> None:
    stand, speaker = unite
    assert not await accepted(stand)
    assert await speaker.inputs(1000) == [0]


async def test_the_failsafe_is_configurable(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    for current_a in (5, 33):
        assert await speaker.code_of_write_one(FAILSAFE, current_a) == VALUE
    assert await speaker.code_of_write_one(TIMEOUT, 0) == VALUE
    await speaker.write_one(FAILSAFE, 0)
    await speaker.write_one(TIMEOUT, 60)
    await speaker.write_one(LIFE, 1)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(59)
    assert stand.power_w == 11_040
    clock.forward(10)
    assert stand.power_w == 0
    assert stand.commands == [("2000", 0), ("2002", 60), ("6000", 1)]


async def test_some_firmware_refuses_a_failsafe_of_zero(clock: Hands) -> None:
    async with unite_stand(clock, refuses_failsafe_0=True) as (_, speaker):
        assert await speaker.code_of_write_one(FAILSAFE, 0) == VALUE
        assert await speaker.code_of_write_one(FAILSAFE, 6) == 0


async def test_a_card_is_utf_16_too_and_stays_until_another_comes(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    assert await speaker.inputs(1516, 15) == [0] * 15
    stand.show_card(CARD)
    # "0", "4", "A"
    assert (await speaker.inputs(1516, 3)) == [0x0030, 0x0034, 0x0041]
    stand.plug(Car(name="a", need_wh=20_000))
    await live_for(speaker, clock, 60)
    stand.unplug()
    assert utf16(await speaker.inputs(1516, 15)) == CARD
    # 15 registers hold 15 characters
    stand.show_card("00112233445566778899")
    assert utf16(await speaker.inputs(1516, 15)) == "001122334455667"


async def test_older_firmware_shows_no_card_and_switches_no_phases(clock: Hands) -> None:
    async with unite_stand(clock, firmware="3.155.0") as (_, speaker):
        assert await speaker.code_of_inputs(1516, 15) == ADDRESS
        assert await speaker.code_of_holdings(PHASES) == ADDRESS
    async with unite_stand(clock, firmware="3.156.0") as (_, speaker):
        assert len(await speaker.inputs(1516, 15)) == 15
        assert await speaker.code_of_write_one(PHASES, 0) == ADDRESS


async def test_one_phase_or_three(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    assert await speaker.holdings(PHASES) == [1]
    await speaker.write_one(PHASES, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    await live_for(speaker, clock, 30)
    assert await speaker.inputs(1020, 2) == [0, 3680]
    assert await speaker.holdings(PHASES) == [0]


async def test_the_wide_blocks_are_refused_unless_the_firmware_fills_them(clock: Hands) -> None:
    async with unite_stand(clock) as (_, speaker):
        assert await speaker.code_of_inputs(1000, 38) == ADDRESS
        assert await speaker.code_of_inputs(1502, 29) == ADDRESS
    async with unite_stand(clock, holes="zero") as (_, speaker):
        assert len(await speaker.inputs(1000, 38)) == 38
        assert len(await speaker.inputs(1502, 29)) == 29


async def test_a_restart_opens_it_until_its_failsafe_comes(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    await speaker.write_one(FAILSAFE, 0)
    await speaker.write_one(LIMIT, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    await stand.reboot()
    assert not await accepted(stand)
    clock.forward(75)
    await stand.tick()
    assert stand.power_w == 11_040
    assert await accepted(stand)
    clock.forward(15)
    assert stand.offered_a == 10


async def test_a_fault_has_a_code(unite: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = unite
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(15)
    assert stand.power_w > 0
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    clock.forward(2)
    assert await speaker.inputs(1006, 2) == [0, 1]
    assert stand.power_w == 0
