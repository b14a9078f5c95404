"""What a stall's page shows to a guest, decided from the live state and their pass. Values in, values out.

A guest sees a stall like a stranger does, and what is theirs: the session that runs on their pass. Whose any other
session is, the host's too, is not theirs to see.
"""

from dataclasses import dataclass

from ..link.guests import is_of_pass
from ..link.messages import LiveSession, LiveStall
from ..resident.passes import PassState
from .guest_words import ASK_HOST, HELD, OTHER_STALLS, WHY_NOT
from .stall_view import MINE, Looker, StallNow, presence, running
from .words import NO_CONTACT, STATUSES


@dataclass(frozen=True, kw_only=True)
class GuestLooking(Looker):
    """The guest who looks."""

    pass_id: str
    state: PassState
    """What the pass is good for."""
    may_here: bool
    """Whether the pass is for this stall."""
    kept: bool
    """Whether a reserved stall is kept for the host, who may bring a guest."""
    kept_for_another: bool
    """Whether it is kept for somebody else, whoever plugged in there."""
    host_may: bool
    """Whether the host may charge themself, and so bring guests."""
    understood: bool
    """Whether the house understands guests: an older integration does not."""


def stall_for_guest(stall: LiveStall | None, connected: bool, who: GuestLooking) -> StallNow:
    """Return what the page shows: kind ``none``, ``ready``, ``armed`` or ``mine``."""
    say = who.say
    if stall is None or not connected:
        text, tone = NO_CONTACT
        note = say("The house does not answer right now. What is charging goes on charging; unplugging always ends it.")
        return StallNow(kind="none", status=say(text), tone=tone, note=note)
    text, tone = STATUSES.get(stall.status, STATUSES["unavailable"])
    if stall.session is not None:
        return _with_session(stall, stall.session, say(text), tone, who)
    note = _why_not(stall, who)
    if note:
        # Whether a car stands there is the business of those who may charge.
        free = stall.status in ("available", "unavailable", "faulted")
        status, tone = (say(text), tone) if free else (say("In use"), "info")
        other = who.elsewhere or ""
        return StallNow(kind="none", status=status, tone=tone, note=note, note_tone="sun", other_address=other)
    return _ready(stall, say(text), tone, who)


def _with_session(stall: LiveStall, session: LiveSession, status: str, tone: str, who: GuestLooking) -> StallNow:
    say = who.say
    if not is_of_pass(session, who.pass_id):
        note = say("Someone is charging here. Please take another stall.")
        other = who.elsewhere or ""
        return StallNow(kind="none", status=say("In use"), tone="info", note=note, other_address=other)
    if session.started_at is None:
        return StallNow(kind="armed", status=say("Ready for you"), tone="good live", session_id=session.session_id)
    tone = f"{tone} live" if stall.status == "charging" else tone
    return running(stall, session, status, tone, MINE, who)


def _why_not(stall: LiveStall, who: GuestLooking) -> str:
    say = who.say
    if who.elsewhere:
        return say("You are charging at another stall.")
    if who.state is not PassState.VALID:
        return say(WHY_NOT[who.state])
    if not who.understood:
        return say("This house cannot take guests yet: its Home Assistant needs an update. Please tell your host.")
    if not who.host_may:
        return say(ASK_HOST.text)
    if not who.may_here:
        return say(OTHER_STALLS.text)
    if who.kept_for_another or (stall.status == "reserved" and not who.kept):
        return say(HELD.text)
    if stall.status in ("unavailable", "faulted"):
        return say("This stall cannot be used right now. Please take another one.")
    return ""


def _ready(stall: LiveStall, status: str, tone: str, who: GuestLooking) -> StallNow:
    sentence = ""
    if not stall.plugged:
        sentence = who.say("This stall is free.")
        if who.kept:
            free, tone = STATUSES["available"]
            status = who.say(free)
    return StallNow(
        kind="ready", status=status, tone=tone, sentence=sentence, values={"presence": presence(stall, who)}
    )
