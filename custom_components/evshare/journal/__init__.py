"""The journal: what happened at the stalls, durable before anything is energised, and the outbox to the app."""

from .journal import Journal
from .records import (
    CarConflict,
    CardConflict,
    JournalCorrupt,
    JournalError,
    NewRecord,
    Outbox,
    Position,
    SessionEnd,
    StoredRecord,
    rfc3339,
)

__all__ = [
    "CarConflict",
    "CardConflict",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "NewRecord",
    "Outbox",
    "Position",
    "SessionEnd",
    "StoredRecord",
    "rfc3339",
]
