"""What stands in front of a connector, and the connector behind it: fakes at the outermost edge."""

from dataclasses import replace

from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.patience import PatientConnector
from custom_components.evshare.connectors.ports import (
    ConnectorError,
    ConnectorRefused,
    Failsafe,
    Identity,
    Ports,
    Watcher,
)
from custom_components.evshare.model import Pilot, Reading

from ..conftest import VirtualClock

CHARGING = {"pilot": Pilot.C, "power_w": 11000.0, "currents_a": (16.0, 16.0, 16.0)}
STOPPED = {"pilot": Pilot.B, "power_w": 40.0, "currents_a": (0.2, 0.2, 0.2)}


class Relay:
    """The switch; one that `sticks` ignores commands."""

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
        """Why it does not answer."""
        self.refusal: ConnectorError | None = None
        """Why it does not do what it is told."""
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
        if self.refusal is not None:
            raise self.refusal

    async def set_limit(self, limit_a: int) -> None:
        self.calls.append(f"limit {limit_a}")

    async def disable(self) -> None:
        self.calls.append("disable")
        if self.refusal is not None:
            raise self.refusal

    async def heartbeat(self) -> None:
        self.calls.append("heartbeat")

    async def close(self) -> None:
        self.calls.append("close")


class Contact:
    """The auxiliary contact; follows the relay unless it is held somewhere."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.held: bool | None = None
        self.known = True

    def is_closed(self) -> bool | None:
        if not self.known:
            return None
        return self.relay.state if self.held is None else self.held


class KeepAlive:
    """What keeps a dead-man relay closed."""

    def __init__(self, clock: VirtualClock, every_s: float = 60.0) -> None:
        self.clock = clock
        self.every_s = every_s
        self.at: list[float] = []
        self.broken = False

    async def refresh(self) -> None:
        if self.broken:
            raise ConnectorRefused("script failed")
        self.at.append(self.clock.mono_s)


class CarSwitch:
    """What stops the car itself; `obeyed` is called when it is told."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.calls: list[tuple[str, float]] = []
        self.broken = False

    async def stop(self) -> None:
        self.calls.append(("stop", self.clock.mono_s))
        if self.broken:
            raise ConnectorRefused("the car's cloud does not answer")

    async def start(self) -> None:
        self.calls.append(("start", self.clock.mono_s))


async def closed(gate: ContactorGate, tesla: Inner, clock: VirtualClock) -> None:
    """Somebody was let in long ago; the connector is up and was read twice; nobody is plugged."""
    await PatientConnector(gate, clock).enable(16)
    tesla.error = None
    clock.mono_s += 100
    await gate.poll()
    clock.mono_s += 5
    await gate.poll()
    tesla.calls.clear()
