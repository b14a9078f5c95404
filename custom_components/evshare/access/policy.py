"""Who may charge, where and now. Deny by default: what is not granted here is refused.

The checks, in this order; the first that fails is the reason that is told:

1. by what somebody asks: a card that is enrolled and not blocked, a user who is admin or the resident, an opt-in for
   the car. Only HA's user ids count here: an ask without one, as an automation makes it, is refused (DESIGN rule 9)
2. the resident who answers for it is in the building. Their card at their own session (or their guest's) ends it,
   whatever else holds
3. the resident is not blocked, and the app is heard where the owner insists on that
4. the ask and the pass are not over
5. the stall is free, works, and is not held for somebody else
6. the stall and the hour are among those the resident, the pass and the card may
7. no more sessions at once than the card, the pass, the car or the resident may have
8. whoever asks is there (`presence`)
9. something is left of every limit (`allowance`); the smallest becomes the session's cap

A blocked resident's running session goes on; what is told here only concerns new ones.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from ..model import (
    ChargeMode,
    Credential,
    CredentialKind,
    DenyReason,
    Moment,
    ResidentId,
    Session,
    SessionId,
    StallStatus,
)
from .allowance import cap_wh, guest_of
from .asks import Ask, CarAsk, CardAsk, CarEvidence, Payer, PhoneAsk, UserAsk
from .credentials import CardRecord, match_card
from .presence import absent
from .view import AccessView, StallFacts, ending

TOGGLE_AFTER = timedelta(seconds=10)
"""A second tap sooner than this is the first one again, not a wish to stop."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Let them in: make a session with this credential and mode."""

    credential: Credential
    mode: ChargeMode
    cap_wh: int | None = None
    """It ends when it has this much; None: no limit."""


@dataclass(frozen=True, kw_only=True)
class Denial:
    """Refuse: for the journal, the event and the answer."""

    reason: DenyReason
    credential_kind: CredentialKind
    resident_id: ResidentId | None = None
    credential_id: str | None = None
    """The card or the pass, if it is known."""
    elsewhere: bool = False
    """This card has a session open at another stall: perhaps there are two of it."""


@dataclass(frozen=True, kw_only=True)
class Toggle:
    """The same resident's card at their own session: stop it (`StopReason.PERSON`)."""

    session_id: SessionId


@dataclass(frozen=True)
class Ignored:
    """The tap that just authorised, seen again: nothing to do and nothing to record."""


def decide(ask: Ask, view: AccessView, stall: StallFacts, now: Moment) -> Grant | Denial | Toggle | Ignored:
    """The answer to an ask at a stall."""
    card = match_card(view.cards, ask.fingerprint, ask.short) if isinstance(ask, CardAsk) else None
    credential = _identified(ask, card, view, stall)
    if isinstance(credential, Denial):
        return credential
    session = stall.session
    if (
        card is not None
        and not card.blocked
        and card.resident_id in view.residents
        and session is not None
        and session.resident_id == credential.resident_id
        and not ending(session)
    ):
        return _own_session(session, now)
    reason = (
        _unwelcome(credential, card, view)
        or _without_app(ask, view)
        or _over(ask, now)
        or _taken(credential, view, stall, now)
        or _wrong_place(ask, credential, view, stall)
        or _wrong_time(credential, card, view, now)
        or _one_too_many(ask, credential, view)
        or absent(ask, stall, now)
    )
    if reason is not None:
        return _denial(reason, credential, view)
    cap = cap_wh(ask, card, credential.resident_id, view)
    if isinstance(cap, DenyReason):
        return _denial(cap, credential, view)
    return Grant(credential=credential, mode=ask.mode, cap_wh=cap)


def _identified(ask: Ask, card: CardRecord | None, view: AccessView, stall: StallFacts) -> Credential | Denial:
    """Who asks, by what."""
    match ask:
        case CardAsk():
            if card is None:
                return Denial(reason=DenyReason.UNKNOWN_CARD, credential_kind=CredentialKind.CARD)
            return Credential(kind=CredentialKind.CARD, id=card.id, resident_id=card.resident_id)
        case PhoneAsk(guest=None):
            return Credential(kind=CredentialKind.PHONE, id=ask.id, resident_id=ask.resident_id)
        case PhoneAsk(guest=guest):
            assert guest is not None
            counts = guest.payer is Payer.HOST
            return Credential(kind=CredentialKind.PASS, id=guest.pass_id, resident_id=ask.resident_id, counts=counts)
        case UserAsk():
            resident = view.residents.get(ask.resident_id)
            own = resident is not None and resident.ha_user_id == ask.user_id
            if ask.user_id is None or not (ask.is_admin or own):
                return Denial(reason=DenyReason.NOT_ALLOWED, credential_kind=CredentialKind.HA_USER)
            return Credential(kind=CredentialKind.HA_USER, id=ask.user_id, resident_id=ask.resident_id)
        case CarAsk():
            opted_in = any(
                car.resident_id == ask.resident_id
                and car.evidence is ask.evidence
                and car.stall_id in (None, stall.config.id)
                for car in view.cars
            )
            if not opted_in:
                return Denial(reason=DenyReason.NOT_ALLOWED, credential_kind=CredentialKind.CAR)
            by = ask.car_id or ask.evidence.value
            return Credential(kind=CredentialKind.CAR, id=by, resident_id=ask.resident_id)


def _own_session(session: Session, now: Moment) -> Toggle | Ignored:
    """A resident's card at their own session ends it, whoever may be blocked meanwhile."""
    return Ignored() if now.at - session.authorised_at < TOGGLE_AFTER else Toggle(session_id=session.id)


def _unwelcome(credential: Credential, card: CardRecord | None, view: AccessView) -> DenyReason | None:
    if card is not None and card.blocked:
        return DenyReason.BLOCKED_CARD
    resident = view.residents.get(credential.resident_id)
    if resident is None:
        return DenyReason.UNKNOWN_RESIDENT
    return DenyReason.BLOCKED_RESIDENT if resident.blocked or resident.id in view.blocked else None


def _without_app(ask: Ask, view: AccessView) -> DenyReason | None:
    """Limits and blocks are as old as the app is away. The app's own asks, and an admin in person, know better."""
    knows = isinstance(ask, PhoneAsk) or (isinstance(ask, UserAsk) and ask.is_admin)
    return DenyReason.APP_AWAY if view.app_away and not knows else None


def _over(ask: Ask, now: Moment) -> DenyReason | None:
    if isinstance(ask, PhoneAsk) and now.at >= ask.expires_at:
        return DenyReason.EXPIRED
    guest = guest_of(ask)
    return DenyReason.PASS_EXPIRED if guest is not None and now.at >= guest.expires_at else None


def _taken(credential: Credential, view: AccessView, stall: StallFacts, now: Moment) -> DenyReason | None:
    if stall.session is not None:
        return DenyReason.STALL_IN_USE
    if stall.status in (StallStatus.UNAVAILABLE, StallStatus.FAULTED):
        return DenyReason.STALL_UNAVAILABLE
    held_for = {hold.resident_id for hold in view.holds if hold.stall_id == stall.config.id and now.at < hold.until}
    return DenyReason.HELD if held_for and credential.resident_id not in held_for else None


def _wrong_place(ask: Ask, credential: Credential, view: AccessView, stall: StallFacts) -> DenyReason | None:
    guest = guest_of(ask)
    for stall_ids in (view.rules_of(credential.resident_id).stall_ids, None if guest is None else guest.stall_ids):
        if stall_ids is not None and stall.config.id not in stall_ids:
            return DenyReason.WRONG_STALL
    return None


def _wrong_time(credential: Credential, card: CardRecord | None, view: AccessView, now: Moment) -> DenyReason | None:
    hours, local = view.rules_of(credential.resident_id).hours, now.at.astimezone(view.zone)
    if hours and not any(window.covers(local) for window in hours):
        return DenyReason.OUTSIDE_HOURS
    quiet = card is not None and card.quiet is not None and card.quiet.covers(local)
    return DenyReason.CARD_QUIET if quiet else None


def _one_too_many(ask: Ask, credential: Credential, view: AccessView) -> DenyReason | None:
    if _open_elsewhere(credential, view):
        return DenyReason.QUOTA
    if guest_of(ask) is not None:
        return None
    own = [
        session
        for session in view.open_sessions
        if session.resident_id == credential.resident_id
        and session.credential.kind is not CredentialKind.PASS
        and not ending(session)
    ]
    return DenyReason.QUOTA if len(own) >= view.rules_of(credential.resident_id).sessions else None


def _open_elsewhere(credential: Credential, view: AccessView) -> bool:
    """Whether this very card, pass or car has an open session: perhaps there are two that say they are it."""
    is_one = credential.recorded_id is not None or _is_car(credential)
    return is_one and any(
        (session.credential.kind, session.credential.id) == (credential.kind, credential.id) and not ending(session)
        for session in view.open_sessions
    )


def _is_car(credential: Credential) -> bool:
    """Whether it names one car, not just why a car is believed."""
    return credential.kind is CredentialKind.CAR and credential.id not in tuple(CarEvidence)


def _denial(reason: DenyReason, credential: Credential, view: AccessView) -> Denial:
    denial = Denial(
        reason=reason,
        credential_kind=credential.kind,
        resident_id=credential.resident_id,
        credential_id=credential.recorded_id,
    )
    is_card = credential.kind is CredentialKind.CARD
    return replace(denial, elsewhere=True) if is_card and _open_elsewhere(credential, view) else denial
