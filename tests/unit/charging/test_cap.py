"""A session ends when it has the energy that was announced at its start; a stall held for somebody says so."""

from datetime import timedelta

from custom_components.evshare.charging import (
    Announce,
    Disable,
    HoldTold,
    Persist,
    StopAsked,
    Ticked,
    restore,
    snapshot,
)
from custom_components.evshare.model import StallStatus, StopReason
from tests.unit.charging.story import NOON, Story


def test_at_the_cap_the_session_is_stopped_and_what_the_last_reading_brought_is_its_own() -> None:
    story = Story().charging(register_wh=1000, cap_wh=100)
    assert Disable() not in story.after(5).read("C", 1099, 11000.0, enabled=True)
    assert not story.state.stopping
    assert Disable() in story.after(5).read("C", 1112, 11000.0, enabled=True)
    assert story.status() is StallStatus.FINISHING
    assert not story.state.wants_current
    story.after(5).read("B", 1113, 0.0, enabled=False)
    (ended,) = story.records("session_ended")
    assert (ended["stop_reason"], ended["energy_wh"]) == ("cap", 113)
    assert Announce("session", "ended", {"mode": "fast", "reason": "cap", "energy_wh": 113}) in story.log


def test_exactly_the_cap_is_enough() -> None:
    story = Story().charging(register_wh=1000, cap_wh=100)
    story.after(5).read("C", 1100, 11000.0, enabled=True)
    assert story.state.stopping


def test_the_cap_is_written_with_the_authorisation() -> None:
    story = Story().charging(cap_wh=40_000)
    assert story.records("session_authorised")[0]["cap_wh"] == 40_000


def test_the_cap_holds_after_a_restart() -> None:
    story = Story().charging(register_wh=1000, cap_wh=100)
    story.restart(away_s=30)
    story.read("C", 1120, 11000.0, enabled=True, session_wh=None)
    assert story.state.stopping
    story.after(5).read("B", 1120, 0.0)
    assert story.records("session_ended")[0]["stop_reason"] == "cap"


def test_a_snapshot_of_before_there_were_caps_is_read_as_no_cap() -> None:
    story = Story().charging(register_wh=1000)
    stored = snapshot(story.state)
    del stored["session"]["cap_wh"]  # type: ignore[attr-defined]
    restored = restore(story.state.config, stored, story.now)
    assert restored.session is not None
    assert restored.session.cap_wh is None


def test_a_cap_that_comes_with_the_unplug_is_an_unplug() -> None:
    story = Story().charging(register_wh=1000, cap_wh=100)
    story.after(5).read("A", 1120, 0.0)
    assert story.records("session_ended")[0]["stop_reason"] == "unplugged"


def test_a_person_who_stopped_first_is_the_reason() -> None:
    story = Story().charging(register_wh=1000, cap_wh=100)
    story.after(5).tell(StopAsked(StopReason.PERSON))
    story.after(5).read("C", 1120, 11000.0, enabled=True)
    story.after(5).read("B", 1120, 0.0)
    assert story.records("session_ended")[0]["stop_reason"] == "person"


def test_a_free_stall_that_is_held_is_reserved_until_the_hold_is_over() -> None:
    story = Story()
    story.read("A")
    assert story.after(5).tell(HoldTold(NOON + timedelta(minutes=10))) == ()
    assert story.status() is StallStatus.RESERVED
    story.after(594).read("A")
    assert story.status() is StallStatus.RESERVED
    story.after(1).tell(Ticked())
    assert story.status() is StallStatus.AVAILABLE


def test_a_hold_that_is_taken_back_frees_the_stall() -> None:
    story = Story()
    story.read("A")
    story.tell(HoldTold(NOON + timedelta(minutes=10)))
    story.tell(HoldTold(None))
    assert story.status() is StallStatus.AVAILABLE


def test_a_held_stall_with_a_car_or_a_session_shows_what_it_does() -> None:
    story = Story()
    story.read("A")
    story.tell(HoldTold(NOON + timedelta(hours=1)))
    story.after(5).read("B")
    assert story.status() is StallStatus.PREPARING
    assert Persist() in story.authorise()
    story.offer(16)
    story.after(5).read("C", 1010, 11000.0, enabled=True)
    assert story.status() is StallStatus.CHARGING


def test_a_silent_stall_is_unavailable_although_held() -> None:
    story = Story()
    story.tell(HoldTold(NOON + timedelta(hours=1)))
    assert story.status() is StallStatus.UNAVAILABLE
