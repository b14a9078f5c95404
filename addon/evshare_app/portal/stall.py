"""The page behind a stall's QR code: how it is, what it costs, and [Start], [Stop] and the mode for residents.

A start carries the page's intent and request id. The intent is used up in the books before the house is asked, so a
start is decided once, and a repeated one gets the first one's answer. Presence, quota and everything physical is the
integration's to decide.
"""

from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from ..i18n import gettext_for
from ..link.messages import LiveStall, rfc3339
from ..resident.devices import Device
from ..resident.holds import kept_for
from ..resident.intents import IntentInvalid, answer_intent, claim_intent
from ..resident.rules import rule_of
from ..tariff.running import running_cost
from ..web.formats import Formats
from ..web.forms import Form, read_form
from ..web.listener import Access, Route
from .door import see_other
from .presence import confirming, is_tap, proof_of, stall_tapped
from .queue import idle_now, queue_at
from .queue_view import NO_QUEUE
from .stall_page import StallPage, StallRow
from .stall_view import Looking, StallNow, stall_now
from .starting import ASK_LIFE, MODES, ask_house, read_start
from .words import SAID


class StallPages(StallPage):
    """The stall page and what can be done on it."""

    answers = SAID

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        here, mine = self.address, Access.RESIDENT
        return (
            Route(method="GET", path=here, handler=self._show, access=Access.ANYONE),
            Route(method="GET", path=f"{here}/live", handler=self._live, access=Access.ANYONE),
            Route(method="POST", path=f"{here}/start", handler=self._start, access=mine),
            Route(method="POST", path=f"{here}/stop", handler=self._stop, access=mine),
            Route(method="POST", path=f"{here}/mode", handler=self._mode, access=mine),
        )

    async def _show(self, request: web.Request) -> web.Response:
        stall = await self.find(request)
        if is_tap(request):
            return self.back(stall, await stall_tapped(self._door, request, stall.stall_id))
        if self._door.maybe_guest(request) is not None:
            return see_other(f"/s/{stall.code}/guest")
        phone = self._door.maybe_phone(request)
        facts = await self.facts(request, stall, phone.person.resident_id if phone else None)
        now = await self._now(request, stall)
        intent, offered = "", ""
        if phone is not None and now.kind == "ready":
            seen = self._parts.link.live.stall(stall.stall_id)
            refused = request.query.get("said") == "plug_too_old"
            offered = await confirming(self._door, request, phone, seen, refused=refused)
            intent = await self.intent(phone, stall, facts)
        return self._door.page(
            request, "stall.html", now=now, intent=intent, confirming=offered, **self.shown(request, stall, facts)
        )

    async def _live(self, request: web.Request) -> web.Response:
        now = await self._now(request, await self.find(request))
        return web.json_response({"state": now.state, "values": now.values})

    async def _start(self, request: web.Request) -> web.Response:
        stall, phone, form = await self._asked(request)
        self._door.slow_down_stall(stall.stall_id)
        wanted, at = read_start(form), self._parts.clock()
        nonce, request_id = wanted.nonce, wanted.request_id
        try:
            claim = await self._parts.books.write(
                lambda conn: claim_intent(conn, phone, stall.stall_id, nonce=nonce, request_id=request_id, now=at)
            )
        except IntentInvalid:
            return self.decided(stall, "page_too_old")
        if claim.answer is not None:
            return self.decided(stall, str(claim.answer["said"]))
        response = form.text("credential", 8000, default="")
        proof, is_proven = await proof_of(self._door, request, phone, stall.stall_id, response)
        if not is_proven:
            return self.decided(stall, "not_confirmed")
        body = {
            "stall_id": stall.stall_id,
            "resident_id": phone.person.resident_id,
            "plug_epoch": claim.plug_epoch,
            "mode": wanted.mode,
            "expires_at": rfc3339(min(claim.expires, at + ASK_LIFE)),
            "proof": proof,
        }
        said = await self.not_as_shown(request, stall, form, claim, phone.person.resident_id)
        if phone.person.blocked:
            said = "blocked_resident"
        if not said:
            said = (await ask_house(self._parts.link, "start", body, SAID, request_id)).said
        if said != "no_answer":
            # Without an answer the same request is asked again, under the same id.
            await self._parts.books.write(lambda conn: answer_intent(conn, phone, request_id, {"said": said}))
        return self.decided(stall, said)

    async def _stop(self, request: web.Request) -> web.Response:
        stall, phone, form = await self._asked(request)
        self._slow_down_others(stall, phone)
        body = {"session_id": form.text("session", 64), "by": "resident", "resident_id": phone.person.resident_id}
        return self.back(stall, (await ask_house(self._parts.link, "stop", body, SAID)).said)

    async def _mode(self, request: web.Request) -> web.Response:
        stall, phone, form = await self._asked(request)
        self._slow_down_others(stall, phone)
        body = {
            "session_id": form.text("session", 64),
            "resident_id": phone.person.resident_id,
            "mode": form.choice("mode", MODES),
        }
        return self.back(stall, (await ask_house(self._parts.link, "set_mode", body, SAID)).said)

    async def _asked(self, request: web.Request) -> tuple[StallRow, Device, Form]:
        return await self.find(request), self._door.phone(request), await read_form(request)

    def _slow_down_others(self, stall: StallRow, phone: Device) -> None:
        """Bound what is asked of a stall by those who have no session there: they must not keep its owner from it."""
        seen = self._parts.link.live.stall(stall.stall_id)
        if seen is None or seen.session is None or seen.session.resident_id != phone.person.resident_id:
            self._door.slow_down_stall(stall.stall_id)

    async def _now(self, request: web.Request, stall: StallRow) -> StallNow:
        phone, view = self._door.maybe_phone(request), self._door.view(request)
        live, at, formats = self._parts.link.live, self._parts.clock(), Formats(view.language, view.zone)
        seen = live.stall(stall.stall_id)
        cost, elsewhere, may_here, queue, idle = "–", None, True, NO_QUEUE, None
        kept_for_another = False
        if phone is not None:
            queue = await queue_at(self._door, request, phone, stall.code, seen)
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
                elsewhere = await self.address_at(others[0])
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
        if now.kind == "ready":
            now = replace(now, together=await self.together(request, stall))
        values = now.values | ({"idle": idle.minutes} if idle else {})
        return replace(now, queue=queue, idle=idle, values=values)


def _own(stall: LiveStall, resident_id: str) -> bool:
    """Whether a resident charges there themself; their guests have sessions of their own."""
    session = stall.session
    return session is not None and session.resident_id == resident_id and session.credential_kind != "pass"
