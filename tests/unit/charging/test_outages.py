"""What nobody saw: silences, restarts, and whose energy it then was."""

from datetime import timedelta
import itertools
import json

import pytest

from custom_components.evshare.charging import (
    ConnectorLost,
    Disable,
    Enable,
    OfferDecided,
    SetLimit,
    StopAsked,
    Ticked,
    UnauthorisedEnergy,
    restore,
    snapshot,
)
from custom_components.evshare.model import LimitReason, StallStatus, StopReason
from tests.unit.charging.story import CONFIG, CONTACTOR, NOON, Story


def test_a_silent_connector_ends_no_session() -> None:
    story = Story().charging()
    assert story.after(5).tell(ConnectorLost("timeout")) == ()
    for _ in range(1000):
        story.after(60).tell(Ticked())
    assert story.state.session is not None
    assert story.status() is StallStatus.UNAVAILABLE


def test_energy_of_a_silence_is_the_sessions_when_the_car_stayed() -> None:
    story = Story().charging(register_wh=1000)
    story.tell(ConnectorLost("timeout"))
    story.after(600).read("C", 2800, 11000.0, session_wh=1800)
    assert story.state.session is not None
    assert story.state.session.energy_wh == 1800


def test_after_a_silence_the_offer_is_written_again() -> None:
    story = Story().charging(limit_a=16)
    story.tell(ConnectorLost("timeout"))
    story.after(600).read("C", 2800, 11000.0)
    assert story.offer(16) == (Enable(16),)


def test_an_unplug_nobody_saw_leaves_the_energy_to_nobody() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0)
    effects = story.after(600).read("A", 2000, 0.0)
    ended = story.records("session_ended")[0]
    assert (ended["stop_reason"], ended["energy_wh"], ended["register_end_wh"]) == ("gap", 15, 1015)
    assert UnauthorisedEnergy(985) in effects
    assert Disable() in effects


def test_what_flowed_to_nobody_over_a_silence_is_spread_over_the_silence() -> None:
    story = Story().charging(register_wh=1000)  # last reading 12:00:10
    story.after(610).read("A", 1610, 0.0)  # 12:10:20
    story.after(290).read("A", 1610, 0.0)  # 12:15:10
    (nobodys,) = [piece for piece in story.records("slice") if piece["session_id"] is None]
    assert (nobodys["start"], nobodys["end"]) == ("2026-06-29T12:00:10Z", "2026-06-29T12:15:00Z")
    assert (nobodys["register_start_wh"], nobodys["register_end_wh"]) == (1000, 1610)


def test_an_unplug_nobody_saw_is_billed_when_the_connector_counted_it_for_this_car() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0, session_wh=15)
    effects = story.after(600).read("A", 2000, 0.0, session_wh=1000)
    ended = story.records("session_ended")[0]
    assert (ended["stop_reason"], ended["energy_wh"], ended["register_end_wh"]) == ("gap", 1000, 2000)
    assert not [effect for effect in effects if isinstance(effect, UnauthorisedEnergy)]


def test_another_car_after_a_silence_is_another_plug_epoch_without_session() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0, session_wh=15)
    effects = story.after(600).read("C", 2000, 11000.0, session_wh=4, enabled=True)
    assert story.state.session is None
    assert story.state.plug_epoch == 2
    assert story.status() is StallStatus.PREPARING
    assert Disable() in effects
    assert UnauthorisedEnergy(985) in effects


def test_a_missed_poll_is_no_gap() -> None:
    story = Story().charging(register_wh=1000)
    story.tell(ConnectorLost("timeout"))
    story.after(30).read("A", 1060, 0.0)
    ended = story.records("session_ended")[0]
    assert (ended["stop_reason"], ended["energy_wh"]) == ("unplugged", 60)


def test_a_plug_in_nobody_saw_is_as_old_as_it_can_be() -> None:
    story = Story()
    story.read("A")
    story.after(200).read("B")
    assert story.state.plugged_mono_s == story.now.mono_s - 200


def test_a_car_found_at_the_first_look_has_no_known_age() -> None:
    story = Story()
    story.read("B")
    assert story.state.plugged
    assert story.state.plugged_mono_s is None
    assert story.state.plugged_at is None


def test_a_stop_during_a_silence_waits_for_the_connector_and_bills_what_flowed() -> None:
    story = Story().charging(register_wh=1000)
    story.tell(ConnectorLost("timeout"))
    story.tell(StopAsked(StopReason.PERSON))
    story.after(120).tell(Ticked())
    assert story.state.session is not None
    story.after(5).read("B", 1300, 0.0)
    assert story.records("session_ended")[0]["energy_wh"] == 300


def test_a_stop_whose_connector_never_comes_back_ends_after_a_day() -> None:
    story = Story().charging(register_wh=1000)
    story.tell(ConnectorLost("timeout"))
    story.tell(StopAsked(StopReason.OFFICE))
    story.after(86_400).tell(Ticked())
    assert story.records("session_ended")[0]["stop_reason"] == "office"


def test_a_stop_behind_a_contactor_needs_no_answer_of_the_dark_connector() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.offer(16)
    story.after(30).read("C", 1000, 11000.0, enabled=True)
    story.tell(StopAsked(StopReason.PERSON))
    story.after(5).tell(ConnectorLost("no power"))
    story.after(25).tell(Ticked())
    assert story.state.session is None
    story.after(5).tell(ConnectorLost("no power"))
    assert story.status() is StallStatus.AVAILABLE


def test_a_restart_in_mid_session_loses_neither_session_nor_energy() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0, session_wh=15)
    session = story.state.session
    story.restart(away_s=120)
    assert story.state.session == session
    assert story.status() is StallStatus.UNAVAILABLE
    story.after(1).read("C", 1380, 11000.0, session_wh=380, enabled=True)
    assert story.status() is StallStatus.CHARGING
    assert story.state.session is not None
    assert story.state.session.energy_wh == 380
    assert story.offer(16) == (Enable(16),)
    story.after(5).read("A", 1395, 0.0)
    assert story.records("session_ended")[0]["energy_wh"] == 395


def test_slices_join_over_a_restart() -> None:
    story = Story().charging(register_wh=1000)
    story.after(895).read("C", 3730, 11000.0)
    story.restart(away_s=900)
    story.after(1).read("C", 6480, 11000.0)
    story.after(5).read("A", 6490, 0.0)
    pieces = [piece for piece in story.records("slice") if piece["session_id"] is not None]
    for one, other in itertools.pairwise(pieces):
        assert (one["end"], one["register_end_wh"]) == (other["start"], other["register_start_wh"])
    assert (pieces[0]["start"], pieces[-1]["end"]) == ("2026-06-29T12:00:05Z", "2026-06-29T12:30:11Z")
    assert sum(piece["register_end_wh"] - piece["register_start_wh"] for piece in pieces) == 5490


def test_an_armed_stall_waits_only_what_was_left_of_its_window() -> None:
    story = Story()
    story.read("A")
    story.authorise()
    story.after(60).restart(away_s=30, mono_s=0.5)
    assert story.state.armed_until_mono_s == pytest.approx(0.5 + 90)
    story.after(89).tell(Ticked())
    assert story.state.session is not None
    story.after(2).tell(Ticked())
    assert story.state.session is None


def test_a_plug_in_grows_older_over_a_restart() -> None:
    story = Story()
    story.read("A")
    story.after(5).read("B")
    story.after(100).tell(Ticked())
    story.restart(away_s=50, mono_s=3.0)
    assert story.state.plugged_mono_s == pytest.approx(3.0 - 150)


def test_a_wall_clock_that_went_back_shuts_every_window() -> None:
    story = Story()
    story.read("A")
    story.authorise()
    story.restart(away_s=-3600, mono_s=10.0)
    story.tell(Ticked())
    assert story.records("session_ended")[0]["stop_reason"] == "no_plug"


def test_a_stall_that_was_opened_is_locked_after_a_restart_without_session() -> None:
    story = Story()
    story.read("A")
    story.restart()
    assert Disable() in story.after(1).read("C", 1000, 11000.0, enabled=True)


def test_a_paused_session_stays_paused_over_a_restart() -> None:
    story = Story().charging()
    story.offer(0, LimitReason.SOLAR)
    story.restart()
    story.after(1).read("B", 1010, 0.0, enabled=True)
    assert story.tell(OfferDecided(0, LimitReason.SOLAR)) == (SetLimit(0),)


def test_a_snapshot_is_json_and_comes_back_the_same() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0, session_wh=15, serial="17619300")
    story.after(5).read("C", 2, 11000.0, session_wh=15, serial="17619300")  # a suspect reading
    stored = json.loads(json.dumps(snapshot(story.state)))
    again = json.loads(json.dumps(snapshot(restore(CONFIG, stored, story.now))))
    assert again == stored


def test_a_snapshot_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format: 99 came; accepted is 1"):
        restore(CONFIG, {"format": 99}, Story().now)


def test_a_snapshot_that_lacks_something_is_refused_by_name() -> None:
    stored = snapshot(Story().charging().state)
    del stored["energised"]
    with pytest.raises(ValueError, match="energised is missing"):
        restore(CONFIG, stored, Story().now)


def test_a_stop_asked_before_a_restart_is_still_carried_out() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).tell(StopAsked(StopReason.PERSON))
    story.restart(away_s=40)
    effects = story.after(1).read("C", 1130, 11000.0, enabled=True)
    assert Disable() in effects
    assert story.records("session_ended")[0]["energy_wh"] == 130


def test_times_in_records_never_go_back() -> None:
    story = Story().charging(register_wh=1000)
    story.now = type(story.now)(at=NOON - timedelta(hours=2), mono_s=story.now.mono_s + 5)
    story.read("A", 1015, 0.0)
    pieces = story.records("slice")
    assert pieces[-1]["start"] == pieces[-1]["end"] == "2026-06-29T12:00:10Z"
    assert story.records("session_ended")[0]["energy_wh"] == 15
