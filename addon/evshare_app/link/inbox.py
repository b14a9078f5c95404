"""Takes what the link delivered into the books: the building as it is, and the records with their effects.

Every function runs inside one transaction of the books. Records are kept as they came, once per (incarnation, seq).
Their effects are taken by what they are about (session id, register range), not by their number: a restored Home
Assistant backup is a new incarnation that tells some of its history again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
import json
import logging

from sqlalchemy import Connection, func, insert, select, update

from ..books.building import the_building
from ..books.payers import payer_at, plan_at
from ..books.schema import building as building_table
from ..books.schema import meter_epoch, office_ticket, record, session, slice_
from ..books.schema import resident as resident_table
from ..books.schema import stall as stall_table
from ..model import BuildingId, ResidentId, SessionId, StallId, to_ms
from ..resident.passes import pinned_account
from ..resident.people import add_resident, apply_residents
from ..resident.prepaid import note_low_balance
from ..resident.session_notices import CARD, note_denied, note_ended, note_started
from ..resident.waiting import end_by_start
from ..tariff.cdr import rate_ended_session
from ..tariff.store import ensure_default, tariff_in_force
from ..tokens import new_stall_code
from .fields import BadMessage
from .messages import (
    BuildingInfo,
    Denied,
    EpochBegun,
    OfficeTicket,
    Record,
    SessionAuthorised,
    SessionEnded,
    SessionStarted,
    SliceCut,
    StallInfo,
)
from .series import BuildingSlice, SignedValue
from .series_inbox import take_building_slice, take_signed_value

_LOGGER = logging.getLogger(__name__)
_RECORD, _SLICE = insert(record), insert(slice_)
"""Made once: a year's records are some hundred thousand."""


class Gap(Exception):
    """A batch does not continue where the books end."""

    def __init__(self, ack_seq: int) -> None:
        super().__init__(f"records continue at {ack_seq + 1}")
        self.ack_seq = ack_seq


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a batch."""

    ack_seq: int
    """Highest contiguous seq the books have of this incarnation."""
    ended: tuple[str, ...] = ()
    """Sessions this batch ended."""


def apply_building(conn: Connection, info: BuildingInfo, now: datetime) -> None:
    """Make building, stalls and residents be what the integration says. Raises `BadMessage` for another building."""
    present = conn.execute(select(building_table)).one_or_none()
    if present is not None and present.building_id != info.id:
        raise BadMessage("building.id", info.id, f"{present.building_id}: these books belong to that building")
    if present is not None and present.currency != info.currency:
        raise BadMessage("building.currency", info.currency, f"{present.currency}: these books are kept in it")
    described: dict[str, object] = {"name": info.name, "time_zone": info.time_zone, "fuse_a": info.fuse_a}
    if info.price_series is not None:
        described["price_series"] = json.dumps(info.price_series, ensure_ascii=False)
    if present is None:
        conn.execute(insert(building_table).values(building_id=info.id, currency=info.currency, **described))
        ensure_default(conn, info.currency, now)
    else:
        conn.execute(update(building_table).values(**described))
    building_id = BuildingId(info.id)
    _apply_stalls(conn, building_id, info.stalls, now)
    residents = [(ResidentId(each.id), each.name, each.ha_user_id) for each in info.residents]
    apply_residents(conn, building_id, residents, now)


def _apply_stalls(conn: Connection, building_id: BuildingId, stalls: Sequence[StallInfo], now: datetime) -> None:
    known = set(conn.scalars(select(stall_table.c.stall_id)))
    for stall in stalls:
        if stall.id not in known:
            _add_stall(conn, building_id, stall.id, None)
        conn.execute(
            update(stall_table)
            .where(stall_table.c.stall_id == stall.id)
            .values(
                name=stall.name,
                connector=stall.connector,
                max_current_a=stall.max_current_a,
                phases=stall.phases,
                lock_quality=stall.lock_quality,
                billable=int(stall.billable),
                removed_ms=None,
                **({} if stall.card_reader is None else {"card_reader": int(stall.card_reader)}),
            )
        )
    conn.execute(
        update(stall_table)
        .where(stall_table.c.stall_id.not_in([stall.id for stall in stalls]), stall_table.c.removed_ms.is_(None))
        .values(removed_ms=to_ms(now))
    )


def _add_stall(conn: Connection, building_id: BuildingId, stall_id: str, removed: datetime | None) -> None:
    conn.execute(
        insert(stall_table).values(
            building_id=building_id,
            stall_id=stall_id,
            name=stall_id,
            connector="unknown",
            max_current_a=0,
            lock_quality="monitor",
            billable=0,
            qr_code=new_stall_code(),
            removed_ms=None if removed is None else to_ms(removed),
        )
    )


def acknowledged(conn: Connection, incarnation: str) -> int:
    """Return the highest contiguous seq of an incarnation, 0 if none. Gaps are never taken, so it is the highest."""
    return conn.scalar(select(func.max(record.c.seq)).where(record.c.incarnation == incarnation)) or 0


def take_records(conn: Connection, incarnation: str, records: Sequence[Record], now: datetime) -> Taken:
    """Take a batch with all its effects; what the books already have is skipped. Raises `Gap`."""
    have = acknowledged(conn, incarnation)
    if records and records[0].seq > have + 1:
        raise Gap(have)
    building_id = the_building(conn).building_id
    ended: list[str] = []
    for each in records:
        if each.seq <= have:
            continue
        conn.execute(
            _RECORD,
            {
                "building_id": building_id,
                "incarnation": incarnation,
                "seq": each.seq,
                "kind": each.kind,
                "at_ms": to_ms(each.at),
                "body_json": each.body_json,
                "received_ms": to_ms(now),
            },
        )
        have = each.seq
        _take_effect(conn, building_id, each, now)
        if isinstance(each.body, SessionEnded):
            ended.append(each.body.session_id)
    return Taken(ack_seq=have, ended=tuple(ended))


def take_ticket(conn: Connection, ticket: OfficeTicket) -> None:
    """Keep a ticket into the office until it is used or too old."""
    known = conn.scalar(select(office_ticket.c.user_id).where(office_ticket.c.ticket_hash == ticket.ticket_hash))
    if known is None:
        conn.execute(
            insert(office_ticket).values(
                building_id=the_building(conn).building_id,
                ticket_hash=ticket.ticket_hash,
                user_id=ticket.user_id,
                name=ticket.name,
                expires_ms=to_ms(ticket.expires_at),
            )
        )


# --- effects -----------------------------------------------------------------------------------------------------


def _take_effect(conn: Connection, building_id: BuildingId, taken: Record, now: datetime) -> None:
    body = taken.body
    if not isinstance(body, BuildingSlice):
        _know_stall(conn, building_id, body.stall_id, taken.at)
    match body:
        case SessionAuthorised():
            _session_authorised(conn, building_id, body, taken.at)
        case SessionStarted():
            _session_started(conn, body, taken.at)
            end_by_start(conn, body.session_id, taken.at)
            note_started(conn, body.session_id, taken.at, now)
        case SliceCut():
            _slice_cut(conn, building_id, body, now)
        case SessionEnded():
            _session_ended(conn, body, taken.at, now)
            note_ended(conn, body.session_id, taken.at, now)
            note_low_balance(conn, body.session_id, now)
        case EpochBegun():
            _epoch_begun(conn, building_id, body, taken.at)
        case BuildingSlice():
            take_building_slice(conn, building_id, body)
        case SignedValue():
            take_signed_value(conn, body, now)
        case Denied():
            if body.credential_kind == CARD:
                note_denied(conn, body.resident_id, body.credential_id, body.stall_id, body.reason, taken.at, now)


def _know_stall(conn: Connection, building_id: BuildingId, stall_id: str, at: datetime) -> None:
    # Thirteen months of records may name stalls and residents that were gone before these books began.
    if conn.scalar(select(stall_table.c.stall_id).where(stall_table.c.stall_id == stall_id)) is None:
        _add_stall(conn, building_id, stall_id, at)


def _session_authorised(conn: Connection, building_id: BuildingId, body: SessionAuthorised, at: datetime) -> None:
    if _known_session(conn, body.session_id):
        return
    resident_id = ResidentId(body.resident_id)
    if conn.scalar(select(resident_table.c.resident_id).where(resident_table.c.resident_id == resident_id)) is None:
        add_resident(conn, building_id, resident_id, resident_id, removed=at)
    account_id = pinned_account(conn, body.credential_kind, body.credential_id) or payer_at(conn, resident_id, at)
    conn.execute(
        insert(session).values(
            building_id=building_id,
            session_id=body.session_id,
            stall_id=body.stall_id,
            resident_id=resident_id,
            credential_kind=body.credential_kind,
            mode=body.mode,
            tariff_version=tariff_in_force(conn, at, plan_at(conn, account_id, at).family).version_id,
            authorised_ms=to_ms(at),
            credential_id=body.credential_id,
            cap_wh=body.cap_wh,
            account_id=account_id,
        )
    )


def _session_started(conn: Connection, body: SessionStarted, at: datetime) -> None:
    conn.execute(
        update(session)
        .where(session.c.session_id == body.session_id, session.c.started_ms.is_(None))
        .values(started_ms=to_ms(at), register_start_wh=body.register_start_wh)
    )


def _slice_cut(conn: Connection, building_id: BuildingId, body: SliceCut, now: datetime) -> None:
    of_register = slice_.c.stall_id == body.stall_id, slice_.c.epoch == body.epoch
    # Found in an index, for a register has a hundred thousand slices: the last value, and when it was last shown.
    shown_wh = select(func.max(slice_.c.register_end_wh)).where(*of_register).scalar_subquery()
    last = conn.execute(
        select(slice_.c.register_end_wh.label("register_wh"), func.max(slice_.c.end_ms).label("end_ms"))
        .where(*of_register, slice_.c.register_end_wh == shown_wh)
        .group_by(slice_.c.register_end_wh)
    ).one_or_none()
    start_wh, start_ms = body.register_start_wh, to_ms(body.start)
    if last is not None and start_wh < last.register_wh:
        # A register only goes up within an epoch, so this was counted before (by another incarnation).
        if body.register_end_wh <= last.register_wh:
            return
        start_wh, start_ms = last.register_wh, min(max(start_ms, last.end_ms), to_ms(body.end))
    elif last is not None and body.register_end_wh == last.register_wh and to_ms(body.end) <= last.end_ms:
        return
    session_id = body.session_id
    if session_id is not None and not _takes(conn, session_id, body.epoch, start_wh):
        # It was never authorised here, or does not go on where it ended: it must be seen, and nobody can be billed.
        _LOGGER.warning("A slice does not belong to session %s: its energy is unattributed", session_id)
        session_id = None
    conn.execute(
        _SLICE,
        {
            "building_id": building_id,
            "session_id": session_id,
            "stall_id": body.stall_id,
            "epoch": body.epoch,
            "start_ms": start_ms,
            "end_ms": to_ms(body.end),
            "register_start_wh": start_wh,
            "register_end_wh": body.register_end_wh,
            "charging_s": body.charging_s,
            "suspended_s": body.suspended_s,
            "limit_a": body.limit_a,
            "estimated": int(body.estimated),
        },
    )
    if session_id is not None and _open_session(conn, session_id):
        conn.execute(
            update(session)
            .where(session.c.session_id == session_id)
            .values(energy_wh=session.c.energy_wh + body.register_end_wh - start_wh)
        )
    elif session_id is not None:
        _came_late(conn, SessionId(session_id), body.register_end_wh, now)


def _came_late(conn: Connection, session_id: SessionId, register_wh: int, now: datetime) -> None:
    """Bill a slice of a session that ended before: it was missing in what the session said, or is more than that.

    `register_wh` is where that slice ends.
    """
    used = func.sum(slice_.c.register_end_wh - slice_.c.register_start_wh)
    used_wh = conn.scalar(select(used).where(slice_.c.session_id == session_id))
    conn.execute(
        update(session)
        .where(session.c.session_id == session_id, session.c.energy_wh < used_wh)
        .values(energy_wh=used_wh, register_end_wh=register_wh)
    )
    rate_ended_session(conn, session_id, now)


def _session_ended(conn: Connection, body: SessionEnded, at: datetime, now: datetime) -> None:
    if not _open_session(conn, body.session_id):
        return
    conn.execute(
        update(session)
        .where(session.c.session_id == body.session_id)
        .values(
            ended_ms=to_ms(at),
            stop_reason=body.stop_reason,
            register_start_wh=body.register_start_wh,
            register_end_wh=body.register_end_wh,
            # What the stall says it was; rating bills it only if the slices prove it.
            energy_wh=body.energy_wh,
        )
    )
    rate_ended_session(conn, SessionId(body.session_id), now)


def _epoch_begun(conn: Connection, building_id: BuildingId, body: EpochBegun, at: datetime) -> None:
    known = conn.scalar(
        select(meter_epoch.c.number).where(
            meter_epoch.c.stall_id == StallId(body.stall_id), meter_epoch.c.number == body.number
        )
    )
    if known is None:
        conn.execute(
            insert(meter_epoch).values(
                building_id=building_id,
                stall_id=body.stall_id,
                number=body.number,
                started_ms=to_ms(at),
                register_wh=body.register_wh,
                reason=body.reason,
                serial=body.serial,
            )
        )


def _known_session(conn: Connection, session_id: str) -> bool:
    return conn.scalar(select(session.c.session_id).where(session.c.session_id == session_id)) is not None


def _takes(conn: Connection, session_id: str, epoch: int, start_wh: int) -> bool:
    """Return whether a slice is this session's: it is open, or the slice came late and goes on where it ended."""
    if _open_session(conn, session_id):
        return True
    shown_wh = select(func.max(slice_.c.register_end_wh)).where(
        slice_.c.session_id == session_id, slice_.c.epoch == epoch
    )
    return bool(conn.scalar(shown_wh) == start_wh)


def _open_session(conn: Connection, session_id: str) -> bool:
    open_ = select(session.c.session_id).where(session.c.session_id == session_id, session.c.ended_ms.is_(None))
    return conn.scalar(open_) is not None
