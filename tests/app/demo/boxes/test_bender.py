"""Bender CC61x and ICC on the wire (connectors.md 2.6; connectors.yaml ``bender_cc612``, ``bender_icc_4you``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

NO_VALUE = [0xFFFF, 0xFFFF]
CARD, OTHER_CARD = "04A1B2C3D4E5F6", "DEADBEEF"


@asynccontextmanager
async def box(
    clock: Hands, model: str = "bender_cc612", unit: int = 255, **options: object
) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand(model, clock, options=options) as stand, master(stand.port, unit) as speaker:
        yield stand, speaker


@pytest.fixture
async def cc612(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with box(clock, gap_every=0) as both:
        yield both


@pytest.fixture
async def icc(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with box(clock, "bender_icc_4you", 1, gap_every=0) as both:
        yield both


async def listen(speaker: Master, clock: Hands, seconds: int) -> None:
    """Ask something every 20 s, as a poll does."""
    for _ in range(seconds // 20):
        clock.forward(20)
        await speaker.holdings(122)


async def test_it_answers_any_unit_id(cc612: tuple[Stand, Master]) -> None:
    stand, _ = cc612
    for unit in (1, 7, 180, 255):
        async with master(stand.port, unit) as speaker:
            assert await speaker.holdings(122) == [1]


async def test_the_documented_blocks_are_read_in_one_go(cc612: tuple[Stand, Master]) -> None:
    _, speaker = cc612
    assert len(await speaker.holdings(122, 3)) == 3
    assert len(await speaker.holdings(200, 28)) == 28
    assert len(await speaker.holdings(716, 14)) == 14
    assert await speaker.code_of_holdings(122, 4) == ADDRESS


async def test_a_charging_box_shows_what_flows(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    await speaker.write(1000, 10)
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holdings(122) == [2]
    clock.forward(30)
    assert await speaker.holdings(122) == [3]
    block = await speaker.holdings(200, 28)
    # 212-217 mA of the phases; 218 total in Wh; 220 power in W; 222-227 voltages, all 32 bit, high word first
    assert block[12:18] == [0, 10_000, 0, 10_000, 0, 10_000]
    total_wh = stand.true_register_wh()
    assert block[18:20] == [total_wh >> 16, total_wh & 0xFFFF]
    assert total_wh > 137_000
    assert block[20:28] == [0, 6900, 0, 230, 0, 230, 0, 230]
    assert await speaker.holdings(140) == [1]
    assert await speaker.holdings(1000) == [10]
    assert await speaker.holdings(718, 2) == [0, 30]


async def test_the_energies_of_the_phases_add_up_to_the_total(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.plug(Car(name="a", need_wh=20_000, phases=1))
    before = await speaker.holdings(200, 6)
    await listen(speaker, clock, 3600)
    after = await speaker.holdings(200, 6)
    assert after[2:] == before[2:]
    assert after[1] - before[1] == pytest.approx(stand.true_register_wh() - 137_000, abs=1)
    assert stand.true_register_wh() > 140_000


async def test_the_total_wraps_after_32_bits(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.set_register_wh(2**32 - 1)
    assert await speaker.holdings(218, 2) == [0xFFFF, 0xFFFF]
    stand.set_register_wh(2**32 + 5)
    assert await speaker.holdings(218, 2) == [0, 5]


async def test_zero_pauses_and_less_than_six_amperes_are_refused(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(30)
    assert stand.power_w == 11_040
    await speaker.write(1000, 0)
    clock.forward(10)
    assert stand.power_w == 0
    assert await speaker.holdings(122) == [2]
    for limit_a in (1, 5, 33):
        assert await speaker.code_of_write(1000, limit_a) == VALUE
    assert stand.commands == [("1000", 0)]


async def test_only_functions_3_and_16_are_taken(cc612: tuple[Stand, Master]) -> None:
    _, speaker = cc612
    assert await speaker.code_of_inputs(122) == FUNCTION
    assert await speaker.code_of_write_one(1000, 10) == FUNCTION


async def test_as_delivered_silence_opens_a_stopped_box(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    assert await speaker.holdings(131, 2) == [6, 60]
    await speaker.write(1000, 0)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(59)
    assert stand.offered_a == 0
    clock.forward(2)
    assert stand.offered_a == 6
    assert await speaker.holdings(1000) == [6]


async def test_safe_current_zero_and_a_timeout_close_it_on_silence(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    await speaker.write(131, 0)
    await speaker.write(132, 60)
    await speaker.write(1000, 16)
    stand.plug(Car(name="a", need_wh=20_000))
    await listen(speaker, clock, 600)
    assert stand.power_w == 11_040
    clock.forward(70)
    assert stand.power_w == 0
    await listen(speaker, clock, 60)
    assert await speaker.holdings(1000) == [0]
    assert stand.power_w == 0
    await speaker.write(1000, 16)
    await listen(speaker, clock, 40)
    assert stand.power_w == 11_040


async def test_some_firmware_refuses_a_safe_current_of_zero(clock: Hands) -> None:
    async with box(clock, refuses_failsafe_0=True) as (_, speaker):
        assert await speaker.code_of_write(131, 0) == VALUE
        assert await speaker.code_of_write(131, 6) == 0


async def test_availability_is_a_second_lock(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write(124, 0)
    clock.forward(30)
    assert stand.offered_a == 0
    assert await speaker.holdings(122, 3) == [2, 0, 0]
    await speaker.write(124, 1)
    clock.forward(30)
    assert stand.power_w == 11_040


async def test_a_restart_opens_it_and_forgets_the_failsafe(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    for register, value in ((131, 0), (1000, 0)):
        await speaker.write(register, value)
    stand.plug(Car(name="a", need_wh=20_000))
    await stand.reboot()
    clock.forward(44)
    await stand.tick()
    async with master(stand.port, 255, timeout_s=0.2) as early:
        assert not early.connected
    clock.forward(21)
    await stand.tick()
    async with master(stand.port, 255) as again:
        assert await again.holdings(131) == [6]
        assert await again.holdings(1000) == [32]
    assert stand.power_w == 11_040


async def test_the_card_is_text_as_long_as_the_session(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.show_card(CARD.lower())
    assert await speaker.holding_text(720, 10) == ""
    clock.forward(10)
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holding_text(720, 10) == CARD
    stand.show_card(OTHER_CARD)
    assert await speaker.holding_text(720, 10) == OTHER_CARD
    stand.unplug()
    assert await speaker.holding_text(720, 10) == ""


async def test_a_card_waits_a_minute_for_its_car(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.show_card(CARD)
    clock.forward(70)
    stand.plug(Car(name="a", need_wh=20_000))
    assert await speaker.holding_text(720, 10) == ""


async def test_without_allow_uid_disclose_no_card_is_shown(clock: Hands) -> None:
    async with box(clock, disclose_uid=False) as (stand, speaker):
        stand.plug(Car(name="a", need_wh=20_000))
        stand.show_card(CARD)
        assert await speaker.holdings(720, 10) == [0] * 10


async def test_now_and_then_the_power_has_no_value(clock: Hands) -> None:
    async with box(clock, gap_every=3) as (_, speaker):
        powers = [(await speaker.holdings(200, 28))[20:22] for _ in range(6)]
    assert powers == [[0, 0], [0, 0], NO_VALUE, [0, 0], [0, 0], NO_VALUE]


async def test_legacy_firmware_has_no_model_no_total_and_no_power(clock: Hands) -> None:
    async with box(clock, legacy=True) as (stand, speaker):
        assert await speaker.code_of_holdings(142, 10) == ADDRESS
        assert await speaker.code_of_holdings(200, 28) == ADDRESS
        assert await speaker.code_of_holdings(716, 2) == ADDRESS
        stand.plug(Car(name="a", need_wh=20_000))
        await listen(speaker, clock, 3600)
        words = await speaker.holdings(200, 6)
        sum_wh = sum(words[at] << 16 | words[at + 1] for at in (0, 2, 4))
        assert sum_wh == pytest.approx(stand.true_register_wh(), abs=3)
        assert await speaker.holdings(705) == [stand.true_register_wh() - 137_000]
        assert await speaker.holdings(709) == [3600]
    async with box(clock) as (_, speaker):
        assert await speaker.holding_text(142, 10) == "CC613-ELM4PR-M"


async def test_a_second_socket_answers_on_the_next_port(clock: Hands) -> None:
    async with Stand("bender_cc612", clock, points=2, options={"gap_every": 0}) as stand:
        assert stand.ports == {"socket2": stand.port + 1}
        stand.at(2).plug(Car(name="b", need_wh=20_000))
        async with master(stand.port, 255) as first, master(stand.port + 1, 255) as second:
            await second.write(1000, 10)
            clock.forward(30)
            assert await first.holdings(122) == [1]
            assert await second.holdings(122) == [3]
            assert await second.holdings(220, 2) == [0, 6900]
        await stand.drop()
        async with master(stand.port + 1, 255, timeout_s=0.2) as dark:
            assert not dark.connected


async def test_the_icc_hears_unit_1_only(icc: tuple[Stand, Master]) -> None:
    stand, speaker = icc
    assert await speaker.holdings(122) == [1]
    async with master(stand.port, 255, timeout_s=0.1) as stranger:
        assert await stranger.code_of_holdings(122) == GONE


async def test_the_icc_takes_tenths_of_an_ampere(icc: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = icc
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write(1001, 105)
    clock.forward(30)
    assert stand.offered_a == 10.5
    assert await speaker.holdings(1000, 2) == [10, 105]
    assert await speaker.code_of_write(1001, 59) == VALUE
    assert await speaker.code_of_write(1000, 10) == ADDRESS
    await speaker.write(1001, 0)
    clock.forward(5)
    assert stand.offered_a == 0


async def test_a_power_limit_that_fits_one_phase_leaves_one(icc: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = icc
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write(1001, 160)
    await speaker.write(1002, 3725)
    clock.forward(30)
    # 16 A on one phase of 230 V
    assert await speaker.holdings(220, 2) == [0, 3680]
    assert await speaker.holdings(140) == [5]
    await speaker.write(1002, 65_535)
    clock.forward(30)
    assert await speaker.holdings(220, 2) == [0, 11_040]


async def test_a_car_that_names_itself_is_told_while_it_is_plugged(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.plug(Car(name="a", need_wh=20_000, ev_id="0080E1A2B3C4"))
    clock.forward(10)
    assert await speaker.holdings(740) == [1]
    assert await speaker.holding_text(741, 6) == "0080E1A2B3C4"
    stand.unplug()
    assert await speaker.holding_text(741, 6) == ""


@pytest.mark.parametrize(("address", "count"), [(730, 1), (740, 1), (720, 11), (735, 7)])
async def test_the_icc_hangs_up_when_730_or_740_is_touched(icc: tuple[Stand, Master], address: int, count: int) -> None:
    stand, _ = icc
    async with master(stand.port, 1, timeout_s=0.3) as speaker:
        assert await speaker.code_of_holdings(address, count) == GONE
        assert not speaker.connected
    async with master(stand.port, 1) as again:
        assert len(await again.holdings(716, 14)) == 14


async def test_the_cc612_lets_them_be_read(cc612: tuple[Stand, Master]) -> None:
    _, speaker = cc612
    assert await speaker.holdings(730) == [0]
    assert len(await speaker.holdings(740, 7)) == 7


async def test_a_fault_is_state_5(cc612: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = cc612
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(15)
    assert stand.power_w > 0
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    clock.forward(2)
    assert await speaker.holdings(122) == [5]
    assert stand.power_w == 0
