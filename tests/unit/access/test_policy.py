"""Who is let in, and why not."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.evshare.access import (
    AccessView,
    Ask,
    CardAsk,
    CardRecord,
    Denial,
    Grant,
    Ignored,
    PhoneAsk,
    Toggle,
    UserAsk,
    decide,
)
from custom_components.evshare.charging import StallState, initial
from custom_components.evshare.model import (
    CardId,
    ChargeMode,
    Credential,
    CredentialKind,
    DenyReason,
    Moment,
    Resident,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StallId,
    StallStatus,
    StopReason,
)

NOON = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
NOW = Moment(at=NOON, mono_s=10_000.0)
ANNA, BRUNO, CARLA = ResidentId("anna"), ResidentId("bruno"), ResidentId("carla")
CONFIG = StallConfig(id=StallId("stall-1"), name="Stall 1", connector="keba_p30", max_current_a=16)

VIEW = AccessView(
    residents={
        ANNA: Resident(id=ANNA, name="Anna", ha_user_id="user-anna"),
        BRUNO: Resident(id=BRUNO, name="Bruno", blocked=True),
        CARLA: Resident(id=CARLA, name="Carla"),
    },
    cards=(
        CardRecord(id=CardId("c0"), resident_id=ANNA, fingerprints=("anna-card",)),
        CardRecord(id=CardId("c1"), resident_id=ANNA, fingerprints=("anna-lost-card",), blocked=True),
        CardRecord(id=CardId("c2"), resident_id=BRUNO, fingerprints=("bruno-card",)),
        CardRecord(id=CardId("c3"), resident_id=ResidentId("moved-out"), fingerprints=("old-card",)),
        CardRecord(id=CardId("c4"), resident_id=CARLA, fingerprints=("carla-card",)),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Stall:
    """A stall as the policy sees it."""

    config: StallConfig = CONFIG
    status: StallStatus = StallStatus.AVAILABLE
    plugged: bool = False
    plug_epoch: int = 4
    plugged_mono_s: float | None = None
    session: Session | None = None
    finished_on_epoch: int | None = None
    finished_resident_id: ResidentId | None = None


FREE = Stall()
PLUGGED = Stall(status=StallStatus.PREPARING, plugged=True, plugged_mono_s=NOW.mono_s - 20)
PLUGGED_LONG_AGO = replace(PLUGGED, plugged_mono_s=NOW.mono_s - 301)
PLUGGED_UNSEEN = replace(PLUGGED, plugged_mono_s=None)


def session_of(resident_id: ResidentId, *, ago_s: float = 600, stopping: bool = False) -> Session:
    return Session(
        id=SessionId("5e55"),
        stall_id=StallId("stall-1"),
        credential=Credential(kind=CredentialKind.PHONE, id="ask-0", resident_id=resident_id),
        mode=ChargeMode.FAST,
        authorised_at=NOON - timedelta(seconds=ago_s),
        stop_reason=StopReason.PERSON if stopping else None,
    )


CHARGING_ANNA = replace(PLUGGED, status=StallStatus.CHARGING, session=session_of(ANNA))
PHONE = PhoneAsk(id="ask-1", resident_id=ANNA, plug_epoch=4, expires_at=NOON + timedelta(seconds=30))
PHONE_BEFORE_PLUG = replace(PHONE, plug_epoch=None)
USER = UserAsk(user_id="user-anna", is_admin=False, resident_id=ANNA)
ADMIN = UserAsk(user_id="user-admin", is_admin=True, resident_id=CARLA)


@pytest.mark.parametrize(
    ("reason", "ask", "stall", "view"),
    [
        (DenyReason.UNKNOWN_CARD, CardAsk(fingerprint="stranger"), PLUGGED, VIEW),
        (DenyReason.BLOCKED_CARD, CardAsk(fingerprint="anna-lost-card"), PLUGGED, VIEW),
        (DenyReason.UNKNOWN_RESIDENT, CardAsk(fingerprint="old-card"), PLUGGED, VIEW),
        (DenyReason.UNKNOWN_RESIDENT, replace(PHONE, resident_id=ResidentId("nobody")), PLUGGED, VIEW),
        (DenyReason.UNKNOWN_RESIDENT, replace(ADMIN, resident_id=ResidentId("nobody")), PLUGGED, VIEW),
        (DenyReason.BLOCKED_RESIDENT, CardAsk(fingerprint="bruno-card"), PLUGGED, VIEW),
        (DenyReason.BLOCKED_RESIDENT, CardAsk(fingerprint="carla-card"), PLUGGED, replace(VIEW, blocked={CARLA})),
        (DenyReason.BLOCKED_RESIDENT, PHONE, PLUGGED, replace(VIEW, blocked={ANNA})),
        (DenyReason.STALL_IN_USE, CardAsk(fingerprint="carla-card"), CHARGING_ANNA, VIEW),
        (DenyReason.STALL_IN_USE, PHONE, CHARGING_ANNA, VIEW),
        (DenyReason.STALL_IN_USE, ADMIN, CHARGING_ANNA, VIEW),
        (
            DenyReason.STALL_IN_USE,
            CardAsk(fingerprint="anna-card"),
            replace(CHARGING_ANNA, session=session_of(ANNA, stopping=True)),
            VIEW,
        ),
        (DenyReason.STALL_UNAVAILABLE, CardAsk(fingerprint="anna-card"), Stall(status=StallStatus.UNAVAILABLE), VIEW),
        (DenyReason.STALL_UNAVAILABLE, PHONE_BEFORE_PLUG, Stall(status=StallStatus.FAULTED), VIEW),
        (DenyReason.PLUG_TOO_OLD, PHONE, PLUGGED_LONG_AGO, VIEW),
        (DenyReason.PLUG_TOO_OLD, PHONE, PLUGGED_UNSEEN, VIEW),
        (DenyReason.PLUG_TOO_OLD, USER, PLUGGED_LONG_AGO, VIEW),
        (
            DenyReason.PLUG_TOO_OLD,
            PHONE,
            replace(PLUGGED_LONG_AGO, finished_on_epoch=4, finished_resident_id=CARLA),
            VIEW,
        ),
        (
            DenyReason.PLUG_TOO_OLD,
            PHONE,
            replace(PLUGGED_LONG_AGO, finished_on_epoch=3, finished_resident_id=ANNA),
            VIEW,
        ),
        (DenyReason.PLUG_CHANGED, replace(PHONE, plug_epoch=3), PLUGGED, VIEW),
        (DenyReason.PLUG_CHANGED, PHONE_BEFORE_PLUG, PLUGGED, VIEW),
        (DenyReason.PLUG_CHANGED, PHONE, FREE, VIEW),
        (DenyReason.EXPIRED, replace(PHONE, expires_at=NOON), PLUGGED, VIEW),
        (DenyReason.QUOTA, CardAsk(fingerprint="anna-card"), PLUGGED, replace(VIEW, open_sessions=[session_of(ANNA)])),
        (DenyReason.NOT_ALLOWED, replace(USER, user_id=None), PLUGGED, VIEW),
        (DenyReason.NOT_ALLOWED, replace(USER, user_id="user-somebody"), PLUGGED, VIEW),
        (DenyReason.NOT_ALLOWED, replace(ADMIN, user_id=None), PLUGGED, VIEW),
        (DenyReason.NOT_ALLOWED, replace(USER, resident_id=CARLA), PLUGGED, VIEW),
        (DenyReason.NOT_ALLOWED, UserAsk(user_id=None, is_admin=False, resident_id=CARLA), PLUGGED, VIEW),
    ],
)
def test_is_refused(reason: DenyReason, ask: Ask, stall: Stall, view: AccessView) -> None:
    answer = decide(ask, view, stall, NOW)
    assert isinstance(answer, Denial)
    assert answer.reason is reason


@pytest.mark.parametrize(
    ("kind", "resident_id", "ask", "stall"),
    [
        (CredentialKind.CARD, ANNA, CardAsk(fingerprint="anna-card"), PLUGGED),
        (CredentialKind.CARD, ANNA, CardAsk(fingerprint="anna-card"), PLUGGED_LONG_AGO),
        (CredentialKind.CARD, ANNA, CardAsk(fingerprint="anna-card"), PLUGGED_UNSEEN),
        (CredentialKind.CARD, ANNA, CardAsk(fingerprint="anna-card"), FREE),
        (CredentialKind.PHONE, ANNA, PHONE, PLUGGED),
        (CredentialKind.PHONE, ANNA, PHONE, replace(PLUGGED, plugged_mono_s=NOW.mono_s - 300)),
        (CredentialKind.PHONE, ANNA, PHONE_BEFORE_PLUG, FREE),
        (
            CredentialKind.PHONE,
            ANNA,
            PHONE,
            replace(PLUGGED_LONG_AGO, finished_on_epoch=4, finished_resident_id=ANNA),
        ),
        (CredentialKind.HA_USER, ANNA, USER, PLUGGED),
        (CredentialKind.HA_USER, ANNA, USER, FREE),
        (CredentialKind.HA_USER, CARLA, ADMIN, PLUGGED_LONG_AGO),
    ],
)
def test_is_let_in(kind: CredentialKind, resident_id: ResidentId, ask: Ask, stall: Stall) -> None:
    answer = decide(ask, VIEW, stall, NOW)
    assert isinstance(answer, Grant)
    assert (answer.credential.kind, answer.credential.resident_id) == (kind, resident_id)


def test_a_grant_carries_the_card_and_the_mode() -> None:
    answer = decide(CardAsk(fingerprint="anna-card", mode=ChargeMode.SOLAR_ONLY), VIEW, PLUGGED, NOW)
    credential = Credential(kind=CredentialKind.CARD, id="c0", resident_id=ANNA)
    assert answer == Grant(credential=credential, mode=ChargeMode.SOLAR_ONLY)


def test_an_unknown_card_is_refused_without_a_resident() -> None:
    answer = decide(CardAsk(fingerprint="stranger"), VIEW, PLUGGED, NOW)
    assert answer == Denial(reason=DenyReason.UNKNOWN_CARD, credential_kind=CredentialKind.CARD, resident_id=None)


def test_the_same_residents_card_ends_their_session() -> None:
    assert decide(CardAsk(fingerprint="anna-card"), VIEW, CHARGING_ANNA, NOW) == Toggle(session_id=SessionId("5e55"))


def test_a_blocked_resident_may_still_end_their_session_by_card() -> None:
    view = replace(VIEW, blocked={ANNA})
    assert isinstance(decide(CardAsk(fingerprint="anna-card"), view, CHARGING_ANNA, NOW), Toggle)


@pytest.mark.parametrize(("ago_s", "answer"), [(0, Ignored), (9.9, Ignored), (10, Toggle)])
def test_a_second_tap_within_ten_seconds_does_not_end_what_the_first_began(ago_s: float, answer: type) -> None:
    stall = replace(CHARGING_ANNA, session=session_of(ANNA, ago_s=ago_s))
    assert isinstance(decide(CardAsk(fingerprint="anna-card"), VIEW, stall, NOW), answer)


def test_a_session_that_is_stopping_counts_against_nobody() -> None:
    view = replace(VIEW, open_sessions=[session_of(ANNA, stopping=True)])
    assert isinstance(decide(CardAsk(fingerprint="anna-card"), view, PLUGGED, NOW), Grant)


def test_somebody_elses_session_counts_not_against_me() -> None:
    view = replace(VIEW, open_sessions=[session_of(CARLA)])
    assert isinstance(decide(CardAsk(fingerprint="anna-card"), view, PLUGGED, NOW), Grant)


def test_a_stalls_state_is_all_the_policy_needs() -> None:
    state: StallState = replace(initial(CONFIG, NOW), online=True)
    assert isinstance(decide(CardAsk(fingerprint="anna-card"), VIEW, state, NOW), Grant)
