"""Months in the office: what one comes to, closing it, and what became of its statements."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
import logging
from zoneinfo import ZoneInfo

from aiohttp import web
from babel import Locale
from babel.numbers import get_currency_precision

from ..closing import CHECKING, COLLECTING, FILES, STEPS
from ..formats import locale_for
from ..i18n import gettext_for, mark
from ..model import Month, StatementId
from ..payment.bank import record_transfer
from ..payment.rail import PaymentError
from ..statement.charge_text import charge_text
from ..statement.close import ISSUING, SIGNING, CloseRefused, close_of, preview_month
from ..statement.findings import DONE, Finding, findings
from ..statement.month_export import anyone_on_paper, as_json, documents_of, lines, service_charge
from ..statement.pdf import render_together
from ..statement.preview import AccountTotal
from ..web.documents import html_document, pdf_document
from ..web.forms import BadInput, read_form, sent_fields
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reading import StatementRow, months_known, statement_file, statement_row, statements_of_month
from .words import PAY_STATES

_LOGGER = logging.getLogger(__name__)
_YEARS = (2000, 3000)


class MonthPages:
    """Months, their close and their statements."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        manager, board, one = Access.MANAGER, Access.BOARD, "/office/statements/{id}"
        return (
            Route(method="GET", path="/office/month", handler=self._show, access=board),
            Route(method="GET", path="/office/month/{file}", handler=self._export, access=board),
            Route(method="POST", path="/office/month/close", handler=self._close, access=manager),
            Route(method="POST", path="/office/month/collect", handler=self._collect_open, access=manager),
            Route(method="GET", path=f"{one}/page", handler=self._statement_page, access=board),
            Route(method="GET", path=f"{one}/pdf", handler=self._statement_pdf, access=board),
            Route(
                method="POST",
                path=f"{one}/transfer",
                handler=self._transfer,
                access=manager,
                form_on="/office/month",
            ),
            Route(method="POST", path=f"{one}/collect", handler=self._collect, access=manager),
        )

    async def _show(self, request: web.Request) -> web.Response:
        building, now = self._door.building(request), self._parts.clock()
        months = await self._parts.books.read(lambda conn: months_known(conn, now, building.zone))
        # A form of this page that could not be used names the month it stood in.
        asked = dict(await sent_fields(request)).get("month")
        # The month people come for is the last one that is over.
        month = _month(asked) if asked else (months[1] if len(months) > 1 else months[0])
        preview, found, run, statements, on_paper = await self._parts.books.read(
            lambda conn: (
                preview_month(conn, month, now),
                findings(conn, month, now),
                close_of(conn, month),
                statements_of_month(conn, month, now),
                anyone_on_paper(conn, month),
            )
        )
        language = self._door.view(request).language
        say, locale = gettext_for(language), locale_for(language, building.zone)

        def charges(of: AccountTotal) -> list[tuple[str, int]]:
            return [
                (
                    charge_text(
                        one.kind, one.details, say, currency=preview.currency, locale=locale, zone=building.zone
                    ),
                    one.gross_minor,
                )
                for one in of.charges
            ]

        obstacles = [one for one in found if one.blocks] + (
            [Finding(what=preview.problem, blocks=True)] if preview.problem is not None else []
        )
        return self._door.page(
            request,
            "month.html",
            here="month",
            month=month,
            months=months if month in months else [month, *months],
            preview=preview,
            charges=charges,
            obstacles=[_said(one, say, locale) for one in obstacles],
            doubts=[_said(one, say, locale) for one in found if not one.blocks],
            run=run,
            steps=STEPS,
            step_names=STEP_NAMES,
            statements=statements,
            states=PAY_STATES,
            paid=sum(one.gross.minor - one.standing.due.minor for one in statements),
            due=sum(one.standing.due.minor for one in statements),
            today=now.astimezone(building.zone).date().isoformat(),
            cards=self._parts.rail is not None,
            on_paper=on_paper,
            said=self._said(request),
        )

    async def _close(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        month, seen = _month(form.text("month", 7)), form.text("seen", 64, default="")
        try:
            await self._parts.closing.approve(month, seen, self._door.manager(request).actor)
        except CloseRefused as refusal:
            language = self._door.view(request).language
            say, locale = gettext_for(language), locale_for(language, self._door.building(request).zone)
            raise Refused(409, " ".join(reason.text(say, locale) for reason in refusal.reasons)) from None
        return self._back(request, month, "closed")

    async def _export(self, request: web.Request) -> web.Response:
        month, name = _month(request.query.get("month", "")), request.match_info["file"]
        if name in ("print.pdf", "paper.pdf"):
            documents = await self._parts.books.read(
                lambda conn: list(documents_of(conn, month, on_paper=name == "paper.pdf"))
            )
            # Beside the loop: hundreds of pages take a while.
            content = await asyncio.to_thread(render_together, documents)
        elif name in _EXPORTS:
            content = await self._parts.books.read(lambda conn: _EXPORTS[name](conn, month))
        else:
            content = None
        if content is None:
            raise Refused(404)
        return web.Response(
            body=content,
            content_type={"csv": "text/csv", "json": "application/json", "pdf": "application/pdf"}[
                name[-4:].strip(".")
            ],
            headers={"Content-Disposition": f'attachment; filename="{month}-{name}"'},
        )

    async def _collect_open(self, request: web.Request) -> web.Response:
        month = _month((await read_form(request)).text("month", 7))
        if self._parts.rail is None:
            raise Refused(404)
        try:
            await self._parts.rail.collect_open()
        except PaymentError as problem:
            raise self._payment_problem(problem) from None
        return self._back(request, month, "collected")

    async def _statement_page(self, request: web.Request) -> web.Response:
        return html_document((await self._file(request))[1])

    async def _statement_pdf(self, request: web.Request) -> web.Response:
        number, _, pdf = await self._file(request)
        return pdf_document(number, pdf)

    async def _transfer(self, request: web.Request) -> web.Response:
        form, line, building = await read_form(request), await self._line(request), self._door.building(request)
        amount_minor = _amount_minor(form.text("amount", 20), line.gross.currency)
        day = _day(form.text("day", 10))
        # Without a number of the bank's, the same entry made twice has the same one.
        entry = form.text("entry", 200, default="") or f"{line.reference}/{day}/{amount_minor}"
        actor, now = self._door.manager(request).actor, self._parts.clock()
        try:
            await self._parts.books.write(
                lambda conn: record_transfer(
                    conn,
                    amount_minor=amount_minor,
                    currency=line.gross.currency,
                    external_id=entry,
                    at=_noon(day, building.zone, now),
                    actor=actor,
                    now=now,
                    statement_id=line.statement_id,
                )
            )
        except PaymentError as problem:
            raise Refused(409, str(problem)) from None
        return self._back(request, _month(form.text("month", 7)), "transfer")

    async def _collect(self, request: web.Request) -> web.Response:
        form, line = await read_form(request), await self._line(request)
        if self._parts.rail is None:
            raise Refused(404)
        try:
            await self._parts.rail.collect(line.statement_id)
        except PaymentError as problem:
            raise self._payment_problem(problem) from None
        return self._back(request, _month(form.text("month", 7)), "collected")

    async def _line(self, request: web.Request) -> StatementRow:
        statement_id, now = StatementId(request.match_info["id"]), self._parts.clock()
        line = await self._parts.books.read(lambda conn: statement_row(conn, statement_id, now))
        if line is None:
            raise Refused(404)
        return line

    async def _file(self, request: web.Request) -> tuple[str, str, bytes]:
        found = await self._parts.books.read(lambda conn: statement_file(conn, request.match_info["id"]))
        if found is None:
            raise Refused(404)
        return found

    def _back(self, request: web.Request, month: Month, said: str) -> web.Response:
        return self._door.see_other(request, f"/office/month?month={month}&said={said}")

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "closed": say("The month is closed, its statements are issued."),
            "transfer": say("The transfer is booked."),
            "collected": say("Collecting by card has begun. It shows here as soon as it is known."),
        }.get(request.query.get("said", ""), "")

    @staticmethod
    def _payment_problem(problem: PaymentError) -> Refused:
        _LOGGER.warning("Collecting by card was not done: %s", problem)
        return Refused(409, str(problem))


STEP_NAMES = {
    ISSUING: mark("Issuing the statements"),
    SIGNING: mark("Signing the ledger"),
    FILES: mark("Making pages and PDFs"),
    COLLECTING: mark("Collecting by card"),
    CHECKING: mark("Checking the books"),
    DONE: mark("Done"),
}
"""What a close does at each of its steps."""


_TYPES = {"csv": "text/csv", "json": "application/json", "pdf": "application/pdf"}
_EXPORTS = {"lines.csv": lines, "statements.json": as_json, "service-charge.csv": service_charge}


def _said(one: Finding, say: Callable[[str], str], locale: Locale) -> tuple[str, str]:
    """Say what was found, and what to do."""
    return one.what.text(say, locale), one.do.text(say, locale) if one.do is not None else ""


def _month(text: str) -> Month:
    try:
        month = Month.parse(text)
    except ValueError:
        month = Month(0, 0)
    if not _YEARS[0] <= month.year < _YEARS[1]:
        raise BadInput("month", text, "YYYY-MM")
    return month


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _YEARS[0] <= day.year < _YEARS[1]:
        raise BadInput("day", text, mark("a date such as 2026-07-01"))
    return day


def _noon(day: date, zone: ZoneInfo, now: datetime) -> datetime:
    """Return an instant on a local day that is not in the future."""
    return min(datetime.combine(day, time(12), tzinfo=zone).astimezone(UTC), now)


def _amount_minor(text: str, currency: str) -> int:
    digits = get_currency_precision(currency)
    accepted = mark("an amount above 0 with at most %(digits)s decimals, without grouping")
    try:
        amount = Decimal(text.replace(",", ".")).scaleb(digits)
    except InvalidOperation:
        raise BadInput("amount", text, accepted, digits=digits) from None
    if not amount.is_finite() or amount != amount.to_integral_value() or not 0 < amount < 10**12:
        raise BadInput("amount", text, accepted, digits=digits)
    return int(amount)
