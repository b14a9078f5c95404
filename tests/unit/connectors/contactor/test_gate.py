"""A contactor in front (DESIGN rule 4), on a fake relay, a fake meter, a fake connector and a clock that is told.

What it does while somebody charges and after; how it opens is in test_opening.py, what is wrong with it in
test_faults.py.
"""

import pytest

from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.contactor_parts import ContactorAids, ContactorTimes
from custom_components.evshare.connectors.external_meter import MeteredConnector
from custom_components.evshare.connectors.factory import load_profile
from custom_components.evshare.connectors.patience import PatientConnector
from custom_components.evshare.connectors.ports import (
    Connector,
    ConnectorRefused,
    ConnectorUnreachable,
    NotYet,
    Ports,
    WrongDevice,
)
from custom_components.evshare.connectors.stagger import Stagger
from custom_components.evshare.model import OnLoss, Pilot

from ..conftest import START, VirtualClock
from .front import CHARGING, Inner, Meter, Relay, closed

TIMES = ContactorTimes()


def test_it_is_a_connector_with_a_gate_and_a_register(gate: ContactorGate) -> None:
    connector: Connector = gate
    assert connector.ports == Ports(
        plug=True,
        limit=False,
        gate=True,
        register=True,
        identity=False,
        on_silence=OnLoss.HOLDS,
        on_reboot=OnLoss.CLOSED,
        on_unplug=OnLoss.HOLDS,
    )
    assert (gate.min_a, gate.max_a, gate.poll_idle_s) == (6, 16, 15.0)


async def test_a_silent_connector_behind_an_open_contactor_is_normal_and_draws_nothing(
    gate: ContactorGate, tesla: Inner
) -> None:
    reading = await gate.poll()
    assert reading.pilot is Pilot.X
    assert reading.power_w == 0
    assert reading.register_wh == 5000
    assert reading.serial == "meter-1"
    assert reading.enabled is False
    assert reading.fault is None
    assert tesla.calls == []  # it is dark: asking it would only cost time-outs


async def test_authorising_closes_it(gate: ContactorGate, relay: Relay, clock: VirtualClock) -> None:
    await gate.poll()
    clock.mono_s += 60
    await gate.enable(16)
    assert relay.calls == [("on", 1060.0)]
    assert (await gate.poll()).enabled is True


async def test_while_the_connector_boots_its_silence_is_normal(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await PatientConnector(gate, clock).enable(16)
    clock.mono_s += 89
    reading = await gate.poll()
    assert (reading.pilot, reading.power_w, reading.register_wh) == (Pilot.X, None, 5000)
    clock.mono_s += 2
    with pytest.raises(ConnectorUnreachable):
        await gate.poll()


async def test_a_wrong_device_behind_a_closed_contactor_is_said_at_once(
    gate: ContactorGate, tesla: Inner, clock: VirtualClock
) -> None:
    await PatientConnector(gate, clock).enable(16)
    tesla.error = WrongDevice("another serial number")
    with pytest.raises(WrongDevice):
        await gate.poll()


async def test_behind_a_closed_contactor_the_connector_is_read_and_the_meter_counts(
    gate: ContactorGate, tesla: Inner, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = CHARGING | {"register_wh": 77, "session_wh": 12}
    reading = await gate.poll()
    assert (reading.pilot, reading.power_w, reading.session_wh) == (Pilot.C, 11000.0, 12)
    assert reading.register_wh == 5000
    assert reading.serial == "meter-1"


# --- rest and turns (connectors reference 5: never re-close within 60 s; stagger closings 5-10 s) --------------------


async def test_it_is_not_closed_again_within_a_minute(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.disable()
    opened_at = clock.mono_s
    clock.mono_s += 12
    with pytest.raises(NotYet) as wait:
        await gate.enable(16)
    assert wait.value.after_s == 48
    assert relay.state is False
    clock.mono_s = opened_at + 60
    await gate.enable(16)
    assert relay.calls[-1] == ("on", opened_at + 60)


async def test_who_may_wait_gets_it_closed_when_it_has_rested(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.disable()
    opened_at = clock.mono_s
    await PatientConnector(gate, clock).enable(16)
    assert relay.calls[-1] == ("on", opened_at + 60)


async def test_a_contactor_known_to_be_open_for_long_closes_at_once(
    tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(tesla, relay, None, clock, TIMES, aids=ContactorAids(open_since=START))
    clock.mono_s += 60
    await gate.enable(16)
    assert relay.state is True


async def test_what_is_not_known_counts_as_just_opened(gate: ContactorGate, relay: Relay) -> None:
    with pytest.raises(NotYet, match="rests after opening"):
        await gate.enable(16)
    assert relay.calls == []


async def test_contactors_of_one_building_close_one_after_the_other(clock: VirtualClock) -> None:
    stagger = Stagger()
    relays = [Relay(clock) for _ in range(3)]
    aids = ContactorAids(open_since=START)
    clock.mono_s += 100
    waits: list[float] = []
    for relay in relays:
        inner = Inner(clock, load_profile("tesla_twc3").ports)
        gate = PatientConnector(ContactorGate(inner, relay, None, clock, TIMES, aids=aids, stagger=stagger), clock)
        before = clock.mono_s
        await gate.enable(16)
        waits.append(clock.mono_s - before)
    assert waits == [0, 7, 7]


def test_turns_are_given_in_the_order_of_asking() -> None:
    stagger = Stagger()
    assert [stagger.wait_s(who, 0.0) for who in "abc"] == [0, 7, 14]
    assert stagger.wait_s("c", 8.0) == 6  # not before its own turn, though nobody closes now
    assert stagger.wait_s("b", 8.0) == 0
    assert stagger.wait_s("c", 14.0) == 1  # b came late: the gap counts from when it closed
    assert stagger.wait_s("c", 15.0) == 0


def test_who_leaves_makes_nobody_wait_longer() -> None:
    stagger = Stagger()
    stagger.wait_s("a", 0.0)
    stagger.wait_s("b", 0.0)
    stagger.leave("b")
    assert stagger.wait_s("c", 0.0) == 14
    assert stagger.wait_s("c", 14.0) == 0
    assert stagger.wait_s("b", 100.0) == 0


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_a_closed_contactor_is_not_switched_again(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.enable(10)
    await gate.set_limit(12)
    assert [call for call, _ in relay.calls] == ["on"]


async def test_a_connector_that_takes_no_limit_is_paused_by_its_contactor(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.set_limit(0)
    assert relay.state is False
    await PatientConnector(gate, clock).set_limit(10)
    assert relay.state is True


async def test_a_pause_asked_for_before_it_closed_keeps_it_open(gate: ContactorGate, relay: Relay) -> None:
    with pytest.raises(NotYet):
        await gate.enable(16)
    await gate.set_limit(0)
    assert [call for call, _ in relay.calls] == ["off"]
    with pytest.raises(NotYet):
        await gate.set_limit(16)  # the session is on: it may close when it has rested


async def test_a_limit_never_closes_a_contactor_that_was_opened(gate: ContactorGate, relay: Relay) -> None:
    await gate.disable()
    with pytest.raises(ConnectorRefused, match="limit_a: got 16 for an open contactor"):
        await gate.set_limit(16)
    assert relay.state is False


@pytest.mark.parametrize("limit_a", [0, 5, 17])
async def test_a_current_outside_its_range_is_refused(gate: ContactorGate, relay: Relay, limit_a: int) -> None:
    with pytest.raises(ConnectorRefused, match=f"limit_a: got {limit_a}; accepted: 6 to 16"):
        await gate.enable(limit_a)
    assert relay.calls == []


async def test_a_contactor_somebody_closed_by_hand_shows_an_open_gate(gate: ContactorGate, relay: Relay) -> None:
    assert (await gate.poll()).enabled is False
    relay.state = True
    assert (await gate.poll()).enabled is True


async def test_a_contactor_that_a_hand_closes_during_a_pause_is_opened_again(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.set_limit(0)
    relay.state = True
    assert (await gate.poll()).enabled is False
    assert relay.state is False


# --- a connector with a gate of its own ------------------------------------------------------------------------------


async def test_a_connector_with_a_gate_of_its_own_is_told_as_soon_as_it_answers(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(keba, relay, None, clock, TIMES)
    await PatientConnector(gate, clock).enable(16)
    await gate.set_limit(10)
    await gate.heartbeat()
    await gate.poll()
    assert keba.calls == ["poll"]
    keba.error = None
    await gate.poll()
    assert keba.calls == ["poll", "poll", "prepare", "enable 10"]
    await gate.set_limit(12)
    await gate.heartbeat()
    assert keba.calls[-2:] == ["limit 12", "heartbeat"]


async def test_a_session_found_running_is_confirmed_without_locking_the_connector_first(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    """After a restart of Home Assistant the building tells it again what it is offered (DESIGN rule 2)."""
    relay.state = True
    keba.error = None
    gate = ContactorGate(keba, relay, None, clock, TIMES)
    await gate.enable(16)
    assert (keba.calls, relay.calls) == (["enable 16"], [])


async def test_a_connector_that_does_not_answer_yet_is_told_when_it_does(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    relay.state = True
    gate = ContactorGate(keba, relay, None, clock, TIMES)
    keba.refusal = ConnectorUnreachable("rebooting")
    await gate.enable(16)
    keba.refusal = keba.error = None
    await gate.poll()
    assert keba.calls[-2:] == ["prepare", "enable 16"]


# --- an external meter without contactor -----------------------------------------------------------------------------


async def test_an_external_meter_works_without_contactor_too(clock: VirtualClock, meter: Meter) -> None:
    inner = Inner(clock, load_profile("tesla_twc3").ports)
    inner.values = CHARGING | {"register_wh": None}
    metered: Connector = MeteredConnector(inner, meter)
    reading = await metered.poll()
    assert (reading.register_wh, reading.serial, reading.pilot) == (5000, "meter-1", Pilot.C)
    assert metered.ports.register
    assert not metered.ports.gate
    metered.set_failsafe_share(8)
    await metered.enable(10)
    await metered.set_limit(8)
    await metered.disable()
    assert inner.share_a == 8
    assert inner.calls == ["poll", "enable 10", "limit 8", "disable"]
