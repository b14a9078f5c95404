"""Cards from another integration's entity: only what was watched to happen counts."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.evshare.access import normalise_uid
from custom_components.evshare.connectors.entities.cards import CardSlot, uid_of
from custom_components.evshare.connectors.entities.source import EntityState

from ..conftest import START, VirtualClock

EVENT, SENSOR = "event.session_authorization", "sensor.id_tag"
ANNA, BEN = "04A2B3C4D5E680", "04:11:22:33:44:AA:80"


def fired(at: datetime, token: str | None = ANNA) -> EntityState:
    """An event entity after an event at this time."""
    attributes = {"event_type": "session_authorized"} | ({} if token is None else {"token": token})
    return EntityState(state=at.isoformat(timespec="milliseconds"), attributes=attributes)


def says(state: str) -> EntityState:
    return EntityState(state=state)


NEVER, AWAY = says("unknown"), says("unavailable")


def event_slot(clock: VirtualClock, begins: EntityState | None = NEVER) -> CardSlot:
    slot = CardSlot(EVENT, "token", clock)
    slot.begin(begins)
    return slot


def test_an_event_that_was_just_fired_is_a_card(clock: VirtualClock) -> None:
    slot = event_slot(clock)
    assert slot.changed(NEVER, fired(START)) == ANNA


def test_the_same_card_again_is_an_event_again(clock: VirtualClock) -> None:
    slot = event_slot(clock)
    slot.changed(NEVER, fired(START))
    clock.mono_s += 60
    assert slot.changed(fired(START), fired(START + timedelta(seconds=60))) == ANNA


def test_an_event_of_before_we_watched_is_none(clock: VirtualClock) -> None:
    slot = event_slot(clock, fired(START - timedelta(seconds=5)))
    assert slot.changed(AWAY, fired(START - timedelta(seconds=5))) is None


def test_an_event_restored_after_its_entity_was_away_is_none(clock: VirtualClock) -> None:
    slot = event_slot(clock)
    slot.changed(NEVER, fired(START))
    slot.changed(fired(START), AWAY)
    assert slot.changed(AWAY, fired(START)) is None


def test_an_event_that_appears_with_its_entity_is_none(clock: VirtualClock) -> None:
    slot = event_slot(clock, None)
    assert slot.changed(None, fired(START)) is None
    assert slot.changed(fired(START), fired(START + timedelta(seconds=1))) == ANNA


@pytest.mark.parametrize("late_s", [31, -31, 86_400])
def test_an_event_of_another_time_is_none(clock: VirtualClock, late_s: int) -> None:
    slot = event_slot(clock)
    assert slot.changed(NEVER, fired(START - timedelta(seconds=late_s))) is None


def test_an_event_without_its_attribute_or_with_a_strange_time_is_none(clock: VirtualClock) -> None:
    slot = event_slot(clock)
    assert slot.changed(NEVER, fired(START, None)) is None
    assert slot.changed(NEVER, says("yesterday")) is None
    assert slot.changed(NEVER, says("2026-11-20T18:00:01")) is None  # no time zone: nobody knows when


def sensor_slot(clock: VirtualClock, begins: EntityState | None) -> CardSlot:
    slot = CardSlot(SENSOR, None, clock)
    slot.begin(begins)
    return slot


def test_a_sensor_that_changes_to_a_card_says_it_is_shown(clock: VirtualClock) -> None:
    slot = sensor_slot(clock, says("none"))
    assert slot.changed(says("none"), says(ANNA)) == ANNA
    assert slot.changed(says(ANNA), says(BEN)) == "0411223344AA80"


def test_a_card_that_is_there_when_we_begin_is_left_over(clock: VirtualClock) -> None:
    slot = sensor_slot(clock, says(ANNA))
    assert slot.changed(says(ANNA), EntityState(state=ANNA, attributes={"polled": 2})) is None
    assert slot.changed(says(ANNA), says("")) is None
    assert slot.changed(says(""), says(ANNA)) == ANNA


def test_a_card_that_comes_back_with_its_sensor_is_left_over(clock: VirtualClock) -> None:
    slot = sensor_slot(clock, says(""))
    slot.changed(says(""), AWAY)
    assert slot.changed(AWAY, says(ANNA)) is None
    slot.changed(says(ANNA), None)
    assert slot.changed(None, NEVER) is None
    clock.mono_s += 29
    assert slot.changed(NEVER, says(ANNA)) is None  # the first thing it read from its box


def test_a_sensor_that_has_been_unknown_for_long_says_that_there_is_no_card(clock: VirtualClock) -> None:
    slot = sensor_slot(clock, NEVER)
    clock.mono_s += 30
    assert slot.changed(NEVER, says(ANNA)) == ANNA
    assert slot.changed(says(ANNA), NEVER) is None
    assert slot.changed(NEVER, says(ANNA)) == ANNA  # taken away and shown again, while we watched


@pytest.mark.parametrize("nothing", ["", " ", "none", "None", "0", "00000000", "00:00:00:00", "no_card", "x" * 65])
def test_what_readers_say_without_a_card_is_none(nothing: str) -> None:
    assert uid_of(nothing, labels=True) is None


def test_the_tag_of_a_remote_start_is_no_card() -> None:
    assert uid_of("Q7ZK1WXM9TB4RCDL", labels=False) is None


def test_a_cards_name_stands_for_it_where_no_uid_is_told() -> None:
    """Peblar's event says what the card is called in the charger."""
    anna, ben = uid_of("Anna's card", labels=True), uid_of("Ben's card", labels=True)
    assert anna is not None
    assert len(normalise_uid(anna)) == 8
    assert anna != ben
    assert uid_of(" Anna's card ", labels=True) == anna


def test_an_old_event_is_none_in_any_time_zone(clock: VirtualClock) -> None:
    slot = event_slot(clock)
    berlin = (
        (START - timedelta(hours=1)).astimezone(UTC).isoformat().replace("17:00", "18:00").replace("+00:00", "+01:00")
    )
    assert slot.changed(NEVER, EntityState(state=berlin, attributes={"token": ANNA})) is None
