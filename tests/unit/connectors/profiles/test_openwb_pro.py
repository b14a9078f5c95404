"""openWB Pro, against facts of connectors.yaml `openwb_pro` and connectors.md 2.11, written by hand."""

import json
from urllib.parse import parse_qsl

from custom_components.evshare.model import Pilot

from ..conftest import AtDevice, Device

STATUS = {
    "plug_state": True,
    "charge_state": True,
    "power_all": 11012,
    "currents": [16.01, 15.98, 16.02],
    "imported": 4567890,
    "offered_current": 16,
    "phases_in_use": 3,
    "serial": "493810",
    "rfid_tag": "04a2b3c4d5e680",
    "rfid_timestamp": 1718460000,
}


def load(device: Device, **status: object) -> None:
    device.bodies["/connect.php"] = json.dumps(STATUS | status)


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("openwb_pro").poll()
    assert (reading.pilot, reading.power_w, reading.register_wh) == (Pilot.C, 11012, 4567890)
    assert reading.currents_a == (16.01, 15.98, 16.02)
    assert (reading.limit_a, reading.enabled, reading.serial) == (16, True, "493810")


async def test_states(at_device: AtDevice, device: Device) -> None:
    box = at_device("openwb_pro")
    load(device, charge_state=False, offered_current=0)
    reading = await box.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.B, False)
    load(device, charge_state=False, plug_state=False)
    assert (await box.poll()).pilot is Pilot.A


async def test_a_card_is_a_new_timestamp_and_the_one_found_first_is_old(at_device: AtDevice, device: Device) -> None:
    load(device)
    box = at_device("openwb_pro")
    assert (await box.poll()).card_uid is None
    assert (await box.poll()).card_uid is None
    load(device, rfid_timestamp=1718460090)
    assert (await box.poll()).card_uid == "04A2B3C4D5E680"
    assert (await box.poll()).card_uid is None


async def test_a_car_that_names_itself_does_so_while_it_is_there(at_device: AtDevice, device: Device) -> None:
    """`vehicle_id` may carry the EV MAC; keys only appear when known (connectors.yaml `openwb_pro`)."""
    box = at_device("openwb_pro")
    load(device, charge_state=False, plug_state=False)
    assert [(await box.poll()).ev_id for _ in range(2)] == [None, None]
    load(device, charge_state=False, vehicle_id="aa:bb:cc:dd:ee:ff")
    assert (await box.poll()).ev_id == "AA:BB:CC:DD:EE:FF"


async def test_writes(at_device: AtDevice, device: Device) -> None:
    load(device)
    box = at_device("openwb_pro")
    await box.prepare()
    await box.enable(10)
    await box.set_limit(0)
    assert [(method, path, parse_qsl(body)) for method, path, body in device.written] == [
        ("POST", "/connect.php", [("ampere", "0")]),
        ("POST", "/connect.php", [("heartbeatenabled", "1")]),
        ("POST", "/connect.php", [("ampere", "10")]),
        ("POST", "/connect.php", [("ampere", "0")]),
    ]
