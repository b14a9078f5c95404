"""A resident's guests: passes they made or answer for, what was charged with each, making and withdrawing them.

A pass gives energy at the resident's cost to whoever holds its link, so those who have a passkey confirm with it before
they make one, and before a link is shown again. What the building pays for is the manager's to hand out: whoever
answers for such a pass sees and withdraws it, and gets no link of it.
"""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for, mark
from ..link.guests import PassesAtStalls
from ..model import ResidentId
from ..resident.devices import Device
from ..resident.pass_making import MOST_VALID, valid_passes
from ..resident.passes import PassLine, Payer
from ..resident.rules import rule_of
from ..web.forms import Form
from ..web.guest_form import read_wanted
from ..web.guest_pages import Asked, PassPages, PassParts
from ..web.listener import Access, Refused
from .door import PortalDoor, see_other
from .passkeys import must_confirm


@dataclass(frozen=True, kw_only=True)
class _Stall:
    stall_id: str
    name: str


class GuestPages(PassPages):
    """A resident's guest passes."""

    path = "/guests"
    here = "home"
    look = change = Access.RESIDENT

    def __init__(self, door: PortalDoor) -> None:
        parts = door.parts
        at_stalls = PassesAtStalls(parts.link)
        super().__init__(door, PassParts(books=parts.books, key=parts.key, clock=parts.clock, at_stalls=at_stalls))
        self._door = door
        self._parts = parts

    def whose(self, request: web.Request) -> ResidentId:
        """Return the resident at this phone."""
        return self._door.phone(request).person.resident_id

    async def offered(self, request: web.Request) -> dict[str, object]:
        """Return the stalls they may charge at themself, and whether they may make a pass now."""
        phone, now = self._door.phone(request), self._parts.clock()
        me = phone.person.resident_id
        stalls, valid = await self._parts.books.read(
            lambda conn: (_stalls(conn, phone), len(valid_passes(conn, now, me, Payer.HOST)))
        )
        say = gettext_for(self._door.language(request))
        return {
            "stalls": stalls,
            "full": valid >= MOST_VALID[Payer.HOST],
            "most": MOST_VALID[Payer.HOST],
            "may_make": not phone.person.blocked and not phone.person.away(now),
            "must_confirm": await must_confirm(self._door, request),
            "shows_host_label": say("Tell the guest my name (%(name)s)") % {"name": phone.person.name},
        }

    async def read(self, request: web.Request, form: Form) -> Asked:
        """Return the pass they want for a guest of theirs, whom they pay for."""
        phone, now = self._door.phone(request), self._parts.clock()
        if phone.person.blocked or phone.person.away(now):
            raise Refused(404)
        stalls = await self._parts.books.read(lambda conn: _stalls(conn, phone))
        wanted = read_wanted(form, [stall.stall_id for stall in stalls], self._door.building(request).currency)
        me = phone.person.resident_id
        return Asked(host=me, wanted=wanted, by=f"resident:{me}")

    def too_many(self, _payer: Payer) -> str:
        """Return what is said to somebody who has as many as they may have."""
        return mark("You have %(most)s valid passes already. Withdraw one first.")

    def may_link(self, line: PassLine) -> bool:
        """Whether it is their own money."""
        return line.pass_.payer is Payer.HOST

    def portal_address(self, request: web.Request) -> tuple[str, bool]:
        """Return the address this phone uses."""
        return self._door.address_of(request), False

    def to(self, _request: web.Request, address: str) -> web.Response:
        """Return the answer: look there."""
        return see_other(address)

    async def unproven(self, request: web.Request) -> web.Response | None:
        """Return the page on which somebody with a passkey shows it."""
        return see_other("/me/confirm?to=guests") if await must_confirm(self._door, request) else None

    async def beside(self, request: web.Request, line: PassLine) -> dict[str, object]:
        """Return where the guest charges, and whether a passkey has to be shown before anything else."""
        stall_id = self._passes.at_stalls.charging().get(line.pass_.pass_id)
        code = select(stall_table.c.qr_code).where(stall_table.c.stall_id == stall_id)
        return {
            "charging_at": await self._parts.books.read(lambda conn: conn.scalar(code)) if stall_id else None,
            "must_confirm": await must_confirm(self._door, request),
        }


def _stalls(conn: Connection, phone: Device) -> list[_Stall]:
    """Return the stalls a resident may charge at, and so their guests."""
    allowed = rule_of(conn, phone.person.resident_id).stall_ids
    rows = conn.execute(select(stall_table).where(stall_table.c.removed_ms.is_(None)).order_by(stall_table.c.name))
    return [_Stall(stall_id=row.stall_id, name=row.name) for row in rows if allowed is None or row.stall_id in allowed]
