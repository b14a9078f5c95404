"""What the last month would have cost under another tariff: its real sessions, rated anew by the real engine.

The sessions are taken a few at a time, so that the books are free for others in between and memory does not grow with
their number; they come in the order of their ids, which are random: where time runs out, those that were taken are a
fair sample.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from ..books.building import BuildingRow
from ..books.common import paid_by_others
from ..books.engine import Books
from ..books.schema import account, resident, session, slice_, stall
from ..books.schema import tariff as tariff_table
from ..model import Month, from_ms, to_ms
from ..tariff.cdr_json import rated_slice
from ..tariff.compiling import compiled
from ..tariff.gather import circumstances_of
from ..tariff.objects import Tariff
from ..tariff.rating import RatedInput, rate
from .tariff_samples import is_guessed

_AT_A_TIME = 50
_PAYER = func.coalesce(session.c.account_id, resident.c.account_id)


@dataclass(kw_only=True)
class AccountCost:
    """What an account's sessions come to, with VAT, in minor units."""

    name: str = ""
    sessions: int = 0
    energy_wh: int = 0
    present_minor: int = 0
    proposed_minor: int = 0


@dataclass(kw_only=True)
class MonthCost:
    """A month under two tariffs."""

    month: Month
    of_family: bool
    """Whether these are the family's sessions; False: it has none, so these are all of the house's."""
    there_are: int
    """Sessions in the month; `used` of them were rated before time ran out."""
    used: int = 0
    guessed: int = 0
    """Sessions for which something the new tariff asks for was not known."""
    accounts: dict[str, AccountCost] = field(default_factory=lambda: defaultdict(AccountCost))

    @property
    def lines(self) -> list[AccountCost]:
        """The accounts, by name."""
        return sorted(self.accounts.values(), key=lambda one: one.name.casefold())

    @property
    def total(self) -> AccountCost:
        """All accounts together."""
        ones = self.accounts.values()
        return AccountCost(
            sessions=sum(one.sessions for one in ones),
            energy_wh=sum(one.energy_wh for one in ones),
            present_minor=sum(one.present_minor for one in ones),
            proposed_minor=sum(one.proposed_minor for one in ones),
        )


def month_before(now: datetime, building: BuildingRow) -> Month:
    """Return the last month that is over."""
    this = Month.of(now, building.zone)
    return Month(this.year - (this.month == 1), (this.month - 2) % 12 + 1)


async def month_cost(  # noqa: PLR0917 - where, which month, and the two tariffs
    books: Books,
    building: BuildingRow,
    month: Month,
    family: str,
    present: Tariff,
    proposed: Tariff,
    is_enough: Callable[[], bool],
) -> MonthCost:
    """Rate a month's sessions under two tariffs, until all are rated or it is enough."""
    whose: str | None = family
    there_are = await books.read(lambda conn: _count(conn, building, month, family))
    if not there_are:
        whose = None
        there_are = await books.read(lambda conn: _count(conn, building, month, None))
    cost = MonthCost(month=month, of_family=whose is not None, there_are=there_are)
    last: str | None = ""
    while last is not None and cost.used < there_are and not (cost.used and is_enough()):
        some = partial(_rate_some, building=building, cost=cost, family=whose, after=last, tariffs=(present, proposed))
        last = await books.read(some)
    return cost


def _rate_some(
    conn: Connection,
    *,
    building: BuildingRow,
    cost: MonthCost,
    family: str | None,
    after: str,
    tariffs: tuple[Tariff, Tariff],
) -> str | None:
    """Add the next sessions and return the id of the last one; None when there are no more."""
    wanted = _sessions(building, cost.month, family).where(session.c.session_id > after)
    rows = conn.execute(wanted.order_by(session.c.session_id).limit(_AT_A_TIME)).all()
    if not rows:
        return None
    cuts = _cuts(conn, [row.session_id for row in rows])
    for row in rows:
        one = cost.accounts[row.payer_id]
        one.name = row.payer
        one.sessions += 1
        one.energy_wh += row.energy_wh
        own = cuts.get(row.session_id, ())
        present_minor, _ = _gross(conn, tariffs[0], row, own, building)
        proposed_minor, guessed = _gross(conn, tariffs[1], row, own, building)
        one.present_minor += present_minor
        one.proposed_minor += proposed_minor
        cost.guessed += guessed
    cost.used += len(rows)
    return str(rows[-1].session_id)


def _gross(
    conn: Connection, tariff: Tariff, row: Row[Any], cuts: Sequence[Row[Any]], building: BuildingRow
) -> tuple[int, bool]:
    """Return what a session costs under a tariff, and whether something was not known for it."""
    started = from_ms(row.started_ms)
    rated = RatedInput(started=started, slices=[rated_slice(one) for one in cuts])
    until = rated.slices[-1].end if rated.slices else started
    known = circumstances_of(conn, tariff, started, until, building, cuts)
    ready = compiled(tariff, rated, known, building.zone)
    return rate(ready.tariff, ready.session, building.zone).minor(tariff.currency)[1], is_guessed(ready)


def _cuts(conn: Connection, ids: Sequence[str]) -> Mapping[str, Sequence[Row[Any]]]:
    rows = conn.execute(
        select(slice_)
        .where(slice_.c.session_id.in_(ids))
        .order_by(slice_.c.start_ms, slice_.c.epoch, slice_.c.slice_id)
    )
    cuts: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        cuts[row.session_id].append(row)
    return cuts


def _count(conn: Connection, building: BuildingRow, month: Month, family: str | None) -> int:
    found = _sessions(building, month, family).subquery()
    return conn.scalar(select(func.count()).select_from(found)) or 0


def _sessions(building: BuildingRow, month: Month, family: str | None) -> Select[Any]:
    start, end = month.bounds(building.zone)
    wanted = (
        select(
            session.c.session_id,
            session.c.started_ms,
            session.c.energy_wh,
            _PAYER.label("payer_id"),
            account.c.name.label("payer"),
        )
        .join(resident, resident.c.resident_id == session.c.resident_id)
        .join(account, account.c.account_id == _PAYER)
        .join(stall, stall.c.stall_id == session.c.stall_id)
        .where(
            session.c.started_ms.is_not(None),
            session.c.ended_ms >= to_ms(start),
            session.c.ended_ms < to_ms(end),
            stall.c.billable == 1,
            ~paid_by_others(),
        )
    )
    if family is not None:
        wanted = wanted.join(tariff_table, tariff_table.c.version_id == session.c.tariff_version)
        wanted = wanted.where(tariff_table.c.family == family)
    return wanted
