"""NRGkick Gen2 by HTTP, against facts of connectors.yaml `nrgkick_gen2_http` and connectors.md 2.11, by hand."""

import json

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.model import Pilot

from ..conftest import AtDevice, Device


def load(device: Device, *, status: int = 3, pause: int = 0) -> None:
    phase = {"voltage": 230.5, "current": 12.5}
    values = {
        "general": {"status": status},
        "powerflow": {"total_active_power": 8650, "l1": phase, "l2": phase, "l3": phase | {"current": 12.4}},
        "energy": {"total_charged_energy": 987654, "charged_energy": 4321},
    }
    device.bodies |= {
        "/values?raw=1": json.dumps(values),
        "/control": json.dumps({"current_set": 12.5, "charge_pause": pause, "energy_limit": 0, "phase_count": 3}),
        "/info?raw=1": json.dumps({"general": {"serial_number": "123456"}}),
        "/control?current_set=10": json.dumps({"current_set": 10}),
        "/control?charge_pause=0": json.dumps({"charge_pause": 0}),
        "/control?charge_pause=1": json.dumps({"charge_pause": 1}),
    }


def sets(device: Device) -> list[str]:
    return [path for path in device.asked if path.startswith("/control?")]


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("nrgkick_gen2_http").poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 8650
    assert reading.currents_a == (12.5, 12.5, 12.4)
    assert reading.register_wh == 987654
    assert reading.session_wh == 4321
    assert reading.limit_a == 12.5
    assert reading.enabled is True
    assert reading.serial == "123456"


@pytest.mark.parametrize(
    ("status", "pilot"),
    [(0, Pilot.X), (1, Pilot.A), (2, Pilot.B), (3, Pilot.C), (6, Pilot.E), (7, Pilot.B)],
)
async def test_states(at_device: AtDevice, device: Device, status: int, pilot: Pilot) -> None:
    load(device, status=status)
    assert (await at_device("nrgkick_gen2_http").poll()).pilot is pilot


async def test_the_pause_is_its_gate(at_device: AtDevice, device: Device) -> None:
    load(device, pause=1)
    box = at_device("nrgkick_gen2_http")
    await box.prepare()
    await box.enable(10)
    await box.set_limit(0)
    assert sets(device) == [
        "/control?charge_pause=1",
        "/control?current_set=10",
        "/control?charge_pause=0",
        "/control?charge_pause=1",
    ]
    assert (await box.poll()).enabled is False


async def test_a_refusal_comes_as_text(at_device: AtDevice, device: Device) -> None:
    load(device)
    device.bodies["/control?charge_pause=1"] = json.dumps({"Response": "API must be enabled within the NRGkick App"})
    box = at_device("nrgkick_gen2_http")
    with pytest.raises(ConnectorRefused, match="API must be enabled"):
        await box.prepare()
