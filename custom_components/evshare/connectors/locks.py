"""How well a stall locks, from what its hardware does when left alone (DESIGN rule 3, connectors reference 3.2)."""

from dataclasses import replace

from ..model import GateKind, LockQuality, OnLoss
from .ports import Ports


def behind_contactor(ports: Ports) -> Ports:
    """The ports of a connector with a contactor in front: the relay answers the three questions.

    An HA switch keeps its relay as it is while HA is silent, and so does an unplug; a relay that lost its own
    supply comes back open (connectors reference 1.5 (a): ``initial_state off``).
    """
    return replace(ports, gate=True, on_silence=OnLoss.HOLDS, on_reboot=OnLoss.CLOSED, on_unplug=OnLoss.HOLDS)


def lock_quality(ports: Ports, gate: GateKind) -> LockQuality:
    """Name the lock of a stall; the first row that fits:

    ======================  ==============  ==============  ==============  ====================
    gate                    on silence      on reboot       on unplug       quality
    ======================  ==============  ==============  ==============  ====================
    none                    any             any             any             *detect-and-bill*, or
    any                     opens           any             any             *monitor* without plug or register
    any                     closed          closed          any             *enforced*
    any                     holds           closed          closed          *enforced*
    any                     else            else            else            *held*: after an outage somebody may
                                                                            charge until HA is back
    ======================  ==============  ==============  ==============  ====================

    *Detect-and-bill* needs to see the car (plug) and to count what it took (register). A contactor in front
    answers for the connector behind it, so such a stall is *held*.
    """
    answers = behind_contactor(ports) if gate is GateKind.CONTACTOR else ports
    if not answers.gate or answers.on_silence is OnLoss.OPENS:
        return LockQuality.DETECT_AND_BILL if answers.plug and answers.register else LockQuality.MONITOR
    locked_alone = answers.on_silence is OnLoss.CLOSED or answers.on_unplug is OnLoss.CLOSED
    if answers.on_reboot is OnLoss.CLOSED and locked_alone:
        return LockQuality.ENFORCED
    return LockQuality.HELD
