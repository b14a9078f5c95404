"""What residents may is kept as the app told it, and a file of before there were rules is brought up to date."""

from datetime import time
from pathlib import Path
import sqlite3

import pytest

from custom_components.evshare.access import Hours, Pot, ResidentRules
from custom_components.evshare.journal import NewRecord
from custom_components.evshare.journal.apart import KeptApart, key_id
from custom_components.evshare.journal.schema import APPLICATION_ID, MIGRATIONS
from custom_components.evshare.model import ResidentId, StallId

from .conftest import OpenJournal
from .records import NOW

ANNA, BEN = ResidentId("anna"), ResidentId("ben")


async def test_rules_are_replaced_as_a_whole_and_kept(open_journal: OpenJournal) -> None:
    journal = await open_journal()
    assert await journal.rules() == ({}, None, None)
    strict = ResidentRules(
        stall_ids=frozenset({StallId("stall-1")}),
        hours=(Hours(days=frozenset({1, 7}), start=time(22), end=time(6, 30)),),
        sessions=2,
        month_wh=300_000,
        left_wh=-5,
        pot=Pot(id="household", left_wh=7),
        start_wh=3,
    )
    await journal.set_rules({ANNA: ResidentRules(), BEN: ResidentRules()}, NOW)
    as_of = journal.position(journal.incarnation, 17)
    await journal.set_rules({ANNA: strict}, NOW, as_of)
    await journal.close()
    again = await open_journal()
    assert await again.rules() == ({ANNA: strict}, NOW, as_of)
    await again.set_rules({}, NOW)
    assert await again.rules() == ({}, NOW, None)


async def test_rules_of_before_there_were_pots_are_read(open_journal: OpenJournal, journal_path: Path) -> None:
    journal = await open_journal()
    db = sqlite3.connect(journal_path, autocommit=True)
    before = '{"stall_ids": null, "hours": [], "sessions": 2, "month_wh": null, "left_wh": 5}'
    db.execute("INSERT INTO rule VALUES ('anna', ?)", (before,))
    db.close()
    rules, _, _ = await journal.rules()
    assert rules == {ANNA: ResidentRules(sessions=2, left_wh=5)}


async def test_the_ends_after_a_record_are_those_of_later_records_and_lives(open_journal: OpenJournal) -> None:
    journal = await open_journal()

    async def end(*names: str) -> None:
        records = [NewRecord(kind="session_ended", at=NOW, body={"session_id": name}) for name in names]
        await journal.commit(records, {}, now=NOW)

    async def after(seq: int, incarnation: str) -> list[tuple[str, int]]:
        ends = await journal.ends_after(journal.position(incarnation, seq))
        return [(end.session_id, end.position.seq) for end in ends]

    first = journal.incarnation
    await end("s1", "s2")
    assert await after(1, first) == [("s2", 2)]
    await journal.acknowledge(first, 1)
    await journal.renew()  # s2 is numbered anew
    await end("s3")
    assert await after(0, first) == [("s1", 1), ("s2", 1), ("s3", 2)]
    assert await after(0, journal.incarnation) == [("s2", 1), ("s3", 2)]
    assert await after(2, journal.incarnation) == []
    assert journal.position(first, 99) < journal.position(journal.incarnation, 0)
    with pytest.raises(ValueError, match="no incarnation nobodys"):
        journal.position("nobodys", 1)


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
    db.execute("INSERT INTO card VALUES ('ca2d000000000001', 'anna', ?, 1, 5)", (key,))
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
    # Nobody noted who blocked it, so it is the manager's to unblock.
    assert (card.blocked, card.blocked_by_holder) == (True, False)
    assert await journal.rules() == ({}, None, None)
