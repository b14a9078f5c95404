"""Sessions that run at once and draw on the same money (link version 3), and a card whose money is limited."""

from typing import Any

import pytest

from ..building.conftest import ANNA, ANNAS_CARD, BENS_CARD, STALL_1, STALL_2
from .conftest import LinkedSite


@pytest.fixture
async def linked(unlinked: LinkedSite) -> LinkedSite:
    unlinked.app.version = 3
    await unlinked.start()
    await unlinked.knows_cards()
    return unlinked


async def _tell_rules(linked: LinkedSite, seq: int, **changes: Any) -> None:
    """Anna and Ben are of one household."""
    rules = {"stall_ids": None, "hours": [], "sessions": 2, "month_wh": None, "left_wh": None, "start_wh": 0}
    residents = [{"resident_id": name} | rules | changes for name in ("anna", "ben")]
    await linked.app.say(type="tell", what="rules", body={"seq": seq, "residents": residents})
    await linked.site.clock.passes(1)


async def _answer(linked: LinkedSite, ask_id: str, what: str, **body: object) -> dict[str, Any]:
    await linked.app.say(**linked.ask(ask_id, what, **body))
    await linked.site.clock.passes(3)
    (answer,) = linked.app.answers(ask_id)
    return dict(answer)


async def test_a_household_is_told_that_another_session_uses_what_is_left(linked: LinkedSite) -> None:
    clock = linked.site.clock
    await _tell_rules(linked, 0, pot={"pot_id": "household", "left_wh": 2_000})
    for stall_id in (STALL_1, STALL_2):
        linked.site.connectors[stall_id].plug()
    await clock.passes(5)
    await linked.site.tap(ANNAS_CARD, STALL_1)
    await clock.passes(100)
    start = {"stall_id": "stall-2", "resident_id": "ben", "plug_epoch": 1, "mode": "fast", "proof": None, "pass": None}
    start["expires_at"] = "2099-01-01T00:00:00Z"
    answer = await _answer(linked, "ask-1", "start", **start)
    assert answer["error"] == {"code": "left_in_use", "message": "Another session uses what is left."}
    linked.site.connectors[STALL_1].unplug()
    await clock.passes(10)
    # The app tells before it has the record of the end: nothing is forgotten.
    await _tell_rules(linked, 0, pot={"pot_id": "household", "left_wh": 2_000})
    (ended,) = linked.site.records("session_ended")
    assert ended["energy_wh"] > 0
    await linked.site.tap(BENS_CARD, STALL_2)
    assert linked.site.records("session_authorised")[-1]["cap_wh"] == 2_000 - ended["energy_wh"]


async def test_a_cards_money_is_told_apart_from_its_own_limit(linked: LinkedSite) -> None:
    (card,) = [card for card in linked.building.cards.enrolled if card.resident_id == ANNA]
    body = {"card_id": card.id, "label": "", "blocked": False, "quiet": None}
    more = {"blocked_by_holder": False, "resident_id": None}
    await _answer(linked, "ask-1", "change_card", **body, month_wh=9_000, money_month_wh=4_000, **more)
    (told,) = [each for each in _cards(linked) if each["card_id"] == card.id]
    assert (told["month_wh"], told["money_month_wh"]) == (9_000, 4_000)
    linked.site.connectors[STALL_1].plug()
    await linked.site.clock.passes(5)
    await linked.site.tap(ANNAS_CARD)
    assert linked.site.records("session_authorised")[-1]["cap_wh"] == 4_000
    await _answer(linked, "ask-2", "change_card", **body, month_wh=9_000, money_month_wh=None, **more)
    assert linked.building.cards.card(card.id).money_month_wh is None


async def test_an_app_that_knows_no_money_apart_puts_both_into_one_limit(linked: LinkedSite) -> None:
    (card,) = [card for card in linked.building.cards.enrolled if card.resident_id == ANNA]
    values: dict[str, Any] = {"label": "", "blocked": False, "month_wh": 9_000, "quiet": None}
    await linked.building.cards.change(card.id, **values, money_month_wh=4_000)
    linked.app.version = 2
    await linked.app.drop()
    await linked.site.clock.passes(5)
    assert "money_month_wh" not in _cards(linked)[0]
    await _answer(linked, "ask-1", "change_card", card_id=card.id, **(values | {"month_wh": 5_000}))
    changed = linked.building.cards.card(card.id)
    assert (changed.month_wh, changed.money_month_wh) == (5_000, None)


def _cards(linked: LinkedSite) -> list[dict[str, Any]]:
    told = [frame for frame in linked.app.of_type("tell") if frame["what"] == "cards"][-1]
    cards: list[dict[str, Any]] = told["body"]["cards"]
    return cards
