"""Tables of the accounting: who owes, plans, costs to share, charges, the close, and the proofs (SQLAlchemy Core).

The same words as in `schema.py`: `_ms` UTC milliseconds, `_wh` integer Wh, `_minor` minor units. Days are local days of
the building as ISO dates, months ``YYYY-MM``. Validity is from (inclusive) to (exclusive); an open end is null.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from .metadata import building_column as _building
from .metadata import metadata

# --- who owes ----------------------------------------------------------------------------------------------------

unit_share = Table(  # a flat's share of the common property, as the declaration of division says
    "unit_share",
    metadata,
    _building(),
    Column("unit_id", ForeignKey("unit.unit_id"), primary_key=True),
    Column("from_day", String(10), primary_key=True),
    Column("share", Integer, nullable=False),
)

membership = Table(  # on which account a resident charges, where it is not their own, and in which unit they live
    "membership",
    metadata,
    _building(),
    Column("membership_id", String(32), primary_key=True),
    Column("resident_id", ForeignKey("resident.resident_id"), nullable=False),
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("unit_id", ForeignKey("unit.unit_id")),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Column("made_by", String(80), nullable=False),
    Index("ix_membership_resident", "resident_id", "from_ms"),
)

member_group = Table(  # several accounts with the same plan
    "member_group",
    metadata,
    _building(),
    Column("account_id", ForeignKey("account.account_id"), primary_key=True),
    Column("group_name", String(60), primary_key=True),
    Column("from_ms", BigInteger, primary_key=True),
    Column("to_ms", BigInteger),
)

# --- plans -------------------------------------------------------------------------------------------------------

plan = Table(  # what an account is on; a plan in use is retired, never changed
    "plan",
    metadata,
    _building(),
    Column("plan_id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # pay_as_you_go, prepaid, subscription
    Column("family", String(36), nullable=False),  # of tariffs
    Column("base_fee_minor", Integer, nullable=False),  # net, a month
    Column("vat", String(8)),  # percent of the base fee; null: none
    Column("included_wh", Integer, nullable=False),  # a month
    Column("rollover", Integer, nullable=False),  # whether included energy that was not used is kept a month
    Column("demand_minor", Integer, nullable=False),  # net, per kW at the building's peak, a month
    Column("low_balance_minor", Integer),  # prepaid: when to say that the balance is low
    Column("is_default", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("retired_ms", BigInteger),
)

plan_assignment = Table(
    "plan_assignment",
    metadata,
    _building(),
    Column("assignment_id", String(32), primary_key=True),
    Column("plan_id", ForeignKey("plan.plan_id"), nullable=False),
    Column("account_id", ForeignKey("account.account_id")),  # either an account …
    Column("group_name", String(60)),  # … or a group
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Column("made_by", String(80), nullable=False),
)

# --- costs to share ----------------------------------------------------------------------------------------------

money_rule = Table(  # what the owners decided for the building's money, and from which month it holds
    "money_rule",
    metadata,
    _building(),
    Column("name", String(32), primary_key=True),  # solar, losses, standby, law, rounding …
    Column("from_month", String(7), primary_key=True),
    Column("value_json", Text, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("changed_by", String(80), nullable=False),
)

cost_item = Table(  # a cost that accounts share by a key; ended, never changed
    "cost_item",
    metadata,
    _building(),
    Column("item_id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # loan, maintenance, base, losses, demand, energy, other
    Column("key", String(16), nullable=False),  # equal, stall, ownership, kwh, capacity, time, custom
    Column("amount_minor", Integer, nullable=False),  # net, for the whole span it covers each time
    Column("vat", String(8)),
    Column("every", String(8), nullable=False),  # once, month, year
    Column("from_day", String(10), nullable=False),
    Column("to_day", String(10)),
    Column("weights_json", Text),  # custom: {account_id: weight}
    Column("members_json", Text),  # [account_id …]; null: every account that may charge
    Column("created_ms", BigInteger, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("ended_ms", BigInteger),
)

remainder = Table(  # what each account got too little (positive) or too much of a cost, carried into the next month
    "remainder",
    metadata,
    _building(),
    Column("item_id", String(64), primary_key=True),  # a cost item, or what else is divided: losses, solar …
    Column("account_id", ForeignKey("account.account_id"), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("residual", BigInteger, nullable=False),  # in 1/10^9 of a minor unit; sums to zero per item and month
)

utility_bill = Table(  # what the supplier billed the building's feeder
    "utility_bill",
    metadata,
    _building(),
    Column("bill_id", String(32), primary_key=True),
    Column("number", Text, nullable=False),
    Column("from_day", String(10), nullable=False),
    Column("to_day", String(10), nullable=False),  # exclusive
    Column("feeder_wh", BigInteger, nullable=False),
    Column("energy_minor", Integer, nullable=False),
    Column("fixed_minor", Integer, nullable=False),
    Column("demand_minor", Integer, nullable=False),
    Column("tax_minor", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("withdrawn_ms", BigInteger),
)

solar_bank = Table(  # solar energy accounts earned and may still draw, as it stood once a month was closed
    "solar_bank",
    metadata,
    _building(),
    Column("month", String(7), primary_key=True),
    Column("account_id", ForeignKey("account.account_id"), primary_key=True),
    Column("earned", String(7), primary_key=True),
    Column("last", String(7), nullable=False),  # month in which it may be drawn
    Column("wh", Integer, nullable=False),
)

stall_holder = Table(  # whose parking place a stall is, where it is somebody's
    "stall_holder",
    metadata,
    _building(),
    Column("stall_id", ForeignKey("stall.stall_id"), primary_key=True),
    Column("from_day", String(10), primary_key=True),
    Column("account_id", ForeignKey("account.account_id")),  # null: nobody's any more
)

tariff_withdrawn = Table(  # a version that was taken back before anything was charged under it
    "tariff_withdrawn",
    metadata,
    _building(),
    Column("version_id", ForeignKey("tariff.version_id"), primary_key=True),
    Column("withdrawn_ms", BigInteger, nullable=False),
    Column("withdrawn_by", String(80), nullable=False),
)

price_slot = Table(  # the prices of grid energy that Home Assistant knew, on the slices' grid
    "price_slot",
    metadata,
    _building(),
    Column("series", String(64), primary_key=True),  # its name, as tariffs call it
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, nullable=False),
    Column("price", String(24), nullable=False),  # decimal, per kWh, in the building's currency
    Column("estimated", Integer, nullable=False),
)

# --- what is billed ----------------------------------------------------------------------------------------------

cdr_slice = Table(  # a slice is billed in one CDR; in another one only after that was taken back
    "cdr_slice",
    metadata,
    _building(),
    Column("slice_id", ForeignKey("slice.slice_id"), primary_key=True),
    Column("cdr_id", ForeignKey("cdr.cdr_id"), primary_key=True),
    Index("ix_cdr_slice_cdr", "cdr_id"),
)

slice_source = Table(  # where a slice's energy came from, as it stood when its month was closed
    "slice_source",
    metadata,
    _building(),
    Column("slice_id", ForeignKey("slice.slice_id"), primary_key=True),
    Column("solar_wh", Integer, nullable=False),
    Column("battery_wh", Integer, nullable=False),
    Column("grid_wh", Integer, nullable=False),
    Column("solar_guessed", String(48), nullable=False),  # what of its sun rests on estimates, by name; empty: nothing
    Column("battery_guessed", String(48), nullable=False),
)

charge = Table(  # what is billed besides CDRs: base fees, shares of costs, solar, true-ups, credits
    "charge",
    metadata,
    _building(),
    Column("charge_id", String(96), primary_key=True),  # made of what it is for, so that it is made once
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Column("month", String(7), nullable=False),
    Column("kind", String(16), nullable=False),  # base_fee, included, demand, cost, solar, true_up, loss, credit
    Column("of", String(96), nullable=False),  # plan, cost item, CDR or charge it is about
    Column("net_minor", Integer, nullable=False),
    Column("vat_minor", Integer, nullable=False),
    Column("gross_minor", Integer, nullable=False),
    Column("vat", String(8)),
    Column("currency", String(3), nullable=False),
    Column("details_json", Text, nullable=False),  # how it came about, for people
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_charge_month", "month", "account_id"),
)

statement_charge = Table(
    "statement_charge",
    metadata,
    _building(),
    Column("charge_id", ForeignKey("charge.charge_id"), primary_key=True),
    Column("statement_id", ForeignKey("statement.statement_id"), nullable=False, index=True),
)

statement_file = Table(  # a statement as people get it, made from its document once and kept
    "statement_file",
    metadata,
    _building(),
    Column("statement_id", ForeignKey("statement.statement_id"), primary_key=True),
    Column("kind", String(8), primary_key=True),  # html, pdf
    Column("content", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)

close_run = Table(  # closing a month, step by step; it goes on where it was
    "close_run",
    metadata,
    _building(),
    Column("month", String(7), primary_key=True),
    Column("step", String(16), nullable=False),  # approved, issuing, collecting, done
    Column("approved_ms", BigInteger, nullable=False),
    Column("approved_by", String(80), nullable=False),
    Column("preview_sha256", String(64), nullable=False),  # of what was approved
    Column("accounts", Integer, nullable=False),
    Column("issued", Integer, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
)

# --- proofs ------------------------------------------------------------------------------------------------------

ledger_head = Table(  # the chain's newest hash at a time, signed
    "ledger_head",
    metadata,
    _building(),
    Column("number", Integer, primary_key=True),
    Column("signed_ms", BigInteger, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)

slice_seal = Table(  # slices from first to last, fixed by a transaction of the chain
    "slice_seal",
    metadata,
    _building(),
    Column("number", ForeignKey("ledger_transaction.number"), primary_key=True),
    Column("first_slice_id", Integer, nullable=False),
    Column("last_slice_id", Integer, nullable=False, unique=True),
    Column("digests", LargeBinary, nullable=False),  # of sessions and of what is nobody's at a stall, 32 bytes each
)

signed_meter_value = Table(  # what a connector signed (OCMF), byte for byte
    "signed_meter_value",
    metadata,
    _building(),
    Column("session_id", ForeignKey("session.session_id"), primary_key=True),
    Column("place", Integer, primary_key=True),  # 1, 2 … in the order of arrival
    Column("format", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("public_key", Text),
    Column("result", String(16), nullable=False),  # valid, invalid, no_key, unsupported, unreadable
    Column("received_ms", BigInteger, nullable=False),
)
