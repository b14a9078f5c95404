"""A card is one resident's, as long as the key its fingerprints were made with is there."""

from pathlib import Path

import pytest

from custom_components.evshare.journal import CardConflict, Journal
from custom_components.evshare.model import ResidentId

from .conftest import OpenJournal
from .records import NOW


async def test_a_card_cannot_be_enrolled_twice(journal: Journal) -> None:
    await journal.add_card(["aa", "bb"], ResidentId("anna"), NOW)
    with pytest.raises(CardConflict, match="enrolled already"):
        await journal.add_card(["aa", "bb"], ResidentId("ben"), NOW)
    assert [card.resident_id for card in await journal.cards()] == ["anna"]


async def test_two_cards_may_look_alike_at_a_reader_that_shortens(journal: Journal) -> None:
    await journal.add_card(["aa", "short"], ResidentId("anna"), NOW)
    await journal.add_card(["bb", "short"], ResidentId("ben"), NOW)
    assert [card.fingerprints for card in await journal.cards()] == [("aa", "short"), ("bb", "short")]


async def test_cards_are_found_blocked_and_forgotten(journal: Journal) -> None:
    anna = ResidentId("anna")
    card_id = await journal.add_card(["aa", "bb", "cc"], anna, NOW)
    (card,) = await journal.cards()
    assert (card.id, card.resident_id, card.fingerprints, card.blocked) == (card_id, anna, ("aa", "bb", "cc"), False)
    await journal.block_card(card_id, NOW)
    assert [card.blocked for card in await journal.cards()] == [True]
    await journal.block_card(card_id, None)
    assert [card.blocked for card in await journal.cards()] == [False]
    await journal.remove_card(card_id)
    assert await journal.cards() == []
    await journal.add_card(["aa"], anna, NOW)


async def test_cards_of_a_lost_key_cannot_be_recognised_and_are_counted(
    journal: Journal, tmp_path: Path, open_journal: OpenJournal
) -> None:
    await journal.add_card(["aa"], ResidentId("anna"), NOW)
    await journal.close()
    (tmp_path / ".cache" / "evshare" / "building.key").unlink()
    again = await open_journal()
    assert again.card_key != journal.card_key
    assert await again.cards() == []
    assert await again.cards_unreadable() == 1


async def test_the_list_of_blocked_residents_is_replaced_as_a_whole(journal: Journal) -> None:
    await journal.set_blocked([ResidentId("anna"), ResidentId("ben"), ResidentId("anna")])
    await journal.set_blocked([ResidentId("ben")])
    assert await journal.blocked() == {"ben"}
