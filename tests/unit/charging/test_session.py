"""From plug-in to unplug: what a stall does and what it writes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.evshare.charging import (
    Announce,
    Authorised,
    ConnectorLost,
    Denied,
    Disable,
    DisableFailed,
    Enable,
    EnableFailed,
    IllegalMove,
    ModeAsked,
    OfferDecided,
    PauseAsked,
    Persist,
    ReadingTaken,
    Record,
    Removed,
    SetLimit,
    StopAsked,
    Ticked,
    UnauthorisedEnergy,
    reconfigured,
)
from custom_components.evshare.model import (
    ChargeMode,
    CredentialKind,
    DenyReason,
    LimitReason,
    Pilot,
    Reading,
    StallId,
    StallStatus,
    StopReason,
)
from tests.unit.charging.story import ANNA, CONFIG, CONTACTOR, NOON, STALL, Story, a_session


def test_a_stall_nobody_has_read_is_unavailable_and_locked() -> None:
    story = Story()
    assert story.status() is StallStatus.UNAVAILABLE
    assert not story.state.wants_current


def test_a_car_without_authorisation_is_preparing_and_gets_nothing() -> None:
    story = Story()
    story.read("A")
    effects = story.after(5).read("B")
    assert story.status() is StallStatus.PREPARING
    assert story.state.plug_epoch == 1
    assert story.state.plugged_at == NOON + timedelta(seconds=5)
    assert effects == (Persist(),)
    assert story.offer(16) == ()


def test_a_tap_with_the_car_there_is_written_before_the_gate_opens() -> None:
    story = Story()
    story.read("A", 4_213_877)
    story.after(5).read("B", 4_213_877)
    effects = story.after(5).authorise()
    at = NOON + timedelta(seconds=10)
    assert effects == (
        Record(
            "session_authorised",
            at,
            {
                "session_id": f"{1:032x}",
                "stall_id": STALL,
                "resident_id": ANNA,
                "credential_kind": "card",
                "mode": "fast",
                "plug_epoch": 1,
                "credential_id": "ca2d000000000001",
                "cap_wh": None,
            },
        ),
        Record(
            "session_started",
            at,
            {"session_id": f"{1:032x}", "stall_id": STALL, "plug_epoch": 1, "register_start_wh": 4_213_877},
        ),
        Persist(),
        Announce("authorisation", "accepted", {"credential": "card"}),
        Announce("session", "started", {"mode": "fast"}),
    )
    assert story.state.wants_current
    assert story.offer(16) == (Persist(), Enable(16))


def test_the_same_offer_again_is_no_command() -> None:
    story = Story().charging(limit_a=16)
    assert story.after(10).offer(16) == ()


def test_another_offer_changes_the_limit_and_zero_leaves_the_gate_open() -> None:
    story = Story().charging(limit_a=16)
    assert story.after(10).offer(10, LimitReason.CIRCUIT) == (SetLimit(10),)
    assert story.after(10).offer(0, LimitReason.CIRCUIT) == (SetLimit(0),)
    assert story.state.limit_reason is LimitReason.CIRCUIT
    story.after(5).read("B")
    assert story.status() is StallStatus.SUSPENDED_EVSE


@pytest.mark.parametrize("limit_a", [1, 5, 17, -6])
def test_an_offer_no_pilot_can_make_is_refused(limit_a: int) -> None:
    story = Story().charging()
    before = story.state
    with pytest.raises(ValueError, match=rf"limit_a: {limit_a} came; accepted are 0 and 6 to 16"):
        story.offer(limit_a)
    assert story.state == before


def test_a_charging_car_that_stops_drawing_is_suspended_by_itself() -> None:
    story = Story().charging()
    assert story.status() is StallStatus.CHARGING
    story.after(5).read("B", 1010, 3.0)
    assert story.status() is StallStatus.SUSPENDED_EV


def test_unplugging_ends_the_session_with_its_last_watt_hour_and_locks() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0)
    effects = story.after(5).read("A", 1022)
    assert story.state.session is None
    assert story.status() is StallStatus.AVAILABLE
    assert Disable() in effects
    assert Announce("session", "ended", {"mode": "fast", "reason": "unplugged", "energy_wh": 22}) in effects
    assert story.records("session_ended") == [
        {
            "session_id": f"{1:032x}",
            "stall_id": STALL,
            "stop_reason": "unplugged",
            "register_start_wh": 1000,
            "register_end_wh": 1022,
            "energy_wh": 22,
        }
    ]
    slices = story.records("slice")
    assert [(piece["register_start_wh"], piece["register_end_wh"]) for piece in slices] == [(1000, 1000), (1000, 1022)]
    assert (slices[0]["start"], slices[0]["end"]) == ("2026-06-29T12:00:05Z", "2026-06-29T12:00:10Z")
    assert (slices[1]["charging_s"], slices[1]["suspended_s"], slices[1]["limit_a"]) == (10, 0, 16)
    kinds = [effect.kind for effect in effects if isinstance(effect, Record)]
    assert kinds == ["slice", "session_ended"]


def test_the_next_car_is_another_plug_epoch_and_finds_the_stall_locked() -> None:
    story = Story().charging()
    story.after(5).read("A")
    story.after(5).read("B")
    assert story.state.plug_epoch == 2
    assert story.status() is StallStatus.PREPARING
    assert story.offer(16) == ()


def test_a_stop_locks_at_once_and_ends_when_the_car_has_let_go() -> None:
    story = Story().charging(register_wh=1000)
    effects = story.after(5).tell(StopAsked(StopReason.PERSON))
    assert effects == (Persist(), Disable())
    assert story.status() is StallStatus.FINISHING
    assert not story.state.wants_current
    story.after(2).read("C", 1012, 4000.0)
    assert story.state.session is not None
    story.after(2).read("B", 1013, 0.0)
    assert story.state.session is None
    assert story.status() is StallStatus.FINISHING
    assert story.records("session_ended")[0]["energy_wh"] == 13
    assert story.records("session_ended")[0]["stop_reason"] == "person"


def test_a_reading_taken_before_the_stop_does_not_end_it() -> None:
    story = Story().charging()
    story.after(5).tell(StopAsked(StopReason.PERSON))
    on_its_way = Reading(
        at=story.now.at - timedelta(seconds=2), mono_s=story.now.mono_s - 2, pilot=Pilot.B, power_w=0.0
    )
    story.tell(ReadingTaken(on_its_way))
    assert story.state.session is not None


def test_a_car_that_keeps_drawing_after_the_stop_does_so_for_half_a_minute_on_its_session() -> None:
    story = Story().charging(register_wh=1000)
    story.tell(StopAsked(StopReason.PERSON))
    for second in range(5, 31, 5):
        story.after(5).read("C", 1000 + second, 11000.0, enabled=True)
    assert story.records("session_ended")[0]["energy_wh"] == 30
    effects = story.after(5).read("C", 1040, 11000.0, enabled=True)
    assert UnauthorisedEnergy(10) in effects


def test_a_gate_found_open_without_session_is_closed_again_every_ten_seconds() -> None:
    story = Story()
    story.read("A")
    assert Disable() in story.after(5).read("C", 1000, 11000.0, enabled=True)
    assert Disable() not in story.after(5).read("C", 1015, 11000.0, enabled=True)
    assert Disable() in story.after(5).read("C", 1030, 11000.0, enabled=True)


def test_energy_without_session_is_nobodys() -> None:
    story = Story()
    story.read("B", 1000)
    effects = story.after(5).read("C", 1015, 11000.0)
    assert UnauthorisedEnergy(15) in effects
    story.after(5).authorise()
    assert story.records("slice") == [
        {
            "stall_id": STALL,
            "session_id": None,
            "epoch": 1,
            "start": "2026-06-29T12:00:00Z",
            "end": "2026-06-29T12:00:05Z",
            "register_start_wh": 1000,
            "register_end_wh": 1015,
            "charging_s": 0,
            "suspended_s": 0,
            "limit_a": 0,
            "estimated": False,
        }
    ]
    assert story.records("session_started")[0]["register_start_wh"] == 1015


def test_authorised_before_the_plug_a_native_stall_stays_locked_until_it_comes() -> None:
    story = Story()
    story.read("A")
    story.authorise()
    assert story.records("session_authorised")[0]["plug_epoch"] is None
    assert not story.state.wants_current
    assert story.offer(16) == ()
    assert story.status() is StallStatus.PREPARING
    story.after(20).read("B")
    assert story.records("session_started")[0]["plug_epoch"] == 1
    assert story.offer(16) == (Persist(), Enable(16))


def test_an_authorisation_without_plug_is_over_after_three_minutes() -> None:
    story = Story()
    story.read("A")
    story.authorise()
    assert story.after(179).tell(Ticked()) == ()
    effects = story.after(1).tell(Ticked())
    assert Disable() in effects
    assert story.records("session_ended") == [
        {
            "session_id": f"{1:032x}",
            "stall_id": STALL,
            "stop_reason": "no_plug",
            "register_start_wh": None,
            "register_end_wh": None,
            "energy_wh": 0,
        }
    ]


def test_a_plug_that_comes_too_late_finds_the_stall_locked() -> None:
    story = Story()
    story.read("A")
    story.authorise()
    story.after(181).read("B")
    assert story.state.session is None
    assert story.status() is StallStatus.PREPARING
    assert story.offer(16) == ()


def test_a_contactor_closes_while_armed_and_starts_when_the_car_shows() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    assert story.state.wants_current
    assert story.offer(16) == (Persist(), Enable(16))
    story.after(5).tell(ConnectorLost("booting"))
    assert story.status() is StallStatus.PREPARING
    story.after(40).read("C", 1012, 11000.0, enabled=True)
    assert story.status() is StallStatus.CHARGING
    story.after(5).read("A", 1020, 0.0, enabled=True)
    assert story.records("session_ended")[0]["energy_wh"] == 20
    assert story.records("session_started")[0]["register_start_wh"] == 1000


def test_a_contactor_opens_again_when_no_car_comes() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.offer(16)
    story.after(60).read("A", 1001, 4.0, enabled=True)
    effects = story.after(120).tell(Ticked())
    assert Disable() in effects
    assert story.records("session_ended")[0]["energy_wh"] == 0


def test_who_waits_for_current_behind_a_contactor_is_not_sent_away_for_want_of_a_car() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.offer(0)  # the circuit is full
    story.after(1800).tell(Ticked())
    assert story.state.session is not None
    story.offer(16)
    story.after(60).read("C", 1012, 11000.0, enabled=True)
    assert story.status() is StallStatus.CHARGING


def test_the_wait_for_a_car_begins_when_the_contactor_may_close() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.after(1800)
    story.offer(16)
    story.after(170).tell(Ticked())
    assert story.state.session is not None
    assert Disable() in story.after(10).tell(Ticked())
    assert story.records("session_ended")[0]["stop_reason"] == "no_plug"


def test_a_car_that_goes_on_after_the_stop_does_so_on_its_session_until_the_contactor_had_to_open() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.offer(16)
    story.after(30).read("C", 1000, 11000.0, enabled=True)
    story.tell(StopAsked(StopReason.PERSON))
    story.after(60).read("C", 1180, 11000.0, enabled=True)
    assert story.state.session is not None
    story.after(3).read("X", 1190, 0.0, enabled=False)
    assert story.records("session_ended")[0]["energy_wh"] == 190


def test_a_contactor_that_does_not_open_keeps_no_session_for_ever() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.offer(16)
    story.after(30).read("C", 1000, 11000.0, enabled=True)
    story.tell(StopAsked(StopReason.PERSON))
    story.after(89).read("C", 1270, 11000.0, enabled=True)
    assert story.state.session is not None
    story.after(1).read("C", 1273, 11000.0, enabled=True)
    assert story.state.session is None


def test_a_dark_connector_behind_an_open_contactor_is_available() -> None:
    story = Story(CONTACTOR)
    story.tell(ConnectorLost("no power"))
    assert story.status() is StallStatus.AVAILABLE


def test_behind_an_open_contactor_the_car_is_forgotten() -> None:
    story = Story(CONTACTOR)
    story.read("X", 1000, 0.0, enabled=False)
    story.authorise()
    story.offer(16)
    story.after(30).read("C", 1000, 11000.0, enabled=True)
    story.tell(StopAsked(StopReason.PERSON))
    story.after(5).read("X", 1003, 0.0, enabled=False)
    assert story.state.session is None
    story.after(5).read("X", 1003, 0.0, enabled=False)
    assert not story.state.plugged
    assert story.status() is StallStatus.AVAILABLE


def test_an_enable_that_fails_before_anything_flowed_ends_the_session() -> None:
    story = Story()
    story.read("B")
    story.authorise()
    story.offer(16)
    effects = story.after(17).tell(EnableFailed("no answer"))
    assert Disable() in effects
    assert story.records("session_ended")[0]["stop_reason"] == "start_failed"


def test_an_enable_that_fails_later_never_cuts_a_session() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0, enabled=True)
    story.tell(EnableFailed("no answer"))
    assert story.state.session is not None
    assert Disable() not in story.after(20).read("C", 1030, 11000.0, enabled=True)
    assert story.offer(16) == (Enable(16),)


def test_a_disable_that_failed_is_asked_again_until_the_gate_is_seen_closed() -> None:
    story = Story().charging()
    story.after(5).read("A", 1010, 0.0)
    story.after(5).tell(DisableFailed("no answer"))
    assert story.after(5).tell(Ticked()) == ()
    assert story.after(5).tell(Ticked()) == (Disable(),)
    story.after(5).read("A", 1010, 0.0, enabled=False)
    assert story.after(20).tell(Ticked()) == ()


def test_a_charger_that_rebooted_in_a_session_is_opened_again() -> None:
    story = Story().charging()
    assert Enable(16) not in story.read("B", 1000, 0.0, enabled=False)
    assert Enable(16) in story.after(10).read("B", 1000, 0.0, enabled=False)


def test_a_limit_above_what_was_offered_is_corrected() -> None:
    story = Story().charging(limit_a=10)
    assert SetLimit(10) in story.after(10).read("C", 1010, 11000.0, enabled=True, limit_a=16.0)
    assert SetLimit(10) not in story.after(10).read("C", 1020, 6900.0, enabled=True, limit_a=10.0)


def test_a_pause_offers_nothing_until_it_is_over() -> None:
    story = Story().charging()
    assert SetLimit(0) in story.after(5).tell(PauseAsked(paused=True))
    assert story.state.limit_reason is LimitReason.PAUSED
    assert story.offer(16) == ()
    story.after(5).read("B", 1010, 0.0)
    assert story.status() is StallStatus.SUSPENDED_EVSE
    assert Announce("session", "resumed", {"mode": "fast"}) in story.tell(PauseAsked(paused=False))
    assert story.offer(16) == (SetLimit(16),)


def test_a_pause_without_session_is_nothing() -> None:
    story = Story()
    story.read("A")
    assert story.tell(PauseAsked(paused=True)) == ()
    assert not story.state.paused


def test_the_mode_of_a_running_session_can_change() -> None:
    story = Story().charging()
    assert story.tell(ModeAsked(ChargeMode.SOLAR_ONLY)) == (Persist(),)
    assert story.state.session is not None
    assert story.state.session.mode is ChargeMode.SOLAR_ONLY


def test_a_second_authorisation_on_an_open_session_is_illegal_and_changes_nothing() -> None:
    story = Story().charging()
    before = story.state
    with pytest.raises(IllegalMove, match=r"while .* is open \(charging\)"):
        story.tell(Authorised(a_session(story.now.at, 2)))
    assert story.state == before


def test_a_session_of_another_stall_is_illegal() -> None:
    story = Story()
    story.read("B")
    with pytest.raises(IllegalMove, match="stall-9"):
        story.tell(Authorised(replace(a_session(NOON), stall_id=StallId("stall-9"))))


def test_a_denial_is_written_and_announced_without_a_name() -> None:
    story = Story()
    effects = story.tell(Denied(CredentialKind.CARD, DenyReason.UNKNOWN_CARD))
    assert effects == (
        Record(
            "denied",
            NOON,
            {
                "stall_id": STALL,
                "credential_kind": "card",
                "reason": "unknown_card",
                "resident_id": None,
                "credential_id": None,
            },
        ),
        Persist(),
        Announce("authorisation", "denied", {"credential": "card", "reason": "unknown_card"}),
    )


def test_a_removed_stall_ends_its_session_and_is_left_locked() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0)
    effects = story.tell(Removed())
    assert effects[-2] == Disable()
    assert story.records("session_ended")[0]["stop_reason"] == "removed"


def test_a_removed_stall_leaves_no_watt_hour_behind() -> None:
    story = Story()
    story.read("A", 1000)
    story.after(5).read("A", 1003)
    story.tell(Removed())
    assert [piece["register_end_wh"] for piece in story.records("slice")] == [1003]


def test_new_settings_leave_a_running_session_alone() -> None:
    story = Story().charging()
    changed = reconfigured(story.state, replace(CONFIG, max_current_a=32, name="By the door"))
    assert changed == replace(story.state, config=changed.config)
    with pytest.raises(ValueError, match="stall-9"):
        reconfigured(story.state, replace(CONFIG, id=StallId("stall-9")))


def test_a_fault_is_shown_and_ends_nothing() -> None:
    story = Story().charging()
    story.after(5).read("E", 1010, 0.0, fault="ground fault")
    assert story.status() is StallStatus.FAULTED
    assert story.state.session is not None


def test_a_meter_reset_in_a_session_begins_an_epoch_and_the_session_goes_on() -> None:
    story = Story().charging(register_wh=1000)
    story.after(5).read("C", 1015, 11000.0)
    story.after(5).read("C", 3, 11000.0)
    story.after(5).read("C", 18, 11000.0)
    story.after(5).read("A", 20, 0.0)
    assert story.records("epoch")[-1] == {
        "stall_id": STALL,
        "number": 2,
        "register_wh": 3,
        "reason": "reset",
        "serial": None,
    }
    ended = story.records("session_ended")[0]
    assert ended["energy_wh"] == 15 + 17
    assert (ended["register_start_wh"], ended["register_end_wh"]) == (1000, 20)
    of_session = [piece for piece in story.records("slice") if piece["session_id"] is not None]
    assert [(piece["epoch"], piece["register_start_wh"], piece["register_end_wh"]) for piece in of_session][1:] == [
        (1, 1000, 1015),
        (2, 3, 20),
    ]


def test_an_older_reading_changes_nothing() -> None:
    story = Story().charging()
    before = story.state
    story.now = replace(story.now, mono_s=story.now.mono_s - 5)
    assert story.read("A", 1000) == ()
    assert story.state == before


def test_an_offer_to_a_stall_that_wants_none_is_nothing() -> None:
    story = Story()
    story.read("A")
    assert story.tell(OfferDecided(16, LimitReason.NONE)) == ()
    assert story.state.limit_reason is LimitReason.NO_SESSION
