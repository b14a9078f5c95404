"""The sessions that are charged under a tariff version, newest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, func, select

from ..books.building import the_building
from ..books.schema import cdr, resident, session, stall
from ..i18n import mark
from ..money import Money
from ..web.forms import BadInput

PER_PAGE = 25
_MOST_PAGES = 100_000


@dataclass(frozen=True, kw_only=True)
class UsedBy:
    """A session that is charged under a version."""

    session_id: str
    resident: str
    stall: str
    at_ms: int
    """When it began; where it never did, when it was let in."""
    energy_wh: int
    cost: Money | None
    """What was rated, gross, less what was taken back; None while nothing is."""
    explained: bool
    """Whether there are steps to its price to show."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of them. Pages count from 1."""

    number: int
    pages: int
    sessions: Sequence[UsedBy]


def page_asked(request: web.Request) -> int:
    """Return the page that is asked for. Raises `BadInput`."""
    asked = request.query.get("page", "1")
    if not asked.isascii() or not asked.isdecimal() or len(asked) > 6 or not 1 <= int(asked) <= _MOST_PAGES:
        raise BadInput("page", asked[:20], mark("a page's number"))
    return int(asked)


def sessions_under(conn: Connection, version_id: str, number: int) -> Page:
    """Return a page of the sessions under a version; the last one for a number beyond it."""
    there_are = conn.scalar(select(func.count()).where(session.c.tariff_version == version_id)) or 0
    pages = max(1, -(-there_are // PER_PAGE))
    number = min(number, pages)
    at_ms = func.coalesce(session.c.started_ms, session.c.authorised_ms)
    cost = select(func.sum(cdr.c.gross_minor)).where(cdr.c.session_id == session.c.session_id).scalar_subquery()
    rows = conn.execute(
        select(
            session.c.session_id,
            session.c.started_ms,
            session.c.energy_wh,
            at_ms.label("at_ms"),
            cost.label("gross_minor"),
            resident.c.name.label("resident"),
            stall.c.name.label("stall"),
            stall.c.billable,
        )
        .join_from(session, resident, resident.c.resident_id == session.c.resident_id)
        .join(stall, stall.c.stall_id == session.c.stall_id)
        .where(session.c.tariff_version == version_id)
        .order_by(at_ms.desc(), session.c.session_id)
        .limit(PER_PAGE)
        .offset((number - 1) * PER_PAGE)
    )
    currency = the_building(conn).currency
    lines = [
        UsedBy(
            session_id=row.session_id,
            resident=row.resident,
            stall=row.stall,
            at_ms=row.at_ms,
            energy_wh=row.energy_wh,
            cost=None if row.gross_minor is None else Money(int(row.gross_minor), currency),
            explained=row.started_ms is not None and bool(row.billable),
        )
        for row in rows
    ]
    return Page(number=number, pages=pages, sessions=lines)
