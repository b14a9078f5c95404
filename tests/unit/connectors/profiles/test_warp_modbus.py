"""WARP by Modbus: "1000 IEC state (u32), 1010 allowed current mA, 2002 power, 2004 energy kWh (f32), 4000 UID as hex
text, 4010 its age in ms, < 1000 means the tag is being held now; holding 1002 mA; coil 1000 release; word order assumed
high word first: verify with table_version == 3" (connector reference table)."""

import pytest

from custom_components.evshare.connectors.ports import WrongDevice
from custom_components.evshare.model import Pilot

from .modbus_box import FC5, FC16, Box, f32, low_first, text, u32


@pytest.fixture
def box() -> Box:
    box = Box("warp_modbus")
    box.input({0: u32(3), 10: u32(185_460), 1000: u32(2), 1002: u32(3), 1010: u32(16_000)})
    box.input({2002: f32(10_902.5), 2004: f32(1_234.5), 2008: f32(7.25)})
    box.input({4000: text("04A2B3C4D5E680", 10), 4010: u32(400), 4012: text("0002", 2)})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.limit_a, reading.power_w) == (Pilot.C, True, 16.0, 10_902.5)
    assert (reading.register_wh, reading.session_wh) == (1_234_500, 7_250)
    assert (reading.card_uid, reading.serial, reading.fault) == ("04A2B3C4D5E680", "185460", None)


@pytest.mark.parametrize(("state", "pilot"), [(0, Pilot.A), (1, Pilot.B), (2, Pilot.C), (3, Pilot.C), (4, Pilot.F)])
async def test_what_its_states_mean(box: Box, state: int, pilot: Pilot) -> None:
    box.input({1000: u32(state)})
    assert (await box.poll()).pilot is pilot


@pytest.mark.parametrize(("age_ms", "uid"), [(0, "04A2B3C4D5E680"), (2_900, "04A2B3C4D5E680"), (3_600_000, None)])
async def test_a_card_of_long_ago_is_none(box: Box, age_ms: int, uid: str | None) -> None:
    box.input({4010: u32(age_ms)})
    assert (await box.poll()).card_uid == uid


async def test_two_requests_without_a_car_and_one_more_with_one(box: Box) -> None:
    assert await box.asked() == [("input", 1000, 12), ("input", 2002, 8), ("input", 4000, 12)]
    box.input({1000: u32(0)})
    assert await box.asked() == [("input", 1000, 12), ("input", 4000, 12)]


async def test_another_word_order_is_another_device(box: Box) -> None:
    box.input({0: low_first(u32(3))})
    with pytest.raises(WrongDevice, match="table_version reads '196608'"):
        await box.poll()


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC5, 1000, [0])]
    await box.connector.enable(10)
    assert box.written() == [(FC16, 1002, [0, 10_000]), (FC5, 1000, [1])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC16, 1002, [0, 0]), (FC16, 1002, [0, 6_000])]
    await box.connector.disable()
    assert box.written() == [(FC5, 1000, [0])]
    assert box.connector.heartbeat_s is None


async def test_the_lowest_of_its_slots_is_the_gate_read_back(box: Box) -> None:
    box.input({1010: u32(0)})
    locked = await box.poll()
    assert (locked.enabled, locked.gate_read) == (False, True)


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "holds opens holds"
    await box.connector.prepare()
    assert box.losses == "holds opens holds"
