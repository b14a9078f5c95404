"""Tables, triggers and settings of the journal's file.

SQLite in WAL mode with synchronous=FULL: a committed transaction survives a power cut (sqlite.org/pragma.html).
Times are integer UTC milliseconds, energy integer Wh, bodies JSON text. Records are append-only: the triggers
abort every UPDATE, and every DELETE but that of acknowledged records while `pruning` names a limit.

`MIGRATIONS[n]` brings a file from `user_version` n to n + 1, in one transaction. Released steps never change.
"""

from typing import Final

APPLICATION_ID: Final = 0x45565348  # "EVSH"

SETTINGS: Final[tuple[tuple[str, str | int, str | int], ...]] = (
    # pragma, value to set, value it must read back as
    ("journal_mode", "wal", "wal"),
    ("synchronous", "full", 2),
    ("foreign_keys", "on", 1),
    ("busy_timeout", 5000, 5000),
    ("temp_store", "memory", 2),
    ("cache_size", -2048, -2048),
    ("wal_autocheckpoint", 1000, 1000),
    ("journal_size_limit", 16777216, 16777216),
    ("trusted_schema", "off", 0),
    ("cell_size_check", "on", 1),
    ("recursive_triggers", "on", 1),
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE about (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            marker TEXT NOT NULL,
            restored INTEGER NOT NULL,
            unattributed_wh INTEGER NOT NULL CHECK (unattributed_wh >= 0)
        ) STRICT
        """,
        """
        CREATE TABLE outbox (
            ordinal INTEGER PRIMARY KEY,
            incarnation TEXT NOT NULL UNIQUE,
            head_seq INTEGER NOT NULL,
            acked_seq INTEGER NOT NULL,
            CHECK (0 <= acked_seq AND acked_seq <= head_seq)
        ) STRICT
        """,
        """
        CREATE TABLE record (
            incarnation TEXT NOT NULL REFERENCES outbox (incarnation),
            seq INTEGER NOT NULL CHECK (seq >= 1),
            kind TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (incarnation, seq)
        ) STRICT
        """,
        "CREATE INDEX record_kind ON record (kind, at_ms)",
        "CREATE TABLE pruning (id INTEGER PRIMARY KEY CHECK (id = 1), before_ms INTEGER NOT NULL) STRICT",
        """
        CREATE TRIGGER record_never_changes BEFORE UPDATE ON record
        BEGIN SELECT RAISE(ABORT, 'records are append-only'); END
        """,
        """
        CREATE TRIGGER record_stays BEFORE DELETE ON record
        WHEN NOT EXISTS (
            SELECT 1 FROM pruning JOIN outbox ON outbox.incarnation = OLD.incarnation
            WHERE OLD.at_ms < pruning.before_ms AND OLD.seq <= outbox.acked_seq
        )
        BEGIN SELECT RAISE(ABORT, 'only acknowledged records past their time may be pruned'); END
        """,
        """
        CREATE TABLE snapshot (
            owner TEXT PRIMARY KEY,
            state TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE card (
            card_id TEXT PRIMARY KEY,
            resident_id TEXT NOT NULL,
            key_id TEXT NOT NULL,
            added_ms INTEGER NOT NULL,
            blocked_ms INTEGER
        ) STRICT
        """,
        """
        CREATE TABLE card_fingerprint (
            card_id TEXT NOT NULL REFERENCES card (card_id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            PRIMARY KEY (card_id, position)
        ) STRICT
        """,
        # The full number (position 0) is one card's; a shortened one may be several cards'.
        "CREATE UNIQUE INDEX card_full_number ON card_fingerprint (fingerprint) WHERE position = 0",
        "CREATE TABLE blocked_resident (resident_id TEXT PRIMARY KEY) STRICT",
        """
        CREATE TABLE answer (
            ask_id TEXT PRIMARY KEY,
            answered_ms INTEGER NOT NULL,
            body TEXT NOT NULL
        ) STRICT
        """,
    ),
    (
        "ALTER TABLE card ADD COLUMN label TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE card ADD COLUMN weak INTEGER NOT NULL DEFAULT 0 CHECK (weak IN (0, 1))",
        "ALTER TABLE card ADD COLUMN month_wh INTEGER CHECK (month_wh >= 0)",
        "ALTER TABLE card ADD COLUMN quiet TEXT",  # JSON: from, to
        "ALTER TABLE card ADD COLUMN used_ms INTEGER",
        """
        CREATE TABLE unknown_card (
            unknown_id TEXT PRIMARY KEY,
            key_id TEXT NOT NULL,
            full_number TEXT NOT NULL UNIQUE,
            fingerprints TEXT NOT NULL,
            weak INTEGER NOT NULL CHECK (weak IN (0, 1)),
            stall_id TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            times INTEGER NOT NULL CHECK (times >= 1),
            tail TEXT NOT NULL CHECK (length(tail) = 2)
        ) STRICT
        """,
        """
        CREATE TABLE rule (
            resident_id TEXT PRIMARY KEY,
            body TEXT NOT NULL
        ) STRICT
        """,
        # When the rules were told last, also when there are none.
        "ALTER TABLE about ADD COLUMN rules_told_ms INTEGER",
    ),
    (
        """
        CREATE TABLE car (
            car_id TEXT PRIMARY KEY,
            resident_id TEXT NOT NULL,
            key_id TEXT NOT NULL,
            fingerprint TEXT NOT NULL UNIQUE,
            label TEXT NOT NULL,
            added_ms INTEGER NOT NULL,
            used_ms INTEGER
        ) STRICT
        """,
        # What was blocked before anyone noted by whom is the manager's to unblock.
        "ALTER TABLE card ADD COLUMN blocked_by_holder INTEGER NOT NULL DEFAULT 0 CHECK (blocked_by_holder IN (0, 1))",
        # What its money of a month is good for, beside the limit in energy that people set.
        "ALTER TABLE card ADD COLUMN money_month_wh INTEGER CHECK (money_month_wh >= 0)",
        # The newest record the app had when it told the rules; null: it did not say.
        "ALTER TABLE about ADD COLUMN rules_told_incarnation TEXT",
        "ALTER TABLE about ADD COLUMN rules_told_seq INTEGER",
    ),
)
