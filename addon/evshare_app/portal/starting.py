"""Starting and stopping at a stall, whoever asks: what the page's form carries, and what the house answers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
import re

from ..i18n import mark
from ..link.door import AskRefused, LinkDoor, LinkDown
from ..web.forms import BadInput, Form

ASK_LIFE = timedelta(seconds=60)
"""How long the house may take to begin with a start; a later one would surprise the person."""
MODES = ("fast", "solar_only")
_REQUEST_ID = re.compile(r"[0-9a-f-]{32,36}")
_DONE = {"start": "started", "stop": "stopped", "set_mode": "mode"}


@dataclass(frozen=True, kw_only=True)
class StartForm:
    """What a page sends to start."""

    mode: str
    nonce: str
    """Of the page's intent."""
    request_id: str
    """Made by the page: the same request again is not another one."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the house said, by its name in the address of the page that shows it."""

    said: str
    session_id: str = ""
    """Of the session that began."""


def read_start(form: Form) -> StartForm:
    """Return what a form to start carries. Raises `BadInput`."""
    request_id = form.text("request_id", 36)
    if not _REQUEST_ID.fullmatch(request_id):
        raise BadInput("request_id", request_id, mark("a UUID"))
    return StartForm(mode=form.choice("mode", MODES), nonce=form.text("intent", 64), request_id=request_id)


async def ask_house(
    link: LinkDoor, what: str, body: Mapping[str, object], known: Collection[str], ask_id: str | None = None
) -> Answer:
    """Ask the house to decide; a refusal that is none of the `known` ones is ``refused``."""
    try:
        result = await link.ask(what, body, ask_id=ask_id)
    except AskRefused as refusal:
        # Somebody else's session is answered like one that is not there.
        code = "not_found" if what != "start" and refusal.code == "not_allowed" else refusal.code
        return Answer(said=code if code in known else "refused")
    except LinkDown:
        return Answer(said="no_answer")
    return Answer(said=_DONE[what], session_id=str(result.get("session_id", "")))
