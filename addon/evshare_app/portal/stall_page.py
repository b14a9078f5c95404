"""What every page of a stall has, for residents, guests and strangers: finding the stall, its prices, its start."""

from dataclasses import dataclass
from decimal import Decimal
import logging
from uuid import uuid4

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import stall as stall_table
from ..i18n import gettext_for
from ..link.messages import LiveStall
from ..model import ResidentId, StallId
from ..resident.devices import Device
from ..resident.guest_phones import Guest
from ..resident.intents import Claim, hold_intent
from ..tariff.store import tariff_for
from ..tariff.text import price_line, source_name, tariff_lines
from ..web.answers import Said
from ..web.formats import Formats
from ..web.forms import Form
from ..web.listener import Refused
from .door import PortalDoor, see_other
from .stall_facts import Facts, stall_facts
from .together import came_together
from .words import DIMENSIONS

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StallRow:
    """A stall as its page names it."""

    stall_id: StallId
    name: str
    code: str
    max_current_a: int
    phases: int


class StallPage:
    """What pages of a stall have in common."""

    address = "/s/{code}"
    """Where the page is; what can be done on it is below that."""
    answers: dict[str, Said]
    """What can be said after something was done, by its name in the address."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    async def find(self, request: web.Request) -> StallRow:
        """Return the stall of a page's code. Raises `Refused` where there is none."""
        code = request.match_info["code"].upper()
        found = await self._parts.books.read(lambda conn: stall_by_code(conn, code))
        if found is None:
            raise Refused(404)
        return found

    async def facts(
        self,
        request: web.Request,
        stall: StallRow,
        resident_id: ResidentId | None = None,
        host_id: ResidentId | None = None,
    ) -> Facts:
        """Return what the page tells besides the stall; with a resident also what their rules leave them.

        Guests charge under their host's tariff.
        """
        live, zone, at = self._parts.link.live, self._door.view(request).zone, self._parts.clock()
        others_a = [one.offered_a for one in live.stalls() if one.session and one.stall_id != stall.stall_id]
        return await self._parts.books.read(
            lambda conn: stall_facts(
                conn,
                max_current_a=stall.max_current_a,
                phases=stall.phases,
                others_a=others_a,
                running_wh={one.session_id: one.energy_wh for one in live.sessions()},
                resident_id=resident_id,
                priced_for=resident_id or host_id,
                prices=live.prices,
                zone=zone,
                now=at,
            )
        )

    async def intent(self, phone: Device | Guest, stall: StallRow, facts: Facts) -> str:
        """Return the nonce of a start at the stall as it is now, at the price that is shown."""
        seen, at = self._parts.link.live.stall(stall.stall_id), self._parts.clock()
        plug_epoch = seen.plug_epoch if seen is not None and seen.plugged else None
        version = facts.version.version_id
        return await self._parts.books.write(
            lambda conn: hold_intent(conn, phone, stall.stall_id, plug_epoch=plug_epoch, tariff_version=version, now=at)
        )

    def shown(self, request: web.Request, stall: StallRow, facts: Facts) -> dict[str, object]:
        """Return what every page of a stall shows: its prices, and what was said last."""
        view, tariff = self._door.view(request), facts.version.tariff
        locale = Formats(view.language, view.zone).locale
        said, say = self.answers.get(request.query.get("said", "")), gettext_for(view.language)
        return {
            "stall": stall,
            "at": self.address.format(code=stall.code),
            "facts": facts,
            "currency": tariff.currency,
            "price": price_line(facts.price.components, tariff.currency, locale),
            "then": price_line(facts.price.then, tariff.currency, locale),
            "prices": tariff_lines(tariff, locale),
            "dimensions": DIMENSIONS,
            "by_source": [
                (source_name(source, locale), component.gross_price if component else Decimal(0))
                for source, component in facts.price.by_source
            ],
            "follows_market": tariff.x_evshare is not None and tariff.x_evshare.spot is not None,
            "said": None if said is None else Said(say(said.text), said.tone),
            "request_id": str(uuid4()),
        }

    async def together(self, request: web.Request, stall: StallRow) -> tuple[tuple[str, str], ...]:
        """Return where cars came as good as together with the one here, by name and time; empty where it is clear."""
        live, view = self._parts.link.live, self._door.view(request)
        near = came_together(live.stall(stall.stall_id), live.stalls(), self._parts.clock())
        if not near:
            return ()
        formats, known = Formats(view.language, view.zone), select(stall_table.c.stall_id, stall_table.c.name)
        names = {row.stall_id: row.name for row in await self._parts.books.read(lambda conn: conn.execute(known).all())}
        return tuple(
            (names.get(one.stall_id, ""), formats.clock_to_the_second(one.plugged_at))
            for one in near
            if one.plugged_at is not None
        )

    async def not_as_shown(
        self, request: web.Request, stall: StallRow, form: Form, claim: Claim, priced_for: ResidentId
    ) -> str:
        """Return why a start is not what its page showed, by its name among the answers; empty where it is.

        What was asked for before is not looked at again: it may have begun.
        """
        if not claim.is_first:
            return ""
        if form.text("place", 16, default="").upper() != stall.code and await self.together(request, stall):
            return "which_place"
        at = self._parts.clock()
        price = await self._parts.books.read(lambda conn: tariff_for(conn, priced_for, at).version_id)
        return "" if price == claim.tariff_version else "price_changed"

    def decided(self, stall: StallRow, said: str) -> web.Response:
        """Return the answer to a start."""
        if said != "started":
            _LOGGER.info("A start at %s was refused: %s", stall.name, said)
        return self.back(stall, said)

    def back(self, stall: StallRow, said: str) -> web.Response:
        """Return the answer: look at the stall's page, which says this."""
        return see_other(f"{self.address.format(code=stall.code)}?said={said}")

    async def address_at(self, seen: LiveStall) -> str | None:
        """Return the address of another stall's page."""
        code = select(stall_table.c.qr_code).where(stall_table.c.stall_id == seen.stall_id)
        found = await self._parts.books.read(lambda conn: conn.scalar(code))
        return self.address.format(code=found) if found else None


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
