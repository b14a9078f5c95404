"""Reads the integration's frames. What is not exactly a message of `docs/link.md` is refused whole."""

from collections.abc import Callable, Mapping
from functools import partial
import json
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .fields import BadMessage, Fields
from .messages import (
    MAX_RECORDS,
    VERSIONS,
    Answer,
    BuildingChanged,
    BuildingInfo,
    CardsTold,
    Complaint,
    Denied,
    EpochBegun,
    Hello,
    Live,
    LiveSession,
    LiveStall,
    Message,
    OfficeTicket,
    Record,
    RecordBody,
    Records,
    ResidentInfo,
    SessionAuthorised,
    SessionEnded,
    SessionStarted,
    SliceCut,
    StallInfo,
)
from .series import read_building_slice, read_price_names, read_prices_now, read_signed_value
from .tells import TELLS


class UnsupportedVersion(BadMessage):
    """No version in common."""


def parse(frame: str, *, speaking: int | None) -> Message:
    """Read one frame. `speaking` is the agreed version, None before `hello`. Raises `BadMessage`."""
    try:
        decoded = json.loads(frame, parse_constant=_no_constant)
    except ValueError, RecursionError:
        raise BadMessage("message", frame, "one JSON object") from None
    fields = Fields(decoded)
    version = fields.raw("v")
    if isinstance(version, bool) or version not in ((speaking,) if speaking else VERSIONS):
        raise UnsupportedVersion("v", version, " or ".join(str(known) for known in VERSIONS))
    kind = fields.text("type")
    reader = _READERS.get(kind)
    if reader is None:
        raise BadMessage("type", kind, ", ".join(_READERS))
    message = reader(fields)
    fields.done()
    return message


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _hello(fields: Fields) -> Hello:
    versions = fields.raw("versions")
    if not isinstance(versions, list) or not all(isinstance(one, int) for one in versions) or len(versions) > 16:
        raise BadMessage("versions", versions, "a list of integers")
    if not set(versions) & set(VERSIONS):
        # Before anything else: the rest of a newer hello may well be unreadable.
        raise UnsupportedVersion("versions", versions, " or ".join(str(known) for known in VERSIONS))
    return Hello(
        versions=tuple(versions),
        incarnation=fields.text("incarnation"),
        head_seq=fields.whole("head_seq"),
        building=_building(fields.child("building")),
    )


def _building(fields: Fields) -> BuildingInfo:
    info = BuildingInfo(
        id=fields.text("id"),
        name=fields.text("name", 200),
        currency=fields.text("currency", 3),
        time_zone=fields.text("time_zone"),
        fuse_a=fields.whole("fuse_a"),
        stalls=tuple(_stall(child) for child in fields.children("stalls", 500)),
        residents=tuple(_resident(child) for child in fields.children("residents", 5000)),
        price_series=fields.newer("price_series", lambda name: read_price_names(fields, name)),
    )
    fields.done()
    try:
        ZoneInfo(info.time_zone)
    except ZoneInfoNotFoundError, ValueError, OSError:
        raise fields.refuse("time_zone", info.time_zone, "an IANA time zone such as Europe/Berlin") from None
    if not (len(info.currency) == 3 and info.currency.isascii() and info.currency.isupper()):
        raise fields.refuse("currency", info.currency, "an ISO 4217 code such as EUR")
    for name, ids in (("stalls", [s.id for s in info.stalls]), ("residents", [r.id for r in info.residents])):
        if len(set(ids)) != len(ids):
            raise fields.refuse(name, ids, "each id once")
    return info


def _stall(fields: Fields) -> StallInfo:
    info = StallInfo(
        id=fields.text("id"),
        name=fields.text("name", 200),
        connector=fields.text("connector"),
        max_current_a=fields.whole("max_current_a"),
        phases=fields.whole("phases"),
        lock_quality=fields.text("lock_quality", 32),
        billable=fields.flag("billable"),
        card_reader=fields.newer("card_reader", fields.flag),
    )
    fields.done()
    return info


def _resident(fields: Fields) -> ResidentInfo:
    info = ResidentInfo(
        id=fields.text("id"),
        name=fields.text("name", 200),
        ha_user_id=fields.optional("ha_user_id", fields.text),
        blocked=fields.flag("blocked"),
    )
    fields.done()
    return info


def _building_changed(fields: Fields) -> BuildingChanged:
    return BuildingChanged(building=_building(fields.child("building")))


def _records(fields: Fields) -> Records:
    incarnation = fields.text("incarnation")
    records = tuple(_record(child) for child in fields.children("records", MAX_RECORDS))
    for place, record in enumerate(records):
        expected = records[0].seq + place
        if record.seq != expected:
            raise BadMessage(f"records[{place}].seq", record.seq, f"{expected}: ascending without gaps")
    return Records(incarnation=incarnation, records=records)


def _record(fields: Fields) -> Record:
    kind = fields.text("kind", 32)
    reader = _BODIES.get(kind)
    if reader is None:
        raise fields.refuse("kind", kind, ", ".join(_BODIES))
    raw = fields.raw("body")
    body_fields = Fields(raw, f"{kind}.body")
    body = reader(body_fields)
    body_fields.done()
    record = Record(
        seq=fields.whole("seq", 1),
        kind=kind,
        at=fields.time("at"),
        body=body,
        body_json=json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    )
    fields.done()
    return record


def _session_authorised(fields: Fields) -> SessionAuthorised:
    return SessionAuthorised(
        session_id=fields.text("session_id"),
        stall_id=fields.text("stall_id"),
        resident_id=fields.text("resident_id"),
        credential_kind=fields.text("credential_kind", 16),
        mode=fields.text("mode", 16),
        plug_epoch=fields.optional("plug_epoch", fields.whole),
        credential_id=fields.newer("credential_id", fields.text),
        cap_wh=fields.newer("cap_wh", fields.whole),
    )


def _session_started(fields: Fields) -> SessionStarted:
    return SessionStarted(
        session_id=fields.text("session_id"),
        stall_id=fields.text("stall_id"),
        plug_epoch=fields.whole("plug_epoch"),
        register_start_wh=fields.optional("register_start_wh", fields.whole),
    )


def _slice(fields: Fields) -> SliceCut:
    cut = SliceCut(
        stall_id=fields.text("stall_id"),
        session_id=fields.optional("session_id", fields.text),
        epoch=fields.whole("epoch"),
        start=fields.time("start"),
        end=fields.time("end"),
        register_start_wh=fields.whole("register_start_wh"),
        register_end_wh=fields.whole("register_end_wh"),
        charging_s=fields.whole("charging_s"),
        suspended_s=fields.whole("suspended_s"),
        limit_a=fields.whole("limit_a"),
        estimated=fields.flag("estimated"),
    )
    if cut.register_end_wh < cut.register_start_wh:
        raise fields.refuse("register_end_wh", cut.register_end_wh, f"at least {cut.register_start_wh}, the start")
    if cut.end < cut.start:
        raise fields.refuse("end", cut.end.isoformat(), "not before start")
    return cut


def _session_ended(fields: Fields) -> SessionEnded:
    return SessionEnded(
        session_id=fields.text("session_id"),
        stall_id=fields.text("stall_id"),
        stop_reason=fields.text("stop_reason", 32),
        register_start_wh=fields.optional("register_start_wh", fields.whole),
        register_end_wh=fields.optional("register_end_wh", fields.whole),
        energy_wh=fields.whole("energy_wh"),
    )


def _denied(fields: Fields) -> Denied:
    return Denied(
        stall_id=fields.text("stall_id"),
        credential_kind=fields.text("credential_kind", 16),
        reason=fields.text("reason", 32),
        resident_id=fields.optional("resident_id", fields.text),
        credential_id=fields.newer("credential_id", fields.text),
    )


def _epoch(fields: Fields) -> EpochBegun:
    return EpochBegun(
        stall_id=fields.text("stall_id"),
        number=fields.whole("number"),
        register_wh=fields.whole("register_wh"),
        reason=fields.text("reason", 16),
        serial=fields.optional("serial", fields.text),
    )


def _live(fields: Fields) -> Live:
    return Live(
        stalls=tuple(_live_stall(child) for child in fields.children("stalls", 500)),
        prices=read_prices_now(fields, "prices"),
    )


def _live_stall(fields: Fields) -> LiveStall:
    session = fields.optional("session", fields.child)
    stall = LiveStall(
        stall_id=fields.text("stall_id"),
        status=fields.text("status", 32),
        plugged=fields.flag("plugged"),
        plug_epoch=fields.whole("plug_epoch"),
        plugged_at=fields.optional("plugged_at", fields.time),
        power_w=fields.optional("power_w", fields.number),
        offered_a=fields.number("offered_a"),
        limit_reason=fields.text("limit_reason", 32),
        session=None if session is None else _live_session(session),
    )
    fields.done()
    return stall


def _live_session(fields: Fields) -> LiveSession:
    session = LiveSession(
        session_id=fields.text("session_id"),
        resident_id=fields.text("resident_id"),
        mode=fields.text("mode", 16),
        authorised_at=fields.time("authorised_at"),
        started_at=fields.optional("started_at", fields.time),
        energy_wh=fields.whole("energy_wh"),
        credential_kind=fields.newer("credential_kind", partial(fields.text, max_length=16)),
        credential_id=fields.newer("credential_id", fields.text),
        cap_wh=fields.newer("cap_wh", fields.whole),
    )
    fields.done()
    return session


def _answer(fields: Fields) -> Answer:
    answer_id = fields.text("id")
    if fields.flag("ok"):
        result = fields.raw("result")
        if not isinstance(result, dict):
            raise BadMessage("result", result, "an object")
        return Answer(id=answer_id, ok=True, result=result, code="", message="")
    error = fields.child("error")
    answer = Answer(
        id=answer_id, ok=False, result={}, code=error.text("code"), message=error.text("message", 500, empty=True)
    )
    error.done()
    return answer


def _tell(fields: Fields) -> OfficeTicket | CardsTold:
    what = fields.text("what")
    reader = TELLS.get(what)
    if reader is None:
        raise BadMessage("what", what, ", ".join(TELLS))
    body = fields.child("body")
    told = reader(body)
    body.done()
    return told


def _complaint(fields: Fields) -> Complaint:
    return Complaint(code=fields.text("code"), message=fields.text("message", 500, empty=True))


_READERS: Mapping[str, Callable[[Fields], Message]] = {
    "hello": _hello,
    "building": _building_changed,
    "records": _records,
    "live": _live,
    "answer": _answer,
    "tell": _tell,
    "error": _complaint,
}

_BODIES: Mapping[str, Callable[[Fields], RecordBody]] = {
    "session_authorised": _session_authorised,
    "session_started": _session_started,
    "slice": _slice,
    "session_ended": _session_ended,
    "denied": _denied,
    "epoch": _epoch,
    "building_slice": read_building_slice,
    "signed_value": read_signed_value,
}
