"""How well a stall locks, from what its hardware does when left alone (DESIGN rule 3, connectors reference 3.2)."""

from dataclasses import replace

from ..model import LockQuality, OnLoss
from .ports import Ports


def behind_contactor(ports: Ports, *, refreshed: bool = False) -> Ports:
    """The ports of a connector with a contactor in front: the relay answers the three questions.

    An HA switch keeps its relay as it is while HA is silent, unless the relay opens by itself when it is not
    `refreshed`; so does an unplug. One that lost its own supply comes back open (connectors reference 1.5 (a):
    ``initial_state off``, dead-man ``toggle_after``).
    """
    on_silence = OnLoss.CLOSED if refreshed else OnLoss.HOLDS
    return replace(
        ports,
        gate=True,
        on_silence=on_silence,
        on_reboot=OnLoss.CLOSED,
        on_unplug=OnLoss.HOLDS,
        session_share=False,
    )


def equipped_ports(
    ports: Ports, *, contactor: bool = False, meter: bool = False, refreshed: bool = False, throttled: bool = False
) -> Ports:
    """The ports of a connector with what stands around it: an external meter, a contactor, an emulated meter.

    `refreshed` is the contactor's relay that opens when we are silent; `throttled` has a limit, which locks nothing.
    """
    ports = replace(ports, register=ports.register or meter, limit=ports.limit or throttled)
    return behind_contactor(ports, refreshed=refreshed) if contactor else ports


def lock_quality(ports: Ports) -> LockQuality:
    """Name the lock of a stall by all its ports (`equipped_ports`); the first row that fits:

    ======================  ==============  ==============  ==============  ====================
    gate                    on silence      on reboot       on unplug       quality
    ======================  ==============  ==============  ==============  ====================
    none                    any             any             any             *detect-and-bill*, or
    any                     opens           any             any             *monitor* without plug or register
    any                     closed          closed          any             *enforced*, if it closes in a session too
    any                     holds           closed          closed          *enforced*
    any                     else            else            else            *held*: after an outage somebody may
                                                                            charge until HA is back
    ======================  ==============  ==============  ==============  ====================

    *Detect-and-bill* needs to see the car (plug) and to count what it took (register). A contactor in front
    answers for the connector behind it, so such a stall is *held*, and *enforced* when its relay is refreshed. A
    connector that goes on with the safe share in a session (DESIGN rule 2) does so for whoever plugs in meanwhile.
    """
    if not ports.gate or ports.on_silence is OnLoss.OPENS:
        return LockQuality.DETECT_AND_BILL if ports.plug and ports.register else LockQuality.MONITOR
    silence_closes = ports.on_silence is OnLoss.CLOSED and not ports.session_share
    locked_alone = silence_closes or ports.on_unplug is OnLoss.CLOSED
    if ports.on_reboot is OnLoss.CLOSED and locked_alone:
        return LockQuality.ENFORCED
    return LockQuality.HELD
