"""WARP by HTTP, against facts of connectors.yaml `warp_http` and connectors.md 2.11 and 3.4, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.model import LockQuality, OnLoss, Pilot

from ..conftest import AtDevice, Device, VirtualClock

IDS = [1, 2, 3, 13, 17, 21, 74, 209]
VALUES = [231.0, 230.5, 229.9, 15.9, 16.0, 15.8, 10987.6, 1234.5678]
TAG = {"tag_type": 2, "tag_id": "04:A2:B3:C4:D5:E6:80", "last_seen": 800}


def load(device: Device, *, state: int = 2, allowed_ma: int = 16000, locked: bool = True, age_ms: int = 800) -> None:
    device.bodies |= {
        "/evse/state": json.dumps(
            {
                "iec61851_state": state,
                "charger_state": 3,
                "contactor_error": 0,
                "error_state": 0,
                "allowed_charging_current": allowed_ma,
            }
        ),
        "/meters/0/value_ids": json.dumps(IDS),
        "/meters/0/values": json.dumps(VALUES),
        "/nfc/seen_tags": json.dumps([TAG | {"last_seen": age_ms}]),
        "/evse/external_enabled": json.dumps({"enabled": locked}),
        "/evse/external_clear_on_disconnect": json.dumps({"clear_on_disconnect": locked}),
        "/evse/external_defaults": json.dumps({"current": 0 if locked else 32000, "clear_on_disconnect": locked}),
        "/evse/external_current": "{}",
        "/info/name": json.dumps({"name": "warp2-X8R", "uid": "X8R"}),
    }


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("warp_http").poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 10987.6  # value id 74
    assert reading.currents_a == (15.9, 16.0, 15.8)  # 13, 17, 21
    assert reading.register_wh == 1234567  # value id 209, kWh
    assert reading.limit_a == 16.0
    assert reading.enabled is True
    assert reading.serial == "X8R"


@pytest.mark.parametrize(("state", "pilot"), [(0, Pilot.A), (1, Pilot.B), (2, Pilot.C), (3, Pilot.C), (4, Pilot.F)])
async def test_states(at_device: AtDevice, device: Device, state: int, pilot: Pilot) -> None:
    load(device, state=state)
    assert (await at_device("warp_http").poll()).pilot is pilot


async def test_meter_values_are_found_by_their_ids_wherever_they_stand(at_device: AtDevice, device: Device) -> None:
    load(device)
    device.bodies["/meters/0/value_ids"] = json.dumps(IDS[::-1])
    device.bodies["/meters/0/values"] = json.dumps(VALUES[::-1])
    assert (await at_device("warp_http").poll()).register_wh == 1234567
    device.bodies["/meters/0/value_ids"] = json.dumps([74])
    device.bodies["/meters/0/values"] = json.dumps([10987.6])
    reading = await at_device("warp_http").poll()
    assert (reading.power_w, reading.register_wh) == (10987.6, None)


async def test_a_card_counts_only_while_it_is_new(at_device: AtDevice, device: Device) -> None:
    load(device, age_ms=1900)  # polls are 2 s apart
    warp = at_device("warp_http")
    assert (await warp.poll()).card_uid == "04A2B3C4D5E680"
    load(device, age_ms=3900)
    assert (await warp.poll()).card_uid is None


async def test_a_box_without_a_reader_is_no_worse(at_device: AtDevice, device: Device) -> None:
    load(device)
    del device.bodies["/nfc/seen_tags"]
    reading = await at_device("warp_http").poll()
    assert (reading.card_uid, reading.pilot) == (None, Pilot.C)


async def test_the_external_slot_is_limit_and_gate(at_device: AtDevice, device: Device) -> None:
    load(device)
    warp = at_device("warp_http")
    await warp.prepare()
    await warp.enable(10)
    await warp.set_limit(0)
    assert device.written == [
        ("POST", "/evse/external_current", '{"current": 0}'),
        ("POST", "/evse/external_current", '{"current": 10000}'),
        ("POST", "/evse/external_current", '{"current": 0}'),
    ]


async def test_wearing_settings_are_written_only_where_they_are_not_so_yet(at_device: AtDevice, device: Device) -> None:
    load(device, locked=False)
    warp = at_device("warp_http")
    await warp.prepare()
    assert device.written == [
        ("POST", "/evse/external_current", '{"current": 0}'),
        ("POST", "/evse/external_enabled", '{"enabled": true}'),
        ("POST", "/evse/external_defaults", '{"current": 0, "clear_on_disconnect": true}'),
        ("POST", "/evse/external_clear_on_disconnect", '{"clear_on_disconnect": true}'),
    ]


async def test_what_it_refused_to_store_is_seen_in_its_lock(at_device: AtDevice, device: Device) -> None:
    load(device, locked=False)  # it answers, but keeps what it had
    warp = at_device("warp_http")
    await warp.prepare()
    ports = warp.ports
    assert (ports.on_silence, ports.on_reboot, ports.on_unplug) == (OnLoss.HOLDS, OnLoss.OPENS, OnLoss.HOLDS)
    load(device)
    await warp.prepare()
    assert (warp.ports.on_reboot, warp.ports.on_unplug) == (OnLoss.CLOSED, OnLoss.CLOSED)
    assert lock_quality(warp.ports) is LockQuality.ENFORCED


async def test_three_requests_read_it_with_a_car(at_device: AtDevice, device: Device, clock: VirtualClock) -> None:
    load(device)
    warp = at_device("warp_http")
    await warp.poll()
    device.asked.clear()
    clock.mono_s += 5
    await warp.poll()
    assert device.asked == ["/evse/state", "/meters/0/values", "/nfc/seen_tags"]
