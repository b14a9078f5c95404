"""Phoenix CHARX on the wire (connectors.md 2.7; connectors.yaml ``phoenix_charx``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, FUNCTION, GONE, VALUE, Master, master

CARD = "04A1B2C3D4E5F6"
STATE, RELEASE, LIMIT = 1299, 1300, 1301


@asynccontextmanager
async def charx_stand(clock: Hands, points: int = 1, **options: object) -> AsyncIterator[tuple[Stand, Master]]:
    async with Stand("phoenix_charx", clock, points=points, options=options) as stand, master(stand.port, 1) as speaker:
        yield stand, speaker


@pytest.fixture
async def charx(clock: Hands) -> AsyncIterator[tuple[Stand, Master]]:
    async with charx_stand(clock) as both:
        yield both


async def charge(stand: Stand, speaker: Master, clock: Hands, limit_a: int = 10) -> None:
    stand.plug(Car(name="a", need_wh=20_000))
    await speaker.write(RELEASE, 1)
    await speaker.write(LIMIT, limit_a)
    clock.forward(30)


async def test_both_read_functions_and_both_unit_ids_show_the_same(charx: tuple[Stand, Master]) -> None:
    stand, speaker = charx
    async with master(stand.port, 255) as other:
        assert await other.holding_text(STATE, 1) == await speaker.input_text(STATE, 1) == "A1"
    async with master(stand.port, 2, timeout_s=0.1) as stranger:
        assert await stranger.code_of_holdings(STATE) == GONE


async def test_a_charging_point_shows_what_flows(charx: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = charx
    await charge(stand, speaker, clock)
    assert await speaker.holding_text(STATE, 1) == "C2"
    # mV, mA, mW as 32 bit: 230 000 is 0x00038270, 6 900 000 is 0x00694920
    assert await speaker.holdings(1232, 6) == [3, 0x8270] * 3
    assert await speaker.holdings(1238, 6) == [0, 10_000] * 3
    assert await speaker.holdings(1244, 2) == [0x0069, 0x4920]
    total_wh = stand.true_register_wh()
    assert await speaker.holdings(1250, 4) == [0, 0, total_wh >> 16, total_wh & 0xFFFF]
    assert await speaker.holdings(1287, 2) == [0, 30]
    assert await speaker.holdings(1289, 2) == [0, total_wh - 137_000]


async def test_release_and_limit_both_have_to_allow(charx: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = charx
    await charge(stand, speaker, clock)
    await speaker.write(RELEASE, 0)
    clock.forward(15)
    assert stand.power_w == 0
    await speaker.write(RELEASE, 1)
    await speaker.write(LIMIT, 0)
    clock.forward(15)
    assert stand.power_w == 0
    assert await speaker.holdings(RELEASE, 2) == [1, 0]


async def test_a_car_asks_on_for_a_moment_after_the_offer_ended(charx: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = charx
    await charge(stand, speaker, clock)
    await speaker.write(LIMIT, 0)
    clock.forward(1)
    assert await speaker.holding_text(STATE, 1) == "C1"
    clock.forward(5)
    assert await speaker.holding_text(STATE, 1) == "B1"
    await speaker.write(LIMIT, 6)
    clock.forward(1)
    assert await speaker.holding_text(STATE, 1) == "B2"


async def test_every_point_has_its_registers_at_its_own_thousand(clock: Hands) -> None:
    async with charx_stand(clock, points=3) as (stand, speaker):
        assert await speaker.holdings(114) == [3]
        stand.at(3).plug(Car(name="c", need_wh=20_000))
        await speaker.write(3301, 13)
        clock.forward(30)
        assert [await speaker.holding_text(number * 1000 + 299, 1) for number in (1, 2, 3)] == ["A1", "A1", "C2"]
        assert await speaker.holdings(3238, 2) == [0, 13_000]
        assert await speaker.code_of_holdings(4299) == ADDRESS
        assert stand.commands == [("3301", 13)]


@pytest.mark.parametrize(
    ("option", "value", "accepted"), [("release_mode", "web", "modbus, local, ocpp"), ("holes", "ones", "'refuse' and")]
)
async def test_an_option_it_does_not_know_is_named(clock: Hands, option: str, value: str, accepted: str) -> None:
    with pytest.raises(ValueError, match=f"{option} is '{value}'; accepted are {accepted}"):
        Stand("phoenix_charx", clock, options={option: value})


@pytest.mark.parametrize("mode", ["local", "ocpp"])
async def test_in_another_release_mode_the_registers_have_no_effect(clock: Hands, mode: str) -> None:
    async with charx_stand(clock, release_mode=mode) as (stand, speaker):
        await speaker.write(RELEASE, 0)
        await speaker.write(LIMIT, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert stand.power_w == 11_040


async def test_as_delivered_it_holds_in_silence(charx: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = charx
    await charge(stand, speaker, clock)
    clock.forward(1800)
    assert stand.power_w == 6900


async def test_the_web_interface_can_set_what_silence_does(clock: Hands) -> None:
    async with charx_stand(clock, silence_timeout_s=30, silence_a=0) as (stand, speaker):
        await charge(stand, speaker, clock)
        clock.forward(45)
        assert stand.power_w == 0
        assert await speaker.holdings(RELEASE, 2) == [0, 0]
    async with charx_stand(clock, silence_timeout_s=30, silence_a=6) as (stand, speaker):
        await speaker.write(RELEASE, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(45)
        assert stand.offered_a == 6


async def test_a_card_stays_until_another_comes(charx: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = charx
    assert await speaker.holding_text(1275, 10) == ""
    stand.show_card(CARD)
    stand.plug(Car(name="a", need_wh=20_000))
    clock.forward(600)
    stand.unplug()
    assert await speaker.holding_text(1275, 10) == CARD
    stand.show_card("DEADBEEF")
    assert await speaker.holding_text(1275, 10) == "DEADBEEF"


async def test_the_cars_own_id_is_there_while_it_is_plugged(clock: Hands) -> None:
    async with charx_stand(clock) as (stand, speaker):
        stand.plug(Car(name="a", need_wh=20_000, ev_id="0080E1A2B3C4"))
        assert await speaker.holding_text(1265, 10) == "", "it takes a moment"
        clock.forward(10)
        assert await speaker.holding_text(1265, 10) == "0080E1A2B3C4"
        stand.unplug()
        clock.forward(1)
        assert await speaker.holding_text(1265, 10) == ""


async def test_firmware_that_forgets_nothing_shows_the_last_id_to_the_next_car(clock: Hands) -> None:
    async with charx_stand(clock, keeps_evid=True) as (stand, speaker):
        stand.plug(Car(name="a", need_wh=20_000, ev_id="0080E1A2B3C4"))
        clock.forward(10)
        stand.unplug()
        stand.plug(Car(name="b", need_wh=20_000))
        clock.forward(60)
        assert await speaker.holding_text(1265, 10) == "0080E1A2B3C4"


async def test_the_wide_block_is_refused_unless_the_firmware_fills_it(clock: Hands) -> None:
    async with charx_stand(clock) as (_, speaker):
        assert await speaker.code_of_holdings(1232, 68) == ADDRESS
        assert len(await speaker.holdings(1299, 3)) == 3
    async with charx_stand(clock, holes="zero") as (_, speaker):
        assert len(await speaker.holdings(1232, 70)) == 70


async def test_other_values_and_functions_are_refused(charx: tuple[Stand, Master]) -> None:
    _, speaker = charx
    assert await speaker.code_of_write(LIMIT, 5) == VALUE
    assert await speaker.code_of_write(LIMIT, 81) == VALUE
    assert await speaker.code_of_write(RELEASE, 2) == VALUE
    assert await speaker.code_of_write_one(LIMIT, 10) == FUNCTION


@pytest.mark.parametrize(("boots_released", "power_w"), [(True, 11_040), (False, 0)])
async def test_what_a_restart_leaves(clock: Hands, boots_released: bool, power_w: int) -> None:
    async with charx_stand(clock, boots_released=boots_released) as (stand, speaker):
        await speaker.write(LIMIT, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        await stand.reboot()
        clock.forward(90)
        await stand.tick()
        assert stand.power_w == power_w


async def test_a_fault_shows_as_f(charx: tuple[Stand, Master], clock: Hands) -> None:
    stand, speaker = charx
    await charge(stand, speaker, clock)
    stand.first.wallbox.faulty = True  # type: ignore[attr-defined]  # the electronics' own
    clock.forward(5)
    assert (await speaker.holding_text(STATE, 1))[0] == "F"
    assert stand.offered_a == 0
