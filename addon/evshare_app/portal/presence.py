"""What a phone can show besides the plug: that it read the stall's tag just now, or that its person confirmed.

A plug-in of the last minutes is proof enough, and whether it is recent is the integration's to judge. Where it is too
old the integration takes one of these proofs instead (`proof` of the link's `start`).
"""

from datetime import timedelta

from aiohttp import web

from ..link.messages import LiveStall
from ..model import StallId
from ..resident.devices import Device, note_tap
from ..resident.passkeys import count
from ..resident.tags import TagUsed, TagWrong, take_stall_tap
from .door import PortalDoor
from .passkeys import confirmed

PLUG_FRESH = timedelta(seconds=300)
"""After this the integration wants more than a plug (EVS-Auth/1, presence)."""


def is_tap(request: web.Request) -> bool:
    """Whether the address was written by a tag."""
    return "e" in request.query or "c" in request.query


async def stall_tapped(door: PortalDoor, request: web.Request, stall_id: StallId) -> str:
    """Take what a stall's tag wrote into the address; return what is said about it.

    The page is then asked for anew without it: an address works once, and pages renew themselves.
    """
    keys, phone, now = door.parts.tags, door.maybe_phone(request), door.parts.clock()
    if keys is None:
        return "tag_wrong"
    e, c = request.query.get("e", ""), request.query.get("c", "")
    try:
        await door.parts.books.write(lambda conn: take_stall_tap(conn, keys, e, c, stall_id=stall_id))
    except TagUsed:
        return "tag_used"
    except TagWrong:
        return "tag_wrong"
    if phone is None:
        return "tag_stranger"
    await door.parts.books.write(lambda conn: note_tap(conn, phone.device_id, stall_id, now))
    return "tag"


async def proof_of(
    door: PortalDoor, request: web.Request, phone: Device, stall_id: StallId, response: str
) -> tuple[str | None, bool]:
    """Return the proof a start carries, and whether a passkey that was shown with it (`response`) is worth anything."""
    if phone.tapped == stall_id:
        return "tag", True
    if phone.stepped_up:
        return "passkey", True
    if not response:
        return None, True
    proven = await confirmed(door, request, response)
    return ("passkey", True) if proven else (None, False)


async def confirming(
    door: PortalDoor, request: web.Request, phone: Device, stall: LiveStall | None, *, refused: bool
) -> str:
    """Return what the page offers beside [Start] where the plug may be too old.

    ``ask`` for a passkey, ``none`` for people who have none yet, ``never`` where browsers make none, or nothing.
    """
    if stall is None or not stall.plugged or phone.tapped == stall.stall_id or phone.stepped_up:
        return ""
    fresh = stall.plugged_at is not None and door.parts.clock() - stall.plugged_at <= PLUG_FRESH
    if fresh and not refused:
        return ""
    if door.relying_party(request) is None:
        return "never"
    has_one = await door.parts.books.read(lambda conn: count(conn, phone.person.resident_id)) > 0
    return "ask" if has_one else "none"
