"""What a stall's page tells besides the stall itself, read from the books: prices, sun, what to expect, what is left.

All of it is for showing. Who may charge is decided in the house, what is billed by rating the session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, select

from ..books.schema import building, building_slice, session, slice_
from ..model import ResidentId, from_ms, to_ms
from ..resident.rules import Rule, Used, rule_of, used_this_month
from ..tariff.circumstances import Circumstances, PriceSlot
from ..tariff.gather import prices_between
from ..tariff.holiday_dates import holiday_dates
from ..tariff.now import Expected, PriceNow, expected, expected_power_w, price_now
from ..tariff.objects import EnergySource, Extensions, Spot, Tariff
from ..tariff.store import TariffVersion, versions_for, versions_from

_AMOUNTS_WH = (10_000, 20_000, 40_000)
_AHEAD = timedelta(days=8)
_PRICES_BEFORE = timedelta(hours=6)
_SUN_FRESH = timedelta(minutes=35)
"""A quarter hour that ended longer ago says nothing of now."""
_SESSIONS_LOOKED_AT = 12
_LEAST_WH = 1000
"""A shorter charge says little of what a car takes."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a resident's rules leave them this month."""

    rule: Rule
    used: Used

    @property
    def left_wh(self) -> int | None:
        """Energy left, None where none is set."""
        return None if self.rule.month_wh is None else max(0, self.rule.month_wh - self.used.energy_wh)

    @property
    def left_minor(self) -> int | None:
        """Money left, None where none is set."""
        if self.rule.month_minor is None:
            return None
        return max(0, self.rule.month_minor - (self.used.cost + self.used.running).minor)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the page tells."""

    version: TariffVersion
    price: PriceNow
    known_until: datetime | None
    """Until when a market price holds that is followed by one nobody knows yet; None where that is not so."""
    sun_percent: int | None
    """How much of what the house used in the last quarter hour was sun; None where no meter tells."""
    power_w: int
    expected: tuple[Expected, ...]
    expected_sun_percent: int | None
    """The share of the sun that is reckoned with; None where the price does not ask for it, or no meter tells."""
    left: Left | None
    """None: no rules, or nobody known looks."""


def stall_facts(
    conn: Connection,
    *,
    max_current_a: int,
    phases: int,
    others_a: Sequence[float],
    running_wh: Mapping[str, int],
    resident_id: ResidentId | None,
    priced_for: ResidentId | None,
    prices: Mapping[str, Decimal],
    zone: ZoneInfo,
    now: datetime,
) -> Facts:
    """Return what a stall's page tells.

    `others_a` is what each other running session is offered, in A; `running_wh` is what running sessions have used.
    `priced_for` is under whose tariff a start would be charged: a guest's host's; None: the house's. `prices` are
    those in force now, per kWh, by their series.
    """
    versions = versions_from(conn, now) if priced_for is None else versions_for(conn, priced_for, now)
    shares = energy_shares(conn, now)
    power_w = expected_power_w(
        max_current_a=max_current_a,
        phases=phases,
        free_a=_free_a(conn, others_a),
        typical_w=typical_power_w(conn, resident_id) if resident_id else None,
    )
    circumstances = circumstances_ahead(conn, versions, now, zone, prices)
    price = price_now(versions, now, zone, circumstances=circumstances, source=most_of(shares))
    return Facts(
        version=versions[0],
        price=price,
        known_until=None if price.changes_at else slot_end(versions[0].tariff, now),
        sun_percent=sun_percent(conn, now),
        power_w=power_w,
        expected=expected(
            versions[0].tariff,
            _AMOUNTS_WH,
            power_w,
            now,
            zone,
            circumstances=circumstances,
            shares=shares,
        ),
        expected_sun_percent=_sun_share(shares) if price.by_source else None,
        left=left_of(conn, resident_id, now, zone, running_wh) if resident_id else None,
    )


def _free_a(conn: Connection, others_a: Sequence[float]) -> int | None:
    """Return what the main fuse leaves per phase: the rest, or an equal share once the others give way."""
    fuse_a: int | None = conn.scalar(select(building.c.fuse_a))
    if not fuse_a:
        return None
    return max(fuse_a - round(sum(others_a)), fuse_a // (len(others_a) + 1))


def typical_power_w(conn: Connection, resident_id: ResidentId) -> int | None:
    """Return the power a resident's car usually took while it charged fast, in W; None before there is any to see."""
    energy_wh = func.sum(slice_.c.register_end_wh - slice_.c.register_start_wh)
    seconds = func.sum(slice_.c.charging_s)
    rows = conn.execute(
        select(energy_wh.label("energy_wh"), seconds.label("seconds"))
        .join(session, session.c.session_id == slice_.c.session_id)
        .where(session.c.resident_id == resident_id, session.c.mode == "fast", session.c.ended_ms.is_not(None))
        .where(session.c.credential_kind != "pass")
        .group_by(session.c.session_id, session.c.ended_ms)
        .having(energy_wh >= _LEAST_WH, seconds > 0)
        .order_by(session.c.ended_ms.desc())
        .limit(_SESSIONS_LOOKED_AT)
    )
    powers = [int(row.energy_wh) * 3600 // int(row.seconds) for row in rows]
    return int(median(powers)) if powers else None


def circumstances_ahead(
    conn: Connection,
    versions: Sequence[TariffVersion],
    now: datetime,
    zone: ZoneInfo,
    prices_now: Mapping[str, Decimal],
) -> Circumstances:
    """Return what is known of the days ahead: prices that are recorded or in force (`prices_now`), and holidays."""
    prices: dict[str, Sequence[PriceSlot]] = {}
    holidays: set[date] = set()
    until = now + _AHEAD
    for one in versions:
        extensions = one.tariff.x_evshare or Extensions()
        if extensions.spot is not None:
            series = extensions.spot.series
            recorded = prices_between(conn, series, now - _PRICES_BEFORE, until)
            prices[series] = _with_present(recorded, extensions.spot, now, prices_now.get(series))
        if extensions.holidays is not None:
            holidays |= holiday_dates(extensions.holidays, {at.astimezone(zone).year for at in (now, until)})
    return Circumstances(prices=prices, holidays=frozenset(holidays))


def energy_shares(conn: Connection, now: datetime) -> dict[EnergySource, int] | None:
    """Return from where the house's energy came in the last quarter hour, in Wh; None where no meter tells.

    Whose sun it is decides the owners' rule afterwards; here a car is thought to get what the house gets.
    """
    row = _newest_quarter(conn, now)
    if row is None or row.import_wh is None:
        return None
    battery_wh = row.battery_out_wh or 0
    stored_wh = row.battery_in_wh or 0
    solar_wh = max(0, (row.pv_wh or 0) - (row.export_wh or 0) - stored_wh)
    shares = {EnergySource.SOLAR: solar_wh, EnergySource.BATTERY: battery_wh, EnergySource.GRID: row.import_wh}
    return shares if any(shares.values()) else None


def most_of(shares: Mapping[EnergySource, int] | None) -> EnergySource:
    """Return where most of the energy comes from; without shares it is the grid."""
    if shares is None:
        return EnergySource.GRID
    return max(shares, key=lambda source: (shares[source], source is EnergySource.GRID))


def _sun_share(shares: Mapping[EnergySource, int] | None) -> int | None:
    return None if shares is None else round(100 * shares[EnergySource.SOLAR] / sum(shares.values()))


def _with_present(
    recorded: Sequence[PriceSlot], spot: Spot, now: datetime, price: Decimal | None
) -> Sequence[PriceSlot]:
    """Put the price in force in the place of what is recorded of the present slot: that is a quarter hour behind."""
    if price is None:
        return recorded
    start, end = _slot(spot, now)
    before = [one for one in recorded if one.end <= start]
    after = [one for one in recorded if one.start >= end]
    return [*before, PriceSlot(start=start, end=end, price=price), *after]


def _slot(spot: Spot, now: datetime) -> tuple[datetime, datetime]:
    length_ms = spot.slot_minutes * 60_000
    start_ms = to_ms(now) // length_ms * length_ms
    return from_ms(start_ms), from_ms(start_ms + length_ms)


def slot_end(tariff: Tariff, now: datetime) -> datetime | None:
    """Return when the present slot of a price that follows a series ends; None for other tariffs."""
    spot = tariff.x_evshare.spot if tariff.x_evshare else None
    return None if spot is None else _slot(spot, now)[1]


def _newest_quarter(conn: Connection, now: datetime) -> Row[Any] | None:
    row = conn.execute(select(building_slice).order_by(building_slice.c.start_ms.desc()).limit(1)).one_or_none()
    return None if row is None or row.end_ms < to_ms(now - _SUN_FRESH) else row


def sun_percent(conn: Connection, now: datetime) -> int | None:
    """Return how much of what the house used in the last quarter hour came from its roof, in percent."""
    row = _newest_quarter(conn, now)
    if row is None or row.pv_wh is None or row.import_wh is None:
        return None
    kept_wh = max(0, row.pv_wh - (row.export_wh or 0))
    used_wh = row.import_wh + kept_wh
    return round(100 * kept_wh / used_wh) if used_wh > 0 else None


def left_of(
    conn: Connection, resident_id: ResidentId, now: datetime, zone: ZoneInfo, running_wh: Mapping[str, int]
) -> Left | None:
    """Return what a resident's rules leave them this month; None where none of them says when or how much."""
    rule = rule_of(conn, resident_id)
    if rule.month_wh is None and rule.month_minor is None and not rule.hours:
        return None
    return Left(rule=rule, used=used_this_month(conn, resident_id, now, zone, running_wh))
