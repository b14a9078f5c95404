"""Amperfied connect on the wire (connectors.md 2.9; connectors.yaml ``amperfied_connect``, ``heidelberg_ec``)."""

from collections.abc import AsyncIterator

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import GONE, VALUE, Master, master

STATE, WATCHDOG, STANDBY, LIMIT, FAILSAFE, PHASES = 5, 257, 258, 261, 262, 501


@pytest.fixture
async def connect(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("amperfied_connect", clock) as stand, master(stand.port, 255, timeout_s=0.3) as speaker:
        yield stand, speaker


async def listen(speaker: Master, clock: Hands, seconds: int) -> None:
    """Ask something every 3 s."""
    for _ in range(seconds // 3):
        clock.forward(3)
        await speaker.inputs(STATE)


async def test_the_heidelberg_set_is_read_over_tcp_at_unit_255(connect: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = connect
    await speaker.write(LIMIT, 100)
    stand.plug(Car(name="a", need_wh=20_000))
    await listen(speaker, clock, 30)
    block = await speaker.inputs(4, 15)
    # state 7 is C2; currents in 0.1 A; voltages
    assert block[1:5] == [7, 100, 100, 100]
    assert block[6:9] == [230, 230, 230]
    async with master(stand.port, 1, timeout_s=0.1) as stranger:
        assert await stranger.code_of_inputs(STATE) == GONE


async def test_energies_are_apparent_some_percent_above_the_true_ones(
    connect: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = connect
    await speaker.write(LIMIT, 100)
    stand.plug(Car(name="a", need_wh=20_000))
    await listen(speaker, clock, 30)
    (power_va,) = await speaker.inputs(14)
    assert 6900 * 1.01 <= power_va <= 6900 * 1.05
    high, low = await speaker.inputs(17, 2)
    assert stand.true_register_wh() * 1.01 <= (high << 16 | low) <= stand.true_register_wh() * 1.05


async def test_a_card_is_twelve_bytes_and_stays_until_another_comes(
    connect: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = connect
    assert await speaker.inputs(2002, 6) == [0] * 6
    stand.show_card("04A1B2C3D4E5F6")
    assert await speaker.inputs(2002, 6) == [0x04A1, 0xB2C3, 0xD4E5, 0xF600, 0, 0]
    stand.plug(Car(name="a", need_wh=20_000))
    await listen(speaker, clock, 30)
    stand.unplug()
    assert await speaker.inputs(2002, 2) == [0x04A1, 0xB2C3]
    stand.show_card("DEADBEEF")
    assert await speaker.inputs(2002, 6) == [0xDEAD, 0xBEEF, 0, 0, 0, 0]


async def test_one_phase_or_three(connect: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = connect
    assert await speaker.inputs(5001) == [3]
    await speaker.write(PHASES, 1)
    await speaker.write(LIMIT, 100)
    stand.plug(Car(name="a", need_wh=20_000))
    await listen(speaker, clock, 30)
    assert await speaker.inputs(5001) == [1]
    assert stand.power_w == 2300
    assert await speaker.code_of_write(PHASES, 2) == VALUE
    assert stand.commands == [("501", 1), ("261", 100)]


async def test_with_failsafe_zero_silence_closes_it(connect: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = connect
    assert await speaker.holdings(WATCHDOG) == [15_000]
    await speaker.write(FAILSAFE, 0)
    await speaker.write(LIMIT, 160)
    stand.plug(Car(name="a", need_wh=20_000))
    await listen(speaker, clock, 30)
    assert stand.power_w == 11_040
    clock.forward(14)
    assert stand.power_w == 11_040
    clock.forward(10)
    assert stand.power_w == 0


async def test_with_failsafe_zero_a_restart_leaves_it_closed_on_three_phases(
    connect: tuple[Stand, Master], clock: Hands
) -> None:
    stand, speaker = connect
    await speaker.write(FAILSAFE, 0)
    await speaker.write(PHASES, 1)
    stand.plug(Car(name="a", need_wh=20_000))
    await stand.reboot()
    clock.forward(30)
    await stand.tick()
    assert stand.offered_a == 0
    async with master(stand.port, 255) as again:
        assert await again.holdings(FAILSAFE) == [0]
        assert await again.inputs(5001) == [3]


async def test_in_standby_it_does_not_answer_unless_258_is_4(connect: tuple[Stand, Master], clock: Hands) -> None:
    _, speaker = connect
    await speaker.write(STANDBY, 4)
    clock.forward(3600)
    assert await speaker.code_of_inputs(STATE) == 0
    clock.forward(15)
    await speaker.inputs(STATE)
    await listen(speaker, clock, 15)
    await speaker.write(STANDBY, 0)
    clock.forward(3600)
    assert await speaker.code_of_inputs(STATE) == GONE
