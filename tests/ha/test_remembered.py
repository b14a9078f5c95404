"""What a building learnt of its connectors is remembered over restarts, and forgotten with the connector."""

from typing import Any

from homeassistant.core import HomeAssistant
from modbus_connection import IllegalDataAddressError
from modbus_connection.mock import MockModbusUnit
import pytest

from .conftest import MakeEntry, set_up, stall, state_of, wait_until
from .hardware import Device, ModbusNetwork

pytestmark = pytest.mark.usefixtures("quick_polls")

ALFEN = {"connector": "alfen_eve", "host": "10.0.0.31", "unit_id": 1}
WIDE = (306, 72)
"""The registers of measurements over their holes (connector reference 3.5)."""
SPLIT = {(306, 20), (344, 2), (374, 4)}


@pytest.fixture
def alfen(network: ModbusNetwork) -> MockModbusUnit:
    """An Alfen Eve whose firmware does not serve register 330, a hole between measurements."""
    box = Device()
    network.add("10.0.0.31", box)
    box.for_unit(200).holding |= {157: [0x4143, 0x4531, 0x3233, 0, 0, 0, 0, 0, 0, 0, 0]}
    unit = box.for_unit(1)
    volts, amperes = [0x4366, 0x0000], [0x4180, 0x0000]  # 230.0, 16.0
    unit.holding |= dict.fromkeys((306, 308, 310), volts) | dict.fromkeys((320, 322, 324), amperes)
    unit.holding |= {344: [0x462C, 0x8000], 374: [0x4112, 0x7B58, 0, 0], 1200: 1, 1201: [0x4100, 0, 0, 0, 0]}
    unit.holding |= {1206: [0, 0], 1208: [0, 60], 1210: [0, 0], 1212: [0, 0]}
    unit.fail_read(330, IllegalDataAddressError())
    return unit


async def polled(hass: HomeAssistant, unit: MockModbusUnit) -> set[tuple[int, int]]:
    """Register and count of the reads of measurements until the stall was read a second time."""
    await wait_until(hass, lambda: [read.address for read in unit.read_events].count(374) > 1)
    return {(read.address, read.count) for read in unit.read_events if read.address < 400}


async def test_a_block_that_was_refused_is_not_tried_again_after_a_restart(
    hass: HomeAssistant, make_entry: MakeEntry, alfen: MockModbusUnit
) -> None:
    entry = await set_up(hass, make_entry(stall(**ALFEN, serial="ACE123")))
    assert state_of(hass, "sensor.stall_1_energy") == "302.806"
    assert WIDE in await polled(hass, alfen)
    await hass.config_entries.async_unload(entry.entry_id)
    alfen.read_events.clear()
    await set_up(hass, entry)
    assert state_of(hass, "sensor.stall_1_energy") == "302.806"
    assert await polled(hass, alfen) == SPLIT


@pytest.mark.parametrize(
    ("change", "tried_again"),
    [
        ({"max_current_a": 10}, False),
        ({"serial": None}, True),  # what stands there need not be the same box any more
        ({"unit_id": 2}, True),
    ],
)
async def test_it_is_forgotten_when_the_stall_gets_another_connector(
    hass: HomeAssistant, make_entry: MakeEntry, alfen: MockModbusUnit, change: dict[str, Any], tried_again: bool
) -> None:
    entry = await set_up(hass, make_entry(stall(**ALFEN, serial="ACE123")))
    await polled(hass, alfen)
    await hass.config_entries.async_unload(entry.entry_id)
    settings = {**entry.subentries["stall-1"].data, **change}
    hass.config_entries.async_update_subentry(entry, entry.subentries["stall-1"], data=settings)
    unit = alfen
    if "unit_id" in change:
        unit = alfen._conn.for_unit(change["unit_id"])
        unit.holding |= alfen.holding
        unit.fail_read(330, IllegalDataAddressError())
    unit.read_events.clear()
    await set_up(hass, entry)
    assert (WIDE in await polled(hass, unit)) is tried_again


async def test_the_same_box_at_another_address_keeps_what_was_learnt(
    hass: HomeAssistant, make_entry: MakeEntry, network: ModbusNetwork, alfen: MockModbusUnit
) -> None:
    entry = await set_up(hass, make_entry(stall(**ALFEN, serial="ACE123")))
    await polled(hass, alfen)
    network.add("10.0.0.32", alfen._conn)
    alfen.read_events.clear()
    settings = {**entry.subentries["stall-1"].data, "host": "10.0.0.32"}
    hass.config_entries.async_update_subentry(entry, entry.subentries["stall-1"], data=settings)
    await hass.async_block_till_done()
    assert await polled(hass, alfen) == SPLIT


async def test_nothing_of_it_outlives_the_building(
    hass: HomeAssistant, make_entry: MakeEntry, alfen: MockModbusUnit, hass_storage: dict[str, Any]
) -> None:
    entry = await set_up(hass, make_entry(stall(**ALFEN, serial="ACE123")))
    await polled(hass, alfen)
    key = f"evshare.connectors.{entry.entry_id}"
    assert hass_storage[key]["data"]["stall-1"]["cuts"] == ["holding:344", "holding:374"]
    for secret in ("10.0.0.31", "ACE123"):
        assert secret not in str(hass_storage[key])
    await hass.config_entries.async_remove(entry.entry_id)
    assert key not in hass_storage
