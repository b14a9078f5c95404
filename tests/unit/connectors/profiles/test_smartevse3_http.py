"""SmartEVSE 3, against facts of connectors.yaml `smartevse3_http` and connectors.md 2.11, written by hand."""

import json

import pytest

from custom_components.evshare.model import Pilot

from ..conftest import AtDevice, Device


def load(device: Device, *, connected: bool = True, state_id: int = 2, mode_id: int = 1) -> None:
    device.bodies["/settings"] = json.dumps(
        {
            "version": "v3.11.2",
            "mode_id": mode_id,
            "car_connected": connected,
            "evse": {"state_id": state_id, "error_id": 0, "access": True, "nrofphases": 3, "rfid_lastread": "04A2B3C4"},
            "settings": {"charge_current": 130},  # tenths of an ampere
            "ev_meter": {
                "import_active_power": 8970,
                "import_active_energy": 2345678,
                "charged_wh": 3456,
                "currents": {"L1": 130, "L2": 129, "L3": 131},
            },
        }
    )


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("smartevse3_http").poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 8970
    assert reading.currents_a == (13.0, 12.9, 13.1)
    assert reading.register_wh == 2345678
    assert reading.session_wh == 3456
    assert reading.limit_a == 13.0
    assert reading.enabled is True
    assert reading.card_uid is None, "its last card never clears, so it is no tap"


@pytest.mark.parametrize(
    ("connected", "state_id", "pilot"),
    [
        (False, 0, Pilot.A),
        (True, 1, Pilot.B),
        (True, 2, Pilot.C),
        (True, 3, Pilot.C),
        (True, 5, Pilot.B),
        (True, 6, Pilot.C),
        (True, 9, Pilot.B),  # B1, no PWM
        (True, 10, Pilot.C),  # C1, stopping
        (True, 14, Pilot.B),
    ],
)
async def test_states(at_device: AtDevice, device: Device, connected: bool, state_id: int, pilot: Pilot) -> None:
    load(device, connected=connected, state_id=state_id)
    assert (await at_device("smartevse3_http").poll()).pilot is pilot


@pytest.mark.parametrize(("mode_id", "enabled"), [(0, False), (1, True), (2, True), (3, True), (4, False)])
async def test_the_mode_reads_back_the_gate(at_device: AtDevice, device: Device, mode_id: int, enabled: bool) -> None:
    load(device, mode_id=mode_id)
    assert (await at_device("smartevse3_http").poll()).enabled is enabled


async def test_settings_are_posts_with_an_empty_body_on_closed_connections(at_device: AtDevice, device: Device) -> None:
    load(device)
    box = at_device("smartevse3_http")
    await box.prepare()
    await box.enable(10)
    await box.set_limit(0)
    await box.set_limit(6)
    assert device.written == [
        ("POST", "/settings?mode=4", ""),
        ("POST", "/settings?mode=1", ""),
        ("POST", "/settings?override_current=100", ""),  # taken in normal or smart mode only
        ("POST", "/settings?mode=4", ""),
        ("POST", "/settings?mode=1", ""),
        ("POST", "/settings?override_current=60", ""),
    ]
    assert {headers["Connection"].lower() for headers in device.headers} == {"close"}
