"""Cars by the identifier they tell, and what is kept of it."""

from dataclasses import replace

import pytest

from custom_components.evshare.access import (
    BadEvId,
    CarAsk,
    CarEvidence,
    CarOptIn,
    CarRecord,
    Denial,
    Grant,
    ResidentRules,
    car_fingerprint,
    decide,
    fingerprint,
    match_car,
    normalise_ev_id,
)
from custom_components.evshare.model import CarId, CredentialKind, DenyReason

from .house import ANNA, CARLA, NOW, PLUGGED, PLUGGED_LONG_AGO, STALL_2, VIEW, session_of

KEY = bytes(range(32))
MAC = bytes.fromhex("0080E1A2B3C4")
ZOE = CarRecord(id=CarId("ca50000000000001"), resident_id=ANNA, fingerprint="zoe")
ASK = CarAsk(resident_id=ANNA, evidence=CarEvidence.CAR_ID, plug_epoch=4, car_id=ZOE.id)
OPTED_IN = replace(VIEW, cars={CarOptIn(resident_id=ANNA, evidence=CarEvidence.CAR_ID)})


@pytest.mark.parametrize("told", ["0080E1A2B3C4", "00:80:e1:a2:b3:c4", "00-80-E1-A2-B3-C4", " 0080.e1a2.b3c4 "])
def test_an_identifier_is_the_same_however_a_box_writes_it(told: str) -> None:
    assert normalise_ev_id(told) == MAC


@pytest.mark.parametrize("told", ["", "--", "unknown", "0", "0080E1A2B3", "0080E1A2B3C4D5", "000000000000", "F" * 12])
def test_what_boxes_say_when_they_know_none_is_none_and_not_repeated(told: str) -> None:
    with pytest.raises(BadEvId) as error:
        normalise_ev_id(told)
    assert len(told) < 4 or told not in str(error.value)


def test_what_is_kept_needs_the_key_and_is_no_cards() -> None:
    kept = car_fingerprint(KEY, MAC)
    assert len(kept) == 32
    assert kept != car_fingerprint(bytes(32), MAC)
    long = MAC + bytes(2)
    assert car_fingerprint(KEY, long) != kept
    assert car_fingerprint(KEY, long) != fingerprint(KEY, long), "a card of this number is not the car"
    with pytest.raises(ValueError, match="key: 3 bytes came"):
        car_fingerprint(b"abc", MAC)


def test_a_car_of_two_residents_is_nobodys() -> None:
    assert match_car([ZOE], "zoe") == ZOE
    assert match_car([ZOE], "leaf") is None
    carlas = replace(ZOE, id=CarId("ca50000000000002"), resident_id=CARLA)
    assert match_car([ZOE, carlas], "zoe") is None


def test_a_known_car_is_let_in_where_its_resident_opted_in() -> None:
    answer = decide(ASK, OPTED_IN, PLUGGED, NOW)
    assert isinstance(answer, Grant)
    assert (answer.credential.kind, answer.credential.id) == (CredentialKind.CAR, ZOE.id)
    assert (answer.credential.resident_id, answer.credential.recorded_id) == (ANNA, None)


@pytest.mark.parametrize(
    ("reason", "view", "stall"),
    [
        (DenyReason.NOT_ALLOWED, VIEW, PLUGGED),
        (
            DenyReason.NOT_ALLOWED,
            replace(VIEW, cars={CarOptIn(resident_id=ANNA, evidence=CarEvidence.CAR_ENTITY)}),
            PLUGGED,
        ),
        (DenyReason.NOT_ALLOWED, replace(VIEW, cars={replace(next(iter(OPTED_IN.cars)), resident_id=CARLA)}), PLUGGED),
        (DenyReason.BLOCKED_RESIDENT, replace(OPTED_IN, blocked={ANNA}), PLUGGED),
        (DenyReason.UNKNOWN_RESIDENT, replace(OPTED_IN, residents={}), PLUGGED),
        (DenyReason.PLUG_TOO_OLD, OPTED_IN, PLUGGED_LONG_AGO),
        (DenyReason.PLUG_CHANGED, OPTED_IN, replace(PLUGGED, plug_epoch=5)),
        (
            DenyReason.WRONG_STALL,
            replace(OPTED_IN, rules={ANNA: ResidentRules(stall_ids=frozenset({STALL_2}))}),
            PLUGGED,
        ),
        (DenyReason.MONTH_USED_UP, replace(OPTED_IN, rules={ANNA: ResidentRules(month_wh=0)}), PLUGGED),
    ],
)
def test_a_known_car_is_refused_like_anybody(reason: DenyReason, view: object, stall: object) -> None:
    answer = decide(ASK, view, stall, NOW)  # type: ignore[arg-type]
    assert isinstance(answer, Denial)
    assert (answer.reason, answer.credential_kind) == (reason, CredentialKind.CAR)


def test_a_car_that_charges_elsewhere_is_not_here_too_whatever_its_resident_may() -> None:
    """Perhaps somebody copied what it tells."""
    rules = {ANNA: ResidentRules(sessions=3)}
    elsewhere = session_of(ANNA, kind=CredentialKind.CAR, by=ZOE.id)
    answer = decide(ASK, replace(OPTED_IN, rules=rules, open_sessions=[elsewhere]), PLUGGED, NOW)
    assert isinstance(answer, Denial)
    assert answer.reason is DenyReason.QUOTA
    by_place = session_of(ANNA, kind=CredentialKind.CAR, by=CarEvidence.RESERVED_STALL.value)
    assert isinstance(decide(ASK, replace(OPTED_IN, rules=rules, open_sessions=[by_place]), PLUGGED, NOW), Grant)
    another = replace(ASK, car_id=CarId("ca50000000000009"))
    assert isinstance(decide(another, replace(OPTED_IN, rules=rules, open_sessions=[elsewhere]), PLUGGED, NOW), Grant)
