"""Alfen Eve: "1210 float A must be refreshed: 1208 counts down, default 60 s, seen 10-300; after it: safe current
1212", "unit 1/2 sockets, 200 station", "the manual of 05/2025 says low word first for 32 bit, working code uses high
word first: detect by reading voltage 306 both ways and keep the one in 90..280 V" (connector reference 2.3).
"""

import pytest

from custom_components.evshare.connectors.ports import WrongDevice
from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, f32, f64, low_first, text, u32

TRACE_WH = [0x4112, 0x7B58, 0x0000, 0x0000]  # a bus trace in evcc issue 18877: 302 806 Wh


def load(box: Box, *, swapped: bool = False) -> None:
    def one(words: list[int]) -> list[int]:
        return low_first(words) if swapped else words

    box.holding({address: one(f32(230.5)) for address in (306, 308, 310)})
    box.holding({address: one(f32(15.5)) for address in (320, 322, 324)})
    box.holding({344: one(f32(10_718.25)), 374: one(TRACE_WH), 1201: text("C2", 5)})
    box.holding({1206: one(f32(16.0)), 1208: one(u32(60)), 1210: one(f32(16.0)), 1212: one(f32(0.0))})


@pytest.fixture
def box() -> Box:
    box = Box("alfen_eve")
    load(box)
    return box


@pytest.mark.parametrize("swapped", [False, True])
async def test_it_charges_whichever_word_comes_first(swapped: bool) -> None:
    box = Box("alfen_eve")
    load(box, swapped=swapped)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_718.25)
    assert reading.currents_a == (15.5, 15.5, 15.5)
    assert reading.register_wh == 302_806
    await box.connector.enable(10)
    assert box.written() == [(FC16, 1210, [0x0000, 0x4120] if swapped else [0x4120, 0x0000])]


async def test_where_only_its_32_bits_are_swapped_nothing_is_billed_from_the_others() -> None:
    box = Box("alfen_eve")
    load(box, swapped=True)
    box.holding({374: TRACE_WH})
    assert (await box.poll()).register_wh is None


async def test_a_voltage_that_is_none_in_either_order_is_another_device(box: Box) -> None:
    box.holding({306: f32(0.0)})
    with pytest.raises(WrongDevice, match="voltage_l1_v"):
        await box.poll()


@pytest.mark.parametrize(
    ("state", "pilot"),
    [
        ("A", Pilot.A),
        ("E", Pilot.A),  # "Alfen reports E for no cable"
        ("B1", Pilot.B),
        ("B2", Pilot.B),
        ("C1", Pilot.B),  # the car is ready, the pilot was withdrawn
        ("D1", Pilot.B),
        ("C2", Pilot.C),
        ("D2", Pilot.C),
        ("F", Pilot.F),
    ],
)
async def test_what_its_states_mean(box: Box, state: str, pilot: Pilot) -> None:
    box.holding({1201: text(state, 5)})
    assert (await box.poll()).pilot is pilot


async def test_the_second_socket_is_the_next_unit() -> None:
    second = Box("alfen_eve", point=2)
    assert sorted(second.units) == [2, 200]
    assert second.unit_id == 2


async def test_the_setpoint_is_refreshed_well_within_its_validity(box: Box) -> None:
    assert box.connector.heartbeat_s == 25
    box.holding({1208: u32(12)})
    await box.poll()
    assert box.connector.heartbeat_s == 6
    box.holding({1208: u32(0)})  # nobody told it anything
    await box.poll()
    assert box.connector.heartbeat_s == 25


async def test_it_is_read_in_two_blocks(box: Box) -> None:
    assert await box.asked() == [("holding", 306, 72), ("holding", 1201, 13)]


@pytest.mark.parametrize(("safe_a", "losses"), [(0.0, "closed opens holds"), (6.0, "opens opens holds")])
async def test_what_silence_does_is_its_safe_current(box: Box, safe_a: float, losses: str) -> None:
    assert box.losses == "opens opens holds"
    box.holding({1212: f32(safe_a)})
    await box.connector.prepare()
    assert box.losses == losses
    assert box.written() == [(FC16, 1210, [0, 0])]


async def test_a_register_beyond_any_life_is_none(box: Box) -> None:
    box.holding({374: f64(1e13)})
    assert (await box.poll()).register_wh is None
