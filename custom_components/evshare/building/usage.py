"""What residents and cards have used: read from the journal once, then kept up to date by what is written to it.

A session counts in the calendar month in which it ends, and while it is open in the present one, so that a session
over midnight of the last day is counted once and whole.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from ..access import Used, month_start
from ..journal import Journal, NewRecord
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


class Usage:
    """Energy of the sessions that ended this month, or since the app told what is left."""

    def __init__(self) -> None:
        self.told_at: datetime | None = None
        """When the app told the residents' rules; nothing charged before is taken off what they leave."""
        self._owners: dict[SessionId, _Owner] = {}
        """Of sessions that may still end."""
        self._uses: list[_Use] = []

    async def load(self, journal: Journal, open_sessions: Sequence[Session], now: datetime, zone: tzinfo) -> None:
        """Read what the journal knows. Raises `JournalError`."""
        self._owners |= {session.id: _owner_of(session) for session in open_sessions}
        for ended in await journal.sessions(self._since(now, zone), now + _SOON):
            if "resident_id" in ended:  # else it began longer ago than records are kept
                self._uses.append(_Use(owner=_owner(ended), at=ended["ended_at"], energy_wh=ended["energy_wh"]))

    def recorded(self, records: Sequence[NewRecord]) -> None:
        """These records are in the journal now."""
        for record in records:
            if record.kind == "session_authorised":
                self._owners[SessionId(record.body["session_id"])] = _owner(record.body)
            elif record.kind == "session_ended":
                owner = self._owners.pop(SessionId(record.body["session_id"]), None)
                if owner is not None:
                    self._uses.append(_Use(owner=owner, at=record.at, energy_wh=record.body["energy_wh"]))

    def used(self, open_sessions: Sequence[Session], now: datetime, zone: tzinfo) -> Used:
        """Return what counts now."""
        since, begin = self._since(now, zone), month_start(now, zone)
        self._uses = [use for use in self._uses if use.at >= since]
        month: Counter[ResidentId] = Counter()
        cards: Counter[str] = Counter()
        own: Counter[ResidentId] = Counter()
        running = [_Use(owner=_owner_of(each), at=now, energy_wh=each.energy_wh) for each in open_sessions]
        for use in (*self._uses, *running):
            owner = use.owner
            if use.at >= begin and owner.counts:
                month[owner.resident_id] += use.energy_wh
                if owner.kind is CredentialKind.CARD and owner.credential_id is not None:
                    cards[owner.credential_id] += use.energy_wh
            # What a guest's energy costs the app tells anew when the session was rated, if it was the host's to pay.
            if owner.kind is not CredentialKind.PASS and (self.told_at is None or use.at >= self.told_at):
                own[owner.resident_id] += use.energy_wh
        return Used(month_wh=month, card_month_wh=cards, since_told_wh=own)

    def _since(self, now: datetime, zone: tzinfo) -> datetime:
        begin = month_start(now, zone)
        return begin if self.told_at is None else min(begin, self.told_at)


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
