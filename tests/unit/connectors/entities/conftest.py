"""What the tests of entity connectors share."""

from typing import Any

import pytest

from custom_components.evshare.connectors.entities.connector import EntityConnector
from custom_components.evshare.connectors.entities.slots import EntitySettings
from custom_components.evshare.connectors.external_meter import MeterSource

from ..conftest import VirtualClock
from .fake_entities import FakeEntities

STATES = {"idle": "A", "plugged": "B", "charging": "C", "error": "E", "fault": "F"}


@pytest.fixture
def entities() -> FakeEntities:
    return FakeEntities()


def settings_of(slots: dict[str, str], **changes: Any) -> EntitySettings:
    """The settings of a stall at 16 A on three phases."""
    data = {"name": "Stall 1", "slots": slots, "states": STATES, "max_current_a": 16, "phase_map": [1, 2, 3]}
    return EntitySettings.from_data(data | changes)


def connect(
    entities: FakeEntities,
    clock: VirtualClock,
    slots: dict[str, str],
    *,
    cloud: bool = False,
    register: MeterSource | None = None,
    session: MeterSource | None = None,
    **changes: Any,
) -> EntityConnector:
    """A connector on fake entities."""
    settings = settings_of(slots, **changes)
    return EntityConnector(entities, settings, clock, register=register, session=session, cloud=cloud)
