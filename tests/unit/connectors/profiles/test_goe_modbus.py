"""go-e by Modbus: "reads by function 3 and 4, writes only by 16; 299 volatile current, 300 is EEPROM; 337 force state
(0 neutral, 1 off, 2 on); total energy over Modbus is 0.1 kWh: use HTTP for billing" (connector reference 2.2).
"""

from modbus_connection import IllegalDataAddressError
import pytest

from custom_components.evshare.connectors.ports import WrongDevice
from custom_components.evshare.model import Pilot

from .modbus_box import FC16, Box, text, u32


@pytest.fixture
def box() -> Box:
    box = Box("goe_modbus")
    box.input({100: 1, 108: u32(230), 110: u32(231), 112: u32(229), 200: 0, 201: 1, 304: text("211234", 6)})
    return box


async def test_it_charges(box: Box) -> None:
    # "AMP in 0.1 A", "power in 0.01 kW", "energy_session: deka-watt-seconds, 100 000 = 277 Wh"
    box.input({100: 2, 114: u32(160), 116: u32(159), 118: u32(158), 120: u32(1104), 132: u32(100_000), 200: 1})
    box.holding({299: 16})
    reading = await box.poll()
    assert (reading.pilot, reading.enabled, reading.power_w, reading.limit_a) == (Pilot.C, True, 11040.0, 16.0)
    assert reading.currents_a == (16.0, 15.9, 15.8)
    assert reading.session_wh == 277
    assert reading.register_wh is None  # 100 Wh steps are no billing
    assert reading.serial == "211234"


@pytest.mark.parametrize(("status", "pilot"), [(0, Pilot.E), (1, Pilot.A), (2, Pilot.C), (3, Pilot.B), (4, Pilot.B)])
async def test_what_its_states_mean(box: Box, status: int, pilot: Pilot) -> None:
    box.input({100: status})
    assert (await box.poll()).pilot is pilot


async def test_it_is_read_in_two_blocks_with_and_without_a_car(box: Box) -> None:
    assert await box.asked() == [("input", 100, 34), ("input", 200, 2)]
    box.input({100: 3})
    assert await box.asked() == [("input", 100, 34), ("input", 200, 2)]


async def test_its_limit_is_read_after_a_command_and_kept_until_it_is_read_again(box: Box) -> None:
    box.input({100: 2, 200: 1})
    box.holding({299: 32})
    await box.poll()
    await box.connector.enable(10)
    box.holding({299: 10})
    assert (await box.poll()).limit_a == 10
    box.holding({299: 16})  # somebody else
    assert (await box.poll()).limit_a == 10
    box.clock.mono_s += 30
    assert (await box.poll()).limit_a == 16


async def test_where_its_holes_cannot_be_read_they_are_left_out(box: Box) -> None:
    box.unit.fail_read(124, IllegalDataAddressError(), register_type="input")
    box.input({120: u32(368)})
    assert (await box.poll()).power_w == 3680.0
    assert await box.asked() == [("input", 100, 22), ("input", 132, 2), ("input", 200, 2)]


async def test_swapped_registers_are_no_go_e_as_we_know_it(box: Box) -> None:
    box.input({108: [230, 0]})
    with pytest.raises(WrongDevice, match="voltage_l1_v reads '15073280'"):
        await box.poll()


async def test_lock_session_pause_and_lock(box: Box) -> None:
    await box.connector.prepare()
    assert box.written() == [(FC16, 337, [1])]
    await box.connector.enable(10)
    assert box.written() == [(FC16, 299, [10]), (FC16, 337, [2])]
    await box.connector.set_limit(12)
    await box.connector.set_limit(0)
    await box.connector.set_limit(6)
    assert box.written() == [(FC16, 299, [12]), (FC16, 337, [1]), (FC16, 299, [6]), (FC16, 337, [2])]
    await box.connector.disable()
    assert box.written() == [(FC16, 337, [1])]
    assert box.connector.heartbeat_s is None


@pytest.mark.parametrize(("access", "losses"), [(1, "holds closed holds"), (0, "holds opens holds")])
async def test_a_reboot_stays_closed_only_where_access_waits(box: Box, access: int, losses: str) -> None:
    assert box.losses == "holds opens holds"
    box.input({201: access})
    await box.connector.prepare()
    assert box.losses == losses
