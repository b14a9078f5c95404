"""A resident's own pages: home, statements and how they are paid."""

from collections.abc import Sequence
import logging

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..model import AccountId, Month
from ..payment.rail import PaymentError, PayState, RailUnavailable
from ..statement.remittance import epc_qr
from ..web.documents import html_document, pdf_document
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .notices import news_now
from .queue import queue_now
from .reading import (
    StatementLine,
    month_so_far,
    statement_html,
    statement_of,
    statement_pdf,
    statements_of,
)
from .words import NO_CONTACT, PAY_STATES, STATUSES

_LOGGER = logging.getLogger(__name__)


class OwnPages:
    """Home and statements."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine = Access.RESIDENT
        return (
            Route(method="GET", path="/", handler=self._home, access=Access.ANYONE),
            Route(method="GET", path="/statements", handler=self._statements, access=mine),
            Route(method="GET", path="/statements/{id}", handler=self._statement, access=mine),
            Route(method="GET", path="/statements/{id}/page", handler=self._statement_page, access=mine),
            Route(method="GET", path="/statements/{id}/pdf", handler=self._statement_pdf, access=mine),
            Route(method="POST", path="/statements/{id}/pay", handler=self._pay, access=mine),
        )

    async def _home(self, request: web.Request) -> web.Response:
        phone = self._door.maybe_phone(request)
        if phone is None and self._door.maybe_guest(request) is not None:
            return see_other("/g")
        if phone is None:
            return self._door.page(request, "stranger.html")
        building = self._door.building(request)
        now, live = self._parts.clock(), self._parts.link.live
        start, _ = Month.of(now, building.zone).bounds(building.zone)
        stalls, so_far, statements = await self._parts.books.read(
            lambda conn: (
                _stalls(conn),
                month_so_far(conn, phone.person.account_id, start),
                statements_of(conn, phone.person.account_id, now),
            )
        )
        lines = []
        for stall_id, name, code in stalls:
            seen = live.stall(stall_id) if live.connected else None
            text, tone = STATUSES.get(seen.status, NO_CONTACT) if seen else NO_CONTACT
            running = seen.session if seen else None
            mine = running if running is not None and running.resident_id == phone.person.resident_id else None
            free = seen is not None and seen.status == "available"
            lines.append({"name": name, "code": code, "text": text, "tone": tone, "mine": mine, "free": free})
        unpaid = [one for one in statements if one.standing.state is not PayState.PAID]
        return self._door.page(
            request,
            "home.html",
            here="home",
            name=phone.person.name,
            stalls=lines,
            free=sum(line["free"] is True for line in lines),
            so_far=so_far,
            month=Month.of(now, building.zone),
            currency=building.currency,
            unpaid=unpaid,
            open_minor=sum(one.standing.due.minor for one in unpaid),
            blocked=phone.person.blocked,
            news=await news_now(self._door, request, phone),
            queue=await queue_now(self._door, request, phone),
        )

    async def _statements(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        statements = await self._parts.books.read(lambda conn: statements_of(conn, phone.person.account_id, now))
        return self._door.page(request, "statements.html", here="statements", statements=statements, states=PAY_STATES)

    async def _statement(self, request: web.Request) -> web.Response:
        phone, building = self._door.phone(request), self._door.building(request)
        line = await self._mine(request, phone.person.account_id)
        qr = None
        if building.iban and building.payee and line.standing.due.minor:
            qr = epc_qr(building.payee, building.iban, line.standing.due, line.reference)
        return self._door.page(
            request,
            "statement.html",
            here="statements",
            line=line,
            state=PAY_STATES[line.standing.state],
            iban=_in_fours(building.iban or ""),
            payee=building.payee,
            # segno draws paths and numbers, no text of anyone's.
            qr=Markup(qr.svg_inline(border=2, omitsize=True)) if qr else None,  # noqa: S704
            cards=self._door.takes_cards(request),
            saved_card=phone.person.card_label if phone.person.rail == "stripe" else None,
            problem=self._problem(request),
        )

    async def _statement_page(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        html = await self._parts.books.read(
            lambda conn: statement_html(conn, phone.person.account_id, request.match_info["id"])
        )
        if html is None:
            raise Refused(404)
        return html_document(html)

    async def _statement_pdf(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        found = await self._parts.books.read(
            lambda conn: statement_pdf(conn, phone.person.account_id, request.match_info["id"])
        )
        if found is None:
            raise Refused(404)
        return pdf_document(found[0], found[1])

    async def _pay(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        line = await self._mine(request, phone.person.account_id)
        if self._parts.rail is None or not self._door.takes_cards(request):
            raise Refused(404)
        here = f"/statements/{line.statement_id}"
        try:
            page = await self._parts.rail.start_checkout(line.statement_id, self._door.address_of(request) + here)
        except RailUnavailable as problem:
            _LOGGER.warning("Paying a statement by card could not begin: %s", problem)
            return see_other(f"{here}?said=later")
        except PaymentError as problem:
            _LOGGER.info("Paying a statement by card was refused: %s", problem)
            return see_other(f"{here}?said=no")
        return see_other(page)

    async def _mine(self, request: web.Request, account_id: AccountId) -> StatementLine:
        now = self._parts.clock()
        line = await self._parts.books.read(lambda conn: statement_of(conn, account_id, request.match_info["id"], now))
        if line is None:
            raise Refused(404)
        return line

    def _problem(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "later": say("The card payment page cannot be reached right now. Please try again in a few minutes."),
            "no": say("This statement cannot be paid by card right now: it is paid, or a payment is on its way."),
        }.get(request.query.get("said", ""), "")


def _stalls(conn: Connection) -> list[tuple[str, str, str]]:
    rows = conn.execute(select(stall_table).where(stall_table.c.removed_ms.is_(None)).order_by(stall_table.c.name))
    return [(row.stall_id, row.name, row.qr_code) for row in rows]


def _in_fours(iban: str) -> str:
    compact = iban.replace(" ", "")
    return " ".join(compact[place : place + 4] for place in range(0, len(compact), 4))
