"""OpenEVSE, against facts of connectors.yaml `openevse_http` and connectors.md 2.11, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.ports import WrongDevice
from custom_components.evshare.model import OnLoss, Pilot

from ..conftest import AtDevice, Device

STATUS = {
    "state": 3,
    "vehicle": 1,
    "status": "active",
    "amp": 15870,  # mA
    "voltage": 233,
    "pilot": 16,
    "session_energy": 2345.6,
    "total_energy": 1234.567,  # kWh
}


def load(device: Device, **status: object) -> None:
    device.bodies |= {
        "/status": json.dumps(STATUS | status),
        "/config": json.dumps({"firmware": "8.2.1"}),
        "/override": json.dumps({"msg": "OK"}),
    }


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("openevse_http").poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == pytest.approx(15.87 * 233)
    assert reading.currents_a == (15.87, 0.0, 0.0)  # it has one current transformer
    assert reading.register_wh == 1234567
    assert reading.session_wh == 2345
    assert reading.limit_a == 16
    assert reading.enabled is True


@pytest.mark.parametrize(
    ("status", "pilot", "enabled"),
    [
        ({"state": 1, "vehicle": 0}, Pilot.A, True),
        ({"state": 2}, Pilot.B, True),
        ({"state": 254, "vehicle": 1, "status": "disabled"}, Pilot.B, False),
        ({"state": 254, "vehicle": 0, "status": "disabled"}, Pilot.A, False),
        ({"state": 255, "vehicle": 1, "status": "disabled"}, Pilot.B, False),
        ({"state": 1, "vehicle": 0, "status": "disabled"}, Pilot.A, False),
        ({"state": 6}, Pilot.F, True),
    ],
)
async def test_states(
    at_device: AtDevice, device: Device, status: dict[str, object], pilot: Pilot, enabled: bool
) -> None:
    load(device, **status)
    reading = await at_device("openevse_http").poll()
    assert (reading.pilot, reading.enabled) == (pilot, enabled)


async def test_an_override_is_limit_and_gate(at_device: AtDevice, device: Device) -> None:
    load(device)
    box = at_device("openevse_http")
    await box.prepare()
    await box.enable(10)
    await box.set_limit(8)
    await box.set_limit(0)
    disabled = {"state": "disabled", "auto_release": False}
    assert [(method, path, json.loads(body)) for method, path, body in device.written] == [
        ("POST", "/override", disabled),
        ("POST", "/override", {"state": "active", "charge_current": 10, "auto_release": False}),
        ("POST", "/override", {"state": "active", "charge_current": 8, "auto_release": False}),
        ("POST", "/override", disabled),
    ]


async def test_the_serial_number_is_that_of_its_wifi_module_and_another_box_is_refused(
    at_device: AtDevice, device: Device
) -> None:
    load(device)
    device.bodies["/config"] = json.dumps({"firmware": "8.2.1", "wifi_serial": "0c8b95aa7a57"})
    box = at_device("openevse_http", serial="0c8b95aa7a57")
    assert (await box.identify()).serial == "0c8b95aa7a57"
    with pytest.raises(WrongDevice, match="has serial number 0c8b95aa7a57; accepted: 0c8b95aa0001"):
        await at_device("openevse_http", serial="0c8b95aa0001").prepare()
    assert device.written == []


async def test_older_firmware_that_tells_no_serial_number_is_read_all_the_same(
    at_device: AtDevice, device: Device
) -> None:
    load(device)
    box = at_device("openevse_http")
    assert (await box.identify()).serial is None
    assert (await box.poll()).pilot is Pilot.C


async def test_one_request_reads_it(at_device: AtDevice, device: Device) -> None:
    load(device)
    box = at_device("openevse_http")
    await box.poll()
    device.asked.clear()
    await box.poll()
    assert device.asked == ["/status"]


async def test_left_alone_it_holds_and_a_reboot_opens_it(at_device: AtDevice) -> None:
    ports = at_device("openevse_http").ports
    assert (ports.on_silence, ports.on_reboot, ports.on_unplug) == (OnLoss.HOLDS, OnLoss.OPENS, OnLoss.HOLDS)
