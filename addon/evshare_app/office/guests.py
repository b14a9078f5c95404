"""Guest passes in the office: all there are, making one for a resident or for the building, withdrawing any.

A pass is always some resident's, who answers for it and whose rules hold for the guest too. Who pays is said when it
is made: that resident, or, for a craftsman or the caretaker, the building.
"""

from aiohttp import web

from ..i18n import gettext_for, mark
from ..link.guests import PassesAtStalls
from ..model import ResidentId
from ..resident.passes import PassLine, Payer
from ..resident.people import people
from ..web.forms import Form
from ..web.guest_form import read_wanted
from ..web.guest_pages import PAYERS, Asked, PassPages, PassParts
from ..web.listener import Access
from .door import OfficeDoor
from .reading import stalls


class GuestPages(PassPages):
    """All guest passes."""

    path = "/office/guests"
    here = "guests"
    look = Access.BOARD
    change = Access.MANAGER

    def __init__(self, door: OfficeDoor) -> None:
        parts = door.parts
        at_stalls = PassesAtStalls(parts.link)
        super().__init__(door, PassParts(books=parts.books, key=parts.key, clock=parts.clock, at_stalls=at_stalls))
        self._door = door
        self._parts = parts

    def whose(self, _request: web.Request) -> ResidentId | None:
        """Return nobody: all passes are seen."""
        return None

    async def offered(self, request: web.Request) -> dict[str, object]:
        """Return everyone who can be a host, and all stalls."""
        now = self._parts.clock()
        everyone, known = await self._parts.books.read(lambda conn: (people(conn), stalls(conn)))
        say = gettext_for(self._door.language(request))
        return {
            "people": [one for one in everyone if one.here(now)],
            "stalls": known,
            "payers": PAYERS,
            "shows_host_label": say("Tell the guest the host’s name"),
        }

    async def read(self, request: web.Request, form: Form) -> Asked:
        """Return the pass the manager wants made."""
        now = self._parts.clock()
        everyone, known = await self._parts.books.read(lambda conn: (people(conn), stalls(conn)))
        host = ResidentId(form.choice("resident", [one.resident_id for one in everyone if one.here(now)]))
        payer = Payer(form.choice("payer", list(Payer), default=Payer.HOST))
        stall_ids = [stall.stall_id for stall in known]
        wanted = read_wanted(form, stall_ids, self._door.building(request).currency, payer)
        return Asked(host=host, wanted=wanted, by=self._door.manager(request).actor)

    def too_many(self, payer: Payer) -> str:
        """Return what is said where there are as many as may be."""
        if payer is Payer.BUILDING:
            return mark("The building pays for %(most)s valid passes already, which is the most. Withdraw one first.")
        return mark("This resident has %(most)s valid passes already, which is the most. Withdraw one first.")

    def may_link(self, _line: PassLine) -> bool:
        """Whether a new link can be made: of any."""
        return True

    def portal_address(self, request: web.Request) -> tuple[str, bool]:
        """Return the portal's public address."""
        return self._door.portal_address(request), self._parts.settings.portal_url is None

    def to(self, request: web.Request, address: str) -> web.Response:
        """Return the answer: look there."""
        return self._door.see_other(request, address)
