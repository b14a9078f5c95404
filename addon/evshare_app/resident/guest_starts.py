"""A guest's start: what of the pass goes along with the ask.

That the pass is still good for it is looked at in the transaction that uses the page's intent up, so of two phones with
a pass for one use only one gets as far as being asked for.
"""

from dataclasses import dataclass
from datetime import datetime
import json

from sqlalchemy import Connection, select

from ..books.access_tables import guest_intent, guest_pass
from ..model import StallId
from .guest_phones import Guest
from .intents import Claim, answer_intent, claim_intent
from .passes import Pass, PassSession, PassState, as_pass, pass_sessions, stalls_for, standing
from .people import person


@dataclass(frozen=True, kw_only=True)
class GuestClaim:
    """A start that may be asked for; with `said` it is decided already."""

    claim: Claim
    said: str | None
    cap_wh: int | None
    """What the pass is still good for; None: no limit."""


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
    claim = claim_intent(conn, guest, stall_id, nonce=nonce, request_id=request_id, now=now)
    if claim.answer is not None:
        return GuestClaim(claim=claim, said=str(claim.answer["said"]), cap_wh=None)
    # As it is now: it may have been revoked since the phone was recognised.
    pass_ = as_pass(conn.execute(select(guest_pass).where(guest_pass.c.pass_id == guest.pass_.pass_id)).one())
    state, spent, left = standing(conn, pass_, now, {}, without=request_id)
    said = None
    if state in (PassState.REVOKED, PassState.OVER):
        said = "pass_expired"
    elif claim.is_first:
        # What is asked once more was counted the first time; what came of it the house knows by its id.
        said = _why_not(conn, pass_, stall_id, state, now, busy=busy or spent.open)
    if said is not None:
        _keep_answer(conn, guest, request_id, said)
    return GuestClaim(claim=claim, said=said, cap_wh=left.wh)


def answer_guest_start(conn: Connection, guest: Guest, request_id: str, said: str, session_id: str = "") -> str:
    """Keep what the house answered a request, and return it; `session_id` is of the session that began (``started``).

    Returns ``revoked`` for a session that began with a pass that was withdrawn meanwhile: it has to be ended.
    """
    revoked = select(guest_pass.c.revoked_ms).where(guest_pass.c.pass_id == guest.pass_.pass_id)
    if said == "started" and conn.scalar(revoked) is not None:
        _keep_answer(conn, guest, request_id, "pass_expired")
        return "revoked"
    _keep_answer(conn, guest, request_id, said, session_id)
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


def _keep_answer(conn: Connection, guest: Guest, request_id: str, said: str, session_id: str = "") -> None:
    answer_intent(conn, guest, request_id, {"said": said, "session_id": session_id})


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
