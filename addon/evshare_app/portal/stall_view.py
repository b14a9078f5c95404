"""What a stall's page shows, decided from the live state and who looks. No books, no link: values in, values out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
import hashlib

from ..link.messages import LiveSession, LiveStall
from ..web.formats import Formats
from .words import LIMIT_REASONS, NO_CONTACT, STATUSES


@dataclass(frozen=True, kw_only=True)
class StallNow:
    """A stall at this moment, for one person. `kind` chooses what can be done:

    ``stranger`` nothing, ``ready`` start, ``armed`` plug in or never mind, ``mine`` watch, change and stop,
    ``none`` read why nothing can be done.
    """

    kind: str
    status: str
    tone: str
    session_id: str = ""
    mode: str = ""
    note: str = ""
    note_tone: str = "info"
    other_address: str = ""
    values: dict[str, str] = field(default_factory=dict)
    """Texts that change while the page stays what it is."""

    @property
    def state(self) -> str:
        """What the page was made for: while it stays the same only `values` change."""
        shape = (self.kind, self.status, self.session_id, self.mode, self.note, self.other_address)
        return hashlib.sha256(repr(shape).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Looking:
    """Who looks, and when, and in which language."""

    resident_id: str | None
    blocked: bool
    elsewhere: str | None
    """Address of another stall at which their session runs."""
    cost: str
    """What their session here costs so far."""
    now: datetime
    say: Callable[[str], str]
    formats: Formats


def stall_now(stall: LiveStall | None, connected: bool, who: Looking) -> StallNow:
    """Return what the page shows."""
    say = who.say
    if stall is None or not connected:
        text, tone = NO_CONTACT
        if who.resident_id is None:
            return StallNow(kind="stranger", status=say(text), tone=tone)
        note = say("The house does not answer right now. What is charging goes on charging; cards work as always.")
        return StallNow(kind="none", status=say(text), tone=tone, note=note)
    text, tone = STATUSES.get(stall.status, STATUSES["unavailable"])
    status = say(text)
    if stall.status == "charging":
        tone += " live"
    if who.resident_id is None:
        free = stall.status in ("available", "unavailable", "faulted")
        return StallNow(kind="stranger", status=status if free else say("In use"), tone=tone if free else "info")
    if stall.session is not None:
        return _with_session(stall, stall.session, status, tone, who)
    return _without_session(stall, status, tone, who)


def _with_session(stall: LiveStall, session: LiveSession, status: str, tone: str, who: Looking) -> StallNow:
    say, formats = who.say, who.formats
    if session.resident_id != who.resident_id:
        note = say("Someone is charging here. Please take another stall.")
        return StallNow(kind="none", status=say("In use"), tone="info", note=note)
    if session.started_at is None:
        return StallNow(kind="armed", status=say("Ready for you"), tone="good live", session_id=session.session_id)
    why = LIMIT_REASONS.get(stall.limit_reason, "")
    if stall.status == "suspended_ev":
        why = say("The car takes nothing at the moment: it may be full, or it waits for its own timer.")
    return StallNow(
        kind="mine",
        status=status,
        tone=tone,
        session_id=session.session_id,
        mode=session.mode,
        values={
            "energy": formats.kwh_number(session.energy_wh),
            "cost": who.cost,
            "power": formats.kilowatts(stall.power_w or 0),
            "since": formats.clock(session.started_at),
            "why": say(why) if why else "",
        },
    )


def _without_session(stall: LiveStall, status: str, tone: str, who: Looking) -> StallNow:
    say = who.say
    blocked = stall.status in ("unavailable", "faulted", "reserved")
    note = ""
    if who.elsewhere:
        note = say("You are charging at another stall.")
    elif who.blocked:
        note = say("Charging is blocked for you at the moment. Ask the manager.")
    elif blocked:
        note = say("This stall cannot be used right now. Please take another one.")
    if note:
        other = who.elsewhere or ""
        return StallNow(kind="none", status=status, tone=tone, note=note, note_tone="sun", other_address=other)
    if not stall.plugged:
        presence = say("Plug in and start, or start now and plug in within three minutes.")
    elif stall.plugged_at is None:
        presence = say("A car is plugged in.")
    else:
        presence = say("The car was plugged in %s.") % who.formats.ago(stall.plugged_at, who.now)
    return StallNow(kind="ready", status=status, tone=tone, values={"presence": presence})
