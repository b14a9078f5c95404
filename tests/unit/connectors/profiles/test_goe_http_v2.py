"""go-e by HTTP, against facts of connectors.yaml `goe_http_v2` and connectors.md 2.2, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.ports import Connector, ConnectorRefused
from custom_components.evshare.model import Pilot

from ..conftest import AtDevice, Device

GOE_STATUS = {
    "car": 2,
    "alw": True,
    "acu": 16,
    "amp": 16,
    "frc": 0,
    "nrg": [231, 230, 232, 2, 15.9, 16.0, 15.8, 3673, 3680, 3666, 0, 11019.4, 99, 99, 99, 0],
    "wh": 5604.9,
    "eto": 123456.789,
    "trx": 0,
    "err": 0,
    "acs": 1,
}


def set_goe(device: Device, **changes: object) -> None:
    device.bodies["/api/status"] = json.dumps(GOE_STATUS | changes)
    device.bodies["/api/status?filter=sse,fwv"] = '{"sse":"012345","fwv":"60.4"}'
    for key, value in (("acs", "1"), ("trx", "0"), ("frc", "0"), ("frc", "1"), ("amp", "10"), ("amp", "16")):
        device.bodies[f"/api/set?{key}={value}"] = f'{{"{key}":true}}'


def sets(device: Device) -> list[str]:
    return [path.removeprefix("/api/set?") for path in device.asked if path.startswith("/api/set")]


@pytest.fixture
def goe(at_device: AtDevice, device: Device) -> Connector:
    set_goe(device)
    return at_device("goe_http_v2", max_current_a=16)


async def test_a_go_e_reading(goe: Connector) -> None:
    reading = await goe.poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 11019.4
    assert reading.currents_a == (15.9, 16.0, 15.8)
    assert reading.register_wh == 123456
    assert reading.session_wh == 5604
    assert reading.limit_a == 16.0
    assert reading.enabled is True
    assert reading.serial == "012345"
    assert reading.card_uid is None


async def test_a_go_e_is_asked_only_for_the_keys_that_are_needed(goe: Connector, device: Device) -> None:
    await goe.poll()
    device.asked.clear()
    await goe.poll()
    assert device.asked == ["/api/status?filter=car,alw,acu,amp,frc,nrg,wh,eto,trx,err,acs"]


async def test_preparing_a_go_e_writes_the_wearing_access_key_only_if_it_is_not_set(
    goe: Connector, device: Device
) -> None:
    await goe.prepare()
    assert sets(device) == ["frc=1"]
    set_goe(device, acs=0)
    await goe.identify()
    await goe.poll()
    device.asked.clear()
    await goe.prepare()
    assert sets(device) == ["acs=1", "frc=1"]


async def test_enabling_a_go_e_begins_a_transaction_that_ends_with_the_plug(goe: Connector, device: Device) -> None:
    await goe.enable(10)
    assert sets(device) == ["amp=10", "trx=0", "frc=0"]


async def test_the_wearing_current_is_written_only_when_it_changes(goe: Connector, device: Device) -> None:
    await goe.enable(16)
    assert sets(device) == ["trx=0", "frc=0"]  # it already offers 16 A
    await goe.set_limit(10)
    await goe.set_limit(10)
    assert sets(device) == ["trx=0", "frc=0", "amp=10"]
    await goe.poll()  # somebody set it back to 16 A in the app
    await goe.set_limit(10)
    assert sets(device) == ["trx=0", "frc=0", "amp=10", "amp=10"]


async def test_disabling_and_pausing_a_go_e_forces_it_off(goe: Connector, device: Device) -> None:
    await goe.enable(16)
    device.asked.clear()
    await goe.set_limit(0)
    await goe.set_limit(16)
    await goe.disable()
    assert sets(device) == ["frc=1", "trx=0", "frc=0", "frc=1"]


@pytest.mark.parametrize("answer", ['{"frc":"value out of range"}', '{"frc":1}', '{"frc":"true"}', "{}"])
async def test_a_go_e_must_say_true_for_each_key(goe: Connector, device: Device, answer: str) -> None:
    device.bodies["/api/set?frc=1"] = answer
    with pytest.raises(ConnectorRefused, match=r"127.0.0.1: frc: got .*; accepted: true"):
        await goe.disable()


async def test_a_rebooted_go_e_is_found_closed_or_open_by_its_read_back(goe: Connector, device: Device) -> None:
    set_goe(device, frc=0, alw=False, trx=None)
    assert (await goe.poll()).enabled is False
    set_goe(device, frc=0, alw=True, acs=0)
    assert (await goe.poll()).enabled is True
