"""Which ports slots fill, and what happens to such a stall when it is left alone (DESIGN rule 3)."""

from typing import Any

import pytest

from custom_components.evshare.connectors.entities.slots import SettingsError, entity_gate, entity_ports
from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.connectors.ports import Ports
from custom_components.evshare.model import GateKind, LockQuality, OnLoss

from .conftest import settings_of

STATUS = {"status": "sensor.status"}
HOLDS, OPENS = OnLoss.HOLDS, OnLoss.OPENS


def answers(ports: Ports) -> tuple[OnLoss, OnLoss, OnLoss]:
    return ports.on_silence, ports.on_reboot, ports.on_unplug


def test_each_slot_fills_its_port() -> None:
    ports = entity_ports(
        settings_of(
            {
                "status": "sensor.status",
                "enable": "switch.charge",
                "max_current": "number.limit",
                "energy_total": "sensor.energy",
                "rfid": "event.card",
            }
        )
    )
    assert (ports.plug, ports.limit, ports.gate, ports.register, ports.identity) == (True,) * 5
    assert not ports.polled_identity
    empty = entity_ports(settings_of({"power": "sensor.power"}))
    assert (empty.plug, empty.limit, empty.gate, empty.register, empty.identity) == (False,) * 5


@pytest.mark.parametrize(
    ("slots", "changes", "expected"),
    [
        ({"enable": "switch.charge"}, {}, (HOLDS, OPENS, HOLDS)),
        ({"authorise": "lock.box"}, {}, (HOLDS, HOLDS, HOLDS)),
        ({"authorise": "switch.locked", "enable": "switch.paused"}, {}, (HOLDS, HOLDS, HOLDS)),
        ({"enable": "button.start", "disable": "button.stop"}, {}, (HOLDS, OPENS, OPENS)),
        ({"enable": "script.charge"}, {}, (HOLDS, OPENS, OPENS)),
        ({"max_current": "number.limit"}, {"zero_pauses": True}, (HOLDS, OPENS, HOLDS)),
        ({"max_current": "number.limit"}, {}, (OPENS, OPENS, OPENS)),
        ({}, {}, (OPENS, OPENS, OPENS)),
    ],
)
def test_a_gate_of_entities_holds_at_best_and_no_gate_opens(
    slots: dict[str, str], changes: dict[str, Any], expected: tuple[OnLoss, OnLoss, OnLoss]
) -> None:
    ports = entity_ports(settings_of({**STATUS, **slots}, **changes))
    assert answers(ports) == expected
    assert ports.gate is (expected[0] is HOLDS)


@pytest.mark.parametrize(
    ("slots", "gate"),
    [
        ({"enable": "button.start"}, False),  # it could never be closed
        ({"disable": "button.stop"}, False),  # it could never be opened
        ({"authorise": "button.authorise"}, False),
        ({"authorise": "button.authorise", "disable": "button.stop"}, True),
        ({"enable": "select.mode"}, True),
        ({"enable": "input_boolean.charge"}, True),
    ],
)
def test_a_gate_has_to_open_and_to_close(slots: dict[str, str], gate: bool) -> None:
    assert entity_ports(settings_of({**STATUS, **slots})).gate is gate


def test_the_lock_quality_follows_from_the_ports() -> None:
    gated = entity_ports(settings_of({**STATUS, "enable": "switch.charge"}))
    assert lock_quality(gated) is LockQuality.HELD
    metered = entity_ports(settings_of({**STATUS, "energy_total": "sensor.energy"}))
    assert lock_quality(metered) is LockQuality.DETECT_AND_BILL
    bare = entity_ports(settings_of(STATUS))
    assert lock_quality(bare) is LockQuality.MONITOR


def test_a_plug_is_seen_only_by_what_can_say_unplugged() -> None:
    assert entity_ports(settings_of({"plugged": "binary_sensor.car"})).plug
    assert not entity_ports(settings_of({"charging": "binary_sensor.charging"})).plug
    assert not entity_ports(settings_of(STATUS, states={"charging": "C"})).plug


def test_a_gate_without_a_plug_opens_while_its_car_is_waited_for() -> None:
    blind = {"power": "sensor.power", "enable": "switch.socket"}
    assert entity_gate(settings_of(blind)) is GateKind.CONTACTOR
    assert entity_gate(settings_of({**blind, "plugged": "binary_sensor.car"})) is GateKind.NATIVE
    assert entity_gate(settings_of({"power": "sensor.power"})) is GateKind.NATIVE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slots": {"engine": "sensor.x"}}, r"slots: got 'engine'; accepted: status, plugged"),
        ({"states": {"idle": "Q"}}, r"states: idle: got 'Q'; accepted: A, B, C, E, F, X"),
        ({"inverted": ["nothing"]}, r"inverted: got 'nothing'; accepted: status, plugged"),
    ],
)
def test_settings_nobody_knows_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_of(**({"slots": STATUS} | changes))
