"""Reads what the app says. What is no message of docs/link.md is refused, naming the field; nothing changes then."""

from collections.abc import Callable
import json

from ..access import Guest, Hold, Hours, Payer, Pot, Proof, ResidentRules
from ..model import CardId, ResidentId, SessionId, StallId
from .fields import Fields
from .messages import (
    VERSIONS,
    Ack,
    Ask,
    AssignCardAsk,
    BadMessage,
    BlockedTold,
    ChangeCardAsk,
    CostTold,
    EnrolAsk,
    FromApp,
    HoldsTold,
    Refusal,
    RemoveCardAsk,
    ResendAsk,
    RoleAsk,
    RulesTold,
    SetModeAsk,
    StartAsk,
    StopAsk,
    Told,
    Welcome,
)

MOST_RESIDENTS = 5000
MOST_WINDOWS = 50
"""Hours of one resident."""
MOST_HOLDS = 500

_ASKS = ("start", "stop", "set_mode", "enrol_card", "role", "resend")
_ASKS_2 = ("change_card", "remove_card", "assign_card")
_TELLS = ("blocked", "cost")
_TELLS_2 = ("rules", "holds")


def parse(text: str, *, speaking: int | None = None) -> FromApp:
    """Return the message in a text frame. `speaking` is the agreed version, None before. Raises `BadMessage`."""
    try:
        frame = json.loads(text)
    except ValueError as error:
        msg = f"not JSON: {error}"
        raise BadMessage(msg) from error
    if not isinstance(frame, dict):
        msg = f"a frame is a JSON object, got {type(frame).__name__}"
        raise BadMessage(msg)
    version, accepted = frame.get("v"), VERSIONS if speaking is None else (speaking,)
    if not isinstance(version, int) or isinstance(version, bool) or version not in accepted:
        msg = f"v: got {version!r}, this integration speaks {', '.join(map(str, accepted))}"
        raise BadMessage(msg, code="unsupported_version")
    fields = Fields(frame, "", version)
    match kind := fields.text("type"):
        case "welcome":
            return Welcome(version=fields.integer("version", 1), ack_seq=fields.integer("ack_seq"))
        case "ack":
            return Ack(incarnation=fields.text("incarnation"), ack_seq=fields.integer("ack_seq"))
        case "error":
            ack_seq = None if frame.get("ack_seq") is None else fields.integer("ack_seq")
            return Refusal(code=fields.text("code"), message=fields.text("message"), ack_seq=ack_seq)
        case "tell":
            return _tell(fields, version)
        case "ask":
            ask_id = fields.text("id")
            try:
                return _ask(ask_id, fields, version)
            except BadMessage as error:
                raise BadMessage(str(error), ask_id=ask_id) from error
    msg = f"type: got {kind!r}, accepted are welcome, ack, ask, tell, error"
    raise BadMessage(msg)


def _tell(fields: Fields, version: int) -> Told:
    body = fields.inner("body")
    accepted = _TELLS if version < 2 else (*_TELLS, *_TELLS_2)
    what = fields.text("what")
    match what if what in accepted else None:
        case "blocked":
            return BlockedTold(resident_ids=tuple(ResidentId(name) for name in body.texts("resident_ids")))
        case "cost":
            return CostTold(
                session_id=SessionId(body.text("session_id")),
                amount_minor=body.integer("amount_minor", None),
                currency=body.text("currency"),
            )
        case "rules":
            return RulesTold(
                residents={
                    ResidentId(one.text("resident_id")): _rules(one) for one in body.each("residents", MOST_RESIDENTS)
                },
                seq=body.since_3("seq", body.integer, None),
            )
        case "holds":
            return HoldsTold(
                holds=tuple(
                    Hold(
                        stall_id=StallId(hold.text("stall_id")),
                        resident_id=ResidentId(hold.text("resident_id")),
                        until=hold.instant("until"),
                    )
                    for hold in body.each("holds", MOST_HOLDS)
                )
            )
    msg = f"what: got {what!r}, accepted to tell are {', '.join(accepted)}"
    raise BadMessage(msg)


def _rules(one: Fields) -> ResidentRules:
    return ResidentRules(
        stall_ids=_stall_ids(one),
        hours=tuple(
            Hours(days=window.weekdays("days"), start=window.clock("from"), end=window.clock("to"))
            for window in one.each("hours", MOST_WINDOWS)
        ),
        sessions=one.integer("sessions", 1),
        month_wh=one.optional("month_wh", one.integer),
        left_wh=one.optional("left_wh", lambda name: one.integer(name, None)),
        pot=one.since_3("pot", lambda name: one.optional(name, lambda its: _pot(one.inner(its))), None),
        start_wh=one.since_3("start_wh", one.integer, 0),
    )


def _pot(fields: Fields) -> Pot:
    return Pot(id=fields.text("pot_id"), left_wh=fields.integer("left_wh", None))


def _stall_ids(fields: Fields) -> frozenset[StallId] | None:
    names = fields.optional("stall_ids", fields.texts)
    return None if names is None else frozenset(map(StallId, names))


def _ask(ask_id: str, fields: Fields, version: int) -> Ask:
    body = fields.inner("body")
    accepted = _ASKS if version < 2 else (*_ASKS, *_ASKS_2)
    what = fields.text("what")
    match what if what in accepted else None:
        case "start":
            return _start(ask_id, body)
        case "stop":
            by = body.choice("by", ("resident", "office"))
            return StopAsk(
                id=ask_id,
                session_id=SessionId(body.text("session_id")),
                resident_id=ResidentId(body.text("resident_id")) if by == "resident" else None,
            )
        case "set_mode":
            return SetModeAsk(
                id=ask_id,
                session_id=SessionId(body.text("session_id")),
                resident_id=ResidentId(body.text("resident_id")),
                mode=body.mode("mode"),
            )
        case "enrol_card":
            return EnrolAsk(
                id=ask_id,
                resident_id=ResidentId(body.text("resident_id")),
                stall_id=StallId(body.text("stall_id")),
                timeout_s=body.integer("timeout_s", 1, 600),
                label=body.since_2("label", body.label, ""),
                by_holder=body.since_3("by", lambda name: body.choice(name, ("resident", "office")), "office")
                == "resident",
            )
        case "change_card":
            return ChangeCardAsk(
                id=ask_id,
                card_id=CardId(body.text("card_id")),
                label=body.label("label"),
                blocked=body.flag("blocked"),
                month_wh=body.optional("month_wh", body.integer),
                quiet=body.optional("quiet", lambda name: _span(body.inner(name))),
                money_month_wh=body.since_3("money_month_wh", lambda name: body.optional(name, body.integer), None),
                blocked_by_holder=body.since_3("blocked_by_holder", body.flag, False),
                resident_id=body.since_3("resident_id", lambda name: body.optional(name, _resident(body)), None),
            )
        case "remove_card":
            return RemoveCardAsk(id=ask_id, card_id=CardId(body.text("card_id")))
        case "assign_card":
            return AssignCardAsk(
                id=ask_id,
                unknown_id=body.text("unknown_id"),
                resident_id=ResidentId(body.text("resident_id")),
                label=body.label("label"),
            )
        case "role":
            return RoleAsk(id=ask_id, user_id=body.text("user_id"))
        case "resend":
            return ResendAsk(id=ask_id, from_seq=body.integer("from_seq", 1))
    msg = f"what: got {what!r}, accepted to ask are {', '.join(accepted)}"
    raise BadMessage(msg)


def _resident(fields: Fields) -> Callable[[str], ResidentId]:
    return lambda name: ResidentId(fields.text(name))


def _start(ask_id: str, body: Fields) -> StartAsk:
    return StartAsk(
        id=ask_id,
        stall_id=StallId(body.text("stall_id")),
        resident_id=ResidentId(body.text("resident_id")),
        plug_epoch=body.optional("plug_epoch", body.integer),
        mode=body.mode("mode"),
        expires_at=body.instant("expires_at"),
        proof=body.since_2("proof", lambda name: body.optional(name, lambda each: _proof(body, each)), None),
        guest=body.since_2("pass", lambda name: body.optional(name, lambda each: _guest(body.inner(each))), None),
    )


def _proof(body: Fields, name: str) -> Proof:
    return Proof(body.choice(name, list(Proof)))


def _guest(fields: Fields) -> Guest:
    return Guest(
        pass_id=fields.text("pass_id"),
        stall_ids=_stall_ids(fields),
        cap_wh=fields.optional("cap_wh", lambda name: fields.integer(name, None)),
        expires_at=fields.instant("expires_at"),
        payer=Payer(fields.choice("payer", list(Payer))),
    )


def _span(fields: Fields) -> Hours:
    return Hours(start=fields.clock("from"), end=fields.clock("to"))
