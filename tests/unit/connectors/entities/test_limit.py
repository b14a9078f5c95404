"""Limits told to numbers, choices, scripts and actions."""

from typing import Any

import pytest

from custom_components.evshare.connectors.entities.gate import LOCAL
from custom_components.evshare.connectors.entities.limit import Limit
from custom_components.evshare.connectors.ports import ConnectorRefused, ConnectorUnreachable

from ..conftest import VirtualClock
from .conftest import settings_of
from .fake_entities import FakeEntities

NUMBER = "number.limit"


def limit_of(entities: FakeEntities, clock: VirtualClock, entity_id: str | None = NUMBER, **changes: Any) -> Limit:
    slots = {"status": "sensor.status"} | ({} if entity_id is None else {"max_current": entity_id})
    return Limit(entities, settings_of(slots | changes.pop("slots", {}), **changes), clock, LOCAL)


@pytest.mark.parametrize(
    ("attributes", "limit_a", "value"),
    [
        ({"min": 6, "max": 32, "step": 1, "unit_of_measurement": "A"}, 13, 13),
        ({"min": 6, "max": 10, "step": 1, "unit_of_measurement": "A"}, 13, 10),  # no more than it takes
        ({"min": 6000, "max": 32000, "step": 500, "unit_of_measurement": "mA"}, 13, 13000),
        ({"min": 6, "max": 32, "step": 2, "unit_of_measurement": "A"}, 13, 12),  # 6, 8, 10, 12: never more than asked
        ({"min": 6, "max": 32, "step": 0.1, "unit_of_measurement": "A"}, 13, 13),
        ({"min": 0, "max": 32, "step": 5, "unit_of_measurement": "A"}, 13, 10),
        ({"min": 6, "max": 32, "step": 1}, 13, 13),  # Wallbox's has no unit
    ],
)
async def test_a_number_is_told_in_its_unit_on_its_steps_and_inside_its_range(
    entities: FakeEntities, clock: VirtualClock, attributes: dict[str, Any], limit_a: int, value: float
) -> None:
    entities.say(NUMBER, "unknown", **attributes)
    await limit_of(entities, clock).tell(limit_a)
    assert entities.told == [(NUMBER, "set_value", {"value": value})]


async def test_a_number_that_says_so_already_is_not_written(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say(NUMBER, "16.0", min=6, max=32, step=1, unit_of_measurement="A")
    await limit_of(entities, clock).tell(16)
    assert entities.told == []


async def test_what_only_shows_what_was_brought_back_is_told_all_the_same_but_once(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say(NUMBER, "16.0", min=6, max=32, step=1, unit_of_measurement="A")
    entities.unsaid.add(NUMBER)
    entities.sticks.add(NUMBER)  # and says nothing when it is told
    limit = limit_of(entities, clock)
    for _ in range(3):
        await limit.tell(16)
        clock.mono_s += 60
    assert entities.told == [(NUMBER, "set_value", {"value": 16})]


async def test_a_choice_that_was_brought_back_is_told_all_the_same(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("select.limit", "16 A", options=["10 A", "16 A"])
    entities.unsaid.add("select.limit")
    await limit_of(entities, clock, "select.limit").tell(16)
    assert entities.told == [("select.limit", "select_option", {"option": "16 A"})]


async def test_a_lower_one_than_it_takes_is_refused(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say(NUMBER, "10", min=8, max=32, step=1, unit_of_measurement="A")
    with pytest.raises(ConnectorRefused, match=r"number.limit: got 6 A; accepted: 8 to 32 A"):
        await limit_of(entities, clock).tell(6)
    assert entities.told == []


async def test_an_unavailable_number_is_unreachable(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say(NUMBER, "unavailable")
    with pytest.raises(ConnectorUnreachable, match=r"number.limit is unavailable"):
        await limit_of(entities, clock).tell(16)


async def test_the_range_is_the_entitys_within_6_a_and_the_stalls(entities: FakeEntities, clock: VirtualClock) -> None:
    limit = limit_of(entities, clock)
    assert (limit.min_a, limit.max_a) == (6, 16)
    entities.say(NUMBER, "10", min=8, max=12, step=1, unit_of_measurement="A")
    assert (limit.min_a, limit.max_a) == (8, 12)
    entities.say(NUMBER, "unavailable", min=None, max=None)
    assert (limit.min_a, limit.max_a) == (8, 12)  # as it was last
    entities.say(NUMBER, "10", min=0, max=32)
    assert (limit.min_a, limit.max_a) == (6, 16)


async def test_a_number_without_range_yet_says_nothing(entities: FakeEntities, clock: VirtualClock) -> None:
    """OpenEVSE's number goes from 0 to 0 before its box has answered (openevse/number.py)."""
    entities.say(NUMBER, "unknown", min=0, max=0, step=1, unit_of_measurement="A")
    limit = limit_of(entities, clock)
    assert (limit.min_a, limit.max_a) == (6, 16)


@pytest.mark.parametrize(("low", "asked", "zero"), [(0, True, True), (6, True, False), (0, False, False)])
async def test_0_a_pauses_only_where_the_number_takes_it_and_the_owner_says_so(
    entities: FakeEntities, clock: VirtualClock, low: int, asked: bool, zero: bool
) -> None:
    entities.say(NUMBER, "10", min=low, max=32, step=1, unit_of_measurement="A")
    limit = limit_of(entities, clock, zero_pauses=asked)
    assert limit.zero_pauses is zero
    if zero:
        await limit.tell(0)
        assert entities.commands() == ["number.limit set_value 0.0"]


async def test_a_choice_is_the_highest_that_is_not_too_high(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("select.amps", "16 A", options=["6 A", "10 A", "16 A", "32 A", "auto"])
    limit = limit_of(entities, clock, "select.amps")
    assert (limit.min_a, limit.max_a, limit.reads_a()) == (6, 16, 16)
    await limit.tell(13)
    assert entities.commands() == ["select.amps select_option 10 A"]
    with pytest.raises(ConnectorRefused, match=r"select.amps: got 5 A; accepted: 6 A, 10 A, 16 A, 32 A"):
        await limit.tell(5)


async def test_a_script_is_told_the_amperes(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("script.limit", "off")
    entities.say("sensor.offered", "9500", unit_of_measurement="mA")
    limit = limit_of(entities, clock, "script.limit", slots={"limit_now": "sensor.offered"})
    await limit.tell(10)
    assert entities.told == [("script.limit", "run", {"stall": "Stall 1", "action": "limit", "current_a": 10})]
    assert limit.reads_a() == 9.5


async def test_an_action_is_told_the_amperes_and_the_device(entities: FakeEntities, clock: VirtualClock) -> None:
    action = {"action": "easee.set_charger_dynamic_limit", "parameter": "current", "data": {"device_id": "dev-1"}}
    limit = limit_of(entities, clock, None, limit_action=action)
    await limit.tell(10)
    assert entities.acted == [("easee.set_charger_dynamic_limit", {"device_id": "dev-1", "current": 10})]
    assert limit.reads_a() is None


async def test_the_same_limit_is_not_told_again_before_its_entity_had_time_to_show_it(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say(NUMBER, "16", min=6, max=32, step=1, unit_of_measurement="A")
    entities.sticks.add(NUMBER)
    limit = limit_of(entities, clock)
    await limit.tell(10)
    clock.mono_s += 9
    await limit.tell(10)
    assert len(entities.told) == 1
    clock.mono_s += 1
    await limit.tell(10)
    assert len(entities.told) == 2
    await limit.tell(8)
    assert len(entities.told) == 3
