"""Every message of docs/link.md, as the golden files have it."""

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.evshare.access import Guest, Hold, Hours, Payer, Pot, Proof, ResidentRules
from custom_components.evshare.journal import StoredRecord
from custom_components.evshare.link import frames, picture
from custom_components.evshare.link.messages import (
    Ack,
    AssignCardAsk,
    BadMessage,
    BlockedTold,
    ChangeCardAsk,
    CostTold,
    EnrolAsk,
    HoldsTold,
    Refusal,
    RemoveCardAsk,
    ResendAsk,
    RoleAsk,
    RulesTold,
    SetModeAsk,
    StartAsk,
    StopAsk,
    Welcome,
)
from custom_components.evshare.link.parsing import parse
from custom_components.evshare.model import (
    Building,
    CardId,
    ChargeMode,
    Resident,
    ResidentId,
    StallConfig,
    StallId,
)

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
    price_series=("Day-ahead price", "Grid fee"),
)

CARD = CardId("ca2d000000000001")
START = StartAsk(
    id="ask-1",
    stall_id=StallId("stall-1"),
    resident_id=ResidentId("res-1"),
    plug_epoch=3,
    mode=ChargeMode.FAST,
    expires_at=datetime(2026, 6, 29, 18, 5, tzinfo=UTC),
)
FROM_APP = {
    "welcome": Welcome(version=1, ack_seq=0),
    "ack": Ack(incarnation=INCARNATION, ack_seq=7),
    "error_gap": Refusal(code="gap", message="records continue at 8", ack_seq=7),
    "error_unsupported_version": Refusal(
        code="unsupported_version", message="this app speaks link versions 1", ack_seq=None
    ),
    "ask_start": START,
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
    "welcome_2": Welcome(version=2, ack_seq=0),
    "welcome_3": Welcome(version=3, ack_seq=0),
    "ask_start_2": replace(START, id="ask-7", proof=Proof.TAG),
    "ask_start_guest": replace(
        START,
        id="ask-8",
        guest=Guest(
            pass_id="0a55000000000001",
            stall_ids=frozenset({StallId("stall-1")}),
            cap_wh=20_000,
            expires_at=datetime(2026, 7, 2, 18, 0, tzinfo=UTC),
            payer=Payer.GUEST,
        ),
    ),
    "ask_enrol_card_2": EnrolAsk(
        id="ask-9",
        resident_id=ResidentId("res-1"),
        stall_id=StallId("stall-1"),
        timeout_s=60,
        label="Blue key ring",
    ),
    "ask_change_card": ChangeCardAsk(
        id="ask-10",
        card_id=CARD,
        label="Blue key ring",
        blocked=False,
        month_wh=250_000,
        quiet=Hours(start=time(23), end=time(6)),
    ),
    "ask_enrol_card_3": EnrolAsk(
        id="ask-13",
        resident_id=ResidentId("res-1"),
        stall_id=StallId("stall-1"),
        timeout_s=60,
        label="Blue key ring",
        by_holder=True,
    ),
    "ask_change_card_3": ChangeCardAsk(
        id="ask-14",
        card_id=CARD,
        label="Blue key ring",
        blocked=True,
        blocked_by_holder=True,
        month_wh=250_000,
        money_month_wh=40_000,
        quiet=Hours(start=time(23), end=time(6)),
        resident_id=ResidentId("res-1"),
    ),
    "ask_remove_card": RemoveCardAsk(id="ask-11", card_id=CARD),
    "ask_assign_card": AssignCardAsk(
        id="ask-12", unknown_id="0bca000000000001", resident_id=ResidentId("res-1"), label="Spare card"
    ),
    "tell_rules": RulesTold(
        residents={
            ResidentId("res-1"): ResidentRules(
                stall_ids=frozenset({StallId("stall-1")}),
                hours=(
                    Hours(days=frozenset({1, 2, 3, 4, 5}), start=time(20), end=time(6)),
                    Hours(days=frozenset({6, 7}), start=time(0), end=time(0)),
                ),
                sessions=2,
                month_wh=300_000,
                left_wh=42_000,
            ),
            ResidentId("res-2"): ResidentRules(),
        }
    ),
    "tell_rules_3": RulesTold(
        seq=41,
        residents={
            ResidentId("res-1"): ResidentRules(
                stall_ids=frozenset({StallId("stall-1")}),
                hours=(
                    Hours(days=frozenset({1, 2, 3, 4, 5}), start=time(20), end=time(6)),
                    Hours(days=frozenset({6, 7}), start=time(0), end=time(0)),
                ),
                sessions=2,
                month_wh=300_000,
                left_wh=42_000,
                pot=Pot(id="acc-weber", left_wh=65_000),
                start_wh=1_500,
            ),
            ResidentId("res-2"): ResidentRules(pot=Pot(id="acc-weber", left_wh=65_000), start_wh=1_500),
            ResidentId("res-3"): ResidentRules(),
        },
    ),
    "tell_holds": HoldsTold(
        holds=(
            Hold(
                stall_id=StallId("stall-2"),
                resident_id=ResidentId("res-1"),
                until=datetime(2026, 6, 29, 18, 20, tzinfo=UTC),
            ),
        )
    ),
}
TO_APP = {
    *("hello", "building", "records", "live", "answer_ok", "answer_denied", "tell_office_ticket"),
    *("hello_2", "building_2", "records_2", "live_2", "tell_cards"),
    *("hello_3", "building_3", "records_3", "live_3", "tell_cards_3"),
}


@pytest.mark.parametrize("name", FROM_APP)
def test_what_the_app_says_is_understood(name: str) -> None:
    assert parse(json.dumps(_golden(name))) == FROM_APP[name]


def test_every_golden_message_is_tested_from_this_side() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == TO_APP | FROM_APP.keys()


DESCRIBED = picture.described(BUILDING, {}, {StallId("stall-1")})


def test_the_building_is_described_as_the_app_speaks() -> None:
    assert frames.building(1, DESCRIBED) == _golden("building")
    assert frames.building(2, DESCRIBED) == _golden("building_2")
    assert frames.building(3, DESCRIBED) == _golden("building_3")


def test_hello_is_understood_by_every_app_and_says_what_is_spoken() -> None:
    assert frames.hello(INCARNATION, 7, DESCRIBED) == _golden("hello_3")
    assert _golden("hello_3") == _golden("hello_2") | {"versions": [1, 2, 3]}
    assert _golden("hello_2") == _golden("hello") | {"versions": [1, 2]}


def test_a_stall_without_reader_is_described_so() -> None:
    stalls = frames.building(2, picture.described(BUILDING, {}))["building"]["stalls"]
    assert [stall["card_reader"] for stall in stalls] == [False]


def _stored(name: str) -> list[StoredRecord]:
    return [
        StoredRecord(seq=r["seq"], kind=r["kind"], at=datetime.fromisoformat(r["at"]), body=r["body"])
        for r in _golden(name)["records"]
    ]


def test_records_go_out_as_they_were_written() -> None:
    assert frames.records(3, INCARNATION, _stored("records_3")) == _golden("records_3")
    assert frames.records(2, INCARNATION, _stored("records_2")) == _golden("records_2")
    assert frames.records(1, INCARNATION, _stored("records")) == _golden("records")


@pytest.mark.parametrize(("version", "golden"), [(1, "records"), (2, "records_2"), (3, "records_3")])
def test_what_is_written_for_our_own_counting_does_not_go_out(version: int, golden: str) -> None:
    stored = [
        replace(record, body=record.body | {"counts": False}) if record.kind == "session_authorised" else record
        for record in _stored(golden)
    ]
    assert frames.records(version, INCARNATION, stored) == _golden(golden)


def test_to_an_app_that_speaks_1_records_have_nothing_of_2() -> None:
    older, newer = frames.records(1, INCARNATION, _stored("records_2")), _golden("records")
    assert [record["body"].keys() for record in older["records"]] == [r["body"].keys() for r in newer["records"]]
    authorised = older["records"][1]
    assert authorised == newer["records"][1]


def test_records_of_before_version_2_get_its_fields_empty() -> None:
    (authorised,) = [
        record["body"]
        for record in frames.records(2, INCARNATION, _stored("records"))["records"]
        if record["kind"] == "session_authorised"
    ]
    assert (authorised["credential_id"], authorised["cap_wh"]) == (None, None)


@pytest.mark.parametrize(("version", "golden"), [(1, "records"), (2, "records_2")])
def test_to_an_app_of_before_version_3_the_series_has_what_it_knows(version: int, golden: str) -> None:
    *_, quarter, signed = frames.records(version, INCARNATION, _stored("records_3"))["records"]
    # Of the values that are estimates it knows none.
    assert quarter == _golden(golden)["records"][6]
    # A kind it does not know is told as a quarter hour of nothing, since records have no gaps.
    nothing = {"import_wh": None, "export_wh": None, "pv_wh": None, "estimated": True}
    long_ago = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:00:00Z"}
    assert (signed["seq"], signed["kind"], signed["body"]) == (8, "building_slice", long_ago | nothing)


@pytest.mark.parametrize(
    ("said", "as_3", "as_2"),
    [
        (["pv"], ["pv"], True),
        (["battery_in"], ["battery_in"], False),
        (True, ["export", "import"], True),
        (False, [], False),
    ],
)
def test_which_values_are_estimates_is_told_as_the_app_speaks(said: Any, as_3: list[str], as_2: bool) -> None:
    stored = _stored("records_2")[6]
    stored = replace(stored, body=stored.body | {"pv_wh": None, "estimated": said})
    for version, expected in ((3, as_3), (2, as_2)):
        (told,) = frames.records(version, INCARNATION, [stored])["records"]
        assert told["body"]["estimated"] == expected
        assert told["body"].get("prices") == ([] if version == 3 else None)


def test_the_picture_of_the_stalls_is_told_as_the_app_speaks() -> None:
    newer, older = _golden("live_2"), _golden("live")
    newest, prices = _golden("live_3"), {"Day-ahead price": Decimal("0.28140")}
    assert frames.live(3, newest["stalls"], prices) == newest
    assert frames.live(2, newer["stalls"], prices) == newer
    assert frames.live(1, newer["stalls"], prices)["stalls"][0] == older["stalls"][0]
    assert newer["stalls"][0]["session"]["cap_wh"] == 40_000, "what was told is not changed"


def test_cards_are_told() -> None:
    golden = _golden("tell_cards_3")
    assert frames.cards(3, golden["body"]) == golden
    assert frames.cards(2, golden["body"]) == _golden("tell_cards")


def test_answers_and_tickets_are_built() -> None:
    assert frames.answer(1, "ask-1", frames.accepted({"session_id": SESSION})) == _golden("answer_ok")
    denial = frames.refused("plug_too_old", "The car was plugged in more than 5 minutes ago.")
    assert frames.answer(1, "ask-1", denial) == _golden("answer_denied")
    ticket = frames.office_ticket(
        1,
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


def _rule(**changes: Any) -> str:
    frame = _golden("tell_rules")
    frame["body"]["residents"][0] |= changes
    return json.dumps(frame)


def _window(**changes: Any) -> str:
    return _rule(hours=[{"days": [1], "from": "20:00", "to": "06:00"} | changes])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "not JSON"),
        ("[]", "a frame is a JSON object, got list"),
        (_broken("ack", v=4), "v: got 4, this integration speaks 1, 2, 3$"),
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
        (_broken("ask_start_2", proof=...), "body.proof is missing"),
        (_broken("ask_start_2", proof="hope"), 'body.proof: got "hope", accepted is passkey, tag'),
        (_broken("ask_start_guest", **{"pass": {"pass_id": "p"}}), r"body.pass.stall_ids is missing"),
        (_broken("ask_start_guest", **{"pass": "p"}), 'body.pass: got "p", accepted is an object'),
        (_broken("ask_change_card", v=1), "what: got 'change_card', accepted to ask are start, .*, resend$"),
        (_broken("ask_change_card", blocked="no"), 'body.blocked: got "no", accepted is true or false'),
        (_broken("ask_change_card", label="x" * 61), "body.label: .* accepted is a text of at most 60 characters"),
        (_broken("ask_change_card", label="a\nb"), "body.label: .* on one line"),
        (_broken("ask_change_card", month_wh=-1), "body.month_wh: got -1, accepted is an integer from 0"),
        (_broken("ask_change_card", quiet={"from": "23:00"}), "body.quiet.to is missing"),
        (
            _broken("ask_change_card", quiet={"from": "24:00", "to": "06:00"}),
            'body.quiet.from: got "24:00", accepted is a time of day from 00:00 to 23:59',
        ),
        (_broken("tell_rules", v=1), "what: got 'rules', accepted to tell are blocked, cost$"),
        (_broken("tell_rules", residents=[1]), r"body.residents: got \[1\], accepted is a list of at most 5000"),
        (_broken("tell_rules", residents=[{}]), r"body.residents\[0\].resident_id is missing"),
        (_rule(sessions=0), r"body.residents\[0\].sessions: got 0, accepted is an integer from 1"),
        (_rule(stall_ids="all"), r'body.residents\[0\].stall_ids: got "all", accepted is a list of texts'),
        (_window(days=[0]), r"body.residents\[0\].hours\[0\].days: got \[0\], accepted is a list of days"),
        (_window(days=[True]), r"hours\[0\].days: got \[true\], accepted is a list of days"),
        (_window(days=[]), r"hours\[0\].days: got \[\], accepted is a list of days"),
        (_window(to="6:00"), r'hours\[0\].to: got "6:00", accepted is a time of day'),
        (_broken("tell_holds", holds=[{"stall_id": "stall-1"}]), r"body.holds\[0\].resident_id is missing"),
    ],
)
def test_what_cannot_be_understood_is_named(text: str, says: str) -> None:
    with pytest.raises(BadMessage, match=says):
        parse(text)


def test_a_broken_ask_can_still_be_answered() -> None:
    with pytest.raises(BadMessage) as broken:
        parse(_broken("ask_start", mode="turbo"))
    assert broken.value.ask_id == "ask-1"
    with pytest.raises(BadMessage) as unsupported:
        parse(_broken("ask_start", v=9))
    assert unsupported.value.code == "unsupported_version"


def test_the_offices_stop_needs_no_resident() -> None:
    parsed = parse(_broken("ask_stop", by="office", resident_id=None))
    assert isinstance(parsed, StopAsk)
    assert parsed.resident_id is None


def test_once_agreed_no_other_version_is_understood() -> None:
    assert parse(json.dumps(_golden("tell_rules")), speaking=2) == FROM_APP["tell_rules"]
    for name, speaking in (("tell_rules", 1), ("tell_blocked", 2)):
        with pytest.raises(BadMessage, match=f"this integration speaks {speaking}$") as unsupported:
            parse(json.dumps(_golden(name)), speaking=speaking)
        assert unsupported.value.code == "unsupported_version"


def test_a_pass_is_heeded_in_whatever_version_it_comes() -> None:
    """An app that forgets the version must not turn its guest into the host."""
    parsed = parse(_broken("ask_start_guest", v=1))
    assert isinstance(parsed, StartAsk)
    assert parsed.guest is not None
