"""Alfen Eve on the wire, beyond what the demo building shows (connectors.md 2.3; connectors.yaml ``alfen_eve``)."""

import struct

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, GONE, VALUE, master

NOBODY = 0x0B
AVAILABILITY, MODE3, SETPOINT, PHASES = 1200, 1201, 1210, 1215


async def test_two_masters_and_no_third(clock: Hands) -> None:
    """Reference: "Two masters at most"."""
    async with Stand("alfen_eve", clock) as stand, master(stand.port, 1) as first, master(stand.port, 1) as second:
        assert await first.code_of_holdings(SETPOINT, 2) == 0
        assert await second.code_of_holdings(SETPOINT, 2) == 0
        async with master(stand.port, 1, timeout_s=0.5) as third:
            assert await third.code_of_holdings(SETPOINT, 2) == GONE
        assert await first.code_of_holdings(SETPOINT, 2) == 0


async def test_a_connection_without_requests_is_closed_after_a_minute(clock: Hands) -> None:
    """Reference: "idle TCP closed after 60 s"."""
    async with Stand("alfen_eve", clock) as stand, master(stand.port, 1, timeout_s=0.5) as idle:
        for _ in range(3):
            clock.forward(59)
            assert await idle.code_of_holdings(SETPOINT, 2) == 0
        async with master(stand.port, 1) as busy:
            clock.forward(30)
            assert await busy.code_of_holdings(SETPOINT, 2) == 0
            clock.forward(30)
            assert await busy.code_of_holdings(SETPOINT, 2) == 0
            assert await idle.code_of_holdings(SETPOINT, 2) == GONE


async def test_a_double_has_two_sockets_and_one_station(clock: Hands) -> None:
    """Reference: "Unit 1/2 sockets, 200 station"; serial at 157, firmware at 123."""
    double = Stand("alfen_eve", clock, serial="ACE0555555", points=2)
    async with double as stand, master(stand.port, 1) as one, master(stand.port, 2) as two:
        await one.write_float(SETPOINT, 10)
        await two.write_float(SETPOINT, 16)
        stand.at(2).plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert (await one.holding_text(MODE3, 5), await two.holding_text(MODE3, 5)) == ("E", "C2")
        assert (await one.holding_float(344), await two.holding_float(344)) == (0, 11_040)
        assert (await one.holding_float(1206), await two.holding_float(1206)) == (10, 16)
        two.unit = 200
        assert await two.holding_text(157, 11) == "ACE0555555"
        assert await two.holding_text(123, 17) == "6.4.0-4210"


async def test_a_single_has_no_second_socket(clock: Hands) -> None:
    async with Stand("alfen_eve", clock) as stand, master(stand.port, 2) as speaker:
        assert await speaker.code_of_holdings(MODE3, 5) == NOBODY


def turned(words: list[int]) -> list[int]:
    return words[::-1]


@pytest.mark.parametrize(("order", "energy_turned"), [("little", False), ("little_all", True)])
async def test_the_manual_of_2025_has_the_low_word_first(order: str, energy_turned: bool, clock: Hands) -> None:
    """Reference: "low word first for 32 bit"; "a trace proves high word first for the float64 energy"."""
    async with Stand("alfen_eve", clock, options={"word_order": order}) as stand, master(stand.port, 1) as alfen:
        assert await alfen.holdings(306, 2) == [0x0000, 0x4366]  # 230.0 is 0x43660000
        await alfen.write(SETPOINT, 0x0000, 0x4120)  # 10.0 is 0x41200000
        assert stand.commands == [("1210", 10.0)]
        assert await alfen.holdings(1208, 2) == [60, 0]
        words = await alfen.holdings(374, 4)
        (energy_wh,) = struct.unpack(">d", struct.pack(">4H", *(turned(words) if energy_turned else words)))
        assert energy_wh == 137_000


async def test_how_long_a_set_point_holds_is_the_installers(clock: Hands) -> None:
    """Reference: "validity (1208 counts down, default 60 s, seen 10-300)"; then the safe current."""
    options = {"validity_s": 10, "safe_current_a": 8}
    async with Stand("alfen_eve", clock, options=options) as stand, master(stand.port, 1) as alfen:
        stand.plug(Car(name="a", need_wh=20_000))
        await alfen.write_float(SETPOINT, 0)
        assert await alfen.holdings(1208, 2) == [0, 10]
        clock.forward(9)
        assert (await alfen.holdings(1208, 2), stand.offered_a) == ([0, 1], 0)
        clock.forward(10)
        assert (await alfen.holdings(1208, 2), stand.offered_a) == ([0, 0], 8)
        assert await alfen.holding_float(1212) == 8


async def test_a_safe_current_of_0_fails_closed(clock: Hands) -> None:
    async with Stand("alfen_eve", clock, options={"safe_current_a": 0}) as stand, master(stand.port, 1) as alfen:
        stand.plug(Car(name="a", need_wh=20_000))
        await alfen.write_float(SETPOINT, 16)
        clock.forward(50)
        assert stand.power_w == 11_040
        clock.forward(20)
        assert stand.power_w == 0


async def test_phases_are_switched_only_with_a_licence(clock: Hands) -> None:
    """Reference: "1215 = 1 or 3; may answer exception 3"."""
    async with Stand("alfen_eve", clock) as stand, master(stand.port, 1) as alfen:
        assert await alfen.code_of_write(PHASES, 1) == VALUE
    async with Stand("alfen_eve", clock, options={"phase_switching": True}) as stand, master(stand.port, 1) as alfen:
        assert await alfen.code_of_write(PHASES, 2) == VALUE
        await alfen.write(PHASES, 1)
        stand.plug(Car(name="a", need_wh=20_000))
        await alfen.write_float(SETPOINT, 16)
        clock.forward(30)
        assert (await alfen.holdings(PHASES), stand.power_w) == ([1], 3_680)


async def test_availability_may_be_writable(clock: Hands) -> None:
    """Reference: "availability register 1200 = 0 (inoperative) [p, write access unverified]"."""
    async with Stand("alfen_eve", clock) as stand, master(stand.port, 1) as alfen:
        assert await alfen.holdings(AVAILABILITY) == [1]
        assert await alfen.code_of_write(AVAILABILITY, 0) == ADDRESS
    options = {"availability_writable": True}
    async with Stand("alfen_eve", clock, options=options) as stand, master(stand.port, 1) as alfen:
        stand.plug(Car(name="a", need_wh=20_000))
        await alfen.write(AVAILABILITY, 0)
        clock.forward(30)
        assert (await alfen.holding_text(MODE3, 5), stand.power_w) == ("F", 0)
        assert await alfen.code_of_write(AVAILABILITY, 2) == VALUE


async def test_a_fault_is_state_f(clock: Hands) -> None:
    async with Stand("alfen_eve", clock) as stand, master(stand.port, 1) as alfen:
        stand.plug(Car(name="a", need_wh=20_000))
        stand.first.wallbox.faulty = True  # type: ignore[attr-defined]
        clock.forward(30)
        assert (await alfen.holding_text(MODE3, 5), stand.power_w) == ("F", 0)


async def test_it_can_be_told_a_word_order_that_is_one(clock: Hands) -> None:
    with pytest.raises(ValueError, match="word_order is 'middle'; accepted are 'big', 'little', 'little_all'"):
        Stand("alfen_eve", clock, options={"word_order": "middle"})


async def test_a_set_point_outlives_the_connection_it_came_by(clock: Hands) -> None:
    async with Stand("alfen_eve", clock) as stand:
        async with master(stand.port, 1) as first:
            await first.write_float(SETPOINT, 10)
        clock.forward(20)
        async with master(stand.port, 1) as second:
            assert await second.holdings(1208, 2) == [0, 40]
