"""Ids and plain values the app's rooms share. Money is in `money.py`, tables in `books/schema.py`.

Times are aware datetimes in UTC inside the app and integer UTC milliseconds in the books; they become local only
at the edge (a page, a statement). Energy is integer Wh.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NewType, Self
from zoneinfo import ZoneInfo

BuildingId = NewType("BuildingId", str)
ResidentId = NewType("ResidentId", str)
StallId = NewType("StallId", str)
SessionId = NewType("SessionId", str)
AccountId = NewType("AccountId", str)
"""Who owes: a household or employer. Not a ledger account."""
StatementId = NewType("StatementId", str)


def to_ms(at: datetime) -> int:
    """Return UTC milliseconds since 1970 of an aware datetime."""
    if at.tzinfo is None:
        msg = f"at: got the naive datetime {at!r}, accepted is an aware one"
        raise ValueError(msg)
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(at_ms: int) -> datetime:
    """Return the aware UTC datetime of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month in the building's time zone: the period of a statement."""

    year: int
    month: int

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> Self:
        """Return the month an instant falls into, as people there see it."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-06``."""
        try:
            year, month = text.split("-")
            return cls(int(year), date(int(year), int(month), 1).month)
        except ValueError:
            msg = f"month: got {text!r}, accepted is YYYY-MM"
            raise ValueError(msg) from None

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def following(self) -> Month:
        """Return the next month."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return its first instant and that of the next month, in UTC."""
        after = self.following()
        return (
            datetime(self.year, self.month, 1, tzinfo=zone).astimezone(UTC),
            datetime(after.year, after.month, 1, tzinfo=zone).astimezone(UTC),
        )
