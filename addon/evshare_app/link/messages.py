"""The messages of `docs/link.md`, version 1: what the integration says, as values, and what the app says, as frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

VERSIONS = (1,)
"""What this app speaks, newest first; N and N-1 once there is a second one."""
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


@dataclass(frozen=True, kw_only=True)
class EpochBegun:
    """A register's history began anew."""

    stall_id: str
    number: int
    register_wh: int
    reason: str
    serial: str | None


@dataclass(frozen=True, kw_only=True)
class BuildingSlice:
    """What the building's own meters counted; None where there is no meter."""

    start: datetime
    end: datetime
    import_wh: int | None
    export_wh: int | None
    pv_wh: int | None
    estimated: bool


type RecordBody = SessionAuthorised | SessionStarted | SliceCut | SessionEnded | Denied | EpochBegun | BuildingSlice


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
    """Stalls that changed."""

    stalls: tuple[LiveStall, ...]


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
class Complaint:
    """The integration could not use what the app said."""

    code: str
    message: str


type Message = Hello | BuildingChanged | Records | Live | Answer | OfficeTicket | Complaint


# --- what the app sends ------------------------------------------------------------------------------------------


def _frame(kind: str, **fields: object) -> dict[str, object]:
    return {"v": VERSIONS[0], "type": kind, **fields}


def welcome(version: int, ack_seq: int) -> dict[str, object]:
    """Answer to `hello`."""
    return _frame("welcome", version=version, ack_seq=ack_seq)


def ack(incarnation: str, ack_seq: int) -> dict[str, object]:
    """Records up to `ack_seq` are committed in the books."""
    return _frame("ack", incarnation=incarnation, ack_seq=ack_seq)


def ask(ask_id: str, what: str, body: Mapping[str, object]) -> dict[str, object]:
    """Ask the integration to decide something."""
    return _frame("ask", id=ask_id, what=what, body=dict(body))


def tell_blocked(resident_ids: Sequence[str]) -> dict[str, object]:
    """Tell the full list of residents the manager blocked."""
    return _frame("tell", what="blocked", body={"resident_ids": list(resident_ids)})


def tell_cost(session_id: str, amount_minor: int, currency: str) -> dict[str, object]:
    """Tell what a session costs so far, for display only."""
    body = {"session_id": session_id, "amount_minor": amount_minor, "currency": currency}
    return _frame("tell", what="cost", body=body)


def error(code: str, message: str, **more: object) -> dict[str, object]:
    """Refuse a message."""
    return _frame("error", code=code, message=message, **more)


def rfc3339(at: datetime) -> str:
    """Write an instant as the link does."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
