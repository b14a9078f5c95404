"""A resident's past: their sessions by month, one session in full with its receipt, and why they were refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from ..model import Month, SessionId
from ..statement.receipt import receipt_of, render_receipt
from ..tariff.explain_text import paragraphs
from ..tariff.explained import explained_session, is_settled_later
from ..web.documents import pdf_document
from ..web.formats import Formats
from ..web.forms import BadInput
from ..web.listener import Access, Refused, Route
from .charts import HEIGHT, WIDTH, Stretch, bars, steps
from .disputes import questioned
from .door import PortalDoor
from .history import days_of, months_of, refusals_of, session_of, sessions_of
from .words import CREDENTIALS, DENIALS, DENIED_OTHERWISE, DIMENSIONS, MODES, STOPS

_MONTHS_SHOWN = 12
_REFUSALS_OF = timedelta(days=30)


class HistoryPages:
    """Sessions, receipts, refusals."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine = Access.RESIDENT
        return (
            Route(method="GET", path="/sessions", handler=self._sessions, access=mine),
            Route(method="GET", path="/sessions/{id}", handler=self._session, access=mine),
            Route(method="GET", path="/sessions/{id}/receipt", handler=self._receipt, access=mine),
            Route(method="GET", path="/sessions/{id}/price", handler=self._price, access=mine),
            Route(method="GET", path="/refusals", handler=self._refusals, access=mine),
        )

    async def _sessions(self, request: web.Request) -> web.Response:
        phone, building = self._door.phone(request), self._door.building(request)
        zone, now = building.zone, self._parts.clock()
        known = await self._parts.books.read(lambda conn: sessions_of(conn, phone.person.resident_id))
        # Of what runs the house knows more than the last quarter hour.
        running_wh = {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}
        lines = [
            replace(line, energy_wh=max(line.energy_wh, running_wh.get(line.session_id, 0)))
            if line.ended_ms is None
            else line
            for line in known
        ]
        months = months_of(lines, zone)
        chosen = _chosen(request) or (months[0].month if months else Month.of(now, zone))
        in_month = [line for line in lines if line.month(zone) == chosen]
        days = await self._parts.books.read(lambda conn: days_of(conn, in_month, chosen, zone))
        recent = list(reversed(months[:_MONTHS_SHOWN]))
        return self._door.page(
            request,
            "sessions.html",
            here="sessions",
            months=months,
            chosen=next((one for one in months if one.month == chosen), None),
            month=chosen,
            sessions=in_month,
            days=days,
            day_bars=bars(list(days.values())),
            recent=recent,
            month_bars=bars([one.energy_wh for one in recent]),
            frame=(WIDTH, HEIGHT),
            currency=building.currency,
        )

    async def _session(self, request: web.Request) -> web.Response:
        phone, building = self._door.phone(request), self._door.building(request)
        session_id = request.match_info["id"]
        found, settled_later = await self._parts.books.read(
            lambda conn: (session_of(conn, phone.person.resident_id, session_id), is_settled_later(conn, session_id))
        )
        if found is None:
            raise Refused(404)
        return self._door.page(
            request,
            "session.html",
            here="sessions",
            session=found,
            settled_later=settled_later,
            path=steps([Stretch(start=one.start, end=one.end, value=one.power_w) for one in found.cuts]),
            most_w=max((one.power_w for one in found.cuts), default=0),
            frame=(WIDTH, HEIGHT),
            dimensions=DIMENSIONS,
            credentials=CREDENTIALS,
            modes=MODES,
            stops=STOPS,
            currency=building.currency,
            questioned=await questioned(self._door, request, phone, found.line.session_id),
        )

    async def _receipt(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        resident_id, session_id = phone.person.resident_id, request.match_info["id"]
        language, portal_url = self._door.view(request).language, self._parts.settings.portal_url
        document = await self._parts.books.read(
            lambda conn: (
                receipt_of(conn, SessionId(session_id), language, now, portal_url=portal_url)
                if (found := session_of(conn, resident_id, session_id)) is not None and found.part is not None
                else None
            )
        )
        if document is None:
            raise Refused(404)
        day = document.session.start.astimezone(document.zone)
        return pdf_document(f"evshare-{day:%Y-%m-%d}-{session_id[:6]}", render_receipt(document))

    async def _price(self, request: web.Request) -> web.Response:
        phone, view = self._door.phone(request), self._door.view(request)
        resident_id, session_id = phone.person.resident_id, request.match_info["id"]
        told = await self._parts.books.read(
            lambda conn: (
                explained_session(conn, session_id)
                if (found := session_of(conn, resident_id, session_id)) is not None and not found.line.common
                else None
            )
        )
        if told is None:
            raise Refused(404)
        return self._door.page(
            request,
            "session_price.html",
            here="sessions",
            told=told,
            steps=paragraphs(told.explanation, Formats(view.language, view.zone).locale),
            currency=told.explanation.currency,
        )

    async def _refusals(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        refusals = await self._parts.books.read(
            lambda conn: refusals_of(conn, phone.person.resident_id, now - _REFUSALS_OF)
        )
        return self._door.page(
            request,
            "refusals.html",
            here="sessions",
            refusals=refusals,
            reasons=DENIALS,
            otherwise=DENIED_OTHERWISE,
            credentials=CREDENTIALS,
        )


def _chosen(request: web.Request) -> Month | None:
    asked = request.query.get("month", "")
    if not asked:
        return None
    try:
        return Month.parse(asked[:10])
    except ValueError:
        raise BadInput("month", asked, "a month such as 2026-07") from None
