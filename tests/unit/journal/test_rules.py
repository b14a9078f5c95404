"""What residents may is kept as the app told it, and a file of before there were rules is brought up to date."""

from datetime import time
from pathlib import Path
import sqlite3

from custom_components.evshare.access import Hours, ResidentRules
from custom_components.evshare.journal.apart import KeptApart, key_id
from custom_components.evshare.journal.schema import APPLICATION_ID, MIGRATIONS
from custom_components.evshare.model import ResidentId, StallId

from .conftest import OpenJournal
from .records import NOW

ANNA, BEN = ResidentId("anna"), ResidentId("ben")


async def test_rules_are_replaced_as_a_whole_and_kept(open_journal: OpenJournal) -> None:
    journal = await open_journal()
    assert await journal.rules() == ({}, None)
    strict = ResidentRules(
        stall_ids=frozenset({StallId("stall-1")}),
        hours=(Hours(days=frozenset({1, 7}), start=time(22), end=time(6, 30)),),
        sessions=2,
        month_wh=300_000,
        left_wh=-5,
    )
    await journal.set_rules({ANNA: ResidentRules(), BEN: ResidentRules()}, NOW)
    await journal.set_rules({ANNA: strict}, NOW)
    await journal.close()
    assert await (await open_journal()).rules() == ({ANNA: strict}, NOW)


async def test_a_file_of_the_first_version_keeps_its_cards(
    journal_path: Path, apart: KeptApart, open_journal: OpenJournal
) -> None:
    journal_path.parent.mkdir(parents=True)
    db = sqlite3.connect(journal_path, autocommit=True)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for step in MIGRATIONS[0]:
        db.execute(step)
    db.execute("PRAGMA user_version = 1")
    key = key_id(apart.card_key())
    db.execute("INSERT INTO card VALUES ('ca2d000000000001', 'anna', ?, 1, NULL)", (key,))
    db.execute("INSERT INTO card_fingerprint VALUES ('ca2d000000000001', 0, 'aa')")
    db.close()
    journal = await open_journal()
    (card,) = await journal.cards()
    assert (card.id, card.label, card.weak, card.month_wh, card.quiet, card.used_at) == (
        "ca2d000000000001",
        "",
        False,
        None,
        None,
        None,
    )
    assert await journal.rules() == ({}, None)
