"""When a card was shown.

Readers that push (HA tag readers) say each tap, some of them several times. Readers that are polled (KEBA, go-e)
show a level: the last card, for as long as they like. There a tap is a change to a card; the card found at the first
look is old, since nobody knows when it was shown, and an old tap is never replayed.
"""

from dataclasses import dataclass, replace

from ..model import Moment

DEBOUNCE_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Taps:
    """What was shown at one stall so far. Kept in memory only."""

    last: str | None = None
    """Fingerprint of the last tap."""
    last_mono_s: float = 0.0
    looked: bool = False
    level: str | None = None
    """What a polled reader showed last."""


def pushed(taps: Taps, shown: str, now: Moment) -> tuple[Taps, bool]:
    """A reader said this fingerprint: is it a tap, or the same one again within 3 s?"""
    repeated = taps.last == shown and now.mono_s - taps.last_mono_s < DEBOUNCE_S
    return (taps if repeated else replace(taps, last=shown, last_mono_s=now.mono_s)), not repeated


def polled(taps: Taps, shown: str | None, now: Moment) -> tuple[Taps, bool]:
    """A polled reader shows this fingerprint, or no card: is it a tap?"""
    changed = taps.looked and shown is not None and shown != taps.level
    taps = replace(taps, looked=True, level=shown)
    return pushed(taps, shown, now) if changed and shown is not None else (taps, False)
