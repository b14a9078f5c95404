"""What notices say, in a person's language: a title, a text, and where on the portal it is about.

The facts of each kind are written by whoever notes it (`resident/notices.py`). Nothing here names anyone else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..i18n import mark
from ..resident.notices import Notice
from ..web.formats import Formats
from .words import DENIALS, DENIED_OTHERWISE

type _Say = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A notice in words."""

    title: str
    text: str
    address: str
    """On the portal."""
    icon: str
    tone: str


NAMES = {
    "session_started": mark("A session of yours begins"),
    "session_ended": mark("A session of yours ended"),
    "refused": mark("Your card was refused"),
    "stall_free": mark("A stall is free for you"),
    "joined": mark("Your card put you on the waiting list"),
    "may_join": mark("You could join the waiting list"),
    "please_move": mark("Your car should be moved"),
    "unpaid": mark("A statement is open"),
    "low_balance": mark("Your prepaid balance is low"),
    "dispute": mark("The manager decided about a session"),
}
"""What each kind is called where a resident chooses."""

_LOOKS = {
    "session_started": ("bolt", "info"),
    "session_ended": ("bolt", "good"),
    "refused": ("card", "sun"),
    "card_elsewhere": ("warn", "bad"),
    "stall_free": ("clock", "good"),
    "joined": ("list", "info"),
    "may_join": ("list", "info"),
    "please_move": ("plug", "sun"),
    "unpaid": ("paper", "sun"),
    "low_balance": ("card", "sun"),
    "dispute": ("shield", "info"),
    "phone_added": ("phone", "info"),
    "phone_stolen": ("warn", "bad"),
    "card_added": ("card", "info"),
    "passkey_added": ("key", "info"),
    "passkey_doubtful": ("warn", "bad"),
    "moved_out": ("home", "info"),
}


def told(notice: Notice, say: _Say, formats: Formats) -> Told:
    """Return a notice in words."""
    title, text, address = _SAID[notice.kind](notice.body, say, formats)
    icon, tone = _LOOKS[notice.kind]
    return Told(title=title, text=text, address=address, icon=icon, tone=tone)


type _Parts = tuple[str, str, str]
type _Body = Mapping[str, Any]


def _started(body: _Body, say: _Say, formats: Formats) -> _Parts:
    values = {"card": body["card"], "guest": body["guest"], "time": formats.clock(body["at_ms"])}
    match body["by"]:
        case "card" if body["card"]:
            text = say("By card “%(card)s”, %(time)s. Not you? Block the card, or say that it was not your car.")
        case "card":
            text = say("By your card, %(time)s. Not you? Block the card, or say that it was not your car.")
        case "phone":
            text = say("By your phone, %(time)s. Not you? Say that it was not your car.")
        case "pass" if body["guest"]:
            text = say("By your guest “%(guest)s”, %(time)s. Nobody you know? Withdraw the pass.")
        case "pass":
            text = say("By a guest of yours, %(time)s. Nobody you know? Say that it was not your car.")
        case _:
            text = say("At %(time)s. Not you? Say that it was not your car.")
    title = say("Charging began at %(stall)s") % {"stall": body["stall"]}
    return title, text % values, f"/sessions/{body['session_id']}"


def _ended(body: _Body, say: _Say, formats: Formats) -> _Parts:
    values = {"energy": formats.kwh(body["energy_wh"])}
    text = "%(energy)s."
    if body["minor"] is not None:
        text = say("%(energy)s for %(cost)s.")
        values["cost"] = formats.money(body["minor"], body["currency"])
    title = say("Charging ended at %(stall)s") % {"stall": body["stall"]}
    return title, text % values, f"/sessions/{body['session_id']}"


def _refused(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    reason = say(DENIALS.get(body["reason"], DENIED_OTHERWISE))
    text = say("Card “%(card)s”: %(reason)s") % {"card": body["card"], "reason": reason} if body["card"] else reason
    return say("Your card was refused at %(stall)s") % {"stall": body["stall"]}, text, "/refusals"


def _elsewhere(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("It charges at %(stall)s already. Was that not you? Somebody may have a copy of it: block the card.")
    title = say("Your card was shown at %(stall)s") % {"stall": body["stall"]}
    return title, text % {"stall": body["other"]}, f"/sessions/{body['session_id']}"


def _free(body: _Body, say: _Say, formats: Formats) -> _Parts:
    text = say("It is kept for you until %(time)s. Plug in and start, or pass it on.")
    title = say("%(stall)s is free for you") % {"stall": body["stall"]}
    return title, text % {"time": formats.clock(body["until_ms"])}, f"/s/{body['code']}"


def _joined(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("You are number %(number)s in line, and are told when a stall is free.")
    return say("You are on the waiting list"), text % {"number": body["number"]}, "/"


def _may_join(_body: _Body, say: _Say, _formats: Formats) -> _Parts:
    return say("All stalls are taken"), say("Would you like to wait in line? It takes one press."), "/"


def _move(body: _Body, say: _Say, formats: Formats) -> _Parts:
    text = say("It has taken nothing at %(stall)s since %(time)s, and somebody waits for a stall.")
    values = {"stall": body["stall"], "time": formats.clock(body["since_ms"])}
    return say("Please move your car"), text % values, f"/s/{body['code']}"


def _unpaid(body: _Body, say: _Say, formats: Formats) -> _Parts:
    values = {
        "amount": formats.money(body["minor"], body["currency"]),
        "month": formats.month(body["month"]),
        "day": formats.day(body["due_ms"]),
        "card": body["card"],
    }
    if body["overdue"]:
        title, text = say("%(amount)s for %(month)s is still open"), say("It was due on %(day)s.")
    elif body["card"]:
        title, text = say("Your statement for %(month)s"), say("%(amount)s. It is collected from %(card)s.")
    else:
        title, text = say("Your statement for %(month)s"), say("%(amount)s, please pay it by %(day)s.")
    return title % values, text % values, f"/statements/{body['statement_id']}"


def _low_balance(body: _Body, say: _Say, formats: Formats) -> _Parts:
    amount = formats.money(body["minor"], body["currency"])
    if body["minor"] <= 0:
        text = say("Nothing is left of what was paid in advance. You can charge again once it is topped up.")
    else:
        text = say("%(amount)s is left. When it is used up, charging ends; please top it up.")
    return say("Your prepaid balance is low"), text % {"amount": amount}, "/me"


def _dispute(body: _Body, say: _Say, formats: Formats) -> _Parts:
    values = {"stall": body["stall"], "day": formats.day(body["started_ms"]), "note": body["note"]}
    if body["upheld"]:
        title, text = say("It was not your car"), say("Nobody bills you for the session at %(stall)s on %(day)s.")
        if body.get("credit_notes"):
            text += " " + say("Credit note %(numbers)s gives %(amount)s back.")
            values["numbers"] = ", ".join(body["credit_notes"])
            values["amount"] = formats.money(body["credited_minor"], body["currency"])
    else:
        title = say("The session stays yours")
        text = say("%(stall)s, %(day)s. The manager says: %(note)s")
    return title, text % values, f"/sessions/{body['session_id']}"


def _phone_added(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("“%(phone)s” charges as you from now on. Not yours? Sign it out at once.")
    return say("Another phone was connected"), text % {"phone": body["label"]}, "/me"


def _card_added(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("“%(card)s” charges at your cost from now on. Not yours? Block it at once.")
    if not body["card"]:
        text = say("A card charges at your cost from now on. Not yours? Block it at once.")
    return say("A card was added"), text % {"card": body["card"]}, "/cards"


def _phone_stolen(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say(
        "What “%(phone)s” signs in with was used in two places, so somebody may have copied it. Connect it anew."
    )
    return say("A phone of yours was signed out"), text % {"phone": body["label"]}, "/me"


def _passkey_added(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("“%(passkey)s” signs in as you from now on. Not yours? Remove it at once.")
    return say("A passkey was added"), text % {"passkey": body["label"]}, "/me"


def _passkey_doubtful(body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("“%(passkey)s” seems to be in use twice. If you did not copy it, remove it.")
    return say("A passkey may exist twice"), text % {"passkey": body["label"]}, "/me"


def _moved_out(_body: _Body, say: _Say, _formats: Formats) -> _Parts:
    text = say("Your phones and cards start nothing here any more. What is open still comes as a statement.")
    return say("You have moved out"), text, "/"


_SAID: Mapping[str, Callable[[_Body, _Say, Formats], _Parts]] = {
    "session_started": _started,
    "session_ended": _ended,
    "refused": _refused,
    "card_elsewhere": _elsewhere,
    "stall_free": _free,
    "joined": _joined,
    "may_join": _may_join,
    "please_move": _move,
    "unpaid": _unpaid,
    "low_balance": _low_balance,
    "dispute": _dispute,
    "phone_added": _phone_added,
    "phone_stolen": _phone_stolen,
    "card_added": _card_added,
    "passkey_added": _passkey_added,
    "passkey_doubtful": _passkey_doubtful,
    "moved_out": _moved_out,
}
"""How each kind of `resident.notices.KINDS` is said."""
