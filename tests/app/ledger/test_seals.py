"""Seals: each slice is fixed in the chain once, also what is nobody's, and what comes late by the next one."""

from datetime import UTC, datetime, timedelta
import hashlib

import pytest
from sqlalchemy import select, text

from evshare_app.books.accounting_tables import slice_seal
from evshare_app.books.schema import ledger_transaction
from evshare_app.ledger import seals
from evshare_app.ledger.ledger import LedgerError, NewTransaction, Posting, post, verify
from evshare_app.ledger.seals import seal_all, seal_slices
from tests.app.statement.lindenhof import Cut, add_cut, add_session, add_unattributed

MAY_20 = datetime(2026, 5, 20, 18, tzinfo=UTC)
JUNE_1 = datetime(2026, 6, 1, 8, tzinfo=UTC)


def sha256(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()


def booked(conn) -> list[tuple[str, str]]:
    rows = conn.execute(select(ledger_transaction).order_by(ledger_transaction.c.number))
    return [(row.transaction_id, row.reason) for row in rows]


def test_a_seal_is_made_of_what_anyone_can_write_down(conn):
    """A session of two slices, 40 Wh of nobody's, another session; the lines are written out here by hand.

    2026-05-20T18:00:00Z is 1779300000000 ms; the register of stall-1 stands at 1204500 Wh when the building settles in.
    """
    add_session(conn, "s1", MAY_20, [Cut(15, 1500), Cut(15, 0, suspended=True)])
    add_unattributed(conn, MAY_20 + timedelta(hours=1), 40)
    add_session(conn, "s2", MAY_20, [Cut(60, 7001)], resident="ada", stall="stall-2")
    assert seal_slices(conn, JUNE_1) == 1
    _, _, nobodys, _ = conn.execute(text("SELECT limit_a FROM slice ORDER BY slice_id")).scalars()
    digests = sorted(
        (
            sha256(
                '[1,"s1","stall-1",1,1779300000000,1779300900000,1204500,1206000,900,0,16,0]\n'
                '[2,"s1","stall-1",1,1779300900000,1779301800000,1206000,1206000,0,900,16,0]\n'
            ),
            sha256(f'[3,null,"stall-1",1,1779303600000,1779304500000,1206000,1206040,900,0,{nobodys},0]\n'),
            sha256('[4,"s2","stall-2",1,1779300000000,1779303600000,1204500,1211501,3600,0,16,0]\n'),
        )
    )
    root = hashlib.sha256(b"".join(digests)).hexdigest()
    assert booked(conn) == [("slices:1-4", f"slices 1-4 sha256 {root}")]
    assert conn.scalar(select(slice_seal.c.digests)) == b"".join(digests)
    assert verify(conn).ok


def test_what_comes_late_is_in_the_next_seal_and_nothing_is_sealed_twice(conn):
    add_session(conn, "s1", MAY_20, [Cut(15, 1500)])
    assert seal_slices(conn, JUNE_1) == 1
    assert seal_slices(conn, JUNE_1) is None
    add_cut(conn, "s1", MAY_20 + timedelta(minutes=15), Cut(15, 100))
    assert seal_slices(conn, JUNE_1 + timedelta(days=30)) == 2
    late = '[2,"s1","stall-1",1,1779300900000,1779301800000,1206000,1206100,900,0,16,0]\n'
    root = hashlib.sha256(sha256(late)).hexdigest()
    assert booked(conn)[1] == ("slices:2-2", f"slices 2-2 sha256 {root}")


def test_many_slices_are_sealed_a_part_at_a_time(conn, monkeypatch):
    monkeypatch.setattr(seals, "_AT_ONCE", 2)
    add_session(conn, "s1", MAY_20, [Cut(15, 100)] * 5)
    seal_all(conn, JUNE_1)
    assert [id_ for id_, _ in booked(conn)] == ["slices:1-2", "slices:3-4", "slices:5-5"]
    assert verify(conn).ok


@pytest.mark.parametrize(
    ("kind", "postings", "said"),
    [
        ("slices", [Posting("1100", 1), Posting("4000", -1)], "postings: got 2, accepted is none"),
        ("goodwill", [], "postings: got 0, accepted are two or more"),
    ],
)
def test_only_a_seal_moves_no_money(conn, kind, postings, said):
    wanted = NewTransaction(
        transaction_id="t1", kind=kind, occurred=JUNE_1, actor="a", reason="b", postings=postings, currency="EUR"
    )
    with pytest.raises(LedgerError, match=said):
        post(conn, wanted, JUNE_1)
    assert booked(conn) == []


def test_a_seal_that_was_changed_breaks_the_chain(conn):
    add_session(conn, "s1", MAY_20, [Cut(15, 1500)])
    seal_all(conn, JUNE_1)
    conn.execute(text("DROP TRIGGER ledger_transaction_no_update"))
    conn.execute(text("UPDATE ledger_transaction SET kind = 'goodwill'"))
    assert not verify(conn).ok
