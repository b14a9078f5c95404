"""The page behind a stall's QR code: how it is, what it costs, and [Start], [Stop] and the mode for residents.

A start carries the page's intent and request id. The intent is used up in the books before the house is asked, so a
start is decided once, and a repeated one gets the first one's answer. Presence, quota and everything physical is the
integration's to decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
import re
from uuid import uuid4
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..link.door import AskRefused, LinkDown
from ..link.messages import LiveStall, rfc3339
from ..model import StallId
from ..resident.devices import Device
from ..resident.holds import kept_for
from ..resident.intents import IntentInvalid, answer_intent, claim_intent, hold_intent
from ..resident.rules import rule_of
from ..tariff.running import running_cost
from ..tariff.text import price_line, tariff_lines
from ..web.formats import Formats
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .presence import confirming, is_tap, proof_of, stall_tapped
from .queue import idle_now, queue_now
from .queue_view import NO_QUEUE
from .stall_facts import Facts, stall_facts
from .stall_view import Looking, StallNow, stall_now
from .words import DIMENSIONS, SAID, Said

_LOGGER = logging.getLogger(__name__)

_ASK_LIFE = timedelta(seconds=60)
"""How long the house may take to begin with a start; a later one would surprise the person."""
_REQUEST_ID = re.compile(r"[0-9a-f-]{32,36}")
_MODES = ("fast", "solar_only")


@dataclass(frozen=True, kw_only=True)
class StallRow:
    """A stall as its page names it."""

    stall_id: StallId
    name: str
    code: str
    max_current_a: int
    phases: int


class StallPages:
    """The stall page and what can be done on it."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/s/{code}", handler=self._show, access=Access.ANYONE),
            Route(method="GET", path="/s/{code}/live", handler=self._live, access=Access.ANYONE),
            Route(method="POST", path="/s/{code}/start", handler=self._start, access=Access.RESIDENT),
            Route(method="POST", path="/s/{code}/stop", handler=self._stop, access=Access.RESIDENT),
            Route(method="POST", path="/s/{code}/mode", handler=self._mode, access=Access.RESIDENT),
        )

    async def _show(self, request: web.Request) -> web.Response:
        stall = await self._find(request)
        if is_tap(request):
            return self._back(stall, await stall_tapped(self._door, request, stall.stall_id))
        if self._door.maybe_guest(request) is not None:
            return see_other(f"/s/{stall.code}/guest")
        phone = self._door.maybe_phone(request)
        view = self._door.view(request)
        formats = Formats(view.language, view.zone)
        at = self._parts.clock()
        facts = await self._facts(stall, phone, view.zone, at)
        now = await self._now(request, stall)
        intent, offered = "", ""
        if phone is not None and now.kind == "ready":
            seen = self._parts.link.live.stall(stall.stall_id)
            refused = request.query.get("said") == "plug_too_old"
            offered = await confirming(self._door, request, phone, seen, refused=refused)
            plug_epoch = seen.plug_epoch if seen is not None and seen.plugged else None
            intent = await self._parts.books.write(
                lambda conn: hold_intent(
                    conn, phone, stall.stall_id, plug_epoch=plug_epoch, tariff_version=facts.version.version_id, now=at
                )
            )
        return self._door.page(
            request,
            "stall.html",
            stall=stall,
            now=now,
            said=self._said(request),
            facts=facts,
            currency=facts.version.tariff.currency,
            price=price_line(facts.price.components, facts.version.tariff.currency, formats.locale),
            then=price_line(facts.price.then, facts.version.tariff.currency, formats.locale),
            prices=tariff_lines(facts.version.tariff, formats.locale),
            dimensions=DIMENSIONS,
            intent=intent,
            confirming=offered,
            request_id=str(uuid4()),
        )

    async def _live(self, request: web.Request) -> web.Response:
        now = await self._now(request, await self._find(request))
        return web.json_response({"state": now.state, "values": now.values})

    async def _start(self, request: web.Request) -> web.Response:
        stall, phone, form = await self._asked(request)
        mode = form.choice("mode", _MODES)
        nonce = form.text("intent", 64)
        request_id = form.text("request_id", 36)
        if not _REQUEST_ID.fullmatch(request_id):
            raise BadInput("request_id", request_id, "a UUID")
        at = self._parts.clock()
        try:
            claim = await self._parts.books.write(
                lambda conn: claim_intent(conn, phone, stall.stall_id, nonce=nonce, request_id=request_id, now=at)
            )
        except IntentInvalid:
            return self._decided(stall, "page_too_old")
        if claim.answer is not None:
            return self._decided(stall, str(claim.answer["said"]))
        response = form.text("credential", 8000, default="")
        proof, is_proven = await proof_of(self._door, request, phone, stall.stall_id, response)
        if not is_proven:
            return self._decided(stall, "not_confirmed")
        body = {
            "stall_id": stall.stall_id,
            "resident_id": phone.person.resident_id,
            "plug_epoch": claim.plug_epoch,
            "mode": mode,
            "expires_at": rfc3339(min(claim.expires, at + _ASK_LIFE)),
            "proof": proof,
        }
        said = "blocked_resident" if phone.person.blocked else await self._decide("start", body, request_id)
        if said != "no_answer":
            # Without an answer the same request is asked again, under the same id.
            answer = {"said": said}
            await self._parts.books.write(lambda conn: answer_intent(conn, request_id, answer))
        return self._decided(stall, said)

    async def _stop(self, request: web.Request) -> web.Response:
        stall, phone, form = await self._asked(request)
        body = {"session_id": form.text("session", 64), "by": "resident", "resident_id": phone.person.resident_id}
        return self._back(stall, await self._decide("stop", body))

    async def _mode(self, request: web.Request) -> web.Response:
        stall, phone, form = await self._asked(request)
        body = {
            "session_id": form.text("session", 64),
            "resident_id": phone.person.resident_id,
            "mode": form.choice("mode", _MODES),
        }
        return self._back(stall, await self._decide("set_mode", body))

    async def _asked(self, request: web.Request) -> tuple[StallRow, Device, Form]:
        stall = await self._find(request)
        self._door.slow_down_stall(stall.stall_id)
        return stall, self._door.phone(request), await read_form(request)

    async def _decide(self, what: str, body: Mapping[str, object], ask_id: str | None = None) -> str:
        try:
            await self._parts.link.ask(what, body, ask_id=ask_id)
        except AskRefused as refusal:
            # Somebody else's session is answered like one that is not there.
            code = "not_found" if what != "start" and refusal.code == "not_allowed" else refusal.code
            return code if code in SAID else "refused"
        except LinkDown:
            return "no_answer"
        return {"start": "started", "stop": "stopped", "set_mode": "mode"}[what]

    def _decided(self, stall: StallRow, said: str) -> web.Response:
        if said != "started":
            _LOGGER.info("A start at %s was refused: %s", stall.name, said)
        return self._back(stall, said)

    @staticmethod
    def _back(stall: StallRow, said: str) -> web.Response:
        return see_other(f"/s/{stall.code}?said={said}")

    def _said(self, request: web.Request) -> Said | None:
        said = SAID.get(request.query.get("said", ""))
        say = gettext_for(self._door.view(request).language)
        return None if said is None else Said(say(said.text), said.tone)

    async def _facts(self, stall: StallRow, phone: Device | None, zone: ZoneInfo, at: datetime) -> Facts:
        others_a = [
            one.offered_a
            for one in self._parts.link.live.stalls()
            if one.session is not None and one.stall_id != stall.stall_id
        ]
        return await self._parts.books.read(
            lambda conn: stall_facts(
                conn,
                max_current_a=stall.max_current_a,
                phases=stall.phases,
                others_a=others_a,
                running_wh={one.session_id: one.energy_wh for one in self._parts.link.live.sessions()},
                resident_id=phone.person.resident_id if phone else None,
                zone=zone,
                now=at,
            )
        )

    async def _now(self, request: web.Request, stall: StallRow) -> StallNow:
        phone, view = self._door.maybe_phone(request), self._door.view(request)
        live, at, formats = self._parts.link.live, self._parts.clock(), Formats(view.language, view.zone)
        seen = live.stall(stall.stall_id)
        cost, elsewhere, may_here, queue, idle = "–", None, True, NO_QUEUE, None
        kept_for_another = False
        if phone is not None:
            queue = await queue_now(self._door, request, phone, at=stall.code)
            idle = await idle_now(self._door, request, phone, seen)
            me = phone.person.resident_id
            rule, holder = await self._parts.books.read(
                lambda conn: (rule_of(conn, me), kept_for(conn, stall.stall_id, at))
            )
            kept_for_another = holder not in (None, me)
            may_here = rule.stall_ids is None or stall.stall_id in rule.stall_ids
            running = seen.session if seen is not None else None
            if running is not None and running.resident_id == me:
                money = await self._parts.books.read(
                    lambda conn: running_cost(conn, running.session_id, running.energy_wh, at)
                )
                cost = formats.money(money.minor, money.currency) if money else cost
            others = [one for one in live.stalls() if one is not seen and _own(one, me)]
            if len(others) >= rule.sessions:
                elsewhere = await self._address_of(others[0])
        looking = Looking(
            resident_id=phone.person.resident_id if phone else None,
            blocked=phone.person.blocked if phone else False,
            elsewhere=elsewhere,
            cost=cost,
            now=at,
            say=gettext_for(view.language),
            formats=formats,
            max_current_a=stall.max_current_a,
            phases=stall.phases,
            may_here=may_here,
            kept=queue.kind == "offered" and queue.stall_id == stall.stall_id,
            kept_for_another=kept_for_another,
        )
        now = stall_now(seen, live.connected, looking)
        values = now.values | ({"idle": idle.minutes} if idle else {})
        return replace(now, queue=queue, idle=idle, values=values)

    async def _address_of(self, seen: LiveStall) -> str | None:
        code = select(stall_table.c.qr_code).where(stall_table.c.stall_id == seen.stall_id)
        found = await self._parts.books.read(lambda conn: conn.scalar(code))
        return f"/s/{found}" if found else None

    async def _find(self, request: web.Request) -> StallRow:
        code = request.match_info["code"].upper()
        found = await self._parts.books.read(lambda conn: stall_by_code(conn, code))
        if found is None:
            raise Refused(404)
        return found


def stall_by_code(conn: Connection, code: str) -> StallRow | None:
    """Return the stall of a QR code, if there is one."""
    row = conn.execute(
        select(stall_table).where(stall_table.c.qr_code == code, stall_table.c.removed_ms.is_(None))
    ).one_or_none()
    if row is None:
        return None
    return StallRow(
        stall_id=StallId(row.stall_id),
        name=row.name,
        code=row.qr_code,
        max_current_a=row.max_current_a,
        phases=row.phases,
    )


def _own(stall: LiveStall, resident_id: str) -> bool:
    """Whether a resident charges there themself; their guests have sessions of their own."""
    session = stall.session
    return session is not None and session.resident_id == resident_id and session.credential_kind != "pass"
