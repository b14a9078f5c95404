"""Which stall a card means at a reader that belongs to several.

The holder's own open session among them: the tap is for that one. Else the one where a car was plugged in just now
and nothing is open; else the one where the holder's own car still stands after its session; else, when no other car
waits, the only free one, which then waits for the plug. Where more than one could be meant nobody is let in: a wrong
guess would charge a stranger's car on the holder's account. Plugging in again and showing the card then says which.
"""

from collections.abc import Sequence

from ..model import Moment, ResidentId, StallStatus
from .asks import CardAsk
from .credentials import match_card
from .presence import plugged_within
from .view import AccessView, StallFacts, ending

FRESH_S = 120.0
"""A car that was plugged in this long ago is taken for the one of whoever comes with a card."""


def meant[Stall: StallFacts](ask: CardAsk, view: AccessView, stalls: Sequence[Stall], now: Moment) -> Stall | None:
    """The stall a card is for, of those of its reader (at least one); None when more than one could be meant.

    Where nobody could be let in anyway, it is the first, whose refusal says why.
    """
    card = match_card(view.cards, ask.fingerprint, ask.short)
    if card is None or card.blocked or len(stalls) == 1:
        return stalls[0]
    own = [stall for stall in stalls if _is_open_for(stall, card.resident_id)]
    if len(own) > 1:
        own = [stall for stall in own if stall.session is not None and stall.session.credential.id == card.id]
        return own[0] if len(own) == 1 else None
    if own:
        return own[0]
    idle = [stall for stall in stalls if stall.session is None and _works(stall)]
    if not idle:
        return stalls[0]
    cars = [stall for stall in idle if stall.plugged]
    fresh = [stall for stall in cars if plugged_within(stall, FRESH_S, now)]
    still_there = [
        stall
        for stall in cars
        if stall.finished_on_epoch == stall.plug_epoch and stall.finished_resident_id == card.resident_id
    ]
    candidates = fresh or still_there or ([] if cars else idle)
    return candidates[0] if len(candidates) == 1 else None


def _is_open_for(stall: StallFacts, resident_id: ResidentId) -> bool:
    session = stall.session
    return session is not None and session.resident_id == resident_id and not ending(session)


def _works(stall: StallFacts) -> bool:
    return stall.status not in (StallStatus.UNAVAILABLE, StallStatus.FAULTED)
