"""What residents and cards have used: read from the journal once, then kept up to date by what is written to it.

A session counts in the calendar month in which it ends, and while it is open in the present one, so that a session
over midnight of the last day is counted once and whole.

What the app tells of money it tells as of the records it has. A session whose end is not among them is not in it,
however long ago it ended (the app was away, or came out of a backup), and counts here until it is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from ..access import Used, month_start
from ..journal import Journal, NewRecord, Position
from ..model import CredentialKind, ResidentId, Session, SessionId

_SOON = timedelta(days=1)
"""Clocks differ a little; a session cannot have ended later than this."""


@dataclass(frozen=True, kw_only=True)
class _Owner:
    resident_id: ResidentId
    kind: CredentialKind
    credential_id: str | None
    counts: bool


@dataclass(frozen=True, kw_only=True)
class _Use:
    owner: _Owner
    at: datetime
    energy_wh: int
    position: Position | None = None
    """Of the record of its end; None: the app had it when it told last, or it is still open."""


class Usage:
    """Energy of the sessions that ended this month, or that are not in what the app told."""

    def __init__(self) -> None:
        self._told_at: datetime | None = None
        """When the app told the residents' rules."""
        self._told: Position | None = None
        """The newest record it had then; None: it did not say, and had those of all sessions that had ended."""
        self._owners: dict[SessionId, _Owner] = {}
        """Of sessions that may still end."""
        self._uses: dict[SessionId, _Use] = {}

    def told(self, at: datetime | None, position: Position | None) -> None:
        """The app told the residents' rules, as of a record."""
        self._told_at, self._told = at, position

    async def load(self, journal: Journal, open_sessions: Sequence[Session], now: datetime, zone: tzinfo) -> None:
        """Read what the journal knows. Raises `JournalError`."""
        since, unknown = self._since(now, zone), {}
        if self._told is not None:
            ends = await journal.ends_after(self._told)
            unknown = {end.session_id: end.position for end in ends}
            since = min((since, *(end.at for end in ends)))
        for ended in await journal.sessions(since, now + _SOON):
            if "resident_id" in ended:  # else it began longer ago than records are kept
                session_id = SessionId(ended["session_id"])
                known = self._uses.get(session_id)  # it may have ended while this was read
                position = unknown.get(session_id, None if known is None else known.position)
                energy_wh = ended["energy_wh"]
                use = _Use(owner=_owner(ended), at=ended["ended_at"], energy_wh=energy_wh, position=position)
                self._uses[session_id] = use
        self._owners |= {session.id: _owner_of(session) for session in open_sessions}

    def recorded(self, records: Sequence[NewRecord], last: Position) -> None:
        """These records are in the journal now, the last of them there."""
        for place, record in enumerate(records, start=1):
            if record.kind not in ("session_authorised", "session_ended"):
                continue
            session_id = SessionId(record.body["session_id"])
            if record.kind == "session_authorised":
                self._owners[session_id] = _owner(record.body)
            elif (owner := self._owners.pop(session_id, None)) is not None:
                self._uses[session_id] = _Use(
                    owner=owner,
                    at=record.at,
                    energy_wh=record.body["energy_wh"],
                    position=last.before(len(records) - place),
                )

    def used(self, open_sessions: Sequence[Session], now: datetime, zone: tzinfo) -> Used:
        """Return what counts now."""
        since, begin = self._since(now, zone), month_start(now, zone)
        self._uses = {name: use for name, use in self._uses.items() if use.at >= since or self._is_untold(use)}
        month: Counter[ResidentId] = Counter()
        cards: Counter[str] = Counter()
        untold: Counter[ResidentId] = Counter()
        starts: Counter[ResidentId] = Counter()
        running = [_Use(owner=_owner_of(each), at=now, energy_wh=each.energy_wh) for each in open_sessions]
        for use, is_open in (*((use, False) for use in self._uses.values()), *((use, True) for use in running)):
            owner = use.owner
            if not owner.counts:
                continue
            if use.at >= begin:
                month[owner.resident_id] += use.energy_wh
                if owner.kind is CredentialKind.CARD and owner.credential_id is not None:
                    cards[owner.credential_id] += use.energy_wh
            if is_open or self._is_untold(use):
                untold[owner.resident_id] += use.energy_wh
                starts[owner.resident_id] += is_open or use.energy_wh > 0
        return Used(month_wh=month, card_month_wh=cards, since_told_wh=untold, since_told_starts=starts)

    def _is_untold(self, use: _Use) -> bool:
        """Whether a session that ended is not in what the app told."""
        if self._told is not None:
            return use.position is not None and use.position > self._told
        return self._told_at is None or use.at >= self._told_at

    def _since(self, now: datetime, zone: tzinfo) -> datetime:
        begin = month_start(now, zone)
        return begin if self._told_at is None else min(begin, self._told_at)


def _owner_of(session: Session) -> _Owner:
    return _Owner(
        resident_id=session.resident_id,
        kind=session.credential.kind,
        credential_id=session.credential.recorded_id,
        counts=session.credential.counts,
    )


def _owner(body: Mapping[str, Any]) -> _Owner:
    return _Owner(
        resident_id=ResidentId(body["resident_id"]),
        kind=CredentialKind(body["credential_kind"]),
        credential_id=body.get("credential_id"),
        counts=body.get("counts", True),
    )
