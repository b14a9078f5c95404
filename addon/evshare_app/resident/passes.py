"""Guest passes: what a resident, or the manager, gives to visitors so that they can charge without an account.

A pass names stalls, a time, a number of uses, energy or money or both, and who pays: the host, or all owners together
for whoever works for the house. The host answers for it either way. What was had of it is counted from the sessions
there were and the starts on their way, never kept as a number: so a start the house refused, or that no car came to, is
a use again by itself. Who may charge is the integration's to decide; the pass goes along with the ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
import json
from typing import Any

from sqlalchemy import Connection, Row, Subquery, func, select

from ..books.access_tables import guest_intent, guest_pass, guest_phone
from ..books.building import the_building
from ..books.common import common_account
from ..books.schema import cdr, session
from ..books.schema import stall as stall_table
from ..model import AccountId, ResidentId, to_ms
from ..money import Money
from ..tariff.running import running_cost
from .people import person
from .rules import left_wh, rule_of

_LEAST_WH = 100
"""With less than this left a pass is used up."""
_UNSURE = timedelta(minutes=3)
"""How long a start without an answer counts as one: the house begins with it within a minute or not at all."""
_MOST_LISTED = 200


class Payer(StrEnum):
    """Who pays for what is charged with a pass. Guests who pay by card need a charge for one session."""

    HOST = "host"
    BUILDING = "building"
    """All owners together; only the manager makes such a pass."""


class PassState(StrEnum):
    """What a pass is good for."""

    VALID = "valid"
    USED_UP = "used_up"
    OVER = "over"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class Pass:
    """A pass as it was made."""

    pass_id: str
    resident_id: ResidentId
    """Whose guest."""
    label: str
    payer: Payer
    stall_ids: tuple[str, ...] | None
    cap_wh: int | None
    cap_minor: int | None
    uses: int
    shows_host: bool
    by_office: bool
    created_ms: int
    expires_ms: int
    revoked_ms: int | None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What was had of a pass."""

    uses: int
    energy_wh: int
    cost: Money
    open: bool
    """A session runs, or a start is on its way."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a pass is still good for."""

    uses: int
    wh: int | None
    """By both caps, at the highest price in force; None: no limit, energy costs nothing."""
    cap_wh: int | None
    """Of the cap in energy; None where there is none."""
    minor: int | None
    """Of the cap in money; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class PassLine:
    """A pass and how it stands."""

    pass_: Pass
    host: str
    state: PassState
    spent: Spent
    left: Left
    phones: int

    @property
    def is_current(self) -> bool:
        """Whether its time is not over and nobody withdrew it."""
        return self.state in (PassState.VALID, PassState.USED_UP)


@dataclass(frozen=True, kw_only=True)
class PassSession:
    """A session that was charged with a pass."""

    session_id: str
    stall: str
    started_ms: int
    ended_ms: int | None
    energy_wh: int
    cost: Money | None
    """None while it is not rated, and where there is nothing to bill."""


# --- how passes stand --------------------------------------------------------------------------------------------


def pass_lines(
    conn: Connection,
    now: datetime,
    running_wh: Mapping[str, int] | None = None,
    *,
    resident_id: ResidentId | None = None,
) -> list[PassLine]:
    """Return the passes of a resident, or all of them: those that may be good first, and then the newest.

    `running_wh` is what running sessions have used, where that is known better than by the books.
    """
    # However many were made and withdrawn since, none that is good is left out.
    is_current = guest_pass.c.revoked_ms.is_(None) & (guest_pass.c.expires_ms > to_ms(now))
    wanted = (
        select(guest_pass)
        .order_by(is_current.desc(), guest_pass.c.created_ms.desc(), guest_pass.c.pass_id)
        .limit(_MOST_LISTED)
    )
    if resident_id is not None:
        wanted = wanted.where(guest_pass.c.resident_id == resident_id)
    return [standing_line(conn, as_pass(row), now, running_wh or {}) for row in conn.execute(wanted).all()]


def pass_line(
    conn: Connection,
    pass_id: str,
    now: datetime,
    running_wh: Mapping[str, int] | None = None,
    *,
    resident_id: ResidentId | None = None,
) -> PassLine | None:
    """Return one pass, if it is this resident's (or without one, anyone's)."""
    row = conn.execute(select(guest_pass).where(guest_pass.c.pass_id == pass_id)).one_or_none()
    if row is None or (resident_id is not None and row.resident_id != resident_id):
        return None
    return standing_line(conn, as_pass(row), now, running_wh or {})


def pass_sessions(conn: Connection, pass_id: str) -> list[PassSession]:
    """Return what was charged with a pass, the newest first."""
    rated = _rated()
    rows = conn.execute(
        select(session, stall_table.c.name.label("stall"), rated.c.gross_minor, rated.c.currency)
        .join(stall_table, stall_table.c.stall_id == session.c.stall_id)
        .outerjoin(rated, rated.c.session_id == session.c.session_id)
        .where(*_with(pass_id), session.c.started_ms.is_not(None))
        .order_by(session.c.started_ms.desc(), session.c.session_id)
    )
    return [
        PassSession(
            session_id=row.session_id,
            stall=row.stall,
            started_ms=row.started_ms,
            ended_ms=row.ended_ms,
            energy_wh=row.energy_wh,
            cost=None if row.gross_minor is None else Money(row.gross_minor, row.currency),
        )
        for row in rows
    ]


def pinned_account(conn: Connection, credential_kind: str, credential_id: str | None) -> AccountId | None:
    """Return the account a session is on that is let in by this; None where it is the resident's own."""
    if credential_kind != "pass":
        return None
    payer = conn.scalar(select(guest_pass.c.payer).where(guest_pass.c.pass_id == credential_id))
    return common_account(conn) if payer == Payer.BUILDING else None


def stalls_for(conn: Connection, pass_: Pass) -> tuple[str, ...] | None:
    """Return the stalls a guest may charge at, None for all: those of the pass that the host may charge at too."""
    hosts = rule_of(conn, pass_.resident_id).stall_ids
    if pass_.stall_ids is None or hosts is None:
        return hosts if pass_.stall_ids is None else pass_.stall_ids
    return tuple(each for each in pass_.stall_ids if each in hosts)


def standing(
    conn: Connection, pass_: Pass, now: datetime, running_wh: Mapping[str, int], *, without: str = ""
) -> tuple[PassState, Spent, Left]:
    """Return how a pass stands; the start of the request `without` is not counted."""
    spent = _spent(conn, pass_, now, running_wh, without)
    left = _left(conn, pass_, spent, now)
    if pass_.revoked_ms is not None:
        return PassState.REVOKED, spent, left
    if pass_.expires_ms <= to_ms(now):
        return PassState.OVER, spent, left
    is_used_up = left.uses < 1 or (left.wh is not None and left.wh < _LEAST_WH)
    return PassState.USED_UP if is_used_up else PassState.VALID, spent, left


def standing_line(conn: Connection, pass_: Pass, now: datetime, running_wh: Mapping[str, int]) -> PassLine:
    """Return a pass with how it stands."""
    state, spent, left = standing(conn, pass_, now, running_wh)
    phones = select(func.count()).select_from(guest_phone).where(guest_phone.c.pass_id == pass_.pass_id)
    return PassLine(
        pass_=pass_,
        host=person(conn, pass_.resident_id).name,
        state=state,
        spent=spent,
        left=left,
        phones=conn.scalar(phones) or 0,
    )


def _spent(conn: Connection, pass_: Pass, now: datetime, running_wh: Mapping[str, int], without: str) -> Spent:
    currency, rated = the_building(conn).currency, _rated()
    rows = conn.execute(
        select(session, rated.c.gross_minor)
        .outerjoin(rated, rated.c.session_id == session.c.session_id)
        .where(*_with(pass_.pass_id))
    ).all()
    uses = energy_wh = minor = 0
    is_open = False
    for row in rows:
        used_wh = row.energy_wh if row.ended_ms else max(row.energy_wh, running_wh.get(row.session_id, 0))
        cost = row.gross_minor
        if row.ended_ms is None:
            is_open = True
            so_far = running_cost(conn, row.session_id, used_wh, now)
            cost = so_far.minor if so_far else 0
        uses += not _came_to_nothing(row)
        energy_wh += used_wh
        minor += cost or 0
    on_their_way, is_unsure = _on_their_way(conn, pass_.pass_id, {row.session_id for row in rows}, now, without)
    return Spent(uses=uses + on_their_way, energy_wh=energy_wh, cost=Money(minor, currency), open=is_open or is_unsure)


def _came_to_nothing(row: Row[Any]) -> bool:
    """Whether a session is none of the pass's uses: no car came, it was called off before, or the stall failed."""
    if row.ended_ms is None or row.energy_wh:
        return False
    return row.started_ms is None or row.stop_reason == "start_failed"


def _on_their_way(conn: Connection, pass_id: str, known: set[str], now: datetime, without: str) -> tuple[int, bool]:
    """Return how many starts are no sessions in the books yet, and whether one of them may be about to begin."""
    rows = conn.execute(
        select(guest_intent.c.request_id, guest_intent.c.used_ms, guest_intent.c.response_json).where(
            guest_intent.c.pass_id == pass_id, guest_intent.c.used_ms.is_not(None)
        )
    )
    starts, is_unsure = 0, False
    for row in rows:
        answer = json.loads(row.response_json) if row.response_json else {}
        is_fresh = row.used_ms > to_ms(now - _UNSURE)
        counts = is_fresh if not answer else answer["said"] == "started" and answer["session_id"] not in known
        if counts and row.request_id != without:
            starts += 1
            is_unsure = is_unsure or is_fresh
    return starts, is_unsure


def _left(conn: Connection, pass_: Pass, spent: Spent, now: datetime) -> Left:
    cap_wh = None if pass_.cap_wh is None else max(0, pass_.cap_wh - spent.energy_wh)
    money_wh = None if pass_.cap_minor is None else left_wh(conn, pass_.resident_id, pass_.cap_minor, spent.cost, now)
    limits = [each for each in (cap_wh, money_wh) if each is not None]
    return Left(
        uses=max(0, pass_.uses - spent.uses),
        wh=min(limits) if limits else None,
        cap_wh=cap_wh,
        minor=None if pass_.cap_minor is None else max(0, pass_.cap_minor - spent.cost.minor),
    )


def _rated() -> Subquery:
    """Return what each session was rated at; a session over a month's end has more than one CDR."""
    gross, currency = func.sum(cdr.c.gross_minor).label("gross_minor"), func.min(cdr.c.currency).label("currency")
    return select(cdr.c.session_id, gross, currency).group_by(cdr.c.session_id).subquery()


def _with(pass_id: str) -> tuple[Any, ...]:
    return (session.c.credential_kind == "pass", session.c.credential_id == pass_id)


def as_pass(row: Row[Any]) -> Pass:
    """Return a row of the books as a pass."""
    return Pass(
        pass_id=row.pass_id,
        resident_id=ResidentId(row.resident_id),
        label=row.label,
        payer=Payer(row.payer),
        stall_ids=None if row.stalls_json is None else tuple(json.loads(row.stalls_json)),
        cap_wh=row.cap_wh,
        cap_minor=row.cap_minor,
        uses=row.uses,
        shows_host=bool(row.shows_host),
        by_office=row.made_by.startswith("office:"),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        revoked_ms=row.revoked_ms,
    )
