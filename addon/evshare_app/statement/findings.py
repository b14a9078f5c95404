"""What to look at before a month is closed, in words, with what to do: some of it keeps the month open, some warns.

What keeps a month open would bill somebody wrongly or lose something: it must be settled first. The rest is shown,
because only people can judge it; closing is their decision.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from babel import Locale
from sqlalchemy import Connection, Row, func, select

from ..books import schema
from ..books.accounting_tables import close_run, plan, signed_meter_value, stall_holder
from ..books.building import BuildingRow, the_building
from ..books.payers import HOUSE
from ..books.quarantine import current
from ..formats import month_name
from ..ledger.ocmf import Result
from ..model import Month, from_ms, to_ms
from ..split.methods import Method
from ..tariff.cdr import unproven
from ..tariff.ocpi import Dimension
from ..tariff.store import tariff_version
from .billable import (
    closed_months,
    disputed,
    earlier_open_months,
    ended_without_cdr,
    still_open,
    unattributed_wh,
    went_on,
)
from .bills import bills
from .house_rules import energy_rule, law_profile
from .remittance import is_iban

ISSUING, DONE = "issuing", "done"
"""Steps of a close (`close_run.step`): its statements are being issued; nothing is left to do."""
_VOLTS = 230
_MARGIN = Decimal("1.15")
"""Mains may be 10 % high, and a clock a little off."""
_SLACK_WH = 100
"""Registers that count in coarse steps jump by one."""
_MOST_NAMED = 5


@dataclass(frozen=True)
class Reason:
    """A sentence: a message id of the catalogues and what goes into it."""

    message: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self, gettext: Callable[[str], str] = str, locale: Locale | None = None) -> str:
        """Return it in the language of `gettext`; months by their names where a locale is given."""
        values = {
            name: month_name(value, locale) if locale is not None and isinstance(value, Month) else value
            for name, value in self.values.items()
        }
        return gettext(self.message) % values


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a month, and what to do. `blocks`: the month cannot be closed before."""

    what: Reason
    do: Reason | None = None
    blocks: bool = False


def findings(conn: Connection, month: Month, now: datetime) -> tuple[Finding, ...]:
    """Return what to look at before closing a month; what keeps it open comes first."""
    building = the_building(conn)
    return (*_obstacles(conn, month, building, now), *_doubts(conn, month, building))


def reasons_against(conn: Connection, month: Month, now: datetime) -> tuple[Reason, ...]:
    """Return why the month cannot be closed now; empty when it can."""
    return tuple(one.what for one in _obstacles(conn, month, the_building(conn), now))


def disputed_sessions(conn: Connection, month: Month) -> tuple[Reason, ...]:
    """Return the sessions in question that ended until the month's end and are on no statement."""
    building = the_building(conn)
    _, end = month.bounds(building.zone)
    return tuple(
        Reason(
            "Disputed session: the one at %(stall)s that began on %(start)s is left out until it is decided.",
            {"stall": stall, "start": local(started_ms, building)},
        )
        for stall, started_ms in disputed(conn, end)
    )


def local(at_ms: int, building: BuildingRow) -> str:
    """Return an instant on the building's clocks."""
    return f"{from_ms(at_ms).astimezone(building.zone):%Y-%m-%d %H:%M}"


# --- what keeps a month open --------------------------------------------------------------------------------------


def _obstacles(conn: Connection, month: Month, building: BuildingRow, now: datetime) -> list[Finding]:
    if current(conn) is not None:
        return [
            _blocks(
                Reason(
                    "The books were restored from a backup, and what they lack is being found out. Until then no month "
                    "is closed; see Backup."
                )
            )
        ]
    if month in closed_months(conn):
        return [_blocks(Reason("%(month)s is already closed.", {"month": month}))]
    if now < month.bounds(building.zone)[1]:
        return [_blocks(Reason("%(month)s is not over yet.", {"month": month}))]
    return [
        *_other_closes(conn, month, building),
        *_open_sessions(conn, month, building),
        *_unproven_sessions(conn, month, building),
        *_without_bills(conn, month),
        *_bank_account(building),
    ]


def _other_closes(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    for earlier in earlier_open_months(conn, month, building):
        yield _blocks(Reason("Please close %(earlier)s first.", {"earlier": earlier}))
    # Once its statements are out, what is left of it is in nobody's way.
    under_way = select(close_run.c.month).where(close_run.c.step == ISSUING)
    for other in conn.scalars(under_way):
        yield _blocks(
            Reason("%(earlier)s is still being closed.", {"earlier": other}),
            Reason("Wait until its statements are issued; the page of that month shows how far it is."),
        )


def _open_sessions(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    _, end = month.bounds(building.zone)
    for stall, started_ms in still_open(conn, end):
        yield _blocks(
            Reason(
                "The session at %(stall)s that began on %(start)s is still open.",
                {"stall": stall, "start": local(started_ms, building)},
            ),
            Reason(
                "It may have ended in this month. It settles itself once Home Assistant is connected and the car was "
                "unplugged or went on charging."
            ),
        )


def _unproven_sessions(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    _, end = month.bounds(building.zone)
    for session_ids, until in ((ended_without_cdr(conn, end), None), (went_on(conn, end), end)):
        for session_id, problem in unproven(conn, session_ids, until):
            row = conn.execute(
                select(schema.stall.c.name, schema.session.c.started_ms)
                .join_from(schema.session, schema.stall)
                .where(schema.session.c.session_id == session_id)
            ).one()
            yield _blocks(
                Reason(
                    "The session at %(stall)s that began on %(start)s cannot be billed: its meter record is "
                    "incomplete (%(problem)s).",
                    {"stall": row.name, "start": local(row.started_ms, building), "problem": str(problem)},
                ),
                Reason(
                    "Let Home Assistant connect: it sends what is missing. If it has nothing more, put the session "
                    "in question and decide that nobody owes it."
                ),
            )


def _without_bills(conn: Connection, month: Month) -> Iterator[Finding]:
    """The year is settled with December: a bill that came later would never be."""
    if energy_rule(conn, month).method is Method.PROVISIONAL and month.month == 12:
        covered = {bill.month for bill in bills(conn)}
        last = max((one for one in covered if one.year == month.year), default=None)
        if last is None or last.month != 12:
            yield _blocks(
                Reason("The utility's bills of %(year)s do not reach to its end.", {"year": month.year}),
                Reason("Closing December settles the year. Enter the missing bills first, or choose another method."),
            )


def _bank_account(building: BuildingRow) -> Iterator[Finding]:
    if building.iban is not None and not is_iban(building.iban):
        yield _blocks(Reason("The building's IBAN %(iban)s is not valid. Please correct it.", {"iban": building.iban}))
    if building.iban is not None and not building.payee:
        yield _blocks(Reason("The building has an IBAN, but no payee. Please enter the account holder's name."))


def _blocks(what: Reason, do: Reason | None = None) -> Finding:
    return Finding(what=what, do=do, blocks=True)


# --- what people should judge -------------------------------------------------------------------------------------


def _doubts(conn: Connection, month: Month, building: BuildingRow) -> list[Finding]:
    decide = Reason("Decide it under Disputes. Until then it is on no statement, and later on the next one.")
    return [
        *(Finding(what=one, do=decide) for one in disputed_sessions(conn, month)),
        *_jumps(conn, month, building),
        *_gaps(conn, month, building),
        *_unattributed(conn, month, building),
        *_without_settlement(conn, month),
        *_without_tariff(conn),
        *_against_law(conn, month, building),
        *_without_signed_values(conn, month, building),
    ]


def _jumps(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    """Energy that the stall could not have given in the time."""
    begin, end = month.bounds(building.zone)
    one, stall = schema.slice_, schema.stall
    used_wh = one.c.register_end_wh - one.c.register_start_wh
    # In whole numbers: Wh over milliseconds against A x V x phases.
    most = stall.c.max_current_a * stall.c.phases * _VOLTS * (one.c.end_ms - one.c.start_ms) * int(_MARGIN * 100)
    rows = conn.execute(
        select(stall.c.name, one.c.start_ms, one.c.end_ms, used_wh.label("wh"))
        .join(stall, stall.c.stall_id == one.c.stall_id)
        .where(
            one.c.end_ms > to_ms(begin),
            one.c.end_ms <= to_ms(end),
            (used_wh - _SLACK_WH) * 360_000_000 > most,
        )
        .order_by(one.c.start_ms)
    ).all()
    do = Reason("Compare with the meter itself. If it is wrong, put the session in question before closing.")
    for row in rows[:_MOST_NAMED]:
        values = _place(row, building) | {"minutes": (row.end_ms - row.start_ms) // 60_000}
        what = Reason(
            "Meter jump: %(stall)s counted %(wh)s Wh from %(start)s in %(minutes)s minutes, more than it can give.",
            values,
        )
        yield Finding(what=what, do=do)
    yield from _and_more(len(rows), do)


def _gaps(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    """Energy that lies between two records of a register, and in none."""
    begin, end = month.bounds(building.zone)
    one = schema.slice_
    meter, by_register = (one.c.stall_id, one.c.epoch), (one.c.register_end_wh, one.c.slice_id)
    before = func.lag(one.c.register_end_wh).over(partition_by=meter, order_by=by_register)
    since = func.lag(one.c.end_ms).over(partition_by=meter, order_by=by_register)
    joined = (
        select(
            one.c.stall_id,
            since.label("start_ms"),
            one.c.start_ms.label("end_ms"),
            (one.c.register_start_wh - before).label("wh"),
        )
        .where(one.c.end_ms > to_ms(begin), one.c.end_ms <= to_ms(end))
        .subquery()
    )
    rows = conn.execute(
        select(schema.stall.c.name, joined)
        .join(schema.stall, schema.stall.c.stall_id == joined.c.stall_id)
        .where(joined.c.wh > 0)
        .order_by(joined.c.end_ms)
    ).all()
    do = Reason(
        "They are on no statement. When Home Assistant still has the record and sends it, they are billed with the "
        "next month."
    )
    for row in rows[:_MOST_NAMED]:
        what = Reason(
            "Gap: %(wh)s Wh of %(stall)s between %(start)s and %(end)s are in no record.", _place(row, building)
        )
        yield Finding(what=what, do=do)
    yield from _and_more(len(rows), do)


def _and_more(found: int, do: Reason) -> Iterator[Finding]:
    if found > _MOST_NAMED:
        yield Finding(what=Reason("And %(count)s more of this kind.", {"count": found - _MOST_NAMED}), do=do)


def _unattributed(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    wh = unattributed_wh(conn, month, building)
    if wh:
        yield Finding(
            what=Reason("%(wh)s Wh are nobody's.", {"wh": wh}),
            do=Reason(
                "Registers counted it without a session, or it was decided that nobody owes it. The house bears it; "
                "the stalls' history shows when it flowed."
            ),
        )


def _without_settlement(conn: Connection, month: Month) -> Iterator[Finding]:
    if energy_rule(conn, month).method is Method.ACTUAL and month not in {bill.month for bill in bills(conn)}:
        yield Finding(
            what=Reason("No bill of the utility ends in %(month)s.", {"month": month}),
            do=Reason(
                "The method is actual cost: without the bill the statements show the tariff's price, and the "
                "difference comes with the month that is closed after the bill was entered."
            ),
        )


def _without_tariff(conn: Connection) -> Iterator[Finding]:
    families = set(conn.scalars(select(schema.tariff.c.family)))
    for row in conn.execute(select(plan).where(plan.c.retired_ms.is_(None), plan.c.family != HOUSE)):
        if row.family not in families:
            yield Finding(
                what=Reason(
                    "The plan %(name)s names the tariff %(family)s, which does not exist.",
                    {"name": row.name, "family": row.family},
                ),
                do=Reason("Its sessions were charged under the house's tariff. Make the tariff, or another plan."),
            )


def _against_law(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    profile = law_profile(conn, month)
    if profile.per_kwh:
        return
    begin, end = month.bounds(building.zone)
    ended = schema.session.c.ended_ms >= to_ms(begin), schema.session.c.ended_ms < to_ms(end)
    for version in conn.scalars(select(schema.session.c.tariff_version).where(*ended).distinct()):
        elements = tariff_version(conn, version).tariff.elements
        if any(one.type is Dimension.ENERGY and one.price for element in elements for one in element.price_components):
            yield Finding(
                what=Reason("Tariff %(version)s has a price per kWh.", {"version": version}),
                do=Reason(
                    "The law profile of the house allows none: choose a tariff by time, or share costs instead. "
                    "See Settings."
                ),
            )


def _without_signed_values(conn: Connection, month: Month, building: BuildingRow) -> Iterator[Finding]:
    """Where the law wants calibrated meters: stalls that several people share whose meters signed nothing."""
    if law_profile(conn, month).metrology != "eichrecht":
        return
    begin, end = month.bounds(building.zone)
    session, holder = schema.session.c, stall_holder.alias("later")
    last_day = (end.astimezone(building.zone) - timedelta(days=1)).date().isoformat()
    newest = (
        select(func.max(holder.c.from_day))
        .where(holder.c.stall_id == stall_holder.c.stall_id, holder.c.from_day <= last_day)
        .scalar_subquery()
    )
    held = select(stall_holder.c.stall_id).where(
        stall_holder.c.account_id.is_not(None), stall_holder.c.from_day == newest
    )
    signed = select(signed_meter_value.c.session_id).where(signed_meter_value.c.result == Result.VALID)
    rows = conn.execute(
        select(schema.stall.c.name, func.count().label("sessions"))
        .join(schema.session, session.stall_id == schema.stall.c.stall_id)
        .where(
            schema.stall.c.billable == 1,
            schema.stall.c.stall_id.not_in(held),
            session.ended_ms >= to_ms(begin),
            session.ended_ms < to_ms(end),
            session.energy_wh > 0,
            session.session_id.not_in(signed),
        )
        .group_by(schema.stall.c.stall_id, schema.stall.c.name)
        .order_by(schema.stall.c.name)
    )
    for row in rows:
        yield Finding(
            what=Reason(
                "Sessions at %(stall)s whose energy the meter did not sign: %(count)s.",
                {"stall": row.name, "count": row.sessions},
            ),
            do=Reason(
                "The law profile of the house wants meters that conform to calibration law where several people "
                "share a stall. Whether this one does is marked on it; ask who installed it."
            ),
        )


def _place(row: Row[*tuple[Any, ...]], building: BuildingRow) -> dict[str, object]:
    return {
        "stall": row.name,
        "start": local(row.start_ms, building),
        "end": local(row.end_ms, building),
        "wh": row.wh,
    }
