"""Shelly with a contactor, against facts of connectors.yaml `shelly_gen2_contactor`, written by hand."""

import json

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.model import OnLoss, Pilot

from ..conftest import AtDevice, Device, VirtualClock

ON = "/rpc/Switch.Set?id=0&on=true&toggle_after=180"
OFF = "/rpc/Switch.Set?id=0&on=false"


def load(device: Device, *, output: bool = True, power_w: float = 7340.5, initial: str = "off") -> None:
    device.bodies |= {
        "/rpc/Switch.GetStatus?id=0": json.dumps(
            {"id": 0, "output": output, "apower": 3.1, "aenergy": {"total": 99.9}}
        ),
        "/rpc/EM.GetStatus?id=0": json.dumps(
            {"id": 0, "total_act_power": power_w, "a_current": 10.7, "b_current": 10.6, "c_current": 10.5}
        ),
        "/rpc/EMData.GetStatus?id=0": json.dumps({"id": 0, "total_act": 345678.91}),
        "/rpc/Switch.GetConfig?id=0": json.dumps({"id": 0, "initial_state": initial}),
        "/rpc/Shelly.GetDeviceInfo": json.dumps({"mac": "08F9E0E5C790", "fw_id": "20260101-000000/1.7.0"}),
        "/rpc/Switch.SetConfig": json.dumps({"restart_required": False}),
        ON: json.dumps({"was_on": False}),
        OFF: json.dumps({"was_on": True}),
    }


def switched(device: Device) -> list[str]:
    return [path for path in device.asked if path.startswith("/rpc/Switch.Set?")]


async def test_a_reading(at_device: AtDevice, device: Device) -> None:
    load(device)
    reading = await at_device("shelly_gen2_contactor").poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 7340.5
    assert reading.currents_a == (10.7, 10.6, 10.5)
    assert reading.register_wh == 345678
    assert reading.enabled is True
    assert reading.limit_a is None
    assert reading.serial == "08F9E0E5C790"


async def test_a_relay_without_a_meter_is_refused(at_device: AtDevice, device: Device) -> None:
    load(device)
    del device.bodies["/rpc/EM.GetStatus?id=0"], device.bodies["/rpc/EMData.GetStatus?id=0"]
    with pytest.raises(ConnectorRefused, match=r"EM\.GetStatus"):
        await at_device("shelly_gen2_contactor").poll()


async def test_only_power_tells_of_a_car(at_device: AtDevice, device: Device, clock: VirtualClock) -> None:
    load(device, output=False, power_w=0)
    shelly = at_device("shelly_gen2_contactor")
    assert (await shelly.poll()).pilot is Pilot.X, "behind an open contactor nobody knows"
    load(device, power_w=1.5)
    assert (await shelly.poll()).pilot is Pilot.X, "closed, and nothing drew yet"
    load(device, power_w=3600)
    assert (await shelly.poll()).pilot is Pilot.C
    load(device, power_w=1.5)
    for _ in range(30):
        clock.mono_s += 30
        assert (await shelly.poll()).pilot is Pilot.B
    clock.mono_s += 31
    assert (await shelly.poll()).pilot is Pilot.A, "15 minutes without drawing: it counts as gone"


async def test_an_open_gate_that_nothing_ever_flows_through_has_no_car(
    at_device: AtDevice, device: Device, clock: VirtualClock
) -> None:
    load(device, power_w=1.5)
    shelly = at_device("shelly_gen2_contactor")
    pilots = []
    for _ in range(31):
        pilots.append((await shelly.poll()).pilot)
        clock.mono_s += 30
    assert pilots == [Pilot.X] * 30 + [Pilot.A], "as after a restart whose car has left meanwhile"


async def test_a_silence_of_our_own_is_no_idle_car(at_device: AtDevice, device: Device, clock: VirtualClock) -> None:
    load(device, power_w=3600)
    shelly = at_device("shelly_gen2_contactor")
    await shelly.poll()
    load(device, power_w=1.5)
    clock.mono_s += 3600
    assert (await shelly.poll()).pilot is Pilot.B


async def test_it_is_switched_on_again_and_again_only_while_it_may_be_on(at_device: AtDevice, device: Device) -> None:
    load(device)
    shelly = at_device("shelly_gen2_contactor")
    await shelly.prepare()
    await shelly.heartbeat()
    assert switched(device) == [OFF]
    await shelly.enable(16)
    await shelly.heartbeat()
    assert switched(device) == [OFF, ON, ON]
    await shelly.set_limit(0)
    await shelly.heartbeat()
    assert switched(device) == [OFF, ON, ON, OFF], "a pause opens the contactor"
    assert shelly.heartbeat_s == 60


@pytest.mark.parametrize(("initial", "written"), [("off", 0), ("restore_last", 1)])
async def test_after_a_power_cut_it_has_to_come_back_open(
    at_device: AtDevice, device: Device, initial: str, written: int
) -> None:
    load(device, initial=initial)
    shelly = at_device("shelly_gen2_contactor")
    await shelly.prepare()
    bodies = [json.loads(body) for _, path, body in device.written if path == "/rpc/Switch.SetConfig"]
    assert bodies == [{"id": 0, "config": {"initial_state": "off"}}] * written
    assert shelly.ports.on_reboot is (OnLoss.CLOSED if initial == "off" else OnLoss.OPENS)
    assert shelly.ports.on_silence is OnLoss.CLOSED
