"""Signed heads: what they fix, and how keys follow each other."""

from datetime import UTC, datetime, timedelta
import hashlib
import stat

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import pytest
from sqlalchemy import select, text, update

from evshare_app.books.accounting_tables import ledger_head
from evshare_app.books.schema import ledger_transaction
from evshare_app.ledger.heads import (
    LedgerKey,
    change_key,
    fingerprint,
    open_key,
    rotate,
    sign_head,
    signed_heads,
    verify_books,
)
from evshare_app.ledger.ledger import post
from evshare_app.ledger.templates import Event, unknown_receipt

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)
OLD, NEW = LedgerKey(b"a" * 32), LedgerKey(b"b" * 32)


def book(conn, place: int) -> None:
    event = Event(transaction_id=f"t{place}", occurred=NOW, actor="office", reason="a", currency="EUR")
    post(conn, unknown_receipt(event, 100 + place), NOW)


def without_triggers(conn):
    for name in conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        conn.execute(text(f"DROP TRIGGER {name}"))


def test_a_head_is_signed_over_what_anyone_can_write_down(conn):
    """The message as docs/export.md gives it, written out here by hand."""
    book(conn, 1)
    book(conn, 2)
    signed = sign_head(conn, OLD, NOW)
    one, two = conn.scalars(select(ledger_transaction.c.hash).order_by(ledger_transaction.c.number))
    hashes = hashlib.sha256(one + two).hexdigest()
    message = (
        f'evshare ledger head 1\n{{"building_id":"b1","hash":"{two.hex()}","hashes":"{hashes}",'
        '"number":2,"signed_ms":1782892800000}'
    )
    Ed25519PublicKey.from_public_bytes(OLD.public).verify(signed.signature, message.encode())
    assert fingerprint(OLD.public) == hashlib.sha256(OLD.public).hexdigest()[:16]
    assert verify_books(conn).ok


def test_an_empty_ledger_has_nothing_to_sign(conn):
    assert sign_head(conn, OLD, NOW) is None
    assert signed_heads(conn) == []
    assert verify_books(conn).ok


def test_a_place_is_signed_once_a_key(conn):
    book(conn, 1)
    first = sign_head(conn, OLD, NOW)
    assert sign_head(conn, OLD, NOW + timedelta(days=1)) == first
    assert len(signed_heads(conn)) == 1


def test_a_new_key_is_introduced_by_the_old_one(conn):
    book(conn, 1)
    sign_head(conn, OLD, NOW)
    rotate(conn, OLD, NEW, NOW)
    book(conn, 2)
    sign_head(conn, NEW, NOW + timedelta(days=1))
    assert [(one.number, fingerprint(one.public_key)) for one in signed_heads(conn)] == [
        (1, fingerprint(OLD.public)),
        (1, fingerprint(OLD.public)),
        (1, fingerprint(NEW.public)),
        (2, fingerprint(NEW.public)),
    ]
    assert verify_books(conn).ok


def test_a_key_that_nobody_introduced_is_found(conn):
    book(conn, 1)
    sign_head(conn, OLD, NOW)
    book(conn, 2)
    sign_head(conn, NEW, NOW)
    assert verify_books(conn).problems == (f"head 1: does not introduce key {fingerprint(NEW.public)}",)


def test_keys_follow_each_other_even_where_the_clock_went_back(conn):
    book(conn, 1)
    sign_head(conn, OLD, NOW)
    rotate(conn, OLD, NEW, NOW - timedelta(hours=1))
    assert verify_books(conn).ok


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("hash", bytes(32), "head 2: is signed with another hash than the chain's"),
        ("signed_ms", 5, "head 2: its signature is wrong"),
        ("signature", bytes(64), "head 2: its signature is wrong"),
        ("public_key", NEW.public, "head 2: its signature is wrong"),
        ("number", 9, "head 9: the chain has no such transaction"),
    ],
)
def test_a_changed_head_is_found(conn, column, value, says):
    book(conn, 1)
    book(conn, 2)
    sign_head(conn, OLD, NOW)
    assert verify_books(conn).ok
    without_triggers(conn)
    conn.execute(update(ledger_head).values({column: value}))
    assert verify_books(conn).problems == (says,)


def test_a_hash_changed_long_before_a_head_is_found_by_its_signature_alone(conn):
    """The head's own hash is right; the list of hashes up to it is not the one that was signed."""
    for place in (1, 2, 3):
        book(conn, place)
    sign_head(conn, OLD, NOW)
    without_triggers(conn)
    conn.execute(update(ledger_transaction).where(ledger_transaction.c.number == 1).values(hash=bytes(32)))
    report = verify_books(conn)
    assert report.problems == ("head 3: its signature is wrong",)
    assert report.chain.broken_at == 1


def test_the_books_refuse_to_change_a_signed_head(conn):
    book(conn, 1)
    sign_head(conn, OLD, NOW)
    with pytest.raises(Exception, match="rows are never changed or deleted"):
        conn.execute(update(ledger_head).values(signed_ms=1))


# --- the key's files ---------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_only_we_may_read_it(conn, tmp_path):
    key = open_key(conn, tmp_path)
    assert open_key(conn, tmp_path).public == key.public
    assert stat.S_IMODE((tmp_path / "ledger.key").stat().st_mode) == 0o600


def test_a_change_of_key_that_was_cut_short_is_finished_at_the_next_start(conn, tmp_path):
    book(conn, 1)
    old = open_key(conn, tmp_path)
    sign_head(conn, old, NOW)
    before = conn.begin_nested()
    new = change_key(conn, tmp_path, NOW)
    before.rollback()  # the power went before the books had it
    assert open_key(conn, tmp_path).public == old.public
    assert change_key(conn, tmp_path, NOW).public == new.public  # and after
    assert open_key(conn, tmp_path).public == new.public
    assert not (tmp_path / "ledger.next.key").exists()
    assert open_key(conn, tmp_path).public == new.public
    assert verify_books(conn).ok


def test_books_that_come_back_from_before_the_change_are_signed_by_the_new_key_and_it_is_introduced_again(
    conn, tmp_path
):
    book(conn, 1)
    sign_head(conn, open_key(conn, tmp_path), NOW)
    copy = conn.begin_nested()
    change_key(conn, tmp_path, NOW)
    new = open_key(conn, tmp_path)
    copy.rollback()  # the copy was made before
    book(conn, 2)
    signed = sign_head(conn, open_key(conn, tmp_path), NOW + timedelta(days=1))
    assert (signed.number, signed.public_key) == (2, new.public)
    assert verify_books(conn).ok
    assert stat.S_IMODE((tmp_path / "ledger.previous.key").stat().st_mode) == 0o600
