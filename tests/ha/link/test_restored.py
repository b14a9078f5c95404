"""Whichever side comes out of a backup, or both: the app ends up with every record the journal has."""

import shutil

from custom_components.evshare.journal import Journal

from ..building.conftest import STRANGERS_CARD
from .conftest import LinkedSite


async def _denials(linked: LinkedSite, number: int) -> None:
    for uid in range(number):
        await linked.site.tap(f"0400000000000{uid}")
        await linked.site.clock.passes(10)


async def _journal_comes_back(linked: LinkedSite) -> tuple[str, Journal]:
    """Restore the journal from a copy made just now; return the incarnation it had, and the journal."""
    old, path = linked.building.journal.incarnation, linked.site.journal_path
    backup = path.with_suffix(".backup")
    await linked.building.journal.copy_to(backup)
    await linked.site.stop()
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    shutil.copy(backup, path)
    await linked.start()
    return old, linked.building.journal


async def test_both_out_of_the_same_backup_where_the_apps_copy_was_made_first(linked: LinkedSite) -> None:
    await _denials(linked, 2)
    assert linked.building.journal.acked_seq == 4  # two meters' epochs, two denials
    for lost in (3, 4):
        del linked.app.records[linked.building.journal.incarnation][lost]
    old, journal = await _journal_comes_back(linked)
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(10)
    assert sorted(linked.app.records[old]) == [1, 2, 3, 4]
    assert sorted(linked.app.records[journal.incarnation]) == [1]
    assert linked.building.records_waiting == 0


async def test_an_app_of_before_the_last_restore_gets_what_it_lost_of_both_lives(linked: LinkedSite) -> None:
    await _denials(linked, 2)
    old, journal = await _journal_comes_back(linked)
    await _denials(linked, 2)
    assert sorted(linked.app.records[journal.incarnation]) == [1, 2]
    del linked.app.records[journal.incarnation]
    del linked.app.records[old][4]
    await linked.app.drop()
    await linked.site.clock.passes(10)
    assert sorted(linked.app.records[old]) == [1, 2, 3, 4]
    assert sorted(linked.app.records[journal.incarnation]) == [1, 2]
    assert linked.building.records_waiting == 0


async def test_records_of_an_earlier_life_that_are_not_kept_hold_up_nothing(linked: LinkedSite) -> None:
    await _denials(linked, 1)
    old, journal = linked.building.journal.incarnation, linked.building.journal
    await linked.site.clock.passes(1)
    assert await journal.prune(linked.site.clock.now) == 3
    del linked.app.records[old]
    _, journal = await _journal_comes_back(linked)
    await linked.site.tap(STRANGERS_CARD)
    await linked.site.clock.passes(10)
    assert sorted(linked.app.records[journal.incarnation]) == [1]
    assert linked.building.link_problem is None
