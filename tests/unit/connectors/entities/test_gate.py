"""Gates out of switches, locks, choices, buttons and scripts: opened, closed, confirmed."""

from typing import Any

import pytest

from custom_components.evshare.connectors.entities.gate import CLOUD, LOCAL, Car, Gate
from custom_components.evshare.connectors.ports import ConnectorError, ConnectorRefused, ConnectorUnreachable, NotYet

from ..conftest import VirtualClock
from .conftest import settings_of
from .fake_entities import FakeEntities

STATUS = {"status": "sensor.status"}


def gate_of(entities: FakeEntities, clock: VirtualClock, slots: dict[str, str], **changes: Any) -> Gate:
    return Gate(entities, settings_of({**STATUS, **slots}, **changes), clock, LOCAL)


@pytest.mark.parametrize(
    ("slots", "changes", "closed", "opens", "closes"),
    [
        ({"enable": "switch.charge"}, {}, "off", "switch.charge turn_on", "switch.charge turn_off"),
        (
            {"enable": "switch.paused"},
            {"inverted": ["enable"]},
            "on",
            "switch.paused turn_off",
            "switch.paused turn_on",
        ),
        ({"enable": "input_boolean.ok"}, {}, "off", "input_boolean.ok turn_on", "input_boolean.ok turn_off"),
        ({"authorise": "lock.box"}, {}, "locked", "lock.box unlock", "lock.box lock"),
        (
            {"enable": "select.override"},
            {"open_option": "active", "closed_option": "disabled"},
            "disabled",
            "select.override select_option active",
            "select.override select_option disabled",
        ),
    ],
)
async def test_what_shows_its_state_is_told_by_its_own_service(
    entities: FakeEntities,
    clock: VirtualClock,
    slots: dict[str, str],
    changes: dict[str, Any],
    closed: str,
    opens: str,
    closes: str,
) -> None:
    (entity_id,) = slots.values()
    entities.say(entity_id, closed)
    gate = gate_of(entities, clock, slots, **changes)
    assert gate.is_open() is False
    await gate.open(16)
    assert gate.is_open() is True
    assert entities.commands(clear=True) == [opens]
    await gate.close(Car.MAY_DRAW)
    assert gate.is_open() is False
    assert entities.commands() == [closes]


async def test_what_is_so_already_is_not_told(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("switch.charge", "on")
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    await gate.open(16)
    assert entities.told == []


@pytest.mark.parametrize("state", ["unavailable", "unknown", "jammed"])
async def test_a_state_that_says_nothing_is_neither_open_nor_closed(
    entities: FakeEntities, clock: VirtualClock, state: str
) -> None:
    entities.say("lock.box", state)
    assert gate_of(entities, clock, {"authorise": "lock.box"}).is_open() is None


async def test_buttons_are_pressed_to_open_and_to_close(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("button.start", "unknown")
    entities.say("button.stop", "unknown")
    gate = gate_of(entities, clock, {"enable": "button.start", "disable": "button.stop"})
    await gate.open(16)
    await gate.close(Car.RESTS)
    assert entities.commands() == ["button.start press", "button.stop press"]


async def test_a_button_that_stops_a_car_is_not_pressed_without_one(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say("button.start", "unknown")
    entities.say("button.stop", "unknown")
    await gate_of(entities, clock, {"enable": "button.start", "disable": "button.stop"}).close(Car.GONE)
    assert entities.told == []


async def test_a_script_is_told_what_to_do_for_whom_and_how_much(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("script.charge", "off")
    gate = gate_of(entities, clock, {"enable": "script.charge"})
    await gate.open(13)
    await gate.close(Car.GONE)
    assert [data for _, _, data in entities.told] == [
        {"stall": "Stall 1", "action": "enable", "current_a": 13},
        {"stall": "Stall 1", "action": "disable", "current_a": 0},
    ]


async def test_a_script_to_disable_leaves_the_enabling_one_alone(entities: FakeEntities, clock: VirtualClock) -> None:
    for script in ("script.go", "script.halt"):
        entities.say(script, "off")
    gate = gate_of(entities, clock, {"enable": "script.go", "disable": "script.halt"})
    await gate.close(Car.MAY_DRAW)
    assert [entity for entity, _, _ in entities.told] == ["script.halt"]


async def test_the_lock_opens_before_the_start_and_closes_after_the_stop(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say("lock.box", "locked")
    entities.say("switch.resume", "off")
    gate = gate_of(entities, clock, {"enable": "switch.resume", "authorise": "lock.box"})
    await gate.open(16)
    await gate.close(Car.MAY_DRAW)
    assert entities.commands() == [
        "lock.box unlock",
        "switch.resume turn_on",
        "switch.resume turn_off",
        "lock.box lock",
    ]


async def test_one_closed_part_is_a_closed_gate(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("lock.box", "unlocked")
    entities.say("switch.resume", "off")
    gate = gate_of(entities, clock, {"enable": "switch.resume", "authorise": "lock.box"})
    assert gate.is_open() is False
    entities.say("switch.resume", "unavailable")
    assert gate.is_open() is True


async def test_a_part_that_hides_is_no_obstacle_while_another_opens(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    """Wallbox shows pause and resume only while a car charges (wallbox/switch.py, `available`)."""
    entities.say("lock.box", "locked")
    entities.say("switch.resume", "unavailable")
    gate = gate_of(entities, clock, {"enable": "switch.resume", "authorise": "lock.box"})
    await gate.open(16)
    await gate.close(Car.RESTS)
    assert entities.commands() == ["lock.box unlock", "lock.box lock"]


async def test_a_gate_that_cannot_be_told_at_all_is_unreachable(entities: FakeEntities, clock: VirtualClock) -> None:
    """Home Assistant drops calls for an unavailable entity without an error."""
    entities.say("switch.charge", "unavailable")
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    with pytest.raises(ConnectorUnreachable, match=r"switch.charge is unavailable"):
        await gate.open(16)
    with pytest.raises(ConnectorUnreachable, match=r"switch.charge is unavailable"):
        await gate.close(Car.MAY_DRAW)
    await gate.close(Car.GONE)
    assert entities.told == []


async def test_a_switch_that_does_not_follow_is_an_error_after_10_s_and_told_again_then(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say("switch.charge", "off")
    entities.sticks.add("switch.charge")
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    for _ in range(20):
        with pytest.raises(NotYet, match=r"switch.charge has still to open") as caught:
            await gate.open(16)
        clock.mono_s += caught.value.after_s
    assert clock.mono_s == 1010
    with pytest.raises(ConnectorUnreachable, match=r"switch.charge did not open in time"):
        await gate.open(16)
    assert len(entities.told) == 1
    clock.mono_s += 2
    with pytest.raises(NotYet):
        await gate.open(16)
    assert len(entities.told) == 2


async def test_a_switch_that_follows_late_is_not_told_again(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("switch.charge", "off")
    entities.sticks.add("switch.charge")
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    with pytest.raises(NotYet):
        await gate.open(16)
    clock.mono_s += 8
    entities.say("switch.charge", "on")
    await gate.open(16)
    assert entities.commands() == ["switch.charge turn_on"]


async def test_a_switch_that_somebody_else_turned_is_told_at_once(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("switch.charge", "on")
    entities.sticks.add("switch.charge")
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    for told in (1, 2, 3):
        with pytest.raises(NotYet):
            await gate.close(Car.MAY_DRAW)
        clock.mono_s += 5
        entities.say("switch.charge", "off")
        await gate.close(Car.MAY_DRAW)  # asked again, since it was not yet done
        assert entities.commands() == ["switch.charge turn_off"] * told
        clock.mono_s += 60 / told
        entities.say("switch.charge", "on")


async def test_a_gate_waits_for_each_part_before_it_goes_on(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("lock.box", "locked")
    entities.say("button.start", "unknown")
    entities.say("button.stop", "unknown")
    entities.sticks.add("lock.box")
    slots = {"authorise": "lock.box", "enable": "button.start", "disable": "button.stop"}
    gate = gate_of(entities, clock, slots)
    with pytest.raises(NotYet):
        await gate.open(16)
    assert entities.commands() == ["lock.box unlock"]
    entities.say("lock.box", "unlocked")
    await gate.open(16)
    assert entities.commands(clear=True) == ["lock.box unlock", "button.start press"]
    for _ in range(2):
        with pytest.raises(NotYet):  # everything is told to close at once, and once
            await gate.close(Car.MAY_DRAW)
    assert entities.commands() == ["button.stop press", "lock.box lock"]


async def test_a_cloud_is_waited_for_15_s_and_not_told_the_same_again_within_30_s(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say("switch.charge", "off")
    entities.sticks.add("switch.charge")
    gate = Gate(entities, settings_of({**STATUS, "enable": "switch.charge"}), clock, CLOUD)
    tries: list[tuple[float, type[Exception], int]] = []
    for at_s in (0, 14.5, 15, 17, 29.5, 30):
        clock.mono_s = 1000 + at_s
        with pytest.raises(ConnectorError) as caught:
            await gate.open(16)
        tries.append((at_s, caught.type, len(entities.told)))
    assert tries == [
        (0, NotYet, 1),
        (14.5, NotYet, 1),
        (15, ConnectorUnreachable, 1),
        (17, ConnectorUnreachable, 1),
        (29.5, ConnectorUnreachable, 1),
        (30, NotYet, 2),
    ]


async def test_the_opposite_is_told_at_once(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("switch.charge", "off")
    gate = Gate(entities, settings_of({**STATUS, "enable": "switch.charge"}), clock, CLOUD)
    await gate.open(16)
    await gate.close(Car.MAY_DRAW)
    assert entities.commands() == ["switch.charge turn_on", "switch.charge turn_off"]
    assert clock.mono_s == 1000


async def test_a_part_that_refuses_does_not_keep_the_others_open(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("lock.box", "unlocked")
    entities.say("switch.resume", "on")
    entities.refuses.add("switch.resume")
    gate = gate_of(entities, clock, {"enable": "switch.resume", "authorise": "lock.box"})
    with pytest.raises(ConnectorRefused, match=r"switch.resume: turn_off failed"):
        await gate.close(Car.MAY_DRAW)
    assert gate.is_open() is False


@pytest.mark.parametrize(("shown", "told"), [("off", "switch.charge turn_off"), ("on", "switch.charge turn_on")])
async def test_what_only_shows_what_was_brought_back_is_told_all_the_same_but_once(
    entities: FakeEntities, clock: VirtualClock, shown: str, told: str
) -> None:
    """The charger may have restarted meanwhile, open or closed."""
    entities.say("switch.charge", shown)
    entities.unsaid.add("switch.charge")
    entities.sticks.add("switch.charge")  # and says nothing when it is told
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    for _ in range(3):
        await (gate.close(Car.MAY_DRAW) if shown == "off" else gate.open(16))
        clock.mono_s += 60
    assert entities.commands() == [told]


async def test_what_was_told_in_vain_is_told_again(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("switch.charge", "off")
    entities.unsaid.add("switch.charge")
    entities.refuses.add("switch.charge")
    gate = gate_of(entities, clock, {"enable": "switch.charge"})
    for _ in range(2):
        with pytest.raises(ConnectorRefused):
            await gate.close(Car.MAY_DRAW)
        clock.mono_s += 60
    assert len(entities.told) == 2
