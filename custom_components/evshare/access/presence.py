"""Whether whoever asks is at the stall, now.

A card shown at the stall is presence in itself. A phone can be anywhere, so it is believed only shortly after the
plug-in edge, or before it (the stall then waits armed for the plug); later only with a proof that the app checked, or
from the resident who owned the last session on this same plug-in. A proof says who is there, never which car: on
another plug-in than the page showed it counts nothing. An admin vouches in person. A car speaks only by being plugged
in right now.
"""

from ..model import DenyReason, Moment
from .asks import Ask, CarAsk, CardAsk, PhoneAsk, UserAsk
from .view import StallFacts

CAR_FRESH_S = 60.0
"""A car that lets itself in is believed this long after the plug-in."""


def absent(ask: Ask, stall: StallFacts, now: Moment) -> DenyReason | None:
    """Why it is not believed that whoever asks stands at the stall; None if it is."""
    match ask:
        case CardAsk() | UserAsk(is_admin=True):
            return None
        case CarAsk():
            return _car_absent(ask, stall, now)
        case PhoneAsk() if ask.plug_epoch != (stall.plug_epoch if stall.plugged else None):
            return DenyReason.PLUG_CHANGED
    if not stall.plugged or plugged_within(stall, stall.config.presence_before_s, now):
        return None
    guest = isinstance(ask, PhoneAsk) and ask.guest is not None
    owned_before = stall.finished_on_epoch == stall.plug_epoch and stall.finished_resident_id == ask.resident_id
    proven = isinstance(ask, PhoneAsk) and ask.proof is not None
    # What the host charged before is no sign of a guest.
    return None if proven or (owned_before and not guest) else DenyReason.PLUG_TOO_OLD


def plugged_within(stall: StallFacts, seconds: float, now: Moment) -> bool:
    """Whether the car came at most so long ago. An edge nobody saw is no edge."""
    plugged_s = stall.plugged_mono_s
    return stall.plugged and plugged_s is not None and now.mono_s - plugged_s <= seconds


def _car_absent(ask: CarAsk, stall: StallFacts, now: Moment) -> DenyReason | None:
    if not stall.plugged:
        return DenyReason.NO_PLUG
    if ask.plug_epoch != stall.plug_epoch:
        return DenyReason.PLUG_CHANGED
    return None if plugged_within(stall, CAR_FRESH_S, now) else DenyReason.PLUG_TOO_OLD
