"""What the journal takes in and gives back, and what can go wrong with it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


def rfc3339(at: datetime) -> str:
    """Return a time as records and the link write it: UTC with `Z`, in milliseconds when it is not on the second."""
    spec = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


class JournalError(Exception):
    """The journal could not be read or written; nothing of the failed transaction happened."""


class JournalCorrupt(JournalError):
    """The file is not a journal, is damaged, or was written by a newer evshare. It is left as it is."""


class CardConflict(Exception):
    """Another card in the journal gives the same number at some reader."""


class CarConflict(Exception):
    """A car in the journal has this identifier already."""


@dataclass(frozen=True, kw_only=True)
class NewRecord:
    """A record before it has its number. `body` is JSON as docs/link.md describes it for `kind`."""

    kind: str
    at: datetime
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StoredRecord:
    """A record with its number, as it goes over the link."""

    seq: int
    kind: str
    at: datetime
    body: dict[str, Any]


@dataclass(frozen=True, order=True)
class Position:
    """Where a record stands among those of all incarnations; the app gets them in this order."""

    generation: int
    """How many incarnations the journal had before its own."""
    seq: int

    def before(self, records: int) -> Position:
        """Where the record is that came so many before, of the same incarnation."""
        return Position(self.generation, self.seq - records)


@dataclass(frozen=True, kw_only=True)
class SessionEnd:
    """Where in the journal, and when, a session ended."""

    session_id: str
    at: datetime
    position: Position


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """How far the records of one incarnation have been written and acknowledged."""

    incarnation: str
    head_seq: int
    """Newest record, 0 if none."""
    acked_seq: int
    """The app has everything up to this one."""

    @property
    def waiting(self) -> int:
        """How many records the app has not acknowledged."""
        return self.head_seq - self.acked_seq
