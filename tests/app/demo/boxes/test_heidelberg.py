"""Heidelberg Energy Control on its serial line (connectors.md 2.9; connectors.yaml ``heidelberg_ec``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymodbus import FramerType
import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

WATCHDOG, STANDBY, LOCK, LIMIT, FAILSAFE = 257, 258, 259, 261, 262


@asynccontextmanager
async def wallbox(clock: Hands, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    box = Stand("heidelberg_ec", clock, register_start_wh=100_000, options=options)
    async with box as stand, master(stand.port, 1, framer=FramerType.RTU, timeout_s=0.3) as speaker:
        yield stand, speaker


@pytest.fixture
async def box(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with wallbox(clock) as both:
        yield both


async def status(box: Master) -> int:
    return (await box.inputs(5))[0]


async def poll_for(speaker: Master, clock: Hands, seconds: int) -> None:
    for _ in range(seconds // 5):
        clock.forward(5)
        await speaker.inputs(5)


async def test_one_read_tells_what_flows(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "input 4-18 in one request"; currents 0.1 A, 14 is VA, 15 and 17 VAh; VA counts 1-5 % more than W."""
    stand, speaker = box
    await speaker.write(LIMIT, 100)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(10)
    words = await speaker.inputs(4, 15)
    assert words[0] == 0x108
    assert words[1] == 7
    assert words[2:5] == [100, 100, 100]
    assert words[6:9] == [230, 230, 230]
    assert words[9] == 1
    assert words[10] == 7_107  # 6 900 W and 3 %
    assert words[11:13] == [0, 11]  # 58 As on three phases of 230 V are 11.1 Wh, and 3 %
    assert words[13] << 16 | words[14] == 103_011


async def test_status_says_whether_a_car_is_there_and_may_charge(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "States 2,3 A; 4,5 B; 6,7 C; 8 derating; 9, 11 error; 10 = F (also locked)"."""
    stand, speaker = box
    assert await status(speaker) == 3
    await speaker.write(LIMIT, 0)
    assert await status(speaker) == 2
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(5)
    assert await status(speaker) == 4
    await speaker.write(LIMIT, 160)
    clock.forward(1)
    assert await status(speaker) == 5
    clock.forward(9)
    assert await status(speaker) == 7
    stand.first.wallbox.derating = True  # type: ignore[attr-defined]
    assert await status(speaker) == 8
    await speaker.write(LIMIT, 0)
    clock.forward(1)
    assert await status(speaker) == 6  # the car has not let go yet
    clock.forward(4)
    assert await status(speaker) == 4
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]
    assert await status(speaker) == 11


async def test_a_car_may_keep_asking_without_a_release(clock: Hands) -> None:
    async with wallbox(clock, asks_without_release=True) as (stand, speaker):
        await speaker.write(LIMIT, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(5)
        assert (await status(speaker), stand.power_w) == (6, 0)


@pytest.mark.parametrize("tenths", [1, 59, 161])
async def test_a_limit_is_0_or_6_to_16_amperes(tenths: int, box: tuple[Stand, Master]) -> None:
    """Reference: "261: 0 or 60-160"."""
    _stand, speaker = box
    assert await speaker.code_of_write(LIMIT, tenths) == VALUE
    assert await speaker.code_of_write(FAILSAFE, tenths) == VALUE
    assert await speaker.holdings(LIMIT, 2) == [60, 60]
    await speaker.write(LIMIT, 160)
    await speaker.write(FAILSAFE, 0)
    assert await speaker.holdings(LIMIT, 2) == [160, 0]


async def test_the_lock_is_state_f(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "259 remote lock 0 locked/1 unlocked gives state F"."""
    stand, speaker = box
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(10)
    assert stand.power_w == 4_140
    await speaker.write(LOCK, 0)
    clock.forward(5)
    assert (await status(speaker), stand.power_w) == (10, 0)
    await speaker.write(LOCK, 1)
    await poll_for(speaker, clock, 10)
    assert stand.power_w == 4_140


async def test_any_request_feeds_the_watchdog(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "Any request feeds the watchdog 257 (ms, default 15000)"."""
    stand, speaker = box
    assert await speaker.holdings(WATCHDOG) == [15_000]
    await speaker.write(LIMIT, 160)
    stand.plug(Car(name="a", need_wh=20_000))
    for asked in range(6):
        clock.forward(14)
        assert await (speaker.holdings(LIMIT) if asked % 2 else speaker.inputs(5)) == ([160] if asked % 2 else [7])
    assert stand.power_w == 11_040


async def test_after_silence_it_shows_an_error_for_ten_seconds_and_takes_no_commands(
    box: tuple[Stand, Master], clock: Hands
) -> None:
    """Reference: "Trip shows an error for about 10 s"; "before it accepts commands again"."""
    stand, speaker = box
    await speaker.write(FAILSAFE, 0)
    await speaker.write(LIMIT, 160)
    stand.plug(Car(name="a", need_wh=20_000))
    await poll_for(speaker, clock, 20)
    clock.forward(16)
    assert await status(speaker) == 9
    await speaker.write(LIMIT, 160)
    assert await speaker.holdings(LIMIT) == [0]
    clock.forward(10)
    assert (await status(speaker), stand.power_w) == (4, 0)
    await poll_for(speaker, clock, 30)
    assert stand.power_w == 0
    await speaker.write(LIMIT, 160)
    await poll_for(speaker, clock, 15)
    assert stand.power_w == 11_040
    assert stand.commands == [("262", 0), ("261", 160), ("261", 160)]


async def test_as_delivered_silence_leaves_it_open_at_6_amperes(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "set register 262 to 0 to be fail-closed"."""
    stand, speaker = box
    await speaker.write(LIMIT, 160)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(60)
    assert stand.power_w == 4_140


async def test_another_firmware_takes_up_its_old_limit_once_it_is_spoken_to(clock: Hands) -> None:
    async with wallbox(clock, after_trip="resume") as (stand, speaker):
        await speaker.write(FAILSAFE, 0)
        await speaker.write(LIMIT, 160)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(60)
        assert stand.power_w == 0
        await poll_for(speaker, clock, 20)
        assert stand.power_w == 11_040


async def test_the_watchdog_can_be_switched_off(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "0 off"."""
    stand, speaker = box
    await speaker.write(WATCHDOG, 0)
    await speaker.write(LIMIT, 160)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(600)
    assert stand.power_w == 11_040


async def test_in_standby_it_does_not_answer_until_a_car_comes(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "258 = 4 disables standby; in standby no answers" (after 4 to 12 minutes without a car)."""
    stand, speaker = box
    await poll_for(speaker, clock, 235)
    clock.forward(5)
    assert await speaker.code_of_inputs(5) == GONE
    stand.plug(Car(name="a", need_wh=20_000))
    async with master(stand.port, 1, framer=FramerType.RTU) as again:
        assert await again.code_of_inputs(5) == 0


async def test_told_not_to_it_never_goes_to_standby(box: tuple[Stand, Master], clock: Hands) -> None:
    _stand, speaker = box
    await speaker.write(STANDBY, 4)
    clock.forward(3600)
    assert await speaker.code_of_inputs(5) == 0
    assert await speaker.code_of_write(STANDBY, 1) == VALUE


async def test_a_restart_begins_with_the_failsafe_current(box: tuple[Stand, Master], clock: Hands) -> None:
    """Reference: "on_reboot: closed_if_failsafe_0"."""
    stand, speaker = box
    await speaker.write(STANDBY, 4)
    await speaker.write(FAILSAFE, 0)
    await speaker.write(LIMIT, 160)
    stand.plug(Car(name="a", need_wh=20_000))
    await poll_for(speaker, clock, 60)
    await stand.reboot()
    clock.forward(12)
    await stand.tick()
    async with master(stand.port, 1, framer=FramerType.RTU) as again:
        assert await again.holdings(WATCHDOG, 3) == [15_000, 0, 1]
        assert await again.holdings(LIMIT, 2) == [0, 0]
        assert await again.inputs(15, 2) == [0, 0]  # since power-on
        assert stand.power_w == 0


async def test_other_functions_and_holes_are_refused(box: tuple[Stand, Master]) -> None:
    """Reference: "write_fc: 16, read_fc: [3, 4]"; there is no 260."""
    _stand, speaker = box
    assert await speaker.code_of_write_one(LIMIT, 160) == FUNCTION
    assert await speaker.code_of_inputs(4, 16) == ADDRESS
    assert await speaker.code_of_holdings(257, 6) == ADDRESS
    assert await speaker.code_of_write(260, 1) == ADDRESS
    assert await speaker.code_of_write(261, 100, 60) == ADDRESS


async def test_or_holes_are_zero(clock: Hands) -> None:
    async with wallbox(clock, holes="zero") as (_stand, speaker):
        assert await speaker.holdings(257, 6) == [15_000, 0, 1, 0, 60, 60]


async def test_its_energy_rolls_over_at_32_bits(clock: Hands) -> None:
    async with wallbox(clock, va_percent=100) as (stand, speaker):
        stand.set_register_wh(0xFFFF_FFFF)
        assert await speaker.inputs(17, 2) == [0xFFFF, 0xFFFF]
        stand.plug(Car(name="a", need_wh=20_000))
        await poll_for(speaker, clock, 10)
        assert (await speaker.inputs(17, 2))[0] == 0
        assert stand.true_register_wh() > 0xFFFF_FFFF
