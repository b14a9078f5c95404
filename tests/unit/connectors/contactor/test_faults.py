"""What can be wrong with a contactor: welded, bypassed, dropped out, worn, unavailable, or its keep-alive fails."""

import pytest

from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.contactor_parts import (
    ContactorAids,
    ContactorLife,
    ContactorTimes,
    Forgetful,
)
from custom_components.evshare.connectors.patience import PatientConnector
from custom_components.evshare.connectors.ports import ConnectorRefused, ConnectorUnreachable
from custom_components.evshare.connectors.warned import Warned
from custom_components.evshare.model import OnLoss

from ..conftest import VirtualClock
from .front import CHARGING, STOPPED, Contact, Inner, KeepAlive, Meter, Relay, closed

TIMES = ContactorTimes()
WELDED = "contactor welded or bypassed"


@pytest.fixture
def unmetered(tesla: Inner, relay: Relay, clock: VirtualClock) -> ContactorGate:
    return ContactorGate(tesla, relay, None, clock, TIMES)


@pytest.fixture
def with_contact(tesla: Inner, relay: Relay, meter: Meter, clock: VirtualClock, contact: Contact) -> ContactorGate:
    return ContactorGate(tesla, relay, meter, clock, TIMES, aids=ContactorAids(feedback=contact))


@pytest.fixture
def kept_alive(tesla: Inner, relay: Relay, meter: Meter, clock: VirtualClock, keep_alive: KeepAlive) -> ContactorGate:
    return ContactorGate(tesla, relay, meter, clock, TIMES, aids=ContactorAids(refresh=keep_alive))


# --- the switch ------------------------------------------------------------------------------------------------------


async def test_a_switch_that_does_not_obey_is_an_error(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    relay.sticks = True
    with pytest.raises(ConnectorUnreachable, match="did not close in time"):
        await PatientConnector(gate, clock).enable(16)
    relay.sticks = False
    await closed(gate, tesla, clock)
    relay.sticks = True
    with pytest.raises(ConnectorUnreachable, match="did not open in time"):
        await gate.disable()


async def test_an_unavailable_switch_is_an_unreachable_connector(gate: ContactorGate, relay: Relay) -> None:
    relay.state = None
    for attempt in (gate.poll, gate.disable, lambda: gate.enable(16)):
        with pytest.raises(ConnectorUnreachable, match="switch is unavailable"):
            await attempt()


# --- welded, by the meter --------------------------------------------------------------------------------------------


async def test_energy_behind_an_open_contactor_says_it_is_welded_and_refuses_the_next_session(
    gate: ContactorGate, meter: Meter, relay: Relay, clock: VirtualClock
) -> None:
    await gate.poll()
    clock.mono_s += 60
    assert (await gate.poll()).fault is None
    meter.energy_wh = 5011
    assert (await gate.poll()).fault == WELDED
    with pytest.raises(ConnectorRefused, match="contactor welded or bypassed: have it looked at"):
        await gate.enable(16)
    assert relay.calls == []
    assert gate.warnings == {Warned.CONTACTOR_WELDED}


async def test_a_meter_that_creeps_is_no_weld(gate: ContactorGate, meter: Meter, clock: VirtualClock) -> None:
    for _ in range(20):
        clock.mono_s += 600
        assert meter.energy_wh is not None
        meter.energy_wh += 2
        assert (await gate.poll()).fault is None


async def test_what_a_meter_delivers_late_is_no_weld(
    gate: ContactorGate, meter: Meter, tesla: Inner, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.disable()
    await gate.poll()
    meter.energy_wh = 5200
    clock.mono_s += 59
    await gate.poll()
    clock.mono_s += 60
    meter.energy_wh = 5210
    assert (await gate.poll()).fault is None


async def test_a_silent_meter_is_a_missing_register_not_a_weld(
    gate: ContactorGate, meter: Meter, clock: VirtualClock
) -> None:
    meter.energy_wh = None
    clock.mono_s += 100
    reading = await gate.poll()
    assert (reading.register_wh, reading.fault) == (None, None)


# --- welded, by the current (reference 5: commanded open but current > 0.5 A for 10 s) -------------------------------


@pytest.mark.parametrize(
    ("current_a", "seconds", "welded"), [(0.6, 10, True), (0.6, 9, False), (0.5, 10, False), (0.4, 600, False)]
)
async def test_a_current_behind_an_open_contactor_says_it_is_welded(
    unmetered: ContactorGate, tesla: Inner, clock: VirtualClock, current_a: float, seconds: float, welded: bool
) -> None:
    assert (await unmetered.poll()).power_w == 0
    assert not unmetered.ports.register
    tesla.error, tesla.values = None, STOPPED | {"currents_a": (0.1, current_a, 0.1)}
    assert (await unmetered.poll()).fault is None
    clock.mono_s += seconds
    assert ((await unmetered.poll()).fault == WELDED) is welded


async def test_a_current_that_ends_in_between_is_no_weld(
    unmetered: ContactorGate, tesla: Inner, clock: VirtualClock
) -> None:
    tesla.error = None
    for values in (CHARGING, STOPPED, CHARGING):
        tesla.values = dict(values)
        clock.mono_s += 6
        assert (await unmetered.poll()).fault is None


async def test_what_entities_still_show_after_the_opening_is_no_weld(
    tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(tesla, relay, None, clock, ContactorTimes(lag_s=60))
    await closed(gate, tesla, clock)
    tesla.values = dict(STOPPED)
    await gate.disable()
    tesla.values = dict(CHARGING)  # polled by its integration every 30 s
    for _ in range(11):
        clock.mono_s += 5
        assert (await gate.poll()).fault is None
    clock.mono_s += 20
    await gate.poll()
    clock.mono_s += 10
    assert (await gate.poll()).fault == WELDED


# --- welded, by the auxiliary contact --------------------------------------------------------------------------------


async def test_an_auxiliary_contact_that_stays_closed_for_ten_seconds_says_it_is_welded(
    with_contact: ContactorGate, tesla: Inner, relay: Relay, contact: Contact, clock: VirtualClock
) -> None:
    await closed(with_contact, tesla, clock)
    contact.held = True
    with pytest.raises(ConnectorUnreachable, match="did not open in time"):
        await with_contact.disable()
    opened_at = clock.mono_s - TIMES.confirm_s
    reading = await with_contact.poll()
    assert (reading.enabled, reading.fault) == (True, None)  # energy can flow: the stall locks it again
    clock.mono_s = opened_at + 10 + TIMES.confirm_s
    assert (await with_contact.poll()).fault == WELDED
    assert relay.state is False


async def test_a_contactor_closed_with_its_coil_off_lets_nobody_in(
    with_contact: ContactorGate, contact: Contact, relay: Relay, clock: VirtualClock
) -> None:
    contact.held = True
    with pytest.raises(ConnectorRefused, match="closed although its coil is off"):
        await with_contact.enable(16)
    assert relay.calls == []


async def test_closing_is_confirmed_by_the_auxiliary_contact(
    with_contact: ContactorGate, contact: Contact, relay: Relay, clock: VirtualClock
) -> None:
    contact.held = False
    with pytest.raises(ConnectorUnreachable, match="did not close in time"):
        await PatientConnector(with_contact, clock).enable(16)
    clock.mono_s += 10
    reading = await with_contact.poll()
    assert (reading.enabled, reading.fault) == (False, "contactor does not close")


async def test_an_unavailable_auxiliary_contact_leaves_the_word_to_the_switch(
    with_contact: ContactorGate, tesla: Inner, contact: Contact, clock: VirtualClock
) -> None:
    contact.known = False
    await closed(with_contact, tesla, clock)
    assert (await with_contact.poll()).enabled is True
    await with_contact.disable()
    reading = await with_contact.poll()
    assert (reading.enabled, reading.fault) == (False, None)


# --- what is remembered ----------------------------------------------------------------------------------------------


async def test_a_weld_is_remembered_over_a_restart_until_somebody_looked_at_it(
    tesla: Inner, relay: Relay, meter: Meter, clock: VirtualClock
) -> None:
    aids = ContactorAids(memory=Forgetful(ContactorLife(closings=7, welded=True)))
    gate = ContactorGate(tesla, relay, meter, clock, TIMES, aids=aids)
    assert (await gate.poll()).fault == WELDED
    gate.looked_after()
    assert (await gate.poll()).fault is None
    assert aids.memory is not None
    assert aids.memory.recall() == ContactorLife(closings=7, welded=False)


async def test_after_it_was_looked_at_a_weld_is_found_again(
    gate: ContactorGate, meter: Meter, clock: VirtualClock
) -> None:
    for energy_wh in (5000, 6000):
        meter.energy_wh = energy_wh
        await gate.poll()
        clock.mono_s += 60
        assert (await gate.poll()).fault is None
        meter.energy_wh = energy_wh + 11
        assert (await gate.poll()).fault == WELDED
        gate.looked_after()


async def test_every_cycle_is_counted(gate: ContactorGate, tesla: Inner, clock: VirtualClock) -> None:
    for values in (STOPPED, CHARGING):
        await closed(gate, tesla, clock)
        tesla.values = dict(values)
        await PatientConnector(gate, clock).disable()
    assert gate.life == ContactorLife(closings=2, loaded_openings=1)


async def test_more_than_six_cycles_an_hour_are_said_and_stop_nobody(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    """Reference 5: max 6 switch cycles per hour."""
    patient = PatientConnector(gate, clock)
    await patient.enable(16)
    tesla.error, tesla.values = None, dict(STOPPED)
    for _ in range(5):
        await gate.set_limit(0)
        await patient.set_limit(16)
    assert gate.warnings == frozenset()
    await gate.set_limit(0)
    await patient.set_limit(16)
    assert gate.warnings == {Warned.CONTACTOR_BUSY}
    assert relay.state is True
    clock.mono_s += 3600
    assert gate.warnings == frozenset()


async def test_more_than_thirty_cycles_a_session_are_said(
    gate: ContactorGate, tesla: Inner, clock: VirtualClock
) -> None:
    """Reference 5: 30 per session."""
    patient = PatientConnector(gate, clock)
    await patient.enable(16)
    tesla.error, tesla.values = None, dict(STOPPED)
    for _ in range(30):
        clock.mono_s += 900
        await gate.set_limit(0)
        await patient.set_limit(16)
    assert gate.warnings == {Warned.CONTACTOR_BUSY}
    await gate.disable()
    clock.mono_s += 3600
    await patient.enable(16)
    assert gate.warnings == frozenset()


# --- a relay that opens by itself (reference 1.5 a: dead-man toggle_after) -------------------------------------------


def test_a_relay_that_is_kept_alive_closes_the_gate_when_we_are_silent(kept_alive: ContactorGate) -> None:
    assert kept_alive.ports.on_silence is OnLoss.CLOSED
    assert kept_alive.heartbeat_s == 60


async def test_it_is_kept_alive_from_the_moment_it_closes(
    kept_alive: ContactorGate, keep_alive: KeepAlive, relay: Relay, clock: VirtualClock
) -> None:
    await PatientConnector(kept_alive, clock).enable(16)
    assert keep_alive.at == [relay.calls[-1][1]]
    clock.mono_s += 59.7  # a heartbeat is never exactly on time
    await kept_alive.heartbeat()
    clock.mono_s += 5
    await kept_alive.heartbeat()
    assert len(keep_alive.at) == 2


async def test_a_session_found_running_after_a_restart_is_kept_alive_at_once(
    kept_alive: ContactorGate, keep_alive: KeepAlive, relay: Relay
) -> None:
    relay.state = True
    await kept_alive.heartbeat()
    assert len(keep_alive.at) == 1


async def test_nothing_is_kept_alive_without_somebody_let_in(
    kept_alive: ContactorGate, keep_alive: KeepAlive, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await kept_alive.heartbeat()  # open
    await closed(kept_alive, tesla, clock)
    await kept_alive.disable()
    relay.state = True  # a stray hand
    clock.mono_s += 100
    keep_alive.at.clear()
    await kept_alive.heartbeat()
    await kept_alive.poll()
    assert keep_alive.at == []


async def test_a_paused_contactor_is_not_kept_closed(
    kept_alive: ContactorGate, keep_alive: KeepAlive, tesla: Inner, clock: VirtualClock
) -> None:
    await closed(kept_alive, tesla, clock)
    await kept_alive.set_limit(0)
    keep_alive.at.clear()
    clock.mono_s += 100
    await kept_alive.heartbeat()
    assert keep_alive.at == []


async def test_a_keep_alive_that_fails_is_said_and_tried_with_every_reading(
    kept_alive: ContactorGate, keep_alive: KeepAlive, tesla: Inner, clock: VirtualClock
) -> None:
    await closed(kept_alive, tesla, clock)
    keep_alive.broken = True
    clock.mono_s += 60
    await kept_alive.heartbeat()
    assert (await kept_alive.poll()).fault == "contactor's keep-alive fails"
    keep_alive.broken = False
    clock.mono_s += 5
    assert (await kept_alive.poll()).fault is None
    assert keep_alive.at[-1] == clock.mono_s


async def test_a_slow_heartbeat_of_the_connector_behind_does_not_slow_the_keep_alive(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(keba, relay, None, clock, TIMES, aids=ContactorAids(refresh=KeepAlive(clock, every_s=60.0)))
    assert gate.heartbeat_s == 20
    keba.heartbeat_s = 300.0
    assert gate.heartbeat_s == 60
