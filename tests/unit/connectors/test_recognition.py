"""Who answers at a stall's address is asked again after each pause, and every five minutes: addresses get reused."""

import json

import pytest

from custom_components.evshare.connectors.ports import WrongDevice

from .conftest import AtDevice, Device, VirtualClock

IDENTITY = "/api/status?filter=sse,fwv"
STATUS = {"car": 2, "alw": True, "acu": 16, "amp": 16, "frc": 0, "nrg": [230] * 4 + [0] * 12, "eto": 5000, "acs": 1}


@pytest.fixture(autouse=True)
def _goe(device: Device) -> None:
    device.bodies["/api/status"] = json.dumps(STATUS)
    for written in ("acs=1", "trx=0", "frc=0", "frc=1", "amp=10"):
        key = written.partition("=")[0]
        device.bodies[f"/api/set?{written}"] = f'{{"{key}":true}}'
    answers_as(device, "012345")


def answers_as(device: Device, serial: str) -> None:
    device.bodies[IDENTITY] = json.dumps({"sse": serial, "fwv": "60.4"})


@pytest.mark.parametrize("passed_s", [0, 21, 3600])
async def test_another_box_at_the_address_is_refused_before_it_is_opened(
    at_device: AtDevice, device: Device, clock: VirtualClock, passed_s: float
) -> None:
    goe = at_device("goe_http_v2", serial="012345")
    await goe.poll()
    answers_as(device, "099999")
    clock.mono_s += passed_s
    device.asked.clear()
    with pytest.raises(WrongDevice, match="has serial number 099999; accepted: 012345"):
        await goe.enable(10)
    assert [path for path in device.asked if path.startswith("/api/set")] == []


async def test_the_box_comes_back_and_goes_on(at_device: AtDevice, device: Device, clock: VirtualClock) -> None:
    goe = at_device("goe_http_v2", serial="012345")
    await goe.poll()
    answers_as(device, "099999")
    clock.mono_s += 21
    with pytest.raises(WrongDevice):
        await goe.poll()
    answers_as(device, "012345")
    assert (await goe.poll()).serial == "012345"


async def test_a_box_that_is_heard_all_the_time_is_asked_who_it_is_every_five_minutes(
    at_device: AtDevice, device: Device, clock: VirtualClock
) -> None:
    goe = at_device("goe_http_v2", serial="012345")
    await goe.poll()
    device.asked.clear()
    for _ in range(59):
        clock.mono_s += 5
        await goe.poll()
    assert IDENTITY not in device.asked
    clock.mono_s += 5
    await goe.poll()
    assert device.asked.count(IDENTITY) == 1


async def test_another_box_that_took_the_address_without_a_pause_is_noticed_within_five_minutes(
    at_device: AtDevice, device: Device, clock: VirtualClock
) -> None:
    goe = at_device("goe_http_v2", serial="012345")
    await goe.poll()
    answers_as(device, "099999")
    for _ in range(59):
        clock.mono_s += 5
        await goe.poll()
    clock.mono_s += 5
    with pytest.raises(WrongDevice, match="099999"):
        await goe.poll()


async def test_a_box_that_does_not_say_who_it_is_this_time_is_still_the_same(
    at_device: AtDevice, device: Device, clock: VirtualClock
) -> None:
    goe = at_device("goe_http_v2", serial="012345")
    await goe.poll()
    del device.bodies[IDENTITY]
    clock.mono_s += 21
    assert (await goe.poll()).serial == "012345"


async def test_a_box_whose_number_nobody_knew_is_met_anew_when_another_answers(
    at_device: AtDevice, device: Device, clock: VirtualClock
) -> None:
    """The register's owner changed: its readings say so, and whether it is open is not taken over."""
    goe = at_device("goe_http_v2")
    await goe.enable(10)
    assert (await goe.poll()).serial == "012345"
    answers_as(device, "099999")
    clock.mono_s += 21
    assert (await goe.poll()).serial == "099999"
