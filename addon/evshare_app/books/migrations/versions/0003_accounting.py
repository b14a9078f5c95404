"""The accounting: who owes and when, plans, costs to share, charges, parts of sessions, the close, and the proofs.

Three tables lose a constraint, which SQLite can only do by making them anew; their rows stay as they were.
"""

from collections.abc import Callable
import hashlib

from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"

UNCHANGEABLE = (
    "cdr_slice",
    "charge",
    "close_cdr",
    "ledger_head",
    "price_slot",
    "remainder",
    "restore_drill",
    "signed_meter_value",
    "slice_seal",
    "slice_source",
    "solar_bank",
    "statement_charge",
    "statement_file",
    "tariff_withdrawn",
)
"""New tables whose rows are facts. Those made anew (cdr, statement, tariff) are guarded again as before."""
_QUARANTINED = "EXISTS (SELECT 1 FROM books_incarnation WHERE left_ms IS NULL)"
_LIVES = (
    "CREATE TRIGGER books_incarnation_no_delete BEFORE DELETE ON books_incarnation "
    "BEGIN SELECT RAISE(ABORT, 'books_incarnation: rows are never deleted'); END",
    "CREATE TRIGGER books_incarnation_once BEFORE UPDATE ON books_incarnation WHEN OLD.left_ms IS NOT NULL "
    "BEGIN SELECT RAISE(ABORT, 'books_incarnation: what is over is never changed'); END",
    # Whoever forgets to ask gets no further: what leaves the house waits until quarantine is over.
    f"CREATE TRIGGER statement_not_in_quarantine BEFORE INSERT ON statement WHEN {_QUARANTINED} "
    "BEGIN SELECT RAISE(ABORT, 'statement: the books are in quarantine'); END",
    f"CREATE TRIGGER period_not_in_quarantine BEFORE INSERT ON period WHEN {_QUARANTINED} "
    "BEGIN SELECT RAISE(ABORT, 'period: the books are in quarantine'); END",
    # What a provider has already may be taken in; it never begins as pending.
    "CREATE TRIGGER payment_operation_not_in_quarantine BEFORE INSERT ON payment_operation "
    f"WHEN NEW.state = 'pending' AND {_QUARANTINED} "
    "BEGIN SELECT RAISE(ABORT, 'payment_operation: the books are in quarantine'); END",
)
"""Restored books wait: what leaves the house is refused while they do."""


def upgrade() -> None:
    """Add the tables, make three anew, and fill in what the books know already."""
    conn = op.get_bind()
    if conn.dialect.name == "sqlite":
        # Renaming must not rewrite the references of other tables: they shall mean the new one.
        op.execute("PRAGMA legacy_alter_table=ON")
    _new_columns()
    _renew("cdr", _cdr, ("part", "kind", "credits"))
    _renew("tariff", _tariff, ("family",))
    files = conn.execute(sa.text("SELECT statement_id, building_id, issued_ms, html, pdf FROM statement")).all()
    _renew("statement", _statement, ("kind", "corrects"))
    if conn.dialect.name == "sqlite":
        op.execute("PRAGMA legacy_alter_table=OFF")
    op.create_index("ix_cdr_ended", "cdr", ["ended_ms"], unique=False)
    op.create_index("ix_payment_account", "payment", ["account_id"], unique=False)
    op.create_index("ix_slice_ended", "slice", ["end_ms"], unique=False)
    op.create_index("ix_slice_register", "slice", ["stall_id", "epoch", "register_end_wh"], unique=False)
    op.create_index("ix_statement_account", "statement", ["account_id"], unique=False)
    op.create_index(
        "ux_statement_month",
        "statement",
        ["account_id", "month"],
        unique=True,
        sqlite_where=sa.text("kind = 'statement'"),
        postgresql_where=sa.text("kind = 'statement'"),
    )
    _new_tables()
    for row in files:
        for kind, content in (("html", row.html.encode()), ("pdf", row.pdf)):
            conn.execute(
                sa.text("INSERT INTO statement_file VALUES (:building, :statement, :kind, :content, :sha256, :made)"),
                {
                    "building": row.building_id,
                    "statement": row.statement_id,
                    "kind": kind,
                    "content": content,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "made": row.issued_ms,
                },
            )
    op.execute(
        "INSERT INTO cdr_slice (building_id, slice_id, cdr_id) "
        "SELECT slice.building_id, slice.slice_id, cdr.cdr_id FROM slice JOIN cdr ON cdr.session_id = slice.session_id"
    )
    op.execute(
        "INSERT INTO unit_share (building_id, unit_id, from_day, share) "
        "SELECT building_id, unit_id, '1970-01-01', ownership_share FROM unit WHERE ownership_share > 0"
    )
    for table in UNCHANGEABLE:
        _guard(table)
    for trigger in _LIVES:
        op.execute(trigger)


def _guard(table: str) -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never changed or deleted'); END"
        )


def _renew(table: str, create: Callable[[], None], added: tuple[str, ...]) -> None:
    op.rename_table(table, f"{table}_before")
    create()
    conn = op.get_bind()
    kept = [column["name"] for column in sa.inspect(conn).get_columns(table) if column["name"] not in added]
    names = ", ".join(kept)
    op.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table}_before")  # noqa: S608 - names of our own
    op.drop_table(f"{table}_before")
    _guard(table)


def _new_columns() -> None:
    op.add_column("account", sa.Column("kind", sa.String(length=16), server_default="household", nullable=False))
    op.add_column("account", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("account", sa.Column("paper", sa.Integer(), server_default="0", nullable=False))
    op.add_column("card", sa.Column("blocked_by_holder", sa.Integer(), server_default="0", nullable=False))
    op.add_column("card", sa.Column("money_month_wh", sa.Integer(), nullable=True))
    op.add_column("building_slice", sa.Column("battery_in_wh", sa.Integer(), nullable=True))
    op.add_column("building_slice", sa.Column("battery_out_wh", sa.Integer(), nullable=True))
    op.add_column("building_slice", sa.Column("estimated_of", sa.String(length=64), nullable=True))
    op.add_column("building", sa.Column("price_series", sa.Text(), nullable=True))
    # Written out, because Alembic adds a column and its reference in two steps, which SQLite has not.
    op.execute(
        "ALTER TABLE session ADD COLUMN account_id VARCHAR(64) "
        "CONSTRAINT fk_session_account_id REFERENCES account (account_id)"
    )


def _cdr() -> None:
    op.create_table(
        "cdr",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("cdr_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("energy_wh", sa.Integer(), nullable=False),
        sa.Column("net_minor", sa.Integer(), nullable=False),
        sa.Column("vat_minor", sa.Integer(), nullable=False),
        sa.Column("gross_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("ocpi_json", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), server_default="1", nullable=False),
        sa.Column("kind", sa.String(length=16), server_default="normal", nullable=False),
        sa.Column("credits", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_cdr_account_id")),
        sa.ForeignKeyConstraint(["credits"], ["cdr.cdr_id"], name=op.f("fk_cdr_credits")),
        sa.ForeignKeyConstraint(["session_id"], ["session.session_id"], name=op.f("fk_cdr_session_id")),
        sa.PrimaryKeyConstraint("cdr_id", name=op.f("pk_cdr")),
        sa.UniqueConstraint("session_id", "part", name=op.f("uq_cdr_session_id_part")),
    )


def _tariff() -> None:
    op.create_table(
        "tariff",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ocpi_json", sa.Text(), nullable=False),
        sa.Column("family", sa.String(length=36), server_default="house", nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_tariff")),
        sa.UniqueConstraint(
            "building_id",
            "family",
            "valid_from_ms",
            "created_ms",
            name=op.f("uq_tariff_building_id_family_valid_from_ms_created_ms"),
        ),
    )


def _statement() -> None:
    op.create_table(
        "statement",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("statement_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.Integer(), nullable=False),
        sa.Column("vat_minor", sa.Integer(), nullable=False),
        sa.Column("gross_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reference", sa.String(length=35), nullable=False),
        sa.Column("document_json", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), server_default="statement", nullable=False),
        sa.Column("corrects", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_statement_account_id")),
        sa.ForeignKeyConstraint(["corrects"], ["statement.statement_id"], name=op.f("fk_statement_corrects")),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_statement")),
        sa.UniqueConstraint("number", name=op.f("uq_statement_number")),
    )


def _new_tables() -> None:
    op.create_table(
        "card_cap",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("card_id", sa.String(length=32), nullable=False),
        sa.Column("month_minor", sa.Integer(), nullable=False),
        sa.Column("in_one", sa.Integer(), nullable=False),
        sa.Column("month_wh", sa.Integer(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_card_cap")),
    )
    op.create_table(
        "close_cdr",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("cdr_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_close_cdr_account_id")),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.cdr_id"], name=op.f("fk_close_cdr_cdr_id")),
        sa.PrimaryKeyConstraint("cdr_id", name=op.f("pk_close_cdr")),
    )
    op.create_index("ix_close_cdr_month", "close_cdr", ["month", "account_id"], unique=False)
    op.create_table(
        "close_run",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("approved_ms", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=False),
        sa.Column("preview_sha256", sa.String(length=64), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_close_run")),
    )
    op.create_table(
        "cost_item",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("vat", sa.String(length=8), nullable=True),
        sa.Column("every", sa.String(length=8), nullable=False),
        sa.Column("from_day", sa.String(length=10), nullable=False),
        sa.Column("to_day", sa.String(length=10), nullable=True),
        sa.Column("weights_json", sa.Text(), nullable=True),
        sa.Column("members_json", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_cost_item")),
    )
    op.create_table(
        "ledger_head",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("signed_ms", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", "signed_ms", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "money_rule",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("from_month", sa.String(length=7), nullable=False),
        sa.Column("value_json", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("name", "from_month", name=op.f("pk_money_rule")),
    )
    op.create_table(
        "plan",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("family", sa.String(length=36), nullable=False),
        sa.Column("base_fee_minor", sa.Integer(), nullable=False),
        sa.Column("vat", sa.String(length=8), nullable=True),
        sa.Column("included_wh", sa.Integer(), nullable=False),
        sa.Column("rollover", sa.Integer(), nullable=False),
        sa.Column("demand_minor", sa.Integer(), nullable=False),
        sa.Column("low_balance_minor", sa.Integer(), nullable=True),
        sa.Column("is_default", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("retired_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plan")),
    )
    op.create_table(
        "price_slot",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("series", sa.String(length=64), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.String(length=24), nullable=False),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "start_ms", name=op.f("pk_price_slot")),
    )
    op.create_table(
        "utility_bill",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("bill_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("from_day", sa.String(length=10), nullable=False),
        sa.Column("to_day", sa.String(length=10), nullable=False),
        sa.Column("feeder_wh", sa.BigInteger(), nullable=False),
        sa.Column("energy_minor", sa.Integer(), nullable=False),
        sa.Column("fixed_minor", sa.Integer(), nullable=False),
        sa.Column("demand_minor", sa.Integer(), nullable=False),
        sa.Column("tax_minor", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_utility_bill")),
    )
    op.create_table(
        "charge",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("charge_id", sa.String(length=96), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("of", sa.String(length=96), nullable=False),
        sa.Column("net_minor", sa.Integer(), nullable=False),
        sa.Column("vat_minor", sa.Integer(), nullable=False),
        sa.Column("gross_minor", sa.Integer(), nullable=False),
        sa.Column("vat", sa.String(length=8), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("details_json", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_charge_account_id")),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_charge")),
    )
    op.create_index("ix_charge_month", "charge", ["month", "account_id"], unique=False)
    op.create_table(
        "member_group",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("group_name", sa.String(length=60), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_member_group_account_id")),
        sa.PrimaryKeyConstraint("account_id", "group_name", "from_ms", name=op.f("pk_member_group")),
    )
    op.create_table(
        "plan_assignment",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("assignment_id", sa.String(length=32), nullable=False),
        sa.Column("plan_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=True),
        sa.Column("group_name", sa.String(length=60), nullable=True),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_plan_assignment_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.plan_id"], name=op.f("fk_plan_assignment_plan_id")),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_plan_assignment")),
    )
    op.create_table(
        "remainder",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("item_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("residual", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_remainder_account_id")),
        sa.PrimaryKeyConstraint("item_id", "account_id", "month", name=op.f("pk_remainder")),
    )
    op.create_table(
        "solar_bank",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("earned", sa.String(length=7), nullable=False),
        sa.Column("last", sa.String(length=7), nullable=False),
        sa.Column("wh", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_solar_bank_account_id")),
        sa.PrimaryKeyConstraint("month", "account_id", "earned", name=op.f("pk_solar_bank")),
    )
    op.create_table(
        "stall_holder",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("from_day", sa.String(length=10), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_stall_holder_account_id")),
        sa.ForeignKeyConstraint(["stall_id"], ["stall.stall_id"], name=op.f("fk_stall_holder_stall_id")),
        sa.PrimaryKeyConstraint("stall_id", "from_day", name=op.f("pk_stall_holder")),
    )
    op.create_table(
        "tariff_withdrawn",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["tariff.version_id"], name=op.f("fk_tariff_withdrawn_version_id")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_tariff_withdrawn")),
    )
    op.create_table(
        "unit_share",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("unit_id", sa.String(length=64), nullable=False),
        sa.Column("from_day", sa.String(length=10), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.unit_id"], name=op.f("fk_unit_share_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "from_day", name=op.f("pk_unit_share")),
    )
    op.create_table(
        "membership",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("membership_id", sa.String(length=32), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("unit_id", sa.String(length=64), nullable=True),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_membership_account_id")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_membership_resident_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.unit_id"], name=op.f("fk_membership_unit_id")),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_membership")),
    )
    op.create_index("ix_membership_resident", "membership", ["resident_id", "from_ms"], unique=False)
    op.create_table(
        "statement_charge",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("charge_id", sa.String(length=96), nullable=False),
        sa.Column("statement_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.charge_id"], name=op.f("fk_statement_charge_charge_id")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statement.statement_id"], name=op.f("fk_statement_charge_statement_id")
        ),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_statement_charge")),
    )
    op.create_index(op.f("ix_statement_charge_statement_id"), "statement_charge", ["statement_id"], unique=False)
    op.create_table(
        "statement_file",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("statement_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statement.statement_id"], name=op.f("fk_statement_file_statement_id")
        ),
        sa.PrimaryKeyConstraint("statement_id", "kind", name=op.f("pk_statement_file")),
    )
    op.create_table(
        "signed_meter_value",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.session_id"], name=op.f("fk_signed_meter_value_session_id")),
        sa.PrimaryKeyConstraint("session_id", "place", name=op.f("pk_signed_meter_value")),
    )
    op.create_table(
        "slice_seal",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_slice_id", sa.Integer(), nullable=False),
        sa.Column("last_slice_id", sa.Integer(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["ledger_transaction.number"], name=op.f("fk_slice_seal_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_slice_seal")),
        sa.UniqueConstraint("last_slice_id", name=op.f("uq_slice_seal_last_slice_id")),
    )
    op.create_table(
        "slice_source",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("slice_id", sa.Integer(), nullable=False),
        sa.Column("solar_wh", sa.Integer(), nullable=False),
        sa.Column("battery_wh", sa.Integer(), nullable=False),
        sa.Column("grid_wh", sa.Integer(), nullable=False),
        sa.Column("solar_guessed", sa.String(length=48), nullable=False),
        sa.Column("battery_guessed", sa.String(length=48), nullable=False),
        sa.ForeignKeyConstraint(["slice_id"], ["slice.slice_id"], name=op.f("fk_slice_source_slice_id")),
        sa.PrimaryKeyConstraint("slice_id", name=op.f("pk_slice_source")),
    )
    op.create_table(
        "cdr_slice",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("slice_id", sa.Integer(), nullable=False),
        sa.Column("cdr_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.cdr_id"], name=op.f("fk_cdr_slice_cdr_id")),
        sa.ForeignKeyConstraint(["slice_id"], ["slice.slice_id"], name=op.f("fk_cdr_slice_slice_id")),
        sa.PrimaryKeyConstraint("slice_id", "cdr_id", name=op.f("pk_cdr_slice")),
    )
    op.create_index("ix_cdr_slice_cdr", "cdr_slice", ["cdr_id"], unique=False)
    op.create_table(
        "books_incarnation",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("incarnation_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=False),
        sa.Column("missing_json", sa.Text(), nullable=False),
        sa.Column("resent_ms", sa.BigInteger(), nullable=True),
        sa.Column("compared_ms", sa.BigInteger(), nullable=True),
        sa.Column("unclaimed_json", sa.Text(), nullable=True),
        sa.Column("left_ms", sa.BigInteger(), nullable=True),
        sa.Column("left_by", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_books_incarnation")),
        sa.UniqueConstraint("incarnation_id", name=op.f("uq_books_incarnation_incarnation_id")),
    )
    op.create_table(
        "restore_drill",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("copy", sa.String(length=80), nullable=False),
        sa.Column("transactions", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_restore_drill")),
    )
