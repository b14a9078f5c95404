"""Days of the building: validities, and the window that is being settled.

Periods are half open, as everywhere in the books: `to_day` is the first day that no longer counts. Days are local
days of the building. A day on which something changes counts for what holds at its end: whoever moves in during the
15th has the 15th, whoever moved out that day has not.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self
from zoneinfo import ZoneInfo

from ..model import Month


@dataclass(frozen=True, kw_only=True)
class Window:
    """The days that are settled together: a month, or the year of a true-up."""

    from_day: date
    to_day: date

    def __post_init__(self) -> None:
        _in_order(self.from_day, self.to_day)

    @classmethod
    def of_month(cls, month: Month) -> Self:
        """Return a calendar month."""
        after = month.following()
        return cls(from_day=date(month.year, month.month, 1), to_day=date(after.year, after.month, 1))

    @classmethod
    def of_year(cls, year: int) -> Self:
        """Return a calendar year."""
        return cls(from_day=date(year, 1, 1), to_day=date(year + 1, 1, 1))


@dataclass(frozen=True, kw_only=True)
class Days:
    """A validity: days from `from_day` until before `to_day`; None: for good."""

    from_day: date
    to_day: date | None = None

    def __post_init__(self) -> None:
        if self.to_day is not None:
            _in_order(self.from_day, self.to_day)

    @classmethod
    def between(cls, begin: datetime, end: datetime | None, zone: ZoneInfo) -> Self:
        """Return the local days of a validity that is kept as instants."""
        return cls(from_day=begin.astimezone(zone).date(), to_day=None if end is None else end.astimezone(zone).date())

    def within(self, window: Window) -> range:
        """Return those of its days that are in the window, as ordinals (`date.toordinal`)."""
        end = window.to_day if self.to_day is None else min(self.to_day, window.to_day)
        return range(max(self.from_day, window.from_day).toordinal(), end.toordinal())


def _in_order(from_day: date, to_day: date) -> None:
    if to_day < from_day:
        msg = f"to_day: got {to_day}, accepted is {from_day} or later"
        raise ValueError(msg)
