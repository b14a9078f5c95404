"""How a contactor opens: without load if that can be, and how long it waits for that (connectors reference 1.5, 5)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.contactor_parts import ContactorAids, ContactorTimes
from custom_components.evshare.connectors.patience import PatientConnector
from custom_components.evshare.connectors.ports import ConnectorRefused, ConnectorUnreachable, NotYet

from ..conftest import VirtualClock
from .front import CHARGING, STOPPED, CarSwitch, Inner, Meter, Relay, closed

GRACE_S = 60
"""Reference 1.5 (a): forced opening only after 60-120 s grace."""
STRANGER_S = 10
"""Reference 5: wait >= 10 s (or power < 100 W) before any upstream contactor moves."""


def stops_after(clock: VirtualClock, tesla: Inner, seconds: float) -> None:
    """The car stops by itself."""
    at_s = clock.mono_s + seconds

    def look() -> None:
        if clock.mono_s >= at_s:
            tesla.values = dict(STOPPED)

    clock.on_sleep = look


@pytest.fixture
def with_car_switch(
    tesla: Inner, relay: Relay, meter: Meter, clock: VirtualClock, car_switch: CarSwitch
) -> ContactorGate:
    return ContactorGate(tesla, relay, meter, clock, ContactorTimes(), aids=ContactorAids(soft_stop=car_switch))


async def test_it_opens_at_once_when_nothing_flows(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    asked_at = clock.mono_s
    await gate.disable()
    assert relay.calls[-1] == ("off", asked_at)
    assert relay.state is False


async def test_it_waits_until_the_car_stopped_before_it_opens(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s
    stops_after(clock, tesla, 4)
    await PatientConnector(gate, clock).disable()
    assert relay.calls[-1] == ("off", asked_at + 4)
    assert gate.life.loaded_openings == 0


async def test_it_opens_under_load_only_when_the_grace_is_over(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s
    await PatientConnector(gate, clock).disable()
    assert relay.calls[-1] == ("off", asked_at + GRACE_S)
    assert gate.life.loaded_openings == 1


async def test_nobody_is_kept_waiting_inside(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    with pytest.raises(NotYet, match="waits for the car to stop"):
        await gate.disable()
    reading = await gate.poll()
    assert (reading.power_w, reading.enabled, relay.state) == (11000.0, True, True)


async def test_asking_again_does_not_begin_the_grace_anew(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s
    for _ in range(6):  # the stall repeats itself every 10 s while it reads open
        with pytest.raises(NotYet):
            await gate.disable()
        clock.mono_s += 10
    await gate.disable()
    assert relay.calls[-1] == ("off", asked_at + GRACE_S)


async def test_a_connector_that_fell_silent_is_waited_for_as_if_it_were_drawing(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.error = ConnectorUnreachable("Wi-Fi")
    asked_at = clock.mono_s
    await PatientConnector(gate, clock).disable()
    assert relay.calls[-1] == ("off", asked_at + GRACE_S)
    assert gate.life.loaded_openings == 1  # unknown is not zero


# --- whose energy it is ----------------------------------------------------------------------------------------------


async def test_what_flows_where_nobody_was_let_in_is_cut_after_ten_seconds(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await gate.disable()
    relay.state = True  # somebody's hand
    tesla.error, tesla.values = None, dict(CHARGING)
    await gate.poll()
    clock.mono_s += 5
    await gate.poll()
    asked_at = clock.mono_s
    await PatientConnector(gate, clock).disable()
    assert relay.calls[-1] == ("off", asked_at + STRANGER_S)


async def test_what_is_found_flowing_at_the_start_is_cut_after_ten_seconds(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    relay.state = True
    tesla.error, tesla.values = None, dict(CHARGING)
    asked_at = clock.mono_s
    await PatientConnector(gate, clock).prepare()
    assert relay.calls[-1] == ("off", asked_at + STRANGER_S)


async def test_after_a_silence_the_car_may_be_another_and_gets_no_grace(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.error = ConnectorUnreachable("Wi-Fi")
    clock.mono_s += 300
    tesla.error, tesla.values = None, dict(CHARGING)
    await gate.poll()
    asked_at = clock.mono_s
    await PatientConnector(gate, clock).disable()
    assert relay.calls[-1] == ("off", asked_at + STRANGER_S)


async def test_a_pause_of_a_car_that_nothing_can_stop_does_not_wait_for_a_miracle(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s
    await PatientConnector(gate, clock).set_limit(0)
    assert relay.calls[-1] == ("off", asked_at + 10)


async def test_a_newer_wish_ends_the_waiting(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    with pytest.raises(NotYet):
        await gate.set_limit(0)
    await gate.set_limit(16)
    clock.mono_s += 30
    await gate.poll()
    assert [call for call, _ in relay.calls] == ["on"]


# --- what can stop the car -------------------------------------------------------------------------------------------


async def test_the_cars_own_switch_is_used_first_and_once(
    with_car_switch: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock, car_switch: CarSwitch
) -> None:
    await closed(with_car_switch, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s
    stops_after(clock, tesla, 7)
    await PatientConnector(with_car_switch, clock).disable()
    assert car_switch.calls == [("stop", asked_at)]
    assert relay.calls[-1] == ("off", asked_at + 8)  # looked at every 2 s


async def test_a_car_switch_that_fails_keeps_no_contactor_closed(
    with_car_switch: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock, car_switch: CarSwitch
) -> None:
    await closed(with_car_switch, tesla, clock)
    tesla.values = dict(CHARGING)
    car_switch.broken = True
    asked_at = clock.mono_s
    await PatientConnector(with_car_switch, clock).disable()
    assert relay.calls[-1] == ("off", asked_at + GRACE_S)


async def test_a_strangers_energy_stops_no_residents_car_somewhere_else(
    with_car_switch: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock, car_switch: CarSwitch
) -> None:
    relay.state = True
    tesla.error, tesla.values = None, dict(CHARGING)
    await PatientConnector(with_car_switch, clock).disable()
    assert (relay.state, car_switch.calls) == (False, [])


async def test_a_paused_car_is_waited_for_half_a_minute_and_told_to_go_on(
    with_car_switch: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock, car_switch: CarSwitch
) -> None:
    await closed(with_car_switch, tesla, clock)
    tesla.values = dict(CHARGING)
    patient = PatientConnector(with_car_switch, clock)
    asked_at = clock.mono_s
    await patient.set_limit(0)
    assert relay.calls[-1] == ("off", asked_at + 30)
    tesla.error = ConnectorUnreachable("dark")
    await patient.set_limit(16)
    assert [call for call, _ in car_switch.calls] == ["stop"]
    tesla.error = None
    await with_car_switch.poll()  # it has booted: now the car hears
    assert [call for call, _ in car_switch.calls] == ["stop", "start"]


async def test_a_car_stopped_at_the_end_of_one_session_can_charge_in_the_next(
    with_car_switch: ContactorGate, tesla: Inner, clock: VirtualClock, car_switch: CarSwitch
) -> None:
    await closed(with_car_switch, tesla, clock)
    tesla.values = dict(STOPPED)
    await with_car_switch.disable()
    await PatientConnector(with_car_switch, clock).enable(16)
    await with_car_switch.poll()
    assert [call for call, _ in car_switch.calls] == ["stop", "start"]


async def test_a_pause_taken_back_before_it_opened_lets_the_car_go_on(
    with_car_switch: ContactorGate, tesla: Inner, clock: VirtualClock, car_switch: CarSwitch
) -> None:
    await closed(with_car_switch, tesla, clock)
    tesla.values = dict(CHARGING)
    with pytest.raises(NotYet):
        await with_car_switch.set_limit(0)
    await with_car_switch.set_limit(16)
    assert [call for call, _ in car_switch.calls] == ["stop", "start"]


async def test_a_connector_with_a_gate_stops_the_car_before_the_contactor_opens(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(keba, relay, None, clock, ContactorTimes())
    await closed(gate, keba, clock)
    await gate.disable()
    assert keba.calls == ["disable", "poll"]
    assert relay.state is False


@pytest.mark.parametrize("answer", [ConnectorRefused("no"), ConnectorUnreachable("gone")])
async def test_a_connector_that_cannot_be_stopped_does_not_keep_the_contactor_closed(
    keba: Inner, relay: Relay, clock: VirtualClock, answer: ConnectorRefused | ConnectorUnreachable
) -> None:
    gate = ContactorGate(keba, relay, None, clock, ContactorTimes())
    await closed(gate, keba, clock)
    keba.refusal = answer
    await gate.disable()
    assert relay.state is False


@pytest.mark.parametrize("resume", ["enable", "set_limit"])
async def test_a_pause_of_a_connector_with_a_gate_but_no_limit_is_taken_back_by_enabling_it(
    keba: Inner, relay: Relay, clock: VirtualClock, resume: str
) -> None:
    keba.ports = replace(keba.ports, limit=False)
    gate = ContactorGate(keba, relay, None, clock, ContactorTimes())
    await closed(gate, keba, clock)
    keba.values = dict(CHARGING)
    with pytest.raises(NotYet):
        await gate.set_limit(0)
    again: Callable[..., object] = getattr(gate, resume)
    await again(16)  # type: ignore[misc]
    assert keba.calls == ["disable", "poll", "enable 16"]
