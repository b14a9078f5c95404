"""Who may charge, where and now. Deny by default: what is not granted here is refused.

*Presence.* A card shown at the stall is presence in itself. A phone can be anywhere, so it is believed only shortly
after the plug-in edge, or before it (the stall then waits armed for the plug); later only from whoever owned the last
session on this same plug-in. An admin vouches in person. Only HA's user ids count here: an ask without one, as an
automation makes it, is refused (DESIGN rule 9).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..model import (
    ChargeMode,
    Credential,
    CredentialKind,
    DenyReason,
    Moment,
    Resident,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StallStatus,
)
from .credentials import CardRecord, match_card

TOGGLE_AFTER = timedelta(seconds=10)
"""A second tap sooner than this is the first one again, not a wish to stop."""


class StallFacts(Protocol):
    """What the decision needs to know of a stall (`charging.StallState` is one)."""

    @property
    def config(self) -> StallConfig:
        """Its settings."""

    @property
    def status(self) -> StallStatus:
        """What it is doing."""

    @property
    def plugged(self) -> bool:
        """A car is there."""

    @property
    def plug_epoch(self) -> int:
        """Counts plug-in edges."""

    @property
    def plugged_mono_s(self) -> float | None:
        """The earliest the car can have come; None: unknown, or no car."""

    @property
    def session(self) -> Session | None:
        """The open one."""

    @property
    def finished_on_epoch(self) -> int | None:
        """Plug epoch whose session ended with the car still there."""

    @property
    def finished_resident_id(self) -> ResidentId | None:
        """Who owned that session."""


@dataclass(frozen=True, kw_only=True)
class CardAsk:
    """A card was shown at the stall's reader."""

    fingerprint: str
    short: str | None = None
    """The fingerprint of the UID's first four bytes, if it has more (`credentials.shortened`)."""
    mode: ChargeMode = ChargeMode.FAST


@dataclass(frozen=True, kw_only=True)
class PhoneAsk:
    """The app asks for a resident who pressed start on the page behind the QR code."""

    id: str
    """The app's id of this request."""
    resident_id: ResidentId
    plug_epoch: int | None
    """What the page showed; None: no car."""
    expires_at: datetime
    mode: ChargeMode = ChargeMode.FAST


@dataclass(frozen=True, kw_only=True)
class UserAsk:
    """A signed-in HA user asks, for themself or, as admin, for any resident."""

    user_id: str | None
    is_admin: bool
    resident_id: ResidentId
    mode: ChargeMode = ChargeMode.FAST


Ask = CardAsk | PhoneAsk | UserAsk


@dataclass(frozen=True, kw_only=True)
class AccessView:
    """The building as far as access is concerned."""

    residents: Mapping[ResidentId, Resident]
    cards: Sequence[CardRecord] = ()
    blocked: AbstractSet[ResidentId] = frozenset()
    """Whom the app's manager blocked, besides `Resident.blocked`."""
    open_sessions: Sequence[Session] = field(default=())
    """Of all stalls. Those already stopping do not count against anyone."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Let them in: make a session with this credential and mode."""

    credential: Credential
    mode: ChargeMode


@dataclass(frozen=True, kw_only=True)
class Denial:
    """Refuse: for the journal, the event and the answer."""

    reason: DenyReason
    credential_kind: CredentialKind
    resident_id: ResidentId | None = None


@dataclass(frozen=True, kw_only=True)
class Toggle:
    """The same resident's card at their own session: stop it (`StopReason.PERSON`)."""

    session_id: SessionId


@dataclass(frozen=True)
class Ignored:
    """The tap that just authorised, seen again: nothing to do and nothing to record."""


def decide(ask: Ask, view: AccessView, stall: StallFacts, now: Moment) -> Grant | Denial | Toggle | Ignored:
    """The answer to an ask at a stall. First who it is, then whether the stall is free, then presence."""
    credential = _identified(ask, view)
    if isinstance(credential, Denial):
        return credential
    resident = view.residents.get(credential.resident_id)
    if resident is None:
        return _denial(DenyReason.UNKNOWN_RESIDENT, credential)
    session = stall.session
    if isinstance(ask, CardAsk) and session is not None and session.resident_id == resident.id and not _ending(session):
        return _own_session(session, now)
    if resident.blocked or resident.id in view.blocked:
        return _denial(DenyReason.BLOCKED_RESIDENT, credential)
    if isinstance(ask, PhoneAsk) and now.at >= ask.expires_at:
        return _denial(DenyReason.EXPIRED, credential)
    if session is not None:
        return _denial(DenyReason.STALL_IN_USE, credential)
    if stall.status in (StallStatus.UNAVAILABLE, StallStatus.FAULTED):
        return _denial(DenyReason.STALL_UNAVAILABLE, credential)
    if any(other.resident_id == resident.id and not _ending(other) for other in view.open_sessions):
        return _denial(DenyReason.QUOTA, credential)
    absent = _absent(ask, credential, stall, now)
    return Grant(credential=credential, mode=ask.mode) if absent is None else _denial(absent, credential)


def _identified(ask: Ask, view: AccessView) -> Credential | Denial:
    """Who asks, by what."""
    match ask:
        case CardAsk():
            card = match_card(view.cards, ask.fingerprint, ask.short)
            if card is None:
                return Denial(reason=DenyReason.UNKNOWN_CARD, credential_kind=CredentialKind.CARD)
            credential = Credential(kind=CredentialKind.CARD, id=card.id, resident_id=card.resident_id)
            return _denial(DenyReason.BLOCKED_CARD, credential) if card.blocked else credential
        case PhoneAsk():
            return Credential(kind=CredentialKind.PHONE, id=ask.id, resident_id=ask.resident_id)
        case UserAsk():
            resident = view.residents.get(ask.resident_id)
            own = resident is not None and resident.ha_user_id == ask.user_id
            if ask.user_id is None or not (ask.is_admin or own):
                return Denial(reason=DenyReason.NOT_ALLOWED, credential_kind=CredentialKind.HA_USER)
            return Credential(kind=CredentialKind.HA_USER, id=ask.user_id, resident_id=ask.resident_id)


def _ending(session: Session) -> bool:
    return session.stop_reason is not None or session.ended_at is not None


def _own_session(session: Session, now: Moment) -> Toggle | Ignored:
    """A resident's card at their own session ends it, whoever may be blocked meanwhile."""
    return Ignored() if now.at - session.authorised_at < TOGGLE_AFTER else Toggle(session_id=session.id)


def _absent(ask: Ask, credential: Credential, stall: StallFacts, now: Moment) -> DenyReason | None:
    """Why it is not believed that whoever asks stands at the stall; None if it is."""
    if isinstance(ask, CardAsk) or (isinstance(ask, UserAsk) and ask.is_admin):
        return None
    if isinstance(ask, PhoneAsk) and ask.plug_epoch != (stall.plug_epoch if stall.plugged else None):
        return DenyReason.PLUG_CHANGED
    if not stall.plugged:
        return None
    plugged_s = stall.plugged_mono_s
    if plugged_s is not None and now.mono_s - plugged_s <= stall.config.presence_before_s:
        return None
    owned_before = stall.finished_on_epoch == stall.plug_epoch and stall.finished_resident_id == credential.resident_id
    return None if owned_before else DenyReason.PLUG_TOO_OLD


def _denial(reason: DenyReason, credential: Credential) -> Denial:
    return Denial(reason=reason, credential_kind=credential.kind, resident_id=credential.resident_id)
