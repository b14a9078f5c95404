"""MENNEKES Compact and HCC3 on the wire (connectors.md 2.5; connectors.yaml ``mennekes_compact``, ``_hcc3``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
import math

from pymodbus import FramerType
import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

STATE, POWER, SESSION, TOTAL = 0x0100, 0x0512, 0x0B02, 0x1000
LIMIT, PHASES, RELEASE, HEARTBEAT, BEAT = 0x0302, 0x0D04, 0x0D05, 0x0D00, 0x55AA


@asynccontextmanager
async def compact_stand(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with (
        Stand("mennekes_compact", clock, options=options) as stand,
        master(stand.port, 50, framer=FramerType.RTU) as speaker,
    ):
        yield stand, speaker


@pytest.fixture
async def compact(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with compact_stand(clock) as both:
        yield both


@pytest.fixture
async def hcc3(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("mennekes_hcc3", clock, serial="35001234") as stand, master(stand.port, 255) as speaker:
        yield stand, speaker


async def beat_for(speaker: Master, clock: Hands, seconds: int, every_s: int = 5) -> None:
    for _ in range(seconds // every_s):
        await speaker.write_one(HEARTBEAT, BEAT)
        clock.forward(every_s)


async def allow(speaker: Master, limit_a: float) -> None:
    await speaker.write_one(HEARTBEAT, BEAT)
    await speaker.write_float(LIMIT, limit_a)
    await speaker.write_one(RELEASE, 1)


async def test_the_compact_speaks_rtu_at_unit_50_and_is_mute_for_others(clock: Hands) -> None:
    async with Stand("mennekes_compact", clock, serial="1384202.00777") as stand:
        assert stand.unit_id == 50
        assert stand.serial_device is not None
        async with master(stand.port, 50, framer=FramerType.RTU) as speaker:
            assert await speaker.holding_text(19, 8) == "1384202.00777"
        async with master(stand.port, 51, framer=FramerType.RTU, timeout_s=0.1) as stranger:
            assert await stranger.code_of_holdings(STATE) == GONE


async def test_without_a_heartbeat_limit_and_release_are_worth_nothing(
    compact: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write_float(LIMIT, 16)
    await speaker.write_one(RELEASE, 1)
    clock.forward(30)
    assert stand.power_w == 0
    assert await speaker.holdings(STATE) == [2]
    assert await speaker.holdings(RELEASE) == [0]


async def test_heartbeat_limit_and_release_let_it_charge(compact: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = compact
    assert await speaker.holdings(STATE) == [1]
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holdings(STATE) == [2]
    await allow(speaker, 10)
    await beat_for(speaker, clock, 30)
    assert await speaker.holdings(STATE) == [5]
    # 10 A on three phases of 230 V
    assert await speaker.holding_float(POWER) == 6900
    assert [await speaker.holding_float(0x0500 + 2 * phase) for phase in range(3)] == [10, 10, 10]
    assert [await speaker.holding_float(0x0506 + 2 * phase) for phase in range(3)] == [230, 230, 230]
    assert stand.commands[:3] == [("3328", 0x55AA), ("770", 10.0), ("3333", 1)]


async def test_a_beat_every_five_seconds_is_enough_and_every_ten_is_not(
    compact: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await allow(speaker, 16)
    await beat_for(speaker, clock, 60)
    assert stand.power_w == 11_040
    await beat_for(speaker, clock, 10, every_s=10)
    assert stand.offered_a == 0


async def test_silence_ends_charging_and_only_new_limit_and_release_resume_it(
    compact: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await allow(speaker, 16)
    await beat_for(speaker, clock, 30)
    assert stand.power_w == 11_040
    clock.forward(20)
    assert stand.power_w == 0
    await beat_for(speaker, clock, 30)
    assert stand.power_w == 0
    await allow(speaker, 16)
    await beat_for(speaker, clock, 30)
    assert stand.power_w == 11_040


async def test_only_the_known_beat_counts(compact: tuple[Stand, Master]) -> None:
    _, speaker = compact
    assert await speaker.code_of_write_one(HEARTBEAT, 0xAA55) == VALUE


async def test_a_fault_ends_with_limit_zero_and_release_one(compact: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await allow(speaker, 16)
    await beat_for(speaker, clock, 30)
    await speaker.write_float(LIMIT, 0)  # before the fault: it does not count
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    await beat_for(speaker, clock, 5)
    assert await speaker.holdings(STATE) == [6]
    assert stand.power_w == 0
    await speaker.write_one(RELEASE, 1)
    assert await speaker.holdings(STATE) == [6]
    await speaker.write_float(LIMIT, 0)
    await speaker.write_one(RELEASE, 1)
    assert await speaker.holdings(STATE) == [3]


async def test_a_block_over_undefined_registers_is_refused_unless_the_firmware_fills_it(clock: Hands) -> None:
    async with compact_stand(clock) as (_, speaker):
        assert await speaker.code_of_holdings(256, 9) == ADDRESS
        assert await speaker.code_of_holdings(1280, 20) == ADDRESS
        assert len(await speaker.holdings(2818, 4)) == 4
    async with compact_stand(clock, holes="zero") as (_, speaker):
        assert await speaker.holdings(256, 9) == [1, 0, 0, 0, 0, 0, 0, 0, 1]


async def test_other_functions_and_currents_are_refused(compact: tuple[Stand, Master]) -> None:
    stand, speaker = compact
    assert await speaker.code_of_inputs(STATE) == FUNCTION
    assert await speaker.code_of_write(RELEASE, 1) == ADDRESS
    assert await speaker.code_of_write_one(LIMIT, 1) == ADDRESS
    for limit_a in (5.9, 32.1, -1.0, math.nan):
        words = speaker.client.convert_to_registers(limit_a, speaker.client.DATATYPE.FLOAT32)
        assert await speaker.code_of_write(LIMIT, *words) == VALUE
    assert stand.commands == []


async def test_one_phase_where_the_hardware_is_there(clock: Hands) -> None:
    async with compact_stand(clock) as (stand, speaker):
        assert await speaker.holdings(780) == [2]
        await speaker.write_one(PHASES, 1)
        stand.plug(Car(name="a", need_wh=20_000))
        await allow(speaker, 10)
        await beat_for(speaker, clock, 30)
        assert await speaker.holding_float(POWER) == 2300
    async with compact_stand(clock, phase_switching=False) as (_, speaker):
        assert await speaker.holdings(780) != [2]
        assert await speaker.code_of_write_one(PHASES, 1) == ADDRESS


async def test_energies_are_kwh_and_above_16_mwh_no_longer_to_the_wh(
    compact: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = compact
    # 16384.000 kWh is 0x46800000; the next float32 is 0.001953 kWh more
    stand.set_register_wh(16_384_000)
    assert await speaker.holdings(TOTAL, 2) == [0x4680, 0x0000]
    stand.set_register_wh(16_384_001)
    assert await speaker.holdings(TOTAL, 2) == [0x4680, 0x0001]
    stand.set_register_wh(16_384_002)
    assert await speaker.holdings(TOTAL, 2) == [0x4680, 0x0001]


async def test_a_new_car_begins_a_new_session(compact: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await allow(speaker, 16)
    await beat_for(speaker, clock, 360)
    session_wh = round(await speaker.holding_float(SESSION) * 1000)
    assert session_wh == pytest.approx(stand.true_register_wh() - 137_000, abs=1)
    assert await speaker.holdings(2820, 2) == [0, 360]
    stand.unplug()
    assert round(await speaker.holding_float(SESSION) * 1000) == session_wh
    stand.plug(Car(name="b", need_wh=20_000))
    assert await speaker.holding_float(SESSION) == 0


async def test_release_stays_when_the_car_leaves(compact: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await allow(speaker, 16)
    await beat_for(speaker, clock, 30)
    stand.unplug()
    await beat_for(speaker, clock, 5)
    assert await speaker.holdings(RELEASE) == [1]


async def test_a_restarted_compact_is_dark_and_then_closed(compact: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = compact
    stand.plug(Car(name="a", need_wh=20_000))
    await allow(speaker, 16)
    await beat_for(speaker, clock, 30)
    await stand.reboot()
    clock.forward(10)
    await stand.tick()
    async with master(stand.port, 50, framer=FramerType.RTU) as early:
        assert not early.connected
    clock.forward(20)
    await stand.tick()
    async with master(stand.port, 50, framer=FramerType.RTU) as again:
        assert await again.holdings(STATE) == [2]
        assert await again.holdings(RELEASE) == [0]
    assert stand.power_w == 0


async def test_the_hcc3_shows_serial_and_name_low_word_first(hcc3: tuple[Stand, Master]) -> None:
    _, speaker = hcc3
    # 35001234 is 0x02161392
    assert await speaker.inputs(779, 2) == [0x1392, 0x0216]
    # "AMTRON Premium", the two characters of each register swapped
    assert (await speaker.inputs(785, 11))[:2] == [0x4D41, 0x5254]


async def test_the_hcc3_counts_only_the_session(hcc3: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = hcc3
    stand.set_register_wh(137_000)
    assert await speaker.inputs(770) == [2]
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write_one(1024, 10)
    clock.forward(600)
    assert await speaker.inputs(770) == [6]
    assert await speaker.inputs(783, 2) == [6900, 0]
    assert await speaker.inputs(781, 2) == [stand.true_register_wh() - 137_000, 0]
    stand.unplug()
    stand.plug(Car(name="b", need_wh=20_000))
    assert await speaker.inputs(781, 2) == [0, 0]


async def test_the_hcc3_pauses_at_zero_and_shows_b1(hcc3: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = hcc3
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert stand.power_w == 11_040
    await speaker.write_one(1024, 0)
    clock.forward(1)
    assert await speaker.inputs(770) == [5]
    clock.forward(10)
    assert await speaker.inputs(770) == [3]
    assert await speaker.holdings(1024) == [0]
    stand.unplug()
    assert await speaker.inputs(770) == [1]


async def test_the_hcc3_holds_in_silence_and_opens_when_restarted(hcc3: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = hcc3
    await speaker.write_one(1024, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(timedelta(hours=3).total_seconds())
    assert stand.mark() == 0
    await stand.reboot()
    clock.forward(60)
    await stand.tick()
    assert stand.power_w == 11_040


async def test_the_hcc3_takes_function_6_whole_amperes_and_only_unit_255(hcc3: tuple[Stand, Master]) -> None:
    stand, speaker = hcc3
    assert await speaker.code_of_write(1024, 16) == FUNCTION
    for limit_a in (5, 33):
        assert await speaker.code_of_write_one(1024, limit_a) == VALUE
    assert await speaker.code_of_inputs(770, 15) == ADDRESS
    async with master(stand.port, 1, timeout_s=0.1) as stranger:
        assert await stranger.code_of_inputs(770) == GONE
