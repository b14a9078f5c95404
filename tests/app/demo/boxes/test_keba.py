"""KEBA P30 and P40 on the wire, beyond what the demo building shows (connectors.md 2.1; ``keba_p30``, ``keba_p40``)."""

import pytest

from demo.boxes.stand import Stand
from demo.car import Car

from ..conftest import Hands
from .master import ADDRESS, GONE, VALUE, Master, master

STATE, CABLE, ERROR, CARD = 1000, 1004, 1006, 1500
CURRENT, UNLOCK, ENABLE, SWITCH = 5004, 5012, 5014, 5052
BUSY = 6


async def value(speaker: Master, address: int) -> int:
    high, low = await speaker.holdings(address, 2)
    return high << 16 | low


async def test_a_second_client_is_thrown_out(clock: Hands) -> None:
    """Reference: "max_clients: 1"."""
    async with Stand("keba_p30", clock) as stand, master(stand.port, 255) as first:
        assert await value(first, 1014) == 21_000_001
        async with master(stand.port, 255, timeout_s=0.5) as second:
            assert await second.code_of_holdings(STATE, 2) == GONE
        assert await value(first, STATE) == 1
        first.client.close()
        async with master(stand.port, 255) as third:
            assert await value(third, STATE) == 1


async def test_the_plug_is_let_go_only_while_suspended(clock: Hands) -> None:
    """Reference: "5012 unlocks only while suspended"; 1004: 1 plug in station, 2 locked, 4 plugged at EV."""
    async with Stand("keba_p30", clock) as stand, master(stand.port, 255) as keba:
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert await value(keba, STATE) == 3
        assert await keba.code_of_write_one(UNLOCK, 0) == VALUE
        await keba.write_one(ENABLE, 0)
        clock.forward(10)
        assert (await value(keba, STATE), await value(keba, CABLE)) == (5, 7)
        assert await keba.code_of_write_one(UNLOCK, 1) == VALUE
        await keba.write_one(UNLOCK, 0)
        assert await value(keba, CABLE) == 5
        await keba.write_one(ENABLE, 1)
        clock.forward(5)
        assert await value(keba, CABLE) == 7


async def test_without_an_s10_phases_cannot_be_switched(clock: Hands) -> None:
    """Reference: "needs KeContact S10 (P30), 1550 must be 3"."""
    async with Stand("keba_p30", clock) as stand, master(stand.port, 255) as keba:
        assert (await value(keba, 1550), await value(keba, 1552)) == (0, 1)
        assert await keba.code_of_write_one(SWITCH, 0) == ADDRESS


async def test_with_an_s10_phases_are_switched_once_in_five_minutes(clock: Hands) -> None:
    """Reference: "5052 = 0/1; 300 s cool-down"; 1552: 0 is one phase, 1 three."""
    async with Stand("keba_p30", clock, options={"s10": True}) as stand, master(stand.port, 255) as keba:
        assert (await value(keba, 1550), await value(keba, 1552)) == (3, 1)
        assert await keba.code_of_write_one(SWITCH, 2) == VALUE
        await keba.write_one(SWITCH, 0)
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(60)
        assert await value(keba, 1552) == 0
        assert stand.power_w == 3_680  # 16 A x 230 V
        assert await keba.code_of_write_one(SWITCH, 1) == BUSY
        clock.forward(240)
        await keba.write_one(SWITCH, 1)
        clock.forward(10)
        assert await value(keba, 1552) == 1
        assert stand.power_w == 11_040
        assert stand.commands == [("5052", 0), ("5052", 1)]
        assert stand.first.wallbox.switched_under_load == 1  # type: ignore[attr-defined]


async def test_with_its_own_authorisation_only_its_cards_open_it_and_are_readable(clock: Hands) -> None:
    """Reference: "State 1 + cable bit 4 = waiting for authorisation"; "card must be accepted by the box first"."""
    options = {"authorisation": True, "cards": "04A1B2C3D4E5F6, 11223344"}
    async with Stand("keba_p30", clock, options=options) as stand, master(stand.port, 255) as keba:
        stand.plug(Car(name="a", need_wh=20_000))
        stand.show_card("DEADBEEF")
        clock.forward(30)
        assert (await value(keba, STATE), await value(keba, CABLE), await value(keba, CARD)) == (1, 7, 0)
        assert stand.power_w == 0
        stand.show_card("04a1b2c3d4e5f6")
        clock.forward(30)
        assert await value(keba, CARD) == 0x04A1B2C3  # "7-byte UIDs are truncated" to 4
        assert await value(keba, STATE) == 3
        stand.unplug()
        stand.plug(Car(name="b", need_wh=20_000))
        clock.forward(30)
        assert (await value(keba, CARD), stand.power_w) == (0, 0)


async def test_a_reboot_with_authorisation_stays_closed(clock: Hands) -> None:
    """Reference: "on_reboot: open_unless_authorisation_on"."""
    async with Stand("keba_p30", clock, options={"authorisation": True}) as stand:
        stand.plug(Car(name="a", need_wh=20_000))
        stand.show_card("04A1B2C3")
        clock.forward(30)
        assert stand.power_w > 0
        await stand.reboot()
        clock.forward(120)
        assert stand.power_w == 0


async def test_a_fault_is_state_4_with_an_error_code(clock: Hands) -> None:
    async with Stand("keba_p30", clock) as stand, master(stand.port, 255) as keba:
        stand.plug(Car(name="a", need_wh=20_000))
        stand.first.wallbox.faulty = True  # type: ignore[attr-defined]
        clock.forward(30)
        assert await value(keba, STATE) == 4
        assert await value(keba, ERROR) != 0
        assert stand.power_w == 0


async def test_a_p40_is_paused_by_a_current_of_0_and_has_no_enable(clock: Hands) -> None:
    """Reference: "disable: {addr: 5004, value: 0}, enable: last_current_ma"."""
    async with Stand("keba_p40", clock) as stand, master(stand.port, 255) as keba:
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        assert stand.power_w == 11_040
        assert await keba.code_of_write_one(ENABLE, 0) == ADDRESS
        await keba.write_one(CURRENT, 0)
        clock.forward(5)
        assert (stand.power_w, await value(keba, STATE), stand.offered_a) == (0, 5, 0)
        assert await keba.code_of_write_one(CURRENT, 5_999) == VALUE
        await keba.write_one(CURRENT, 10_000)
        clock.forward(10)
        assert (stand.power_w, await value(keba, STATE)) == (6_900, 3)


async def test_a_p30_takes_no_current_of_0(clock: Hands) -> None:
    """Reference: "5004: 6000-63000 mA"."""
    async with Stand("keba_p30", clock) as stand, master(stand.port, 255) as keba:
        assert await keba.code_of_write_one(CURRENT, 0) == VALUE


@pytest.mark.parametrize(("firmware", "shown"), [(10_200, 137_000), (10_201, 1_370_000), (10_300, 1_370_000)])
async def test_a_p40_before_1_2_1_counts_in_watt_hours(firmware: int, shown: int, clock: Hands) -> None:
    """Reference: "firmware < 1.2.1 reports Wh (scale 1); compare raw firmware value with 10201"."""
    async with Stand("keba_p40", clock, options={"firmware": firmware}) as stand, master(stand.port, 255) as keba:
        assert await value(keba, 1018) == firmware
        assert await value(keba, 1036) == shown
        stand.plug(Car(name="a", need_wh=20_000))
        clock.forward(30)
        clock.forward(3600)
        session_wh = await value(keba, 1502) / (shown // 137_000)
        assert session_wh == pytest.approx(stand.true_register_wh() - 137_000, abs=1)


async def test_a_p40_failsafe_of_0_closes_it_until_a_current_is_written(clock: Hands) -> None:
    """1600/1602 read, 5016 current, 5018 timeout; current 0 = charging disabled."""
    async with Stand("keba_p40", clock) as stand, master(stand.port, 255) as keba:
        stand.plug(Car(name="a", need_wh=20_000))
        await keba.write_one(5016, 0)
        await keba.write_one(5018, 30)
        assert (await value(keba, 1600), await value(keba, 1602)) == (0, 30)
        clock.forward(29)
        assert stand.power_w > 0
        clock.forward(10)
        assert stand.power_w == 0
        await keba.write_one(CURRENT, 16_000)
        clock.forward(20)
        assert stand.power_w == 11_040


async def test_a_p40_switches_phases_from_1_3_0(clock: Hands) -> None:
    """Reference: "1.3.0 for phase switching"; 1552 is 1 on one phase, anything else is three."""
    async with Stand("keba_p40", clock, options={"firmware": 10_202}) as stand, master(stand.port, 255) as keba:
        assert await keba.code_of_write_one(SWITCH, 0) == ADDRESS
    async with Stand("keba_p40", clock) as stand, master(stand.port, 255) as keba:
        assert await value(keba, 1552) != 1
        await keba.write_one(SWITCH, 0)
        assert await value(keba, 1552) == 1


@pytest.mark.parametrize(
    ("options", "card"),
    [
        ({}, 0),
        ({"authorisation": True}, 0x04A1B2C3),
        ({"authorisation": True, "rfid_over_modbus": False}, 0),
        ({"authorisation": True, "cards": "11223344"}, 0),
    ],
)
async def test_a_p40_shows_cards_only_when_set_up_for_it(options: dict[str, object], card: int, clock: Hands) -> None:
    """Reference: "app: Modbus enable + RFID over Modbus enable; authorisation on for cards"."""
    async with Stand("keba_p40", clock, options=options) as stand, master(stand.port, 255) as keba:
        stand.plug(Car(name="a", need_wh=20_000))
        stand.show_card("04A1B2C3")
        assert await value(keba, CARD) == card
