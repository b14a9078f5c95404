"""What residents ask of their own cards in the portal (link version 3): decided here, whoever the app says it is."""

from collections.abc import Mapping
from typing import Any

import pytest

from custom_components.evshare.access import ResidentRules
from custom_components.evshare.building.cards import MOST_OWN
from custom_components.evshare.model import ResidentId, StallId

from ..building.conftest import ANNA, ANNAS_CARD, BENS_CARD, STALL_1, STALL_2, STRANGERS_CARD
from .conftest import LinkedSite


@pytest.fixture
async def linked(unlinked: LinkedSite) -> LinkedSite:
    unlinked.app.version = 3
    await unlinked.start()
    await unlinked.knows_cards()
    return unlinked


async def _answer(linked: LinkedSite, ask_id: str, what: str, **body: object) -> Mapping[str, Any]:
    """Ask and wait for the answer: its result, or the error's code."""
    await linked.app.say(**linked.ask(ask_id, what, **body))
    await linked.site.clock.passes(3)
    (answer,) = linked.app.answers(ask_id)
    result: Mapping[str, Any] = answer["result"] if answer["ok"] else {"code": answer["error"]["code"]}
    return result


async def _enrol(linked: LinkedSite, ask_id: str, resident_id: str = "anna", **changes: object) -> Mapping[str, Any]:
    body = {"resident_id": resident_id, "stall_id": "stall-1", "timeout_s": 60, "label": "New", "by": "resident"}
    return await _answer(linked, ask_id, "enrol_card", **(body | changes))


async def _change(linked: LinkedSite, ask_id: str, resident_id: str | None, **changes: object) -> Mapping[str, Any]:
    """Change Anna's card; `resident_id` asks, None is the office."""
    (card,) = (card for card in linked.building.cards.enrolled if card.resident_id == "anna")
    body: dict[str, object] = {"card_id": card.id, "label": "", "blocked": card.blocked, "month_wh": 250_000}
    body |= {"money_month_wh": None, "quiet": None}
    body |= {"blocked_by_holder": card.blocked_by_holder, "resident_id": resident_id}
    return await _answer(linked, ask_id, "change_card", **(body | changes))


def _told(linked: LinkedSite) -> dict[str, Any]:
    body: dict[str, Any] = [frame for frame in linked.app.of_type("tell") if frame["what"] == "cards"][-1]["body"]
    return body


def _annas(linked: LinkedSite) -> dict[str, Any]:
    (card,) = (card for card in _told(linked)["cards"] if card["resident_id"] == "anna")
    return dict(card)


def _block(linked: LinkedSite) -> tuple[bool, bool]:
    card = _annas(linked)
    return card["blocked"], card["blocked_by_holder"]


async def _limited(linked: LinkedSite) -> None:
    await _change(linked, "ask-0", None)


async def test_the_window_is_told_and_is_the_askers_alone(linked: LinkedSite) -> None:
    assert await _enrol(linked, "ask-1") == {}
    (window,) = _told(linked)["enrolments"]
    assert (window["resident_id"], window["stall_id"], window["known_shown"]) == ("anna", "stall-1", False)
    assert await _enrol(linked, "ask-2", "ben") == {"code": "not_allowed"}, "whose card comes next must be sure"
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(2)
    (card,) = (card for card in _told(linked)["cards"] if card["label"] == "New")
    assert card["resident_id"] == "anna"
    assert _told(linked)["enrolments"] == []


async def test_a_resident_who_asks_themself_has_sixty_seconds(linked: LinkedSite) -> None:
    await _enrol(linked, "ask-1", timeout_s=600)
    await linked.site.clock.passes(60)
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(2)
    assert all(card["label"] != "New" for card in _told(linked)["cards"])
    assert linked.site.records("denied")[-1]["reason"] == "unknown_card"


async def test_a_card_that_is_somebodys_is_not_taken_and_it_is_not_told_whose(linked: LinkedSite) -> None:
    await _enrol(linked, "ask-1")
    linked.site.connectors[STALL_1].plug()
    await linked.site.clock.passes(5)
    await linked.site.tap(BENS_CARD)
    await linked.site.clock.passes(2)
    (window,) = _told(linked)["enrolments"]
    assert window.keys() == {"resident_id", "stall_id", "until", "known_shown"}
    assert (window["resident_id"], window["known_shown"]) == ("anna", True)
    (session,) = linked.site.records("session_authorised")
    assert session["resident_id"] == "ben", "it did what it always does"


async def test_nobody_waits_at_two_readers(linked: LinkedSite) -> None:
    await _enrol(linked, "ask-1")
    await _enrol(linked, "ask-2", stall_id="stall-2")
    assert linked.building.enrolling == {STALL_2: ANNA}


@pytest.mark.parametrize("why", ["another stall is theirs", "blocked", "too many"])
async def test_who_may_not_enrol_there_does_not_and_the_office_may(linked: LinkedSite, why: str) -> None:
    rules, cards = linked.building.rules, linked.building.cards
    match why:
        case "another stall is theirs":
            await rules.take({ResidentId("anna"): ResidentRules(stall_ids=frozenset({StallId("stall-2")}))})
        case "blocked":
            await rules.block([ResidentId("anna")])
        case _:
            cards.enrolled = [card for card in cards.enrolled if card.resident_id == "anna"] * MOST_OWN
    assert await _enrol(linked, "ask-1") == {"code": "not_allowed"}
    assert linked.building.enrolling == {}
    assert await _enrol(linked, "ask-2", by="office") == {}


async def test_a_resident_blocks_a_card_and_takes_that_back(linked: LinkedSite) -> None:
    await _limited(linked)
    assert await _change(linked, "ask-1", "anna", blocked=True) == {}
    assert _block(linked) == (True, True)
    linked.site.connectors[STALL_1].plug()
    await linked.site.clock.passes(5)
    await linked.site.tap(ANNAS_CARD)
    assert linked.site.records("denied")[-1]["reason"] == "blocked_card"
    assert await _change(linked, "ask-2", "anna", blocked=False) == {}
    assert _block(linked) == (False, False)


async def test_what_the_manager_blocked_only_the_manager_unblocks(linked: LinkedSite) -> None:
    await _limited(linked)
    await _change(linked, "ask-1", "anna", blocked=True)
    # The manager takes it over.
    assert await _change(linked, "ask-2", None, blocked=True, blocked_by_holder=False) == {}
    assert await _change(linked, "ask-3", "anna", blocked=False) == {"code": "not_allowed"}
    # Nor does naming it, or blocking it once more, make it theirs.
    assert await _change(linked, "ask-4", "anna", label="Mine", blocked=True, blocked_by_holder=True) == {}
    assert _block(linked) == (True, False)
    assert await _change(linked, "ask-5", None, blocked=False) == {}
    assert _block(linked) == (False, False)


async def test_a_resident_raises_no_limit(linked: LinkedSite) -> None:
    await _limited(linked)
    for ask_id, month_wh in (("ask-1", 250_001), ("ask-2", None)):
        assert await _change(linked, ask_id, "anna", month_wh=month_wh) == {"code": "not_allowed"}
    assert _annas(linked)["month_wh"] == 250_000
    assert await _change(linked, "ask-3", "anna", month_wh=100_000) == {}
    assert _annas(linked)["month_wh"] == 100_000


async def test_a_neighbours_card_is_as_unknown_as_none(linked: LinkedSite) -> None:
    await _limited(linked)
    assert await _change(linked, "ask-1", "ben", blocked=True) == {"code": "not_found"}
    assert await _change(linked, "ask-2", "ben", card_id="0" * 16) == {"code": "not_found"}
    assert _block(linked) == (False, False)
