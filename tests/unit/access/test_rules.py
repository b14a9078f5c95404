"""What rules, cards, passes, holds and cars change about who is let in."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.evshare.access import (
    AccessView,
    Ask,
    CarAsk,
    CardAsk,
    CarEvidence,
    CarOptIn,
    Denial,
    Grant,
    Hold,
    Hours,
    Payer,
    Pot,
    Proof,
    ResidentRules,
    Toggle,
    Used,
    decide,
    month_start,
    rules_body,
    rules_from,
)
from custom_components.evshare.model import CredentialKind, DenyReason, Moment, StallId, StallStatus, StopReason
from tests.unit.access.house import (
    ADMIN,
    ANNA,
    CARD,
    CARLA,
    FREE,
    GUEST,
    NOON,
    NOW,
    PASS,
    PHONE,
    PLUGGED,
    PLUGGED_LONG_AGO,
    STALL_1,
    STALL_2,
    USER,
    VIEW,
    Stall,
    session_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
EVERYBODY = [CARD, PHONE, USER, ADMIN, GUEST]


def ruled(**rules: object) -> AccessView:
    return replace(VIEW, rules={ANNA: ResidentRules(**rules)})  # type: ignore[arg-type]


def reason(ask: Ask, view: AccessView = VIEW, stall: Stall = PLUGGED, now: Moment = NOW) -> DenyReason | None:
    answer = decide(ask, view, stall, now)
    assert isinstance(answer, Denial | Grant)
    return answer.reason if isinstance(answer, Denial) else None


def cap(ask: Ask, view: AccessView) -> int | None:
    answer = decide(ask, view, PLUGGED, NOW)
    assert isinstance(answer, Grant), answer
    return answer.cap_wh


# --- stalls and hours ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", EVERYBODY)
def test_a_resident_and_their_guests_charge_where_the_resident_may(ask: Ask) -> None:
    view = ruled(stall_ids=frozenset({STALL_2}))
    assert reason(ask, view) is DenyReason.WRONG_STALL
    assert reason(ask, view, PLUGGED.named(STALL_2)) is None


def test_a_pass_counts_only_at_its_stalls() -> None:
    guest = replace(GUEST, guest=replace(PASS, stall_ids=frozenset({STALL_2})))
    assert reason(guest) is DenyReason.WRONG_STALL
    assert reason(guest, stall=PLUGGED.named(STALL_2)) is None


@pytest.mark.parametrize("ask", EVERYBODY)
def test_outside_the_hours_nobody_starts_for_the_resident(ask: Ask) -> None:
    # NOON is 14:00 in Berlin.
    afternoon = (Hours(start=time(13), end=time(14)), Hours(start=time(20), end=time(6)))
    view = replace(ruled(hours=afternoon), zone=BERLIN)
    assert reason(ask, view) is DenyReason.OUTSIDE_HOURS
    assert reason(ask, replace(view, rules={ANNA: ResidentRules(hours=(Hours(start=time(14), end=time(15)),))})) is None


@pytest.mark.parametrize(
    ("local", "inside"),
    [
        ("2026-07-03T21:59", False),  # Friday
        ("2026-07-03T22:00", True),
        ("2026-07-04T05:59", True),  # still Friday's window
        ("2026-07-04T06:00", False),
        ("2026-07-04T22:00", False),  # Saturday has none
        ("2026-07-03T05:00", False),  # Thursday has none
    ],
)
def test_a_window_past_midnight_is_that_of_the_day_it_begins(local: str, inside: bool) -> None:
    friday_night = Hours(days=frozenset({5}), start=time(22), end=time(6))
    assert friday_night.covers(datetime.fromisoformat(local)) is inside


def test_sundays_window_ends_on_monday() -> None:
    assert Hours(days=frozenset({7}), start=time(22), end=time(6)).covers(NOON.replace(hour=5))


@pytest.mark.parametrize("at", [time(0), time(11, 59), time(12), time(23, 59)])
def test_a_window_that_ends_when_it_begins_is_the_whole_day(at: time) -> None:
    monday = Hours(days=frozenset({1}), start=time(0), end=time(0))
    assert monday.covers(datetime.combine(NOON, at))
    assert not monday.covers(datetime.combine(NOON + timedelta(days=1), at))


def test_windows_follow_the_clock_on_the_wall_when_summer_time_ends() -> None:
    # 2026-10-25 in Berlin: 03:00 CEST becomes 02:00 CET, so 02:30 comes at 00:30 and at 01:30 UTC.
    hours = Hours(start=time(2, 30), end=time(2, 45))
    inside = [at for at in _quarters(datetime(2026, 10, 25, tzinfo=UTC)) if hours.covers(at.astimezone(BERLIN))]
    assert [at.isoformat(timespec="minutes") for at in inside] == ["2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00"]


def test_a_window_in_the_hour_that_summer_time_skips_is_empty() -> None:
    # 2026-03-29 in Berlin: 02:00 CET becomes 03:00 CEST at 01:00 UTC.
    hours = Hours(start=time(2), end=time(3))
    assert not [at for at in _quarters(datetime(2026, 3, 29, tzinfo=UTC)) if hours.covers(at.astimezone(BERLIN))]


def _quarters(day: datetime) -> list[datetime]:
    return [day + timedelta(minutes=15 * number) for number in range(24)]  # six hours are enough


# --- limits --------------------------------------------------------------------------------------------------------


def test_without_limits_there_is_no_cap() -> None:
    assert [cap(ask, VIEW) for ask in EVERYBODY] == [None] * 5


@pytest.mark.parametrize(
    ("used_wh", "left_wh"), [(0, 300_000), (100_000, 200_000), (299_999, 1), (300_000, None), (400_000, None)]
)
@pytest.mark.parametrize("ask", EVERYBODY)
def test_a_session_gets_what_is_left_of_the_month(ask: Ask, used_wh: int, left_wh: int | None) -> None:
    view = replace(ruled(month_wh=300_000), used=Used(month_wh={ANNA: used_wh, CARLA: 299_000}))
    if left_wh is None:
        assert reason(ask, view) is DenyReason.MONTH_USED_UP
    else:
        assert cap(ask, view) == left_wh


@pytest.mark.parametrize("told_wh", [0, -5, 2_000])
def test_without_credit_nobody_charges_on_it(told_wh: int) -> None:
    view = replace(ruled(left_wh=told_wh), used=Used(since_told_wh={ANNA: 2_000}))
    assert {reason(ask, view) for ask in EVERYBODY} == {DenyReason.NO_CREDIT}


def test_what_was_charged_since_the_app_told_is_taken_off() -> None:
    view = replace(ruled(left_wh=10_000), used=Used(since_told_wh={ANNA: 2_500}))
    assert [cap(ask, view) for ask in EVERYBODY] == [7_500] * 5


def test_a_guest_the_host_does_not_pay_for_uses_up_nothing_of_the_hosts() -> None:
    paid = replace(GUEST, guest=replace(PASS, payer=Payer.GUEST))
    assert cap(paid, ruled(left_wh=0, month_wh=0)) is None
    assert reason(paid, ruled(stall_ids=frozenset())) is DenyReason.WRONG_STALL, "but may no more than they"


@pytest.mark.parametrize(("cap_wh", "expected"), [(1, 1), (20_000, 20_000)])
def test_a_pass_limits_its_guest(cap_wh: int, expected: int) -> None:
    assert cap(replace(GUEST, guest=replace(PASS, cap_wh=cap_wh)), ruled(month_wh=30_000)) == expected


@pytest.mark.parametrize("cap_wh", [0, -1])
def test_a_pass_that_is_used_up_opens_nothing(cap_wh: int) -> None:
    assert reason(replace(GUEST, guest=replace(PASS, cap_wh=cap_wh))) is DenyReason.PASS_EXPIRED


def with_card(**changes: object) -> AccessView:
    first, *others = VIEW.cards
    return replace(VIEW, cards=(replace(first, **changes), *others))  # type: ignore[arg-type]


def test_a_cards_month_is_its_own() -> None:
    view = replace(with_card(month_wh=250_000), used=Used(card_month_wh={"c0": 240_000}))
    assert cap(CARD, view) == 10_000
    assert cap(PHONE, view) is None
    assert cap(CardAsk(fingerprint="anna-spare"), view) is None
    used_up = replace(view, used=Used(card_month_wh={"c0": 250_000}))
    assert reason(CARD, used_up) is DenyReason.CARD_USED_UP
    assert reason(PHONE, used_up) is None


def test_a_card_starts_nothing_in_its_quiet_hours_but_ends_its_session() -> None:
    view = with_card(quiet=Hours(start=time(11), end=time(13)))
    assert reason(CARD, view) is DenyReason.CARD_QUIET
    assert reason(PHONE, view) is None
    charging = replace(PLUGGED, status=StallStatus.CHARGING, session=session_of(at=STALL_1))
    assert isinstance(decide(CARD, view, charging, NOW), Toggle)


def test_the_smallest_of_all_limits_is_the_cap() -> None:
    view = replace(with_card(month_wh=9_000), rules={ANNA: ResidentRules(month_wh=8_000, left_wh=7_000)})
    assert cap(CARD, view) == 7_000
    assert cap(CARD, replace(view, rules={ANNA: ResidentRules(pot=Pot(id="household", left_wh=6_000))})) == 6_000


@pytest.mark.parametrize(("own_wh", "money_wh"), [(9_000, 250_000), (250_000, 9_000), (None, 9_000), (9_000, None)])
def test_of_a_cards_own_limit_and_its_moneys_the_smaller_counts(own_wh: int | None, money_wh: int | None) -> None:
    view = replace(with_card(month_wh=own_wh, money_month_wh=money_wh), used=Used(card_month_wh={"c0": 2_000}))
    assert cap(CARD, view) == 7_000
    assert cap(PHONE, view) is None
    assert reason(CARD, replace(view, used=Used(card_month_wh={"c0": 9_000}))) is DenyReason.CARD_USED_UP


# --- sessions that draw on the same at once ------------------------------------------------------------------------


def sharing(**carlas: object) -> AccessView:
    """Anna and Carla share 10 kWh; Carla has a session that had 1 of the 6 kWh announced to it."""
    running = replace(session_of(CARLA, energy_wh=1_000), **({"cap_wh": 6_000} | carlas))  # type: ignore[arg-type]
    pot = ResidentRules(sessions=2, pot=Pot(id="household", left_wh=10_000))
    used = Used(since_told_wh={CARLA: 1_000})
    return replace(VIEW, rules={ANNA: pot, CARLA: pot}, open_sessions=(running,), used=used)


@pytest.mark.parametrize("ask", EVERYBODY)
def test_what_a_running_session_of_the_same_pot_may_still_use_is_not_given_twice(ask: Ask) -> None:
    assert cap(ask, sharing()) == 4_000
    assert reason(ask, sharing(cap_wh=10_000)) is DenyReason.LEFT_IN_USE


def test_it_is_free_again_when_the_session_has_ended_and_not_before() -> None:
    assert cap(PHONE, sharing(stop_reason=StopReason.PERSON)) == 4_000
    assert cap(PHONE, replace(sharing(), open_sessions=())) == 9_000


def test_a_session_without_an_announced_end_keeps_nothing_for_itself() -> None:
    assert cap(PHONE, sharing(cap_wh=None)) == 9_000


def test_a_guest_whom_somebody_else_pays_for_takes_nothing_of_the_pot() -> None:
    credential = replace(session_of(CARLA).credential, counts=False)
    view = replace(sharing(credential=credential), used=Used())
    assert cap(PHONE, view) == 10_000


def test_another_pot_is_another_matter() -> None:
    view = sharing()
    apart = replace(view, rules={**view.rules, CARLA: ResidentRules(pot=Pot(id="neighbours", left_wh=10_000))})
    assert cap(PHONE, apart) == 10_000


def test_what_is_used_up_is_said_to_be_so_whoever_charges() -> None:
    view = replace(sharing(), used=Used(since_told_wh={ANNA: 9_000, CARLA: 1_000}))
    assert reason(PHONE, view) is DenyReason.NO_CREDIT


@pytest.mark.parametrize("ask", [CARD, GUEST])
@pytest.mark.parametrize("limit", ["month_wh", "left_wh"])
def test_a_residents_own_limits_are_not_used_twice_either(ask: Ask, limit: str) -> None:
    guests = replace(session_of(kind=CredentialKind.PASS, by="pass-2", energy_wh=500), cap_wh=3_000)
    used = Used(month_wh={ANNA: 500}, since_told_wh={ANNA: 500})
    view = replace(ruled(sessions=2, **{limit: 5_000}), open_sessions=(guests,), used=used)
    assert cap(ask, view) == 2_000
    carlas = replace(guests, credential=replace(guests.credential, resident_id=CARLA))
    assert cap(ask, replace(view, open_sessions=(carlas,), used=Used())) == 5_000


def test_every_start_that_was_not_told_of_costs_what_a_start_does() -> None:
    rules = ResidentRules(sessions=2, left_wh=5_000, start_wh=300)
    used = Used(since_told_wh={ANNA: 1_000}, since_told_starts={ANNA: 2, CARLA: 7})
    assert cap(PHONE, replace(VIEW, rules={ANNA: rules}, used=used)) == 3_400


# --- sessions at once ----------------------------------------------------------------------------------------------


def test_a_resident_may_have_as_many_sessions_as_the_rules_say() -> None:
    one, two = [session_of()], [session_of(), session_of(by="ask-9")]
    assert reason(PHONE, replace(VIEW, open_sessions=one)) is DenyReason.QUOTA
    assert reason(PHONE, replace(ruled(sessions=2), open_sessions=one)) is None
    assert reason(PHONE, replace(ruled(sessions=2), open_sessions=two)) is DenyReason.QUOTA


def test_a_card_has_one_session_whatever_its_holder_may_and_shown_elsewhere_it_is_suspicious() -> None:
    of_card = session_of(kind=CredentialKind.CARD, by="c0")
    view = replace(ruled(sessions=3), open_sessions=[of_card])
    assert decide(CARD, view, PLUGGED, NOW) == Denial(
        reason=DenyReason.QUOTA,
        credential_kind=CredentialKind.CARD,
        resident_id=ANNA,
        credential_id="c0",
        elsewhere=True,
    )
    assert reason(CardAsk(fingerprint="anna-spare"), view) is None
    ending = replace(of_card, stop_reason=StopReason.PERSON)
    assert reason(CARD, replace(view, open_sessions=[ending])) is None


def test_a_card_with_a_session_elsewhere_is_suspicious_whatever_the_reason() -> None:
    view = replace(VIEW, open_sessions=[session_of(kind=CredentialKind.CARD, by="c0")])
    taken = replace(PLUGGED, status=StallStatus.CHARGING, session=session_of(CARLA, at=STALL_1))
    answer = decide(CARD, view, taken, NOW)
    assert isinstance(answer, Denial)
    assert (answer.reason, answer.elsewhere) == (DenyReason.STALL_IN_USE, True)


def test_a_phone_that_charges_elsewhere_is_no_copied_card() -> None:
    answer = decide(PHONE, replace(VIEW, open_sessions=[session_of(by="ask-1")]), PLUGGED, NOW)
    assert isinstance(answer, Denial)
    assert not answer.elsewhere


def test_guests_do_not_count_against_their_host_nor_the_host_against_them() -> None:
    guests = session_of(kind=CredentialKind.PASS, by="pass-2")
    assert reason(CARD, replace(VIEW, open_sessions=[guests])) is None
    assert reason(GUEST, replace(VIEW, open_sessions=[session_of()])) is None


def test_a_pass_has_one_session_at_a_time() -> None:
    guests = session_of(kind=CredentialKind.PASS, by="pass-1")
    assert reason(GUEST, replace(ruled(sessions=5), open_sessions=[guests])) is DenyReason.QUOTA


# --- guests --------------------------------------------------------------------------------------------------------


def test_a_guest_is_let_in_as_the_hosts_by_the_pass() -> None:
    answer = decide(GUEST, VIEW, PLUGGED, NOW)
    assert isinstance(answer, Grant)
    assert (answer.credential.kind, answer.credential.id, answer.credential.resident_id) == (
        CredentialKind.PASS,
        "pass-1",
        ANNA,
    )


@pytest.mark.parametrize("ago_s", [0, 60])
def test_a_pass_that_is_over_opens_nothing(ago_s: int) -> None:
    over = replace(GUEST, guest=replace(PASS, expires_at=NOON - timedelta(seconds=ago_s)))
    assert reason(over) is DenyReason.PASS_EXPIRED


def test_a_blocked_hosts_guests_are_blocked() -> None:
    assert reason(GUEST, replace(VIEW, blocked={ANNA})) is DenyReason.BLOCKED_RESIDENT


def test_what_the_host_charged_before_does_not_let_a_guest_in_from_afar() -> None:
    before = replace(PLUGGED_LONG_AGO, finished_on_epoch=4, finished_resident_id=ANNA)
    assert reason(PHONE, stall=before) is None
    assert reason(GUEST, stall=before) is DenyReason.PLUG_TOO_OLD


# --- presence and holds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proof", Proof)
@pytest.mark.parametrize("ask", [PHONE, GUEST])
def test_a_proof_makes_up_for_an_old_plug_in_and_for_nothing_else(ask: object, proof: Proof) -> None:
    proven = replace(ask, proof=proof)  # type: ignore[type-var]
    assert reason(proven, stall=PLUGGED_LONG_AGO) is None  # type: ignore[arg-type]
    for stall in (replace(PLUGGED_LONG_AGO, plug_epoch=5), FREE):
        assert reason(proven, stall=stall) is DenyReason.PLUG_CHANGED  # type: ignore[arg-type]
    taken = replace(PLUGGED_LONG_AGO, session=session_of(CARLA, at=STALL_1))
    assert reason(proven, stall=taken) is DenyReason.STALL_IN_USE  # type: ignore[arg-type]


@pytest.mark.parametrize("ask", EVERYBODY)
def test_a_stall_held_for_somebody_else_opens_for_nobody_until_the_hold_is_over(ask: Ask) -> None:
    hold = Hold(stall_id=STALL_1, resident_id=CARLA, until=NOON + timedelta(seconds=1))
    view = replace(VIEW, holds=(hold,))
    assert reason(ask, view) is DenyReason.HELD
    assert reason(ask, view, PLUGGED.named(STALL_2)) is None
    assert reason(ask, replace(VIEW, holds=(replace(hold, until=NOON),))) is None
    assert reason(ask, replace(VIEW, holds=(replace(hold, resident_id=ANNA),))) is None


# --- plug and charge -----------------------------------------------------------------------------------------------

CAR = CarAsk(resident_id=ANNA, evidence=CarEvidence.CAR_ENTITY, plug_epoch=4)
CARS = replace(VIEW, cars={CarOptIn(resident_id=ANNA, evidence=CarEvidence.CAR_ENTITY)})


def test_a_car_lets_itself_in_where_that_was_opted_in_to() -> None:
    answer = decide(CAR, CARS, PLUGGED, NOW)
    assert isinstance(answer, Grant)
    assert (answer.credential.kind, answer.credential.resident_id) == (CredentialKind.CAR, ANNA)
    assert answer.credential.recorded_id is None


@pytest.mark.parametrize(
    "opted_in",
    [
        frozenset(),
        frozenset({CarOptIn(resident_id=CARLA, evidence=CarEvidence.CAR_ENTITY)}),
        frozenset({CarOptIn(resident_id=ANNA, evidence=CarEvidence.RESERVED_STALL)}),
        frozenset({CarOptIn(resident_id=ANNA, evidence=CarEvidence.CAR_ENTITY, stall_id=STALL_2)}),
    ],
)
def test_a_car_nobody_opted_in_for_stays_outside(opted_in: frozenset[CarOptIn]) -> None:
    assert reason(CAR, replace(VIEW, cars=opted_in)) is DenyReason.NOT_ALLOWED


@pytest.mark.parametrize(
    ("stall", "expected"),
    [
        (replace(PLUGGED, plugged_mono_s=NOW.mono_s - 60), None),
        (replace(PLUGGED, plugged_mono_s=NOW.mono_s - 61), DenyReason.PLUG_TOO_OLD),
        (replace(PLUGGED, plugged_mono_s=None), DenyReason.PLUG_TOO_OLD),
        (replace(PLUGGED, plug_epoch=5), DenyReason.PLUG_CHANGED),
        (FREE, DenyReason.NO_PLUG),
        (replace(PLUGGED_LONG_AGO, finished_on_epoch=4, finished_resident_id=ANNA), DenyReason.PLUG_TOO_OLD),
    ],
)
def test_a_car_is_believed_only_when_it_was_just_plugged_in(stall: Stall, expected: DenyReason | None) -> None:
    assert reason(CAR, CARS, stall) is expected


# --- words ---------------------------------------------------------------------------------------------------------


def test_rules_survive_being_written_down() -> None:
    rules = ResidentRules(
        stall_ids=frozenset({StallId("b"), StallId("a")}),
        hours=(Hours(days=frozenset({1, 5}), start=time(20), end=time(6, 30)),),
        sessions=2,
        month_wh=1,
        left_wh=-1,
        pot=Pot(id="household", left_wh=-2),
        start_wh=3,
    )
    assert rules_body(rules) == {
        "stall_ids": ["a", "b"],
        "hours": [{"days": [1, 5], "from": "20:00", "to": "06:30"}],
        "sessions": 2,
        "month_wh": 1,
        "left_wh": -1,
        "pot": {"pot_id": "household", "left_wh": -2},
        "start_wh": 3,
    }
    assert rules_from(rules_body(rules)) == rules
    assert rules_from(rules_body(ResidentRules())) == ResidentRules()


def test_a_month_begins_at_the_buildings_midnight() -> None:
    # 23:30 UTC on 30 June is 01:30 on 1 July in Berlin.
    assert month_start(datetime(2026, 6, 30, 23, 30, tzinfo=UTC), BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert month_start(datetime(2026, 6, 30, 21, 59, tzinfo=UTC), BERLIN) == datetime(2026, 5, 31, 22, tzinfo=UTC)


def test_where_the_owner_needs_the_app_only_who_knows_better_is_let_in_without_it() -> None:
    car = CarAsk(resident_id=ANNA, evidence=CarEvidence.RESERVED_STALL, plug_epoch=4)
    opted_in = CarOptIn(resident_id=ANNA, evidence=CarEvidence.RESERVED_STALL, stall_id=STALL_1)
    away = replace(VIEW, app_away=True, cars=frozenset({opted_in}))
    for ask in (CARD, USER, car):
        assert isinstance(decide(ask, replace(away, app_away=False), PLUGGED, NOW), Grant)
        refused = decide(ask, away, PLUGGED, NOW)
        assert isinstance(refused, Denial)
        assert refused.reason is DenyReason.APP_AWAY
    for ask in (ADMIN, PHONE):
        assert isinstance(decide(ask, away, PLUGGED, NOW), Grant)
