"""Phoenix EM-CP: "little word order, 0.01 scales, unit 180; limit 300 1 A; coil 400; input 128 10 Wh" (connector
reference 2.7 and table)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC5, FC6, Box, low_first, u32


@pytest.fixture
def box() -> Box:
    box = Box("phoenix_em_cp_eth", max_current_a=16)
    box.input({100: ord("C"), 114: low_first(u32(15_900)), 116: low_first(u32(15_800)), 118: low_first(u32(15_700))})
    box.input({120: low_first(u32(1_090)), 128: low_first(u32(123_456))})
    box.coil({400: True})
    box.holding({300: 16})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_900.0)
    assert (reading.currents_a, reading.register_wh) == ((15.9, 15.8, 15.7), 1_234_560)
    assert box.unit_id == 180
    assert await box.asked() == [("input", 100, 30), ("holding", 300, 1), ("coil", 400, 1)]


@pytest.mark.parametrize(
    ("letter", "pilot"),
    [("A", Pilot.A), ("B", Pilot.B), ("C", Pilot.C), ("D", Pilot.C), ("E", Pilot.E), ("F", Pilot.F)],
)
async def test_what_its_states_mean(box: Box, letter: str, pilot: Pilot) -> None:
    box.input({100: ord(letter)})
    assert (await box.poll()).pilot is pilot


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC5, 400, [0])]
    assert (await box.poll()).enabled is False
    await box.connector.enable(10)
    assert box.written() == [(FC6, 300, [10]), (FC5, 400, [1])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC5, 400, [0]), (FC6, 300, [6]), (FC5, 400, [1])]
    await box.connector.disable()
    assert box.written() == [(FC5, 400, [0])]
    assert box.losses == "holds opens holds"
