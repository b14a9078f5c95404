"""The app reads and writes exactly the messages in `tests/golden/link`; the integration is tested on the same files."""

from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

import pytest

from evshare_app.link import messages
from evshare_app.link.messages import (
    Answer,
    BuildingChanged,
    BuildingSlice,
    Denied,
    EpochBegun,
    Hello,
    Live,
    OfficeTicket,
    Records,
    SessionAuthorised,
    SessionEnded,
    SessionStarted,
    SliceCut,
)
from evshare_app.link.parsing import parse

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


INCARNATION = "1ca1000000000000000000000000000a"
SESSION = "5e551000000000000000000000000001"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("welcome", messages.welcome(1, 0)),
        ("ack", messages.ack(INCARNATION, 7)),
        ("error_gap", messages.error("gap", "records continue at 8", ack_seq=7)),
        ("error_unsupported_version", messages.error("unsupported_version", "this app speaks link versions 1")),
        ("tell_blocked", messages.tell_blocked(["res-9"])),
        ("tell_cost", messages.tell_cost(SESSION, 412, "EUR")),
        (
            "ask_start",
            messages.ask(
                "ask-1",
                "start",
                {
                    "stall_id": "stall-1",
                    "resident_id": "res-1",
                    "plug_epoch": 3,
                    "mode": "fast",
                    "expires_at": messages.rfc3339(datetime(2026, 6, 29, 18, 5, tzinfo=UTC)),
                },
            ),
        ),
        (
            "ask_stop",
            messages.ask("ask-2", "stop", {"session_id": SESSION, "by": "resident", "resident_id": "res-1"}),
        ),
        (
            "ask_set_mode",
            messages.ask("ask-3", "set_mode", {"session_id": SESSION, "resident_id": "res-1", "mode": "solar_only"}),
        ),
        (
            "ask_enrol_card",
            messages.ask("ask-4", "enrol_card", {"resident_id": "res-1", "stall_id": "stall-1", "timeout_s": 60}),
        ),
        ("ask_role", messages.ask("ask-5", "role", {"user_id": "u1"})),
        ("ask_resend", messages.ask("ask-6", "resend", {"from_seq": 1})),
    ],
)
def test_the_app_writes_the_golden_message(name: str, written: dict[str, object]) -> None:
    assert written == frame(name)
