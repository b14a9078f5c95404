"""The pages of guest passes, which portal and office have alike: the list, each pass, making, links, withdrawing.

A door says whose passes are seen, who may be a pass's host, and what has to be proved first.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import uuid4

from aiohttp import web
from markupsafe import Markup
import segno
from sqlalchemy import Connection, select

from ..books.building import BuildingRow
from ..books.engine import Books
from ..books.schema import stall as stall_table
from ..i18n import gettext_for, mark
from ..model import ResidentId
from ..resident.pass_making import TooManyPasses, Wanted, make_pass, renew_link, revoke_pass
from ..resident.passes import PassLine, PassSession, PassState, Payer, pass_line, pass_lines, pass_sessions
from ..resident.people import NoSuchResident
from ..resident.short_codes import CODE_LIFE, PASS, make_short_code
from ..tokens import TokenKey
from .answers import Said
from .compress import keep_plain
from .forms import Form, read_form
from .guest_form import DEFAULTS, LIMITS, read_pass_id
from .listener import Access, Refused, Route

PASS_STATES = {
    "valid": (mark("Valid"), "good"),
    "used_up": (mark("Used up"), "info"),
    "over": (mark("Run out"), "info"),
    "revoked": (mark("Withdrawn"), "bad"),
}
"""Text and tone of what a pass is good for."""
PAYERS = {Payer.HOST: mark("The host"), Payer.BUILDING: mark("The building, which is all owners together")}
"""Who pays for what is charged with a pass."""

_SAID = {
    "revoked": Said(mark("Withdrawn. Nobody starts with it any more; what is charging goes on."), "good"),
    "confirmed": Said(mark("Thank you. For five minutes you can make passes and show their links."), "good"),
    "over": Said(mark("This pass is over, so it has no link any more. Make a new one.")),
}
"""Answers by their name in the address."""


class AtStalls(Protocol):
    """What runs on passes at the stalls."""

    @property
    def understood(self) -> bool:
        """Whether the integration takes guests at all."""

    def running_wh(self) -> Mapping[str, int]:
        """Return what running sessions have used, by session."""

    def charging(self) -> Mapping[str, str]:
        """Return the stall, by id, at which each pass has a session."""

    async def call_off(self, pass_id: str) -> None:
        """End what a pass was let in for and nobody has plugged in to yet."""


class PassDoor(Protocol):
    """What the pages need of the door they belong to."""

    def page(self, request: web.Request, template: str, **context: object) -> web.Response:
        """Return a rendered page."""

    def building(self, request: web.Request) -> BuildingRow:
        """Return the building."""

    def language(self, request: web.Request) -> str:
        """Return the language of whoever looks."""


@dataclass(frozen=True, kw_only=True)
class PassParts:
    """What the pages work with."""

    books: Books
    key: TokenKey
    clock: Callable[[], datetime]
    at_stalls: AtStalls


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A pass that somebody wants made."""

    host: ResidentId
    wanted: Wanted
    by: str
    """As `make_pass` takes it."""


class PassPages(ABC):
    """The list of passes and each one's page."""

    path: ClassVar[str]
    """Address of the list."""
    here: ClassVar[str]
    """The part of the door the pages belong to."""
    look: ClassVar[Access]
    change: ClassVar[Access]

    def __init__(self, door: PassDoor, parts: PassParts) -> None:
        self._pages = door
        self._passes = parts

    # --- what a door says ------------------------------------------------------------------------------------------

    @abstractmethod
    def whose(self, request: web.Request) -> ResidentId | None:
        """Return whose passes are seen; None for all."""

    @abstractmethod
    async def offered(self, request: web.Request) -> dict[str, object]:
        """Return what the page of the list shows besides the passes: what a new one may be."""

    @abstractmethod
    async def read(self, request: web.Request, form: Form) -> Asked:
        """Return the pass a form asks for. Raises `BadInput` and `Refused`."""

    @abstractmethod
    def too_many(self, payer: Payer) -> str:
        """Return what is said where there are as many as may be; a message id that takes their number as ``most``."""

    @abstractmethod
    def may_link(self, line: PassLine) -> bool:
        """Whether they may make a new link of a pass."""

    @abstractmethod
    def portal_address(self, request: web.Request) -> tuple[str, bool]:
        """Return the portal's address as guests reach it, and whether it is a guess."""

    @abstractmethod
    def to(self, request: web.Request, address: str) -> web.Response:
        """Return the answer: look there."""

    async def unproven(self, request: web.Request) -> web.Response | None:
        """Return where somebody has to prove first who they are; None where nothing more is to be proved."""
        return None

    async def beside(self, request: web.Request, line: PassLine) -> dict[str, object]:
        """Return what the page of one pass shows besides it."""
        return {}

    # --- the pages -------------------------------------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one = f"{self.path}/{{id}}"
        return (
            Route(method="GET", path=self.path, handler=self._list, access=self.look),
            Route(method="POST", path=self.path, handler=self._make, access=self.change, form_on=self.path),
            Route(method="GET", path=one, handler=self._show, access=self.look),
            Route(method="POST", path=f"{one}/link", handler=self._link, access=self.change),
            Route(method="POST", path=f"{one}/revoke", handler=self._revoke, access=self.change),
        )

    async def _list(self, request: web.Request) -> web.Response:
        now, whose, at_stalls = self._passes.clock(), self.whose(request), self._passes.at_stalls
        lines = await self._passes.books.read(
            lambda conn: pass_lines(conn, now, at_stalls.running_wh(), resident_id=whose)
        )
        return self._pages.page(
            request,
            "guests.html",
            here=self.here,
            current=[line for line in lines if line.is_current],
            former=[line for line in lines if not line.is_current],
            states=PASS_STATES,
            charging=at_stalls.charging(),
            understood=at_stalls.understood,
            currency=self._pages.building(request).currency,
            limits=LIMITS,
            defaults=DEFAULTS,
            pass_id=uuid4().hex,
            said=self._said(request),
            **await self.offered(request),
        )

    async def _make(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        if (elsewhere := await self.unproven(request)) is not None:
            return elsewhere
        pass_id, asked, now = read_pass_id(form), await self.read(request, form), self._passes.clock()
        try:
            token = await self._passes.books.write(
                lambda conn: make_pass(conn, pass_id, asked.host, asked.wanted, asked.by, now)
            )
        except TooManyPasses as problem:
            say = gettext_for(self._pages.language(request))
            raise Refused(409, say(self.too_many(asked.wanted.payer)) % {"most": problem.most}) from None
        except NoSuchResident:
            raise Refused(404) from None
        if token is None:
            raise Refused(404)
        return await self._link_page(request, pass_id, token)

    async def _show(self, request: web.Request) -> web.Response:
        line = await self._line(request)
        pass_, at_stalls = line.pass_, self._passes.at_stalls

        def look(conn: Connection) -> tuple[list[PassSession], list[str]]:
            return pass_sessions(conn, pass_.pass_id), _stall_names(conn, pass_.stall_ids)

        sessions, places = await self._passes.books.read(look)
        return self._pages.page(
            request,
            "guest.html",
            here=self.here,
            line=line,
            pass_=pass_,
            payer=PAYERS[pass_.payer],
            currency=line.spent.cost.currency,
            state=PASS_STATES[line.state],
            charging=at_stalls.charging().get(pass_.pass_id),
            sessions=sessions,
            places=places,
            revocable=line.is_current,
            may_link=line.state is PassState.VALID and self.may_link(line),
            said=self._said(request),
            **await self.beside(request, line),
        )

    async def _link(self, request: web.Request) -> web.Response:
        line, now = await self._line(request), self._passes.clock()
        if not self.may_link(line):
            raise Refused(404)
        if (elsewhere := await self.unproven(request)) is not None:
            return elsewhere
        token = await self._passes.books.write(lambda conn: renew_link(conn, line.pass_.pass_id, now))
        if token is None:
            return self.to(request, f"{self.path}/{line.pass_.pass_id}?said=over")
        return await self._link_page(request, line.pass_.pass_id, token)

    async def _revoke(self, request: web.Request) -> web.Response:
        line, now = await self._line(request), self._passes.clock()
        pass_id = line.pass_.pass_id
        await self._passes.books.write(lambda conn: revoke_pass(conn, pass_id, now))
        await self._passes.at_stalls.call_off(pass_id)
        return self.to(request, f"{self.path}/{pass_id}?said=revoked")

    async def _link_page(self, request: web.Request, pass_id: str, token: str) -> web.Response:
        now, whose = self._passes.clock(), self.whose(request)

        def code_for(conn: Connection) -> tuple[str, PassLine | None]:
            code = make_short_code(conn, PASS, pass_id, self._passes.key, now)
            return code, pass_line(conn, pass_id, now, resident_id=whose)

        code, line = await self._passes.books.write(code_for)
        if line is None:
            raise Refused(404)
        address, guessed = self.portal_address(request)
        link = f"{address}/g#{token}"
        page = self._pages.page(
            request,
            "guest_made.html",
            here=self.here,
            line=line,
            link=link,
            qr=Markup(segno.make(link, micro=False).svg_inline(border=2, omitsize=True)),  # noqa: S704 - paths only
            code=f"{code[:4]}-{code[4:]}",
            code_until=now + CODE_LIFE,
            typed_at=address.partition("://")[2] + "/g",
            guessed=guessed,
        )
        # It shows what lets a phone in.
        return keep_plain(page)

    async def _line(self, request: web.Request) -> PassLine:
        now, whose, pass_id = self._passes.clock(), self.whose(request), request.match_info["id"]
        running_wh = self._passes.at_stalls.running_wh()
        line = await self._passes.books.read(lambda conn: pass_line(conn, pass_id, now, running_wh, resident_id=whose))
        if line is None:
            raise Refused(404)
        return line

    def _said(self, request: web.Request) -> Said | None:
        said = _SAID.get(request.query.get("said", ""))
        say = gettext_for(self._pages.language(request))
        return None if said is None else Said(say(said.text), said.tone)


def _stall_names(conn: Connection, stall_ids: Sequence[str] | None) -> list[str]:
    if stall_ids is None:
        return []
    rows = select(stall_table.c.name).where(stall_table.c.stall_id.in_(stall_ids)).order_by(stall_table.c.name)
    return list(conn.scalars(rows))
