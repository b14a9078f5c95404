"""Records get numbers without gaps and wait until the app has them."""

from datetime import timedelta

import pytest

from custom_components.evshare.journal import Journal
from custom_components.evshare.model import StallId

from .conftest import OpenJournal
from .records import NOW, denied, slice_


async def test_records_are_numbered_from_one_without_gaps(journal: Journal) -> None:
    assert await journal.commit([denied(1), denied(2)], {}, now=NOW) == 2
    assert await journal.commit([denied(3)], {}, now=NOW) == 3
    records = await journal.unacked(journal.incarnation)
    assert [(record.seq, record.body["stall_id"]) for record in records] == [
        (1, "stall-1"),
        (2, "stall-2"),
        (3, "stall-3"),
    ]
    assert records[0].at == NOW + timedelta(seconds=1)


async def test_what_was_committed_is_there_after_a_restart(open_journal: OpenJournal) -> None:
    first = await open_journal()
    await first.commit([denied()], {StallId("stall-1"): {"plugged": True}}, answers={"ask-1": {"ok": True}}, now=NOW)
    incarnation = first.incarnation
    await first.close()

    again = await open_journal()
    assert again.incarnation == incarnation
    assert not again.restored
    assert again.head_seq == 1
    assert await again.snapshots() == {"stall-1": {"plugged": True}}
    assert await again.answered("ask-1") == {"ok": True}


async def test_a_transaction_that_fails_leaves_nothing_of_it(journal: Journal) -> None:
    not_json = slice_(0, 10, None)
    not_json.body["limit_a"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        await journal.commit([denied(1), not_json], {StallId("stall-1"): {"plugged": True}}, now=NOW)
    assert journal.head_seq == 0
    assert journal.unattributed_wh == 0
    assert await journal.unacked(journal.incarnation) == []
    assert await journal.snapshots() == {}
    assert await journal.commit([denied(2)], {}, now=NOW) == 1


async def test_acknowledged_records_are_not_delivered_again(journal: Journal) -> None:
    await journal.commit([denied(n) for n in range(1, 6)], {}, now=NOW)
    await journal.acknowledge(journal.incarnation, 3)
    assert [record.seq for record in await journal.unacked(journal.incarnation)] == [4, 5]
    assert journal.records_waiting == 2


async def test_an_older_or_too_new_acknowledgement_changes_nothing_it_should_not(journal: Journal) -> None:
    await journal.commit([denied(n) for n in range(1, 6)], {}, now=NOW)
    await journal.acknowledge(journal.incarnation, 4)
    await journal.acknowledge(journal.incarnation, 2)
    assert journal.acked_seq == 4
    await journal.acknowledge(journal.incarnation, 99)
    assert journal.acked_seq == 5


async def test_a_batch_is_no_longer_than_asked_for(journal: Journal) -> None:
    await journal.commit([denied(n) for n in range(1, 302)], {}, now=NOW)
    assert [record.seq for record in await journal.unacked(journal.incarnation)] == list(range(1, 201))
    assert len(await journal.unacked(journal.incarnation, 7)) == 7


async def test_acknowledged_records_are_delivered_again_when_the_app_asks(journal: Journal) -> None:
    await journal.commit([denied(n) for n in range(1, 6)], {}, now=NOW)
    await journal.acknowledge(journal.incarnation, 5)
    await journal.resend_from(journal.incarnation, 4)
    assert [record.seq for record in await journal.unacked(journal.incarnation)] == [4, 5]


async def test_asking_for_what_is_not_there_names_what_is(journal: Journal) -> None:
    await journal.commit([denied(1), denied(2)], {}, now=NOW)
    with pytest.raises(ValueError, match="records 1 to 2 are kept, 9 is not among them"):
        await journal.resend_from(journal.incarnation, 9)
    with pytest.raises(ValueError, match="no incarnation"):
        await journal.unacked("another")


async def test_old_records_go_only_when_the_app_has_them(journal: Journal) -> None:
    old = NOW - timedelta(days=400)
    await journal.commit([denied(1, old), denied(2, old), denied(3)], {}, now=old)
    await journal.acknowledge(journal.incarnation, 1)
    assert await journal.prune(NOW - timedelta(days=396)) == 1
    assert [record.seq for record in await journal.unacked(journal.incarnation)] == [2, 3]
    with pytest.raises(ValueError, match="records 2 to 3 are kept"):
        await journal.resend_from(journal.incarnation, 1)


async def test_energy_without_session_adds_up_over_restarts(open_journal: OpenJournal) -> None:
    first = await open_journal()
    await first.commit([slice_(1000, 1010, None), slice_(1010, 1500, "session")], {}, now=NOW)
    await first.close()
    again = await open_journal()
    await again.commit([slice_(1500, 1507, None)], {}, now=NOW)
    assert again.unattributed_wh == 17


async def test_the_first_answer_to_an_ask_stays(journal: Journal) -> None:
    assert await journal.answered("ask-1") is None
    await journal.remember_answer("ask-1", {"ok": True}, NOW)
    await journal.remember_answer("ask-1", {"ok": False}, NOW)
    assert await journal.answered("ask-1") == {"ok": True}
