"""KEBA P30 against its Modbus guide: "no block reads, at most two registers (one 32-bit value) per request; all reads
uint32 (high word first); all writes uint16" (connector reference 2.1). More of its life is in test_modbus_connectors.
"""

import pytest

from custom_components.evshare.connectors.profile import load_profile
from custom_components.evshare.model import Pilot

from .modbus_box import FC6, Box, u32


@pytest.fixture
def box() -> Box:
    box = Box("keba_p30")
    box.holding({1014: u32(17_619_300), 1016: u32(301_011), 1018: [0x030A, 0x1000], 1000: u32(1), 1004: u32(0)})
    return box


@pytest.mark.parametrize(
    ("status", "cable", "pilot", "enabled"),
    [
        # 1000: 0 start-up, 1 not ready, 2 ready, 3 charging, 4 error, 5 interrupted; 1004: bit 2 plugged at the car
        (1, 0, Pilot.A, True),  # nobody locked it yet, and without a car it does not tell
        (1, 3, Pilot.A, True),
        (0, 7, Pilot.B, True),
        (1, 5, Pilot.B, False),
        (2, 7, Pilot.B, True),
        (3, 7, Pilot.C, True),
        (5, 7, Pilot.B, False),
        (4, 7, Pilot.E, True),
    ],
)
async def test_what_its_states_mean(box: Box, status: int, cable: int, pilot: Pilot, enabled: bool) -> None:
    box.holding({1000: u32(status), 1004: u32(cable)})
    reading = await box.poll()
    assert (reading.pilot, reading.enabled) == (pilot, enabled)
    assert reading.fault == ("error" if status == 4 else None)


async def test_the_first_four_bytes_of_a_card(box: Box) -> None:
    box.holding({1500: [0x04A2, 0xB3C4]})  # "only 4 bytes"
    assert (await box.poll()).card_uid == "04A2B3C4"
    box.holding({1500: [0, 0]})
    assert (await box.poll()).card_uid is None


async def test_an_idle_keba_is_asked_three_times(box: Box) -> None:
    assert await box.asked() == [("holding", 1000, 2), ("holding", 1004, 2), ("holding", 1500, 2)]


async def test_energy_comes_in_tenths_of_a_watt_hour_and_is_rounded_down(box: Box) -> None:
    box.holding({1000: u32(3), 1004: u32(7), 1036: u32(1_234_569), 1502: u32(56_789), 1020: u32(7_360_000)})
    reading = await box.poll()
    assert (reading.register_wh, reading.session_wh, reading.power_w) == (123_456, 5_678, 7360.0)


@pytest.mark.parametrize(
    ("failsafe_ma", "timeout_s", "losses"),
    [
        (0, 60, "closed opens holds"),
        (0, 0, "holds opens holds"),  # "timeout 0 or 10-600 s", 0 switches it off
        (6000, 600, "opens opens holds"),  # "with failsafe 6 A / 600 s a box started again exactly 600 s later"
    ],
)
async def test_what_it_does_alone_follows_from_its_failsafe(
    box: Box, failsafe_ma: int, timeout_s: int, losses: str
) -> None:
    assert box.losses == "closed opens holds"
    box.holding({1600: u32(failsafe_ma), 1602: u32(timeout_s)})
    await box.connector.prepare()
    assert box.losses == losses
    assert box.written() == [(FC6, 5016, [0]), (FC6, 5018, [60]), (FC6, 5014, [0])]


def test_what_persists_its_failsafe_is_never_written() -> None:
    profile = load_profile("keba_p30")
    written = {step.addr for command in profile.commands.values() for step in command.steps}
    assert 5020 not in written  # EEPROM
    assert profile.set_current is not None
    assert profile.set_current.steps[0].addr == 5004
