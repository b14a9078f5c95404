from datetime import UTC, datetime, timedelta
from decimal import Decimal
import hashlib
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest
from sqlalchemy import Connection, select, text

from evshare_app.books.schema import ledger_account, ledger_transaction, posting
from evshare_app.ledger.accounts import BANK, ENERGY, kind_of, prepaid, receivable, vat_payable
from evshare_app.ledger.ledger import GENESIS, LedgerError, NewTransaction, Posting, balance, head, post, verify

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)


def sale(transaction_id: str = "t1", amount: int = 1190, vat: int = 190, **changes) -> NewTransaction:
    fields = {
        "transaction_id": transaction_id,
        "kind": "statement",
        "occurred": NOW - timedelta(days=1),
        "actor": "office:maria",
        "reason": "Statement 2026-000001",
        "postings": [
            Posting(receivable("acc-weber"), amount),
            Posting(ENERGY, vat - amount),
            Posting("2300:19", -vat),
        ],
        "currency": "EUR",
    }
    return NewTransaction(**fields | changes)


def counts(conn: Connection) -> tuple[int, ...]:
    return tuple(
        conn.scalar(text(f"SELECT count(*) FROM {table}"))
        for table in ("ledger_transaction", "posting", "ledger_account")
    )


def test_transactions_are_numbered_in_order_and_move_balances(conn):
    assert post(conn, sale(), NOW) == 1
    paid = NewTransaction(
        transaction_id="t2",
        kind="payment",
        occurred=NOW,
        actor="office:maria",
        reason="Bank transfer",
        postings=[Posting(BANK, 1190), Posting(receivable("acc-weber"), -1190)],
        currency="EUR",
    )
    assert post(conn, paid, NOW) == 2
    assert balance(conn, receivable("acc-weber")) == 0
    assert balance(conn, BANK) == 1190
    assert balance(conn, ENERGY) == -1000
    assert balance(conn, vat_payable(Decimal("19.0"))) == -190
    assert balance(conn, receivable("nobody")) == 0


def test_posting_the_same_transaction_again_changes_nothing(conn):
    post(conn, sale(), NOW)
    before = counts(conn), head(conn)
    assert post(conn, sale(), NOW + timedelta(hours=3)) == 1
    assert (counts(conn), head(conn)) == before


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"reason": "Something else"}, "reason"),
        ({"occurred": NOW}, "occurred_ms"),
        ({"postings": [Posting(BANK, 5), Posting(ENERGY, -5)]}, "other postings"),
        ({"currency": "CHF"}, "other postings"),
    ],
)
def test_an_id_that_is_taken_by_another_content_is_refused(conn, changes, names):
    post(conn, sale(), NOW)
    before = counts(conn)
    with pytest.raises(LedgerError, match=names):
        post(conn, sale(**changes), NOW)
    assert counts(conn) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"postings": [Posting(BANK, 100), Posting(ENERGY, -99)]}, "postings: sum is 1, accepted is 0"),
        ({"postings": [Posting(BANK, 0)]}, "postings: got 1, accepted are two or more"),
        ({"postings": [Posting("9999", 1), Posting(BANK, -1)]}, "ledger account: got '9999', accepted are 1100"),
        ({"postings": [Posting("1400", 1), Posting(BANK, -1)]}, "ledger account: got '1400'"),
        ({"postings": [Posting("1100:x", 1), Posting(BANK, -1)]}, "ledger account: got '1100:x'"),
        ({"transaction_id": "x" * 65}, "transaction_id"),
        ({"reverses": "unknown"}, "reverses: got 'unknown'"),
    ],
)
def test_what_cannot_be_booked_is_refused_by_name_and_changes_nothing(conn, changes, message):
    with pytest.raises(LedgerError, match=message):
        post(conn, sale(**changes), NOW)
    assert counts(conn) == (0, 0, 0)


def test_an_account_keeps_one_currency(conn):
    post(conn, sale(), NOW)
    before = counts(conn)
    with pytest.raises(LedgerError, match="currency: got CHF, accepted on ledger account 1400:acc-weber is EUR"):
        post(
            conn,
            sale("t2", currency="CHF", postings=[Posting(receivable("acc-weber"), 1), Posting(prepaid("acc-x"), -1)]),
            NOW,
        )
    assert counts(conn) == before


def test_a_correction_is_a_transaction_that_names_what_it_takes_back(conn):
    post(conn, sale(), NOW)
    back = [Posting(one.account, -one.amount_minor) for one in sale().postings]
    assert post(conn, sale("t1-back", postings=back, reverses="t1"), NOW) == 2
    assert balance(conn, receivable("acc-weber")) == 0
    assert verify(conn).ok


def test_accounts_know_what_they_are(conn):
    post(conn, sale(), NOW)
    kinds = {row.ledger_account_id: row.kind for row in conn.execute(select(ledger_account))}
    assert kinds == {"1400:acc-weber": "asset", "4000": "income", "2300:19": "liability"}
    assert kind_of("5200") == "expense"


def test_the_first_hash_is_what_anyone_can_compute_from_the_rows(conn):
    """Written out here as an outside verifier would: SHA-256(32 zero bytes, canonical JSON)."""
    post(conn, sale(), NOW)
    content = (
        '{"actor":"office:maria","building_id":"b1","kind":"statement","number":1,"occurred_ms":1782806400000,'
        '"postings":[["b1",1,"1400:acc-weber",1190,"EUR"],["b1",2,"4000",-1000,"EUR"],["b1",3,"2300:19",-190,"EUR"]],'
        '"reason":"Statement 2026-000001","recorded_ms":1782892800000,"reverses":null,"transaction_id":"t1"}'
    )
    assert json.loads(content)["recorded_ms"] == NOW.timestamp() * 1000
    assert head(conn) == hashlib.sha256(bytes(32) + content.encode()).digest()


def test_an_empty_ledger_is_whole(conn):
    assert head(conn) == GENESIS
    report = verify(conn)
    assert (report.ok, report.transactions, report.head) == (True, 0, GENESIS)


@pytest.mark.parametrize("table", ["ledger_transaction", "posting"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET building_id = 'x'", "DELETE FROM {0}"])
def test_the_books_refuse_to_change_what_is_booked(conn, table, change):
    post(conn, sale(), NOW)
    with pytest.raises(Exception, match="rows are never changed or deleted"):
        conn.execute(text(change.format(table)))
    assert verify(conn).ok


transactions = st.lists(
    st.lists(
        st.tuples(st.sampled_from([BANK, ENERGY, "1400:a", "1400:b", "2300:19"]), st.integers(-(10**9), 10**9)),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


def booked(conn: Connection, made: list[list[tuple[str, int]]]) -> None:
    for place, sides in enumerate(made):
        balanced = [*sides, ("1200", -sum(amount for _, amount in sides))]
        post(conn, sale(f"t{place}", postings=[Posting(*side) for side in balanced]), NOW + timedelta(seconds=place))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=transactions)
def test_whatever_is_booked_sums_to_zero_and_the_chain_is_whole(conn, made):
    savepoint = conn.begin_nested()
    booked(conn, made)
    accounts = [row.ledger_account_id for row in conn.execute(select(ledger_account))]
    assert sum(balance(conn, account) for account in accounts) == 0
    report = verify(conn)
    assert report.ok
    assert report.transactions == len(made)
    assert report.head == head(conn)
    savepoint.rollback()


COLUMNS = [(table, column.name) for table in (ledger_transaction, posting) for column in table.columns]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=transactions, where=st.sampled_from(COLUMNS), row=st.integers(0, 10**6), by=st.integers(1, 255))
def test_any_changed_value_is_found(conn, made, where, row, by):
    """The one who tampers has the file, and drops our triggers first."""
    table, column = where
    savepoint = conn.begin_nested()
    booked(conn, made)
    for name in conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        conn.execute(text(f"DROP TRIGGER {name}"))
    conn.execute(text("PRAGMA defer_foreign_keys = ON"))
    rows = conn.execute(select(table.c[column], text("rowid"))).all()
    value, rowid = rows[row % len(rows)]
    changed = value + 1000 * by if isinstance(value, int) else _flipped(value, by)
    conn.execute(
        text(f"UPDATE {table.name} SET {column} = :value WHERE rowid = :rowid"), {"value": changed, "rowid": rowid}
    )
    assert not verify(conn).ok
    savepoint.rollback()


def _flipped(value: str | bytes | None, by: int) -> str | bytes:
    if value is None:
        return "t0"
    raw = value if isinstance(value, bytes) else value.encode()
    # Far enough from what it was that it is nobody else's id.
    changed = raw[:-1] + bytes([raw[-1] ^ (0x40 | by % 16)])
    return changed if isinstance(value, bytes) else changed.decode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=transactions, row=st.integers(0, 10**6))
def test_a_missing_row_is_found(conn, made, row):
    savepoint = conn.begin_nested()
    booked(conn, made)
    for name in conn.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        conn.execute(text(f"DROP TRIGGER {name}"))
    rows = conn.execute(text("SELECT rowid FROM posting")).all()
    conn.execute(text("DELETE FROM posting WHERE rowid = :rowid"), {"rowid": rows[row % len(rows)].rowid})
    assert not verify(conn).ok
    savepoint.rollback()
