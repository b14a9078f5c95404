"""The books' first tables, and the triggers that keep facts from being changed.

Frozen: what comes later is a migration of its own. That all migrations together give the tables of `books/schema.py`
is tested.
"""

from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None

UNCHANGEABLE = (
    "record",
    "slice",
    "meter_epoch",
    "tariff",
    "cdr",
    "ledger_transaction",
    "posting",
    "period",
    "statement",
    "statement_cdr",
)


def upgrade() -> None:
    """Create everything."""
    _create_tables()
    for table in UNCHANGEABLE:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never changed or deleted'); END"
            )


def _create_tables() -> None:
    op.create_table(
        "account",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rail", sa.String(length=16), server_default="bank", nullable=False),
        sa.Column("stripe_customer", sa.String(length=64), nullable=True),
        sa.Column("stripe_payment_method", sa.String(length=64), nullable=True),
        sa.Column("card_label", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
    )
    op.create_table(
        "building",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("fuse_a", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=8), server_default="en", nullable=False),
        sa.Column("iban", sa.String(length=34), nullable=True),
        sa.Column("payee", sa.String(length=70), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("building_id", name=op.f("pk_building")),
    )
    op.create_table(
        "building_slice",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("import_wh", sa.Integer(), nullable=True),
        sa.Column("export_wh", sa.Integer(), nullable=True),
        sa.Column("pv_wh", sa.Integer(), nullable=True),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("start_ms", name=op.f("pk_building_slice")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("ledger_account_id", sa.String(length=96), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("ledger_account_id", name=op.f("pk_ledger_account")),
    )
    op.create_table(
        "ledger_transaction",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reverses", sa.String(length=64), nullable=True),
        sa.Column("previous_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_transaction")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_ledger_transaction_transaction_id")),
    )
    op.create_table(
        "office_session",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("token_mac", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("token_mac", name=op.f("pk_office_session")),
    )
    op.create_table(
        "office_ticket",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("ticket_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("pk_office_ticket")),
    )
    op.create_table(
        "period",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=False),
        sa.Column("unattributed_wh", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_period")),
    )
    op.create_table(
        "record",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("incarnation", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body_json", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("incarnation", "seq", name=op.f("pk_record")),
    )
    op.create_table(
        "series",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "year", name=op.f("pk_series")),
    )
    op.create_table(
        "stall",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("max_current_a", sa.Integer(), nullable=False),
        sa.Column("lock_quality", sa.String(length=32), nullable=False),
        sa.Column("billable", sa.Integer(), nullable=False),
        sa.Column("qr_code", sa.String(length=16), nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("stall_id", name=op.f("pk_stall")),
        sa.UniqueConstraint("qr_code", name=op.f("uq_stall_qr_code")),
    )
    op.create_table(
        "stripe_event",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("created_s", sa.Integer(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_stripe_event")),
    )
    op.create_table(
        "tariff",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ocpi_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_tariff")),
        sa.UniqueConstraint("building_id", "valid_from_ms", name=op.f("uq_tariff_building_id_valid_from_ms")),
    )
    op.create_table(
        "unit",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("unit_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ownership_share", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_unit")),
    )
    op.create_table(
        "meter_epoch",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("register_wh", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["stall_id"], ["stall.stall_id"], name=op.f("fk_meter_epoch_stall_id")),
        sa.PrimaryKeyConstraint("stall_id", "number", name=op.f("pk_meter_epoch")),
    )
    op.create_table(
        "posting",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("ledger_account_id", sa.String(length=96), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_account_id"], ["ledger_account.ledger_account_id"], name=op.f("fk_posting_ledger_account_id")
        ),
        sa.ForeignKeyConstraint(["number"], ["ledger_transaction.number"], name=op.f("fk_posting_number")),
        sa.PrimaryKeyConstraint("number", "line", name=op.f("pk_posting")),
    )
    op.create_index("ix_posting_account", "posting", ["ledger_account_id"], unique=False)
    op.create_table(
        "resident",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ha_user_id", sa.String(length=64), nullable=True),
        sa.Column("unit_id", sa.String(length=64), nullable=True),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("blocked_ms", sa.BigInteger(), nullable=True),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_resident_account_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.unit_id"], name=op.f("fk_resident_unit_id")),
        sa.PrimaryKeyConstraint("resident_id", name=op.f("pk_resident")),
    )
    op.create_table(
        "slice",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("slice_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("register_start_wh", sa.Integer(), nullable=False),
        sa.Column("register_end_wh", sa.Integer(), nullable=False),
        sa.Column("charging_s", sa.Integer(), nullable=False),
        sa.Column("suspended_s", sa.Integer(), nullable=False),
        sa.Column("limit_a", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.CheckConstraint("register_end_wh >= register_start_wh", name=op.f("ck_slice_energy_not_negative")),
        sa.ForeignKeyConstraint(["stall_id"], ["stall.stall_id"], name=op.f("fk_slice_stall_id")),
        sa.PrimaryKeyConstraint("slice_id", name=op.f("pk_slice")),
    )
    op.create_index("ix_slice_session", "slice", ["session_id"], unique=False)
    op.create_index("ix_slice_stall", "slice", ["stall_id", "start_ms"], unique=False)
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
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_statement_account_id")),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_statement")),
        sa.UniqueConstraint("account_id", "month", name=op.f("uq_statement_account_id_month")),
        sa.UniqueConstraint("number", name=op.f("uq_statement_number")),
    )
    op.create_table(
        "device",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("token_mac", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_device_resident_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device")),
        sa.UniqueConstraint("token_mac", name=op.f("uq_device_token_mac")),
    )
    op.create_table(
        "invite",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_invite_resident_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invite")),
    )
    op.create_table(
        "payment",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("rail", sa.String(length=16), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("statement_id", sa.String(length=64), nullable=True),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_payment_account_id")),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.statement_id"], name=op.f("fk_payment_statement_id")),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payment")),
        sa.UniqueConstraint("rail", "external_id", name=op.f("uq_payment_rail_external_id")),
    )
    op.create_table(
        "payment_operation",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("statement_id", sa.String(length=64), nullable=True),
        sa.Column("amount_minor", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("params_json", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("provider_id", sa.String(length=255), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_payment_operation_account_id")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statement.statement_id"], name=op.f("fk_payment_operation_statement_id")
        ),
        sa.PrimaryKeyConstraint("operation_id", name=op.f("pk_payment_operation")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_payment_operation_idempotency_key")),
    )
    op.create_index(
        "ux_payment_operation_open",
        "payment_operation",
        ["statement_id"],
        unique=True,
        sqlite_where=sa.text("statement_id IS NOT NULL AND state IN ('pending','processing','needs_customer')"),
        postgresql_where=sa.text("statement_id IS NOT NULL AND state IN ('pending','processing','needs_customer')"),
    )
    op.create_table(
        "session",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("credential_kind", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("tariff_version", sa.String(length=64), nullable=False),
        sa.Column("authorised_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("stop_reason", sa.String(length=32), nullable=True),
        sa.Column("register_start_wh", sa.Integer(), nullable=True),
        sa.Column("register_end_wh", sa.Integer(), nullable=True),
        sa.Column("energy_wh", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_session_resident_id")),
        sa.ForeignKeyConstraint(["stall_id"], ["stall.stall_id"], name=op.f("fk_session_stall_id")),
        sa.ForeignKeyConstraint(["tariff_version"], ["tariff.version_id"], name=op.f("fk_session_tariff_version")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session")),
    )
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
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_cdr_account_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.session_id"], name=op.f("fk_cdr_session_id")),
        sa.PrimaryKeyConstraint("cdr_id", name=op.f("pk_cdr")),
        sa.UniqueConstraint("session_id", name=op.f("uq_cdr_session_id")),
    )
    op.create_table(
        "intent",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("nonce_hash", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("plug_epoch", sa.Integer(), nullable=True),
        sa.Column("tariff_version", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("response_json", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.device_id"], name=op.f("fk_intent_device_id")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_intent_resident_id")),
        sa.ForeignKeyConstraint(["stall_id"], ["stall.stall_id"], name=op.f("fk_intent_stall_id")),
        sa.PrimaryKeyConstraint("nonce_hash", name=op.f("pk_intent")),
        sa.UniqueConstraint("request_id", name=op.f("uq_intent_request_id")),
    )
    op.create_table(
        "statement_cdr",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("cdr_id", sa.String(length=64), nullable=False),
        sa.Column("statement_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdr.cdr_id"], name=op.f("fk_statement_cdr_cdr_id")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statement.statement_id"], name=op.f("fk_statement_cdr_statement_id")
        ),
        sa.PrimaryKeyConstraint("cdr_id", name=op.f("pk_statement_cdr")),
    )
