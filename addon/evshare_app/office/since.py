"""From which day something in the office holds: it must not reach into a month that is closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from ..i18n import mark
from ..resident.plans import PlanError, open_since
from ..statement.bills import BillError
from ..statement.costs import CostError
from ..statement.house_rules import RuleError
from ..web.forms import BadInput, read_form
from .door import OfficeDoor
from .fields import local_day


async def first_open_day(door: OfficeDoor, request: web.Request) -> date:
    """Return the first day of the first month that is not closed."""
    opened = await door.parts.books.read(open_since)
    return opened.astimezone(door.building(request).zone).date()


async def read_since(door: OfficeDoor, request: web.Request, name: str = "since") -> date:
    """Return a form's day from which something holds; today where it is empty. Raises `BadInput` for a closed month."""
    day = local_day(await read_form(request), name) or today(door, request)
    earliest = await first_open_day(door, request)
    if day < earliest:
        accepted = mark("%(day)s or later: the months before are closed")
        raise BadInput(name, day.isoformat(), accepted, day=earliest.isoformat())
    return day


def today(door: OfficeDoor, request: web.Request) -> date:
    """Return the building's present day."""
    return door.parts.clock().astimezone(door.building(request).zone).date()


def begin_of(day: date, zone: ZoneInfo) -> datetime:
    """Return a local day's first instant."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@contextmanager
def named_fields(**fields: str) -> Iterator[None]:
    """Let an error of the books, ``field: got …, accepted …``, be said beside the form's field.

    `fields` are the form's names where they are others than the books'.
    """
    try:
        yield
    except (PlanError, CostError, RuleError, BillError) as error:
        field, _, rest = str(error).partition(": ")
        raise BadInput(fields.get(field, field), rest, mark("something else (%(problem)s)"), problem=rest) from None
