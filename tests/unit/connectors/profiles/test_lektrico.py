"""Lektri.co, against facts of connectors.yaml `lektrico`, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.model import LockQuality, Pilot

from ..conftest import AtDevice, Device


@pytest.mark.parametrize(("state", "pilot"), [("A", Pilot.A), ("B", Pilot.B), ("C", Pilot.C)])
async def test_a_reading(at_device: AtDevice, device: Device, state: str, pilot: Pilot) -> None:
    device.bodies["/rpc/charger_info.get"] = json.dumps(
        {
            "charger_state": state,
            "instant_power": 3601,
            "session_energy": 1234,
            "total_charged_energy": 567,
            "currents": [15.6, 0, 0],
            "dynamic_current": 16,
        }
    )
    reading = await at_device("lektrico").poll()
    assert (reading.pilot, reading.power_w, reading.session_wh) == (pilot, 3601, 1234)
    assert reading.currents_a == (15.6, 0, 0)
    assert reading.register_wh is None


async def test_it_can_only_be_watched(at_device: AtDevice) -> None:
    ports = at_device("lektrico").ports
    assert (ports.gate, ports.limit) == (False, False)
    assert lock_quality(ports) is LockQuality.MONITOR
