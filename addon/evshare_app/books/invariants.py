"""What a migration must leave as it is: the facts that were in the books, and what guards them.

Which tables hold facts the books say themselves: those whose rows no statement can delete, by their triggers. Making a
table anew, as SQLite's ALTER TABLE asks for, silently drops its triggers; so they are compared too.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

_GUARDS = text("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'")
_HEAD = text("SELECT number, hash FROM ledger_transaction ORDER BY number DESC LIMIT 1")
_BALANCES = text("SELECT ledger_account_id, currency, sum(amount_minor) FROM posting GROUP BY 1, 2")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Counts, balances and the chain's end. Empty for books that are new."""

    rows: dict[str, int]
    """Rows per table whose rows are never deleted."""
    balances: dict[tuple[str, str], int]
    """Minor units per ledger account and currency."""
    head: tuple[int, bytes] | None
    guards: frozenset[str]
    """Names of the triggers."""


def facts_of(conn: Connection) -> Facts:
    """Count what is there."""
    guards = conn.execute(_GUARDS).all() if conn.dialect.name == "sqlite" else []
    present = set(inspect(conn).get_table_names())
    tables = sorted({table for name, table in guards if name.endswith("_no_delete")} & present)
    count = "SELECT count(*) FROM {}"
    booked = "ledger_transaction" in present
    head = conn.execute(_HEAD).one_or_none() if booked else None
    return Facts(
        rows={table: conn.scalar(text(count.format(table))) or 0 for table in tables},
        balances={(row[0], row[1]): row[2] for row in conn.execute(_BALANCES)} if booked else {},
        head=None if head is None else (head.number, head.hash),
        guards=frozenset(name for name, _ in guards),
    )


def differences(before: Facts, after: Facts) -> list[str]:
    """Say what is not as it was; what is new counts for nothing."""
    found = [
        f"{table} had {rows} rows, now {after.rows.get(table)}"
        for table, rows in before.rows.items()
        if after.rows.get(table) != rows
    ]
    if after.balances != before.balances:
        found.append("the ledger's balances changed")
    if after.head != before.head:
        found.append("the ledger's chain ends elsewhere")
    found += [f"the trigger {name} is gone" for name in sorted(before.guards - after.guards)]
    return found
