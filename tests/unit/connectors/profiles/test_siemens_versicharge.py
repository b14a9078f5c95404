"""Siemens VersiCharge: "TCP 502/2; state 1599 text; 1692 Wh; 1633 limit, 0 pauses from firmware 2.128" (connector
reference table); "values from 0-100 are interpreted in A, 101-8000 in 0.01 A" (evcc pull request 28173)."""

import pytest

from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32


@pytest.fixture
def box() -> Box:
    box = Box("siemens_versicharge", max_current_a=16)
    box.holding({7: text("SN12345678", 5), 31: text("2.135", 10), 1599: text("C2", 1), 1600: 0, 1633: 16})
    box.holding({1647: [16, 15, 15], 1662: [3_680, 3_500, 3_450], 1692: u32(1_234_567)})
    return box


async def test_it_charges(box: Box) -> None:
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.power_w) == (Pilot.C, True, 10_630.0)
    assert (reading.currents_a, reading.register_wh, reading.serial) == ((16.0, 15.0, 15.0), 1_234_567, "SN12345678")
    assert (await box.connector.identify()).firmware == "2.135"
    assert box.unit_id == 2
    assert await box.asked() == [("holding", 1599, 2), ("holding", 1633, 32), ("holding", 1692, 2)]


async def test_phases_that_are_not_wired_are_no_power(box: Box) -> None:
    box.holding({1647: [16, 0, 0], 1662: [3_680, 0xFFFF, 0xFFFF]})
    assert (await box.poll()).power_w == pytest.approx(3_680, abs=2)


@pytest.mark.parametrize(
    ("state", "pilot"),
    [
        ([0x4131], Pilot.A),
        ([0x0041], Pilot.A),
        ([0x4232], Pilot.B),
        ([0x4331], Pilot.B),  # C1: the car asks, but is offered nothing
        ([0x4332], Pilot.C),
        ([0x0043], Pilot.C),
        ([0x4530], Pilot.E),
        ([0x4630], Pilot.F),
    ],
)
async def test_what_its_states_mean(box: Box, state: list[int], pilot: Pilot) -> None:
    box.holding({1599: state})
    assert (await box.poll()).pilot is pilot


@pytest.mark.parametrize(("setpoint", "enabled"), [(0, False), (6, True), (600, True), (1_600, True)])
async def test_its_setpoint_tells_whether_it_is_open_in_either_unit(box: Box, setpoint: int, enabled: bool) -> None:
    box.holding({1633: setpoint})
    assert (await box.poll()).enabled is enabled


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    await box.connector.enable(10)
    await box.connector.set_limit(0)
    await box.connector.disable()
    assert box.written() == [(FC16, 1633, [0]), (FC16, 1633, [10]), (FC16, 1633, [0]), (FC16, 1633, [0])]
    assert box.losses == "holds opens holds"
