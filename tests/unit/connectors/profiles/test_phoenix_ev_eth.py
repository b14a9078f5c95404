"""Phoenix EV-CC: "unit 255, char in low byte, coil 400 enable (DIP 10), UID text at 606; 528 1 A (0.1 wallbe); total
904 Wh; wallbe: holding 528 >= 60, energy 2980 u64, session 3376 u64" (connector reference 2.7 and table)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC5, FC6, Box, low_first, text, u32, u64


@pytest.fixture
def box() -> Box:
    box = Box("phoenix_ev_eth", max_current_a=16)
    box.input({100: ord("C"), 114: low_first(u32(16)), 116: low_first(u32(15)), 118: low_first(u32(15))})
    box.input({120: low_first(u32(10_902))})
    box.coil({400: True})
    box.holding({528: 16, 606: text("04A2B3C4", 16), 904: low_first(u32(1_234_567))})
    box.holding({2980: low_first(u64(5_000_000_123)), 3376: low_first(u64(4_321))})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.0)
    assert (reading.currents_a, reading.register_wh) == ((16.0, 15.0, 15.0), 1_234_567)
    assert reading.card_uid == "04A2B3C4"


async def test_a_wallbe_has_other_scales_and_registers(box: Box) -> None:
    box.holding({528: 160})
    reading = await box.poll()
    assert (reading.limit_a, reading.register_wh, reading.session_wh) == (16.0, 5_000_000_123, 4_321)
    await box.connector.enable(10)
    assert box.written() == [(FC6, 528, [100]), (FC5, 400, [1])]


@pytest.mark.parametrize(
    ("letter", "pilot"),
    [("A", Pilot.A), ("B", Pilot.B), ("C", Pilot.C), ("D", Pilot.C), ("E", Pilot.E), ("F", Pilot.F)],
)
async def test_what_its_states_mean(box: Box, letter: str, pilot: Pilot) -> None:
    box.input({100: ord(letter)})
    assert (await box.poll()).pilot is pilot


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC5, 400, [0]), (FC6, 528, [10]), (FC5, 400, [1]), (FC5, 400, [0]), (FC5, 400, [0])]
    assert (await box.poll()).enabled is False
    assert box.losses == "holds opens holds"
