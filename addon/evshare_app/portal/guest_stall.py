"""A stall's page for guests: how it is, what their pass leaves, what it costs; start, watch and stop their own session.

A guest's start is asked for in the host's name with the pass beside it; which stalls, how much energy and whether at
all the integration decides. A stop names the session that runs on the pass, whatever the form says: in the host's name
anything of the host could be stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiohttp import web
from sqlalchemy import Connection

from ..i18n import gettext_for
from ..link.guests import is_of_pass, stall_of_pass
from ..link.messages import LiveStall, rfc3339
from ..model import from_ms
from ..resident.guest_phones import Guest
from ..resident.guest_starts import GuestClaim, answer_guest_start, claim_guest_start
from ..resident.holds import kept_for
from ..resident.intents import IntentInvalid
from ..resident.passes import Left, PassState, Payer, stalls_for, standing
from ..resident.people import person
from ..tariff.running import running_cost
from ..web.formats import Formats
from ..web.forms import read_form
from ..web.listener import Access, Route
from .guest_view import GuestLooking, stall_for_guest
from .guest_words import GUEST_SAID
from .stall_page import StallPage, StallRow
from .stall_view import StallNow
from .starting import ASK_LIFE, StartForm, ask_house, read_start


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """What the books say of a guest at a stall."""

    state: PassState
    left: Left
    may_here: bool
    holder: str | None
    kept: bool
    host_may: bool


class GuestStall(StallPage):
    """The stall page of guests."""

    address = "/s/{code}/guest"
    answers = GUEST_SAID

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        here, guest = self.address, Access.GUEST
        return (
            Route(method="GET", path=here, handler=self._show, access=guest),
            Route(method="GET", path=f"{here}/live", handler=self._live, access=guest),
            Route(method="POST", path=f"{here}/start", handler=self._start, access=guest),
            Route(method="POST", path=f"{here}/stop", handler=self._stop, access=guest),
        )

    async def _show(self, request: web.Request) -> web.Response:
        guest, stall = self._door.guest(request), await self.find(request)
        facts = await self.facts(request, stall, host_id=guest.pass_.resident_id)
        now, stands = await self._now(request, guest, stall)
        most_wh = stands.left.wh
        within = tuple(one for one in facts.expected if most_wh is None or one.energy_wh <= most_wh)
        return self._door.page(
            request,
            "guest_stall.html",
            now=now,
            pass_=guest.pass_,
            left=stands.left,
            valid=stands.state is PassState.VALID,
            intent=await self.intent(guest, stall, facts) if now.kind == "ready" else "",
            **self.shown(request, stall, replace(facts, expected=within)),
        )

    async def _live(self, request: web.Request) -> web.Response:
        now, _ = await self._now(request, self._door.guest(request), await self.find(request))
        return web.json_response({"state": now.state, "values": now.values})

    async def _start(self, request: web.Request) -> web.Response:
        guest, stall, form = self._door.guest(request), await self.find(request), await read_form(request)
        self._door.slow_down_stall(stall.stall_id)
        wanted = read_start(form)
        if self._parts.link.live.waiting:
            # What was charged with this pass meanwhile is not all in the books yet.
            return self.back(stall, "no_answer")
        try:
            claim = await self._claim(guest, stall, wanted)
        except IntentInvalid:
            return self.decided(stall, "page_too_old")
        if claim.said is not None:
            return self.decided(stall, claim.said)
        pass_, request_id = guest.pass_, wanted.request_id
        said = await self.not_as_shown(request, stall, form, claim.claim, pass_.resident_id)
        if said:
            await self._parts.books.write(lambda conn: answer_guest_start(conn, guest, request_id, said))
            return self.decided(stall, said)
        body = {
            "stall_id": stall.stall_id,
            "resident_id": pass_.resident_id,
            "plug_epoch": claim.claim.plug_epoch,
            "mode": wanted.mode,
            "expires_at": rfc3339(min(claim.claim.expires, self._parts.clock() + ASK_LIFE)),
            "proof": None,
            "pass": {
                "pass_id": pass_.pass_id,
                "stall_ids": None if pass_.stall_ids is None else list(pass_.stall_ids),
                "cap_wh": claim.cap_wh,
                "expires_at": rfc3339(from_ms(pass_.expires_ms)),
                # The house only has to know whether it is the host's money.
                "payer": "host" if pass_.payer is Payer.HOST else "guest",
            },
        }
        answer = await ask_house(self._parts.link, "start", body, GUEST_SAID, request_id)
        if answer.said == "no_answer":
            # The same request is asked again, under the same id.
            return self.back(stall, answer.said)
        said = await self._parts.books.write(
            lambda conn: answer_guest_start(conn, guest, request_id, answer.said, answer.session_id)
        )
        if said == "revoked":
            begun = {"session_id": answer.session_id, "by": "resident", "resident_id": pass_.resident_id}
            await ask_house(self._parts.link, "stop", begun, GUEST_SAID)
            said = "pass_expired"
        return self.decided(stall, said)

    async def _claim(self, guest: Guest, stall: StallRow, wanted: StartForm) -> GuestClaim:
        at, busy = self._parts.clock(), stall_of_pass(self._parts.link.live, guest.pass_.pass_id) is not None
        return await self._parts.books.write(
            lambda conn: claim_guest_start(
                conn, guest, stall.stall_id, nonce=wanted.nonce, request_id=wanted.request_id, now=at, busy=busy
            )
        )

    async def _stop(self, request: web.Request) -> web.Response:
        guest, stall, form = self._door.guest(request), await self.find(request), await read_form(request)
        session_id = form.text("session", 64)
        seen = self._parts.link.live.stall(stall.stall_id)
        session = seen.session if seen is not None else None
        if session is None or not is_of_pass(session, guest.pass_.pass_id) or session.session_id != session_id:
            # Only theirs is asked for, so what others press does not keep them from it.
            return self.back(stall, "not_found")
        body = {"session_id": session_id, "by": "resident", "resident_id": guest.pass_.resident_id}
        return self.back(stall, (await ask_house(self._parts.link, "stop", body, GUEST_SAID)).said)

    async def _now(self, request: web.Request, guest: Guest, stall: StallRow) -> tuple[StallNow, _Standing]:
        view, live, at = self._door.view(request), self._parts.link.live, self._parts.clock()
        formats, seen = Formats(view.language, view.zone), live.stall(stall.stall_id)
        own = stall_of_pass(live, guest.pass_.pass_id)
        stands, cost = await self._parts.books.read(
            lambda conn: (self._standing(conn, guest, stall), self._cost(conn, own, formats))
        )
        looking = GuestLooking(
            pass_id=guest.pass_.pass_id,
            state=stands.state,
            may_here=stands.may_here,
            kept=stands.kept,
            kept_for_another=stands.holder is not None and not stands.kept,
            host_may=stands.host_may,
            elsewhere=await self.address_at(own) if own is not None and own.stall_id != stall.stall_id else None,
            understood=self._parts.link.version != 1,
            cost=cost,
            now=at,
            say=gettext_for(view.language),
            formats=formats,
            max_current_a=stall.max_current_a,
            phases=stall.phases,
        )
        now = stall_for_guest(seen, live.connected, looking)
        if now.kind == "ready":
            now = replace(now, together=await self.together(request, stall))
        return now, stands

    def _standing(self, conn: Connection, guest: Guest, stall: StallRow) -> _Standing:
        at = self._parts.clock()
        running_wh = {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}
        state, _, left = standing(conn, guest.pass_, at, running_wh)
        host, places = person(conn, guest.pass_.resident_id), stalls_for(conn, guest.pass_)
        holder = kept_for(conn, stall.stall_id, at)
        return _Standing(
            state=state,
            left=left,
            may_here=places is None or stall.stall_id in places,
            holder=holder,
            kept=holder == host.resident_id,
            host_may=host.here(at) and not host.away(at) and not host.blocked,
        )

    def _cost(self, conn: Connection, own: LiveStall | None, formats: Formats) -> str:
        """Return what the guest's session costs so far, wherever it runs."""
        if own is None or own.session is None:
            return "–"
        money = running_cost(conn, own.session.session_id, own.session.energy_wh, self._parts.clock())
        return formats.money(money.minor, money.currency) if money else "–"
