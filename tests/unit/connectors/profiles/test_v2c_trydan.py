"""V2C Trydan, against facts of connectors.yaml `v2c_trydan`, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.model import Pilot

from ..conftest import AtDevice, Device


def load(device: Device, **status: object) -> None:
    values = {"ChargeState": 2, "ChargePower": 7012.5, "ChargeEnergy": 3.21, "Intensity": 16, "Paused": 0, "Locked": 0}
    device.bodies["/RealTimeData"] = json.dumps(values | status)
    for path in ("/write/Intensity=10", "/write/Paused=0", "/write/Paused=1"):
        device.bodies[path] = "OK"


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("v2c_trydan").poll()
    assert (reading.pilot, reading.power_w, reading.session_wh) == (Pilot.C, 7012.5, 3210)
    assert reading.register_wh is None, "it counts only a session"
    assert (reading.limit_a, reading.enabled) == (16, True)


@pytest.mark.parametrize(("state", "pilot"), [(0, Pilot.A), (1, Pilot.B), (2, Pilot.C)])
async def test_states(at_device: AtDevice, device: Device, state: int, pilot: Pilot) -> None:
    load(device, ChargeState=state)
    assert (await at_device("v2c_trydan").poll()).pilot is pilot


async def test_writes_are_answered_ok(at_device: AtDevice, device: Device) -> None:
    load(device)
    box = at_device("v2c_trydan")
    await box.prepare()
    await box.enable(10)
    await box.set_limit(0)
    assert [path for path in device.asked if path.startswith("/write/")] == [
        "/write/Paused=1",
        "/write/Intensity=10",
        "/write/Paused=0",
        "/write/Paused=1",
    ]
    device.bodies["/write/Paused=1"] = "NOK, value"
    device.bodies["/write/Paused=1"] = "KO"
    with pytest.raises(ConnectorRefused, match="accepted: OK"):
        await box.disable()
