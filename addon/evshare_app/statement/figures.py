"""What happened in the building over some months, in numbers: energy, money, sun, peaks, use of the stalls.

Summed by the database and read as a stream: what is kept is a line per month, hour, stall and resident, whatever the
number of sessions. Energy is what the registers counted in slices by their start, money what CDRs and charges come to
without VAT, in the month in which a session, or its part, ended.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sqlalchemy import Connection, case, func, select

from ..books import schema
from ..books.accounting_tables import charge
from ..books.building import the_building
from ..books.common import find_common_account
from ..ledger.accounts import receivable
from ..model import AccountId, Month, from_ms, to_ms
from ..split.sources import SLOT_MS, mix_for_cars
from ..tariff.gather import slots, solar_rule
from .bills import bills

_STREAMED = {"yield_per": 2000}
_HOUR_MS = 3_600_000


@dataclass(kw_only=True)
class MonthFigures:
    """A month in numbers."""

    month: Month
    energy_wh: int = 0
    unattributed_wh: int = 0
    solar_wh: int = 0
    """Of the sun, as far as the building's meters tell."""
    told_wh: int = 0
    """Of which they tell whether it was sun."""
    peak_w: int = 0
    """The stalls' highest quarter hour."""
    building_peak_w: int | None = None
    """The building's; None: no meter tells."""
    connected_s: int = 0
    """All stalls' time with a car charging or waiting in a session."""
    stall_s: int = 0
    """The time there was, of all stalls."""
    energy_net_minor: int = 0
    charges_net_minor: int = 0
    """Base fees, shares of costs and the like."""
    bills_minor: int | None = None
    """What the utility billed for days that end in it; None: no bill."""

    @property
    def net_minor(self) -> int:
        """All that accounts are billed."""
        return self.energy_net_minor + self.charges_net_minor


@dataclass(kw_only=True)
class StallFigures:
    """A stall in numbers."""

    stall_id: str
    name: str
    energy_wh: int = 0
    connected_s: int = 0


@dataclass(frozen=True, kw_only=True)
class ResidentFigures:
    """A resident in numbers, their guests included."""

    resident_id: str
    name: str
    sessions: int
    energy_wh: int
    net_minor: int


@dataclass(frozen=True, kw_only=True)
class OpenAmount:
    """What an account owes now."""

    account_id: AccountId
    name: str
    minor: int


@dataclass(kw_only=True)
class Figures:
    """Some months in numbers."""

    months: Sequence[MonthFigures]
    hours_wh: list[int] = field(default_factory=lambda: [0] * 24)
    """By local hour of the day."""
    stalls: Sequence[StallFigures] = ()
    residents: Sequence[ResidentFigures] = ()
    open_amounts: Sequence[OpenAmount] = ()
    """Now, whatever the months."""


def figures(conn: Connection, first: Month, last: Month) -> Figures:
    """Return the months from `first` to `last`, both included, in numbers."""
    building = the_building(conn)
    found = Figures(months=[MonthFigures(month=month) for month in _months(first, last)])
    edges = [to_ms(one.month.bounds(building.zone)[0]) for one in found.months]
    end_ms = to_ms(last.bounds(building.zone)[1])
    places = conn.execute(
        select(schema.stall.c.stall_id, schema.stall.c.name, schema.stall.c.removed_ms).order_by(schema.stall.c.name)
    ).all()
    stalls = {row.stall_id: StallFigures(stall_id=row.stall_id, name=row.name) for row in places}
    rule = {one.month: solar_rule(conn, one.month) for one in found.months}
    quarters = groupby(_quarters(conn, edges[0], end_ms), key=lambda row: bisect_right(edges, row[0] * SLOT_MS) - 1)
    for place, rows in quarters:
        month = found.months[place]
        month_end = edges[place + 1] if place + 1 < len(edges) else end_ms
        series = slots(conn, edges[place], month_end)
        for bucket, group in groupby(rows, key=lambda row: row[0]):
            start_ms, load_wh, peak_wh = bucket * SLOT_MS, 0, 0
            for _, stall_id, wh, short_wh, unattributed_wh, connected_s in group:
                load_wh, peak_wh = load_wh + wh, peak_wh + short_wh
                month.unattributed_wh += unattributed_wh
                month.connected_s += connected_s
                stalls[stall_id].energy_wh += wh
                stalls[stall_id].connected_s += connected_s
            month.energy_wh += load_wh
            month.peak_w = max(month.peak_w, peak_wh * (_HOUR_MS // SLOT_MS))
            found.hours_wh[from_ms(start_ms).astimezone(building.zone).hour] += load_wh
            slot = series.get(start_ms)
            mix = None if slot is None else mix_for_cars(slot, load_wh, rule[month.month])
            if mix is not None:
                month.solar_wh += mix.solar_wh
                month.told_wh += load_wh
    for place, month in enumerate(found.months):
        month_end = edges[place + 1] if place + 1 < len(edges) else end_ms
        month.building_peak_w = _building_peak_w(conn, edges[place], month_end)
        month.stall_s = sum(
            max(0, min(month_end, row.removed_ms or month_end) - edges[place]) // 1000 for row in places
        )
    found.stalls = [one for one in stalls.values() if one.energy_wh or one.connected_s]
    _add_money(conn, found, edges, end_ms)
    return found


def _months(first: Month, last: Month) -> Iterator[Month]:
    month = first
    while month <= last:
        yield month
        month = month.following()


def _quarters(conn: Connection, begin_ms: int, end_ms: int) -> Iterator[tuple[int, str, int, int, int, int]]:
    """Yield (quarter hour, stall, Wh, Wh of slices within it, Wh of nobody, seconds connected), by quarter hour."""
    one = schema.slice_
    wh = one.c.register_end_wh - one.c.register_start_wh
    bucket = (one.c.start_ms // SLOT_MS).label("bucket")
    rows = conn.execute(
        select(
            bucket,
            one.c.stall_id,
            func.sum(wh),
            # A slice over a gap says nothing of how much it was at once.
            func.sum(case((one.c.end_ms - one.c.start_ms <= SLOT_MS, wh), else_=0)),
            func.sum(case((one.c.session_id.is_(None), wh), else_=0)),
            func.sum(one.c.charging_s + one.c.suspended_s),
        )
        .where(one.c.start_ms >= begin_ms, one.c.start_ms < end_ms)
        .group_by(bucket, one.c.stall_id)
        .order_by(bucket, one.c.stall_id),
        execution_options=_STREAMED,
    )
    for row in rows:
        yield int(row[0]), str(row[1]), int(row[2]), int(row[3]), int(row[4]), int(row[5])


def _building_peak_w(conn: Connection, begin_ms: int, end_ms: int) -> int | None:
    one = schema.building_slice
    highest_wh = conn.scalar(
        select(func.max(one.c.import_wh)).where(
            one.c.start_ms >= begin_ms, one.c.start_ms < end_ms, one.c.end_ms - one.c.start_ms == SLOT_MS
        )
    )
    return None if highest_wh is None else int(highest_wh) * (_HOUR_MS // SLOT_MS)


def _add_money(conn: Connection, found: Figures, edges: Sequence[int], end_ms: int) -> None:
    cdr, common = schema.cdr, find_common_account(conn) or ""
    for place, month in enumerate(found.months):
        month_end = edges[place + 1] if place + 1 < len(edges) else end_ms
        minor = conn.scalar(
            select(func.sum(cdr.c.net_minor)).where(
                cdr.c.ended_ms >= edges[place], cdr.c.ended_ms < month_end, cdr.c.account_id != common
            )
        )
        month.energy_net_minor = int(minor or 0)
    by_month = {one.month: one for one in found.months}
    for row in conn.execute(
        select(charge.c.month, func.sum(charge.c.net_minor).label("minor"))
        .where(charge.c.month >= str(found.months[0].month), charge.c.month <= str(found.months[-1].month))
        .group_by(charge.c.month)
    ):
        by_month[Month.parse(row.month)].charges_net_minor = int(row.minor)
    for bill in bills(conn):
        if bill.month in by_month:
            line = by_month[bill.month]
            line.bills_minor = (line.bills_minor or 0) + bill.total_minor
    person, session = schema.resident, schema.session
    found.residents = [
        ResidentFigures(
            resident_id=row.resident_id,
            name=row.name,
            sessions=row.sessions,
            energy_wh=int(row.wh),
            net_minor=int(row.minor),
        )
        for row in conn.execute(
            select(
                person.c.resident_id,
                person.c.name,
                func.count(cdr.c.session_id.distinct()).label("sessions"),
                func.sum(cdr.c.energy_wh).label("wh"),
                func.sum(cdr.c.net_minor).label("minor"),
            )
            .join_from(cdr, session, session.c.session_id == cdr.c.session_id)
            .join(person, person.c.resident_id == session.c.resident_id)
            .where(cdr.c.ended_ms >= edges[0], cdr.c.ended_ms < end_ms, cdr.c.account_id != common)
            .group_by(person.c.resident_id, person.c.name)
            .order_by(func.sum(cdr.c.energy_wh).desc(), person.c.name)
        )
    ]
    found.open_amounts = _open_amounts(conn)


def _open_amounts(conn: Connection) -> list[OpenAmount]:
    posting, prefix = schema.posting, receivable(AccountId(""))
    account = schema.account
    names: dict[str, str] = {row[0]: row[1] for row in conn.execute(select(account.c.account_id, account.c.name))}
    rows = conn.execute(
        select(posting.c.ledger_account_id, func.sum(posting.c.amount_minor).label("minor"))
        .where(posting.c.ledger_account_id.startswith(prefix, autoescape=True))
        .group_by(posting.c.ledger_account_id)
        .having(func.sum(posting.c.amount_minor) != 0)
        .order_by(func.sum(posting.c.amount_minor).desc())
    )
    return [
        OpenAmount(
            account_id=AccountId(account_id),
            name=names.get(account_id, account_id),
            minor=int(row.minor),
        )
        for row in rows
        for account_id in (row.ledger_account_id.removeprefix(prefix),)
    ]
