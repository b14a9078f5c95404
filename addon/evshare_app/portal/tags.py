"""A resident's NFC card held to any phone: who holds it may start a car that was just plugged in, or stop their own.

The card says whose it is, not where it is read, so a start here is as good as the plug: only cars of the last minutes
are offered, and the integration judges. Whoever's phone it is learns nothing of the resident.
"""

from collections.abc import Mapping, Sequence

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..link.messages import LiveStall, rfc3339
from ..model import ResidentId, StallId
from ..resident.people import person
from ..resident.tags import CARD_TAP_LIFE, TagUsed, TagWrong, card_of, claim_card, take_card_tap
from ..web.answers import Said
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Route
from .door import PortalDoor, see_other
from .presence import PLUG_FRESH, is_tap
from .starting import ASK_LIFE, MODES, ask_house
from .words import SAID


class TagPages:
    """The page behind a resident's card."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts
        self._cookie = "__Host-evs_t" if self._parts.settings.portal_is_https else "evs_t"

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/t", handler=self._show, access=Access.ANYONE),
            Route(method="POST", path="/t/start", handler=self._start, access=Access.ANYONE),
            Route(method="POST", path="/t/stop", handler=self._stop, access=Access.ANYONE),
        )

    async def _show(self, request: web.Request) -> web.Response:
        self._door.building(request)
        if is_tap(request):
            return await self._tapped(request)
        card = await self._card(request)
        mine = None if card is None else self._parts.link.live.session_of(card[0])
        say = gettext_for(self._door.view(request).language)
        said = SAID.get(request.query.get("said", ""))
        return self._door.page(
            request,
            "card.html",
            known=card is not None,
            used=card is not None and card[1] is not None,
            mine=None if mine is None else mine[1].session_id,
            stalls=await self._fresh(request),
            connected=self._parts.link.live.connected,
            said=None if said is None else Said(say(said.text), said.tone),
        )

    async def _tapped(self, request: web.Request) -> web.Response:
        parts, keys, now = self._parts, self._parts.tags, self._parts.clock()
        e, c = request.query.get("e", ""), request.query.get("c", "")
        if keys is None:
            return see_other("/t?said=card_wrong")
        try:
            token = await parts.books.write(lambda conn: take_card_tap(conn, keys, e, c, token_key=parts.key, now=now))
        except TagUsed:
            return see_other("/t?said=tag_used")
        except TagWrong:
            return see_other("/t?said=card_wrong")
        answer = see_other("/t")
        answer.set_cookie(
            self._cookie,
            token,
            max_age=int(CARD_TAP_LIFE.total_seconds()),
            path="/",
            secure=parts.settings.portal_is_https,
            httponly=True,
            samesite="Strict",
        )
        return answer

    async def _start(self, request: web.Request) -> web.Response:
        form, now, token = await read_form(request), self._parts.clock(), request.cookies.get(self._cookie, "")
        mode, plug_epoch = form.choice("mode", MODES, default="fast"), form.text("plug_epoch", 12, default="")
        if not plug_epoch.isdecimal() or not plug_epoch.isascii():
            raise BadInput("plug_epoch", plug_epoch, "a whole number")
        if await self._card(request) is None:
            # Before a stall is looked at: where a car came is nobody's business, and its presses are for who may.
            return see_other("/t?said=card_over")
        fresh = {one["stall_id"]: one for one in await self._fresh(request)}
        stall_id = StallId(form.choice("stall", [str(known) for known in fresh], default=""))
        self._door.slow_down_stall(stall_id)

        def claim(conn: Connection) -> tuple[str, ResidentId, bool] | None:
            card = card_of(conn, token, self._parts.key, now)
            request_id = claim_card(conn, token, stall_id, self._parts.key, now)
            if card is None or request_id is None:
                return None
            whose = person(conn, card[0])
            return request_id, card[0], whose.blocked or whose.away(now)

        claimed = await self._parts.books.write(claim)
        if claimed is None:
            return see_other("/t?said=card_over")
        request_id, resident_id, blocked = claimed
        if blocked:
            return see_other("/t?said=blocked_resident")
        body = {
            "stall_id": stall_id,
            "resident_id": resident_id,
            "plug_epoch": int(plug_epoch),
            "mode": mode,
            "expires_at": rfc3339(now + ASK_LIFE),
        }
        return see_other(f"/t?said={await self._decide('start', body, request_id)}")

    async def _stop(self, request: web.Request) -> web.Response:
        await read_form(request)
        card = await self._card(request)
        if card is None:
            return see_other("/t?said=card_over")
        running = self._parts.link.live.session_of(card[0])
        if running is None:
            return see_other("/t?said=not_found")
        body = {"session_id": running[1].session_id, "by": "resident", "resident_id": card[0]}
        return see_other(f"/t?said={await self._decide('stop', body)}")

    async def _decide(self, what: str, body: Mapping[str, object], ask_id: str | None = None) -> str:
        return (await ask_house(self._parts.link, what, body, SAID, ask_id)).said

    async def _card(self, request: web.Request) -> tuple[ResidentId, str | None] | None:
        token, now = request.cookies.get(self._cookie, ""), self._parts.clock()
        if not token:
            return None
        return await self._parts.books.read(lambda conn: card_of(conn, token, self._parts.key, now))

    async def _fresh(self, request: web.Request) -> list[dict[str, str | int]]:
        """Return the stalls where a car was plugged in within the last minutes and nobody charges."""
        now = self._parts.clock()
        live = {one.stall_id: one for one in self._parts.link.live.stalls() if self._is_fresh(one)}
        names = select(stall_table.c.stall_id, stall_table.c.name).where(stall_table.c.removed_ms.is_(None))
        rows = await self._parts.books.read(lambda conn: conn.execute(names.order_by(stall_table.c.name)).all())
        say = gettext_for(self._door.view(request).language)
        found: list[dict[str, str | int]] = []
        for row in rows:
            one = live.get(row.stall_id)
            if one is None or one.plugged_at is None:
                continue
            minutes = int((now - one.plugged_at).total_seconds()) // 60
            ago = say("plugged in just now") if minutes < 1 else say("plugged in %s min ago") % minutes
            found.append({"stall_id": row.stall_id, "name": row.name, "plug_epoch": one.plug_epoch, "ago": ago})
        return found

    def _is_fresh(self, stall: LiveStall) -> bool:
        if not self._parts.link.live.connected or not stall.plugged or stall.session is not None:
            return False
        return stall.plugged_at is not None and self._parts.clock() - stall.plugged_at <= PLUG_FRESH
