"""How much energy a session may have: the smallest of what every limit leaves.

Several sessions may draw on the same limit at once, and what was announced to one is never made smaller. So all that
an open session may still use is set aside for it, until it has ended: a new one gets what is left beyond that. An
open session without an announced end (there was no limit when it began) has nothing set aside.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..model import CredentialKind, DenyReason, ResidentId, Session
from .asks import Ask, Guest, Payer, PhoneAsk
from .credentials import CardRecord
from .view import AccessView


@dataclass(frozen=True, kw_only=True)
class _Left:
    """What one limit leaves."""

    wh: int
    """Of it all that has been used is off."""
    draws_on_it: Callable[[Session], bool]
    used_up: DenyReason


def guest_of(ask: Ask) -> Guest | None:
    """The guest who asks, if it is one."""
    return ask.guest if isinstance(ask, PhoneAsk) else None


def cap_wh(ask: Ask, card: CardRecord | None, resident_id: ResidentId, view: AccessView) -> int | DenyReason | None:
    """What is announced at the start as the session's end in Wh, None without limits; a reason if nothing is left."""
    smallest: int | None = None
    for left in _limits(guest_of(ask), card, resident_id, view):
        if left.wh <= 0:
            return left.used_up
        free_wh = left.wh - sum(_may_still_use(each) for each in view.open_sessions if left.draws_on_it(each))
        if free_wh <= 0:
            return DenyReason.LEFT_IN_USE
        smallest = free_wh if smallest is None else min(smallest, free_wh)
    return smallest


def _may_still_use(session: Session) -> int:
    """What a session may have beyond what it had; also one that is being stopped, until it is seen that it was."""
    return 0 if session.cap_wh is None else max(0, session.cap_wh - session.energy_wh)


def _limits(guest: Guest | None, card: CardRecord | None, resident_id: ResidentId, view: AccessView) -> Iterator[_Left]:
    """What each limit leaves, in the order in which they are named to whoever asks."""
    if guest is not None and guest.cap_wh is not None:
        yield _Left(wh=guest.cap_wh, draws_on_it=lambda _: False, used_up=DenyReason.PASS_EXPIRED)
    if guest is None or guest.payer is Payer.HOST:
        yield from _residents_limits(resident_id, view)
    if card is not None:
        for month_wh in (card.month_wh, card.money_month_wh):
            if month_wh is not None:
                yield _Left(
                    wh=month_wh - view.used.card_month_wh.get(card.id, 0),
                    draws_on_it=lambda each: _is_by(card, each),
                    used_up=DenyReason.CARD_USED_UP,
                )


def _residents_limits(resident_id: ResidentId, view: AccessView) -> Iterator[_Left]:
    rules, used = view.rules_of(resident_id), view.used

    def is_theirs(session: Session) -> bool:
        return session.resident_id == resident_id and session.credential.counts

    if rules.month_wh is not None:
        left_wh = rules.month_wh - used.month_wh.get(resident_id, 0)
        yield _Left(wh=left_wh, draws_on_it=is_theirs, used_up=DenyReason.MONTH_USED_UP)
    if rules.left_wh is not None:
        left_wh = rules.left_wh - _spent_wh(resident_id, view)
        yield _Left(wh=left_wh, draws_on_it=is_theirs, used_up=DenyReason.NO_CREDIT)
    if rules.pot is not None:
        sharers = {each for each, its in view.rules.items() if its.pot is not None and its.pot.id == rules.pot.id}
        yield _Left(
            wh=rules.pot.left_wh - sum(_spent_wh(each, view) for each in sharers),
            draws_on_it=lambda each: each.resident_id in sharers and each.credential.counts,
            used_up=DenyReason.NO_CREDIT,
        )


def _spent_wh(resident_id: ResidentId, view: AccessView) -> int:
    """What of a resident's money the app did not take off when it told, their starts included."""
    starts_wh = view.rules_of(resident_id).start_wh * view.used.since_told_starts.get(resident_id, 0)
    return view.used.since_told_wh.get(resident_id, 0) + starts_wh


def _is_by(card: CardRecord, session: Session) -> bool:
    return (session.credential.kind, session.credential.id) == (CredentialKind.CARD, card.id)
