"""NFC tags in the office: which there are, and what is to be programmed into a new one (docs/tags.md).

The keys of a tag are shown once, in the answer to the form that adds it; they can be made again from the tag's UID by
adding it anew. Whoever has them can make readings of that tag, so they are for the one who programs it.
"""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import Connection

from ..i18n import gettext_for, mark
from ..model import ResidentId, StallId
from ..resident.people import people
from ..resident.sun import UID_BYTES
from ..resident.tags import TagKnown, add_tag, remove_tag, sdm_settings, tags
from ..web.compress import keep_plain
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .reading import StallLine, stalls

_LABEL = 60


class TagPages:
    """The house's tags."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        workshop = Access.TECHNICIAN
        return (
            Route(method="GET", path="/office/tags", handler=self._list, access=Access.OFFICE),
            Route(method="POST", path="/office/tags", handler=self._add, access=workshop, form_on="/office/tags"),
            Route(method="POST", path="/office/tags/{id}/remove", handler=self._remove, access=workshop),
        )

    async def _list(self, request: web.Request) -> web.Response:
        said = request.query.get("said", "")
        say = gettext_for(self._door.view(request).language)
        return await self._page(request, say("Removed. It proves nothing any more.") if said == "removed" else "")

    async def _add(self, request: web.Request) -> web.Response:
        keys, form, now = self._parts.tags, await read_form(request), self._parts.clock()
        if keys is None:
            raise Refused(503, gettext_for(self._door.view(request).language)("The key of the tags cannot be used."))
        uid = _uid(form.text("uid", 40))
        known, everyone = await self._parts.books.read(lambda conn: (stalls(conn), people(conn)))
        here = [one.resident_id for one in everyone if one.here(now)]
        places = {f"stall:{one.stall_id}": one for one in known}
        whose = {f"resident:{one}": one for one in here}
        chosen = form.choice("for", [*places, *whose])
        label = form.text("label", _LABEL, default="") or self._label(request, places.get(chosen))
        stall = places.get(chosen)

        def add(conn: Connection) -> str:
            return add_tag(
                conn,
                keys,
                uid,
                stall_id=None if stall is None else StallId(stall.stall_id),
                resident_id=None if stall is not None else ResidentId(whose[chosen]),
                label=label,
                now=now,
            )

        try:
            await self._parts.books.write(add)
        except TagKnown:
            accepted = mark("the UID of a tag that is not in use; remove that one first")
            raise BadInput("uid", uid.hex().upper(), accepted) from None
        portal = self._door.portal_address(request)
        page = self._door.page(
            request,
            "tag.html",
            here="stalls",
            label=label,
            uid=uid.hex().upper(),
            keys=keys.of_tag(uid),
            sdm=sdm_settings(f"{portal}/t" if stall is None else f"{portal}/s/{stall.code}"),
            guessed=self._parts.settings.portal_url is None,
        )
        return keep_plain(page)

    async def _remove(self, request: web.Request) -> web.Response:
        now, tag_id = self._parts.clock(), request.match_info["id"]
        if not await self._parts.books.write(lambda conn: remove_tag(conn, tag_id, now)):
            raise Refused(404)
        return self._door.see_other(request, "/office/tags?said=removed")

    async def _page(self, request: web.Request, said: str) -> web.Response:
        now = self._parts.clock()
        known, places, everyone = await self._parts.books.read(lambda conn: (tags(conn), stalls(conn), people(conn)))
        return self._door.page(
            request,
            "tags.html",
            here="stalls",
            tags=known,
            stalls=places,
            people=[one for one in everyone if one.here(now)],
            stall_names={one.stall_id: one.name for one in places},
            names={one.resident_id: one.name for one in everyone},
            ready=self._parts.tags is not None,
            said=said,
        )

    def _label(self, request: web.Request, stall: StallLine | None) -> str:
        say = gettext_for(self._door.view(request).language)
        return say("Card") if stall is None else stall.name


def _uid(typed: str) -> bytes:
    accepted = mark("the 7 bytes of an NTAG 424 DNA, such as 04 DE 5F 1E AC C0 40")
    text = typed.replace(":", "").replace(" ", "").replace("-", "")
    try:
        uid = bytes.fromhex(text)
    except ValueError:
        raise BadInput("uid", typed, accepted) from None
    # 04 is NXP's, as ISO 14443-3 numbers makers.
    if len(uid) != UID_BYTES or uid[0] != 4:
        raise BadInput("uid", typed, accepted)
    return uid
