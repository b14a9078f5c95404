"""Peblar by REST, against facts of connectors.yaml `peblar_rest` and connectors.md 2.10, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.model import OnLoss, Pilot

from ..conftest import AtDevice, Device

EV = {"CpState": "State C", "ChargeCurrentLimit": 16000, "ChargeCurrentLimitActual": 15990, "LockState": True}
METER = {
    "PowerTotal": 10890,
    "CurrentPhase1": 15800,
    "CurrentPhase2": 15700,
    "CurrentPhase3": 15900,
    "EnergySession": 4321,
    "EnergyTotal": 7654321,
}
SYSTEM = {"ProductSn": "23-45-A4O-678", "FirmwareVersion": "1.6.1+1+WL-1", "ActiveErrorCodes": []}


def load(device: Device, **ev: object) -> None:
    base = "/api/wlac/v1"
    device.bodies |= {
        f"{base}/evinterface": json.dumps(EV | ev),
        f"{base}/meter": json.dumps(METER),
        f"{base}/system": json.dumps(SYSTEM),
    }


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("peblar_rest", token="secret").poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 10890
    assert reading.currents_a == (15.8, 15.7, 15.9)  # mA
    assert reading.register_wh == 7654321
    assert reading.session_wh == 4321
    assert reading.limit_a == 15.99
    assert reading.enabled is True
    assert reading.serial == "23-45-A4O-678"
    assert reading.card_uid is None
    assert {headers["Authorization"] for headers in device.headers} == {"secret"}


@pytest.mark.parametrize(
    ("state", "pilot"),
    [
        ("State A", Pilot.A),
        ("State B", Pilot.B),
        ("State C", Pilot.C),
        ("State D", Pilot.C),
        ("State E", Pilot.E),
        ("State F", Pilot.F),
        ("State Invalid", Pilot.F),
    ],
)
async def test_states(at_device: AtDevice, device: Device, state: str, pilot: Pilot) -> None:
    load(device, CpState=state)
    assert (await at_device("peblar_rest", token="t").poll()).pilot is pilot


async def test_two_requests_read_it(at_device: AtDevice, device: Device) -> None:
    load(device)
    peblar = at_device("peblar_rest", token="t")
    await peblar.poll()
    device.asked.clear()
    await peblar.poll()
    assert device.asked == ["/api/wlac/v1/evinterface", "/api/wlac/v1/meter"]


async def test_one_setpoint_is_limit_and_gate(at_device: AtDevice, device: Device) -> None:
    load(device)
    peblar = at_device("peblar_rest", token="t", max_current_a=16)
    await peblar.prepare()
    await peblar.enable(10)
    await peblar.set_limit(0)
    await peblar.disable()
    assert [(method, path, json.loads(body)) for method, path, body in device.written] == [
        ("PATCH", "/api/wlac/v1/evinterface", {"ChargeCurrentLimit": 0}),
        ("PATCH", "/api/wlac/v1/evinterface", {"ChargeCurrentLimit": 10000}),
        ("PATCH", "/api/wlac/v1/evinterface", {"ChargeCurrentLimit": 0}),
        ("PATCH", "/api/wlac/v1/evinterface", {"ChargeCurrentLimit": 0}),
    ]


async def test_a_wrong_token_and_too_many_requests_are_refusals(at_device: AtDevice, device: Device) -> None:
    load(device)
    peblar = at_device("peblar_rest", token="t")
    device.status = 401
    with pytest.raises(ConnectorRefused, match="refuses our user name, password or token"):
        await peblar.poll()
    device.status = 429
    with pytest.raises(ConnectorRefused, match="HTTP 429"):
        await peblar.poll()


async def test_it_cannot_be_reached_without_a_token(at_device: AtDevice) -> None:
    with pytest.raises(ValueError, match="token: got none"):
        at_device("peblar_rest")


async def test_left_alone_it_holds(at_device: AtDevice) -> None:
    ports = at_device("peblar_rest", token="t").ports
    assert (ports.on_silence, ports.on_reboot, ports.on_unplug) == (OnLoss.HOLDS, OnLoss.OPENS, OnLoss.HOLDS)
