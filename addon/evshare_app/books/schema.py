"""Tables of the books (SQLAlchemy Core). SQLite now, SQL kept portable to PostgreSQL; `building_id` on every row.

Times are integer UTC milliseconds (`_ms`), energy integer Wh (`_wh`), money integer minor units (`_minor`) beside a
`currency`. What must never change (records, CDRs, ledger, statements, tariffs) is guarded by triggers made in the
first migration: UPDATE and DELETE abort. Who may charge and who is told what is in `access_tables.py`; plans, shared
costs, charges and proofs are in `accounting_tables.py`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from . import access_tables, accounting_tables, backup_tables, close_tables
from .metadata import building_column as _building
from .metadata import metadata

__all__ = ["access_tables", "accounting_tables", "backup_tables", "close_tables", "metadata"]

# --- the building, as the link last described it ---------------------------------------------------------------

building = Table(
    "building",
    metadata,
    Column("building_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("fuse_a", Integer, nullable=False),
    # What the owners set in the office:
    Column("language", String(8), nullable=False, server_default="en"),
    Column("iban", String(34)),
    Column("payee", String(70)),
    Column("address", Text),
    Column("contact", Text),  # whom residents ask: a name, a telephone number
    Column("price_series", Text),  # of the link again: names of its prices (JSON); null: it does not tell any
)

stall = Table(
    "stall",
    metadata,
    _building(),
    Column("stall_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("connector", String(64), nullable=False),
    Column("max_current_a", Integer, nullable=False),
    Column("lock_quality", String(32), nullable=False),
    Column("billable", Integer, nullable=False),
    # 16 characters of Crockford base32 printed on the stall; an identifier, not a secret.
    Column("qr_code", String(16), nullable=False, unique=True),
    Column("removed_ms", BigInteger),
    Column("card_reader", Integer, nullable=False, server_default="0"),  # whether a card can be shown there
    Column("phases", Integer, nullable=False, server_default="1"),
)

# --- people ------------------------------------------------------------------------------------------------------

account = Table(  # who owes: a household
    "account",
    metadata,
    _building(),
    Column("account_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    # How it pays: "bank" (transfer with EPC QR) or "stripe" (saved card, off-session).
    Column("rail", String(16), nullable=False, server_default="bank"),
    Column("stripe_customer", String(64)),
    Column("stripe_payment_method", String(64)),
    Column("card_label", String(64)),  # "Visa 4242", for people
    Column("kind", String(16), nullable=False, server_default="household"),  # household, employer, building, guest
    Column("address", Text),  # printed on its statements
    Column("paper", Integer, nullable=False, server_default="0"),  # gets its statements printed
)

unit = Table(
    "unit",
    metadata,
    _building(),
    Column("unit_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("ownership_share", Integer, nullable=False, server_default="0"),
)

resident = Table(
    "resident",
    metadata,
    _building(),
    Column("resident_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("ha_user_id", String(64)),
    Column("unit_id", ForeignKey("unit.unit_id")),
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("email", Text),
    Column("language", String(8)),
    Column("blocked_ms", BigInteger),  # by the manager, in the office
    Column("removed_ms", BigInteger),  # no longer in the integration
    Column("moved_in_ms", BigInteger),
    Column("moves_out_ms", BigInteger),  # from then on neither phone nor card
)

invite = Table(
    "invite",
    metadata,
    _building(),
    Column("token_hash", String(64), primary_key=True),  # SHA-256 hex of a 128-bit token
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

device = Table(  # a resident's phone
    "device",
    metadata,
    _building(),
    Column("device_id", String(32), primary_key=True),
    Column("token_mac", String(64), nullable=False, unique=True),  # HMAC-SHA256 hex of the cookie
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("label", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("token_ms", BigInteger),  # since when the present cookie; null: since it was let in
    Column("stepped_up_ms", BigInteger),  # its person last proved themself with a passkey
    Column("revoked_why", String(16)),  # signed_out, stolen, moved_out
    Column("tapped_stall_id", String(64)),  # whose tag it read last
    Column("tapped_ms", BigInteger),
)

intent = Table(  # single-use start nonce
    "intent",
    metadata,
    _building(),
    Column("nonce_hash", String(64), primary_key=True),
    Column("device_id", ForeignKey("device.device_id"), nullable=False),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("stall_id", ForeignKey("stall.stall_id"), nullable=False),
    Column("plug_epoch", Integer),
    Column("tariff_version", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    # The page's own request id and what it was answered, so that a repeated POST gets the same answer.
    Column("request_id", String(64), unique=True),
    Column("response_json", Text),
)

office_ticket = Table(
    "office_ticket",
    metadata,
    _building(),
    Column("ticket_hash", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

office_session = Table(
    "office_session",
    metadata,
    _building(),
    Column("token_mac", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("role", String(16), nullable=False, server_default="manager"),  # manager, board, technician
    Column("person_id", String(32)),  # who came by an invitation of the office; null: a user of Home Assistant
)

# --- what the link delivered ---------------------------------------------------------------------------------------

record = Table(  # inbox: every uplink record, as it came
    "record",
    metadata,
    _building(),
    Column("incarnation", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("body_json", Text, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Index("ix_record_kind", "kind", "at_ms"),
)

session = Table(
    "session",
    metadata,
    _building(),
    Column("session_id", String(64), primary_key=True),
    Column("stall_id", ForeignKey("stall.stall_id"), nullable=False),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("credential_kind", String(16), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("tariff_version", ForeignKey("tariff.version_id"), nullable=False),  # pinned at authorisation
    Column("authorised_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("stop_reason", String(32)),
    Column("register_start_wh", Integer),
    Column("register_end_wh", Integer),
    Column("energy_wh", Integer, nullable=False, server_default="0"),
    Column("credential_id", String(64)),  # card or pass
    Column("cap_wh", Integer),  # it ends when it has this much
    Column("account_id", ForeignKey("account.account_id")),  # who owes, pinned at authorisation; null: the resident's
)

slice_ = Table(
    "slice",
    metadata,
    _building(),
    Column("slice_id", Integer, primary_key=True),
    Column("session_id", String(64)),  # null: unattributed
    Column("stall_id", ForeignKey("stall.stall_id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("register_start_wh", Integer, nullable=False),
    Column("register_end_wh", Integer, nullable=False),
    Column("charging_s", Integer, nullable=False),
    Column("suspended_s", Integer, nullable=False),
    Column("limit_a", Integer, nullable=False),
    Column("estimated", Integer, nullable=False),
    CheckConstraint("register_end_wh >= register_start_wh", name="energy_not_negative"),
    Index("ix_slice_session", "session_id"),
    Index("ix_slice_stall", "stall_id", "start_ms"),
    Index("ix_slice_ended", "end_ms"),
    Index("ix_slice_register", "stall_id", "epoch", "register_end_wh"),
)

building_slice = Table(
    "building_slice",
    metadata,
    _building(),
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, nullable=False),
    Column("import_wh", Integer),
    Column("export_wh", Integer),
    Column("pv_wh", Integer),
    Column("estimated", Integer, nullable=False),
    Column("battery_in_wh", Integer),  # into the house's battery
    Column("battery_out_wh", Integer),
    Column("estimated_of", String(64)),  # which of them are estimates; null: told before they were named
)

meter_epoch = Table(
    "meter_epoch",
    metadata,
    _building(),
    Column("stall_id", ForeignKey("stall.stall_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_ms", BigInteger, nullable=False),
    Column("register_wh", Integer, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("serial", String(64)),
)

# --- money ---------------------------------------------------------------------------------------------------------

tariff = Table(  # immutable versions; of a family the newest with valid_from_ms <= t is in force at t
    "tariff",
    metadata,
    _building(),
    Column("version_id", String(64), primary_key=True),
    Column("valid_from_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ocpi_json", Text, nullable=False),  # OCPI Tariff object
    Column("family", String(36), nullable=False, server_default="house"),
    # With the moment it was made: one that was taken back makes room for another at the same time.
    UniqueConstraint("building_id", "family", "valid_from_ms", "created_ms"),
)

cdr = Table(
    "cdr",
    metadata,
    _building(),
    Column("cdr_id", String(64), primary_key=True),
    Column("session_id", ForeignKey("session.session_id"), nullable=False),
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("ended_ms", BigInteger, nullable=False),  # of this part of the session
    Column("energy_wh", Integer, nullable=False),
    Column("net_minor", Integer, nullable=False),
    Column("vat_minor", Integer, nullable=False),
    Column("gross_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("ocpi_json", Text, nullable=False),  # OCPI CDR object
    Column("part", Integer, nullable=False, server_default="1"),  # of the session: cut at a month's end, or late
    # normal; adjustment (slices that came after their month was closed); credit (takes another one back)
    Column("kind", String(16), nullable=False, server_default="normal"),
    Column("credits", ForeignKey("cdr.cdr_id")),
    UniqueConstraint("session_id", "part"),
    Index("ix_cdr_ended", "ended_ms"),
)

ledger_account = Table(
    "ledger_account",
    metadata,
    _building(),
    Column("ledger_account_id", String(96), primary_key=True),  # e.g. "1400:<account_id>"
    Column("kind", String(16), nullable=False),  # asset, liability, income, expense
    Column("currency", String(3), nullable=False),
)

ledger_transaction = Table(
    "ledger_transaction",
    metadata,
    _building(),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … without gaps: the order of the hash chain
    Column("transaction_id", String(64), nullable=False, unique=True),  # made by whoever wants it
    Column("kind", String(32), nullable=False),
    Column("occurred_ms", BigInteger, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("reverses", String(64)),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

posting = Table(  # debit positive, credit negative; they sum to zero per transaction and currency
    "posting",
    metadata,
    _building(),
    Column("number", ForeignKey("ledger_transaction.number"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("ledger_account_id", ForeignKey("ledger_account.ledger_account_id"), nullable=False),
    Column("amount_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Index("ix_posting_account", "ledger_account_id"),
)

period = Table(
    "period",
    metadata,
    _building(),
    Column("month", String(7), primary_key=True),  # YYYY-MM
    Column("closed_ms", BigInteger, nullable=False),
    Column("closed_by", String(64), nullable=False),
    Column("unattributed_wh", Integer, nullable=False),
)

series = Table(  # gapless numbers
    "series",
    metadata,
    _building(),
    Column("prefix", String(16), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

statement = Table(  # what was issued; how people see it is in `statement_file`
    "statement",
    metadata,
    _building(),
    Column("statement_id", String(64), primary_key=True),
    Column("number", String(32), nullable=False, unique=True),  # "2026-000001"
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("month", String(7), nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("net_minor", Integer, nullable=False),
    Column("vat_minor", Integer, nullable=False),
    Column("gross_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reference", String(35), nullable=False),  # ISO 11649 RF…
    Column("document_json", Text, nullable=False),  # everything printed, frozen
    Column("sha256", String(64), nullable=False),  # of document_json
    Column("kind", String(16), nullable=False, server_default="statement"),  # …, credit_note, correction, move_out
    Column("corrects", ForeignKey("statement.statement_id")),
    Index("ix_statement_account", "account_id"),
    Index(
        "ux_statement_month",
        "account_id",
        "month",
        unique=True,
        sqlite_where=text("kind = 'statement'"),
        postgresql_where=text("kind = 'statement'"),
    ),
)

statement_cdr = Table(
    "statement_cdr",
    metadata,
    _building(),
    Column("cdr_id", ForeignKey("cdr.cdr_id"), primary_key=True),  # a CDR is on one statement only
    Column("statement_id", ForeignKey("statement.statement_id"), nullable=False),
)

payment_operation = Table(  # a row before it is a call
    "payment_operation",
    metadata,
    _building(),
    Column("operation_id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),  # customer, setup, collect, checkout
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("statement_id", ForeignKey("statement.statement_id")),
    Column("amount_minor", Integer),
    Column("currency", String(3)),
    Column("idempotency_key", String(255), nullable=False, unique=True),
    Column("params_json", Text, nullable=False),  # exact parameters, for an identical resend
    Column("state", String(16), nullable=False),  # pending, processing, needs_customer, succeeded, failed, canceled
    Column("provider_id", String(255)),  # pi_…, cs_…, cus_…
    Column("url", Text),  # hosted page, for kind setup and checkout
    Column("error_code", String(64)),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    # At most one way to pay a statement is open at a time.
    Index(
        "ux_payment_operation_open",
        "statement_id",
        unique=True,
        sqlite_where=text("statement_id IS NOT NULL AND state IN ('pending','processing','needs_customer')"),
        postgresql_where=text("statement_id IS NOT NULL AND state IN ('pending','processing','needs_customer')"),
    ),
)

payment = Table(  # money that arrived, whatever the rail
    "payment",
    metadata,
    _building(),
    Column("payment_id", String(64), primary_key=True),
    Column("rail", String(16), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("statement_id", ForeignKey("statement.statement_id")),
    Column("amount_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    UniqueConstraint("rail", "external_id"),  # each external payment books once
    Index("ix_payment_account", "account_id"),
)

stripe_event = Table(
    "stripe_event",
    metadata,
    _building(),
    Column("event_id", String(255), primary_key=True),
    Column("type", String(64), nullable=False),
    Column("created_s", Integer, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)
