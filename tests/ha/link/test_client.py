"""The link on a real WebSocket: nothing twice, nothing lost, and asks answered once."""

from datetime import timedelta
import hashlib
import shutil
from typing import Any

import pytest

from custom_components.evshare.building.errors import LinkDown
from custom_components.evshare.building.wire import LinkState
from custom_components.evshare.journal import NewRecord
from custom_components.evshare.link.client import link_url

from ..building.conftest import ANNAS_CARD, BENS_CARD, STALL_1, STALL_2, STRANGERS_CARD
from .conftest import LinkedSite
from .fake_app import FakeApp


def _kinds(app: FakeApp, incarnation: str) -> list[str]:
    return [app.records[incarnation][seq]["kind"] for seq in sorted(app.records[incarnation])]


def _state(linked: LinkedSite) -> LinkState:
    return linked.building.link_state


async def _plugged(linked: LinkedSite) -> int:
    linked.site.connectors[STALL_1].plug()
    await linked.site.clock.passes(5)
    return linked.building.stalls[STALL_1].state.plug_epoch


def _start(linked: LinkedSite, ask_id: str, epoch: int | None, **changes: Any) -> dict[str, object]:
    body = {
        "stall_id": "stall-1",
        "resident_id": "anna",
        "plug_epoch": epoch,
        "mode": "fast",
        "expires_at": (linked.site.clock.now + timedelta(minutes=2)).isoformat(),
        "proof": None,
        "pass": None,
    }
    return linked.ask(ask_id, "start", **(body | changes))


async def test_the_building_greets_the_app_and_delivers_its_records(linked: LinkedSite) -> None:
    app, journal = linked.app, linked.building.journal
    hello = app.of_type("hello")[0]
    assert (hello["versions"], hello["incarnation"]) == ([1, 2, 3], journal.incarnation)
    assert [stall["id"] for stall in hello["building"]["stalls"]] == ["stall-1", "stall-2"]
    assert _state(linked) == LinkState.CONNECTED
    assert linked.building.link_problem is None
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(10)
    assert _kinds(app, journal.incarnation)[:4] == ["epoch", "epoch", "session_authorised", "session_started"]
    assert linked.building.records_waiting == 0


async def test_what_was_delivered_is_what_was_written(linked: LinkedSite) -> None:
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(2000)
    linked.site.connectors[STALL_1].unplug()
    await linked.site.clock.passes(30)
    delivered = linked.app.records[linked.building.journal.incarnation]
    written = linked.site.records()
    assert [{"kind": record["kind"], **record["body"]} for record in delivered.values()] == written
    assert linked.app.repeated == []


async def test_while_the_app_is_down_cards_keep_working_and_nothing_is_lost_or_doubled(linked: LinkedSite) -> None:
    app, clock = linked.app, linked.site.clock
    await app.stop()
    await clock.passes(5)
    assert _state(linked) == LinkState.DISCONNECTED
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD, STALL_1)
    await clock.passes(3600)
    assert linked.site.connectors[STALL_1].enabled
    assert linked.building.link_problem == "unreachable"
    assert linked.building.records_waiting >= 6
    await app.start()
    await clock.passes(61)
    assert _state(linked) == LinkState.CONNECTED
    assert linked.building.records_waiting == 0
    assert len(app.records[linked.building.journal.incarnation]) == linked.building.journal.head_seq
    assert app.repeated == []


async def test_a_dropped_ack_makes_records_come_again_and_count_once(linked: LinkedSite) -> None:
    app = linked.app
    app.acks = False
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(5)
    app.acks = True
    await app.drop()
    await linked.site.clock.passes(5)
    assert linked.building.records_waiting == 0
    assert app.ack_seq(linked.building.journal.incarnation) == linked.building.journal.head_seq


async def test_more_than_a_batch_goes_in_order_one_batch_at_a_time(linked: LinkedSite) -> None:
    app = linked.app
    await app.stop()
    body = {"stall_id": "stall-1", "credential_kind": "card", "reason": "unknown_card", "resident_id": None}
    denied = NewRecord(kind="denied", at=linked.site.clock.now, body=body)
    await linked.building.journal.commit([denied] * 450, {}, now=linked.site.clock.now)
    await app.start()
    await linked.site.clock.passes(61)
    batches = [[record["seq"] for record in frame["records"]] for frame in app.of_type("records")]
    assert max(len(batch) for batch in batches) == 200
    assert [seq for batch in batches for seq in batch] == list(range(1, linked.building.journal.head_seq + 1))


async def test_an_app_restored_from_backup_gets_again_what_it_lost(linked: LinkedSite) -> None:
    for uid in (STRANGERS_CARD, "04000000000001"):
        await linked.site.tap(uid)
        await linked.site.clock.passes(10)
    journal = linked.building.journal
    assert journal.acked_seq == 4
    del linked.app.records[journal.incarnation][3]
    del linked.app.records[journal.incarnation][4]
    await linked.app.drop()
    await linked.site.clock.passes(5)
    assert sorted(linked.app.records[journal.incarnation]) == [1, 2, 3, 4]


async def test_a_gap_sends_it_back_to_where_the_app_is(linked: LinkedSite) -> None:
    journal = linked.building.journal
    await linked.site.clock.passes(5)
    del linked.app.records[journal.incarnation][2]
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(5)
    assert sorted(linked.app.records[journal.incarnation]) == [1, 2, 3]
    assert linked.building.records_waiting == 0


async def test_a_restored_journal_finishes_the_old_numbers_and_begins_new_ones(linked: LinkedSite) -> None:
    app, site = linked.app, linked.site
    app.acks = False
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(2)
    backup = site.journal_path.with_suffix(".backup")
    await linked.building.journal.copy_to(backup)
    old = linked.building.journal.incarnation
    await site.stop()
    for leftover in site.journal_path.parent.glob(f"{site.journal_path.name}*"):
        leftover.unlink()
    shutil.copy(backup, site.journal_path)
    app.acks = True

    await linked.start()
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(10)
    new = linked.building.journal.incarnation
    assert new != old
    assert _kinds(app, old) == ["epoch", "epoch", "denied"]
    assert _kinds(app, new) == ["denied"]
    assert linked.building.records_waiting == 0


async def test_an_app_that_knows_more_than_the_journal_makes_it_number_anew(linked: LinkedSite) -> None:
    journal = linked.building.journal
    old = journal.incarnation
    for seq in range(3, 40):
        linked.app.records[old][seq] = {"seq": seq}
    await linked.app.drop()
    await linked.site.clock.passes(5)
    assert journal.incarnation != old
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(5)
    assert _kinds(linked.app, journal.incarnation) == ["denied"]


async def test_the_live_picture_comes_at_most_once_a_second(linked: LinkedSite) -> None:
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(20)
    before = len(linked.app.of_type("live"))
    await linked.site.clock.passes(30)
    assert 1 <= len(linked.app.of_type("live")) - before <= 31
    stall = linked.app.of_type("live")[-1]["stalls"][0]
    session = stall.pop("session")
    assert stall == {
        "stall_id": "stall-1",
        "status": "charging",
        "plugged": True,
        "plug_epoch": 1,
        "plugged_at": stall["plugged_at"],
        "power_w": 11040,
        "offered_a": 16,
        "limit_reason": "none",
    }
    assert (session["resident_id"], session["mode"]) == ("anna", "fast")
    assert session["energy_wh"] > 0


async def test_nothing_new_is_not_said_again(linked: LinkedSite) -> None:
    await linked.site.clock.passes(5)
    before = len(linked.app.of_type("live"))
    await linked.site.clock.passes(60)
    assert len(linked.app.of_type("live")) == before


async def test_a_changed_building_is_described_again(linked: LinkedSite) -> None:
    site = linked.site
    site.hass.config_entries.async_update_entry(site.entry, data={**site.entry.data, "fuse_a": 40})
    await linked.building.async_apply(site.entry)
    await site.clock.passes(2)
    assert [frame["building"]["fuse_a"] for frame in linked.app.of_type("building")] == [63, 40]


# --- asks -----------------------------------------------------------------------------------------------------------


async def test_a_start_asked_twice_is_one_session_and_one_answer(linked: LinkedSite) -> None:
    app = linked.app
    epoch = await _plugged(linked)
    start = _start(linked, "ask-1", epoch)
    await app.say(**start)
    await app.say(**start)
    await linked.site.clock.passes(5)
    await app.drop()
    await linked.site.clock.passes(5)
    await app.say(**start)
    await linked.site.clock.passes(5)
    first, second, third = app.answers("ask-1")
    assert first == second == third
    (authorised,) = linked.site.records("session_authorised")
    assert first["result"] == {"session_id": authorised["session_id"]}
    assert authorised["credential_kind"] == "phone"


async def test_a_start_is_remembered_over_a_restart_even_after_its_session(linked: LinkedSite) -> None:
    epoch = await _plugged(linked)
    start = _start(linked, "ask-1", epoch)
    await linked.app.say(**start)
    await linked.site.clock.passes(60)
    linked.site.connectors[STALL_1].unplug()
    await linked.site.clock.passes(10)
    await linked.site.stop()
    await linked.start()
    await _plugged(linked)
    await linked.app.say(**start)
    await linked.site.clock.passes(5)
    first, again = linked.app.answers("ask-1")
    assert first == again
    assert len(linked.site.records("session_authorised")) == 1
    assert not linked.site.connectors[STALL_1].enabled


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"resident_id": "nobody"}, "unknown_resident"),
        ({"plug_epoch": 9}, "plug_changed"),
        ({"expires_at": "2026-06-29T18:00:00Z"}, "expired"),
        ({"stall_id": "stall-9"}, "not_found"),
        ({"mode": "turbo"}, "bad_request"),
    ],
)
async def test_a_start_that_may_not_be_says_why(linked: LinkedSite, changes: dict[str, Any], code: str) -> None:
    epoch = await _plugged(linked)
    await linked.app.say(**_start(linked, "ask-1", epoch, **changes))
    await linked.site.clock.passes(5)
    (answer,) = linked.app.answers("ask-1")
    assert (answer["ok"], answer["error"]["code"]) == (False, code)
    assert answer["error"]["message"]
    assert linked.site.records("session_authorised") == []


async def test_a_denied_start_stays_denied_when_asked_again(linked: LinkedSite) -> None:
    epoch = await _plugged(linked)
    late = _start(linked, "ask-1", epoch + 1)
    await linked.app.say(**late)
    await linked.site.clock.passes(2)
    linked.site.connectors[STALL_1].unplug()
    await linked.site.clock.passes(5)
    await _plugged(linked)
    await linked.app.say(**late)
    await linked.site.clock.passes(2)
    assert [answer["error"]["code"] for answer in linked.app.answers("ask-1")] == ["plug_changed", "plug_changed"]


async def test_a_resident_stops_their_own_session_only(linked: LinkedSite) -> None:
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(60)
    session = linked.building.stalls[STALL_1].state.session
    assert session is not None
    stop = {"session_id": session.id, "by": "resident"}
    await linked.app.say(**linked.ask("ask-1", "stop", **stop, resident_id="ben"))
    await linked.app.say(**linked.ask("ask-2", "set_mode", session_id=session.id, resident_id="ben", mode="solar_only"))
    await linked.app.say(**linked.ask("ask-3", "stop", session_id="unknown", by="office", resident_id=None))
    await linked.site.clock.passes(5)
    assert [linked.app.answers(ask)[0]["error"]["code"] for ask in ("ask-1", "ask-2", "ask-3")] == [
        "not_allowed",
        "not_allowed",
        "not_found",
    ]
    await linked.app.say(**linked.ask("ask-4", "stop", **stop, resident_id="anna"))
    await linked.site.clock.passes(30)
    assert linked.app.answers("ask-4")[0] == {"v": 2, "type": "answer", "id": "ask-4", "ok": True, "result": {}}
    assert [record["stop_reason"] for record in linked.site.records("session_ended")] == ["person"]
    await linked.app.say(**linked.ask("ask-4", "stop", **stop, resident_id="anna"))
    await linked.site.clock.passes(5)
    assert linked.app.answers("ask-4")[1]["ok"], "asked again, answered the same, although it is over"


async def test_the_office_stops_any_session(linked: LinkedSite) -> None:
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(60)
    session = linked.building.stalls[STALL_1].state.session
    assert session is not None
    await linked.app.say(**linked.ask("ask-1", "stop", session_id=session.id, by="office", resident_id=None))
    await linked.site.clock.passes(30)
    assert [record["stop_reason"] for record in linked.site.records("session_ended")] == ["office"]


async def test_a_mode_is_changed_for_its_resident(linked: LinkedSite) -> None:
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(60)
    session = linked.building.stalls[STALL_1].state.session
    assert session is not None
    await linked.app.say(
        **linked.ask("ask-1", "set_mode", session_id=session.id, resident_id="anna", mode="solar_only")
    )
    await linked.site.clock.passes(30)
    assert linked.app.answers("ask-1")[0]["ok"]
    assert linked.site.connectors[STALL_1].limit_a == 0, "there is no sun without a meter"


async def test_a_card_is_enrolled_for_the_app(linked: LinkedSite) -> None:
    at_stall_2 = {"stall_id": "stall-2", "timeout_s": 60, "label": ""}
    for ask_id, resident_id in (("ask-1", "ben"), ("ask-2", "nobody")):
        await linked.app.say(**linked.ask(ask_id, "enrol_card", resident_id=resident_id, **at_stall_2))
    await linked.site.clock.passes(2)
    assert linked.app.answers("ask-1")[0]["result"] == {}
    assert linked.app.answers("ask-2")[0]["error"]["code"] == "not_found"
    await linked.site.tap(STRANGERS_CARD, STALL_2)
    assert linked.site.records("denied") == []


async def test_roles_are_told(linked: LinkedSite, hass_admin_user: Any, hass_read_only_user: Any) -> None:
    for ask_id, user_id in (("ask-1", hass_admin_user.id), ("ask-2", hass_read_only_user.id), ("ask-3", "nobody")):
        await linked.app.say(**linked.ask(ask_id, "role", user_id=user_id))
    await linked.site.clock.passes(2)
    assert [linked.app.answers(ask)[0]["result"] for ask in ("ask-1", "ask-2", "ask-3")] == [
        {"role": "admin", "resident_id": None},
        {"role": "none", "resident_id": None},
        {"role": "none", "resident_id": None},
    ]


async def test_records_are_sent_again_on_request(linked: LinkedSite) -> None:
    await linked.app.say(**linked.ask("ask-1", "resend", from_seq=1))
    await linked.app.say(**linked.ask("ask-2", "resend", from_seq=99))
    await linked.site.clock.passes(2)
    assert linked.app.answers("ask-1")[0]["ok"]
    assert linked.app.answers("ask-2")[0]["error"]["code"] == "bad_request"
    assert [seq for _, seq in linked.app.repeated] == [1, 2]
    assert linked.building.records_waiting == 0


async def test_tells_are_taken(linked: LinkedSite) -> None:
    await _plugged(linked)
    await linked.site.tap(ANNAS_CARD)
    await linked.site.clock.passes(10)
    session = linked.building.stalls[STALL_1].state.session
    assert session is not None
    cost = {"session_id": session.id, "amount_minor": 412, "currency": "EUR"}
    await linked.app.say(type="tell", what="cost", body=cost)
    await linked.app.say(type="tell", what="cost", body=cost | {"session_id": "gone"})
    await linked.app.say(type="tell", what="blocked", body={"resident_ids": ["ben"]})
    await linked.site.clock.passes(2)
    assert linked.building.stalls[STALL_1].cost == (412, "EUR")
    assert linked.building.rules.blocked == {"ben"}
    await linked.site.tap(BENS_CARD, STALL_2)
    assert [record["reason"] for record in linked.site.records("denied")] == ["blocked_resident"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"v": 1, "type": "ack", "incarnation": "x", "ack_seq": 1}', "unsupported_version"),
        ('{"v": 2, "type": "song"}', "bad_message"),
        ("not json", "bad_message"),
        ('{"v": 2, "type": "ack", "incarnation": "another", "ack_seq": 1}', "wrong_incarnation"),
    ],
)
async def test_what_cannot_be_understood_changes_nothing_and_is_answered(
    linked: LinkedSite, text: str, code: str
) -> None:
    head, acked = linked.building.journal.head_seq, linked.building.journal.acked_seq
    await linked.app.say_text(text)
    await linked.site.clock.passes(2)
    assert [frame["code"] for frame in linked.app.of_type("error")] == [code]
    assert (linked.building.journal.head_seq, linked.building.journal.acked_seq) == (head, acked)
    assert _state(linked) == LinkState.CONNECTED


# --- pairing and versions --------------------------------------------------------------------------------------------


async def test_a_wrong_token_is_told_as_such(unlinked: LinkedSite) -> None:
    unlinked.token = "another"
    await unlinked.start()
    await unlinked.site.clock.passes(5)
    assert _state(unlinked) == LinkState.DISCONNECTED
    assert unlinked.building.link_problem == "pairing_refused"


async def test_an_app_of_another_time_is_told_as_such(unlinked: LinkedSite) -> None:
    unlinked.app.welcomes = {
        "type": "error",
        "code": "unsupported_version",
        "message": "this app speaks link versions 7",
    }
    await unlinked.start()
    assert unlinked.building.link_problem == "unsupported_version"
    unlinked.app.welcomes = {"type": "welcome", "version": 7, "ack_seq": 0}
    await unlinked.site.clock.passes(5)
    assert unlinked.building.link_problem == "unsupported_version"
    unlinked.app.welcomes = None
    await unlinked.site.clock.passes(61)
    assert _state(unlinked) == LinkState.CONNECTED


async def test_it_comes_back_after_one_two_five_fifteen_and_then_every_sixty_seconds(linked: LinkedSite) -> None:
    await linked.app.stop()
    tried: list[float] = []
    begun = linked.site.clock.mono_s
    client = linked.building._uplink.link
    connect = client._session.ws_connect  # type: ignore[union-attr]

    def counted(*args: Any, **kwargs: Any) -> Any:
        tried.append(linked.site.clock.mono_s - begun)
        return connect(*args, **kwargs)

    client._session.ws_connect = counted  # type: ignore[union-attr]
    try:
        await linked.site.clock.passes(210)
    finally:
        del client._session.ws_connect  # type: ignore[union-attr]
    assert [round(at) for at in tried] == [1, 3, 8, 23, 83, 143, 203]


# --- the office ---------------------------------------------------------------------------------------------------


async def test_an_admins_ticket_travels_as_a_hash_only(linked: LinkedSite) -> None:
    ticket = await linked.building.async_office_ticket("u1", "Manager")
    await linked.site.clock.passes(1)
    (tell,) = [frame for frame in linked.app.of_type("tell") if frame["what"] == "office_ticket"]
    assert tell["body"] == {
        "ticket_hash": hashlib.sha256(ticket.encode()).hexdigest(),
        "user_id": "u1",
        "name": "Manager",
        "expires_at": tell["body"]["expires_at"],
    }
    assert len(ticket) >= 43
    assert ticket not in str(linked.app.heard)


async def test_without_the_app_there_is_no_ticket(linked: LinkedSite) -> None:
    await linked.app.stop()
    await linked.site.clock.passes(5)
    with pytest.raises(LinkDown):
        await linked.building.async_office_ticket("u1", "Manager")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://192.0.2.10:8101", "ws://192.0.2.10:8101/link/v1"),
        ("https://app.example", "wss://app.example/link/v1"),
        ("ws://192.0.2.10:8101/link/v1", "ws://192.0.2.10:8101/link/v1"),
    ],
)
def test_the_apps_address_is_taken_in_any_of_its_forms(address: str, url: str) -> None:
    assert str(link_url(address)) == url


@pytest.mark.parametrize("address", ["192.0.2.10:8101", "ftp://app.example", "app"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ValueError, match="app address: got"):
        link_url(address)
