"""A contactor in front of a dark Tesla, or of a KEBA."""

import pytest

from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.contactor_parts import ContactorTimes
from custom_components.evshare.connectors.factory import load_profile
from custom_components.evshare.connectors.ports import ConnectorUnreachable

from ..conftest import VirtualClock
from .front import CarSwitch, Contact, Inner, KeepAlive, Meter, Relay


@pytest.fixture
def relay(clock: VirtualClock) -> Relay:
    return Relay(clock)


@pytest.fixture
def contact(relay: Relay) -> Contact:
    return Contact(relay)


@pytest.fixture
def keep_alive(clock: VirtualClock) -> KeepAlive:
    return KeepAlive(clock)


@pytest.fixture
def car_switch(clock: VirtualClock) -> CarSwitch:
    return CarSwitch(clock)


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
def keba(clock: VirtualClock) -> Inner:
    inner = Inner(clock, load_profile("keba_p30").ports)
    inner.heartbeat_s = 20.0
    inner.error = ConnectorUnreachable("dark")
    return inner


@pytest.fixture
def gate(tesla: Inner, relay: Relay, meter: Meter, clock: VirtualClock) -> ContactorGate:
    return ContactorGate(tesla, relay, meter, clock, ContactorTimes())
