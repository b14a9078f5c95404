"""Edgetech Smart EVSE: "input 258 limit raw >> 8, 259 state raw & 0xFF, currents, volts and energies in 256ths, limit
513 encode (a << 8) | a" (connector reference table)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, low_first, u32


@pytest.fixture
def box() -> Box:
    box = Box("edgetech_smart_evse", max_current_a=16)
    # 15.5 A is 3968 / 256, 230.25 V is 58944 / 256, 1234.5 kWh is 316032 / 256
    box.input({258: 0x1010, 259: 0x0703, 261: [3968, 3968, 0], 264: 256, 265: [58_944, 58_944, 58_944]})
    box.input({269: low_first(u32(316_032))})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a) == (Pilot.C, True, 16.0)
    assert reading.currents_a == (15.5, 15.5, 0.0)
    assert reading.power_w == 7_137.75
    assert (reading.register_wh, reading.session_wh) == (1_234_500, 1_000)
    assert await box.asked() == [("input", 258, 13)]


@pytest.mark.parametrize(("state", "pilot"), [(0, Pilot.X), (1, Pilot.A), (2, Pilot.B), (3, Pilot.C)])
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot) -> None:
    box.input({259: 0x0700 | state})
    assert (await box.poll()).pilot is pilot


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC6, 513, [0]), (FC6, 513, [0x0A0A]), (FC6, 513, [0]), (FC6, 513, [0])]
    box.input({258: 0x0000})
    assert (await box.poll()).enabled is False
    assert box.losses == "holds opens holds"
