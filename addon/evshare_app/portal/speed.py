"""Why a car charges as fast as it does, and what is known about the end. In words; no books, no link."""

from collections.abc import Callable
from datetime import timedelta

from ..link.messages import LiveSession, LiveStall
from ..tariff.matching import PHASE_V
from ..web.formats import Formats

_FULL = 0.85
"""From this part of what is offered on, a car takes what it is offered: mains voltage and meters vary that much."""
_CHARGING_W = 300
_NEXT_WH = 10_000


def why_this_fast(
    stall: LiveStall, max_current_a: int, phases: int, say: Callable[[str], str], formats: Formats
) -> str:
    """Return the reason for the present speed in a sentence."""
    if stall.status == "suspended_ev":
        return say("The car takes nothing at the moment: it may be full, or it waits for its own timer.")
    amps = {"offered": formats.whole(round(stall.offered_a)), "most": formats.whole(max_current_a)}
    match stall.limit_reason:
        case "paused":
            return say("Paused.")
        case "failsafe":
            return say("A meter is silent, so the house gives less for now.")
        case "circuit" if stall.offered_a < 1:
            return say("The house has no amps to spare right now. It goes on as soon as some are free.")
        case "circuit":
            return say("The house shares its amps: you get %(offered)s of %(most)s A now.") % amps
        case "solar" if stall.offered_a < 1:
            return say("Waiting for more sun.")
        case "solar":
            return say("Follows the sun: %(offered)s of %(most)s A now.") % amps
    if stall.power_w is None or stall.power_w < _CHARGING_W:
        return ""
    if stall.power_w < _FULL * stall.offered_a * phases * PHASE_V:
        powers = {
            "power": formats.kilowatts(stall.power_w),
            "offered": formats.kilowatts(stall.offered_a * phases * PHASE_V),
        }
        return say("The car takes less than it is offered: %(power)s of %(offered)s.") % powers
    return say("As fast as this stall can.")


def when_done(stall: LiveStall, session: LiveSession, say: Callable[[str], str], formats: Formats) -> str:
    """Return what is known about the end: the limit that was set, and how long some energy takes at this power."""
    power_w = stall.power_w or 0
    if session.cap_wh is not None:
        left_wh = max(0, session.cap_wh - session.energy_wh)
        cap = formats.kwh(session.cap_wh, 1)
        if power_w < _CHARGING_W or not left_wh:
            return say("It ends by itself at %(energy)s.") % {"energy": cap}
        time = formats.span(timedelta(hours=left_wh / power_w))
        return say("It ends by itself at %(energy)s, at this power in about %(time)s.") % {"energy": cap, "time": time}
    if power_w < _CHARGING_W:
        return say("When it is full only the car knows.")
    return say("When it is full only the car knows. At this power %(energy)s take about %(time)s.") % {
        "energy": formats.kwh(_NEXT_WH, 0),
        "time": formats.span(timedelta(hours=_NEXT_WH / power_w)),
    }
