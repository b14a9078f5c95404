"""The app reads and writes exactly the messages in `tests/golden/link`; the integration is tested on the same files."""

from datetime import UTC, datetime
from decimal import Decimal
import json
from pathlib import Path
from typing import Any

import pytest

from evshare_app.link import messages
from evshare_app.link.messages import (
    Answer,
    BuildingChanged,
    CardsTold,
    Denied,
    EpochBegun,
    Hello,
    Live,
    OfficeTicket,
    QuietHours,
    Records,
    SessionAuthorised,
    SessionEnded,
    SessionStarted,
    SliceCut,
)
from evshare_app.link.parsing import parse
from evshare_app.link.series import BuildingSlice, PriceTold, SignedValue

GOLDEN = Path(__file__).parents[2] / "golden" / "link"


def text(name: str) -> str:
    return (GOLDEN / f"{name}.json").read_text()


def frame(name: str) -> Any:
    return json.loads(text(name))


def test_hello_is_read() -> None:
    hello = parse(text("hello"), speaking=None)
    assert isinstance(hello, Hello)
    assert hello.versions == (1,)
    assert hello.incarnation == "1ca1000000000000000000000000000a"
    assert hello.head_seq == 7
    assert hello.building.name == "Lindenhof"
    assert hello.building.stalls[0].connector == "keba_p30"
    assert hello.building.residents[0].name == "Ada Larsen"


def test_building_is_read() -> None:
    changed = parse(text("building"), speaking=1)
    assert isinstance(changed, BuildingChanged)
    assert changed.building.time_zone == "Europe/Berlin"


def test_records_are_read_with_every_kind_of_body() -> None:
    batch = parse(text("records"), speaking=1)
    assert isinstance(batch, Records)
    assert [type(one.body) for one in batch.records] == [
        EpochBegun,
        SessionAuthorised,
        SessionStarted,
        SliceCut,
        SessionEnded,
        Denied,
        BuildingSlice,
    ]
    cut = batch.records[3].body
    assert isinstance(cut, SliceCut)
    assert cut.start == datetime(2026, 6, 29, 18, 2, 10, tzinfo=UTC)
    assert cut.register_end_wh - cut.register_start_wh == 2354
    ended = batch.records[4].body
    assert isinstance(ended, SessionEnded)
    assert ended.energy_wh == 2354


def test_live_is_read() -> None:
    live = parse(text("live"), speaking=1)
    assert isinstance(live, Live)
    first, second = live.stalls
    assert first.session is not None
    assert first.session.energy_wh == 1200
    assert first.power_w == 11040
    assert second.session is None
    assert second.plugged_at is None


def test_answers_are_read() -> None:
    good, bad = parse(text("answer_ok"), speaking=1), parse(text("answer_denied"), speaking=1)
    assert isinstance(good, Answer)
    assert isinstance(bad, Answer)
    assert (good.ok, good.result["session_id"]) == (True, "5e551000000000000000000000000001")
    assert (bad.ok, bad.code) == (False, "plug_too_old")


def test_office_ticket_is_read() -> None:
    ticket = parse(text("tell_office_ticket"), speaking=1)
    assert isinstance(ticket, OfficeTicket)
    assert ticket.user_id == "u1"


# --- version 2 ---------------------------------------------------------------------------------------------------


def test_hello_of_version_2_is_written_in_version_1() -> None:
    hello = parse(text("hello_2"), speaking=None)
    assert isinstance(hello, Hello)
    assert hello.versions == (1, 2)
    assert hello.building.stalls[0].card_reader is None


def test_building_tells_where_a_card_can_be_shown() -> None:
    changed = parse(text("building_2"), speaking=2)
    assert isinstance(changed, BuildingChanged)
    assert changed.building.stalls[0].card_reader is True


def test_records_name_the_card_and_the_energy_at_which_it_ends() -> None:
    batch = parse(text("records_2"), speaking=2)
    assert isinstance(batch, Records)
    authorised, denied = batch.records[1].body, batch.records[5].body
    assert isinstance(authorised, SessionAuthorised)
    assert isinstance(denied, Denied)
    assert (authorised.credential_id, authorised.cap_wh) == ("ca2d000000000001", 40_000)
    assert (denied.credential_id, denied.reason) == ("ca2d000000000002", "card_used_up")


def test_records_of_version_1_name_none() -> None:
    batch = parse(text("records"), speaking=1)
    assert isinstance(batch, Records)
    authorised = batch.records[1].body
    assert isinstance(authorised, SessionAuthorised)
    assert (authorised.credential_id, authorised.cap_wh) == (None, None)


def test_live_names_the_card_too() -> None:
    live = parse(text("live_2"), speaking=2)
    assert isinstance(live, Live)
    session = live.stalls[0].session
    assert session is not None
    assert (session.credential_kind, session.credential_id, session.cap_wh) == ("card", "ca2d000000000001", 40_000)


def test_live_stalls_are_read_with_the_prices_in_force() -> None:
    live = parse(text("live_3"), speaking=3)
    assert isinstance(live, Live)
    assert live.prices == {"Day-ahead price": Decimal("0.2814")}
    older = parse(text("live_2"), speaking=2)
    assert isinstance(older, Live)
    assert (older.stalls, older.prices) == (live.stalls, {})


def test_cards_are_read() -> None:
    told = parse(text("tell_cards"), speaking=2)
    assert isinstance(told, CardsTold)
    first, second = told.cards
    assert (first.label, first.month_wh, first.quiet) == (
        "Blue key ring",
        250_000,
        QuietHours(start="23:00", end="06:00"),
    )
    assert (second.label, second.blocked, second.weak, second.used_at) == ("", True, True, None)
    (unknown,) = told.unknown
    assert (unknown.stall_id, unknown.times, unknown.tail) == ("stall-1", 2, "80")


# --- version 3 ---------------------------------------------------------------------------------------------------


def test_an_integration_says_that_it_speaks_version_3() -> None:
    hello = parse(text("hello_3"), speaking=None)
    assert isinstance(hello, Hello)
    assert hello.versions == (1, 2, 3)


def test_what_a_cards_money_is_good_for_is_read_apart_from_its_own_cap() -> None:
    told, before = parse(text("tell_cards_3"), speaking=3), parse(text("tell_cards"), speaking=2)
    assert isinstance(told, CardsTold)
    assert isinstance(before, CardsTold)
    assert [(card.month_wh, card.money_month_wh) for card in told.cards] == [(250_000, 40_000), (None, None)]
    assert [(card.month_wh, card.money_month_wh) for card in before.cards] == [(250_000, None), (None, None)]


def test_building_tells_the_names_of_its_prices() -> None:
    changed = parse(text("building_3"), speaking=3)
    assert isinstance(changed, BuildingChanged)
    assert changed.building.price_series == ("Day-ahead price", "Grid fee")
    for name, version in (("building", 1), ("building_2", 2)):
        older = parse(text(name), speaking=version)
        assert isinstance(older, BuildingChanged)
        assert older.building.price_series is None


def test_the_series_tells_battery_prices_and_which_values_are_estimates() -> None:
    batch = parse(text("records_3"), speaking=3)
    assert isinstance(batch, Records)
    quarter = batch.records[6].body
    assert quarter == BuildingSlice(
        start=datetime(2026, 6, 29, 18, 0, tzinfo=UTC),
        end=datetime(2026, 6, 29, 18, 15, tzinfo=UTC),
        import_wh=3120,
        export_wh=0,
        pv_wh=1450,
        battery_in_wh=0,
        battery_out_wh=310,
        prices=(
            PriceTold(name="Day-ahead price", price=Decimal("0.2814"), estimated=False),
            PriceTold(name="Grid fee", price=Decimal("0.0934"), estimated=True),
        ),
        estimated=frozenset({"battery_in", "battery_out"}),
    )


def test_what_was_signed_is_read_character_by_character() -> None:
    batch = parse(text("records_3"), speaking=3)
    assert isinstance(batch, Records)
    signed = batch.records[7].body
    assert isinstance(signed, SignedValue)
    assert signed.text == frame("records_3")["records"][7]["body"]["text"]
    assert (signed.session_id, signed.format) == ("5e551000000000000000000000000001", "OCMF")


@pytest.mark.parametrize(("name", "version"), [("records", 1), ("records_2", 2)])
def test_the_series_of_before_version_3_has_neither(name: str, version: int) -> None:
    batch = parse(text(name), speaking=version)
    assert isinstance(batch, Records)
    quarter = batch.records[6].body
    assert isinstance(quarter, BuildingSlice)
    assert (quarter.battery_in_wh, quarter.battery_out_wh, quarter.prices) == (None, None, ())
    assert quarter.estimated == frozenset()


def test_cards_tell_whose_a_block_is_and_where_a_card_is_waited_for() -> None:
    told = parse(text("tell_cards_3"), speaking=3)
    assert isinstance(told, CardsTold)
    assert [(card.blocked, card.blocked_by_holder) for card in told.cards] == [(False, False), (True, True)]
    (waited,) = told.enrolments
    assert (waited.resident_id, waited.stall_id, waited.known_shown) == ("res-1", "stall-1", True)
    assert waited.until == datetime(2026, 6, 29, 18, 5, tzinfo=UTC)


INCARNATION = "1ca1000000000000000000000000000a"
SESSION = "5e551000000000000000000000000001"


START = {
    "stall_id": "stall-1",
    "resident_id": "res-1",
    "plug_epoch": 3,
    "mode": "fast",
    "expires_at": messages.rfc3339(datetime(2026, 6, 29, 18, 5, tzinfo=UTC)),
}
ENROL = {"resident_id": "res-1", "stall_id": "stall-1", "timeout_s": 60}
CHANGE: dict[str, Any] = {
    "card_id": "ca2d000000000001",
    "label": "Blue key ring",
    "blocked": False,
    "month_wh": 250_000,
    "quiet": {"from": "23:00", "to": "06:00"},
}
BLOCK = {"blocked": True, "blocked_by_holder": True, "resident_id": "res-1"}


def asked(ask_id: str, what: str, body: dict[str, Any], version: int = 1) -> dict[str, object]:
    return messages.frame(messages.ask(ask_id, what, body, version), version)


@pytest.mark.parametrize(
    ("name", "version", "written"),
    [
        ("welcome", 1, messages.welcome(1, 0)),
        ("welcome_2", 2, messages.welcome(2, 0)),
        ("welcome_3", 3, messages.welcome(3, 0)),
        ("ack", 1, messages.ack(INCARNATION, 7)),
        ("error_gap", 1, messages.error("gap", "records continue at 8", ack_seq=7)),
        ("error_unsupported_version", 1, messages.error("unsupported_version", "this app speaks link versions 1")),
        ("tell_blocked", 1, messages.tell_blocked(["res-9"])),
        ("tell_cost", 1, messages.tell_cost(SESSION, 412, "EUR")),
        (
            "tell_holds",
            2,
            messages.tell_holds([{"stall_id": "stall-2", "resident_id": "res-1", "until": "2026-06-29T18:20:00Z"}]),
        ),
    ],
)
def test_the_app_writes_the_golden_message(name: str, version: int, written: dict[str, object]) -> None:
    assert messages.frame(written, version) == frame(name)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ask_start", asked("ask-1", "start", START)),
        ("ask_stop", asked("ask-2", "stop", {"session_id": SESSION, "by": "resident", "resident_id": "res-1"})),
        (
            "ask_set_mode",
            asked("ask-3", "set_mode", {"session_id": SESSION, "resident_id": "res-1", "mode": "solar_only"}),
        ),
        ("ask_enrol_card", asked("ask-4", "enrol_card", ENROL)),
        ("ask_role", asked("ask-5", "role", {"user_id": "u1"})),
        ("ask_resend", asked("ask-6", "resend", {"from_seq": 1})),
        ("ask_start_2", asked("ask-7", "start", START | {"proof": "tag"}, 2)),
        (
            "ask_start_guest",
            asked(
                "ask-8",
                "start",
                START
                | {
                    "pass": {
                        "pass_id": "0a55000000000001",
                        "stall_ids": ["stall-1"],
                        "cap_wh": 20_000,
                        "expires_at": "2026-07-02T18:00:00Z",
                        "payer": "guest",
                    }
                },
                2,
            ),
        ),
        ("ask_enrol_card_2", asked("ask-9", "enrol_card", ENROL | {"label": "Blue key ring"}, 2)),
        ("ask_enrol_card_3", asked("ask-13", "enrol_card", ENROL | {"label": "Blue key ring", "by": "resident"}, 3)),
        ("ask_change_card", asked("ask-10", "change_card", CHANGE, 2)),
        (
            "ask_change_card_3",
            asked(
                "ask-14",
                "change_card",
                CHANGE
                | {
                    "blocked": True,
                    "blocked_by_holder": True,
                    "resident_id": "res-1",
                    "money_month_wh": 40_000,
                },
                3,
            ),
        ),
    ],
)
def test_the_app_asks_the_golden_question(name: str, written: dict[str, object]) -> None:
    assert written == frame(name)


def test_money_apart_is_not_asked_of_an_integration_that_cannot_keep_it_apart() -> None:
    with pytest.raises(messages.NotSpoken):
        asked("ask-10", "change_card", CHANGE | {"money_month_wh": 40_000}, 2)


def test_what_version_2_added_to_an_ask_is_left_out_in_version_1() -> None:
    assert asked("ask-1", "start", START | {"proof": "tag", "pass": None}) == frame("ask_start")
    assert asked("ask-4", "enrol_card", ENROL | {"label": "Blue key ring"}) == frame("ask_enrol_card")


def test_what_version_3_added_to_an_ask_is_left_out_before() -> None:
    own = ENROL | {"label": "Blue key ring", "by": "resident"}
    assert asked("ask-9", "enrol_card", own, 2) == frame("ask_enrol_card_2")
    assert asked("ask-10", "change_card", CHANGE | BLOCK | {"blocked": False}, 2) == frame("ask_change_card")


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("start", START | {"pass": {"pass_id": "0a55000000000001"}}),
        ("change_card", {}),
        ("remove_card", {}),
        ("assign_card", {}),
    ],
)
def test_what_version_1_cannot_express_is_not_asked(what: str, body: dict[str, Any]) -> None:
    # A guest's start without its pass would be the host's own.
    with pytest.raises(messages.NotSpoken):
        messages.ask("ask-1", what, body, 1)
