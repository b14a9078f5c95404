"""Etrel INCH: "8 f32 A (write only), input 0 state, 4 limit, 26 power in kW; second connector at +100; session energy
registers always 0" (connector reference 2.11 and table)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, f32, text


def load(box: Box, offset: int) -> None:
    box.input({offset: 4, offset + 4: f32(16.0), offset + 14: f32(15.5), offset + 16: f32(15.25)})
    box.input({offset + 18: f32(15.0), offset + 26: f32(10.5), 990: text("ETR0001234", 10), 1015: text("6.3.1", 5)})


@pytest.mark.parametrize(("point", "offset"), [(1, 0), (2, 100)])
async def test_it_charges_on_each_of_its_connectors(point: int, offset: int) -> None:
    box = Box("etrel_inch", point=point)
    load(box, offset)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_500.0)
    assert (reading.currents_a, reading.register_wh, reading.serial) == ((15.5, 15.25, 15.0), None, "ETR0001234")
    assert await box.asked() == [("input", offset, 28)]
    await box.connector.enable(10)
    assert box.written() == [(FC16, offset + 8, [0x4120, 0])]


@pytest.mark.parametrize(
    ("states", "pilot"),
    [((0, 1, 2), Pilot.A), ((3, 5, 6, 7, 9), Pilot.B), ((4,), Pilot.C), ((8, 10), Pilot.E)],
)
async def test_what_its_states_mean(states: tuple[int, ...], pilot: Pilot) -> None:
    box = Box("etrel_inch")
    for state in states:
        box.input({0: state})
        assert (await box.poll()).pilot is pilot


async def test_lock_session_pause_and_lock() -> None:
    box = Box("etrel_inch")
    load(box, 0)
    await box.connector.prepare()
    await box.connector.enable(6)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC16, 8, words) for words in ([0, 0], [0x40C0, 0], [0, 0], [0, 0])]
    box.input({4: f32(0.0)})
    assert (await box.poll()).enabled is False
    assert box.losses == "holds opens holds"
