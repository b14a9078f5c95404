"""Amperfied connect: "TCP 502/255, RFID UID hex 12 bytes at 2002", else as Heidelberg (connector reference 2.9)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box


@pytest.fixture
def box() -> Box:
    box = Box("amperfied_connect", max_current_a=16)
    box.input({4: [0x0108, 7, 160, 159, 158, 215, 231, 230, 229, 1, 11_000]})
    box.input({2002: [0x04A2, 0xB3C4, 0xD5E6, 0x8000, 0, 0]})
    box.holding({257: 15_000, 258: 4, 261: 160, 262: 0})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 11_000.0)
    assert (reading.currents_a, reading.register_wh) == ((16.0, 15.9, 15.8), None)
    assert reading.card_uid == "04A2B3C4D5E680"
    box.input({2002: [0, 0, 0, 0, 0, 0]})
    assert (await box.poll()).card_uid is None
    assert box.unit_id == 255


async def test_it_is_asked_twice_without_a_car(box: Box) -> None:
    box.input({5: 2})
    assert await box.asked() == [("input", 4, 11), ("input", 2002, 6)]


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    box.connector.set_failsafe_share(8)
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [
        (FC16, 262, [0]),
        (FC16, 261, [0]),
        (FC16, 262, [80]),
        (FC16, 261, [100]),
        (FC16, 261, [0]),
        (FC16, 262, [0]),
        (FC16, 261, [0]),
    ]
    assert box.losses == "closed closed holds"
