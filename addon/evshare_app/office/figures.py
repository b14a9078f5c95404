"""Figures in the office: energy and money by month, hour, resident and stall, as tables, charts and CSV.

The tables are the truth and are there without JavaScript; `figures.js` draws the charts from them.
"""

from collections.abc import Callable, Sequence
import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
import io

from aiohttp import web

from ..i18n import gettext_for
from ..model import Month
from ..money import Money
from ..statement.figures import Figures, MonthFigures, figures
from ..web.formats import Formats
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reading import months_known

_USUAL_MONTHS = 12
_MOST_MONTHS = 36


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A value of a table: for people, and as the CSV and the charts have it (None: there is none)."""

    text: str
    value: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart beside a table: columns of it, drawn as bars."""

    title: str
    columns: tuple[int, ...]
    """By their place behind the rows' names."""


@dataclass(frozen=True, kw_only=True)
class FigureTable:
    """A table of figures."""

    key: str
    title: str
    columns: tuple[str, ...]
    """Their names, that of the rows first."""
    rows: Sequence[tuple[str, tuple[Cell, ...]]]
    charts: tuple[Chart, ...] = ()


class FigurePages:
    """What happened, in numbers."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        page = "/office/figures"
        return (
            Route(method="GET", path=page, handler=self._show, access=Access.BOARD),
            Route(method="GET", path=f"{page}/{{table}}", handler=self._csv, access=Access.BOARD),
        )

    async def _show(self, request: web.Request) -> web.Response:
        found, first, last, known = await self._found(request)
        building = self._door.building(request)
        tables = self._tables(request, found)
        return self._door.page(
            request,
            "figures.html",
            here="figures",
            first=first,
            last=last,
            choice=sorted({*known, first, last}, reverse=True),
            by_month=tables[0],
            columns=(tables[2:], tables[1:2]),
            found=found,
            energy_wh=sum(one.energy_wh for one in found.months),
            net_minor=sum(one.net_minor for one in found.months),
            # Of months without a bill nobody knows what they cost.
            covering_minor=sum(one.net_minor for one in found.months if one.bills_minor is not None),
            bills_minor=sum(one.bills_minor or 0 for one in found.months),
            solar_wh=sum(one.solar_wh for one in found.months),
            told_wh=sum(one.told_wh for one in found.months),
            peak_w=max((one.peak_w for one in found.months), default=0),
            connected_s=sum(one.connected_s for one in found.months),
            stall_s=sum(one.stall_s for one in found.months),
            open_minor=sum(one.minor for one in found.open_amounts if one.minor > 0),
            currency=building.currency,
        )

    async def _csv(self, request: web.Request) -> web.Response:
        found, first, last, _ = await self._found(request)
        key = request.match_info["table"].removesuffix(".csv")
        table = next((one for one in self._tables(request, found) if one.key == key), None)
        if table is None:
            raise Refused(404)
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(table.columns)
        for name, cells in table.rows:
            writer.writerow([no_formula(name), *("" if one.value is None else f"{one.value:f}" for one in cells)])
        return web.Response(
            body=text.getvalue().encode("utf-8-sig"),
            content_type="text/csv",
            charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{key}-{first}-{last}.csv"'},
        )

    async def _found(self, request: web.Request) -> tuple[Figures, Month, Month, Sequence[Month]]:
        """Return the figures, the first and last month they are of, and the months to choose from."""
        zone, now = self._door.building(request).zone, self._parts.clock()
        here = Month.of(now, zone)
        known = await self._parts.books.read(lambda conn: months_known(conn, now, zone))
        last = min(_month(request.query.get("to", ""), here), here)
        usual = max(_back(last, _USUAL_MONTHS - 1), min(known[-1], last))
        first = min(_month(request.query.get("from", ""), usual), last)
        first = max(first, _back(last, _MOST_MONTHS - 1))
        return await self._parts.books.read(lambda conn: figures(conn, first, last)), first, last, known

    def _tables(self, request: web.Request, found: Figures) -> list[FigureTable]:
        view, currency = self._door.view(request), self._door.building(request).currency
        return tables(found, Formats(view.language, view.zone), currency, gettext_for(view.language))


def tables(found: Figures, formats: Formats, currency: str, say: Callable[[str], str]) -> list[FigureTable]:
    """Return the figures as tables in a language."""
    words = _Words(formats, currency, say)
    kwh, percent = say("kWh"), say("percent")
    money = currency
    return [
        FigureTable(
            key="months",
            title=say("By month"),
            columns=(
                say("Month"),
                kwh,
                f"{say('billed to no one')}, {kwh}",
                f"{say('billed')}, {money}",
                f"{say('of it energy')}, {money}",
                f"{say('utility bills')}, {money}",
                f"{say('bills covered')}, {percent}",
                f"{say('sun')}, {percent}",
                f"{say('peak of the stalls')}, kW",
                f"{say('peak of the building')}, kW",
                f"{say('stalls in use')}, {percent}",
            ),
            rows=[(formats.month_short(one.month), words.of_month(one)) for one in found.months],
            charts=(
                Chart(title=say("Billed, and the utility’s bills"), columns=(2, 4)),
                Chart(title=say("Energy charged"), columns=(0,)),
            ),
        ),
        FigureTable(
            key="hours",
            title=say("By hour of the day"),
            columns=(say("Hour"), kwh),
            rows=[(f"{hour}:00", (words.kwh(wh),)) for hour, wh in enumerate(found.hours_wh)],
            charts=(Chart(title=say("When energy was charged"), columns=(0,)),),
        ),
        FigureTable(
            key="residents",
            title=say("By resident"),
            columns=(say("Resident"), kwh, say("Sessions"), f"{say('without VAT')}, {money}"),
            rows=[
                (
                    one.name,
                    (
                        words.kwh(one.energy_wh),
                        Cell(text=formats.whole(one.sessions), value=Decimal(one.sessions)),
                        words.money(one.net_minor),
                    ),
                )
                for one in found.residents
            ],
            charts=(Chart(title=say("Energy by resident"), columns=(0,)),),
        ),
        FigureTable(
            key="stalls",
            title=say("By stall"),
            columns=(say("Stall"), kwh, say("hours in use")),
            rows=[
                (one.name, (words.kwh(one.energy_wh), words.number(Decimal(one.connected_s) / 3600, 1)))
                for one in found.stalls
            ],
            charts=(Chart(title=say("Energy by stall"), columns=(0,)),),
        ),
        FigureTable(
            key="open",
            title=say("Open now"),
            columns=(say("Account"), f"{say('open')}, {money}"),
            rows=[(one.name, (words.money(one.minor),)) for one in found.open_amounts],
        ),
    ]


@dataclass(frozen=True)
class _Words:
    """Writes values into cells."""

    formats: Formats
    currency: str
    say: Callable[[str], str]

    def of_month(self, one: MonthFigures) -> tuple[Cell, ...]:
        """Return a month's cells."""
        return (
            self.kwh(one.energy_wh),
            self.kwh(one.unattributed_wh),
            self.money(one.net_minor),
            self.money(one.energy_net_minor),
            _NONE if one.bills_minor is None else self.money(one.bills_minor),
            self.percent(one.net_minor, one.bills_minor or 0),
            self.percent(one.solar_wh, one.told_wh),
            self.number(Decimal(one.peak_w) / 1000, 1),
            _NONE if one.building_peak_w is None else self.number(Decimal(one.building_peak_w) / 1000, 1),
            self.percent(one.connected_s, one.stall_s),
        )

    def kwh(self, energy_wh: int) -> Cell:
        """Return energy."""
        return Cell(text=self.formats.kwh_number(energy_wh, 1), value=Decimal(energy_wh).scaleb(-3))

    def money(self, minor: int) -> Cell:
        """Return an amount."""
        amount = Money(minor, self.currency).to_decimal()
        return Cell(text=self.formats.money(minor, self.currency), value=amount)

    def percent(self, part: int, whole: int) -> Cell:
        """Return a part of a whole."""
        return self.number(Decimal(part) * 100 / whole, 1) if whole else _NONE

    def number(self, number: Decimal, digits: int) -> Cell:
        """Return a rounded number."""
        rounded = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        return Cell(text=self.formats.fixed(number, digits), value=rounded)


_NONE = Cell(text="–", value=None)


def _month(text: str, otherwise: Month) -> Month:
    try:
        return Month.parse(text)
    except ValueError:
        return otherwise


def _back(month: Month, by: int) -> Month:
    months = month.year * 12 + month.month - 1 - by
    return Month(months // 12, months % 12 + 1)


def no_formula(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
