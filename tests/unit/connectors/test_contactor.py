"""A contactor in front (DESIGN rule 4), on a fake relay, a fake meter, a fake connector and a clock that is told."""

from dataclasses import replace

import pytest

from custom_components.evshare.connectors.contactor import ContactorGate, ContactorTimes
from custom_components.evshare.connectors.external_meter import MeteredConnector
from custom_components.evshare.connectors.factory import load_profile
from custom_components.evshare.connectors.ports import (
    Connector,
    ConnectorError,
    ConnectorRefused,
    ConnectorUnreachable,
    Failsafe,
    Identity,
    Ports,
    Watcher,
    WrongDevice,
)
from custom_components.evshare.model import OnLoss, Pilot, Reading

from .conftest import VirtualClock

TIMES = ContactorTimes(
    open_wait_s=10, reclose_after_s=30, confirm_s=5, boot_s=90, settle_s=60, weld_wh=10, look_every_s=1
)
CHARGING = {"pilot": Pilot.C, "power_w": 11000.0}


class Relay:
    """The switch; `sticks` ignores commands, `delay_s` reports late."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.state: bool | None = False
        self.sticks = False
        self.calls: list[tuple[str, float]] = []

    def is_on(self) -> bool | None:
        return self.state

    async def turn_on(self) -> None:
        self.calls.append(("on", self.clock.mono_s))
        if not self.sticks:
            self.state = True

    async def turn_off(self) -> None:
        self.calls.append(("off", self.clock.mono_s))
        if not self.sticks:
            self.state = False


class Meter:
    serial = "meter-1"

    def __init__(self) -> None:
        self.energy_wh: int | None = 5000

    def register_wh(self) -> int | None:
        return self.energy_wh


class Inner:
    """The connector behind it."""

    poll_charging_s = 5.0
    poll_plugged_s = 5.0
    poll_idle_s = 15.0
    heartbeat_s: float | None = None
    failsafe: Failsafe | None = None
    min_a = 6
    max_a = 16

    def __init__(self, clock: VirtualClock, ports: Ports) -> None:
        self.clock = clock
        self.ports = ports
        self.error: ConnectorError | None = None
        self.values: dict[str, object] = {"pilot": Pilot.A, "power_w": 0.0}
        self.calls: list[str] = []
        self.share_a = 0

    def set_failsafe_share(self, limit_a: int) -> None:
        self.share_a = limit_a

    def watch(self, watcher: Watcher | None) -> None:
        self.calls.append("watch")

    async def identify(self) -> Identity:
        return Identity(serial="PGT1")

    async def poll(self) -> Reading:
        self.calls.append("poll")
        if self.error is not None:
            raise self.error
        reading = Reading(at=self.clock.utcnow(), mono_s=self.clock.mono_s, serial="PGT1")
        return replace(reading, **self.values)  # type: ignore[arg-type]

    async def prepare(self) -> None:
        self.calls.append("prepare")

    async def enable(self, limit_a: int) -> None:
        self.calls.append(f"enable {limit_a}")

    async def set_limit(self, limit_a: int) -> None:
        self.calls.append(f"limit {limit_a}")

    async def disable(self) -> None:
        self.calls.append("disable")
        if self.error is not None:
            raise self.error

    async def heartbeat(self) -> None:
        self.calls.append("heartbeat")

    async def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def relay(clock: VirtualClock) -> Relay:
    return Relay(clock)


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def tesla(clock: VirtualClock) -> Inner:
    """Dark, as behind every open contactor."""
    inner = Inner(clock, load_profile("tesla_twc3").ports)
    inner.error = ConnectorUnreachable("dark")
    return inner


@pytest.fixture
def gate(tesla: Inner, relay: Relay, meter: Meter, clock: VirtualClock) -> ContactorGate:
    return ContactorGate(tesla, relay, meter, clock, TIMES)


async def closed(gate: ContactorGate, tesla: Inner, clock: VirtualClock) -> None:
    """Authorised long ago, connector up, nobody plugged."""
    clock.mono_s += 100
    await gate.enable(16)
    tesla.error = None
    clock.mono_s += 100


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
    clock.mono_s += 100
    await gate.poll()
    clock.mono_s += 30
    await gate.enable(16)
    assert relay.calls == [("on", 1130.0)]
    assert clock.slept_s == []
    assert (await gate.poll()).enabled is True


async def test_while_the_connector_boots_its_silence_is_normal(
    gate: ContactorGate, tesla: Inner, clock: VirtualClock
) -> None:
    await gate.enable(16)
    clock.mono_s += 89
    reading = await gate.poll()
    assert (reading.pilot, reading.power_w, reading.register_wh) == (Pilot.X, None, 5000)
    clock.mono_s += 2
    with pytest.raises(ConnectorUnreachable):
        await gate.poll()


async def test_a_wrong_device_behind_a_closed_contactor_is_said_at_once(gate: ContactorGate, tesla: Inner) -> None:
    await gate.enable(16)
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


async def test_it_opens_at_once_when_nothing_flows(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.disable()
    assert relay.calls[-1] == ("off", clock.mono_s)
    assert sum(clock.slept_s[1:]) == 0
    assert relay.state is False


async def test_it_waits_until_the_car_stopped_before_it_opens(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s

    def car_stops() -> None:
        if clock.mono_s >= asked_at + 4:
            tesla.values = {"pilot": Pilot.B, "power_w": 40.0}

    clock.on_sleep = car_stops
    await gate.disable()
    assert relay.calls[-1] == ("off", asked_at + 4)


async def test_it_opens_under_load_only_when_the_wait_is_over(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.values = dict(CHARGING)
    asked_at = clock.mono_s
    await gate.disable()
    assert relay.calls[-1] == ("off", asked_at + 10)


async def test_a_connector_that_fell_silent_is_waited_for_as_if_it_were_drawing(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    tesla.error = ConnectorUnreachable("Wi-Fi")
    asked_at = clock.mono_s
    await gate.disable()
    assert relay.calls[-1] == ("off", asked_at + 10)


async def test_it_is_never_closed_again_too_soon(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    await closed(gate, tesla, clock)
    await gate.disable()
    opened_at = clock.mono_s
    clock.mono_s += 12
    await gate.enable(16)
    assert relay.calls[-1] == ("on", opened_at + 30)


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
    await gate.set_limit(10)
    assert relay.state is True


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


async def test_a_switch_that_does_not_obey_is_an_error(
    gate: ContactorGate, tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    relay.sticks = True
    with pytest.raises(ConnectorUnreachable, match="did not close in time"):
        await gate.enable(16)
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


async def test_a_contactor_somebody_closed_by_hand_shows_an_open_gate(gate: ContactorGate, relay: Relay) -> None:
    assert (await gate.poll()).enabled is False
    relay.state = True
    assert (await gate.poll()).enabled is True


async def test_energy_behind_an_open_contactor_says_it_is_welded_and_refuses_the_next_session(
    gate: ContactorGate, meter: Meter, relay: Relay, clock: VirtualClock
) -> None:
    await gate.poll()
    clock.mono_s += 60
    assert (await gate.poll()).fault is None
    meter.energy_wh = 5011
    assert (await gate.poll()).fault == "contactor welded or bypassed"
    with pytest.raises(ConnectorRefused, match="contactor welded or bypassed: have it looked at"):
        await gate.enable(16)
    assert relay.calls == []


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


async def test_without_a_meter_a_connector_that_draws_behind_an_open_contactor_says_it_is_welded(
    tesla: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(tesla, relay, None, clock, TIMES)
    assert (await gate.poll()).power_w == 0
    assert not gate.ports.register
    tesla.error, tesla.values = None, dict(CHARGING)
    clock.mono_s += 60
    assert (await gate.poll()).fault == "contactor welded or bypassed"


async def test_a_silent_meter_is_a_missing_register_not_a_weld(
    gate: ContactorGate, meter: Meter, clock: VirtualClock
) -> None:
    meter.energy_wh = None
    clock.mono_s += 100
    reading = await gate.poll()
    assert (reading.register_wh, reading.fault) == (None, None)


@pytest.fixture
def keba(clock: VirtualClock) -> Inner:
    inner = Inner(clock, load_profile("keba_p30").ports)
    inner.heartbeat_s = 20.0
    inner.error = ConnectorUnreachable("dark")
    return inner


async def test_a_connector_with_a_gate_of_its_own_is_told_as_soon_as_it_answers(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(keba, relay, None, clock, TIMES)
    await gate.enable(16)
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


async def test_such_a_connector_stops_the_car_before_the_contactor_opens(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(keba, relay, None, clock, TIMES)
    await gate.enable(16)
    keba.error = None
    await gate.poll()
    keba.calls.clear()
    await gate.disable()
    assert keba.calls == ["disable", "poll"]
    assert relay.state is False


async def test_a_connector_that_cannot_be_stopped_does_not_keep_the_contactor_closed(
    keba: Inner, relay: Relay, clock: VirtualClock
) -> None:
    gate = ContactorGate(keba, relay, None, clock, TIMES)
    await gate.enable(16)
    keba.error = ConnectorRefused("no")
    await gate.disable()
    assert relay.state is False


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
