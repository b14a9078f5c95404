"""Bender ICC: "unit 1, 0.1 A register 1001; reading 730/740 kills the TCP session" (connector reference 2.5)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32


@pytest.fixture
def box() -> Box:
    box = Box("bender_icc_4you", max_current_a=16)
    box.holding({142: text("ICC1324", 10), 122: 3, 131: 0, 132: 60, 1001: 160})
    box.holding({212: u32(15_900), 214: u32(0), 216: u32(0), 218: u32(98_765), 220: u32(3_657), 716: u32(321)})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 3_657.0)
    assert (reading.register_wh, reading.session_wh) == (98_765, 321)
    assert reading.currents_a == (15.9, 0.0, 0.0)
    assert box.unit_id == 1


async def test_its_limit_is_in_tenths_of_an_ampere(box: Box) -> None:
    await box.connector.prepare()
    box.connector.set_failsafe_share(8)
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [
        (FC16, 131, [0]),
        (FC16, 1001, [0]),
        (FC16, 131, [8]),
        (FC16, 1001, [100]),
        (FC16, 1001, [0]),
        (FC16, 131, [0]),
        (FC16, 1001, [0]),
    ]


async def test_what_ends_its_connection_is_never_read(box: Box) -> None:
    await box.connector.identify()
    await box.connector.prepare()
    await box.asked()
    box.clock.mono_s += 60
    await box.poll()
    assert all(read.address + read.count <= 730 or read.address > 740 for read in box.unit.read_events)


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "closed opens holds"
    await box.connector.prepare()
    assert box.losses == "closed opens holds"
