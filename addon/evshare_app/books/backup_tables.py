"""Tables about the books themselves: which lives they had, and whether copies of them could be restored.

`books_incarnation` is the audit of every restore: why, what was missing, what came back, and who let payments and
statements go on. Its rows are never deleted, and only what happened later is filled in.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text

from .metadata import building_column as _building
from .metadata import metadata

books_incarnation = Table(  # a life of these books; another one begins when an older copy of them comes back
    "books_incarnation",
    metadata,
    _building(),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 …
    Column("incarnation_id", String(32), nullable=False, unique=True),
    Column("reason", String(16), nullable=False),  # first, restored
    Column("begun_ms", BigInteger, nullable=False),
    Column("missing_json", Text, nullable=False),  # what is known to be missing: [{kind, …}]
    Column("resent_ms", BigInteger),  # the integration has sent again what it has
    Column("compared_ms", BigInteger),  # every rail's provider was compared with the books
    Column("unclaimed_json", Text),  # money there that the books cannot place: [{…}]
    Column("left_ms", BigInteger),  # quarantine is over; null: it lasts
    Column("left_by", String(80)),  # a manager, or "automatic"
)

restore_drill = Table(  # a copy that was restored on the side, to see that it can be
    "restore_drill",
    metadata,
    _building(),
    Column("number", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("copy", String(80), nullable=False),  # name of its file
    Column("transactions", Integer, nullable=False),  # of the ledger in it
    Column("head", LargeBinary(32), nullable=False),
    Column("ok", Integer, nullable=False),
    Column("found", Text, nullable=False),  # what was wrong with it; empty: nothing
)
