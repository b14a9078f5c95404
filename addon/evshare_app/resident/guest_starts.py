"""A guest's start: the single-use intent their page holds, and what of the pass goes along with the ask.

As `intents.py` for residents. That the pass is still good for it is looked at in the transaction that uses the intent
up, so of two phones with a pass for one use only one gets as far as being asked for.
"""

from dataclasses import dataclass
from datetime import datetime
import json

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..books.access_tables import guest_intent, guest_pass
from ..books.building import the_building
from ..model import StallId, from_ms, to_ms
from ..tokens import digest, new_token
from .guest_phones import Guest
from .intents import INTENT_LIFE, IntentInvalid
from .passes import Pass, PassSession, PassState, as_pass, pass_sessions, stalls_for, standing
from .people import person


@dataclass(frozen=True, kw_only=True)
class GuestClaim:
    """A start that may be asked for; with `said` it is decided already."""

    request_id: str
    plug_epoch: int | None
    expires: datetime
    said: str | None
    cap_wh: int | None
    """What the pass is still good for; None: no limit."""


def hold_guest_intent(
    conn: Connection,
    guest: Guest,
    stall_id: StallId,
    *,
    plug_epoch: int | None,
    tariff_version: str,
    now: datetime,
) -> str:
    """Return the nonce for a page that shows a stall as it is now."""
    nonce = new_token(128)
    conn.execute(
        insert(guest_intent).values(
            building_id=the_building(conn).building_id,
            nonce_hash=digest(nonce),
            guest_phone_id=guest.guest_phone_id,
            pass_id=guest.pass_.pass_id,
            stall_id=stall_id,
            plug_epoch=plug_epoch,
            tariff_version=tariff_version,
            created_ms=to_ms(now),
            expires_ms=to_ms(now + INTENT_LIFE),
        )
    )
    return nonce


def claim_guest_start(
    conn: Connection,
    guest: Guest,
    stall_id: StallId,
    *,
    nonce: str,
    request_id: str,
    now: datetime,
    busy: bool = False,
) -> GuestClaim:
    """Use the intent up for this request, or find what the same request was answered. Raises `IntentInvalid`.

    What the pass does not allow is answered here; an unanswered request may be asked again while the pass holds.
    `busy` says that a session is seen to run on the pass, which the books may not know yet.
    """
    mine = (
        guest_intent.c.nonce_hash == digest(nonce),
        guest_intent.c.guest_phone_id == guest.guest_phone_id,
        guest_intent.c.stall_id == stall_id,
    )
    try:
        fresh = conn.execute(
            update(guest_intent)
            .where(*mine, guest_intent.c.used_ms.is_(None), guest_intent.c.expires_ms > to_ms(now))
            .values(used_ms=to_ms(now), request_id=request_id)
        ).rowcount
    except IntegrityError:
        # The request id belongs to another intent: a page that makes ids twice is not one of ours.
        raise IntentInvalid from None
    row = conn.execute(select(guest_intent).where(*mine, guest_intent.c.request_id == request_id)).one_or_none()
    if row is None:
        raise IntentInvalid
    said, cap_wh = json.loads(row.response_json)["said"] if row.response_json else None, None
    if said is None:
        # As it is now: it may have been revoked since the phone was recognised.
        pass_ = as_pass(conn.execute(select(guest_pass).where(guest_pass.c.pass_id == guest.pass_.pass_id)).one())
        state, spent, left = standing(conn, pass_, now, {}, without=request_id)
        cap_wh = left.wh
        if state in (PassState.REVOKED, PassState.OVER):
            said = "pass_expired"
        elif fresh:
            # What is asked once more was counted the first time; what came of it the house knows by its id.
            said = _why_not(conn, pass_, stall_id, state, now, busy=busy or spent.open)
        if said is not None:
            _keep_answer(conn, request_id, said)
    return GuestClaim(
        request_id=request_id, plug_epoch=row.plug_epoch, expires=from_ms(row.expires_ms), said=said, cap_wh=cap_wh
    )


def answer_guest_start(conn: Connection, request_id: str, said: str, session_id: str = "") -> str:
    """Keep what the house answered a request, and return it; `session_id` is of the session that began (``started``).

    Returns ``revoked`` for a session that began with a pass that was withdrawn meanwhile: it has to be ended.
    """
    revoked_ms = conn.scalar(
        select(guest_pass.c.revoked_ms).join(guest_intent).where(guest_intent.c.request_id == request_id)
    )
    if said == "started" and revoked_ms is not None:
        _keep_answer(conn, request_id, "pass_expired")
        return "revoked"
    _keep_answer(conn, request_id, said, session_id)
    return said


def sessions_started_by(conn: Connection, guest: Guest) -> list[PassSession]:
    """Return the sessions this phone began: others with the same pass have theirs."""
    answers = conn.scalars(
        select(guest_intent.c.response_json).where(
            guest_intent.c.guest_phone_id == guest.guest_phone_id, guest_intent.c.response_json.is_not(None)
        )
    )
    own = {json.loads(answer)["session_id"] for answer in answers}
    return [one for one in pass_sessions(conn, guest.pass_.pass_id) if one.session_id in own]


def _keep_answer(conn: Connection, request_id: str, said: str, session_id: str = "") -> None:
    answer = json.dumps({"said": said, "session_id": session_id})
    conn.execute(update(guest_intent).where(guest_intent.c.request_id == request_id).values(response_json=answer))


def _why_not(
    conn: Connection, pass_: Pass, stall_id: StallId, state: PassState, now: datetime, *, busy: bool
) -> str | None:
    host = person(conn, pass_.resident_id)
    if not host.here(now) or host.away(now) or host.blocked:
        return "blocked_resident"
    if busy:
        return "quota"
    if state is not PassState.VALID:
        return "pass_expired"
    allowed = stalls_for(conn, pass_)
    return "wrong_stall" if allowed is not None and stall_id not in allowed else None
