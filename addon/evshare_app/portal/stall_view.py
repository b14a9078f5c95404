"""What a stall's page shows, decided from the live state and who looks. No books, no link: values in, values out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
import hashlib

from ..i18n import mark
from ..link.messages import LiveSession, LiveStall
from ..web.formats import Formats
from .queue_view import NO_QUEUE, IdleNow, QueueNow
from .speed import when_done, why_this_fast
from .words import NO_CONTACT, STATUSES

MINE = {
    "charging": mark("Your car is charging."),
    "suspended_ev": mark("Your car is not drawing."),
    "suspended_evse": mark("Your car is waiting."),
}
_GUESTS = {
    "charging": mark("Your guest’s car is charging."),
    "suspended_ev": mark("Your guest’s car is not drawing."),
    "suspended_evse": mark("Your guest’s car is waiting."),
}


@dataclass(frozen=True, kw_only=True)
class StallNow:
    """A stall at this moment, for one person. `kind` chooses what can be done:

    ``stranger`` nothing, ``ready`` start, ``armed`` plug in or never mind, ``mine`` watch, change and stop,
    ``none`` read why nothing can be done.
    """

    kind: str
    status: str
    tone: str
    sentence: str = ""
    """How the stall is, in a sentence."""
    session_id: str = ""
    mode: str = ""
    note: str = ""
    note_tone: str = "info"
    other_address: str = ""
    values: dict[str, str] = field(default_factory=dict)
    """Texts that change while the page stays what it is."""
    queue: QueueNow = NO_QUEUE
    idle: IdleNow | None = None
    together: tuple[tuple[str, str], ...] = ()
    """Where cars came as good as together, this stall first: name, and time of day. Whoever starts says which it is."""

    @property
    def state(self) -> str:
        """What the page was made for: while it stays the same only `values` change."""
        here = (self.kind, self.status, self.session_id, self.mode, self.note, self.other_address)
        shape = (*here, self.queue.state, self.idle and self.idle.state, self.together)
        return hashlib.sha256(repr(shape).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Looker:
    """Somebody who looks at a stall, and when, and in which language."""

    elsewhere: str | None
    """Address of another stall at which their session runs."""
    cost: str
    """What their session here costs so far."""
    now: datetime
    say: Callable[[str], str]
    formats: Formats
    max_current_a: int = 0
    """What the stall can offer at most."""
    phases: int = 1


@dataclass(frozen=True, kw_only=True)
class Looking(Looker):
    """A resident who looks, or a stranger."""

    resident_id: str | None
    blocked: bool
    may_here: bool = True
    """False: their rules name other stalls."""
    kept: bool = False
    """The stall is kept for them."""
    kept_for_another: bool = False
    """It is kept for somebody else, whoever plugged in there."""


def stall_now(stall: LiveStall | None, connected: bool, who: Looking) -> StallNow:
    """Return what the page shows."""
    say = who.say
    if stall is None or not connected:
        text, tone = NO_CONTACT
        if who.resident_id is None:
            sentence = say("The house does not hear from this stall right now.")
            return StallNow(kind="stranger", status=say(text), tone=tone, sentence=sentence)
        note = say("The house does not answer right now. What is charging goes on charging; cards work as always.")
        return StallNow(kind="none", status=say(text), tone=tone, note=note)
    text, tone = STATUSES.get(stall.status, STATUSES["unavailable"])
    status = say(text)
    if stall.status == "charging":
        tone += " live"
    if who.resident_id is None:
        return _to_a_stranger(stall, status, tone, say)
    if stall.session is not None:
        return _with_session(stall, stall.session, status, tone, who)
    return _without_session(stall, status, tone, who)


def _to_a_stranger(stall: LiveStall, status: str, tone: str, say: Callable[[str], str]) -> StallNow:
    # Whether a car charges or only stands there is nobody else's business.
    match stall.status:
        case "available":
            sentence = say("This stall is free.")
        case "unavailable" | "faulted":
            sentence = say("This stall cannot be used right now.")
        case _:
            return StallNow(kind="stranger", status=say("In use"), tone="info", sentence=say("This stall is taken."))
    return StallNow(kind="stranger", status=status, tone=tone, sentence=sentence)


def _with_session(stall: LiveStall, session: LiveSession, status: str, tone: str, who: Looking) -> StallNow:
    say = who.say
    if session.resident_id != who.resident_id:
        note = say("Someone is charging here. Please take another stall.")
        return StallNow(kind="none", status=say("In use"), tone="info", note=note)
    is_guests = session.credential_kind == "pass"
    if session.started_at is None and is_guests:
        note = say("Your guest is about to plug in here.")
        return StallNow(kind="none", status=say("Ready for your guest"), tone="good live", note=note)
    if session.started_at is None:
        return StallNow(kind="armed", status=say("Ready for you"), tone="good live", session_id=session.session_id)
    return running(stall, session, status, tone, _GUESTS if is_guests else MINE, who)


def _without_session(stall: LiveStall, status: str, tone: str, who: Looking) -> StallNow:
    say = who.say
    kept_for_another = who.kept_for_another or (stall.status == "reserved" and not who.kept)
    if stall.status == "reserved" and who.kept:
        status, tone = say("Kept for you"), "good"
    note = ""
    if who.elsewhere:
        note = say("You are charging at another stall.")
    elif who.blocked:
        note = say("Charging is blocked for you at the moment. Ask the manager.")
    elif stall.status in ("unavailable", "faulted"):
        note = say("This stall cannot be used right now. Please take another one.")
    elif kept_for_another:
        note = say("This stall is kept free for someone who waited for it. Please take another one.")
    elif not who.may_here:
        note = say("Your rules name other stalls. Please take one of those, or ask the manager.")
    if note:
        other = who.elsewhere or ""
        return StallNow(kind="none", status=status, tone=tone, note=note, note_tone="sun", other_address=other)
    sentence = ""
    if not stall.plugged:
        sentence = say("This stall is kept for you.") if who.kept else say("This stall is free.")
    return StallNow(
        kind="ready", status=status, tone=tone, sentence=sentence, values={"presence": presence(stall, who)}
    )


def running(  # noqa: PLR0917 - what is seen, and by whom
    stall: LiveStall, session: LiveSession, status: str, tone: str, sentences: Mapping[str, str], who: Looker
) -> StallNow:
    """Return what is shown of a session that charges: of somebody's own, or their guest's."""
    say, formats = who.say, who.formats
    return StallNow(
        kind="mine",
        status=status,
        tone=tone,
        sentence=say(sentences.get(stall.status, sentences["charging"])),
        session_id=session.session_id,
        mode=session.mode,
        values={
            "energy": formats.kwh_number(session.energy_wh),
            "cost": who.cost,
            "power": formats.kilowatts(stall.power_w or 0),
            "since": formats.clock(session.started_at) if session.started_at else "–",
            "why": why_this_fast(stall, who.max_current_a, who.phases, say, formats),
            "until": when_done(stall, session, say, formats),
        },
    )


def presence(stall: LiveStall, who: Looker) -> str:
    """Return what is said of the car, where somebody may start."""
    if not stall.plugged:
        return who.say("Plug in and start, or start now and plug in within three minutes.")
    if stall.plugged_at is None:
        return who.say("A car is plugged in.")
    return who.say("The car was plugged in %s.") % who.formats.ago(stall.plugged_at, who.now)
