"""A card is one resident's, as long as the key its fingerprints were made with is there."""

from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from custom_components.evshare.access import Hours
from custom_components.evshare.journal import CardConflict, Journal
from custom_components.evshare.model import CardId, ResidentId, StallId

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
    assert await journal.change_card(replace(card, blocked=True), NOW)
    assert [(card.blocked, card.blocked_by_holder) for card in await journal.cards()] == [(True, False)]
    assert await journal.change_card(replace(card, blocked=True, blocked_by_holder=True), NOW)
    assert [(card.blocked, card.blocked_by_holder) for card in await journal.cards()] == [(True, True)]
    # What is not blocked is blocked by nobody.
    assert await journal.change_card(replace(card, blocked=False, blocked_by_holder=True), NOW)
    assert [(card.blocked, card.blocked_by_holder) for card in await journal.cards()] == [(False, False)]
    await journal.remove_card(card_id)
    assert not await journal.change_card(card, NOW), "there is nothing to change any more"
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


STALL = StallId("stall-1")
ANNA, BEN = ResidentId("anna"), ResidentId("ben")


async def test_what_is_set_of_a_card_is_kept(open_journal: OpenJournal) -> None:
    journal = await open_journal()
    await journal.add_card(["aa"], ANNA, NOW, label="Blue", weak=True, month_wh=250_000)
    (card,) = await journal.cards()
    assert (card.label, card.weak, card.month_wh, card.quiet, card.used_at) == ("Blue", True, 250_000, None, None)
    night = Hours(start=time(23), end=time(6, 30))
    assert card.money_month_wh is None
    await journal.change_card(replace(card, label="Red", month_wh=None, money_month_wh=7, quiet=night), NOW)
    await journal.card_used(card.id, NOW + timedelta(hours=1))
    await journal.close()
    (card,) = await (await open_journal()).cards()
    assert (card.label, card.weak, card.month_wh, card.money_month_wh, card.quiet) == ("Red", True, None, 7, night)
    assert card.used_at == NOW + timedelta(hours=1)


async def test_an_unknown_card_shown_again_is_one_entry(journal: Journal) -> None:
    for minute, stall in enumerate(("stall-1", "stall-2")):
        at = NOW + timedelta(minutes=minute)
        await journal.card_refused(["aa", "bb"], StallId(stall), at, tail="80", weak=False)
    (unknown,) = await journal.unknown_cards(NOW)
    assert (unknown.stall_id, unknown.at, unknown.times, unknown.tail) == (
        "stall-2",
        NOW + timedelta(minutes=1),
        2,
        "80",
    )


async def test_of_unknown_cards_the_newest_fifty_of_seven_days_are_kept(journal: Journal) -> None:
    for number in range(52):
        at = NOW + timedelta(seconds=number)
        await journal.card_refused([f"{number:02x}"], STALL, at, tail=f"{number:02X}", weak=True)
    tails = [card.tail for card in await journal.unknown_cards(NOW)]
    assert tails == [f"{number:02X}" for number in range(51, 1, -1)]
    # The fiftieth newest was shown 2 s after NOW; a week later to the second it is still there, then it is not.
    week = NOW + timedelta(days=7)
    assert len(await journal.unknown_cards(week + timedelta(seconds=2))) == 50
    assert len(await journal.unknown_cards(week + timedelta(seconds=3))) == 49


async def test_an_unknown_card_is_given_to_somebody_once(journal: Journal) -> None:
    await journal.card_refused(["aa", "bb"], STALL, NOW, tail="80", weak=True)
    (unknown,) = await journal.unknown_cards(NOW)
    card_id = await journal.assign_card(unknown.id, ANNA, NOW, label="Spare", month_wh=1000)
    (card,) = await journal.cards()
    assert (card.id, card.resident_id, card.fingerprints, card.label) == (card_id, ANNA, ("aa", "bb"), "Spare")
    assert (card.weak, card.month_wh) == (True, 1000)
    assert await journal.unknown_cards(NOW) == []
    assert await journal.assign_card(unknown.id, BEN, NOW, label="", month_wh=None) is None


async def test_a_card_that_is_enrolled_is_unknown_no_more(journal: Journal) -> None:
    await journal.card_refused(["aa"], STALL, NOW, tail="80", weak=False)
    await journal.add_card(["aa"], ANNA, NOW)
    assert await journal.unknown_cards(NOW) == []


async def test_unknown_cards_of_a_lost_key_are_not_offered(
    journal: Journal, tmp_path: Path, open_journal: OpenJournal
) -> None:
    await journal.card_refused(["aa"], STALL, NOW, tail="80", weak=False)
    (unknown,) = await journal.unknown_cards(NOW)
    await journal.close()
    (tmp_path / ".cache" / "evshare" / "building.key").unlink()
    again = await open_journal()
    assert await again.unknown_cards(NOW) == []
    assert await again.assign_card(unknown.id, ANNA, NOW, label="", month_wh=None) is None


async def test_a_change_of_a_card_nobody_has_changes_nothing(journal: Journal) -> None:
    await journal.add_card(["aa"], ANNA, NOW)
    (card,) = await journal.cards()
    assert not await journal.change_card(replace(card, id=CardId("nobodys"), label="x"), NOW)
    assert await journal.cards() == [card]
