"""WARP over Modbus on the wire (connectors.md 2.11; connectors.yaml ``warp_modbus``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

CARD = "04A1B2C3D4E5F6"
ENABLE, CURRENT, PHASES, TAG = 1000, 1002, 3100, 4000


@asynccontextmanager
async def warp_stand(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("warp_modbus", clock, options=options) as stand, master(stand.port, 1) as speaker:
        yield stand, speaker


@pytest.fixture
async def warp(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with warp_stand(clock) as both:
        yield both


async def set_coil(speaker: Master, closed: bool) -> None:
    answer = await speaker.client.write_coil(ENABLE, closed, device_id=1)
    assert not answer.isError()


async def test_the_table_version_tells_the_word_order(clock: Hands) -> None:
    async with warp_stand(clock) as (_, speaker):
        assert await speaker.inputs(0, 2) == [0, 3]
    async with warp_stand(clock, word_order="little") as (stand, speaker):
        assert await speaker.inputs(0, 2) == [3, 0]
        await speaker.write(CURRENT, 10_000, 0)
        assert await speaker.inputs(1010, 2) == [10_000, 0]
        assert stand.commands == [("1002", 10_000)]


async def test_the_documented_blocks_are_read_in_one_go(warp: tuple[Stand, Master]) -> None:
    _, speaker = warp
    assert len(await speaker.inputs(1000, 12)) == 12
    assert len(await speaker.inputs(2002, 8)) == 8
    assert len(await speaker.inputs(4000, 14)) == 14
    assert await speaker.code_of_inputs(1000, 13) == ADDRESS


async def test_a_charging_box_shows_what_flows(warp: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = warp
    # no car: pilot 0, state 0, no user
    assert await speaker.inputs(1000, 6) == [0, 0, 0, 0, 0xFFFF, 0xFFFF]
    await speaker.write(CURRENT, 0, 10_000)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(2)
    assert await speaker.inputs(1000, 4) == [0, 1, 0, 2]
    clock.forward(28)
    assert await speaker.inputs(1000, 4) == [0, 2, 0, 3]
    assert await speaker.inputs(1008, 4) == [0, 30, 0, 10_000]
    assert await speaker.input_float(2002) == 6900


async def test_energies_are_kwh_as_floats(warp: tuple[Stand, Master]) -> None:
    stand, speaker = warp
    # 137.000 kWh is 0x43090000
    assert await speaker.inputs(2004, 2) == [0x4309, 0x0000]
    stand.set_register_wh(137_500)
    assert await speaker.input_float(2004) == 137.5
    assert await speaker.input_float(2008) == 0


async def test_coil_and_current_both_have_to_allow(warp: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = warp
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert stand.power_w == 11_040
    await set_coil(speaker, closed=False)
    clock.forward(10)
    assert stand.power_w == 0
    # state 1: waits for its release
    assert await speaker.inputs(1000, 4) == [0, 1, 0, 1]
    assert await speaker.inputs(1010, 2) == [0, 0]
    await speaker.write(CURRENT, 0, 0)
    await set_coil(speaker, closed=True)
    clock.forward(10)
    assert stand.power_w == 0
    await speaker.write(CURRENT, 0, 16_000)
    clock.forward(30)
    assert stand.power_w == 11_040
    assert (await speaker.client.read_coils(ENABLE, count=1, device_id=1)).bits[0] is True
    assert stand.commands == [("1000", False), ("1002", 0), ("1000", True), ("1002", 16_000)]


async def test_other_currents_functions_coils_and_units_are_refused(warp: tuple[Stand, Master]) -> None:
    stand, speaker = warp
    for words in ((0, 5_999), (0, 32_001), (10_000, 0)):
        assert await speaker.code_of_write(CURRENT, *words) == VALUE
    assert await speaker.code_of_write(CURRENT, 10_000) == ADDRESS
    assert await speaker.code_of_write_one(CURRENT, 10_000) == FUNCTION
    assert (await speaker.client.write_coil(1001, True, device_id=1)).exception_code == ADDRESS
    assert (await speaker.client.read_discrete_inputs(ENABLE, count=1, device_id=1)).exception_code == ADDRESS
    async with master(stand.port, 2, timeout_s=0.1) as stranger:
        assert await stranger.code_of_inputs(0, 2) == GONE
    assert stand.commands == []


async def test_a_tag_shows_with_its_age(warp: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = warp
    assert await speaker.inputs(TAG, 12) == [0] * 12
    stand.show_card(CARD.lower())
    assert await speaker.input_text(TAG, 10) == CARD
    assert await speaker.inputs(4010, 2) == [0, 0]
    clock.forward(90)
    # 90 000 ms is 0x00015F90
    assert await speaker.inputs(4010, 2) == [1, 0x5F90]
    stand.show_card(CARD)
    assert await speaker.input_text(TAG, 10) == CARD
    assert await speaker.inputs(4010, 2) == [0, 0]


async def test_the_longest_uid_fills_its_registers(warp: tuple[Stand, Master]) -> None:
    stand, speaker = warp
    stand.show_card("00112233445566778899")
    assert await speaker.input_text(TAG, 10) == "00112233445566778899"


async def test_a_tag_is_injected_in_one_request(warp: tuple[Stand, Master]) -> None:
    stand, speaker = warp
    uid = [0x3034, 0x4131, 0x4232, 0x4333, 0, 0, 0, 0, 0, 0]  # "04A1B2C3"
    start_only, kind = [0x3030, 0x3031], [0x3030, 0x3030]
    assert await speaker.code_of_write(TAG, *uid) == ADDRESS
    await speaker.write(TAG, *uid, *start_only, *kind)
    assert await speaker.code_of_write(TAG, *[0] * 10, *start_only, *kind) == VALUE
    assert stand.commands == [("4000", "04a1b2c3")]


async def test_one_phase_or_three_where_it_can_be_switched(clock: Hands) -> None:
    async with warp_stand(clock) as (stand, speaker):
        await speaker.write(PHASES, 0, 1)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert stand.power_w == 3680
        assert await speaker.inputs(PHASES, 2) == [0, 1]
        assert await speaker.code_of_write(PHASES, 0, 2) == VALUE
    async with warp_stand(clock, phase_switch=False) as (_, speaker):
        assert await speaker.code_of_inputs(PHASES, 2) == ADDRESS


async def test_it_holds_in_silence_and_when_the_car_leaves_but_not_over_a_restart(
    warp: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = warp
    await speaker.write(CURRENT, 0, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(3 * 3600)
    stand.unplug()
    stand.plug(Car(name="b", need_wh=20_000))
    clock.forward(60)
    assert stand.mark() == 0
    await stand.reboot()
    clock.forward(60)
    await stand.tick()
    assert stand.power_w == 11_040
    async with master(stand.port, 1) as again:
        assert await again.inputs(12, 2) == [0, 60]


async def test_a_fault_is_state_4(warp: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = warp
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(15)
    assert stand.power_w > 0
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    clock.forward(2)
    assert await speaker.inputs(1000, 4) == [0, 4, 0, 4]
    assert stand.power_w == 0
