"""Asking the integration for something a person in the office wants, and saying what became of it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..i18n import gettext_for, mark
from ..link.door import AskRefused, LinkDown
from ..web.listener import Refused
from .door import OfficeDoor
from .words import DENIALS

_REFUSALS = {
    "not_found": mark("Home Assistant does not know this any more. Please reload the page."),
    "not_allowed": mark("Home Assistant does not allow this. Its evshare may be older than this app: update it."),
}


async def ask(door: OfficeDoor, request: web.Request, what: str, body: Mapping[str, object]) -> Mapping[str, Any]:
    """Ask, and return the result. Raises `Refused` with words for the person."""
    say = gettext_for(door.view(request).language)
    try:
        return await door.parts.link.ask(what, body)
    except AskRefused as refusal:
        known = _REFUSALS.get(refusal.code) or DENIALS.get(refusal.code)
        raise Refused(409, say(known) if known else refusal.message or refusal.code) from None
    except LinkDown:
        raise Refused(503, say("Home Assistant is not connected right now.")) from None
