"""How much energy a session may have: the smallest of what every limit leaves."""

from collections.abc import Iterator

from ..model import DenyReason, ResidentId
from .asks import Ask, Guest, Payer, PhoneAsk
from .credentials import CardRecord
from .view import AccessView


def guest_of(ask: Ask) -> Guest | None:
    """The guest who asks, if it is one."""
    return ask.guest if isinstance(ask, PhoneAsk) else None


def cap_wh(ask: Ask, card: CardRecord | None, resident_id: ResidentId, view: AccessView) -> int | DenyReason | None:
    """What is announced at the start as the session's end in Wh, None without limits; a reason if nothing is left."""
    smallest: int | None = None
    for left_wh, reason in _limits(guest_of(ask), card, resident_id, view):
        if left_wh <= 0:
            return reason
        smallest = left_wh if smallest is None else min(smallest, left_wh)
    return smallest


def _limits(
    guest: Guest | None, card: CardRecord | None, resident_id: ResidentId, view: AccessView
) -> Iterator[tuple[int, DenyReason]]:
    """What each limit leaves, in the order in which they are named to whoever asks."""
    rules, used = view.rules_of(resident_id), view.used
    if guest is not None and guest.cap_wh is not None:
        yield guest.cap_wh, DenyReason.PASS_EXPIRED
    counts = guest is None or guest.payer is Payer.HOST
    if rules.month_wh is not None and counts:
        yield rules.month_wh - used.month_wh.get(resident_id, 0), DenyReason.MONTH_USED_UP
    if rules.left_wh is not None and counts:
        yield rules.left_wh - used.since_told_wh.get(resident_id, 0), DenyReason.NO_CREDIT
    if card is not None and card.month_wh is not None:
        yield card.month_wh - used.card_month_wh.get(card.id, 0), DenyReason.CARD_USED_UP
