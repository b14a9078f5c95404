"""What a stall's settings say of its hardware before anything is connected."""

import pytest

from custom_components.evshare.building.wiring import gate_kind
from custom_components.evshare.const import CONNECTOR_OCPP
from custom_components.evshare.model import GateKind

from ..conftest import stall_data


# The relay drives the contactor's coil (connectors reference 2.12), and a Tesla has no lock of its own (1.1).
@pytest.mark.parametrize(
    ("settings", "gate"),
    [
        ({"connector": "keba_p30"}, GateKind.NATIVE),
        ({"connector": CONNECTOR_OCPP}, GateKind.NATIVE),
        ({"connector": "shelly_gen2_contactor"}, GateKind.CONTACTOR),
        ({"connector": "tesla_twc3", "contactor": "switch.contactor"}, GateKind.CONTACTOR),
    ],
)
def test_a_car_is_waited_for_behind_an_open_gate_only_where_it_is_not_seen_before(
    settings: dict[str, str], gate: GateKind
) -> None:
    assert gate_kind(stall_data(**settings)) is gate
