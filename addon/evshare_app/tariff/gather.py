"""What a price depends on besides the session, read from the books: recorded prices, sources, who waited, holidays.

Sources are known for good when a month is closed (`slice_source`); before that they are worked out from the slices
there are, which is as good, but an owners' rule may still change and odd Wh may still go elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from ..books import schema
from ..books.access_tables import waiting
from ..books.accounting_tables import money_rule, price_slot, slice_source
from ..books.building import BuildingRow
from ..model import Month, from_ms, to_ms
from ..split.sources import MEASURED, SLOT_MS, Guess, Guessed, Slot, SolarRule, UsedSlice, split_sources
from .circumstances import Circumstances, Need, PriceSlot, needs
from .holiday_dates import holiday_dates
from .objects import EnergySource, Tariff

_ENERGIES = frozenset(("import", "export", "pv", "battery_in", "battery_out"))
_BEFORE = timedelta(hours=6)
"""How long before a session a price may have been recorded and still be the last known one."""


def circumstances_of(  # noqa: PLR0917 - what it is, then when, then where
    conn: Connection,
    tariff: Tariff,
    started: datetime,
    until: datetime,
    building: BuildingRow,
    slices: Sequence[Row[Any]],
) -> Circumstances:
    """Return what a tariff asks for, for a session between two instants and its slices (rows of the books)."""
    wanted = needs(tariff)
    extensions = tariff.x_evshare
    prices: Mapping[str, Sequence[PriceSlot]] = {}
    if Need.PRICES in wanted and extensions is not None and extensions.spot is not None:
        series = extensions.spot.series
        prices = {series: prices_between(conn, series, started - _BEFORE, until)}
    days: frozenset[date] = frozenset()
    if Need.HOLIDAYS in wanted and extensions is not None and extensions.holidays is not None:
        years = range(started.astimezone(building.zone).year, until.astimezone(building.zone).year + 1)
        days = holiday_dates(extensions.holidays, years)
    sources, guessed = sources_of(conn, slices, building) if Need.SOURCES in wanted else (None, ())
    return Circumstances(
        prices=prices,
        sources=sources,
        guessed=guessed,
        waiting=waited_between(conn, started, until) if Need.WAITING in wanted else None,
        holidays=days,
    )


def prices_between(conn: Connection, series: str, begin: datetime, end: datetime) -> list[PriceSlot]:
    """Return the recorded prices of a series in a span, in order."""
    rows = conn.execute(
        select(price_slot)
        .where(price_slot.c.series == series)
        .where(price_slot.c.end_ms > to_ms(begin), price_slot.c.start_ms < to_ms(end))
        .order_by(price_slot.c.start_ms)
    )
    return [PriceSlot(start=from_ms(row.start_ms), end=from_ms(row.end_ms), price=Decimal(row.price)) for row in rows]


def waited_between(conn: Connection, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return when somebody waited for a stall, in order and joined where they overlap."""
    rows = conn.execute(
        select(waiting.c.joined_ms, waiting.c.ended_ms)
        .where(waiting.c.joined_ms < to_ms(end), or_(waiting.c.ended_ms.is_(None), waiting.c.ended_ms > to_ms(begin)))
        .order_by(waiting.c.joined_ms)
    )
    spans: list[tuple[int, int]] = []
    for row in rows:
        first, last = row.joined_ms, to_ms(end) if row.ended_ms is None else row.ended_ms
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], last))
        else:
            spans.append((first, last))
    return [(from_ms(first), from_ms(last)) for first, last in spans if first < last]


def sources_of(
    conn: Connection, slices: Sequence[Row[Any]], building: BuildingRow
) -> tuple[list[Mapping[EnergySource, int]] | None, list[Guessed]]:
    """Return each slice's Wh by source (None without slices), and what they rest on that was not measured."""
    if not slices:
        return None, []
    ids = [one.slice_id for one in slices]
    kept = {row.slice_id: row for row in conn.execute(select(slice_source).where(slice_source.c.slice_id.in_(ids)))}
    found = {
        slice_id: {
            EnergySource.SOLAR: row.solar_wh,
            EnergySource.BATTERY: row.battery_wh,
            EnergySource.GRID: row.grid_wh,
        }
        for slice_id, row in kept.items()
    }
    guessed = {
        slice_id: Guessed(_guesses(row.solar_guessed), _guesses(row.battery_guessed)) for slice_id, row in kept.items()
    }
    if len(found) < len(ids):
        open_ones = [one for one in slices if one.slice_id not in found]
        first_ms = min(one.start_ms for one in open_ones) // SLOT_MS * SLOT_MS
        last_ms = max(one.end_ms for one in open_ones)
        rule = solar_rule(conn, Month.of(from_ms(last_ms), building.zone))
        for made in split_sources(slices_over(conn, first_ms, last_ms), slots(conn, first_ms, last_ms), rule):
            guessed.setdefault(made.slice_id, made.guessed)
            found.setdefault(
                made.slice_id,
                {
                    EnergySource.SOLAR: made.solar_wh,
                    EnergySource.BATTERY: made.battery_wh,
                    EnergySource.GRID: made.grid_wh,
                },
            )
    return [found.get(slice_id, {}) for slice_id in ids], [guessed.get(slice_id, MEASURED) for slice_id in ids]


def guesses_text(guesses: Iterable[Guess]) -> str:
    """Return names as the books keep them."""
    return " ".join(sorted(guesses))


def _guesses(text: str) -> frozenset[Guess]:
    return frozenset(map(Guess, text.split()))


def solar_rule(conn: Connection, month: Month) -> SolarRule:
    """Return which part of the sun the cars get in a month."""
    text = conn.scalar(
        select(money_rule.c.value_json)
        .where(money_rule.c.name == "solar", money_rule.c.from_month <= str(month))
        .order_by(money_rule.c.from_month.desc())
        .limit(1)
    )
    return SolarRule(json.loads(text).get("rule", SolarRule.FIRST_COME)) if text else SolarRule.FIRST_COME


def slots(conn: Connection, begin_ms: int, end_ms: int) -> dict[int, Slot]:
    """Return the building series between two instants, by start."""
    table = schema.building_slice
    rows = conn.execute(select(table).where(table.c.start_ms >= begin_ms - SLOT_MS, table.c.start_ms < end_ms))
    return {
        row.start_ms: Slot(
            start_ms=row.start_ms,
            import_wh=row.import_wh,
            export_wh=row.export_wh,
            pv_wh=row.pv_wh,
            battery_charge_wh=row.battery_in_wh,
            battery_discharge_wh=row.battery_out_wh,
            estimated=_estimated(row),
        )
        for row in rows
        if row.start_ms % SLOT_MS == 0
    }


def _estimated(row: Row[Any]) -> frozenset[str]:
    """Of a quarter hour that was told before its estimates were named, any value may be one."""
    if row.estimated_of is not None:
        return frozenset(row.estimated_of.split())
    return _ENERGIES if row.estimated else frozenset()


def slices_over(conn: Connection, begin_ms: int, end_ms: int) -> Iterator[UsedSlice]:
    """Yield every slice that overlaps a span."""
    return used_slices(conn, schema.slice_.c.end_ms > begin_ms, schema.slice_.c.start_ms < end_ms)


def used_slices(conn: Connection, *within: ColumnElement[bool]) -> Iterator[UsedSlice]:
    """Yield the slices for which all of `within` holds, by start; the payer is a slice's party, else its stall."""
    one = schema.slice_
    rows = conn.execute(
        select(
            one.c.slice_id,
            one.c.session_id,
            one.c.stall_id,
            one.c.start_ms,
            one.c.end_ms,
            one.c.register_end_wh - one.c.register_start_wh,
            one.c.estimated,
        )
        .where(*within)
        .order_by(one.c.start_ms, one.c.slice_id)
        .execution_options(yield_per=2000)
    )
    payers: dict[str | None, str] = {}
    made = UsedSlice._make
    for some in rows.partitions():
        payers = _payers(conn, {row[1] for row in some}, payers)
        for slice_id, session_id, stall_id, start_ms, end_ms, energy_wh, estimated in some:
            party = payers.get(session_id) or f"stall:{stall_id}"
            yield made((slice_id, party, start_ms, end_ms, energy_wh, estimated != 0))


def _payers(conn: Connection, session_ids: set[str | None], known: Mapping[str | None, str]) -> dict[str | None, str]:
    """Return who owes for these sessions. A month has forty slices to a session: each is asked for once or twice."""
    session = schema.session
    payers = {one: known[one] for one in session_ids if one in known}
    new = [one for one in session_ids if one is not None and one not in known]
    if new:
        rows = conn.execute(
            select(session.c.session_id, func.coalesce(session.c.account_id, schema.resident.c.account_id))
            .join(schema.resident, schema.resident.c.resident_id == session.c.resident_id)
            .where(session.c.session_id.in_(new))
        )
        payers.update((session_id, account_id) for session_id, account_id in rows)
    return payers
