"""Every message of docs/link.md, as the golden files have it."""

from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.evshare.journal import StoredRecord
from custom_components.evshare.link import messages, picture
from custom_components.evshare.link.messages import (
    Ack,
    BadMessage,
    BlockedTold,
    CostTold,
    EnrolAsk,
    Refusal,
    ResendAsk,
    RoleAsk,
    SetModeAsk,
    StartAsk,
    StopAsk,
    Welcome,
)
from custom_components.evshare.model import Building, ChargeMode, Resident, ResidentId, StallConfig, StallId

GOLDEN = Path(__file__).parents[2] / "golden" / "link"
SESSION = "5e551000000000000000000000000001"
INCARNATION = "1ca1000000000000000000000000000a"


def _golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


BUILDING = Building(
    id="b0000000000000000000000000000001",
    name="Lindenhof",
    currency="EUR",
    time_zone="Europe/Berlin",
    fuse_a=63,
    stalls=(StallConfig(id=StallId("stall-1"), name="Stall 1", connector="keba_p30", max_current_a=16),),
    residents=(Resident(id=ResidentId("res-1"), name="Ada Larsen"),),
)

FROM_APP = {
    "welcome": Welcome(version=1, ack_seq=0),
    "ack": Ack(incarnation=INCARNATION, ack_seq=7),
    "error_gap": Refusal(code="gap", message="records continue at 8", ack_seq=7),
    "error_unsupported_version": Refusal(
        code="unsupported_version", message="this app speaks link versions 1", ack_seq=None
    ),
    "ask_start": StartAsk(
        id="ask-1",
        stall_id=StallId("stall-1"),
        resident_id=ResidentId("res-1"),
        plug_epoch=3,
        mode=ChargeMode.FAST,
        expires_at=datetime(2026, 6, 29, 18, 5, tzinfo=UTC),
    ),
    "ask_stop": StopAsk(id="ask-2", session_id=SESSION, resident_id=ResidentId("res-1")),  # type: ignore[arg-type]
    "ask_set_mode": SetModeAsk(
        id="ask-3",
        session_id=SESSION,  # type: ignore[arg-type]
        resident_id=ResidentId("res-1"),
        mode=ChargeMode.SOLAR_ONLY,
    ),
    "ask_enrol_card": EnrolAsk(id="ask-4", resident_id=ResidentId("res-1"), stall_id=StallId("stall-1"), timeout_s=60),
    "ask_role": RoleAsk(id="ask-5", user_id="u1"),
    "ask_resend": ResendAsk(id="ask-6", from_seq=1),
    "tell_blocked": BlockedTold(resident_ids=(ResidentId("res-9"),)),
    "tell_cost": CostTold(session_id=SESSION, amount_minor=412, currency="EUR"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", FROM_APP)
def test_what_the_app_says_is_understood(name: str) -> None:
    assert messages.parse(json.dumps(_golden(name))) == FROM_APP[name]


def test_every_golden_message_is_tested_from_this_side() -> None:
    to_app = {"hello", "building", "records", "live", "answer_ok", "answer_denied", "tell_office_ticket"}
    assert {file.stem for file in GOLDEN.glob("*.json")} == to_app | FROM_APP.keys()


def test_the_building_is_described() -> None:
    described = picture.described(BUILDING, {})
    assert messages.hello(INCARNATION, 7, described) == _golden("hello")
    assert messages.building(described) == _golden("building")


def test_records_go_out_as_they_were_written() -> None:
    golden = _golden("records")
    stored = [
        StoredRecord(seq=r["seq"], kind=r["kind"], at=datetime.fromisoformat(r["at"]), body=r["body"])
        for r in golden["records"]
    ]
    assert messages.records(INCARNATION, stored) == golden


def test_answers_and_tickets_are_built() -> None:
    assert messages.answer("ask-1", messages.accepted({"session_id": SESSION})) == _golden("answer_ok")
    denial = messages.refused("plug_too_old", "The car was plugged in more than 5 minutes ago.")
    assert messages.answer("ask-1", denial) == _golden("answer_denied")
    ticket = messages.office_ticket(
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "u1",
        "Manager",
        datetime(2026, 6, 29, 18, 1, tzinfo=UTC),
    )
    assert ticket == _golden("tell_office_ticket")


def _broken(name: str, **changes: Any) -> str:
    frame = _golden(name)
    body = frame.get("body", {})
    for key, value in changes.items():
        target = body if key in body else frame
        if value is ...:
            del target[key]
        else:
            target[key] = value
    return json.dumps(frame)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "not JSON"),
        ("[]", "a frame is a JSON object, got list"),
        (_broken("ack", v=2), "v: got 2, this integration speaks 1"),
        (_broken("ack", v=True), "v: got True"),
        (_broken("ack", v=...), "v: got None"),
        (_broken("ack", type="nack"), "type: got 'nack', accepted are welcome, ack, ask, tell, error"),
        (_broken("ack", ack_seq=...), "ack_seq is missing"),
        (_broken("ack", ack_seq="7"), 'ack_seq: got "7", accepted is an integer'),
        (_broken("ack", ack_seq=True), "ack_seq: got true, accepted is an integer"),
        (_broken("ack", ack_seq=-1), "ack_seq: got -1, accepted is an integer from 0"),
        (_broken("tell_blocked", resident_ids=[1]), r"body.resident_ids: got \[1\], accepted is a list of texts"),
        (_broken("tell_cost", what="joke"), "what: got 'joke', accepted to tell are blocked, cost"),
        (_broken("ask_start", what="fly"), "what: got 'fly', accepted to ask are start, stop"),
        (_broken("ask_start", body=[]), r"body: got \[\], accepted is an object"),
        (_broken("ask_start", mode="turbo"), 'body.mode: got "turbo", accepted is fast, solar_only'),
        (_broken("ask_start", expires_at="soon"), 'body.expires_at: got "soon", accepted is a time like'),
        (_broken("ask_start", expires_at="2026-06-29T18:05:00"), "body.expires_at: .* accepted is a time like"),
        (_broken("ask_start", stall_id=""), 'body.stall_id: got "", accepted is a text of 1 to 1000 characters'),
        (_broken("ask_stop", by="fate"), 'body.by: got "fate", accepted is resident, office'),
        (_broken("ask_enrol_card", timeout_s=0), "body.timeout_s: got 0, accepted is an integer from 1 to 600"),
        (_broken("ask_resend", from_seq=0), "body.from_seq: got 0, accepted is an integer from 1"),
    ],
)
def test_what_cannot_be_understood_is_named(text: str, says: str) -> None:
    with pytest.raises(BadMessage, match=says):
        messages.parse(text)


def test_a_broken_ask_can_still_be_answered() -> None:
    with pytest.raises(BadMessage) as broken:
        messages.parse(_broken("ask_start", mode="turbo"))
    assert broken.value.ask_id == "ask-1"
    with pytest.raises(BadMessage) as unsupported:
        messages.parse(_broken("ask_start", v=9))
    assert unsupported.value.code == "unsupported_version"


def test_the_offices_stop_needs_no_resident() -> None:
    parsed = messages.parse(_broken("ask_stop", by="office", resident_id=None))
    assert isinstance(parsed, StopAsk)
    assert parsed.resident_id is None
