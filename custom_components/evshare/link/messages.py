"""The messages of docs/link.md, built and parsed. No socket, no clock.

What comes from the app becomes one frozen value per message, or a `BadMessage` that names the field, what came and
what is accepted. What goes to the app is built here as a dict, ready for JSON. Fields a later version added beside
the known ones are ignored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from typing import Any

from ..journal import StoredRecord, rfc3339
from ..model import ChargeMode, ResidentId, SessionId, StallId

VERSIONS = (1,)
"""Link versions spoken, oldest first."""

type Frame = dict[str, Any]


class BadMessage(Exception):
    """A message that changes nothing. `code` is one of docs/link.md; `ask_id` is set when it was an ask."""

    def __init__(self, message: str, *, code: str = "bad_message", ask_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.ask_id = ask_id


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """The app answers our hello."""

    version: int
    ack_seq: int


@dataclass(frozen=True, kw_only=True)
class Ack:
    """Records are in the books."""

    incarnation: str
    ack_seq: int


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The app refused a message of ours."""

    code: str
    message: str
    ack_seq: int | None


@dataclass(frozen=True, kw_only=True)
class StartAsk:
    """A resident wants to charge here."""

    id: str
    stall_id: StallId
    resident_id: ResidentId
    plug_epoch: int | None
    mode: ChargeMode
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class StopAsk:
    """A resident or the office wants a session to end. `resident_id` None: the office."""

    id: str
    session_id: SessionId
    resident_id: ResidentId | None


@dataclass(frozen=True, kw_only=True)
class SetModeAsk:
    """A resident wants another charge mode."""

    id: str
    session_id: SessionId
    resident_id: ResidentId
    mode: ChargeMode


@dataclass(frozen=True, kw_only=True)
class EnrolAsk:
    """The next unknown card at the stall is to become the resident's."""

    id: str
    resident_id: ResidentId
    stall_id: StallId
    timeout_s: int


@dataclass(frozen=True, kw_only=True)
class RoleAsk:
    """Who is this Home Assistant user?"""

    id: str
    user_id: str


@dataclass(frozen=True, kw_only=True)
class ResendAsk:
    """The app wants records it acknowledged once more."""

    id: str
    from_seq: int


@dataclass(frozen=True, kw_only=True)
class BlockedTold:
    """The full list of residents the manager blocked."""

    resident_ids: tuple[ResidentId, ...]


@dataclass(frozen=True, kw_only=True)
class CostTold:
    """What a running session costs so far; for display only."""

    session_id: SessionId
    amount_minor: int
    currency: str


type Ask = StartAsk | StopAsk | SetModeAsk | EnrolAsk | RoleAsk | ResendAsk
type FromApp = Welcome | Ack | Refusal | Ask | BlockedTold | CostTold


# --- from the app --------------------------------------------------------------------------------------------------


def parse(text: str) -> FromApp:
    """Return the message in a text frame. Raises `BadMessage`."""
    try:
        frame = json.loads(text)
    except ValueError as error:
        msg = f"not JSON: {error}"
        raise BadMessage(msg) from error
    if not isinstance(frame, dict):
        msg = f"a frame is a JSON object, got {type(frame).__name__}"
        raise BadMessage(msg)
    if frame.get("v") not in VERSIONS or isinstance(frame["v"], bool):
        msg = f"v: got {frame.get('v')!r}, this integration speaks {', '.join(map(str, VERSIONS))}"
        raise BadMessage(msg, code="unsupported_version")
    fields = _Fields(frame, "")
    match kind := fields.text("type"):
        case "welcome":
            return Welcome(version=fields.integer("version", 1), ack_seq=fields.integer("ack_seq"))
        case "ack":
            return Ack(incarnation=fields.text("incarnation"), ack_seq=fields.integer("ack_seq"))
        case "error":
            ack_seq = None if frame.get("ack_seq") is None else fields.integer("ack_seq")
            return Refusal(code=fields.text("code"), message=fields.text("message"), ack_seq=ack_seq)
        case "tell":
            return _tell(fields)
        case "ask":
            ask_id = fields.text("id")
            try:
                return _ask(ask_id, fields)
            except BadMessage as error:
                raise BadMessage(str(error), ask_id=ask_id) from error
    msg = f"type: got {kind!r}, accepted are welcome, ack, ask, tell, error"
    raise BadMessage(msg)


def _tell(fields: _Fields) -> BlockedTold | CostTold:
    body = fields.inner("body")
    match what := fields.text("what"):
        case "blocked":
            return BlockedTold(resident_ids=tuple(ResidentId(name) for name in body.texts("resident_ids")))
        case "cost":
            return CostTold(
                session_id=SessionId(body.text("session_id")),
                amount_minor=body.integer("amount_minor", None),
                currency=body.text("currency"),
            )
    msg = f"what: got {what!r}, accepted to tell are blocked, cost"
    raise BadMessage(msg)


def _ask(ask_id: str, fields: _Fields) -> Ask:
    body = fields.inner("body")
    match what := fields.text("what"):
        case "start":
            return StartAsk(
                id=ask_id,
                stall_id=StallId(body.text("stall_id")),
                resident_id=ResidentId(body.text("resident_id")),
                plug_epoch=None if body.get("plug_epoch") is None else body.integer("plug_epoch"),
                mode=body.mode("mode"),
                expires_at=body.time("expires_at"),
            )
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
            )
        case "role":
            return RoleAsk(id=ask_id, user_id=body.text("user_id"))
        case "resend":
            return ResendAsk(id=ask_id, from_seq=body.integer("from_seq", 1))
    msg = f"what: got {what!r}, accepted to ask are start, stop, set_mode, enrol_card, role, resend"
    raise BadMessage(msg)


class _Fields:
    """Typed looks into a JSON object; each raises `BadMessage` naming the field."""

    def __init__(self, fields: Mapping[str, Any], prefix: str) -> None:
        self._fields = fields
        self._prefix = prefix

    def get(self, name: str) -> Any:
        if name not in self._fields:
            msg = f"{self._prefix}{name} is missing"
            raise BadMessage(msg)
        return self._fields[name]

    def _refuse(self, name: str, accepted: str) -> BadMessage:
        return BadMessage(f"{self._prefix}{name}: got {json.dumps(self._fields[name])[:100]}, accepted is {accepted}")

    def text(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 1000:
            raise self._refuse(name, "a text of 1 to 1000 characters")
        return value

    def texts(self, name: str) -> list[str]:
        value = self.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self._refuse(name, "a list of texts")
        return value

    def integer(self, name: str, least: int | None = 0, most: int | None = None) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._refuse(name, "an integer")
        if (least is not None and value < least) or (most is not None and value > most):
            raise self._refuse(name, f"an integer from {least}" + ("" if most is None else f" to {most}"))
        return value

    def choice(self, name: str, accepted: Sequence[str]) -> str:
        value = self.get(name)
        if value not in accepted:
            raise self._refuse(name, ", ".join(accepted))
        return str(value)

    def mode(self, name: str) -> ChargeMode:
        return ChargeMode(self.choice(name, list(ChargeMode)))

    def time(self, name: str) -> datetime:
        value = self.text(name)
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.utcoffset() is None:
            raise self._refuse(name, "a time like 2026-06-29T18:05:00Z")
        return at.astimezone(UTC)

    def inner(self, name: str) -> _Fields:
        value = self.get(name)
        if not isinstance(value, dict):
            raise self._refuse(name, "an object")
        return _Fields(value, f"{self._prefix}{name}.")


# --- to the app ----------------------------------------------------------------------------------------------------


def _frame(kind: str, **fields: Any) -> Frame:
    return {"v": VERSIONS[-1], "type": kind, **fields}


def hello(incarnation: str, head_seq: int, building: Frame) -> Frame:
    """Build the first frame; `building` comes from `described`."""
    return _frame("hello", versions=list(VERSIONS), incarnation=incarnation, head_seq=head_seq, building=building)


def building(described: Frame) -> Frame:
    """Build the frame that says a stall or resident changed."""
    return _frame("building", building=described)


def records(incarnation: str, batch: Iterable[StoredRecord]) -> Frame:
    """Build a batch, ascending without gaps."""
    return _frame(
        "records",
        incarnation=incarnation,
        records=[
            {"seq": record.seq, "kind": record.kind, "at": rfc3339(record.at), "body": record.body} for record in batch
        ],
    )


def live(stalls: Sequence[Frame]) -> Frame:
    """Build the picture of all stalls; each comes from `live_stall`."""
    return _frame("live", stalls=list(stalls))


def answer(ask_id: str, body: Mapping[str, Any]) -> Frame:
    """Build the answer to an ask from what `accepted` or `refused` gave."""
    return _frame("answer", id=ask_id, **body)


def accepted(result: Mapping[str, Any]) -> Frame:
    """Return the body of a positive answer, as it is remembered."""
    return {"ok": True, "result": dict(result)}


def refused(code: str, message: str) -> Frame:
    """Return the body of a negative answer, as it is remembered."""
    return {"ok": False, "error": {"code": code, "message": message}}


def error(code: str, message: str) -> Frame:
    """Build the refusal of a message."""
    return _frame("error", code=code, message=message)


def office_ticket(ticket_hash: str, user_id: str, name: str, expires_at: datetime) -> Frame:
    """Build what announces an admin to the office; the ticket itself never travels here."""
    body = {"ticket_hash": ticket_hash, "user_id": user_id, "name": name, "expires_at": rfc3339(expires_at)}
    return _frame("tell", what="office_ticket", body=body)
