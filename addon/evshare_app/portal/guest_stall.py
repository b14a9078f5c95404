"""A stall's page for guests: how it is, what their pass leaves, what it costs; start, watch and stop their own session.

A guest's start is asked for in the host's name with the pass beside it; which stalls, how much energy and whether at
all the integration decides. A stop names the session that runs on the pass, whatever the form says: in the host's name
anything of the host could be stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
import logging
import re
from uuid import uuid4

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..link.door import AskRefused, LinkDown
from ..link.guests import is_of_pass, stall_of_pass
from ..link.messages import rfc3339
from ..model import StallId, from_ms
from ..resident.guest_phones import Guest
from ..resident.guest_starts import answer_guest_start, claim_guest_start, hold_guest_intent
from ..resident.holds import kept_for
from ..resident.intents import IntentInvalid
from ..resident.passes import Left, PassState, stalls_for, standing
from ..resident.people import person
from ..tariff.running import running_cost
from ..tariff.text import price_line, tariff_lines
from ..web.formats import Formats
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .guest_view import GuestLooking, stall_for_guest
from .guest_words import GUEST_SAID
from .stall import StallRow, stall_by_code
from .stall_facts import Facts, stall_facts
from .stall_view import StallNow
from .words import DIMENSIONS, Said

_LOGGER = logging.getLogger(__name__)

_ASK_LIFE = timedelta(seconds=60)
_REQUEST_ID = re.compile(r"[0-9a-f-]{32,36}")
_MODES = ("fast", "solar_only")


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """What the books say of a guest at a stall."""

    state: PassState
    left: Left
    may_here: bool
    holder: str | None
    kept: bool
    host_may: bool


class GuestStall:
    """The stall page of guests."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        here, guest = "/s/{code}/guest", Access.GUEST
        return (
            Route(method="GET", path=here, handler=self._show, access=guest),
            Route(method="GET", path=f"{here}/live", handler=self._live, access=guest),
            Route(method="POST", path=f"{here}/start", handler=self._start, access=guest),
            Route(method="POST", path=f"{here}/stop", handler=self._stop, access=guest),
        )

    async def _show(self, request: web.Request) -> web.Response:
        guest, stall = self._door.guest(request), await self._find(request)
        view, at = self._door.view(request), self._parts.clock()
        formats = Formats(view.language, view.zone)
        facts = await self._facts(request, stall)
        now, stands = await self._now(request, guest, stall)
        most_wh = stands.left.wh
        within = tuple(one for one in facts.expected if most_wh is None or one.energy_wh <= most_wh)
        intent = ""
        if now.kind == "ready":
            seen = self._parts.link.live.stall(stall.stall_id)
            plug_epoch = seen.plug_epoch if seen is not None and seen.plugged else None
            version = facts.version.version_id
            intent = await self._parts.books.write(
                lambda conn: hold_guest_intent(
                    conn, guest, stall.stall_id, plug_epoch=plug_epoch, tariff_version=version, now=at
                )
            )
        currency, say = facts.version.tariff.currency, gettext_for(view.language)
        said = GUEST_SAID.get(request.query.get("said", ""))
        return self._door.page(
            request,
            "guest_stall.html",
            stall=stall,
            now=now,
            said=None if said is None else Said(say(said.text), said.tone),
            pass_=guest.pass_,
            left=stands.left,
            valid=stands.state is PassState.VALID,
            facts=replace(facts, expected=within),
            currency=currency,
            price=price_line(facts.price.components, currency, formats.locale),
            then=price_line(facts.price.then, currency, formats.locale),
            prices=tariff_lines(facts.version.tariff, formats.locale),
            dimensions=DIMENSIONS,
            intent=intent,
            request_id=str(uuid4()),
        )

    async def _live(self, request: web.Request) -> web.Response:
        now, _ = await self._now(request, self._door.guest(request), await self._find(request))
        return web.json_response({"state": now.state, "values": now.values})

    async def _start(self, request: web.Request) -> web.Response:
        guest, stall, form = self._door.guest(request), await self._find(request), await read_form(request)
        self._door.slow_down_stall(stall.stall_id)
        mode, nonce, request_id = form.choice("mode", _MODES), form.text("intent", 64), form.text("request_id", 36)
        if not _REQUEST_ID.fullmatch(request_id):
            raise BadInput("request_id", request_id, "a UUID")
        if self._parts.link.live.waiting:
            # What was charged with this pass meanwhile is not all in the books yet.
            return self._back(stall, "no_answer")
        at = self._parts.clock()
        busy = stall_of_pass(self._parts.link.live, guest.pass_.pass_id) is not None
        try:
            claim = await self._parts.books.write(
                lambda conn: claim_guest_start(
                    conn, guest, stall.stall_id, nonce=nonce, request_id=request_id, now=at, busy=busy
                )
            )
        except IntentInvalid:
            return self._decided(stall, "page_too_old")
        if claim.said is not None:
            return self._decided(stall, claim.said)
        pass_ = guest.pass_
        body = {
            "stall_id": stall.stall_id,
            "resident_id": pass_.resident_id,
            "plug_epoch": claim.plug_epoch,
            "mode": mode,
            "expires_at": rfc3339(min(claim.expires, at + _ASK_LIFE)),
            "proof": None,
            "pass": {
                "pass_id": pass_.pass_id,
                "stall_ids": None if pass_.stall_ids is None else list(pass_.stall_ids),
                "cap_wh": claim.cap_wh,
                "expires_at": rfc3339(from_ms(pass_.expires_ms)),
                "payer": pass_.payer,
            },
        }
        said, session_id = await self._decide("start", body, request_id)
        if said == "no_answer":
            # The same request is asked again, under the same id.
            return self._back(stall, said)
        said = await self._parts.books.write(lambda conn: answer_guest_start(conn, request_id, said, session_id))
        if said == "revoked":
            await self._decide("stop", {"session_id": session_id, "by": "resident", "resident_id": pass_.resident_id})
            said = "pass_expired"
        return self._decided(stall, said)

    async def _stop(self, request: web.Request) -> web.Response:
        guest, stall, form = self._door.guest(request), await self._find(request), await read_form(request)
        self._door.slow_down_stall(stall.stall_id)
        session_id = form.text("session", 64)
        seen = self._parts.link.live.stall(stall.stall_id)
        session = seen.session if seen is not None else None
        if session is None or not is_of_pass(session, guest.pass_.pass_id) or session.session_id != session_id:
            return self._back(stall, "not_found")
        body = {"session_id": session_id, "by": "resident", "resident_id": guest.pass_.resident_id}
        said, _ = await self._decide("stop", body)
        return self._back(stall, said)

    async def _decide(self, what: str, body: Mapping[str, object], ask_id: str | None = None) -> tuple[str, str]:
        """Ask the house; return what is said, and the id of the session that began."""
        try:
            result = await self._parts.link.ask(what, body, ask_id=ask_id)
        except AskRefused as refusal:
            return refusal.code if refusal.code in GUEST_SAID else "refused", ""
        except LinkDown:
            return "no_answer", ""
        return {"start": "started", "stop": "stopped"}[what], str(result.get("session_id", ""))

    def _decided(self, stall: StallRow, said: str) -> web.Response:
        if said != "started":
            _LOGGER.info("A guest's start at %s was refused: %s", stall.name, said)
        return self._back(stall, said)

    @staticmethod
    def _back(stall: StallRow, said: str) -> web.Response:
        return see_other(f"/s/{stall.code}/guest?said={said}")

    # --- what the page knows ---------------------------------------------------------------------------------------

    async def _now(self, request: web.Request, guest: Guest, stall: StallRow) -> tuple[StallNow, _Standing]:
        view, live, at = self._door.view(request), self._parts.link.live, self._parts.clock()
        formats, seen, own = (
            Formats(view.language, view.zone),
            live.stall(stall.stall_id),
            stall_of_pass(live, guest.pass_.pass_id),
        )
        running_wh = {one.session_id: one.energy_wh for one in live.sessions()}

        def look(conn: Connection) -> tuple[_Standing, str, str | None]:
            state, _, left = standing(conn, guest.pass_, at, running_wh)
            host, places = person(conn, guest.pass_.resident_id), stalls_for(conn, guest.pass_)
            stands = _Standing(
                state=state,
                left=left,
                may_here=places is None or stall.stall_id in places,
                holder=kept_for(conn, stall.stall_id, at),
                kept=kept_for(conn, stall.stall_id, at) == host.resident_id,
                host_may=host.here(at) and not host.away(at) and not host.blocked,
            )
            session = own.session if own is not None else None
            money = running_cost(conn, session.session_id, session.energy_wh, at) if session else None
            elsewhere = None if own is None or own.stall_id == stall.stall_id else _code(conn, own.stall_id)
            return stands, formats.money(money.minor, money.currency) if money else "–", elsewhere

        stands, cost, elsewhere = await self._parts.books.read(look)
        looking = GuestLooking(
            pass_id=guest.pass_.pass_id,
            state=stands.state,
            may_here=stands.may_here,
            kept=stands.kept,
            kept_for_another=stands.holder is not None and not stands.kept,
            host_may=stands.host_may,
            elsewhere=f"/s/{elsewhere}/guest" if elsewhere else None,
            understood=self._parts.link.version != 1,
            cost=cost,
            now=at,
            say=gettext_for(view.language),
            formats=formats,
            max_current_a=stall.max_current_a,
            phases=stall.phases,
        )
        return stall_for_guest(seen, live.connected, looking), stands

    async def _facts(self, request: web.Request, stall: StallRow) -> Facts:
        live, view, at = self._parts.link.live, self._door.view(request), self._parts.clock()
        others_a = [one.offered_a for one in live.stalls() if one.session and one.stall_id != stall.stall_id]
        return await self._parts.books.read(
            lambda conn: stall_facts(
                conn,
                max_current_a=stall.max_current_a,
                phases=stall.phases,
                others_a=others_a,
                running_wh={},
                resident_id=None,
                zone=view.zone,
                now=at,
            )
        )

    async def _find(self, request: web.Request) -> StallRow:
        code = request.match_info["code"].upper()
        found = await self._parts.books.read(lambda conn: stall_by_code(conn, code))
        if found is None:
            raise Refused(404)
        return found


def _code(conn: Connection, stall_id: str) -> str | None:
    return conn.scalar(select(stall_table.c.qr_code).where(stall_table.c.stall_id == StallId(stall_id)))
