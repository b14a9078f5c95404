"""What a close was approved to bill, fixed until the last statement of the month is issued (SQLAlchemy Core).

Statements are issued one by one, and the books go on meanwhile: late slices come, sessions are put in question. None
of that may change what was approved, so the approval writes down which CDRs it was about.
"""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from .metadata import building_column as _building
from .metadata import metadata

close_cdr = Table(
    "close_cdr",
    metadata,
    _building(),
    Column("cdr_id", ForeignKey("cdr.cdr_id"), primary_key=True),
    Column("month", String(7), nullable=False),
    Column("account_id", ForeignKey("account.account_id"), nullable=False),
    Index("ix_close_cdr_month", "month", "account_id"),
)
