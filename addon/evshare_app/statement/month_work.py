"""What is read once for all of a month's charges, and the month's slices, a few at a time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection

from ..books import schema
from ..books.building import BuildingRow, the_building
from ..books.payers import Plan
from ..model import AccountId, Month, to_ms
from ..split.days import Window
from ..split.keys import Basis
from ..split.sources import Slot, UsedSlice
from ..tariff.gather import slots, used_slices
from .basis import PlanBook, Stay, basis, bounds, plan_book, stays


@dataclass(frozen=True, kw_only=True)
class MonthWork:
    """A month of a building."""

    conn: Connection
    month: Month
    building: BuildingRow
    window: Window
    there: Sequence[Stay]
    basis: Basis
    plans: PlanBook
    bills: ColumnElement[bool]
    """Which CDRs the month's statements bill."""

    @classmethod
    def begin(cls, conn: Connection, month: Month, bills: ColumnElement[bool]) -> MonthWork:
        """Read what all charges need."""
        building = the_building(conn)
        window, there = Window.of_month(month), stays(conn)
        return cls(
            conn=conn,
            month=month,
            building=building,
            window=window,
            there=there,
            basis=basis(conn, window, building.zone, there),
            plans=plan_book(conn),
            bills=bills,
        )

    @property
    def days(self) -> int:
        """Days of the month."""
        return (self.window.to_day - self.window.from_day).days

    def plan_days(self) -> dict[AccountId, dict[str, tuple[Plan, int]]]:
        """Return on how many days each account was on which plan. A day counts for what holds at its end."""
        there: dict[AccountId, set[int]] = defaultdict(set)
        for member in self.basis.accounts:
            there[member.account_id].update(member.days.within(self.window))
        ends: dict[int, int] = {}
        for ordinal in range(self.window.from_day.toordinal(), self.window.to_day.toordinal()):
            day = date.fromordinal(ordinal)
            _, after = bounds(Window(from_day=day, to_day=day + timedelta(days=1)), self.building.zone)
            ends[ordinal] = to_ms(after) - 1
        found: dict[AccountId, dict[str, tuple[Plan, int]]] = defaultdict(dict)
        for account_id, days in sorted(there.items()):
            for ordinal in sorted(days):
                plan = self.plans.plan_of(account_id, ends[ordinal])
                _, counted = found[account_id].get(plan.plan_id, (plan, 0))
                found[account_id][plan.plan_id] = (plan, counted + 1)
        return found

    def slots(self) -> Mapping[int, Slot]:
        """Return the building series of the month, by start."""
        begin, end = bounds(self.window, self.building.zone)
        return slots(self.conn, to_ms(begin), to_ms(end))

    def used_slices(self) -> Iterator[UsedSlice]:
        """Yield the month's slices that used anything, as `slices_of` does."""
        used = schema.slice_.c.register_end_wh > schema.slice_.c.register_start_wh
        return slices_of(self.conn, *bounds(self.window, self.building.zone), used)


def slices_of(conn: Connection, begin: datetime, end: datetime, *which: ColumnElement[bool]) -> Iterator[UsedSlice]:
    """Yield every slice that ended in a span, by its start; the payer is its party, else its stall."""
    ended_ms = schema.slice_.c.end_ms
    return used_slices(conn, ended_ms > to_ms(begin), ended_ms <= to_ms(end), *which)
