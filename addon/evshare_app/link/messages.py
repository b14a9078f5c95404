"""The messages of `docs/link.md`, versions 3 to 1: what the integration says, as values, what the app says, as frames.

What exists from a later version on is None in values that came from an integration that speaks an earlier one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .series import BuildingSlice, SignedValue

VERSIONS = (3, 2, 1)
"""What this app speaks, newest first."""
FIRST_WORDS = VERSIONS[-1]
"""The version of what is said before one is agreed: `hello`, and its refusal."""
MAX_RECORDS = 200


@dataclass(frozen=True, kw_only=True)
class StallInfo:
    """A stall, as `building` describes it."""

    id: str
    name: str
    connector: str
    max_current_a: int
    phases: int
    lock_quality: str
    billable: bool
    card_reader: bool | None
    """Whether a card can be shown there; None where that was not said."""


@dataclass(frozen=True, kw_only=True)
class ResidentInfo:
    """A resident, as `building` describes them."""

    id: str
    name: str
    ha_user_id: str | None
    blocked: bool


@dataclass(frozen=True, kw_only=True)
class BuildingInfo:
    """The building with everyone and everything in it."""

    id: str
    name: str
    currency: str
    time_zone: str
    fuse_a: int
    stalls: tuple[StallInfo, ...]
    residents: tuple[ResidentInfo, ...]
    price_series: tuple[str, ...] | None = None
    """Names of its prices; None where that was not said."""


@dataclass(frozen=True, kw_only=True)
class Hello:
    """First frame of a connection."""

    versions: tuple[int, ...]
    incarnation: str
    head_seq: int
    building: BuildingInfo


@dataclass(frozen=True, kw_only=True)
class BuildingChanged:
    """A stall or resident changed."""

    building: BuildingInfo


@dataclass(frozen=True, kw_only=True)
class SessionAuthorised:
    """Someone was let in."""

    session_id: str
    stall_id: str
    resident_id: str
    credential_kind: str
    mode: str
    plug_epoch: int | None
    credential_id: str | None
    """Card or pass."""
    cap_wh: int | None
    """It ends when it has this much."""


@dataclass(frozen=True, kw_only=True)
class SessionStarted:
    """Gate and car came together."""

    session_id: str
    stall_id: str
    plug_epoch: int
    register_start_wh: int | None


@dataclass(frozen=True, kw_only=True)
class SliceCut:
    """A piece of a register's history; `session_id` None is unattributed energy."""

    stall_id: str
    session_id: str | None
    epoch: int
    start: datetime
    end: datetime
    register_start_wh: int
    register_end_wh: int
    charging_s: int
    suspended_s: int
    limit_a: int
    estimated: bool


@dataclass(frozen=True, kw_only=True)
class SessionEnded:
    """A session is over; registers are None if it never started."""

    session_id: str
    stall_id: str
    stop_reason: str
    register_start_wh: int | None
    register_end_wh: int | None
    energy_wh: int


@dataclass(frozen=True, kw_only=True)
class Denied:
    """Someone was not let in."""

    stall_id: str
    credential_kind: str
    reason: str
    resident_id: str | None
    credential_id: str | None


@dataclass(frozen=True, kw_only=True)
class EpochBegun:
    """A register's history began anew."""

    stall_id: str
    number: int
    register_wh: int
    reason: str
    serial: str | None


type RecordBody = (
    SessionAuthorised | SessionStarted | SliceCut | SessionEnded | Denied | EpochBegun | BuildingSlice | SignedValue
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line of the integration's journal."""

    seq: int
    kind: str
    at: datetime
    body: RecordBody
    body_json: str
    """The body as it came, in canonical JSON: what the inbox keeps."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """A batch, ascending without gaps."""

    incarnation: str
    records: tuple[Record, ...]


@dataclass(frozen=True, kw_only=True)
class LiveSession:
    """A session as it runs now."""

    session_id: str
    resident_id: str
    mode: str
    authorised_at: datetime
    started_at: datetime | None
    energy_wh: int
    credential_kind: str | None = None
    credential_id: str | None = None
    cap_wh: int | None = None


@dataclass(frozen=True, kw_only=True)
class LiveStall:
    """A stall as it is now."""

    stall_id: str
    status: str
    plugged: bool
    plug_epoch: int
    plugged_at: datetime | None
    power_w: float | None
    offered_a: float
    limit_reason: str
    session: LiveSession | None


@dataclass(frozen=True, kw_only=True)
class Live:
    """How it is right now."""

    stalls: tuple[LiveStall, ...]
    prices: Mapping[str, Decimal]
    """Of a kWh of grid energy, in the building's currency, by the series' names; what is not known is not in it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the integration decided about an `ask`."""

    id: str
    ok: bool
    result: Mapping[str, Any]
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class OfficeTicket:
    """An HA admin wants into the office; only the ticket's SHA-256 travels here."""

    ticket_hash: str
    user_id: str
    name: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """No starts from one time of the building's clock to the other (HH:MM)."""

    start: str
    end: str


@dataclass(frozen=True, kw_only=True)
class CardInfo:
    """An enrolled card; its number stays in the integration."""

    card_id: str
    resident_id: str
    label: str
    blocked: bool
    weak: bool
    """Its number has 4 bytes, which are not unique."""
    month_wh: int | None
    """What it may have in a calendar month; None: no cap."""
    money_month_wh: int | None = None
    """The same, what its money is good for."""
    quiet: QuietHours | None
    added_at: datetime
    used_at: datetime | None
    blocked_by_holder: bool = False
    """Its holder blocked it, and may take that back."""


@dataclass(frozen=True, kw_only=True)
class UnknownCardInfo:
    """A card nobody knows that was shown in the last seven days."""

    unknown_id: str
    stall_id: str
    at: datetime
    times: int
    tail: str
    """The last two hex digits of its number."""


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """A reader at which a resident's card is, or was lately, waited for."""

    resident_id: str
    stall_id: str
    until: datetime
    known_shown: bool
    """A card that is somebody's was shown there meanwhile."""


@dataclass(frozen=True, kw_only=True)
class CardsTold:
    """Every card there is."""

    cards: tuple[CardInfo, ...]
    unknown: tuple[UnknownCardInfo, ...]
    enrolments: tuple[Enrolment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """The integration could not use what the app said."""

    code: str
    message: str


type Message = Hello | BuildingChanged | Records | Live | Answer | OfficeTicket | CardsTold | Complaint


# --- what the app sends ------------------------------------------------------------------------------------------

type Frame = dict[str, object]


class NotSpoken(Exception):
    """The integration speaks an earlier version, in which this cannot be said."""


_ADDED_FIELDS: Mapping[int, Mapping[str, Mapping[str, object]]] = {
    2: {"start": {"proof": None, "pass": None}, "enrol_card": {"label": ""}},
    3: {
        "enrol_card": {"by": "office"},
        "change_card": {"resident_id": None, "blocked_by_holder": False, "money_month_wh": None},
    },
}
"""Fields of an ask by the version that added them, and what they are where nothing is asked of them."""
_DROPPED = frozenset({"proof", "label", "by", "resident_id", "blocked_by_holder"})
"""Without these an ask is only less: a start without its proof is refused as too old, a card has no name yet. For whom
the portal asks about a card is looked at there too; who blocked it is forgotten, and the manager unblocks it."""
_ADDED_ASKS = frozenset({"change_card", "remove_card", "assign_card"})
_ADDED_TELLS = frozenset({"rules", "holds"})


def frame(message: Mapping[str, object], version: int) -> Frame:
    """Return a message as it goes over the wire in a version."""
    return {"v": version, **message}


def welcome(version: int, ack_seq: int) -> Frame:
    """Answer to `hello`."""
    return {"type": "welcome", "version": version, "ack_seq": ack_seq}


def ack(incarnation: str, ack_seq: int) -> Frame:
    """Records up to `ack_seq` are committed in the books."""
    return {"type": "ack", "incarnation": incarnation, "ack_seq": ack_seq}


def ask(ask_id: str, what: str, body: Mapping[str, object], version: int) -> Frame:
    """Ask the integration to decide something. Raises `NotSpoken` for what an earlier version cannot express."""
    if version < 2 and what in _ADDED_ASKS:
        raise NotSpoken(what)
    asked = dict(body)
    for since, added in _ADDED_FIELDS.items():
        for name, nothing in added.get(what, {}).items():
            said = asked.setdefault(name, nothing)
            if version >= since:
                continue
            # A guest's start without its pass would be the host's own start.
            if said != nothing and name not in _DROPPED:
                raise NotSpoken(f"{what}.{name}")
            del asked[name]
    return {"type": "ask", "id": ask_id, "what": what, "body": asked}


def tell(what: str, body: Mapping[str, object]) -> Frame:
    """Tell the integration something."""
    return {"type": "tell", "what": what, "body": dict(body)}


def is_told(what: str, version: int) -> bool:
    """Whether a tell exists in a version."""
    return version > 1 or what not in _ADDED_TELLS


def tell_blocked(resident_ids: Sequence[str]) -> Frame:
    """Tell the full list of residents who may not start."""
    return tell("blocked", {"resident_ids": list(resident_ids)})


def tell_rules(residents: Sequence[Mapping[str, object]], seq: int | None = None) -> Frame:
    """Tell the full list of residents with rules, as of the newest record the books have; None: before version 3."""
    return tell("rules", {"residents": list(residents)} | ({} if seq is None else {"seq": seq}))


def tell_holds(holds: Sequence[Mapping[str, object]]) -> Frame:
    """Tell the full list of stalls that are kept free for somebody."""
    return tell("holds", {"holds": list(holds)})


def tell_cost(session_id: str, amount_minor: int, currency: str) -> Frame:
    """Tell what a session costs so far, for display only."""
    return tell("cost", {"session_id": session_id, "amount_minor": amount_minor, "currency": currency})


def error(code: str, message: str, **more: object) -> Frame:
    """Refuse a message."""
    return {"type": "error", "code": code, "message": message, **more}


def rfc3339(at: datetime) -> str:
    """Write an instant as the link does."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
