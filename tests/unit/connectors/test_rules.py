"""What values mean: pilot states, the read-back of the gate, faults, and a Tesla's power."""

from decimal import Decimal
import json
from typing import Any

import pytest

from custom_components.evshare.connectors import rules
from custom_components.evshare.connectors.decode import decode_json, parse_body
from custom_components.evshare.connectors.expression import bits
from custom_components.evshare.connectors.profile import Profile, load_profile
from custom_components.evshare.connectors.profile_values import Value
from custom_components.evshare.model import Pilot

KEBA = load_profile("keba_p30")
ALFEN = load_profile("alfen_eve")
GOE = load_profile("goe_http_v2")
TESLA = load_profile("tesla_twc3")

IDLE = {
    "contactor_closed": False, "vehicle_connected": False, "grid_v": 231.4, "vehicle_current_a": 0.2,
    "currentA_a": 0.1, "currentB_a": 0.2, "currentC_a": 0.1, "voltageA_v": 0.0, "voltageB_v": 0.0, "voltageC_v": 3.1,
    "session_energy_wh": 8123.400, "evse_state": 1, "current_alerts": [],
}  # fmt: skip
PLUGGED = IDLE | {"vehicle_connected": True, "voltageA_v": 6.2, "voltageC_v": 2.9, "evse_state": 9}
SINGLE_PHASE = {
    "contactor_closed": True, "vehicle_connected": True, "grid_v": 229.3, "vehicle_current_a": 31.8,
    "currentA_a": 31.8, "currentB_a": 0.1, "currentC_a": 0.1, "voltageA_v": 228.1, "voltageB_v": 3.9,
    "voltageC_v": 2.2, "session_energy_wh": 7188.200, "evse_state": 11, "current_alerts": [],
}  # fmt: skip
THREE_PHASE = SINGLE_PHASE | {
    "grid_v": 230.2, "vehicle_current_a": 16.0, "currentA_a": 16.0, "currentB_a": 15.9, "currentC_a": 16.1,
    "voltageA_v": 229.8, "voltageB_v": 230.6, "voltageC_v": 230.1,
}  # fmt: skip
SPLIT_PHASE = SINGLE_PHASE | {
    "grid_v": 241.1, "vehicle_current_a": 47.8, "currentA_a": 23.6, "currentB_a": 24.2, "currentC_a": 24.5,
    "voltageA_v": 241.2, "voltageB_v": 241.0, "voltageC_v": 119.6,
}  # fmt: skip


def tesla_values(vitals: dict[str, Any]) -> dict[str, Value]:
    body = parse_body(json.dumps(vitals))
    return {point.name: decode_json(point, body) for point in TESLA.points.values() if point.request == "vitals"}


@pytest.mark.parametrize(
    ("profile", "values", "state"),
    [
        (KEBA, {"cable": 0, "status_raw": 1}, Pilot.A),
        (KEBA, {"cable": 3, "status_raw": 1}, Pilot.A),  # plugged at the station and locked, no car
        (KEBA, {"cable": 7, "status_raw": 1}, Pilot.B),
        (KEBA, {"cable": 7, "status_raw": 2}, Pilot.B),
        (KEBA, {"cable": 7, "status_raw": 3}, Pilot.C),
        (KEBA, {"cable": 5, "status_raw": 4}, Pilot.E),
        (KEBA, {"cable": 7, "status_raw": 5}, Pilot.B),
        (KEBA, {"cable": 7, "status_raw": 9}, Pilot.X),
        (KEBA, {"cable": None, "status_raw": None}, Pilot.X),
        (ALFEN, {"status_raw": "A"}, Pilot.A),
        (ALFEN, {"status_raw": "E"}, Pilot.A),
        (ALFEN, {"status_raw": "B1"}, Pilot.B),
        (ALFEN, {"status_raw": "B2"}, Pilot.B),
        (ALFEN, {"status_raw": "C1"}, Pilot.B),
        (ALFEN, {"status_raw": "C2"}, Pilot.C),
        (ALFEN, {"status_raw": "D1"}, Pilot.B),
        (ALFEN, {"status_raw": "D2"}, Pilot.C),
        (ALFEN, {"status_raw": "F"}, Pilot.F),
        (ALFEN, {"status_raw": "?"}, Pilot.X),
        (GOE, {"status_raw": 1}, Pilot.A),
        (GOE, {"status_raw": 2}, Pilot.C),
        (GOE, {"status_raw": 3}, Pilot.B),
        (GOE, {"status_raw": 4}, Pilot.B),
        (GOE, {"status_raw": 5}, Pilot.E),
        (GOE, {"status_raw": 0}, Pilot.X),
        (TESLA, tesla_values(IDLE), Pilot.A),
        (TESLA, tesla_values(PLUGGED), Pilot.B),
        (TESLA, tesla_values(THREE_PHASE), Pilot.C),
        (TESLA, tesla_values(IDLE | {"evse_state": 7}), Pilot.E),
        (TESLA, tesla_values(IDLE | {"evse_state": 99}), Pilot.A),  # unknown numbers mean nothing
    ],
)
def test_pilot_states(profile: Profile, values: dict[str, Value], state: Pilot) -> None:
    assert rules.pilot(profile, values) is state


@pytest.mark.parametrize(
    ("profile", "values", "enabled"),
    [
        (KEBA, {"status_raw": 2, "cable": 7}, True),
        (KEBA, {"status_raw": 3, "cable": 7}, True),
        (KEBA, {"status_raw": 5, "cable": 7}, False),
        (KEBA, {"status_raw": 1, "cable": 7}, False),
        (KEBA, {"status_raw": 1, "cable": 0}, None),  # without a car it does not tell
        (ALFEN, {"limit_a": Decimal(6)}, True),  # also when that is its safe current
        (ALFEN, {"limit_a": Decimal(0)}, False),
        (ALFEN, {"limit_a": None}, None),
        (GOE, {"force_state": 1, "allowed": False}, False),
        (GOE, {"force_state": 2, "allowed": False}, True),
        (GOE, {"force_state": 0, "allowed": True}, True),
        (GOE, {"force_state": 0, "allowed": False}, False),
        (GOE, {"force_state": None, "allowed": None}, None),
    ],
)
def test_whether_energy_may_flow(profile: Profile, values: dict[str, Value], enabled: bool | None) -> None:
    assert rules.enabled(profile, values) is enabled


@pytest.mark.parametrize(
    ("profile", "values", "fault"),
    [
        (KEBA, {"status_raw": 4, "error_code": 513}, "error 513"),
        (KEBA, {"status_raw": 3, "error_code": 0}, None),
        (GOE, {"status_raw": 1, "error_code": 3}, "error 3"),
        (GOE, {"status_raw": 1, "error_code": 0}, None),
        (TESLA, tesla_values(IDLE | {"current_alerts": [12, 40]}), "alert 12, 40"),
        (TESLA, tesla_values(IDLE), None),
        (TESLA, tesla_values(PLUGGED | {"evse_state": 7}), "error"),
    ],
)
def test_faults(profile: Profile, values: dict[str, Value], fault: str | None) -> None:
    assert rules.fault(profile, values) == fault


@pytest.mark.parametrize(
    ("vitals", "power_w"),
    [
        (IDLE, Decimal(0)),  # idle noise of currents and voltages is no power
        (PLUGGED, Decimal(0)),
        (SINGLE_PHASE, Decimal("7254.19")),  # 228.1*31.8 + 3.9*0.1 + 2.2*0.1
        (THREE_PHASE, Decimal("11047.95")),  # 229.8*16.0 + 230.6*15.9 + 230.1*16.1
        (SPLIT_PHASE, Decimal("11524.58")),  # 241.1 * 47.8
        ({"contactor_closed": True, "grid_v": 230.0}, None),
        ({}, None),
    ],
)
def test_a_teslas_power_is_computed_only_while_its_contactor_is_closed(
    vitals: dict[str, Any], power_w: Decimal | None
) -> None:
    assert rules.derive(TESLA.derived, tesla_values(vitals))["power_w"] == power_w


def test_bits_are_the_only_arithmetic_of_a_profile() -> None:
    assert bits("raw >> 8 & 0x7f")(0x1234) == 0x12
    assert bits("(raw & 1) << 4 | 2")(3) == 18


@pytest.mark.parametrize(
    "text",
    ["raw + 1", "raw ** 9", "os", "f(raw)", "raw.real", "1.5", "-1", "True", "raw << raw", "raw << 9999", "raw >>", ""],
)
def test_other_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"raw|shift"):
        bits(text)
