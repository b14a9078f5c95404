"""What stands around a stall's connector, whichever connector it is: emulated meter, contactor, external meter."""

from dataclasses import dataclass, field

from .clock import Clock
from .contactor import ContactorGate
from .contactor_parts import ContactorAids, ContactorTimes, Switch
from .external_meter import MeteredConnector, MeterSource
from .ports import Connector
from .stagger import Stagger
from .twc_meter.meter import EmulatedMeter
from .twc_meter.throttled import ThrottledConnector


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """All of it optional."""

    throttle: EmulatedMeter | None = None
    """On the wall connector's own line, so it limits what is behind the contactor."""
    contactor: Switch | None = None
    aids: ContactorAids = field(default_factory=ContactorAids)
    times: ContactorTimes = field(default_factory=ContactorTimes)
    stagger: Stagger | None = None
    """The building's."""
    meter: MeterSource | None = None
    """Its register replaces the connector's own."""


def equipped(connector: Connector, equipment: Equipment, clock: Clock) -> Connector:
    """Put the equipment around a connector. Nothing is sent or opened before its first method is called."""
    if equipment.throttle is not None:
        connector = ThrottledConnector(connector, equipment.throttle, clock)
    if equipment.contactor is not None:
        return ContactorGate(
            connector,
            equipment.contactor,
            equipment.meter,
            clock,
            equipment.times,
            aids=equipment.aids,
            stagger=equipment.stagger,
        )
    return connector if equipment.meter is None else MeteredConnector(connector, equipment.meter)
