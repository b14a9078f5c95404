"""Tesla Wall Connector Gen 3, against connectors.md 1.1 to 1.4 (sample bodies), written by hand."""

import pytest

from custom_components.evshare.connectors.ports import Connector
from custom_components.evshare.model import Pilot

from ..conftest import AtDevice, Device

VITALS = (
    '{"contactor_closed":true,"vehicle_connected":true,"session_s":1875,"grid_v":230.2,"grid_hz":49.987,'
    '"vehicle_current_a":16.0,"currentA_a":16.0,"currentB_a":15.9,"currentC_a":16.1,"currentN_a":0.3,'
    '"voltageA_v":229.8,"voltageB_v":230.6,"voltageC_v":230.1,"relay_k1_v":6.1,"relay_k2_v":6.1,"pcba_temp_c":nan,'
    '"uptime_s":606800,"session_energy_wh":5604.900,"config_status":5,"evse_state":11,"current_alerts":[],'
    '"evse_not_ready_reasons":[1]'
)
"""Three-phase charging, with a bare nan and without the last brace."""
VERSION = '{"firmware_version":"26.18.0+gabc1234","part_number":"1457768-02-G","serial_number":"PGT00000000001"}'


@pytest.fixture
def tesla(at_device: AtDevice, device: Device) -> Connector:
    device.bodies |= {"/api/1/vitals": VITALS, "/api/1/version": VERSION}
    return at_device("tesla_twc3")


async def test_a_tesla_reading_survives_invalid_json(tesla: Connector) -> None:
    reading = await tesla.poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 11047.95
    assert reading.currents_a == (16.0, 15.9, 16.1)
    assert reading.session_wh == 5604
    assert reading.register_wh is None
    assert reading.enabled is None
    assert reading.serial == "PGT00000000001"
    identity = await tesla.identify()
    assert (identity.serial, identity.firmware) == ("PGT00000000001", "26.18.0+gabc1234")


async def test_nothing_is_ever_sent_to_a_tesla_but_questions(tesla: Connector, device: Device) -> None:
    await tesla.prepare()
    await tesla.enable(16)
    await tesla.set_limit(10)
    await tesla.set_limit(0)
    await tesla.disable()
    await tesla.heartbeat()
    assert set(device.asked) == {"/api/1/vitals", "/api/1/version"}
