"""KEBA P40: "5004 mA; 5004=0" for stop, "firmware < 1.2.1 reports Wh (scale 1); compare raw firmware value with 10201"
(connector reference 2.0 and table).
"""

import pytest

from custom_components.evshare.connectors.ports import WrongDevice
from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, u32


@pytest.fixture
def box() -> Box:
    box = Box("keba_p40", max_current_a=16)
    box.holding({1014: u32(24_000_123), 1018: u32(10_300), 1000: u32(3), 1004: u32(7)})
    box.holding({1036: u32(1_234_569), 1502: u32(56_789)})
    return box


async def test_it_charges(box: Box) -> None:
    box.holding({1020: u32(11_040_000), 1008: u32(16_000), 1010: u32(15_900), 1012: u32(15_800)})
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.power_w) == (Pilot.C, True, 11040.0)
    assert reading.currents_a == (16.0, 15.9, 15.8)
    assert (reading.register_wh, reading.session_wh) == (123_456, 5_678)
    identity = await box.connector.identify()
    assert (identity.serial, identity.firmware) == ("24000123", "10300")


@pytest.mark.parametrize(("firmware", "register_wh"), [(10_201, 123_456), (10_200, 1_234_569), (10_109, 1_234_569)])
async def test_before_firmware_1_2_1_it_counts_whole_watt_hours(box: Box, firmware: int, register_wh: int) -> None:
    box.holding({1018: u32(firmware)})
    assert (await box.poll()).register_wh == register_wh


async def test_a_p30_is_another_model(box: Box) -> None:
    box.holding({1018: [0x030A, 0x1000]})
    with pytest.raises(WrongDevice, match="firmware_number reads '50991104'"):
        await box.poll()


async def test_its_current_is_its_gate(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC6, 5016, [0]), (FC6, 5018, [60]), (FC6, 5004, [0])]
    box.connector.set_failsafe_share(8)
    await box.connector.enable(10)
    assert box.written() == [(FC6, 5016, [8000]), (FC6, 5004, [10_000])]
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC6, 5004, [0]), (FC6, 5004, [6000])]
    await box.connector.disable()
    assert box.written() == [(FC6, 5016, [0]), (FC6, 5004, [0])]
    await box.connector.heartbeat()
    assert box.written() == [(FC6, 5018, [60])]


async def test_what_it_does_alone(box: Box) -> None:
    assert box.losses == "closed opens holds"
    box.holding({1600: u32(6000), 1602: u32(60)})
    await box.connector.prepare()
    assert box.losses == "opens opens holds"
