"""One reader for two stalls, and cards that are shown where they should not be."""

import pytest

from custom_components.evshare.model import ResidentId

from ..conftest import stall
from .conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, STALL_1, STALL_2, STRANGERS_CARD, MakeSite, Site


@pytest.fixture
async def shared(make_site: MakeSite) -> Site:
    """Both stalls have the same reader."""
    site = await make_site(
        stalls=[
            stall("stall-1", "Stall 1", serial="1", tag_reader="reader"),
            stall("stall-2", "Stall 2", serial="2", tag_reader="reader"),
        ]
    )
    await site.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.knows_card(BEN, BENS_CARD)
    return site


def authorised(site: Site) -> list[tuple[str, str]]:
    return [(record["stall_id"], record["resident_id"]) for record in site.records("session_authorised")]


def denied(site: Site) -> list[tuple[str, str, ResidentId]]:
    return [(record["stall_id"], record["reason"], record["resident_id"]) for record in site.records("denied")]


async def test_a_tap_is_for_the_stall_where_a_car_just_came(shared: Site) -> None:
    shared.connectors[STALL_2].plug()
    await shared.clock.passes(5)
    await shared.tap(ANNAS_CARD)
    assert authorised(shared) == [("stall-2", "anna")]
    assert denied(shared) == []


async def test_a_second_tap_ends_the_own_session_though_another_car_just_came(shared: Site) -> None:
    shared.connectors[STALL_1].plug()
    await shared.clock.passes(5)
    await shared.tap(ANNAS_CARD)
    await shared.clock.passes(600)
    shared.connectors[STALL_2].plug()
    await shared.clock.passes(5)
    await shared.tap(ANNAS_CARD)
    await shared.clock.passes(30)
    assert authorised(shared) == [("stall-1", "anna")]
    assert [record["stop_reason"] for record in shared.records("session_ended")] == ["person"]


async def test_when_two_cars_came_at_once_nobody_pays_for_the_wrong_one(shared: Site) -> None:
    for stall_id in (STALL_1, STALL_2):
        shared.connectors[stall_id].plug()
    await shared.clock.passes(5)
    before_wh = [connector.register_wh for connector in shared.connectors.values()]
    await shared.tap(ANNAS_CARD)
    await shared.clock.passes(60)
    assert authorised(shared) == []
    assert denied(shared) == [("stall-1", "which_stall", "anna")]
    assert [connector.register_wh for connector in shared.connectors.values()] == before_wh
    # Anna plugs in again, two minutes after Ben came: now it is sure.
    shared.connectors[STALL_2].unplug()
    await shared.clock.passes(70)
    shared.connectors[STALL_2].plug()
    await shared.clock.passes(5)
    await shared.tap(ANNAS_CARD)
    assert authorised(shared) == [("stall-2", "anna")]


async def test_a_strangers_card_is_refused_once_and_kept_once(shared: Site) -> None:
    await shared.tap(STRANGERS_CARD)
    assert denied(shared) == [("stall-1", "unknown_card", None)]
    assert [card.times for card in shared.building.cards.unknown] == [1]


async def test_a_card_is_learnt_at_the_reader_of_either_stall(shared: Site) -> None:
    await shared.building.async_enrol_card(BEN, STALL_2, 60, "New")
    await shared.tap(STRANGERS_CARD)
    assert [card.label for card in shared.building.cards.enrolled if card.resident_id == BEN] == ["", "New"]
    assert denied(shared) == []


async def test_a_card_shown_elsewhere_while_it_charges_raises_an_alarm(site: Site) -> None:
    for stall_id in (STALL_1, STALL_2):
        site.connectors[stall_id].plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD, STALL_1)
    await site.clock.passes(60)
    site.announcements.clear()
    before_wh = site.connectors[STALL_2].register_wh
    await site.tap(ANNAS_CARD, STALL_2)
    await site.clock.passes(60)
    (record,) = site.records("denied")
    card = next(card for card in site.building.cards.enrolled if card.resident_id == ANNA)
    assert (record["stall_id"], record["reason"], record["credential_id"]) == ("stall-2", "quota", card.id)
    assert [(each.kind, each.type) for each in site.announcements] == [
        ("authorisation", "denied"),
        ("authorisation", "card_elsewhere"),
    ]
    assert "anna" not in str(site.announcements)
    assert card.id not in str(site.announcements)
    assert site.connectors[STALL_2].register_wh == before_wh
    assert site.building.stalls[STALL_1].state.session is not None, "the one that charges goes on"
